// Command gendoc writes the generated pages of the documentation. Run it from
// the root of the module:
//
//	go run ./internal/gendoc
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// page is one generated file. root is the root of the module.
type page struct {
	path   string
	render func(root string) ([]byte, error)
}

var pages = [...]page{
	{"docs/commands.md", commandsPage},
	{"docs/evidence.md", evidencePage},
}

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gendoc:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		return fmt.Errorf("run it from the root of the module: %w", err)
	}
	for _, p := range pages {
		text, err := p.render(root)
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if err := os.WriteFile(filepath.Join(root, p.path), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
