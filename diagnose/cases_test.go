package diagnose_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
)

// cases are public reports, and which rule has to come first.
var cases = []struct {
	file  string
	rules string // of the findings, in order, up to where it matters; "" for none
}{
	{"c02-nfctools5638-d40-changekey.log", "session-ended ecb"},
	{"c02raw-nfctools5638.log", "session-ended ecb"},
	{"c03-nxp929654-light-ev2.json", "crypto-right status-7e crypto-right"},
	{"c04-mifarenet-1e-d40.json", "cipher-direction"},
	{"c06-nfcpcsc78-917e.log", "length"},
	{"c08-so19296595-iso.log", "no-file-selected"},
	{"c10-flipper3338-native.log", "no-session"},
	{"c11-devhide-isoauth.log", "iso-authentication"},
	{"c12-hce-6800.log", "not-desfire"},
	{"c13-changekey-devhide.log", "lc"},
	{"c14-libfreefare148.log", "mode"},
	{"c14b.log", ""},
	{"c15-nodepcsc103-911c.log", "another-program"},
	{"c16-sam-av2.log", ""},
	{"c17-getversion-zoo.log", ""},
	{"f13-pm3-2961.log", ""},
	{"f39.log", "length"},
	{"g01-pcsc-pseudo-apdu.log", ""},
	{"g05-ext-apdu.log", "extended-length"},
	{"g06-setconfig-nxp1742130.log", "no-session surplus-le byte-order not-wrapped"},
	{"g08-lacina-3k3des.log", ""},
	{"h01-ev2-wrong-request-mac-911e.json", "mac-altered"},
	{"h02-ev1-changekey-wrong-crc-911e.json", "crypto-wrong ecb"},
	{"h04-an12196-broken-mac.json", "mac-altered"},
	{"h05-aes-token-norot.log", "rndb-not-rotated"},
	{"h05-aes-token-right.log", "another-key"},
	{"i01-so48220818-long-write.log", "frame-size"},
	{"i02-so62710637-contact-chip.log", "not-desfire"},
	{"i03-nxp395903-one-line.log", ""},
}

func TestCases(t *testing.T) {
	for _, tc := range cases {
		rec, err := trace.ReadFile(filepath.Join("..", "testdata", "cases", tc.file))
		if err != nil {
			t.Errorf("%s: %v", tc.file, err)
			continue
		}
		r := diagnose.Recording(rec, &diagnose.Config{DefaultKeys: true})
		var got []string
		for _, f := range r.Findings {
			got = append(got, f.Rule)
			if f.Text == "" || f.Next == "" || f.Command == "" || f.Exchange < 0 || f.Exchange >= len(rec.Exchanges) {
				t.Errorf("%s: a finding is not complete: %+v", tc.file, f)
			}
		}
		if s := strings.Join(got, " "); s != tc.rules && !strings.HasPrefix(s, tc.rules+" ") || tc.rules == "" && s != "" {
			t.Errorf("%s: %q, want %q", tc.file, s, tc.rules)
		}
	}
}

// harmless are the reasons why cards refused what programs sent that make no
// mistakes in cryptography.
var harmless = []string{
	"another-key", "no-such-key", "key-type", "duplicate", "rights", "boundary", "no-file", "level", "length", "crypto-right", "no-session",
}

// Sessions that went well have no findings. Programs that test themselves
// against cards provoke refusals, but make no mistakes.
func TestRightSessions(t *testing.T) {
	for _, dir := range []string{"traces", "foreign"} {
		files, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatal(err, len(files))
		}
		for i, name := range files {
			if testing.Short() && i%6 != 0 {
				continue
			}
			rec, err := trace.ReadFile(name)
			if err != nil {
				continue // of another form
			}
			r := diagnose.Recording(rec, &diagnose.Config{DefaultKeys: true})
			if r.Refusals == 0 && len(r.Findings) > 0 {
				t.Errorf("%s: %+v", name, r.Findings)
			}
			for _, f := range r.Findings {
				if dir == "foreign" && !strings.HasPrefix(f.Rule, "status-") && !slices.Contains(harmless, f.Rule) {
					t.Errorf("%s: %+v", name, f)
				}
			}
		}
	}
}
