package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// hostModule is the Socket.IO server that meshes are made of.
const hostModule = "github.com/zishang520/socket.io/servers/socket/v3"

func versionCommand(*flags) action {
	return func(_ context.Context, out, _ io.Writer) error {
		fmt.Fprintf(out, "mesh       %s\n", buildVersion())
		if info, ok := debug.ReadBuildInfo(); ok {
			for _, dep := range info.Deps {
				if dep.Path == hostModule {
					fmt.Fprintf(out, "socket.io  %s (%s)\n", dep.Version, hostModule)
				}
			}
		}
		fmt.Fprintf(out, "go         %s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return nil
	}
}

// buildVersion is the version that this binary was built from: a release, or a
// commit of the repository.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) string {
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	version := cmp.Or(info.Main.Version, "(devel)")
	if revision := settings["vcs.revision"]; version == "(devel)" && revision != "" {
		version += " " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			version += ", modified"
		}
	}
	return version
}
