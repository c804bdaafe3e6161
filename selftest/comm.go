package selftest

import (
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// commSteps go through every communication mode in every kind of session, with
// every type of key and file.
func commSteps(g wire.Generation) []step {
	var steps []step
	for _, c := range channels(g) {
		for _, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
			steps = append(steps, step{
				id: fmt.Sprintf("comm.%s.%v", c.name, mode), title: fmt.Sprintf("all file types in mode %v in a session by %s", mode, c.name),
				source: "5", run: func(t *trial) { commAll(t, c, mode) },
			})
		}
		steps = append(steps, step{
			id: fmt.Sprintf("comm.%s.free", c.name), title: "what is only free stays plain in a session by " + c.name,
			source: "5.5, HN 1", run: func(t *trial) { commFree(t, c) },
		})
	}
	return steps
}

// allFiles are files of all types with one option and the same rights.
func allFiles(o wire.FileOption, r wire.AccessRights) []wire.Request[*wire.Empty] {
	return []wire.Request[*wire.Empty]{
		&wire.CreateStdDataFile{File: fileStd, Option: o, Access: r, Size: 200},
		&wire.CreateBackupDataFile{File: fileBackup, Option: o, Access: r, Size: 32},
		&wire.CreateValueFile{File: fileValue, Option: o, Access: r, Lower: -50, Upper: 1000, Value: 100, Flags: wire.ValueLimitedCredit},
		&wire.CreateLinearRecordFile{File: fileLinear, Option: o, Access: r, RecordSize: 40, MaxRecords: 3},
		&wire.CreateCyclicRecordFile{File: fileCyclic, Option: o, Access: r, RecordSize: 8, MaxRecords: 3},
	}
}

func commAll(t *trial, c channel, mode wire.CommMode) {
	k3 := t.appFor(c)
	t.login(c.method, 0, zero(c.typ.Wire()))
	t.create(allFiles(wire.FileOption(mode), wire.AccessRightsFromUint16(0x2230))...)
	t.equal("the mode in the settings", t.settings(fileStd).Comm(), mode)
	t.login(c.method, 3, k3)
	t.commData(mode)
	t.commValue(c, mode, k3)
	t.commRecords()
	if t.gen.Has(wire.FeatureUpdateRecord) {
		do(t, &wire.UpdateRecord{File: fileLinear, Record: 1, Offset: 2, Data: pattern(5, 0x77)})
		t.commit()
		old := pattern(40, 0x51)
		copy(old[2:], pattern(5, 0x77))
		t.records(fileLinear, 1, 1, old)
	}
	do(t, &wire.ClearRecordFile{File: fileLinear})
	t.commit()
	t.equal("records after ClearRecordFile", t.settings(fileLinear).Records, uint32(0))
	// The session has come through all of it.
	t.equal("the files", do(t, &wire.GetFileIDs{}).Files, []wire.FileNo{fileStd, fileBackup, fileValue, fileLinear, fileCyclic})
	t.commForeign(c)
}

// commForeign reads with the key that may only read, and without any.
func (t *trial) commForeign(c channel) {
	t.enter(appA)
	t.refuses(&wire.ReadData{File: fileStd, Length: 4}, wire.StatusAuthenticationError)
	t.login(c.method, 2, zero(c.typ.Wire()))
	t.holds(fileStd, 0, pattern(200, 0x11))
	t.records(fileCyclic, 0, 2, pattern(8, 0x62), pattern(8, 0x63))
}

func (t *trial) commData(mode wire.CommMode) {
	whole := pattern(200, 0x11)
	t.write(fileStd, 0, whole)
	from := len(t.s.tap.answers)
	t.holds(fileStd, 0, whole)
	t.observeCut(mode, t.s.tap.answers[from:])
	for _, part := range []struct{ from, n int }{{0, 1}, {199, 1}, {7, 16}, {3, 47}, {100, 59}, {60, 60}} {
		t.holds(fileStd, part.from, whole[part.from:][:part.n])
	}
	if got := t.read(fileStd, 150, 0); string(got) != string(whole[150:]) {
		t.fail("length 0 from 150: %s; want %s", show(got), show(whole[150:]))
	}
	t.write(fileStd, 30, pattern(3, 0x22))
	copy(whole[30:], pattern(3, 0x22))
	t.holds(fileStd, 25, whole[25:40])
	t.write(fileStd, 30, pattern(200, 0x11)[30:33])
	t.write(fileBackup, 4, pattern(20, 0x33))
	t.holds(fileBackup, 0, make([]byte, 32))
	t.commit()
	t.holds(fileBackup, 4, pattern(20, 0x33))
}

