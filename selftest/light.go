package selftest

import (
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// fixedSteps are what DESFire Light and NTAG 424 DNA share.
func fixedSteps(g wire.Generation) []step {
	if classic(g) {
		return nil
	}
	return []step{
		{id: "fixed.authenticate", title: "every key authenticates, a wrong one does not", source: "6.4, 17", run: fixedAuth},
		{id: "fixed.nonfirst", title: "the NonFirst authentication goes on in a session", source: "6.5", run: fixedNonFirst},
		{id: "fixed.error-ends", title: "an error ends a session, and a command needs its MAC", source: "4.5, 5.3", run: fixedErrorEnds},
		{id: "fixed.uid", title: "GetCardUID, and Read_Sig in a session", source: "7.1", run: fixedUID},
		{id: "fixed.keys", title: "ChangeKey of own and other keys", source: "7.3, 17", run: fixedKeys},
		{id: "fixed.modes", title: "a file in every communication mode", source: "5", run: fixedModes},
		{id: "fixed.rights", title: "who may read, write and change", source: "3.6, 4.2", run: fixedRights},
		{id: "fixed.integrity", title: "commands with a bit wrong", source: "4.1, 5", run: fixedIntegrity},
		{id: "fixed.configuration-errors", title: "SetConfiguration refuses what it does not know", source: "7.1", run: fixedConfig},
	}
}

// lightSteps are about DESFire Light, and what it shares with NTAG 424 DNA.
func lightSteps(g wire.Generation) []step {
	steps := fixedSteps(g)
	if g != wire.Light {
		return steps
	}
	return append(steps,
		step{id: "light.value", title: "value file", source: "16, 9", run: lightValueFile},
		step{id: "light.records", title: "cyclic record file of 4 records", source: "16, C-17", run: lightRecords},
		step{id: "light.tmac", title: "transaction MAC with the reader's identifier", source: "10.7, 10.8", run: lightTMACFile},
		step{id: "light.files", title: "only the transaction MAC file can be deleted", source: "16", run: lightDelete},
		step{id: "light.iso-files", title: "ISO commands on files once there are no transaction MACs", source: "15", run: lightISOFiles},
		step{id: "light.iso", title: "ISO commands do not reach files of an application with transaction MACs", source: "15", run: lightISO})
}

func listFixed(t *trial) {
	t.out()
	for _, no := range fixedFiles(t.gen) {
		fs := do(t, &wire.GetFileSettings{File: no})
		if fs.Access.Read != wire.Free || fs.Option.Has(wire.OptionSDM) || fs.Type != wire.FileStandard {
			continue
		}
		a := t.read(no, 0, 16)
		t.equal("a second read", t.read(no, 0, 16), a)
	}
	t.refuses(&wire.GetFileSettings{File: 0x1E}, wire.StatusFileNotFound)
	if t.gen.Has(wire.FeatureFiles) {
		t.equal("the number of files", len(do(t, &wire.GetFileIDs{}).Files), len(fixedFiles(t.gen)))
		do(t, &wire.GetISOFileIDs{})
	}
}

// own is a file with rights 1230 or 2330 in full mode.
func (t *trial) own() wire.FileNo {
	if t.gen == wire.Light {
		return lightData4
	}
	return ntagOwn
}

func fixedAuth(t *trial) {
	for no := range wire.KeyNo(5) {
		t.in(no, nil)
		s, _ := t.card.Session()
		t.equal("LRP", s.Scheme == wire.SchemeLRP, t.s.lrp)
		do(t, &wire.GetFileSettings{File: t.own()}) // the answer's MAC proves the keys
	}
	t.out()
	t.refusal(t.card.AuthenticateWith(t.ctx, t.s.method, 5, key.Zero(key.TypeAES)), "authenticate with key 5", wire.StatusNoSuchKey)
	t.refusal(t.card.AuthenticateWith(t.ctx, t.s.method, 4, testKey(key.TypeAES, 4)), "authenticate with a wrong key", wire.StatusAuthenticationError)
	t.in(4, nil)
}

func fixedNonFirst(t *trial) {
	t.out()
	t.refusal(t.card.AuthenticateWith(t.ctx, t.s.method, 5, key.Zero(key.TypeAES)), "authenticate with key 5", wire.StatusNoSuchKey)
	_, st := t.send(0x77, 1)
	t.expect("NonFirst without a session", st, wire.StatusPermissionDenied)
	t.in(0, nil)
	do(t, &wire.GetFileSettings{File: t.own()})
	before, _ := t.card.Session()
	t.login(t.s.nonFirst(), 3, key.Zero(key.TypeAES))
	after, _ := t.card.Session()
	t.equal("the transaction identifier", after.TI, before.TI)
	t.equal("the command counter", after.Counter, before.Counter)
	do(t, &wire.GetFileSettings{File: t.own()})
}

func fixedErrorEnds(t *trial) {
	t.in(0, nil)
	t.refuses(&wire.GetFileSettings{File: 0x1E}, wire.StatusFileNotFound)
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError)
	t.in(0, nil)
	_, st := t.send(0x51) // without MAC
	t.expect("GetCardUID without MAC", st, wire.StatusLengthError)
	_, st = t.send(0x51)
	t.expect("GetCardUID after that", st, wire.StatusAuthenticationError)
}

