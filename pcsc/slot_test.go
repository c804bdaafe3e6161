package pcsc

import "testing"

func TestStep(t *testing.T) {
	const (
		empty   = uint32(StateEmpty)
		present = uint32(StatePresent)
		in, out = "+", "-"
	)
	for _, test := range []struct {
		name   string
		events []uint32
		want   []string
	}{
		{"empty", []uint32{empty | 2, empty}, []string{"", ""}},
		{"there already", []uint32{1<<16 | present | 2, 1<<16 | present}, []string{in, ""}},
		{"in and out", []uint32{empty, 1<<16 | present, 2<<16 | empty, 3<<16 | present}, []string{"", in, out, in}},
		{"out and in between two looks", []uint32{1<<16 | present, 3<<16 | present}, []string{in, out + in}},
		{"in and out between two looks", []uint32{2<<16 | empty, 4<<16 | empty}, []string{"", ""}},
		{"other programs come and go", []uint32{
			1<<16 | present, 1<<16 | present | uint32(StateInUse), 1<<16 | present | uint32(StateExclusive), 1<<16 | present,
		}, []string{in, "", "", ""}},
		{"no counter", []uint32{empty, present, present | uint32(StateInUse), empty}, []string{"", in, "", out}},
		{"counter wraps", []uint32{0xFFFF<<16 | present, 0<<16 | empty, 1<<16 | present}, []string{in, out, in}},
		{"mute, then well placed", []uint32{1<<16 | present | uint32(StateMute), 1<<16 | present}, []string{in, out + in}},
		{"reader fails", []uint32{1<<16 | present, 1<<16 | uint32(StateUnavailable), 2<<16 | present}, []string{in, out, in}},
		{"reader unknown", []uint32{1<<16 | present, uint32(StateUnknown | StateUnavailable)}, []string{in, out}},
	} {
		s := &slot{}
		if s.current() != 0 {
			t.Errorf("%s: a new slot is aware", test.name)
		}
		for i, event := range test.events {
			got := ""
			removed, inserted := s.step(event)
			if removed {
				got += out
			}
			if inserted {
				got += in
			}
			if got != test.want[i] {
				t.Errorf("%s, look %d: %q, want %q", test.name, i, got, test.want[i])
			}
			if s.current() != event&^2 {
				t.Errorf("%s, look %d: compares with %08X", test.name, i, s.current())
			}
		}
	}
}
