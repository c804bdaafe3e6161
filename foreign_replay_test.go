package desfire

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/go-desfire/desfire/trace"
)

// The reader sends what programs of others sent to the simulated card, byte for
// byte, given their keys and randoms. What it does not stands, with the
// reason, in replays.json: the exchange, and all after it up to the next
// authentication.
func TestReaderReplaysForeignSessions(t *testing.T) {
	var exceptions struct {
		Foreign map[string]map[string]string `json:"foreign"`
	}
	list, err := os.ReadFile("testdata/replays.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(list, &exceptions); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/foreign/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, name := range files {
		rec, err := trace.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(rec.ID, func(t *testing.T) {
			replay(t, rec, without(t, rec, exceptions.Foreign[rec.ID]))
		})
	}
}

// without takes the exceptions out of the messages of a recording.
func without(t *testing.T, rec *trace.Recording, exceptions map[string]string) *trace.Result {
	res := trace.Verify(rec, &trace.VerifyConfig{KeepKeys: true})
	if why := exceptions["all"]; why != "" {
		t.Skip(why)
	}
	left := len(exceptions)
	var kept []trace.Opened
	out := false
	for _, o := range res.Messages {
		l, err := join(rec, o.First, o.First)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := authMethods[l.ins]; ok || rec.Exchanges[o.First].Reset {
			out = false
		}
		if exceptions[strconv.Itoa(o.First)] != "" {
			out = true
			left--
		}
		if !out {
			kept = append(kept, o)
		}
	}
	if left != 0 {
		t.Errorf("%d of the exceptions are at no message", left)
	}
	res.Messages = kept
	return res
}