func fixedUID(t *trial) {
	t.in(2, nil)
	t.equal("the UID", do(t, &wire.GetCardUID{}).UID, t.s.conf.WipeCard)
	inside := do(t, &wire.ReadSignature{}).Signature
	if t.s.version.UID.IsZero() {
		return
	}
	t.out()
	t.equal("the signature outside a session", do(t, &wire.ReadSignature{}).Signature, inside)
}

func fixedKeys(t *trial) {
	z := key.Zero(key.TypeAES)
	change := func(no wire.KeyNo, to, from key.Key) {
		t.ok(t.card.ChangeKey(t.ctx, no, to, from), "ChangeKey of key "+no.String())
	}
	t.in(0, nil)
	change(1, testKey(key.TypeAES, 1), z)
	change(2, testKey(key.TypeAES, 2), z)
	t.equal("the version of key 1", do(t, &wire.GetKeyVersion{Key: 1}).Versions, []wire.KeyVersion{0x21})
	change(0, testKey(key.TypeAES, 0), nil)
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError) // the session is over
	for no := range wire.KeyNo(3) {
		t.in(no, testKey(key.TypeAES, int(no)))
		do(t, &wire.GetCardUID{})
	}
	t.in(0, testKey(key.TypeAES, 0))
	change(1, z, testKey(key.TypeAES, 1))
	change(2, z, testKey(key.TypeAES, 2))
	change(0, z, nil)
	t.in(1, nil)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeAES, 1), nil), "ChangeKey of key 1 under itself", wire.StatusAuthenticationError)
	t.in(0, nil)
	t.refusal(t.card.ChangeKey(t.ctx, 1, testKey(key.TypeAES, 1), testKey(key.TypeAES, 2)), "ChangeKey against a wrong old key", wire.StatusIntegrityError)
	t.in(1, nil)
	t.out()
	t.refuses(&wire.GetKeyVersion{Key: 5}, wire.StatusNoSuchKey)
}

func fixedModes(t *trial) {
	no := t.own()
	t.in(0, nil)
	before := *t.settings(no)
	for i, mode := range []wire.FileOption{wire.OptionPlain, wire.OptionMAC, wire.OptionFull} {
		t.in(0, nil)
		do(t, &wire.ChangeFileSettings{File: no, Option: mode, Access: before.Access})
		t.equal("the mode", t.settings(no).Comm(), mode.Comm())
		t.in(3, nil)
		data := pattern(100, byte(i))
		t.write(no, 5, data)
		t.holds(no, 5, data)
		t.holds(no, 20, data[15:31])
		t.write(no, 0, data[:1])
		t.holds(no, 0, data[:1])
		t.refuses(&wire.ReadDataISO{ReadData: wire.ReadData{File: no, Offset: before.Size, Length: 1}}, wire.StatusBoundaryError, wire.StatusParameterError)
	}
	t.in(0, nil)
	do(t, &wire.ChangeFileSettings{File: no, Option: before.Option, Access: before.Access})
}

func fixedRights(t *trial) {
	no := t.own()
	t.out()
	t.refuses(&wire.ReadDataISO{ReadData: wire.ReadData{File: no, Length: 4}}, wire.StatusAuthenticationError)
	fs := *t.settings(no)
	for k := range wire.KeyNo(5) {
		a := wire.Access(k)
		for _, x := range []struct {
			cmd wire.Command
			may bool
		}{
			{&wire.ReadDataISO{ReadData: wire.ReadData{File: no, Length: 4}}, fs.Access.Read == a || fs.Access.ReadWrite == a},
			{&wire.WriteDataISO{WriteData: wire.WriteData{File: no, Data: []byte{byte(k)}}}, fs.Access.Write == a || fs.Access.ReadWrite == a},
			{&wire.ChangeFileSettings{File: no, Option: fs.Option, Access: fs.Access}, fs.Access.Change == a},
		} {
			t.in(k, nil)
			want := wire.StatusAuthenticationError
			if x.may {
				want = wire.StatusOK
			}
			if st := t.outcome(x.cmd); st != want {
				t.fail("%s of file %v with key %v, %v: %04X; want %04X", x.cmd.Spec().Name, no, k, fs.Access, uint16(st), uint16(want))
			}
		}
	}
}

