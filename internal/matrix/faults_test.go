package matrix_test

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// truth is what became of the command.
type truth uint8

const (
	withheld truth = iota // the card never saw it
	done
	late // the card gets it when the reader has given up
	powerBefore
	powerAfter
	wornOut // the card's memory fails: an honest refusal
)

func (t truth) String() string {
	return [...]string{"the card saw nothing", "the card did it", "the card gets it late", "power lost before", "power lost after", "memory fails"}[t]
}

// fault is what the reader sees in one exchange, and what is true.
type fault struct {
	group string // of the table
	name  string
	truth truth
	shown func(a *air, real []byte) ([]byte, error)

	cancelBefore bool
	foreign      bool                       // needs another session
	can          func(c *cell, at int) bool // nil: in every exchange
}

func (f *fault) String() string { return f.name + ", " + f.truth.String() }

func lost(*air, []byte) ([]byte, error) {
	return nil, &airError{text: "no answer", sent: true}
}

func unsent(*air, []byte) ([]byte, error) { return nil, &airError{text: "nothing was sent"} }

func timedOut(a *air, _ []byte) ([]byte, error) {
	a.dead = true
	return nil, &airError{"no answer in time", true, context.DeadlineExceeded}
}

func cancelled(a *air, _ []byte) ([]byte, error) {
	a.dead = true
	a.cancel(context.Canceled)
	return nil, &airError{"cancelled", true, context.Canceled}
}

// answer shows what change makes of the card's answer.
func answer(change func(a *air, real []byte) []byte) func(*air, []byte) ([]byte, error) {
	return func(a *air, real []byte) ([]byte, error) { return change(a, bytes.Clone(real)), nil }
}

func cut(n func(l int) int) func(*air, []byte) ([]byte, error) {
	return answer(func(_ *air, b []byte) []byte { return b[:max(min(n(len(b)), len(b)), 0)] })
}

// flip turns one bit; at counts bytes from the end where it is negative.
func flip(at, bit int) func(*air, []byte) ([]byte, error) {
	return answer(func(_ *air, b []byte) []byte {
		i := at
		if i < 0 {
			i += len(b)
		}
		if n := len(b); i < 0 || i >= n {
			i = ((i % n) + n) % n
		}
		b[i] ^= 1 << bit
		return b
	})
}

// forged is an answer of the attacker's.
func forged(s wire.Status, data ...byte) func(*air, []byte) ([]byte, error) {
	return answer(func(*air, []byte) []byte { return append(bytes.Clone(data), byte(s>>8), byte(s)) })
}

// Refusals that a card may give, and some that none gives.
var refusals = []wire.Status{
	0x910C, 0x911C, 0x911E, 0x917E, 0x919D, 0x91A0, 0x91AE, 0x91BE, 0x91CA, 0x91CD, 0x91DE, 0x91EE, 0x91F0,
	0x9142, 0x9000, 0x6F00, 0x0000, 0x6982, 0x6A82, 0xD100,
}

const (
	groupLost    = "command or answer lost"
	groupCut     = "answer cut"
	groupFlip    = "answer flipped"
	groupRepeat  = "answer repeated"
	groupForeign = "answer of another session"
	groupRefusal = "forged refusal"
	groupSuccess = "forged success"
	groupForged  = "forged settings"
	groupLate    = "late"
	groupCancel  = "cancelled"
	groupPower   = "power lost"
)

var groups = []string{
	groupLost, groupCut, groupFlip, groupRepeat, groupForeign, groupRefusal, groupSuccess, groupForged, groupLate, groupCancel, groupPower,
}

// faults are all that one exchange is put through. An answer that the reader
// may not believe is shown also where the card never saw the command: an
// attacker could have guessed it.
var faults = makeFaults()

