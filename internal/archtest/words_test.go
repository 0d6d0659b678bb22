package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is the folder of the module.
const root = "../.."

// TestWords checks the identifiers and comments of all Go files.
func TestWords(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.ContainsAny(d.Name()[:1], "._") || slices.Contains([]string{"node_modules", "testdata", "archtest"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		checked++
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		found, err := check(path, filepath.ToSlash(name), nil)
		for _, f := range found {
			t.Error(f)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 100 {
		t.Errorf("only %d files", checked)
	}
}

// TestWordsAreFound makes sure that the check can fail.
func TestWordsAreFound(t *testing.T) {
	const src = `package p

// There is room for two, in the room "r".
var eightLanes, planet, outbox = 8, 0, 0 // as the herald says
`
	found, err := check("p.go", "a/p.go", src)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a/p.go:3", "a/p.go:4", "a/p.go:4", "a/p.go:4"}
	if len(found) != len(want) {
		t.Fatalf("found %q", found)
	}
	for i, f := range found {
		if !strings.HasPrefix(f, want[i]+": ") {
			t.Errorf("found %q, want it in %s", f, want[i])
		}
	}
}

// check reads one file, and returns what is wrong, each with its place.
func check(path, name string, src any) (found []string, err error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	report := func(line int, banned, say string) {
		found = append(found, fmt.Sprintf("%s:%d: %q; say: %s", name, line, banned, say))
	}
	inspect := func(at token.Pos, text string) {
		line := files.Position(at).Line
		for i, text := range strings.Split(text, "\n") {
			used := split(text)
			for _, w := range words {
				if slices.Contains(used, w.banned) {
					report(line+i, w.banned, w.say)
				}
			}
		}
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			inspect(c.Pos(), c.Text)
			for _, p := range phrases {
				if hit := p.banned.FindString(c.Text); hit != "" {
					report(files.Position(c.Pos()).Line, hit, p.say)
				}
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			inspect(id.Pos(), id.Name)
		}
		return true
	})
	return found, nil
}

// split returns the words of a text in small letters: newMultiStream has three.
func split(text string) []string {
	var words []string
	begin := true
	for _, r := range text {
		if !unicode.IsLetter(r) {
			begin = true
			continue
		}
		if begin || unicode.IsUpper(r) {
			words = append(words, "")
		}
		words[len(words)-1] += string(unicode.ToLower(r))
		begin = false
	}
	return words
}
