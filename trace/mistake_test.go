package trace

import (
	"strings"
	"testing"
)

// What is wrong in the cases of public bug reports is named: exchange, check,
// and whose mistake it is.
func TestCasesFailLoudly(t *testing.T) {
	for name, want := range map[string]struct {
		verdict  Verdict
		exchange int
		check    Check
		what     string
	}{
		"h01-ev2-wrong-request-mac-911e.json":      {Failed, 0, CheckCommandMAC, "WriteDataISO"},
		"h02-ev1-changekey-wrong-crc-911e.json":    {Failed, 0, CheckCommandCRC, "ChangeKey"},
		"h04-an12196-broken-mac.json":              {Failed, 3, CheckCommandMAC, "ChangeFileSettings"},
		"c04-mifarenet-1e-d40.json":                {Failed, 0, CheckCommandCRC, "the reader enciphered"},
		"h05-aes-token-norot.log":                  {Failed, 1, CheckToken, "did not rotate the card's random"},
		"h05-aes-token-right.log":                  {Unverifiable, 1, CheckToken, "is right for the key"},
		"c01b-so14319321-d40-enciphered-token.log": {Unverifiable, 1, CheckToken, "none of the keys"},
		"c02-nfctools5638-d40-changekey.log":       {Unverifiable, 3, CheckSession, "SelectApplication of exchange 2 had ended the session"},
		"c13-changekey-devhide.log":                {Unverifiable, 0, CheckCommandLength, "ChangeKey: its frame is malformed"},
		"c03-nxp929654-light-ev2.json":             {verdict: Verified},
	} {
		rec, err := ReadFile("../testdata/cases/" + name)
		if err != nil {
			t.Fatal(err)
		}
		r := Verify(rec, &VerifyConfig{DefaultKeys: true})
		if r.Verdict != want.verdict {
			t.Errorf("%s: %v (%s), want %v", name, r.Verdict, r.Reason(), want.verdict)
		}
		if want.verdict == Verified {
			continue
		}
		if len(r.Failures) != 1 || r.Failures[0].Exchange != want.exchange || r.Failures[0].Check != want.check || !strings.Contains(r.Failures[0].What, want.what) {
			t.Errorf("%s: %v, want exchange %d, %s, %s", name, r.Failures, want.exchange, want.check, want.what)
		}
		if !r.Mistakes() {
			t.Errorf("%s: taken for a forgery", name)
		}
	}
}

// What nothing protects although the session demands it, and what is no command
// of the card, is not passed over.
func TestNothingInASessionIsPassedOver(t *testing.T) {
	for i, kind := range kinds {
		for name, tc := range map[string]struct {
			command []byte
			answers []byte // statuses
			verdict Verdict
			check   Check
		}{
			"plain settings":  {[]byte{0x54, 0x0F}, []byte{0x1E, 0x7E, 0xAE}, Failed, ""},
			"plain key":       {append([]byte{0xC4, 1}, make([]byte, 17)...), []byte{0x1E, 0x7E, 0xAE}, Failed, ""},
			"class of others": {[]byte{0x80, 0x51, 0, 0, 1, 7, 0}, []byte{0x1E, 0x7E}, Unverifiable, CheckSession},
			"malformed":       {[]byte{0x90, 0x51, 0, 0, 9, 7, 0}, []byte{0x7E}, Unverifiable, CheckCommandLength},
			"no challenge":    {[]byte{0x90, 0x1A, 0, 0, 1, 7, 0}, []byte{0}, Unverifiable, CheckChallenge},
		} {
			for _, status := range tc.answers {
				g, cfg := opened(t, i, 8)
				at := len(g.rec.Exchanges)
				e := Exchange{Command: tc.command, Response: []byte{status}}
				if tc.command[0] == 0x80 || tc.command[0] == 0x90 {
					e.Response, e.Framing = []byte{0x91, status}, ISO
				}
				g.rec.Exchanges = append(g.rec.Exchanges, e)
				r := Verify(g.rec, cfg)
				if r.Verdict != tc.verdict && r.Verdict != Failed && !(name == "plain key" && r.Verdict == Unverifiable) ||
					len(r.Failures) == 0 || r.Failures[0].Exchange != at || tc.check != "" && r.Failures[0].Check != tc.check {
					t.Errorf("%s, %s, %02X: %v (%s)", kind.name, name, status, r.Verdict, r.Reason())
				}
			}
		}
	}
}
