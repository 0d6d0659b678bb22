package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTable: each fault can still be planted, in code that has changed since, and the
// package has the test that is to notice it.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		names[m.name] = true
		if m.promise == "" || m.old == m.new {
			t.Errorf("%s: it changes nothing, or does not say what it breaks", m.name)
		}
		source, err := os.ReadFile(filepath.Join("../..", m.file))
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := m.change(string(source)); err != nil {
			t.Error(err)
		}
		if !hasTest(t, m.pkg, m.test) {
			t.Errorf("%s: %s has no %s", m.name, m.pkg, m.test)
		}
	}
}

func hasTest(t *testing.T, pkg, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", pkg, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	test, _, _ = strings.Cut(test, "/")
	declaration := regexp.MustCompile(`(?m)^func ` + test + `\(t \*testing\.T\)`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declaration.Match(source) {
			return true
		}
	}
	return false
}

// TestChange: a text that is not there, or twice, is no fault.
func TestChange(t *testing.T) {
	m := mutant{name: "n", file: "f.go", old: "if x {", new: "if false {"}
	if got, err := m.change("a\nif x {\n"); err != nil || got != "a\nif false {\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, source := range []string{"", "if y {", "if x {\nif x {"} {
		if got, err := m.change(source); err == nil {
			t.Errorf("%q has become %q", source, got)
		}
	}
}
