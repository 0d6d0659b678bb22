package hostcompat

import (
	"maps"
	"os"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// build is what a program knows of its build with these versions of the library's
// modules; one for all, or one for each.
func build(versions ...string) *debug.BuildInfo {
	info := &debug.BuildInfo{Deps: []*debug.Module{{Path: "example.org/other", Version: "v1.2.3"}}}
	for i, path := range modules {
		info.Deps = append(info.Deps, &debug.Module{Path: path, Version: versions[min(i, len(versions)-1)]})
	}
	return info
}

// replaced is such a build with another module in the place of the first.
func replaced(by debug.Module) *debug.BuildInfo {
	info := build("v3.0.6")
	info.Deps[1].Replace = &by
	return info
}

func TestDetect(t *testing.T) {
	const (
		socketModule = "github.com/zishang520/socket.io/servers/socket/v3"
		others       = "socket.io/servers/engine v3.0.6, socket.io/parsers/socket v3.0.6, socket.io/parsers/engine v3.0.6, socket.io v3.0.6"
	)
	for _, test := range []struct {
		name     string
		info     *debug.BuildInfo
		constant string
		want     string
		tested   bool
	}{
		{"known", build("v3.0.5"), "v3.0.6", "v3.0.5", true},
		{"the newest", build("v3.0.6"), "v3.0.5", "v3.0.6", true},
		{"a test, or another tool's build", &debug.BuildInfo{}, "v3.0.6", "v3.0.6", true},
		{"no information", nil, "v3.0.5", "v3.0.5", true},
		{"newer", build("v3.1.0"), "v3.0.6", "v3.1.0", false},
		{"older", build("v3.0.0-rc.2"), "v3.0.6", "v3.0.0-rc.2", false},
		{"between", build("v3.0.7-0.20261201120000-0123456789ab"), "v3.0.6", "v3.0.7-0.20261201120000-0123456789ab", false},
		{"nothing at all", nil, "", "", false},
		{"mixed", build("v3.0.5", "v3.0.6"), "v3.0.6", "socket.io/servers/socket v3.0.5, " + others, false},
		{"another version of it", replaced(debug.Module{Path: socketModule, Version: "v3.0.6"}), "v3.0.6", "v3.0.6", true},
		{"a fork", replaced(debug.Module{Path: "example.org/fork", Version: "v3.0.6"}), "v3.0.6",
			"socket.io/servers/socket v3.0.6, replaced by example.org/fork v3.0.6, " + others, false},
		{"a directory", replaced(debug.Module{Path: "../fork"}), "v3.0.6",
			"socket.io/servers/socket v3.0.6, replaced by ../fork, " + others, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := detect(test.info, test.constant)
			if got.Version != test.want || got.Tested != test.tested {
				t.Errorf("version %q, tested %v; want %q, %v", got.Version, got.Tested, test.want, test.tested)
			}
			want := allNeeds()
			if test.tested {
				want = table[test.want]
			}
			if got.Needs != want {
				t.Errorf("needs %+v, want %+v", got.Needs, want)
			}
		})
	}
}

// TestRunning: the tests themselves run with a version of the table.
func TestRunning(t *testing.T) {
	if host := Running(); !host.Tested || !slices.Contains(Tested(), host.Version) {
		t.Errorf("%+v is not one of %v", host, Tested())
	}
}

// TestTable: what is known is known of the versions that the tests run with.
func TestTable(t *testing.T) {
	known := slices.Sorted(maps.Keys(table))
	if tested := Tested(); !slices.Equal(known, tested) {
		t.Errorf("versions.txt has %v, the table %v", tested, known)
	}
}

func TestAllNeeds(t *testing.T) {
	all := reflect.ValueOf(allNeeds())
	for i := range all.NumField() {
		if !all.Field(i).Bool() {
			t.Errorf("%s is not needed", all.Type().Field(i).Name)
		}
	}
}

// TestDocument: docs/host-library.md has the versions and the table.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../../docs/host-library.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range Tested() {
		if !strings.Contains(string(text), "**"+version+"**") {
			t.Errorf("version %s is not in the document", version)
		}
	}
	header := "| remedy | the fault | " + strings.Join(Tested(), " | ") + " |\n"
	_, rows, ok := strings.Cut(string(text), header)
	if !ok {
		t.Fatalf("no table with the header %q", header)
	}
	remedies := reflect.TypeFor[Needs]()
	for i := range remedies.NumField() {
		name, want := remedies.Field(i).Name, ""
		for _, version := range Tested() {
			if reflect.ValueOf(table[version]).Field(i).Bool() {
				want += " needed |"
			} else {
				want += " not needed |"
			}
		}
		found := false
		for row := range strings.Lines(rows) {
			found = found || strings.HasPrefix(row, "| `"+name+"` |") && strings.HasSuffix(strings.TrimSpace(row), "|"+want)
		}
		if !found {
			t.Errorf("no row of %s that ends in %q", name, want)
		}
	}
}
