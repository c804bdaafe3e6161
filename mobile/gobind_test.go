//go:build !race

package mobile

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// gomobile is the version of gobind that is known to take this package. Its module burdens nobody: the
// test makes one of its own.
const gomobile = "v0.0.0-20261011034528-197770444867"

// bindings are what gobind makes of this package, by file, and of one that it cannot bind.
var bindings = sync.OnceValues(func() (map[string]string, error) {
	dir, err := os.MkdirTemp("", "gobind-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	root, err := filepath.Abs("..")
	if err != nil {
		return nil, err
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{
		"go.sum": string(sums),
		"go.mod": "module example.org/app\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/go-desfire/desfire v0.0.0\n\tgolang.org/x/mobile " + gomobile + "\n)\n\n" +
			"replace github.com/go-desfire/desfire => " + filepath.ToSlash(root) + "\n",
		"tools.go": "package app\n\nimport (\n\t_ \"github.com/go-desfire/desfire/mobile\"\n\t_ \"golang.org/x/mobile/bind\"\n)\n",
		"unbound/unbound.go": "// Package unbound has what gobind leaves out.\npackage unbound\n\n// Bad takes a map.\nfunc Bad(m map[string]int) {}\n\n" +
			"// Good takes none.\nfunc Good(n int) {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	c := exec.Command("go", "run", "golang.org/x/mobile/cmd/gobind", "-lang=java,objc,go", "-outdir=out", "github.com/go-desfire/desfire/mobile", "./unbound")
	c.Dir = dir
	c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return nil, &gobindError{err, said.String()}
	}
	files := map[string]string{}
	err = filepath.WalkDir(filepath.Join(dir, "out"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files[d.Name()] += string(b)
		return err
	})
	return files, err
})

type gobindError struct {
	err  error
	said string
}

func (e *gobindError) Error() string { return e.err.Error() + "\n" + e.said }

func bound(t *testing.T) map[string]string {
	t.Helper()
	files, err := bindings()
	must(t, err)
	return files
}

// TestGobind: gobind takes everything that this package exports, for Java and for Objective-C. It leaves out what it
// cannot bind without an error.
func TestGobind(t *testing.T) {
	files := bound(t)
	left := 0
	for name, text := range files {
		for line := range strings.Lines(text) {
			if strings.Contains(line, "skipped") && !strings.Contains(strings.ToLower(name), "unbound") {
				t.Errorf("%s: %s", name, line)
			}
			if strings.Contains(line, "skipped") && strings.Contains(line, "Bad") {
				left++
			}
		}
	}
	if left < 3 {
		t.Errorf("what gobind cannot bind is said %d times: it tells of it in another way", left)
	}
	n := 0
	for _, x := range exported(t) {
		n++
		java, objc := files[x.class+".java"], files["Mobile.objc.h"]
		switch x.kind {
		case "type":
			if !regexp.MustCompile(`(class|interface) ` + x.name + `\b`).MatchString(java) {
				t.Errorf("Java has no %s", x.name)
			}
			if !regexp.MustCompile(`@(interface|protocol) Mobile` + x.name + `\b`).MatchString(objc) {
				t.Errorf("Objective-C has no %s", x.name)
			}
		case "method":
			if !regexp.MustCompile(`(?i)\b` + x.name + `\(`).MatchString(java) {
				t.Errorf("Java has no %s.%s", x.class, x.name)
			}
			if part := ofClass(objc, x.class); !regexp.MustCompile(`(?i)- \([^)]*\)` + x.name + `\b`).MatchString(part) {
				t.Errorf("Objective-C has no %s.%s", x.class, x.name)
			}
		case "field":
			if !regexp.MustCompile(`(?i)\bget` + x.name + `\(`).MatchString(java) {
				t.Errorf("Java has no %s.%s", x.class, x.name)
			}
			if part := ofClass(objc, x.class); !regexp.MustCompile(`(?i)@property .*\b` + x.name + `;`).MatchString(part) {
				t.Errorf("Objective-C has no %s.%s", x.class, x.name)
			}
		case "func":
			if !regexp.MustCompile(`(?i)\b` + x.name + `\(`).MatchString(java) {
				t.Errorf("Java has no %s", x.name)
			}
			if !strings.Contains(objc, "Mobile"+x.name+"(") {
				t.Errorf("Objective-C has no %s", x.name)
			}
		case "const":
			if !regexp.MustCompile(`\b` + x.name + ` = `).MatchString(java) {
				t.Errorf("Java has no %s", x.name)
			}
			if !strings.Contains(objc, "Mobile"+x.name+";") {
				t.Errorf("Objective-C has no %s", x.name)
			}
		}
	}
	if n < 60 {
		t.Errorf("only %d exported things were found", n)
	}
}

// ofClass is the part of a header that is about a class or protocol.
func ofClass(header, class string) string {
	at := regexp.MustCompile(`(?m)^@(?:interface|protocol) Mobile` + class + ` (?:: NSObject )?<`).FindStringIndex(header)
	if at == nil {
		return ""
	}
	part, _, _ := strings.Cut(header[at[0]:], "\n@end")
	return part
}

type export struct{ kind, class, name string }

// exported is what this package exports.
func exported(t *testing.T) (list []export) {
	t.Helper()
	entries, err := os.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments)
		must(t, err)
		for _, c := range f.Comments {
			if strings.Contains(c.Text(), "*/") {
				t.Errorf("%s: a comment with */ ends the one that gobind makes of it for Java: %s", e.Name(), c.Text())
			}
		}
		for _, d := range f.Decls {
			list = append(list, exportedIn(d)...)
		}
	}
	return list
}

func exportedIn(d ast.Decl) (list []export) {
	add := func(kind, class string, name *ast.Ident) {
		if name.IsExported() && ast.IsExported(class) {
			list = append(list, export{kind, class, name.Name})
		}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add("func", "Mobile", d.Name)
		} else if star, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok {
			add("method", star.X.(*ast.Ident).Name, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					add("const", "Mobile", name)
				}
			case *ast.TypeSpec:
				add("type", s.Name.Name, s.Name)
				switch of := s.Type.(type) {
				case *ast.StructType:
					for _, field := range of.Fields.List {
						for _, name := range field.Names {
							add("field", s.Name.Name, name)
						}
					}
				case *ast.InterfaceType:
					for _, m := range of.Methods.List {
						for _, name := range m.Names {
							add("method", s.Name.Name, name)
						}
					}
				}
			}
		}
	}
	return list
}