func makeFaults() (all []*fault) {
	add := func(f fault, truths ...truth) {
		for _, t := range truths {
			x := f
			x.truth = t
			all = append(all, &x)
		}
	}
	add(fault{group: groupLost, name: "no answer", shown: lost}, withheld, done)
	add(fault{group: groupLost, name: "not sent", shown: unsent}, withheld)
	add(fault{group: groupLate, name: "no answer", shown: lost}, late)
	add(fault{group: groupLate, name: "no answer in time", shown: timedOut}, withheld, done, late)
	add(fault{group: groupCancel, name: "cancelled before", shown: unsent, cancelBefore: true}, withheld)
	add(fault{group: groupCancel, name: "cancelled", shown: cancelled}, withheld, done, late)
	add(fault{group: groupPower, name: "no answer", shown: lost}, powerBefore, powerAfter)
	add(fault{group: groupPower, name: "memory fails", shown: answer(func(_ *air, b []byte) []byte { return b })}, wornOut)
	for _, c := range []struct {
		name string
		n    func(l int) int
	}{
		{"nothing left", func(int) int { return 0 }},
		{"one byte left", func(int) int { return 1 }},
		{"last byte gone", func(l int) int { return l - 1 }},
		{"half", func(l int) int { return l / 2 }},
	} {
		add(fault{group: groupCut, name: "cut: " + c.name, shown: cut(c.n)}, withheld, done)
	}
	add(fault{group: groupCut, name: "cut: data gone", shown: answer(func(_ *air, b []byte) []byte { return b[len(b)-2:] })}, withheld, done)
	add(fault{group: groupCut, name: "cut: first byte gone", shown: answer(func(_ *air, b []byte) []byte { return b[min(1, len(b)-2):] })}, withheld, done)
	add(fault{group: groupCut, name: "a byte more", shown: answer(func(_ *air, b []byte) []byte { return append([]byte{0}, b...) })}, withheld, done)
	add(fault{group: groupCut, name: "a byte more behind", shown: answer(func(_ *air, b []byte) []byte { return append(b, 0) })}, withheld, done)
	for _, s := range []wire.Status{0x910C, 0x919D} {
		add(fault{group: groupRefusal, name: fmt.Sprintf("refused %04X behind the answer", uint16(s)), shown: answer(func(_ *air, b []byte) []byte {
			return append(b, byte(s>>8), byte(s))
		})}, withheld, done)
	}
	for bit := range 8 {
		add(fault{group: groupFlip, name: fmt.Sprintf("bit %d of the status", bit), shown: flip(-1, bit)}, withheld, done)
	}
	for _, at := range []int{0, 1, 3, -2, -3, -6, -10, -11} {
		add(fault{group: groupFlip, name: fmt.Sprintf("a bit of byte %d", at), shown: flip(at, (at+16)%8)}, withheld, done)
	}
	add(fault{group: groupRepeat, name: "the answer before", shown: answer(func(a *air, b []byte) []byte {
		if a.at < 2 {
			return b
		}
		return bytes.Clone(a.clean[a.at-2].answer)
	})}, withheld, done)
	add(fault{group: groupRepeat, name: "the last answer to the same command", can: func(c *cell, at int) bool { return sameBefore(c.clean, at) != nil },
		shown: answer(func(a *air, _ []byte) []byte { return bytes.Clone(sameBefore(a.clean, a.at)) })}, withheld, done)
	add(fault{group: groupForged, name: "settings of mode plain", can: func(c *cell, at int) bool { return c.clean[at-1].command[1] == wire.InsGetFileSettings },
		shown: answer(func(_ *air, b []byte) []byte { b[1] &^= 3; return b })}, withheld, done)
	add(fault{group: groupForeign, name: "foreign", foreign: true}, withheld, done)
	for _, s := range refusals {
		add(fault{group: groupRefusal, name: fmt.Sprintf("refused %04X", uint16(s)), shown: forged(s)}, withheld, done)
	}
	for _, x := range []struct {
		name string
		s    wire.Status
		data []byte
	}{
		{"9100", wire.StatusOK, nil},
		{"9100 and 8 bytes", wire.StatusOK, bytes.Repeat([]byte{0x5A}, 8)},
		{"9100 and 8 zeros", wire.StatusOK, make([]byte, 8)},
		{"91AF", wire.StatusAdditionalFrame, nil},
		{"91AF and 16 bytes", wire.StatusAdditionalFrame, bytes.Repeat([]byte{0x5A}, 16)},
		{"9190", 0x9190, nil},
	} {
		add(fault{group: groupSuccess, name: "forged " + x.name, shown: forged(x.s, x.data...)}, withheld, done)
	}
	add(fault{group: groupSuccess, name: "forged of the right length", shown: answer(func(_ *air, b []byte) []byte {
		for i := range b[:len(b)-2] {
			b[i] = byte(0xC3 ^ i)
		}
		return b
	})}, withheld, done)
	return all
}

// sameBefore is the answer to the last command before an exchange that begins
// as its command does, nil if there is none.
func sameBefore(clean []exchange, at int) []byte {
	if at > len(clean) {
		return nil
	}
	for i := at - 2; i >= 0; i-- {
		if clean[i].command[1] == clean[at-1].command[1] && clean[i].command[1] != 0xAF {
			return clean[i].answer
		}
	}
	return nil
}