// observeCut notes how an answer was cut into frames.
func (t *trial) observeCut(mode wire.CommMode, cut []int) {
	session, _ := t.card.Session()
	t.observe(fmt.Sprintf("frames.read.%v.%v.%v", session.Scheme, keyName(session.Method), mode),
		fmt.Sprintf("answer frames of a read of 200 bytes in mode %v, %v session by %v", mode, session.Scheme, session.Method), "%v", cut)
}

func keyName(m key.Method) string {
	switch m {
	case key.MethodD40:
		return "d40"
	case key.MethodISO:
		return "iso"
	case key.MethodAES:
		return "aes"
	case key.MethodISO7816:
		return "iso7816"
	}
	return "ev2"
}

func (t *trial) commValue(c channel, mode wire.CommMode, k3 *key.Secret) {
	t.value(100)
	if mode == wire.CommMAC && c.scheme != wire.SchemeEV2 {
		// Does Credit carry a MAC here? Sources differ (C-8).
		st := t.outcome(&wire.Credit{File: fileValue, Amount: 1})
		t.observe(fmt.Sprintf("C-8.%v", c.scheme), fmt.Sprintf("Credit with a MAC in a session of kind %v", c.scheme), "%04X", uint16(st))
		if st != wire.StatusOK {
			t.expect("Credit with a MAC", st, wire.StatusLengthError, wire.StatusIntegrityError)
			t.enter(appA)
			t.login(c.method, 3, k3)
			return
		}
		t.abort()
	}
	t.credit(25)
	t.debit(40)
	t.value(100)
	t.commit()
	t.value(85)
	do(t, &wire.LimitedCredit{File: fileValue, Amount: 40})
	t.abort()
	t.value(85)
}

func (t *trial) commRecords() {
	first, second := pattern(40, 0x51), pattern(40, 0x52)
	t.record(fileLinear, first)
	t.writeRecord(fileLinear, 0, second[:13])
	t.writeRecord(fileLinear, 13, second[13:])
	t.commit()
	t.records(fileLinear, 0, 0, first, second)
	t.records(fileLinear, 0, 1, second)
	for i := range byte(4) {
		t.record(fileCyclic, pattern(8, 0x60+i))
	}
	t.records(fileCyclic, 0, 2, pattern(8, 0x62), pattern(8, 0x63))
}

// commFree: files in full mode whose rights are all free are plain in any
// session, and one right for a key makes that key's access enciphered.
func commFree(t *trial, c channel) {
	k3 := t.appFor(c)
	t.login(c.method, 0, zero(c.typ.Wire()))
	t.create(
		&wire.CreateStdDataFile{File: fileStd, Option: wire.OptionFull, Access: allFree, Size: 32},
		&wire.CreateStdDataFile{File: fileBackup, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0xEE3E), Size: 32},
		&wire.CreateValueFile{File: fileValue, Option: wire.OptionMAC, Access: allFree, Upper: 1000, Value: 100})
	t.login(c.method, 3, k3)
	t.write(fileStd, 0, pattern(32, 5))
	t.holds(fileStd, 0, pattern(32, 5))
	t.write(fileBackup, 0, pattern(32, 6)) // by the key: full
	t.holds(fileBackup, 0, pattern(32, 6))
	t.credit(7)
	t.commit()
	t.value(107)
	t.enter(appA)
	t.holds(fileStd, 0, pattern(32, 5))
	t.holds(fileBackup, 0, pattern(32, 6))
	t.value(107)
}
