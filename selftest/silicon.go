package selftest

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// siliconSteps ask what no source tells of transactions, and what matters to who
// must know whether something happened. They note what the card does, and judge
// only whether it contradicts itself. TransactionQuirks of package sim are
// the answers that a simulated card can give.
func siliconSteps(g wire.Generation) []step {
	if g == wire.Light {
		return []step{{id: "silicon.ses-tmc", title: "the transaction MAC counter after an abort", source: "HN 4", run: siliconSesTMC}}
	}
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "silicon.debit-zero", title: "does a debit of 0 begin a transaction", source: "9, 10.1", run: siliconDebitZero},
		{id: "silicon.limited-credit", title: "limited credit after commits without a debit", source: "10.6", run: siliconLimit},
		{id: "silicon.what-aborts", title: "what drops a session's pending changes before a plain commit", source: "10.4", run: siliconAborts},
		{id: "silicon.record-of-two", title: "WriteRecord into the record of another session", source: "9, 10.1", run: siliconRecord},
	}
	steps = append(steps, when(g, wire.FeatureEV2Auth,
		step{id: "silicon.other-key", title: "a commit by the session of another key", source: "10.4, C-31", run: siliconOtherKey})...)
	steps = append(steps, when(g, wire.FeatureTMAC,
		step{id: "silicon.reads", title: "are reads alone a transaction", source: "HN 4", run: siliconReads},
		step{id: "silicon.reader-again", title: "CommitReaderID once more, from a new session", source: "10.7, HN 4", run: siliconReaderAgain},
		step{id: "silicon.reader-aborted", title: "which reader CommitReaderID tells after an abort", source: "10.7, HN 4", run: siliconReaderAborted},
		step{id: "silicon.tmac-anew", title: "a transaction MAC file deleted and created again", source: "8", run: siliconTMACAnew})...)
	if g == wire.EV3 {
		steps = append(steps, step{id: "silicon.tmc-limit", title: "what works when the counter is at its limit", source: "8, HN 4", run: siliconTMCLimit})
	}
	return steps
}

// either demands one of the statuses and notes which.
func (t *trial) either(id, what string, st wire.Status, want ...wire.Status) wire.Status {
	t.observe(id, what, "%04X", uint16(st))
	t.expect(what, st, want...)
	return st
}

func siliconDebitZero(t *trial) {
	t.valueApp()
	t.debit(10)
	t.commit()
	t.refundable(10)
	st := t.outcome(&wire.Debit{File: fileValue})
	t.either("debit-zero", "Debit of 0", st, wire.StatusOK, wire.StatusParameterError, wire.StatusBoundaryError)
	if st != wire.StatusOK {
		t.nothingPending()
		t.value(90)
		return
	}
	abort := t.outcome(&wire.AbortTransaction{})
	t.either("debit-zero.pends", "AbortTransaction after a Debit of 0", abort, wire.StatusOK, wire.StatusNoChanges)
	t.enter(appA)
	t.debit(0)
	commit := t.outcome(&wire.CommitTransaction{})
	t.equal("CommitTransaction after a Debit of 0", commit, abort)
	t.enter(appA)
	t.value(90)
	left := t.settings(fileValue).LimitedCredit
	t.observe("debit-zero.limit", "the limited credit value after a committed Debit of 0; before it was 10", "%d", left)
	t.mayGiveBack(left, 0, 10)
}

// mayGiveBack demands that limited credit goes exactly as far as the settings
// say, which must be one of two amounts.
func (t *trial) mayGiveBack(left, either, or int32) {
	if left != either && left != or {
		t.fail("the limited credit value is %d; want %d or %d", left, either, or)
	}
	t.refuses(&wire.LimitedCredit{File: fileValue, Amount: left + 1}, wire.StatusBoundaryError)
	t.enter(appA)
	if left > 0 {
		t.limited(left)
		t.abort()
	}
}

func siliconLimit(t *trial) {
	t.valueApp()
	t.create(backupFile(16))
	for _, x := range []struct {
		id, what string
		change   func()
	}{
		{"limited-credit.after-credit", "a credit alone", func() { t.credit(1) }},
		{"limited-credit.after-other", "a commit that did not touch the file", func() { t.write(fileBackup, 0, pattern(4, 1)) }},
	} {
		t.debit(10)
		t.commit()
		t.refundable(10)
		x.change()
		t.commit()
		left := t.settings(fileValue).LimitedCredit
		t.observe(x.id, "the limited credit value after "+x.what+"; before it was 10", "%d", left)
		t.mayGiveBack(left, 0, 10)
	}
}

