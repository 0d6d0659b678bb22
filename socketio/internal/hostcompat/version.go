package hostcompat

import (
	_ "embed" // for the list of versions
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/zishang520/socket.io/v3/pkg/version"
)

// modules are the library's modules that the mesh depends on. They are released together,
// under one version.
var modules = []string{
	"github.com/zishang520/socket.io/servers/socket/v3",
	"github.com/zishang520/socket.io/servers/engine/v3",
	"github.com/zishang520/socket.io/parsers/socket/v3",
	"github.com/zishang520/socket.io/parsers/engine/v3",
	"github.com/zishang520/socket.io/v3",
}

// Host is the library that this program was built with.
type Host struct {
	// Version is the version of the library's modules. If these differ, it names each.
	Version string

	// Tested says that the mesh's tests run with this version.
	Tested bool

	Needs Needs
}

// Running returns the library of this program.
func Running() Host { return running() }

var running = sync.OnceValue(func() Host {
	info, _ := debug.ReadBuildInfo()
	return detect(info, version.VERSION)
})

// detect finds the version in the program's build information. Tests, and programs that
// were not built by the go command, have none of their modules: then it is the library's
// own constant.
func detect(info *debug.BuildInfo, constant string) Host {
	found := map[string]string{} // by module
	if info != nil {
		for _, m := range info.Deps {
			if slices.Contains(modules, m.Path) {
				found[m.Path] = versionOf(m)
			}
		}
	}
	for _, path := range modules {
		if found[path] == "" {
			found[path] = constant
		}
	}
	different := map[string]bool{}
	for _, v := range found {
		different[v] = true
	}
	if len(different) == 1 {
		needs, tested := table[found[modules[0]]]
		if !tested {
			needs = allNeeds()
		}
		return Host{Version: found[modules[0]], Tested: tested, Needs: needs}
	}
	parts := make([]string, 0, len(modules))
	for _, path := range modules {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "github.com/zishang520/"), "/v3")
		parts = append(parts, name+" "+found[path])
	}
	return Host{Version: strings.Join(parts, ", "), Needs: allNeeds()}
}

// versionOf returns the version of a module, or of its replacement.
func versionOf(m *debug.Module) string {
	switch {
	case m.Replace == nil:
		return m.Version
	case m.Replace.Path == m.Path && m.Replace.Version != "":
		return m.Replace.Version
	case m.Replace.Version == "":
		return fmt.Sprintf("%s, replaced by %s", m.Version, m.Replace.Path)
	}
	return fmt.Sprintf("%s, replaced by %s %s", m.Version, m.Replace.Path, m.Replace.Version)
}

// versions are those that the mesh's tests run with, one per line, oldest first. The script
// that runs the tests reads the file, too.
//
//go:embed versions.txt
var versions string

// Tested returns the versions that the mesh's tests run with, oldest first.
func Tested() []string { return strings.Fields(versions) }
