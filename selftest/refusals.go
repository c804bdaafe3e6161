package selftest

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// refusalSteps provoke refusals that change nothing and that no card counts.
func refusalSteps(g wire.Generation) []step {
	steps := []step{
		{id: "error.unknown-command", title: "an INS that nobody has", source: "4.1", run: refuseUnknown},
		{id: "error.foreign-commands", title: "commands of other generations are unknown", source: "19.1", run: refuseForeign},
		{id: "error.known-commands", title: "every command of the generation is known", source: "19.1", run: knowOwn},
		{id: "error.length", title: "commands that are too short or too long", source: "4.1", run: refuseLength},
		{id: "error.chain-aborted", title: "another command in the middle of GetVersion", source: "2.1", run: refuseInChain},
		{id: "error.no-chain", title: "AF with nothing to continue", source: "2.1", run: refuseNoChain},
		{id: "error.transaction-at-card-level", title: "commit and abort at the card level", source: "10.2", run: refuseCommit},
		{id: "error.apdu", title: "malformed APDUs", source: "2.2, 4.4", run: refuseAPDU},
	}
	if classic(g) {
		steps = append(steps, step{id: "error.unknown-application", title: "SelectApplication of an application that is not there", source: "7.2", run: refuseApplication})
	}
	steps = append(steps, when(g, wire.FeatureCardUID,
		step{id: "error.uid-needs-session", title: "GetCardUID outside a session", source: "7.1", run: refuseCardUID})...)
	return append(steps, when(g, wire.FeatureDelegated,
		step{id: "error.delegation-slot", title: "GetDelegatedInfo of an unused slot", source: "7.5", run: refuseSlot})...)
}

func refuseUnknown(t *trial) {
	for _, ins := range []byte{0x99, 0x13, 0xE7} {
		_, st := t.send(ins)
		t.expect(fmt.Sprintf("INS %02X", ins), st, wire.StatusIllegalCommand)
	}
	do(t, &wire.GetVersion{}) // and the card goes on
}

// empties are the native INS bytes of the card, or of all others, that can
// be sent without data and do nothing: all but those that need none.
func (t *trial) empties(own bool) []*wire.Spec {
	known := map[byte]bool{}
	for s := range wire.Commands() {
		if s.Needs == wire.FeatureTagTamper && !t.s.version.TagTamper() {
			continue
		}
		if s.Class == wire.ClassNative && s.In(t.gen) && s.Unknown == "" {
			known[s.INS] = true
		}
	}
	var list []*wire.Spec
	seen := map[byte]bool{0xAF: true, // goes on with another command
		0xF0: true, 0xF2: true, 0xFD: true} // lock the card into the proximity check
	for s := range wire.Commands() {
		if s.Class != wire.ClassNative || s.Unknown != "" || seen[s.INS] || known[s.INS] != own {
			continue
		}
		seen[s.INS] = true
		list = append(list, s)
	}
	return list
}

// Without data even a card that knows the command does nothing.
func refuseForeign(t *trial) {
	list := t.empties(false)
	for _, s := range list {
		_, st := t.send(s.INS)
		t.expect(fmt.Sprintf("%s (%02X), which this generation lacks", s.Name, s.INS), st, wire.StatusIllegalCommand)
	}
	if len(list) == 0 {
		t.skip("this generation has all commands")
	}
}

func knowOwn(t *trial) {
	for _, s := range t.empties(true) {
		_, st := t.send(s.INS)
		for n := 0; st == wire.StatusAdditionalFrame && n < 64; n++ {
			_, st = t.send(0xAF)
		}
		if st == wire.StatusIllegalCommand {
			t.fail("%s (%02X) is unknown to the card", s.Name, s.INS)
		}
		if st == wire.StatusAdditionalFrame {
			t.fail("%s (%02X): the answer does not end", s.Name, s.INS)
		}
	}
}

func refuseLength(t *trial) {
	_, st := t.send(0x64) // GetKeyVersion without number
	t.expect("GetKeyVersion without a key number", st, wire.StatusLengthError)
	_, st = t.send(0x64, 0, 0, 0)
	t.expect("GetKeyVersion with three bytes", st, wire.StatusLengthError)
	if classic(t.gen) {
		_, st = t.send(0x5A, 0, 0)
		t.expect("SelectApplication with two bytes", st, wire.StatusLengthError)
		_, st = t.send(0x6A, 0)
		t.expect("GetApplicationIDs with a byte", st, wire.StatusLengthError)
	}
	if t.gen.Has(wire.FeatureEV1Commands) {
		_, st = t.send(0x6E, 0)
		t.expect("FreeMem with a byte", st, wire.StatusLengthError)
	}
	do(t, &wire.GetVersion{})
}