// siliconAborts leaves a credit pending in a session, does something that ends the
// session, and commits without one.
func siliconAborts(t *trial) {
	typ, m := wire.KeyDES, methodOf(t.gen, key.TypeDES)
	first, chained := []byte{wire.InsAuthenticate, 1}, true
	switch {
	case t.gen.Has(wire.FeatureEV2Auth):
		typ, m, first = wire.KeyAES, key.MethodEV2First, []byte{wire.InsAuthenticateEV2First, 1, 0}
	case t.gen.Has(wire.FeatureEV1Auth):
		typ, m, first = wire.KeyAES, key.MethodAES, []byte{wire.InsAuthenticateAES, 1}
	}
	t.newApp(typ, 3, wire.SettDefault)
	t.create(&wire.CreateValueFile{File: fileValue, Access: wire.AccessRightsFromUint16(0x1111), Upper: 1000, Value: 100})
	value := int32(100)
	try := func(id, what string, event func() bool) {
		t.enter(appA)
		t.login(m, 1, zero(typ))
		t.credit(1)
		if !event() {
			return
		}
		_, st := t.send(wire.InsCommitTransaction)
		if chained && st == wire.StatusCommandAborted {
			t.observe("aborts."+id+".chain", "CommitTransaction in the middle of "+what, "%04X", uint16(st))
			_, st = t.send(wire.InsCommitTransaction)
		}
		t.either("aborts."+id, "CommitTransaction without a session, after "+what, st,
			wire.StatusOK, wire.StatusNoChanges, wire.StatusAuthenticationError, wire.StatusPermissionDenied)
		if st == wire.StatusOK {
			value++
		}
		t.enter(appA)
		t.login(m, 1, zero(typ))
		t.value(value)
	}
	if t.gen.Has(wire.FeatureEV1Auth) && t.s.framing == desfire.FramingWrapped {
		try("challenge", "GET CHALLENGE", func() bool {
			return t.outcome(&wire.ISOGetChallenge{Length: 8}) == wire.StatusISOOK
		})
	}
	try("begun", "an authentication that has only begun", func() bool {
		_, st := t.send(first[0], first[1:]...)
		t.expect("the first frame of an authentication", st, wire.StatusAdditionalFrame)
		return true
	})
	try("failed", "an authentication that failed", func() bool {
		err := t.card.AuthenticateWith(t.ctx, m, 1, testKey(key.FromWire(typ), 3))
		t.refusal(err, "authenticate with a wrong key", wire.StatusAuthenticationError)
		return true
	})
	if t.gen.Has(wire.FeatureProximity) {
		try("proximity", "a proximity check", func() bool {
			return t.gen == wire.EV3 && t.checkOn(1, true) // C-34: only there it is known to work without a key
		})
	}
}

func siliconOtherKey(t *trial) {
	t.newApp(wire.KeyAES, 3, wire.SettDefault)
	t.create(&wire.CreateValueFile{File: fileValue, Access: wire.AccessRightsFromUint16(0x1111), Upper: 1000, Value: 100})
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	t.credit(5)
	t.login(key.MethodEV2First, 2, zero(wire.KeyAES))
	st := t.outcome(&wire.CommitTransaction{})
	t.either("commit.other-key", "CommitTransaction by the session of another key", st, wire.StatusOK, wire.StatusNoChanges, wire.StatusAuthenticationError, wire.StatusPermissionDenied)
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	if st == wire.StatusOK {
		t.value(105)
	} else {
		t.value(100)
	}
}

