// Command api lists what the public packages of the module in a directory export,
// one line for each name, in a file for each package:
//
//	go run -C tools ./api ..         writes the files, below api/
//	go run -C tools ./api -check ..  tells whether they are what would be written
//
// So a change of what users see is seen in review, where it stands in a diff.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/types"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// private are the folders whose packages are for this module only. Those below
// "internal" are by Go's own rule.
var private = []string{"bench", "cmd", "e2e", "internal"}

func main() {
	log.SetFlags(0)
	check := flag.Bool("check", false, "compare, and write nothing")
	flag.Parse()
	if flag.NArg() != 1 {
		log.Fatal("usage: api [-check] DIRECTORY")
	}
	root := flag.Arg(0)
	want, err := listings(root)
	if err != nil {
		log.Fatal(err)
	}
	have, err := read(filepath.Join(root, "api"))
	if err != nil {
		log.Fatal(err)
	}
	if *check {
		if !same(have, want) {
			log.Fatal("the public API is not what api/ says (run make api, and look at its diff)")
		}
		return
	}
	if err := write(filepath.Join(root, "api"), have, want); err != nil {
		log.Fatal(err)
	}
}

// listings returns the text of each file, by its path below api/.
func listings(root string) (map[string][]byte, error) {
	loaded, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedTypes | packages.NeedModule | packages.NeedImports,
		Dir:  root,
	}, "./...")
	if err != nil {
		return nil, err
	}
	if packages.PrintErrors(loaded) > 0 {
		return nil, fmt.Errorf("the module in %s does not compile", root)
	}
	files := map[string][]byte{}
	for _, p := range loaded {
		dir := strings.TrimPrefix(strings.TrimPrefix(p.PkgPath, p.Module.Path), "/")
		if p.Name == "main" || slices.ContainsFunc(strings.Split(dir, "/"), func(name string) bool { return slices.Contains(private, name) }) {
			continue
		}
		if lines := listing(p.Types); len(lines) > 0 {
			file := dir
			if file == "" {
				file = p.Name
			}
			files[filepath.FromSlash(file)+".txt"] = fmt.Appendf(nil, "package %s // import %q\n\n%s\n", p.Name, p.PkgPath, strings.Join(lines, "\n"))
		}
	}
	return files, nil
}

// listing has a line for each name that p exports, and for each exported field and
// method of its types.
func listing(p *types.Package) []string {
	l := lister{pkg: p}
	for _, name := range p.Scope().Names() {
		object := p.Scope().Lookup(name)
		if !object.Exported() {
			continue
		}
		switch object := object.(type) {
		case *types.Const:
			if b, ok := object.Type().(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
				l.addf("const %s = %s", name, object.Val())
			} else {
				l.addf("const %s %s = %s", name, l.text(object.Type()), object.Val())
			}
		case *types.Var:
			l.addf("var %s %s", name, l.text(object.Type()))
		case *types.Func:
			l.addf("func %s%s", name, l.signature(object))
		case *types.TypeName:
			l.typeName(object)
		}
	}
	return l.lines
}

type lister struct {
	pkg   *types.Package
	lines []string
}

func (l *lister) addf(format string, args ...any) {
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

// text names types of other packages with those packages' names.
func (l *lister) text(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p == l.pkg {
			return ""
		}
		return p.Name()
	})
}

func (l *lister) signature(f *types.Func) string {
	return strings.TrimPrefix(l.text(f.Type()), "func")
}

func (l *lister) typeName(object *types.TypeName) {
	name := object.Name()
	if object.IsAlias() {
		l.addf("type %s = %s", name, l.text(types.Unalias(object.Type())))
		return
	}
	named := object.Type().(*types.Named)
	generic := ""
	if params := named.TypeParams(); params.Len() > 0 {
		var all []string
		for param := range params.TypeParams() {
			all = append(all, param.Obj().Name()+" "+l.text(param.Constraint()))
		}
		generic = "[" + strings.Join(all, ", ") + "]"
	}
	switch underlying := named.Underlying().(type) {
	case *types.Struct:
		l.addf("type %s%s struct", name, generic)
		for field := range underlying.Fields() {
			switch {
			case !field.Exported():
			case field.Embedded():
				l.addf("type %s struct, embeds %s", name, l.text(field.Type()))
			default:
				l.addf("type %s struct, %s %s", name, field.Name(), l.text(field.Type()))
			}
		}
	case *types.Interface:
		l.addf("type %s%s interface", name, generic)
		for embedded := range underlying.EmbeddedTypes() {
			l.addf("type %s interface, embeds %s", name, l.text(embedded))
		}
		for method := range underlying.ExplicitMethods() {
			if method.Exported() {
				l.addf("type %s interface, %s%s", name, method.Name(), l.signature(method))
			} else {
				l.addf("type %s interface, and methods that are not exported", name)
			}
		}
	default:
		l.addf("type %s%s %s", name, generic, l.text(underlying))
	}
	methods := slices.Collect(named.Methods())
	slices.SortFunc(methods, func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	for _, method := range methods {
		if method.Exported() {
			l.addf("method (%s) %s%s", l.text(method.Signature().Recv().Type()), method.Name(), l.signature(method))
		}
	}
}

// read returns the files below dir.
func read(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return files, nil
	}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files[filepath.FromSlash(path)], err = os.ReadFile(filepath.Join(dir, path))
		return err
	})
	return files, err
}

// same prints what differs, with - for what the files have and + for what the code has.
func same(have, want map[string][]byte) bool {
	equal := true
	all := map[string][]byte{}
	maps.Copy(all, have)
	maps.Copy(all, want)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		if bytes.Equal(have[file], want[file]) {
			continue
		}
		equal = false
		fmt.Println("api/" + filepath.ToSlash(file))
		before, after := strings.Split(string(have[file]), "\n"), strings.Split(string(want[file]), "\n")
		for _, line := range before {
			if !slices.Contains(after, line) {
				fmt.Println("-", line)
			}
		}
		for _, line := range after {
			if !slices.Contains(before, line) {
				fmt.Println("+", line)
			}
		}
	}
	return equal
}

// write makes dir hold want, and nothing else that it held.
func write(dir string, have, want map[string][]byte) error {
	for file := range have {
		if _, stays := want[file]; !stays {
			if err := os.Remove(filepath.Join(dir, file)); err != nil {
				return err
			}
		}
	}
	for file, text := range want {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
