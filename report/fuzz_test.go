package report_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/report"
)

// Of whatever file can be read as a card, the page is well-formed and the JSON
// comes back, whole and redacted.
func FuzzFile(f *testing.F) {
	for _, pattern := range []string{"../testdata/dumps/*-*.json", "../dump/testdata/*.*", "../testdata/cases/*.nfc", "../testdata/cases/*.dfc", "../testdata/cases/*.xml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || paths == nil {
			f.Fatal(pattern, err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(filepath.Clean(path))
			must(f, err)
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := dump.Read(data)
		if err != nil || len(data) > 100_000 {
			return
		}
		for _, redact := range []bool{false, true} {
			conf := &report.Config{Redact: redact, Made: when, Source: report.Source{Kind: "file", Format: d.Format.Words(), By: d.By, Notes: d.Notes}}
			for _, fault := range faults(pageOf(t, d.Card, conf)) {
				t.Errorf("redacted %v: %s", redact, fault)
			}
			b, err := report.New(d.Card, conf).JSON()
			must(t, err)
			var back report.Report
			if err := json.Unmarshal(b, &back); err != nil {
				t.Errorf("redacted %v: %v", redact, err)
			}
		}
	})
}
