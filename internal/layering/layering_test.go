package layering

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestModule(t *testing.T) {
	packages, err := Load(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{".", "wire", "sim", "tcp", "internal/frame"} {
		if !slices.ContainsFunc(packages, func(p Package) bool { return p.Path == want && len(p.Imports) > 0 }) {
			t.Errorf("package %s was not read", want)
		}
	}
	for _, b := range Check(packages) {
		t.Error(b)
	}
}

// module writes files and loads them. Each is "path: import import".
func module(t *testing.T, files ...string) []Package {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.org/m\n\ngo 1.26\n")
	for _, f := range files {
		name, imports, _ := strings.Cut(f, ": ")
		text := "package p\n"
		for imported := range strings.FieldsSeq(imports) {
			if imported == "init" {
				text += "func init() {}\n"
				continue
			}
			text += "import _ \"" + imported + "\"\n"
		}
		write(name, text)
	}
	packages, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func TestRules(t *testing.T) {
	const m = "example.org/m"
	for name, test := range map[string]struct {
		files []string
		want  string // part of the only complaint, empty for none
	}{
		"fine": {[]string{
			"a.go: fmt " + m + "/wire " + m + "/internal/frame", "wire/a.go: fmt strings",
			"sim/a.go: os " + m + "/wire", "internal/frame/a.go: fmt",
			"pcsc/a.go: github.com/x/y " + m, "cmd/desfire/a.go: " + m + " " + m + "/sim",
			"a_test.go: " + m + "/sim", "testdata/a.go: C", "docs/.x/a.go: C",
		}, ""},
		"foreign in the core":     {[]string{"key/a.go: golang.org/x/sys"}, "key imports golang.org/x/sys"},
		"own but not of the core": {[]string{"a.go: " + m + "/tcp", "tcp/a.go: net"}, ". imports ./tcp"},
		"foreign in what plays":   {[]string{"play/a.go: github.com/x/y"}, "play imports github.com/x/y"},
		"card imports reader":     {[]string{"sim/a.go: " + m}, "reader and card meet: sim -> ."},
		"reader imports card":     {[]string{"a.go: " + m + "/sim"}, "reader and card meet: . -> sim"},
		"reader reaches card":     {[]string{"a.go: " + m + "/trace", "trace/a.go: " + m + "/sim"}, "meet: . -> trace -> sim"},
		"driver imports chip":     {[]string{"pn532/a.go: " + m + "/pn532/chip"}, "driver and chip meet: pn532 -> pn532/chip"},
		"chip imports driver":     {[]string{"pn532/chip/a.go: " + m + "/pn532"}, "driver and chip meet: pn532/chip -> pn532"},
		"only on another system":  {[]string{"wire/a_windows.go: net/url"}, "wire imports net/url"},
		"wire does cryptography":  {[]string{"wire/a.go: crypto/aes"}, "wire imports crypto/aes"},
		"wire does I/O":           {[]string{"wire/a.go: os"}, "wire imports os"},
		"frame does I/O":          {[]string{"internal/frame/a.go: net"}, "internal/frame imports net"},
		"cgo":                     {[]string{"pcsc/a.go: C"}, "pcsc uses cgo"},
		"init":                    {[]string{"tcp/a.go: init"}, "init function"},
		"util":                    {[]string{"internal/util/a.go: fmt"}, `"util" says nothing`},
		"cycle of folders": {[]string{
			"tcp/a/a.go: " + m + "/vpcd", "tcp/b/a.go: fmt", "vpcd/a.go: " + m + "/tcp/b",
		}, "cycle of folders: tcp -> vpcd -> tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Check(module(t, test.files...))
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("complaints %q", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0], test.want)):
				t.Errorf("complaints %q, want one with %q", got, test.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil {
		t.Error("a folder without go.mod loads")
	}
	os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module m\n"), 0o666)
	os.WriteFile(filepath.Join(dir, "a.go"), []byte("package"), 0o666)
	if _, err := Load(dir); err == nil {
		t.Error("a file that does not parse loads")
	}
}
