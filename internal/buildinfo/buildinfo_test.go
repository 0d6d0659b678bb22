package buildinfo

import (
	"runtime/debug"
	"testing"
)

// TestVersionIn: the module's own version, whoever's program it is in.
func TestVersionIn(t *testing.T) {
	const commit = "0123456789abcdef"
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3": {Main: debug.Module{Path: module, Version: "v1.2.3"}},
		"v1.2.4": {Main: debug.Module{Path: "example.com/chat", Version: "v9.9.9"}, Deps: []*debug.Module{{Path: module, Version: "v1.2.4"}}},
		"(devel)": {Main: debug.Module{Path: "example.com/chat", Version: "v9.9.9"},
			Deps: []*debug.Module{{Path: module, Version: "v1.2.4", Replace: &debug.Module{Path: "../mesh"}}}},
		"(devel) 0123456789ab, modified": {Main: debug.Module{Path: module, Version: "(devel)"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: commit}, {Key: "vcs.modified", Value: "true"}}},
	} {
		if got := versionIn(&info); got != want {
			t.Errorf("version %q, want %q", got, want)
		}
	}
}
