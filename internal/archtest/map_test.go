package archtest

import (
	"go/build"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mapped are folders that stand in the map as a whole: who looks for something there
// opens them.
var mapped = []string{"bench", "cmd/mesh", "e2e", "examples", "tools"}

var (
	fenced  = regexp.MustCompile("(?ms)^```\n(.*?)^```")
	entries = regexp.MustCompile(`^( *)((?:[a-z0-9./]+/(?: {2,}|$))+)`)
)

// TestMap compares the map of docs/architecture.md with the packages: each stands there
// once, and there is nothing else.
func TestMap(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	folders := mapFolders(string(text))
	for i, folder := range folders {
		if slices.Contains(folders[:i], folder) {
			t.Errorf("%s is in the map twice", folder)
		}
		if _, err := os.Stat(filepath.Join(root, folder)); err != nil {
			t.Errorf("%s is in the map only: %v", folder, err)
		}
	}
	for _, p := range list(t, root) {
		folder := path.Join(".", strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/"))
		whole := slices.ContainsFunc(mapped, func(m string) bool { return folder == m || strings.HasPrefix(folder, m+"/") })
		if whole || slices.Contains(folders, folder) {
			continue
		}
		if found, err := build.ImportDir(filepath.Join(root, folder), 0); err == nil && len(found.GoFiles) > 0 {
			t.Errorf("%s is not in the map", folder)
		}
	}
	if len(folders) < 50 {
		t.Errorf("the map has only %d folders", len(folders))
	}
}

// TestMapFolders makes sure that maps are read.
func TestMapFolders(t *testing.T) {
	got := mapFolders("text/ \n```\n./       the root\na/b/  one\n  c/  d/  two/ of them\n        more/ of it\ne/\n  f/    three\n```\n")
	if want := []string{".", "a/b", "a/b/c", "a/b/d", "e", "e/f"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// mapFolders returns the folders at the beginning of lines in fenced blocks. Indented
// ones are below the last one that is not.
func mapFolders(text string) (folders []string) {
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		above := ""
		for line := range strings.SplitSeq(block[1], "\n") {
			m := entries.FindStringSubmatch(line)
			if m == nil || len(m[1]) > 2 {
				continue
			}
			for _, name := range strings.Fields(m[2]) {
				if m[1] == "" {
					above = name
					folders = append(folders, path.Clean(name))
				} else {
					folders = append(folders, path.Join(above, name))
				}
			}
		}
	}
	return folders
}

// TestGuideOfTheNode: the guide of internal/node names each of its files once.
func TestGuideOfTheNode(t *testing.T) {
	folder := filepath.Join(root, "internal", "node")
	guide, err := os.ReadFile(filepath.Join(folder, "doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if name := filepath.Base(file); name != "doc.go" && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
	}
	named := regexp.MustCompile(`[a-z_]+\.go`).FindAllString(string(guide), -1)
	for _, name := range names {
		if !slices.Contains(named, name) {
			t.Errorf("doc.go does not say what %s is", name)
		}
	}
	for _, name := range named {
		if !slices.Contains(names, name) {
			t.Errorf("doc.go speaks of %s, which does not exist", name)
		}
	}
}
