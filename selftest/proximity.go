package selftest

import (
	"bytes"
	"crypto/aes"
	"fmt"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// proximitySteps are about the proximity check and virtual cards of EV2 and
// EV3.
func proximitySteps(g wire.Generation) []step {
	return when(g, wire.FeatureProximity,
		step{id: "proximity.no-key", title: "PreparePC without a proximity key", source: "11, C-34", run: pcNoKey},
		step{id: "proximity.unknown-virtual-card", title: "SELECT of a virtual card that is not there", source: "12, HN 8", run: vcUnknown},
		step{id: "proximity.check", title: "the proximity check under a key of our own", source: "11, HN 9", lasting: true, run: pcCheck})
}

func pcNoKey(t *trial) {
	st := t.outcome(&wire.PreparePC{})
	t.expect("PreparePC", st, wire.StatusStateError, wire.StatusSignatureOK)
	t.observe("C-34", "PreparePC at the card level after a format", "%04X", uint16(st))
	t.anew()
	_, st = t.send(0xF2, append([]byte{8}, make([]byte, 8)...)...)
	t.expect("ProximityCheck without PreparePC", st, wire.StatusStateError)
	do(t, &wire.GetVersion{})
}

func vcUnknown(t *trial) {
	t.needsISO()
	iid := []byte{0xA0, 0x00, 0x00, 0x03, 0x96, 0x56, 0x43, 0x41, 0x03, 0xF0, 0x15, 0x40, 0x00, 0x00, 0x00, 0x7F}
	st := t.outcome(&wire.ISOSelectVC{IID: iid})
	t.expect("SELECT of a virtual card", st, wire.StatusISOFileNotFound, wire.StatusISOOK)
	t.observe("vc.unknown", "SELECT of an installation identifier of NXP's that the card does not have", "%04X", uint16(st))
}

func pcCheck(t *trial) {
	z := key.Zero(key.TypeAES)
	t.setPICCKeys(z, 0x20)
	t.login(key.MethodAES, 0x20, z)
	t.ok(t.card.ChangeKey(t.ctx, 0x21, z, z), "ChangeKey of key 21 of the card level")
	for _, rounds := range []int{1, 2, 4, 8} {
		cardFirst := t.check(rounds, true)
		saw := "the card's part, then the reader's"
		if !cardFirst {
			saw = "refused so"
			if t.check(rounds, false) {
				saw = "the reader's part, then the card's"
			}
		}
		t.observe("C-14", "order of the parts in the MAC of the proximity check", "%s", saw)
		if saw == "refused so" {
			t.fail("the card takes neither MAC")
		}
	}
	t.anew()
	do(t, &wire.PreparePC{})
	_, st := t.send(0x64, 0)
	t.expect("another command in the check", st, wire.StatusStateError)
	t.anew()
	do(t, &wire.GetKeyVersion{})
}

// check goes through a proximity check in so many rounds, and reports whether
// the card took the MAC. Then its own MAC must be right.
func (t *trial) check(rounds int, cardFirst bool) bool {
	t.anew()
	return t.checkOn(rounds, cardFirst)
}

// checkOn is check where the card is.
func (t *trial) checkOn(rounds int, cardFirst bool) bool {
	times := do(t, &wire.PreparePC{})
	head := []byte{times.Option, byte(times.PubRespTime >> 8), byte(times.PubRespTime)}
	if times.HasPPS1() {
		head = append(head, times.PPS1)
	}
	t.observe("proximity.times", "what PreparePC answers", "%X", head)
	challenge := pattern(8, byte(rounds))
	var parts []byte
	for n := 8 / rounds; len(challenge) > 0; challenge = challenge[n:] {
		answer := do(t, &wire.ProximityCheck{RndC: challenge[:n]}).Data
		if len(answer) != n {
			t.fail("a round of %d bytes is answered with %d", n, len(answer))
		}
		if cardFirst {
			parts = append(append(parts, answer...), challenge[:n]...)
		} else {
			parts = append(append(parts, challenge[:n]...), answer...)
		}
	}
	cmd := &wire.VerifyPC{MAC: pcMAC(0xFD, head, parts)}
	rsp := new(wire.PCMAC)
	err := t.card.Run(t.ctx, cmd, rsp)
	if st, refused := statusOf(err); refused && st == wire.StatusIntegrityError {
		return false
	}
	t.ok(err, "VerifyPC")
	want := pcMAC(0x90, head, parts)
	if !bytes.Equal(rsp.MAC[:], want[:]) {
		t.fail("%s", fmt.Sprintf("the card's MAC is wrong after %d rounds", rounds))
	}
	return true
}

// pcMAC is the MAC of the proximity check under a key of zeros.
func pcMAC(code byte, parts ...[]byte) [8]byte {
	b, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		panic(err) // the length is right
	}
	m := cmac.New(b)
	m.Reset(nil)
	m.Write([]byte{code})
	for _, p := range parts {
		m.Write(p)
	}
	return cmac.Truncated(m.Sum())
}