func fixedIntegrity(t *trial) {
	no := t.own()
	for _, at := range []int{-1, 7, 20} {
		t.in(3, nil)
		do(t, &wire.GetFileSettings{File: no}) // so that the session knows them
		t.s.tap.flip(at, 0x10)
		t.refuses(&wire.WriteDataISO{WriteData: wire.WriteData{File: no, Data: pattern(20, 0xEE)}}, wire.StatusIntegrityError)
		_, st := t.send(0x51)
		t.expect("GetCardUID after that", st, wire.StatusAuthenticationError)
	}
	t.in(3, nil)
	if got := t.read(no, 0, 20); string(got) == string(pattern(20, 0xEE)) {
		t.fail("the card wrote what had a wrong MAC")
	}
}

func fixedConfig(t *trial) {
	t.in(0, nil)
	t.refuses(&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: 0x3F, Data: []byte{0}}}, wire.StatusParameterError)
	t.in(1, nil)
	t.refuses(&wire.SetConfiguration{Setting: &wire.HardwareConfig{Flags: 1}}, wire.StatusAuthenticationError)
	t.in(0, nil)
	do(t, &wire.SetConfiguration{Setting: &wire.HardwareConfig{Flags: 1}}) // as delivered
	t.refuses(&wire.SetConfiguration{Setting: &wire.RawSetting{Opt: wire.ConfigSecureMessaging, Data: []byte{0}}}, wire.StatusLengthError)
}

// lightCommit commits what is pending, as the transaction MAC file demands.
func (t *trial) lightCommit() {
	t.ok(t.s.commitLight(t.ctx, t.card), "CommitReaderID and CommitTransaction")
}

func lightValueFile(t *trial) {
	t.in(3, nil)
	start := do(t, &wire.GetValue{File: lightValue}).Value
	is := func(want int32) {
		t.equal("the value", do(t, &wire.GetValue{File: lightValue}).Value, want)
	}
	do(t, &wire.Credit{File: lightValue, Amount: 50})
	is(start)
	t.lightCommit()
	is(start + 50)
	do(t, &wire.Debit{File: lightValue, Amount: 20})
	do(t, &wire.AbortTransaction{})
	is(start + 50)
	do(t, &wire.Debit{File: lightValue, Amount: 50})
	t.lightCommit()
	is(start)
	t.refuses(&wire.Debit{File: lightValue, Amount: start + 1}, wire.StatusBoundaryError)
	t.in(3, nil)
	if t.settings(lightValue).Flags.Has(wire.ValueLimitedCredit) {
		do(t, &wire.LimitedCredit{File: lightValue, Amount: 50}) // what the last transaction took
		do(t, &wire.AbortTransaction{})
		is(start)
	} else {
		t.refuses(&wire.LimitedCredit{File: lightValue, Amount: 1}, wire.StatusPermissionDenied)
		t.in(3, nil)
	}
	t.refuses(&wire.Credit{File: lightValue, Amount: -1}, wire.StatusParameterError)
	t.in(1, nil)
	t.refuses(&wire.Credit{File: lightValue, Amount: 1}, wire.StatusAuthenticationError)
	t.in(3, nil)
	st := t.refuses(&wire.CommitTransaction{}, wire.StatusNoChanges, wire.StatusPermissionDenied)
	t.observe("light.nothing", "CommitTransaction with nothing pending", "%04X", uint16(st))
}

func lightRecords(t *trial) {
	t.in(3, nil)
	do(t, &wire.ClearRecordFile{File: lightRecord})
	t.lightCommit()
	t.refuses(&wire.ReadRecordsISO{ReadRecords: wire.ReadRecords{File: lightRecord}}, wire.StatusBoundaryError)
	t.in(3, nil)
	for i := range byte(6) {
		t.writeRecord(lightRecord, 0, pattern(16, i))
		t.lightCommit()
	}
	t.equal("records", t.settings(lightRecord).Records, uint32(4))
	t.records(lightRecord, 0, 0, pattern(16, 2), pattern(16, 3), pattern(16, 4), pattern(16, 5))
	t.records(lightRecord, 1, 2, pattern(16, 3), pattern(16, 4))
	do(t, &wire.UpdateRecordISO{UpdateRecord: wire.UpdateRecord{File: lightRecord, Record: 1, Offset: 2, Data: []byte{0xAA}}})
	t.lightCommit()
	want := pattern(16, 4)
	want[2] = 0xAA
	t.records(lightRecord, 1, 1, want)
}

