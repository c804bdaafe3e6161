// Package layering holds the rules of who imports whom in this module, as a test.
//
// The rules are those of docs/architecture.md. They are checked on the source,
// for every system and build tag at once.
package layering

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Package is one folder of Go files. Path is relative to the module, "." for
// its root.
type Package struct {
	Path    string
	Name    string
	Imports []string // of files that are no tests, sorted; the module's own relative like Path, after "./"
	Inits   []string // positions of init functions in files that are no tests
}

// Own turns an import of the module's own into a Package's path.
func Own(imported string) (path string, ok bool) {
	if imported == "./." {
		return ".", true
	}
	return strings.CutPrefix(imported, "./")
}

// Load reads the packages under dir, the folder of go.mod.
func Load(dir string) ([]Package, error) {
	module, err := modulePath(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	byPath := map[string]*Package{}
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != dir && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		rel, err := filepath.Rel(dir, filepath.Dir(name))
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		p := byPath[rel]
		if p == nil {
			p = &Package{Path: rel}
			byPath[rel] = p
		}
		return p.add(name, module)
	})
	if err != nil {
		return nil, err
	}
	var packages []Package
	for _, p := range byPath {
		slices.Sort(p.Imports)
		p.Imports = slices.Compact(p.Imports)
		packages = append(packages, *p)
	}
	slices.SortFunc(packages, func(a, b Package) int { return strings.Compare(a.Path, b.Path) })
	return packages, nil
}

func modulePath(gomod string) (string, error) {
	b, err := os.ReadFile(gomod)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s names no module", gomod)
}

// add reads one file.
func (p *Package) add(name, module string) error {
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.Name = f.Name.Name
	for _, spec := range f.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if imported == module {
			imported += "/."
		}
		if rel, ok := strings.CutPrefix(imported, module+"/"); ok {
			imported = "./" + rel
		}
		p.Imports = append(p.Imports, imported)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			p.Inits = append(p.Inits, set.Position(fn.Pos()).String())
		}
	}
	return nil
}

// standard reports whether an import is of the standard library: no dot in its
// first element.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// within reports whether an import is one of the folders or in one of them.
func within(imported string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(f string) bool {
		return imported == f || strings.HasPrefix(imported, f+"/")
	})
}

// folder is the part of a path that a newcomer sees first: the top folder, or
// the one below internal, cmd, examples and remote, whose folders have little to do with
// each other.
func folder(p string) string {
	parts := strings.Split(p, "/")
	if len(parts) > 1 && slices.Contains([]string{"internal", "cmd", "examples", "remote"}, parts[0]) {
		return path.Join(parts[:2]...)
	}
	return parts[0]
}