func refuseInChain(t *trial) {
	t.application()
	_, st := t.send(0x60)
	t.expect("the first part of GetVersion", st, wire.StatusAdditionalFrame)
	_, st = t.send(0x64, 0)
	what := "a command in the middle of GetVersion"
	if t.gen == wire.D40 || t.gen == wire.EV1 {
		// Not recorded: these may begin the new command (reference 2.1).
		t.expect(what, st, wire.StatusCommandAborted, wire.StatusOK)
		t.observe("chain.intruder", "a command in the middle of another", "%04X", uint16(st))
	} else {
		t.expect(what, st, wire.StatusCommandAborted)
	}
	_, st = t.send(0x64, 0)
	t.expect("the same command once more", st, wire.StatusOK)
	do(t, &wire.GetVersion{})
}

func refuseNoChain(t *trial) {
	_, st := t.send(0xAF)
	if st == wire.StatusOK || st == wire.StatusAdditionalFrame {
		t.fail("AF with no chain open: %04X; want a refusal", uint16(st))
	}
	t.observe("chain.none", "AF with nothing to continue", "%04X", uint16(st))
	do(t, &wire.GetVersion{})
}

func refuseCommit(t *trial) {
	if !t.gen.Has(wire.FeatureTransactions) {
		_, st := t.send(0xC7)
		t.expect("CommitTransaction", st, wire.StatusIllegalCommand)
		return
	}
	st := t.refuses(&wire.CommitTransaction{}, wire.StatusPermissionDenied, wire.StatusNoChanges)
	t.refuses(&wire.AbortTransaction{}, wire.StatusPermissionDenied, wire.StatusNoChanges)
	t.observe("commit.card-level", "CommitTransaction at the card level", "%04X", uint16(st))
}

// refuseAPDU sends APDUs that readers may refuse to carry: then there is
// nothing to judge.
func refuseAPDU(t *trial) {
	if t.s.framing != desfire.FramingWrapped {
		t.skip("native frames are used")
	}
	for _, x := range []struct {
		id, what string
		frame    []byte
		reaches  bool // every reader carries it
	}{
		{"apdu.p1p2", "P1 that is not 00", []byte{0x90, 0x60, 0x01, 0, 0}, true},
		{"apdu.class", "class 80", []byte{0x80, 0x60, 0, 0, 0}, true},
		{"apdu.iso-ins", "an INS of ISO 7816-4 that the card lacks", []byte{0x00, 0x12, 0, 0, 0}, true},
		{"apdu.lc", "Lc longer than the data", []byte{0x90, 0x64, 0, 0, 5, 0, 0}, false},
	} {
		t.anew()
		_, st, ok := t.raw(x.frame...)
		if !ok {
			if x.reaches {
				t.fail("%s: the link does not carry %X", x.what, x.frame)
			}
			t.anew()
			t.observe(x.id, x.what, "the reader does not carry it")
			continue
		}
		if st == wire.StatusOK || st == wire.StatusAdditionalFrame || st == wire.StatusISOOK {
			t.fail("%s was accepted: %04X", x.what, uint16(st))
		}
		t.observe(x.id, x.what, "%04X", uint16(st))
	}
	t.anew()
	do(t, &wire.GetVersion{})
}

// absent is an AID that the card does not have.
func (t *trial) absent() wire.AID {
	aids, err := t.card.Applications(t.ctx)
	t.ok(lostOnly(err), "GetApplicationIDs")
	aid := wire.AID(0xF5F0A0)
	for slices.Contains(aids, aid) {
		aid++
	}
	return aid
}

func refuseApplication(t *trial) {
	t.refuses(&wire.SelectApplication{AID: t.absent()}, wire.StatusApplicationNotFound)
	do(t, &wire.GetVersion{})
	t.ok(t.card.SelectApplication(t.ctx, wire.PICC), "select the card level")
}

func refuseCardUID(t *trial) {
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError)
}

func refuseSlot(t *trial) {
	st := t.outcome(&wire.GetDelegatedInfo{Slot: 0x00FE})
	t.expect("GetDelegatedInfo of slot 254", st, wire.StatusApplicationNotFound, wire.StatusParameterError)
	t.observe("delegation.unused-slot", "GetDelegatedInfo of an unused slot", "%04X", uint16(st))
}
