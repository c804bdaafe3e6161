package wire_test

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

func TestCanAnswer(t *testing.T) {
	for _, x := range []struct {
		cmd wire.Command
		can []wire.Status
		not []wire.Status
	}{
		{&wire.Debit{}, []wire.Status{0x9100, 0x91BE, 0x91AE, 0x919D, 0x91F0, 0x91CA, 0x910E}, []wire.Status{0x91AF, 0x910C, 0x91DE, 0x91A0, 0x9140, 0x9190, 0x9000, 0x6985, 0x6F00, 0x0000, 0x9142, 0x91AD}},
		{&wire.CommitTransaction{}, []wire.Status{0x9100, 0x910C, 0x919D, 0x917E, 0x91EE, 0x910E}, []wire.Status{0x91BE, 0x91F0, 0x9000, 0x91AF, 0x91DE}},
		{&wire.SelectApplication{}, []wire.Status{0x91A0, 0x91CA}, []wire.Status{0x91F0, 0x910C, 0x91BE, 0x6A82}},
		{&wire.AuthenticateAES{}, []wire.Status{0x91AF, 0x91AD, 0x9140, 0x91AE}, []wire.Status{0x9100, 0x91BE, 0x91F0}},
		{&wire.AuthenticateAESPart2{}, []wire.Status{0x9100, 0x91AE, 0x917E}, []wire.Status{0x91AF, 0x9140, 0x91F0}},
		{&wire.ReadSignature{}, []wire.Status{0x9100, 0x9190, 0x91AE}, []wire.Status{0x91F0, 0x910C}},
		{&wire.PreparePC{}, []wire.Status{0x9190, 0x910B, 0x911C}, []wire.Status{0x9100, 0x91BE}},
		{&wire.CreateStdDataFile{}, []wire.Status{0x91DE, 0x910E, 0x91CE}, []wire.Status{0x91F0, 0x91A0, 0x910C}},
		{&wire.ChangeKey{}, []wire.Status{0x911E, 0x9140, 0x919D}, []wire.Status{0x91DE, 0x91F0, 0x910E}},
		{&wire.ISOReadBinary{}, []wire.Status{0x9000, 0x6282, 0x6C10, 0x6982}, []wire.Status{0x9100, 0x91AE, 0x6A83, 0x6283}},
		{&wire.ISOSelect{}, []wire.Status{0x9000, 0x6283, 0x6A82}, []wire.Status{0x91A0, 0x6282}},
		{&wire.Raw{Class: wire.ClassNative, INS: 0x12}, []wire.Status{0x91BE, 0x910C, 0x91DE}, []wire.Status{0x9142, 0x9000}},
		{&wire.Raw{INS: 0x12}, []wire.Status{0x9000, 0x6A83}, []wire.Status{0x91BE}},
	} {
		s := x.cmd.Spec()
		for _, st := range x.can {
			if !s.CanAnswer(st) {
				t.Errorf("%s cannot answer %v", s.Name, st)
			}
		}
		for _, st := range x.not {
			if s.CanAnswer(st) {
				t.Errorf("%s can answer %04X", s.Name, uint16(st))
			}
		}
	}
}

// A success of a part, or of another command, is no refusal.
func TestCanRefuse(t *testing.T) {
	for s := range wire.Commands() {
		for st := range wire.Status(0xFFFF) {
			good := st == 0x9100 || st == 0x9190 || st == 0x91AF
			if can := s.CanRefuse(st); can != (s.CanAnswer(st) && !good) {
				t.Errorf("%s: refuses with %04X: %v", s.Name, uint16(st), can)
			}
		}
	}
	raw := (&wire.Raw{Class: wire.ClassNative, INS: 0x12}).Spec()
	if !raw.CanAnswer(wire.StatusAdditionalFrame) || raw.CanRefuse(wire.StatusAdditionalFrame) || raw.CanRefuse(wire.StatusOK) {
		t.Error("an undeclared command refuses with a success")
	}
}

// Every command can answer its own success and has a refusal; none answers
// what is not in the vocabulary.
func TestEveryCommandHasStatuses(t *testing.T) {
	for s := range wire.Commands() {
		n := 0
		for st := range wire.Status(0xFFFF) {
			if !s.CanAnswer(st) {
				continue
			}
			n++
			if !st.Known() && st>>8 != 0x6C || s.Class == wire.ClassNative && !st.IsNative() {
				t.Errorf("%s can answer %04X", s.Name, uint16(st))
			}
		}
		if !s.CanAnswer(s.Success) || n < 5 {
			t.Errorf("%s: %d statuses", s.Name, n)
		}
	}
}

// What the data sheet of NTAG 424 DNA and DESFire Light, and the command
// reference, say of a status stands in its words.
func TestStatusWords(t *testing.T) {
	for status, words := range map[wire.Status][]string{
		0x910B: {"state"}, 0x910C: {"nothing was pending"}, 0x910E: {"memory"}, 0x911C: {"not know this command", "state", "switched off"},
		0x911E: {"CRC", "MAC", "padding"}, 0x9140: {"no key"}, 0x917E: {"length", "MAC"}, 0x919D: {"forbid", "whatever the key"},
		0x919E: {"parameter", "not valid"}, 0x91A0: {"no such application"}, 0x91A1: {"application is disabled"}, 0x91AD: {"waits after failed"},
		0x91AE: {"not authenticated"}, 0x91AF: {"more"}, 0x91BE: {"beyond"}, 0x91C1: {"cannot be mended", "card disables itself"},
		0x91CA: {"not finished", "frames"}, 0x91CD: {"has disabled itself"}, 0x91CE: {"number of applications"}, 0x91DE: {"exists already"},
		0x91EE: {"could not be written", "power"}, 0x91F0: {"no such file"}, 0x91F1: {"file is disabled"},
		0x6110: {"16 bytes"}, 0x63C3: {"3 tries"}, 0x6C00: {"256 bytes"}, 0x6800: {"class"}, 0x6882: {"secure messaging"}, 0x6A88: {"not there"}, 0x6B00: {"P1 or P2"},
	} {
		for _, w := range words {
			if text := status.Error(); !status.Known() || !strings.Contains(text, w) {
				t.Errorf("%04X: %q is not in %q", uint16(status), w, text)
			}
		}
	}
	for _, s := range []wire.Status{0x0000, 0x9155, 0x5580, 0x9F17} {
		if s.Known() || !strings.Contains(s.Error(), "unknown status") {
			t.Errorf("%04X: %v", uint16(s), s.Error())
		}
	}
}
