package selftest

import (
	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// tmacSteps are about transaction MACs of EV2 and EV3; those of DESFire Light
// are in light.go.
func tmacSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	return when(g, wire.FeatureTMAC,
		step{id: "tmac.create", title: "CreateTransactionMACFile, once, with the master key", source: "8, HN 4", run: tmacCreate},
		step{id: "tmac.commit", title: "counter and MAC of each transaction", source: "10.8, HN 4", run: tmacCommit},
		step{id: "tmac.reads", title: "reads belong to a transaction", source: "HN 4", run: tmacReads},
		step{id: "tmac.reader-id", title: "CommitReaderID, and the reader of the transaction before", source: "10.7", run: tmacReader},
		step{id: "tmac.no-session", title: "transactions without a session", source: "10.7, 10.8, 22.2", run: tmacNoSession})
}

// tmKey is the key of transaction MACs.
func tmKey() *key.Secret { return testKey(key.TypeAES, 6) }

// zeroTMKey is what fixed files leave the factory with.
func zeroTMKey() wire.Secret { return wire.NewSecret(make([]byte, 16)) }

func tmacFile(r uint16) *wire.CreateTransactionMACFile {
	return &wire.CreateTransactionMACFile{
		File: fileTMAC, Option: wire.OptionPlain, Access: wire.AccessRightsFromUint16(r), KeyOption: wire.TMKeyAES,
		Key: wire.NewSecret(tmKey().Export()), KeyVersion: 0x26,
	}
}

// tmacApp has AES keys, files for key 1 and a transaction MAC file with rights.
func (t *trial) tmacApp(rights uint16) {
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	t.create(
		&wire.CreateBackupDataFile{File: fileBackup, Option: wire.OptionMAC, Access: wire.AccessRightsFromUint16(0x1111), Size: 20},
		&wire.CreateValueFile{File: fileValue, Option: wire.OptionFull, Access: wire.AccessRightsFromUint16(0x1111), Upper: 1000, Value: 100},
		&wire.CreateLinearRecordFile{File: fileLinear, Option: wire.OptionPlain, Access: wire.AccessRightsFromUint16(0x1111), RecordSize: 9, MaxRecords: 5})
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	t.create(tmacFile(rights))
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
}

// ledger keeps the input of the transaction MAC while a step works.
type ledger struct {
	t  *trial
	in tmac.Input
}

// entered runs a command that enters the transaction MAC.
func entered[R wire.Message](l *ledger, cmd wire.Request[R]) R {
	rsp := do(l.t, cmd)
	l.t.ok(l.in.Add(cmd, rsp), "the input of the transaction MAC")
	return rsp
}

// commit demands the MAC of what was entered, and the counter.
func (l *ledger) commit(tmc uint32) *tmac.Keys {
	t := l.t
	rsp := do(t, &wire.CommitTransaction{ReturnTMAC: true})
	t.equal("the transaction MAC counter", rsp.TMC, wire.TMC(tmc))
	keys, err := tmac.NewKeys(t.ctx, tmKey(), false, tmc, t.s.conf.WipeCard)
	t.ok(err, "the keys of the transaction MAC")
	t.ok(keys.Verify(l.in.Bytes(), rsp.TMV), "CommitTransaction")
	l.in.Reset()
	return keys
}

func tmacCreate(t *trial) {
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	// The settings of the application leave creation free, but not of this.
	st := t.outcome(tmacFile(0x0FF0))
	t.expect("CreateTransactionMACFile without a session", st, wire.StatusAuthenticationError, wire.StatusLengthError)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	t.refuses(tmacFile(0x0FF0), wire.StatusAuthenticationError)
	t.enter(appA)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	bad := tmacFile(0x00F0) // the Write right must be F
	t.refuses(bad, wire.StatusParameterError)
	t.enter(appA)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	t.create(tmacFile(0x0FF0))
	fs := t.settings(fileTMAC)
	t.equal("the type", fs.Type, wire.FileTransactionMAC)
	t.equal("the version of the key", fs.TMKeyVersion, wire.KeyVersion(0x26))
	t.holds(fileTMAC, 0, make([]byte, 12))
	second := tmacFile(0x0FF0)
	second.File++
	st = t.refuses(second, wire.StatusPermissionDenied, wire.StatusDuplicateError)
	t.observe("tmac.second", "a second transaction MAC file", "%04X", uint16(st))
	t.enter(appA)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	do(t, &wire.DeleteFile{File: fileTMAC})
	t.create(tmacFile(0x0FF0))
	t.holds(fileTMAC, 0, make([]byte, 12))
}

