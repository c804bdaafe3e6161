package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// transactionSteps are about what commit, abort and accidents do to what is
// pending.
func transactionSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "transaction.atomic", title: "one commit for files of every type", source: "10.1, 10.2", run: txAtomic},
		{id: "transaction.nothing", title: "commit and abort with nothing pending", source: "10.2, 10.3", run: txNothing},
		{id: "transaction.error-aborts", title: "an error drops all that is pending", source: "10.4", run: txError},
		{id: "transaction.select-aborts", title: "SelectApplication drops all that is pending", source: "10.4", run: txSelect},
		{id: "transaction.power", title: "loss of power drops all that is pending, and nothing else", source: "10.4", run: txPower},
		{id: "transaction.authenticate-keeps", title: "an authentication keeps what is pending", source: "10.4", run: txAuth},
		{id: "transaction.commit-after-clear", title: "commit with nothing but a cleared record file", source: "22.2", run: txClear},
	}
	steps = append(steps, when(g, wire.FeatureEV2Auth,
		step{id: "transaction.ev2-keeps", title: "EV2 authentications in the middle of a transaction", source: "10.4, C-31", run: txEV2})...)
	if !g.Has(wire.FeatureTMAC) {
		return append(steps, step{id: "transaction.option", title: "CommitTransaction has no option yet", source: "10.2", run: txNoOption})
	}
	return append(steps, step{id: "transaction.option", title: "CommitTransaction asks for a transaction MAC that is not there", source: "10.2, HN 3", run: txOption})
}

// txApp has a file of each type, all free.
func (t *trial) txApp() {
	t.freeApp()
	t.create(stdFile(16), backupFile(16), valueFile(), linearFile(8, 4), cyclicFile(8, 4))
}

// pend leaves something pending in four files.
func (t *trial) pend(seed byte) {
	t.write(fileBackup, 0, pattern(16, seed))
	t.credit(int32(seed))
	t.writeRecord(fileLinear, 0, pattern(8, seed))
	t.writeRecord(fileCyclic, 0, pattern(8, seed))
}

// have demands that the files hold what pend left, after a commit; nothing for
// zero.
func (t *trial) have(seed byte) {
	if seed == 0 {
		t.holds(fileBackup, 0, make([]byte, 16))
		t.value(100)
		for _, no := range []wire.FileNo{fileLinear, fileCyclic} {
			t.equal("records of file "+no.String(), t.settings(no).Records, uint32(0))
		}
		return
	}
	t.holds(fileBackup, 0, pattern(16, seed))
	t.value(100 + int32(seed))
	t.records(fileLinear, 0, 1, pattern(8, seed))
	t.records(fileCyclic, 0, 1, pattern(8, seed))
}

func txAtomic(t *trial) {
	t.txApp()
	t.pend(7)
	t.have(0)
	t.abort()
	t.have(0)
	t.pend(7)
	t.commit()
	t.have(7)
	t.nothingPending()
}

func txNothing(t *trial) {
	t.txApp()
	t.refuses(&wire.CommitTransaction{}, wire.StatusNoChanges)
	t.refuses(&wire.AbortTransaction{}, wire.StatusNoChanges)
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.login(m, 0, z)
	t.refuses(&wire.CommitTransaction{}, wire.StatusNoChanges)
	// Does that status end a session as errors do? The reader believes so in
	// EV1 sessions, and asks plainly.
	if t.gen.Has(wire.FeatureCardUID) {
		_, st := t.send(0x51)
		saw := "the session is over"
		if st == wire.StatusOK {
			saw = "the session goes on"
		}
		t.observe("no-changes.session", "a session after CommitTransaction was answered 0C", "%s", saw)
	}
	t.enter(appA)
	t.have(0)
}

