package desfire_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every Go snippet of the README stands in an Example, so it compiles.
func TestReadmeSnippetsAreExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var examples []byte
	for _, name := range []string{"example_test.go", "example_session_test.go", "purse/example_debit_test.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		examples = append(examples, b...)
	}
	flat := func(s string) string { return regexp.MustCompile(`(?m)^\s+`).ReplaceAllString(s, "") }
	all := flat(string(examples))
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(blocks) < 5 {
		t.Fatalf("only %d snippets", len(blocks))
	}
	for _, b := range blocks {
		if !strings.Contains(all, flat(b[1])) {
			t.Errorf("this snippet is in no Example:\n%s", b[1])
		}
	}
}
