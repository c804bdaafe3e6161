package pn532

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// target is an activated card.
type target struct {
	atqa [2]byte
	sak  byte
	uid  []byte
	ats  []byte // without its length; nil for a card without ISO/IEC 14443-4
}

// isoDEP reports whether the card speaks ISO/IEC 14443-4.
func (t *target) isoDEP() bool { return t.sak&0x20 != 0 && t.ats != nil }

// random reports whether the UID is another one each time.
func (t *target) random() bool { return len(t.uid) == 4 && t.uid[0] == 0x08 }

// same reports whether two activations can be of one card.
func (t *target) same(o *target) bool {
	return t.atqa == o.atqa && t.sak == o.sak && (bytes.Equal(t.uid, o.uid) || t.random() && o.random())
}

// ignored tells why the card takes no part, empty if it does.
func (t *target) ignored() string {
	if t.isoDEP() {
		return ""
	}
	return fmt.Sprintf("not a DESFire card: it does not speak ISO/IEC 14443-4 (SAK %02X)", t.sak)
}

// atr is the ATS in the form of an answer to reset (PC/SC part 3, 3.1.3.2.3.1).
func (t *target) atr() []byte {
	historical := historicalBytes(t.ats)
	atr := append([]byte{0x3B, 0x80 | byte(len(historical)), 0x80, 0x01}, historical...)
	check := byte(0)
	for _, b := range atr[1:] {
		check ^= b
	}
	return append(atr, check)
}

// historicalBytes are what follows T0 and the interface bytes that it announces.
func historicalBytes(ats []byte) []byte {
	if len(ats) == 0 {
		return nil
	}
	at := 1
	for _, bit := range []byte{0x10, 0x20, 0x40} {
		if ats[0]&bit != 0 {
			at++
		}
	}
	if at > len(ats) {
		return nil
	}
	return ats[at:min(len(ats), at+15)]
}

// rates is TA(1), the speeds of the card besides 106 kbit/s.
func (t *target) rates() byte {
	if len(t.ats) < 2 || t.ats[0]&0x10 == 0 {
		return 0
	}
	return t.ats[1]
}

// errTarget is an answer of the chip that cannot be.
var errTarget = errors.New("the chip describes a card in a way that cannot be")

// parseTargets takes the answer to InListPassiveTarget apart, nil without a card.
func parseTargets(b []byte) (*target, error) {
	switch {
	case len(b) == 0:
		return nil, errTarget
	case b[0] == 0:
		return nil, nil
	case len(b) < 6 || b[0] > 2 || b[1] != target1 || len(b) < 6+int(b[5]):
		return nil, errTarget
	}
	n := int(b[5])
	if n != 4 && n != 7 && n != 10 {
		return nil, errTarget
	}
	t := &target{atqa: [2]byte{b[2], b[3]}, sak: b[4], uid: bytes.Clone(b[6 : 6+n])}
	if ats := b[6+n:]; len(ats) > 0 {
		if ats[0] == 0 || int(ats[0]) > len(ats) {
			return nil, errTarget
		}
		t.ats = append([]byte{}, ats[1:ats[0]]...)
	}
	return t, nil
}

// activate powers the card up afresh and selects it; nil if there is none.
func (h *host) activate(ctx context.Context, speed Speed) (*target, error) {
	t, err := h.list(ctx)
	if err != nil || t == nil || speed <= Speed106 || !t.isoDEP() {
		return t, err
	}
	rate := t.fastest(speed)
	if rate == 0 {
		return t, nil
	}
	answer, err := h.ask(ctx, answerTime, cmdInPSL, []byte{target1, rate, rate})
	if err == nil && len(answer) == 1 && answer[0]&statusMask == 0 {
		return t, nil
	}
	if err != nil && !errors.Is(err, errSyntax) {
		return nil, err
	}
	return h.list(ctx) // at the speed that always goes
}

// list calls a card that has just got its power. One that was selected does not
// answer to another call, so each try begins with the field.
func (h *host) list(ctx context.Context) (*target, error) {
	var err error
	for range tries {
		for _, on := range []bool{false, true} {
			if err := h.field(ctx, on); err != nil {
				return nil, err
			}
		}
		var answer []byte
		answer, _, err = h.command(ctx, answerTime, cmdInListPassiveTarget, []byte{1, 0}) // one card, 106 kbit/s type A
		if err == nil {
			h.twice = false // what the card did before is over
			return parseTargets(answer)
		}
		if !isSilence(err) {
			break
		}
	}
	return nil, err
}

// fastest is the code of the highest speed up to a limit that both directions
// have, zero for none but the first.
func (t *target) fastest(limit Speed) byte {
	ta := t.rates()
	switch {
	case limit >= Speed424 && ta&0x22 == 0x22:
		return 2
	case limit >= Speed212 && ta&0x11 == 0x11:
		return 1
	}
	return 0
}

// present asks whether the activated card is still there: the chip sends it an
// R(NAK), which is no command and disturbs no session.
func (h *host) present(ctx context.Context) (bool, error) {
	answer, err := h.ask(ctx, answerTime, cmdDiagnose, []byte{diagnosePresence})
	if err != nil {
		return false, err
	}
	return len(answer) == 1 && answer[0]&statusMask == 0, nil
}