func tmacCommit(t *trial) {
	t.tmacApp(0x1FF0)
	l := &ledger{t: t}
	entered(l, &wire.WriteData{File: fileBackup, Offset: 3, Data: pattern(17, 1)})
	entered(l, &wire.Credit{File: fileValue, Amount: 12})
	entered(l, &wire.Debit{File: fileValue, Amount: 5})
	entered(l, &wire.WriteRecord{File: fileLinear, Offset: 1, Data: pattern(8, 2)})
	l.commit(1)
	t.equal("the counter in the file", t.read(fileTMAC, 0, 4), []byte{1, 0, 0, 0})
	entered(l, &wire.UpdateRecord{File: fileLinear, Offset: 2, Data: []byte{1, 2, 3}})
	l.commit(2)
	entered(l, &wire.ClearRecordFile{File: fileLinear})
	l.commit(3)
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	t.abort()
	l.in.Reset()
	t.nothingPending() // an aborted transaction is not counted
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	entered(l, &wire.Credit{File: fileValue, Amount: 2})
	rsp := do(t, &wire.CommitTransaction{})
	t.equal("a transaction MAC that was not asked for", rsp.HasTMAC, false)
	content := t.read(fileTMAC, 0, 12) // it is in the file all the same
	receipt, err := tmac.ParseReceipt(content)
	t.ok(err, "the transaction MAC file")
	t.equal("the counter in the file", receipt.TMC, uint32(4))
	keys, err := tmac.NewKeys(t.ctx, tmKey(), false, 4, t.s.conf.WipeCard)
	t.ok(err, "the keys of the transaction MAC")
	t.ok(keys.Verify(l.in.Bytes(), receipt.TMV), "the transaction MAC in the file")
}

func tmacReads(t *trial) {
	t.tmacApp(0x1FF0)
	l := &ledger{t: t}
	entered(l, &wire.ReadData{File: fileBackup, Offset: 1, Length: 5})
	entered(l, &wire.GetValue{File: fileValue})
	t.read(fileTMAC, 0, 12) // not this one
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	l.commit(1)
	entered(l, &wire.WriteRecord{File: fileLinear, Data: pattern(9, 3)})
	l.commit(2)
	entered(l, &wire.ReadRecords{File: fileLinear, Count: 1})
	entered(l, &wire.Credit{File: fileValue, Amount: 2})
	l.commit(3)
}

func tmacReader(t *trial) {
	t.tmacApp(0x1F10) // key 1 reads, and must name the reader
	l := &ledger{t: t}
	do(t, &wire.Credit{File: fileValue, Amount: 1})
	t.refuses(&wire.CommitTransaction{ReturnTMAC: true}, wire.StatusPermissionDenied)
	t.enter(appA)
	t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
	var before [16]byte
	for i := range uint32(3) {
		id := [16]byte(pattern(16, byte(0xC0+i)))
		entered(l, &wire.Credit{File: fileValue, Amount: 1})
		rsp := entered(l, &wire.CommitReaderID{TMRI: id})
		keys := l.commit(i + 1)
		if len(rsp.EncTMRI) != 16 {
			t.fail("CommitReaderID answers %d bytes; want 16", len(rsp.EncTMRI))
		}
		t.equal("the reader of the transaction before", keys.PreviousReader([16]byte(rsp.EncTMRI)), before)
		before = id
	}
	do(t, &wire.CommitReaderID{TMRI: before})
	t.refuses(&wire.CommitReaderID{TMRI: before}, wire.StatusPermissionDenied) // once
	t.enter(appA)
	t.login(key.MethodEV2First, 2, zero(wire.KeyAES))
	t.refuses(&wire.CommitReaderID{TMRI: before}, wire.StatusAuthenticationError)
}

func tmacNoSession(t *trial) {
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	t.create(valueFile())
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	t.create(tmacFile(0xEFF0))
	t.enter(appA)
	l := &ledger{t: t}
	entered(l, &wire.Credit{File: fileValue, Amount: 1})
	l.commit(1)
	st := t.refuses(&wire.CommitReaderID{}, wire.StatusPermissionDenied, wire.StatusIllegalCommand)
	t.observe("reader-id.never", "CommitReaderID where the ReadWrite right is F", "%04X", uint16(st))
	t.enter(appA)
	t.login(key.MethodEV2First, 0, zero(wire.KeyAES))
	do(t, &wire.DeleteFile{File: fileTMAC})
	t.create(tmacFile(0xEFE0))
	t.enter(appA)
	rsp, err := desfire.Do(t.ctx, t.card, &wire.CommitReaderID{TMRI: [16]byte{1}})
	st, refused := statusOf(err)
	switch {
	case refused:
		t.observe("reader-id.free", "CommitReaderID outside a session where it is free (22.2)", "%04X", uint16(st))
	case err != nil:
		t.ok(err, "CommitReaderID")
	default:
		t.observe("reader-id.free", "CommitReaderID outside a session where it is free (22.2)", "accepted, answering %d bytes", len(rsp.EncTMRI))
	}
	free := t.outcome(&wire.Credit{File: fileValue, Amount: 1})
	t.observe("reader-id.free-access", "Credit outside a session where transactions need CommitReaderID (10.7)", "%04X", uint16(free))
}
