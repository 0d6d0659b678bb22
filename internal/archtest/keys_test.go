package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logging are the methods of loggers, and of loglimit, whose arguments end with keys and
// values.
var logging = []string{"Debug", "Info", "Warn", "Error", "Log", "With"}

var (
	keyForm   = regexp.MustCompile(`^[a-z][a-z_]*$`)
	keyListed = regexp.MustCompile("`([a-z_]+)`")
)

// TestLogKeys: each key that is logged stands in the glossary, with its meaning.
func TestLogKeys(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "glossary.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "## Log keys")
	var listed []string
	for _, row := range keyListed.FindAllStringSubmatch(list, -1) {
		listed = append(listed, row[1])
	}
	used := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.ContainsAny(d.Name()[:1], "._") || slices.Contains([]string{"node_modules", "testdata", "bench", "e2e", "examples", "tools"}, d.Name())):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for key, at := range logKeys(file) {
			if used++; !slices.Contains(listed, key) {
				t.Errorf("%s: the key %q is not in docs/glossary.md", files.Position(at), key)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if used < 50 {
		t.Errorf("only %d keys were found", used)
	}
}

// logKeys are the keys in a file's calls of loggers.
func logKeys(file *ast.File) map[string]token.Pos {
	keys := map[string]token.Pos{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || !slices.Contains(logging, method.Sel.Name) {
			return true
		}
		if of, ok := method.X.(*ast.Ident); ok && of.Name == "http" { // http.Error
			return true
		}
		for rest := call.Args; len(rest) >= 2; rest = rest[:len(rest)-2] {
			key, value := literal(rest[len(rest)-2]), literal(rest[len(rest)-1])
			if !keyForm.MatchString(key) || strings.Contains(value, " ") { // the latter is the message
				break
			}
			keys[key] = rest[len(rest)-2].Pos()
		}
		return true
	})
	return keys
}

// literal is the value of a string literal, else "".
func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
		text, _ := strconv.Unquote(l.Value)
		return text
	}
	return ""
}

// TestLogKeysAreFound makes sure that the check can fail.
func TestLogKeysAreFound(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", `package p

func f() {
	log.Warn("a message of words", "peer", id, "error", "gone")
	limit.Log(log, level, "kind", "a message of words", "sid", sid)
	log.With("node", id)
}
`, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := logKeys(file)
	for _, want := range []string{"peer", "error", "sid", "node"} {
		if _, ok := found[want]; !ok {
			t.Errorf("%q was not found", want)
		}
	}
	if len(found) != 4 {
		t.Errorf("found %v", found)
	}
}
