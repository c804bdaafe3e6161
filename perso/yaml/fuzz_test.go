package yaml_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/go-desfire/desfire/perso/yaml"
)

// Whatever stands in a layout is a layout that all can be asked of, or errors with
// places in it.
func FuzzRead(f *testing.F) {
	for _, name := range layouts(f) {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	for _, tc := range faults {
		f.Add(tc.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<16 {
			return
		}
		d, err := yaml.Read("l.yaml", []byte(text), &yaml.Config{Files: fstest.MapFS{"logo.bin": {Data: []byte("logo")}}})
		if err != nil {
			var errs yaml.Errors
			if !errors.As(err, &errs) || len(errs) == 0 || len(errs) > 21 {
				t.Fatalf("%T: %v", err, err)
			}
			lines := strings.Count(text, "\n") + strings.Count(text, "\r") + 2
			for _, e := range errs {
				if e.Text == "" || e.File != "l.yaml" || e.Line < 0 || e.Line > lines {
					t.Errorf("%+v in %d lines", e, lines)
				}
			}
			return
		}
		row := map[string]string{}
		for _, c := range d.Columns() {
			row[c] = "x"
		}
		if l, err := d.Layout(row); err == nil {
			if err := l.Check(); err != nil {
				t.Error(err)
			}
		}
		l, err := d.Layout(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range d.Lint() {
			if x.Text == "" || x.Line < 1 {
				t.Errorf("%+v", x)
			}
		}
		if _, err := json.Marshal(d.Overview()); err != nil {
			t.Error(err)
		}
		k := d.Keys(nil, nil)
		k.Missing(t.Context())
		for _, r := range l.KeyRefs(uid) {
			_, _, _ = k.Want().Has(t.Context(), r.Ref)
			_, _ = k.Have().Slots(t.Context(), r.Ref)
		}
		// What can be read can be written, unless it needs files.
		again, _, err := yaml.Import(l, nil)
		if err != nil {
			if strings.Contains(err.Error(), "quota") {
				return
			}
			t.Fatalf("%v\n%s", err, again)
		}
		e, err := yaml.Read("l.yaml", again, nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
		m, err := e.Layout(nil)
		if err != nil {
			t.Fatal(err)
		}
		if g, w := show(canonical(m)), show(canonical(l)); g != w {
			t.Errorf("the layout is\n%s\nwant\n%s\nof\n%s", g, w, again)
		}
	})
}