func siliconRecord(t *trial) {
	typ, m := wire.KeyDES, methodOf(t.gen, key.TypeDES)
	t.newApp(typ, 3, wire.SettDefault)
	t.create(&wire.CreateCyclicRecordFile{File: fileCyclic, Access: wire.AccessRightsFromUint16(0x1111), RecordSize: 8, MaxRecords: 4})
	t.login(m, 1, zero(typ))
	t.writeRecord(fileCyclic, 0, pattern(4, 1))
	t.login(m, 1, zero(typ))
	st := t.outcome(&wire.WriteRecord{File: fileCyclic, Offset: 4, Data: pattern(4, 2)})
	t.either("record.second-session", "WriteRecord of a second session into the record of the first", st, wire.StatusOK, wire.StatusPermissionDenied)
	if st == wire.StatusOK {
		st = t.outcome(&wire.CommitTransaction{})
		t.either("record.second-session.commit", "CommitTransaction of the second session", st, wire.StatusOK, wire.StatusAuthenticationError, wire.StatusPermissionDenied)
	}
	t.enter(appA)
	t.login(m, 1, zero(typ))
	n := t.settings(fileCyclic).Records
	if st != wire.StatusOK {
		t.equal("the number of records", n, uint32(0))
		return
	}
	if n != 1 && n != 2 {
		t.fail("there are %d records; want 1 or 2", n)
	}
	newest := do(t, &wire.ReadRecords{File: fileCyclic, Count: 1}).Data
	both, second := slices.Concat(pattern(4, 1), pattern(4, 2)), slices.Concat(make([]byte, 4), pattern(4, 2))
	switch {
	case slices.Equal(newest, both) && n == 1:
		t.observe("record.of-two", "the record of two sessions", "one, with what both wrote")
	case slices.Equal(newest, second):
		t.observe("record.of-two", "the record of two sessions", "%d, the newest with what the second wrote", n)
	default:
		t.fail("the newest of %d records is %s", n, show(newest))
	}
}

func siliconReads(t *trial) {
	t.tmacApp(0x1FF0)
	t.value(100)
	abort := t.outcome(&wire.AbortTransaction{})
	t.either("reads.abort", "AbortTransaction where there were only reads", abort, wire.StatusOK, wire.StatusNoChanges)
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	t.value(100)
	commit := t.outcome(&wire.CommitTransaction{})
	t.equal("CommitTransaction where there were only reads", commit, abort)
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	counted := []byte{0, 0, 0, 0}
	if commit == wire.StatusOK {
		counted[0] = 1
	}
	t.holds(fileTMAC, 0, counted)
}

func siliconReaderAgain(t *trial) {
	t.tmacApp(0x1F10)
	do(t, &wire.CommitReaderID{TMRI: [16]byte{1}})
	t.credit(1)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	st := t.outcome(&wire.CommitReaderID{TMRI: [16]byte{2}})
	t.either("reader-id.again", "CommitReaderID of a second session", st, wire.StatusOK, wire.StatusPermissionDenied)
	if st != wire.StatusOK {
		t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	}
	abort := t.outcome(&wire.AbortTransaction{})
	t.either("reader-id.again.pends", "AbortTransaction after that", abort, wire.StatusOK, wire.StatusNoChanges)
	if st == wire.StatusOK {
		t.equal("AbortTransaction of a named transaction", abort, wire.StatusOK)
	}
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	t.value(100)
	t.holds(fileTMAC, 0, make([]byte, 12))
}

func siliconReaderAborted(t *trial) {
	t.tmacApp(0x1F10)
	committed, aborted := [16]byte(pattern(16, 0xC1)), [16]byte(pattern(16, 0xAB))
	l := &ledger{t: t}
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	entered(l, &wire.CommitReaderID{TMRI: committed})
	l.commit(1)
	do(t, &wire.CommitReaderID{TMRI: aborted})
	t.abort()
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	rsp := entered(l, &wire.CommitReaderID{TMRI: [16]byte{3}})
	t.equal("bytes that CommitReaderID answers", len(rsp.EncTMRI), 16)
	keys := l.commit(2)
	switch told := keys.PreviousReader([16]byte(rsp.EncTMRI)); told {
	case committed:
		t.observe("reader-id.aborted", "the reader that CommitReaderID tells after an abort", "that of the last commit")
	case aborted:
		t.observe("reader-id.aborted", "the reader that CommitReaderID tells after an abort", "that of the aborted transaction")
	default:
		t.fail("the reader before is %X; want %X or %X", told, committed, aborted)
	}
}