func lightTMACFile(t *trial) {
	t.in(0, nil)
	fs := t.settings(lightTMAC)
	do(t, &wire.DeleteFile{File: lightTMAC})
	do(t, &wire.CreateTransactionMACFile{File: lightTMAC, Option: fs.Option & 3, Access: wire.AccessRightsFromUint16(0x1F10),
		KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tmKey().Export()), KeyVersion: 0x26})
	var before [16]byte
	for i := range uint32(2) {
		l := &ledger{t: t}
		t.in(3, nil)
		entered(l, &wire.Credit{File: lightValue, Amount: 3})
		t.login(t.s.nonFirst(), 1, key.Zero(key.TypeAES))
		id := [16]byte(pattern(16, byte(i)))
		rsp := entered(l, &wire.CommitReaderID{TMRI: id})
		done := do(t, &wire.CommitTransaction{ReturnTMAC: true})
		tmc := uint32(done.TMC)
		if t.s.lrp {
			actual, _ := done.TMC.Split()
			tmc = uint32(done.TMC)
			t.equal("the transaction MAC counter", uint32(actual), i+1)
		} else {
			t.equal("the transaction MAC counter", tmc, i+1)
		}
		keys, err := tmac.NewKeys(t.ctx, tmKey(), t.s.lrp, tmc, t.s.conf.WipeCard)
		t.ok(err, "the keys of the transaction MAC")
		t.ok(keys.Verify(l.in.Bytes(), done.TMV), "CommitTransaction")
		t.equal("bytes that CommitReaderID answers", len(rsp.EncTMRI), 16)
		t.equal("the reader of the transaction before", keys.PreviousReader([16]byte(rsp.EncTMRI)), before)
		before = id
	}
	t.in(3, nil)
	do(t, &wire.Credit{File: lightValue, Amount: 3})
	t.refuses(&wire.CommitTransaction{}, wire.StatusPermissionDenied) // without a reader
	t.lightAnew(fs)
}

// lightAnew makes the transaction MAC file anew, as it was, and the value what it was.
func (t *trial) lightAnew(fs *wire.FileSettings) {
	t.in(0, nil)
	do(t, &wire.DeleteFile{File: lightTMAC})
	do(t, &wire.CreateTransactionMACFile{File: lightTMAC, Option: fs.Option, Access: fs.Access, KeyOption: wire.TMKeyAES, Key: zeroTMKey(), KeyVersion: fs.TMKeyVersion})
	t.in(3, nil)
	do(t, &wire.Debit{File: lightValue, Amount: 6})
	t.lightCommit()
}

func lightDelete(t *trial) {
	t.in(0, nil)
	t.refuses(&wire.DeleteFile{File: lightData4}, wire.StatusPermissionDenied)
	t.in(1, nil)
	t.refuses(&wire.DeleteFile{File: lightTMAC}, wire.StatusAuthenticationError)
	t.out()
	t.equal("the number of files", len(do(t, &wire.GetFileIDs{}).Files), 6)
}

func lightISO(t *trial) {
	t.needsISO()
	t.out()
	fci := do(t, &wire.ISOSelect{By: wire.SelectByName, Name: lightName, P2: wire.SelectFCI, Length: 256}).Data
	t.equal("the FCI, which file 1F holds", fci, t.read(lightFCI, 0, 32))
	t.selectEF(0xEF1F)
	t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOConditionsOfUse)
	t.selectEF(0xEF04)
	st := t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOConditionsOfUse, wire.StatusISOSecurityStatus)
	t.observe("light.iso-read", "READ BINARY of file 04", "%s", fmt.Sprintf("%04X", uint16(st)))
}

func lightISOFiles(t *trial) {
	t.needsISO()
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}
	t.in(0, nil)
	do(t, &wire.DeleteFile{File: lightTMAC})
	for _, no := range []wire.FileNo{lightData4, lightRecord} {
		do(t, &wire.ChangeFileSettings{File: no, Option: wire.OptionPlain, Access: free})
	}
	t.out()
	t.selectEF(0xEF04)
	do(t, &wire.ISOUpdateBinary{Offset: 4, Data: pattern(30, 1)})
	t.equal("what READ BINARY reads", do(t, &wire.ISOReadBinary{Offset: 4, Length: 30}).Data, pattern(30, 1))
	st := t.outcome(&wire.ISOUpdateBinary{Offset: 250, Data: pattern(10, 1)})
	t.expect("UPDATE BINARY beyond the end", st, wire.StatusISOConditionsOfUse)
	t.selectEF(0xEF01)
	do(t, &wire.ISOAppendRecord{Data: pattern(16, 2)})
	t.commit()
	t.selectEF(0xEF01)
	t.equal("what READ RECORD reads", do(t, &wire.ISOReadRecord{Mode: wire.RecordOne}).Data, pattern(16, 2))
	t.out()
	t.ok(t.s.putBackSettings(t.ctx, t.card), "the settings as they were")
}
