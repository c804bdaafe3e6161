package wire_test

import (
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
