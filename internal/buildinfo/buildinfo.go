// Package buildinfo knows the version of this module in the running program.
package buildinfo

import (
	"cmp"
	"runtime/debug"
	"sync"
)

const module = "github.com/socketmesh/mesh"

// Version returns the version of this module with which the program was built: a release,
// or "(devel)" with the commit if the program belongs to this module. It is "unknown" in
// a program without build information.
var Version = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionIn(info)
})

func versionIn(info *debug.BuildInfo) string {
	if info.Main.Path != module {
		for _, dep := range info.Deps {
			if dep.Path == module {
				if dep.Replace != nil {
					dep = dep.Replace
				}
				return cmp.Or(dep.Version, "(devel)")
			}
		}
	}
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
