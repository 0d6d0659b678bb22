package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/socketmesh/mesh/internal/buildinfo"
)

// hostModule is the Socket.IO library that the mesh uses.
const hostModule = "github.com/zishang520/socket.io/servers/socket/v3"

func versionCommand(*flags) action {
	return func(_ context.Context, out, _ io.Writer) error {
		fmt.Fprintf(out, "mesh       %s\n", buildinfo.Version())
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
