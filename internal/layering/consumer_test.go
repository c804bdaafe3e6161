package layering

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// consumerSums are the modules that a program which uses desfire and pcsc has in its
// go.sum: what it is built from, and what the tests of those packages are.
var consumerSums = []string{"github.com/ebitengine/purego", "go.uber.org/goleak", "golang.org/x/sys", "pgregory.net/rapid"}

// consumerLinks are those of them that its program may hold, on one system or another.
var consumerLinks = []string{"github.com/ebitengine/purego", "golang.org/x/sys"}

// TestConsumer makes a module that uses desfire and pcsc, and looks at which others it
// has to download and check for that.
func TestConsumer(t *testing.T) {
	main, err := os.ReadFile(filepath.Join("..", "..", "examples", "list-applications", "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	sums, links := consume(t, string(main))
	if !slices.Equal(sums, consumerSums) {
		t.Errorf("a program that uses desfire and pcsc has in its go.sum\n\t%s\nand should have\n\t%s\n"+
			"What is new there came with an import of these packages or of their tests. Move it to a package of its own; if that "+
			"does not help, what needs it (cmd/desfire-server, e2e) has to be a module of its own.",
			strings.Join(sums, "\n\t"), strings.Join(consumerSums, "\n\t"))
	}
	for _, name := range links {
		if !slices.Contains(consumerLinks, name) {
			t.Errorf("a program that uses desfire and pcsc is linked with %s; only %q are known", name, consumerLinks)
		}
	}
}

// TestConsumerSees makes sure that a module which does come along is seen.
func TestConsumerSees(t *testing.T) {
	sums, links := consume(t, "package main\n\nimport _ \"github.com/go-desfire/desfire/purse/boltjournal\"\n\nfunc main() {}\n")
	for _, got := range [][]string{sums, links} {
		if !slices.Contains(got, "go.etcd.io/bbolt") {
			t.Errorf("boltjournal comes without bbolt: %q", got)
		}
	}
}

// consume makes a module of one file in a folder of its own and returns which modules of
// others are in its go.sum, and which in its program. It needs no network: what this
// module is built of is here.
func consume(t *testing.T, main string) (sums, links []string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	const own = "github.com/go-desfire/desfire"
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.org/gate\n\ngo 1.26.0\n\nrequire " + own + " v0.0.0\n\nreplace " + own + " => " + filepath.ToSlash(root) + "\n",
		"main.go": main,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	run := func(arg ...string) string {
		c := exec.Command("go", arg...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off", "GOSUMDB=off")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(arg, " "), err, out)
		}
		return string(out)
	}
	run("mod", "tidy")
	run("build", "-o", os.DevNull, ".")
	text, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name, _, _ := strings.Cut(line, " ")
		set[name] = true
	}
	sums = slices.Sorted(maps.Keys(set))
	clear(set)
	for name := range strings.FieldsSeq(run("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
		if name != own && name != "example.org/gate" {
			set[name] = true
		}
	}
	return sums, slices.Sorted(maps.Keys(set))
}
