package yaml_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/perso/yaml"
)

var yamlBlock = regexp.MustCompile("(?s)```ya?ml\n(.*?)```")

// Whole layouts in pages and in the documentation of this package are layouts, for
// Read and for the schema.
func TestLayoutsInDocs(t *testing.T) {
	root := vector.Root(t)
	found := map[string]string{}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(m[1], "desfire: layout/v1\n") {
				found[filepath.Base(page)+": "+m[1]] = m[1]
			}
		}
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var example strings.Builder
	for line := range strings.Lines(string(doc)) {
		if code, ok := strings.CutPrefix(line, "//\t"); ok {
			example.WriteString(code)
		}
	}
	found["doc.go"] = example.String()
	s := resolved(t)
	for name, text := range found {
		if _, err := yaml.Read("l.yaml", []byte(text), &yaml.Config{Files: fstest.MapFS{"logo.bin": {Data: []byte("logo")}}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if v, ok := plain(t, text); !ok || s.Validate(v) != nil {
			t.Errorf("%s: the schema refuses it", name)
		}
	}
}
