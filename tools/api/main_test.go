package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"
)

const source = `package p

import "io"

const Limit = 3

type Kind int

const First Kind = 1

var Discard io.Writer

func Make[T any](n int, rest ...T) (Set[T], error) { return Set[T]{}, nil }

func hidden() {}

type Set[T any] struct {
	io.Reader
	Size   int
	hidden int
}

func (*Set[T]) Add(v T) {}
func (Set[T]) hide()    {}

type Source interface {
	io.Closer
	Next() (Kind, error)
	internal()
}

type Alias = Kind
`

const wanted = `type Alias = Kind
var Discard io.Writer
const First Kind = 1
type Kind int
const Limit = 3
func Make[T any](n int, rest ...T) (Set[T], error)
type Set[T any] struct
type Set struct, embeds io.Reader
type Set struct, Size int
method (*Set[T]) Add(v T)
type Source interface
type Source interface, embeds io.Closer
type Source interface, Next() (Kind, error)
type Source interface, and methods that are not exported`

func TestListing(t *testing.T) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := (&types.Config{Importer: importer.ForCompiler(files, "source", nil)}).Check("p", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(listing(p), "\n"); got != wanted {
		t.Errorf("got:\n%s\nwant:\n%s", got, wanted)
	}
}

func TestSame(t *testing.T) {
	one, other := map[string][]byte{"a.txt": []byte("x\ny\n")}, map[string][]byte{"a.txt": []byte("x\n")}
	if !same(one, one) || same(one, other) || same(one, nil) || same(nil, one) {
		t.Error("files that differ are not told from those that do not")
	}
}
