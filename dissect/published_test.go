package dissect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
)

// one is what is said of a message, in lines for a test to look for.
func lines(m *dissect.Message) string {
	var b strings.Builder
	_, _, verdict := m.Verdict()
	fmt.Fprintf(&b, "%s|%s|%s|%s\n%s\n%s\n", m.Name, m.About, m.Protection, verdict, m.Did, m.Mode)
	for _, f := range m.Fields() {
		inner := ""
		if f.Inner {
			inner = "inner "
		}
		fmt.Fprintf(&b, "%s%s|%s|%X|%s\n", inner, f.Kind, f.Name, f.Bytes, f.Value)
	}
	for _, s := range m.State {
		fmt.Fprintf(&b, "%s: %s>%s\n", s.Name, s.Before, s.Value)
	}
	return b.String()
}

// What NXP's application notes, other programs and real cards say of these bytes.
func TestPublished(t *testing.T) {
	for _, test := range []struct {
		file     string
		exchange int
		want     []string
	}{
		// AN12196 (NTAG 424 DNA): authentication with key 0, then the NDEF file is written.
		{"an12196-auth-key0-write", 1, []string{"AuthenticateEV2First|key 0|handshake|key fits", "inner data|TI|9D00C4DF|", "inner data|PDcap2|000000000000|", "Command counter: >0"}},
		{"an12196-auth-key0-write", 2, []string{"WriteDataISO|file 2, 128 bytes|enciphered|both MACs right", "head|Length|800000|128", "inner pad|Padding|80000000000000000000000000000000|", "Command counter: 0>1"}},
		// AN12343 (DESFire Light), tables 23 and 24: 25 bytes with MAC.
		{"an12343-t23-t24-mac-rw", 0, []string{"WriteDataISO|file 0, 25 bytes|with MAC|both MACs right", "head|Length|190000|25", "mac|MAC|68F2C28C575A1628|", "mac|MAC|0820F68898C2A7F1|", "Transaction identifier: >E2D3AF69", "Command counter: 0>1"}},
		{"an12343-t23-t24-mac-rw", 1, []string{"ReadDataISO|file 0, 48 bytes|with MAC|both MACs right", "mac|MAC|A49A44222D926666|", "Command counter: 1>2"}},
		// tables 35 to 37: a value read, credited, debited; the commit between is not printed.
		{"an12343-t35-t37-value", 0, []string{"GetValue|file 3 = 0|enciphered|both MACs right", "inner data|Value|00000000|0", "inner pad|Padding|800000000000000000000000|", "Value of file 3, as the reader believes: >0"}},
		{"an12343-t35-t37-value", 1, []string{"Credit|file 3, 153|", "Adds 153 to file 3.", "inner data|Amount|99000000|153", "Pending: >credit 153 to file 3"}},
		{"an12343-t35-t37-value", 2, []string{"Debit|file 3, 113|", "inner data|Amount|71000000|113", "Pending: >debit 113 of file 3", "Command counter: 3>4"}},
		// a real EV1 card: settings changed in an AES session, a file written in full mode.
		{"skjolber-ev1-testaes3", 7, []string{"ChangeKeySettings||enciphered|CRC and MAC right", "inner crc|CRC|C1684EF0|", "inner pad|Padding|0000000000000000000000|"}},
		{"skjolber-ev1-testaes3", 25, []string{"WriteData|file 15, 22 bytes|enciphered|CRC and MAC right", "inner data|Data|416E6F7468657220626C6F636B206F6620646174612E|“Another block of data.”", "inner crc|CRC|911E8AF2|", "EV1, enciphered: file 15 is set to enciphered"}},
		// a real transit card, whose keys nobody has: D40 session, 4-byte MACs.
		{"istanbulkart-ev1-d40-mac", 0, []string{"head|CLA|90|"}},
		// a real NTAG 424 DNA that speaks LRP.
		{"ntag424rs-lrp-key0", 1, []string{"AuthenticateLRPFirst|key 0|handshake|key fits", "head|AuthMode|01|", "inner data|TI|BBE12900|"}},
		{"ntag424rs-lrp-key0", 6, []string{"ReadSignature||enciphered|both MACs right", "inner pad|Padding|8000000000000000|", "Command counter: 1>2"}},
	} {
		rec, err := trace.ReadFile("../testdata/traces/" + test.file + ".json")
		if err != nil {
			t.Fatal(err)
		}
		got := lines(dissect.Recording(rec, &dissect.Config{DefaultKeys: true}).At(test.exchange))
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s %d: %q is not in\n%s", test.file, test.exchange, want, got)
			}
		}
	}
}

// A message is the same, however much of the recording around it is looked at.
func TestSameEverywhere(t *testing.T) {
	conf := &dissect.Config{DefaultKeys: true}
	n := 0
	for name, rec := range recordings(t) {
		whole := dissect.Recording(rec, conf)
		f := dissect.NewFollower(rec.Framing, &dissect.Config{DefaultKeys: true, Keys: rec.Keys})
		var all []*dissect.Message
		for _, e := range rec.Exchanges {
			all = append(all, f.Feed(e)...)
		}
		all = append(all, f.Flush()...)
		if len(all) != len(whole.Messages) {
			t.Errorf("%s: %d messages one by one, %d in a whole", name, len(all), len(whole.Messages))
			continue
		}
		for _, m := range all {
			other := whole.At(m.No)
			one := dissect.One(rec, m.No, conf)
			if one == nil || other == nil {
				t.Errorf("%s: there is no message of exchange %d", name, m.No)
				continue
			}
			for _, x := range []*dissect.Message{m, one} {
				if x.Name != other.Name || x.No != other.No || x.Last != other.Last || len(x.Fields()) == 0 {
					t.Errorf("%s: exchange %d is %s or %s", name, m.No, x.Name, other.Name)
				}
			}
			n++
		}
	}
	if n < 500 {
		t.Errorf("only %d messages were compared", n)
	}
}
