package evidence

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/selftest"
)

// reports reads what is filed in dir, which need not be there.
func reports(dir string) ([]*FiledReport, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	var list []*FiledReport
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		f := new(FiledReport)
		if err := json.Unmarshal(data, f); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if f.Report == nil || f.Report.Format != selftest.Format {
			return nil, fmt.Errorf("%s: this is no filed report of selftest", name)
		}
		list = append(list, f)
	}
	return list, nil
}

// Root is the root of the source tree that a folder is in: the one above it, or
// itself, that has the evidence. ok is false if there is none.
func Root(dir string) (root string, ok bool) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", false
	}
	for {
		_, traces := os.Stat(filepath.Join(dir, "testdata", "traces"))
		_, vectors := os.Stat(filepath.Join(dir, "testdata", "vectors", "crypto.json"))
		if traces == nil && vectors == nil {
			return dir, true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", false
		}
		dir = up
	}
}
