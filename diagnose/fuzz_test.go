package diagnose_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

// Whatever a log holds, Recording ends, leaves it as it was, says the same
// twice, speaks of exchanges that there are, and gives no key away. Without
// keys it proves nothing that would need one.
func FuzzRecording(f *testing.F) {
	names, err := filepath.Glob(filepath.Join("..", "testdata", "cases", "*"))
	if err != nil || len(names) == 0 {
		f.Fatal(err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	secret, err := key.Parse("aes:8B7C6D5E4F30213243546576A7B8C9DA")
	if err != nil {
		f.Fatal(err)
	}
	other, err := key.Parse("2k3des:8A7C6C5E4E30203242546476A6B8C8DA")
	if err != nil {
		f.Fatal(err)
	}
	given := []trace.Key{{No: -1, Value: secret}, {No: 1, Value: other}}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<13 {
			return
		}
		rec, _, err := trace.Parse(data)
		if err != nil {
			return
		}
		before, _, _ := trace.Parse(data)
		blind := diagnose.Recording(rec, nil)
		r := diagnose.Recording(rec, &diagnose.Config{Keys: given, DefaultKeys: true})
		if again := diagnose.Recording(rec, &diagnose.Config{Keys: given, DefaultKeys: true}); !reflect.DeepEqual(r, again) {
			t.Errorf("twice:\n%+v\n%+v", r, again)
		}
		if !reflect.DeepEqual(rec.Exchanges, before.Exchanges) {
			t.Error("the recording was changed")
		}
		if len(rec.Keys) == 0 && !slices.ContainsFunc(rec.Exchanges, func(e trace.Exchange) bool { return e.Preset != nil }) {
			for _, g := range blind.Findings {
				if g.Sure == diagnose.Proved && !slices.Contains(keyless, g.Rule) && !strings.HasPrefix(g.Rule, "status") {
					t.Errorf("proved without a key: %+v", g)
				}
			}
		}
		last := -1
		for _, g := range append(slices.Clone(r.Findings), blind.Findings...) {
			if g.Exchange < 0 || g.Exchange >= len(rec.Exchanges) || g.Text == "" || g.Next == "" || g.Command == "" || g.Rule == "" {
				t.Errorf("%+v", g)
			}
			for _, k := range given {
				b := k.Value.Export()
				for i := range len(b) - 3 {
					if part := hex.EncodeToString(b[i : i+4]); strings.Contains(strings.ToLower(g.Text+g.Next), part) && !bytes.Contains(bytes.ToLower(data), []byte(part)) {
						t.Errorf("bytes of a key: %+v", g)
					}
				}
			}
		}
		for i, g := range r.Findings {
			if g.Exchange < last || i > 0 && g.Exchange == last && g.Sure > r.Findings[i-1].Sure {
				t.Errorf("not in order: %+v", r.Findings)
			}
			last = g.Exchange
		}
		if (len(r.Findings) > 0) != (r.Refusals > 0) && len(rec.RndA) == 0 {
			t.Errorf("%d findings for %d refusals", len(r.Findings), r.Refusals)
		}
	})
}
