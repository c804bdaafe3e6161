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
