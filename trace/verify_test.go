package trace

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// recordings are all recordings of testdata/traces.
func recordings(t testing.TB) map[string]*Recording {
	t.Helper()
	names, err := filepath.Glob("../testdata/traces/*.json")
	if err != nil || len(names) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	all := map[string]*Recording{}
	for _, n := range names {
		r, err := ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.TrimSuffix(filepath.Base(n), ".json")] = r
	}
	return all
}

var countOf = regexp.MustCompile(`^(\d+) (.*)$`)

// stated sums up what another program says it checked.
func stated(t *testing.T, what []string) (auths, macs, crcs int) {
	var single []string
	for _, w := range what {
		single = append(single, strings.Split(w, ", ")...)
	}
	for _, w := range single {
		m := countOf.FindStringSubmatch(w)
		if m == nil {
			continue
		}
		n, _ := strconv.Atoi(m[1])
		switch {
		case strings.HasPrefix(m[2], "authentication"):
			auths += n
		case strings.Contains(m[2], "MAC"):
			macs += n
		case strings.Contains(m[2], "CRC"):
			crcs += n
		case strings.HasPrefix(m[2], "rejected auths"):
		default:
			t.Errorf("%q is not understood", w)
		}
	}
	return auths, macs, crcs
}

// mistakes are recordings in which the card refused what the reader made wrong.
var mistakes = map[string]struct {
	verdict Verdict
	what    string
}{
	"mifareforum-12600-d40-1e":     {Failed, "exchange 2: ChangeKeySettings: the CRC16 of the enciphered data is wrong; the card refused it with 911E"},
	"nfccpp-ev2-picc-changekey-ae": {Failed, "exchange 6: authentication 0A with key 0: the card refused it with 91AE AUTHENTICATION_ERROR; the reader enciphered its token"},
}

func TestVerifyRecordings(t *testing.T) {
	for name, rec := range recordings(t) {
		t.Run(name, func(t *testing.T) {
			r := Verify(rec, nil)
			if os.Getenv("TRACE_SHOW") != "" {
				for _, m := range r.Messages {
					fmt.Println(strings.Join(m.Lines(), "\n"))
				}
			}
			auths, macs, crcs := stated(t, rec.VerifiedWhat)
			want := Unverifiable
			if rec.Verified {
				want = Verified
			}
			if m := mistakes[name]; m.what != "" {
				want = m.verdict
				if !r.Mistakes() || !strings.HasPrefix(r.Failures[0].String(), m.what) {
					t.Errorf("%v, want a mistake of the reader: %s", r.Failures, m.what)
				}
			}
			t.Logf("%v %d %d %d %v", r.Verdict, r.Authentications, r.MACs, r.CRCs, r.Failures)
			if r.Verdict != want {
				t.Errorf("%v (%s), want %v", r.Verdict, r.Reason(), want)
			}
			if r.Authentications < auths || r.MACs < macs || r.CRCs < crcs {
				t.Errorf("%d authentications, %d MACs, %d CRCs; want at least %d, %d, %d",
					r.Authentications, r.MACs, r.CRCs, auths, macs, crcs)
			}
			if r.Verdict == Unverifiable && r.Reason() == "" {
				t.Error("no reason")
			}
		})
	}
}
