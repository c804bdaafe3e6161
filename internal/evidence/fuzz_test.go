package evidence

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/trace"
)

// FuzzAddRecording files whatever can be read. What is written can be read again,
// has the same number of exchanges, and without leave holds no key and verifies
// nothing; with leave it verifies what verified before, or is not filed.
func FuzzAddRecording(f *testing.F) {
	for _, pattern := range []string{"testdata/cases/*", "testdata/traces/*.json"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			f.Fatal("no seeds", err)
		}
		for _, n := range names {
			if b, err := os.ReadFile(n); err == nil {
				f.Add(b, n[0]%2 == 0)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, withKeys bool) {
		rec, _, err := trace.Parse(data)
		if err != nil || len(rec.Exchanges) > 200 {
			return
		}
		before := trace.Verify(rec, nil)
		a := AddRecording(rec, &Options{Source: "fuzz", WithKeys: withKeys, Simulate: true}, nil)
		back, _, err := trace.Parse(a.Data)
		if err != nil || len(back.Exchanges) != len(rec.Exchanges) {
			t.Fatalf("it does not come back: %v", err)
		}
		res := trace.Verify(back, nil)
		switch {
		case !withKeys && (len(back.Keys) > 0 || len(back.RndA) > 0 || bytes.Contains(a.Data, []byte(`"preset"`)) || res.Verdict == trace.Verified):
			t.Fatalf("filed without keys: %v, %d keys", res.Verdict, len(back.Keys))
		case withKeys && a.Refused == nil && before.Verdict == trace.Verified && res.Verdict != trace.Verified:
			t.Fatalf("filed with keys, it does not verify any more: %s", res.Reason())
		case a.Refused == nil && before.Verdict == trace.Failed && !before.Mistakes():
			t.Fatalf("filed, though %s", before.Reason())
		}
		if strings.ContainsAny(a.Name, `\:*?"<>| `) || strings.Contains(a.Name, "..") || filepath.Clean(a.Name) != a.Name {
			t.Fatalf("name %q", a.Name)
		}
	})
}