func txError(t *trial) {
	t.txApp()
	for _, x := range []struct {
		bad  wire.Command
		want wire.Status
	}{
		{&wire.ReadData{File: fileBackup, Offset: 16, Length: 1}, wire.StatusBoundaryError},
		{&wire.GetValue{File: fileStd}, wire.StatusPermissionDenied},
		{&wire.GetFileSettings{File: 0x0E}, wire.StatusFileNotFound},
		{&wire.Debit{File: fileValue, Amount: 900}, wire.StatusBoundaryError},
	} {
		t.pend(7)
		t.refuses(x.bad, x.want)
		t.nothingPending()
	}
	t.have(0)
}

func txSelect(t *trial) {
	t.txApp()
	t.pend(7)
	t.enter(appA)
	t.nothingPending()
	t.pend(7)
	t.picc()
	t.enter(appA)
	t.nothingPending()
	t.have(0)
}

func txPower(t *trial) {
	t.txApp()
	t.write(fileStd, 0, pattern(16, 3))
	t.pend(7)
	t.anew()
	t.enter(appA)
	t.nothingPending()
	t.have(0)
	t.holds(fileStd, 0, pattern(16, 3))
	t.pend(8)
	t.commit()
	t.anew()
	t.enter(appA)
	t.have(8)
}

func txAuth(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.txApp()
	t.pend(7)
	t.login(m, 2, z)
	t.commit()
	t.have(7)
	t.login(m, 1, z)
	t.pend(9)
	t.login(m, 2, z)
	t.abort()
	t.value(107)
}

func txClear(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 4))
	do(t, &wire.ClearRecordFile{File: fileLinear})
	st := t.outcome(&wire.CommitTransaction{})
	t.observe("clear.empty", "CommitTransaction after ClearRecordFile of an empty file (22.2)", "%04X", uint16(st))
	t.expect("CommitTransaction", st, wire.StatusOK, wire.StatusNoChanges)
	t.record(fileLinear, pattern(8, 1))
	do(t, &wire.ClearRecordFile{File: fileLinear})
	t.commit()
	t.equal("records", t.settings(fileLinear).Records, uint32(0))
}

func txEV2(t *trial) {
	z := zero(wire.KeyAES)
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	t.create(&wire.CreateBackupDataFile{File: fileBackup, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0x1231), Size: 16})
	t.login(key.MethodEV2First, 2, z)
	t.write(fileBackup, 0, pattern(16, 1))
	t.login(key.MethodEV2NonFirst, 3, z)
	t.write(fileBackup, 0, pattern(8, 2))
	t.commit()
	t.holds(fileBackup, 0, append(pattern(8, 2), pattern(16, 1)[8:]...))
	t.write(fileBackup, 0, pattern(16, 4))
	t.login(key.MethodEV2First, 3, z)
	st := t.outcome(&wire.CommitTransaction{})
	t.expect("CommitTransaction after a new AuthenticateEV2First", st, wire.StatusOK, wire.StatusNoChanges, wire.StatusAuthenticationError)
	t.observe("C-31", "CommitTransaction of what was pending before a new AuthenticateEV2First", "%04X", uint16(st))
	t.enter(appA)
	t.login(key.MethodEV2First, 3, z)
	if st == wire.StatusOK {
		t.holds(fileBackup, 0, pattern(16, 4))
	} else {
		t.holds(fileBackup, 0, pattern(8, 2))
	}
}

func txNoOption(t *trial) {
	t.valueApp()
	t.credit(1)
	t.refuses(&wire.CommitTransaction{WithOption: true}, wire.StatusLengthError)
	t.nothingPending()
	t.value(100)
}

func txOption(t *trial) {
	t.valueApp()
	t.credit(1)
	do(t, &wire.CommitTransaction{WithOption: true}) // 00: as without
	t.value(101)
	t.credit(1)
	st := t.refuses(&wire.CommitTransaction{ReturnTMAC: true}, wire.StatusParameterError, wire.StatusPermissionDenied)
	t.observe("commit.no-tmac", "CommitTransaction asked for a transaction MAC without a file for it", "%04X", uint16(st))
	t.nothingPending()
	t.value(101)
}