func siliconTMACAnew(t *trial) {
	t.tmacApp(0x1F10)
	id := [16]byte(pattern(16, 0xC1))
	l := &ledger{t: t}
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	entered(l, &wire.CommitReaderID{TMRI: id})
	l.commit(1)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	do(t, &wire.DeleteFile{File: fileTMAC})
	t.create(tmacFile(0x1F10))
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	receipt, err := tmac.ParseReceipt(t.read(fileTMAC, 0, 12))
	t.ok(err, "the transaction MAC file")
	t.observe("tmac.anew", "the counter of a transaction MAC file that was created again, 1 before", "%d", receipt.TMC)
	if receipt.TMC > 1 {
		t.fail("the counter is %d; want 0 or 1", receipt.TMC)
	}
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	rsp := entered(l, &wire.CommitReaderID{TMRI: [16]byte{3}})
	t.equal("bytes that CommitReaderID answers", len(rsp.EncTMRI), 16)
	switch told := l.commit(receipt.TMC + 1).PreviousReader([16]byte(rsp.EncTMRI)); told {
	case [16]byte{}:
		t.observe("tmac.anew.reader", "the reader before, in a transaction MAC file that was created again", "none")
	case id:
		t.observe("tmac.anew.reader", "the reader before, in a transaction MAC file that was created again", "that of the deleted file")
	default:
		t.fail("the reader before is %X", told)
	}
}

func siliconTMCLimit(t *trial) {
	t.tmacApp(0x1FF0)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	made := tmacFile(0x1FF0)
	err := t.card.ChangeFileSettings(t.ctx, &wire.ChangeFileSettings{File: fileTMAC, Option: made.Option | wire.OptionTMCLimit, Access: made.Access, Limit: wire.TMCLimit{Limit: 1}})
	t.ok(err, "set TMCLimit to 1")
	for _, x := range []struct {
		id  string
		cmd wire.Command
	}{
		{"below", &wire.Credit{File: fileValue, Amount: 1}},
		{"get-value", &wire.GetValue{File: fileValue}},
		{"credit", &wire.Credit{File: fileValue, Amount: 1}},
	} {
		t.enter(appA)
		t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
		st := t.outcome(x.cmd)
		if x.id == "below" {
			t.expect("Credit below TMCLimit", st, wire.StatusOK)
			t.commit()
			continue
		}
		t.either("tmc-limit."+x.id, x.cmd.Spec().Name+" at TMCLimit", st, wire.StatusOK, wire.StatusPermissionDenied)
		if st == wire.StatusOK {
			st = t.outcome(&wire.CommitTransaction{})
			t.either("tmc-limit."+x.id+".commit", "CommitTransaction of that", st, wire.StatusPermissionDenied)
		}
	}
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	t.holds(fileTMAC, 0, []byte{1, 0, 0, 0}) // it stays readable
}

// siliconSesTMC looks at the counter after an abort; under LRP half of it is
// another one.
func siliconSesTMC(t *trial) {
	t.in(0, nil)
	fs := t.settings(lightTMAC)
	do(t, &wire.DeleteFile{File: lightTMAC})
	do(t, &wire.CreateTransactionMACFile{
		File: lightTMAC, Option: fs.Option & 3, Access: wire.AccessRightsFromUint16(0x1FF0),
		KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tmKey().Export()), KeyVersion: 0x26,
	})
	t.in(3, nil)
	var saw []string
	for n := range uint16(2) {
		if n == 1 {
			do(t, &wire.Credit{File: lightValue, Amount: 3})
			do(t, &wire.AbortTransaction{})
		}
		l := &ledger{t: t}
		entered(l, &wire.Credit{File: lightValue, Amount: 3})
		done := do(t, &wire.CommitTransaction{ReturnTMAC: true})
		count := tmac.Count(uint32(done.TMC), t.s.lrp)
		t.equal("committed transactions", count, uint32(n)+1)
		keys, err := tmac.NewKeys(t.ctx, tmKey(), t.s.lrp, uint32(done.TMC), t.s.conf.WipeCard)
		t.ok(err, "the keys of the transaction MAC")
		t.ok(keys.Verify(l.in.Bytes(), done.TMV), "CommitTransaction")
		saw = append(saw, fmt.Sprintf("%08X", uint32(done.TMC)))
	}
	t.observe("ses-tmc", "the counters of two commits, an abort between them", "%v", saw)
	t.lightAnew(fs)
}
