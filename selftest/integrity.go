package selftest

import (
	"github.com/go-desfire/desfire/wire"
)

// integritySteps send what was changed on its way: the card must notice.
func integritySteps(g wire.Generation) []step {
	var steps []step
	for _, c := range channels(g) {
		steps = append(steps, step{
			id: "integrity." + c.name, title: "commands with a bit wrong in a session by " + c.name, source: "4.1, 5, 20.4",
			run: func(t *trial) { integrity(t, c) },
		})
	}
	return steps
}

func integrity(t *trial, c channel) {
	k3 := t.appFor(c)
	t.login(c.method, 0, zero(c.typ.Wire()))
	rights := wire.AccessRightsFromUint16(0x3333)
	t.create(
		&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionMAC, Access: rights, Size: 100},
		&wire.CreateStdDataFile{File: 8, Option: wire.OptionFull, Access: rights, Size: 100},
		&wire.CreateBackupDataFile{File: fileBackup, Option: wire.OptionMAC, Access: rights, Size: 100})
	write := func(no wire.FileNo, n int) wire.Command { return &wire.WriteData{File: no, Data: pattern(n, 1)} }
	for _, x := range []struct {
		cmd   wire.Command
		frame int // which of the frames of the command
		at    int // byte of its data
	}{
		{write(fileStd, 20), 1, -1},    // the MAC
		{write(fileStd, 20), 1, 7},     // what it protects
		{write(fileStd, 90), 2, -1},    // the MAC in the last frame of a chain
		{write(8, 20), 1, -1},          // the cryptogram
		{write(fileBackup, 20), 1, 10}, // pending data
	} {
		t.enter(appA)
		t.login(c.method, 3, k3)
		t.s.tap.flip(x.at, 0x40)
		t.s.tap.later(x.frame)
		t.refuses(x.cmd, wire.StatusIntegrityError)
		if c.fragile() {
			_, st := t.send(0x51)
			t.expect("GetCardUID after that", st, wire.StatusAuthenticationError)
		}
	}
	t.enter(appA)
	t.login(c.method, 3, k3)
	t.nothingPending()
	t.enter(appA)
	t.login(c.method, 3, k3)
	t.holds(8, 0, make([]byte, 20)) // not written
	// Without its MAC.
	n := 8
	if !c.fragile() {
		n = 4
	}
	t.s.tap.cut(n)
	st := t.refuses(write(fileStd, 20), wire.StatusLengthError, wire.StatusIntegrityError)
	t.observe("mac.missing."+c.name, "WriteData without its MAC in a session by "+c.name, "%04X", uint16(st))
}
