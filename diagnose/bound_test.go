package diagnose_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
)

// Searches end: behind a bounded number of hypotheses a recording is told that
// nothing was looked for, not that there is nothing.
func TestSearchesEnd(t *testing.T) {
	var log strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&log, "> 900A0000010000\n< 5B5769C7CE4B167B91AF\n> 90AF000010%032X00\n< 91AE\n", i)
	}
	rec, _, err := trace.Parse([]byte(log.String()))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &diagnose.Config{DefaultKeys: true}
	random := rand.New(rand.NewPCG(8, 9))
	for range 30 {
		cfg.Keys = append(cfg.Keys, trace.Key{No: -1, Value: newKey(t, key.Type2K3DES, random)})
	}
	r := diagnose.Recording(rec, cfg)
	if r.Refusals != 1500 || len(r.Findings) != 1500 {
		t.Fatalf("%d refusals, %d findings", r.Refusals, len(r.Findings))
	}
	if r.Findings[0].Rule != "token-unexplained" {
		t.Errorf("the first: %+v", r.Findings[0])
	}
	searched := slices.IndexFunc(r.Findings, func(f diagnose.Finding) bool { return f.Rule == "not-searched" })
	if searched < 0 {
		t.Fatal("the searches do not end")
	}
	for _, f := range r.Findings[searched:] {
		if f.Rule != "not-searched" {
			t.Errorf("behind the bound: %+v", f)
		}
	}
}
