package sim

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// withTMAC is a card whose application has a transaction MAC file.
func withTMAC(t *testing.T, access wire.AccessRights) (*Card, *pcd, key.Key) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	c, p := personalised(t, x, wire.CommPlain)
	tm := secret(t, key.TypeAES, 0x70)
	create := &wire.CreateTransactionMACFile{
		File: 15, Access: access, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm.Export()), KeyVersion: 3,
	}
	p.refused(wire.StatusAuthenticationError, create, 0) // never free
	p.in(x.method, 0, secret(t, x.typ, 0))
	bad := *create
	bad.Access.Write = 1
	p.refused(wire.StatusParameterError, &bad, 0)
	p.in(x.method, 0, secret(t, x.typ, 0))
	p.ok(create, nil, 0)
	second := *create
	second.File = 16
	p.refused(wire.StatusPermissionDenied, &second, 0)
	p.in(x.method, 0, secret(t, x.typ, 0))
	p.refused(wire.StatusDuplicateError, create, 0)
	return c, p, tm
}

// The back end, written by others, finds the MAC that the card made of every
// kind of command.
func TestTransactionMAC(t *testing.T) {
	access := wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: wire.Never, Change: 0}
	c, p, tm := withTMAC(t, access)
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	p.in(x.method, 3, secret(t, x.typ, 3))
	input := &tmac.Input{RecordSizes: map[wire.FileNo]int{4: 30, 5: 16}}
	do := func(cmd wire.Command, rsp wire.Message) {
		t.Helper()
		p.ok(cmd, rsp, 0)
		if err := input.Add(cmd, rsp); err != nil {
			t.Fatal(err)
		}
	}
	verify := func(tmc uint32) {
		t.Helper()
		var r wire.CommitTransactionResponse
		p.ok(&wire.CommitTransaction{ReturnTMAC: true}, &r, 0)
		keys, err := tmac.NewKeys(t.Context(), tm, false, uint32(r.TMC), c.UID())
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Verify(input.Bytes(), r.TMV); err != nil || uint32(r.TMC) != tmc {
			t.Fatalf("TMC %d: %v", r.TMC, err)
		}
		var file wire.Data
		p.ok(&wire.ReadData{File: 15}, &file, 0)
		if got, err := tmac.ParseReceipt(file.Data); err != nil || got.TMC != tmc || got.TMV != r.TMV {
			t.Fatalf("the file holds %X", file.Data)
		}
		input.Reset()
	}
	do(&wire.WriteData{File: 1, Offset: 5, Data: pattern(21)}, &wire.Empty{})
	do(&wire.WriteData{File: 2, Data: pattern(16)}, &wire.Empty{})
	do(&wire.WriteDataISO{WriteData: wire.WriteData{File: 1, Data: pattern(3)}}, &wire.Empty{})
	do(&wire.ReadData{File: 1, Offset: 5, Length: 21}, &wire.Data{})
	do(&wire.ReadData{File: 2, Offset: 80}, &wire.Data{}) // the rest: 20 bytes
	do(&wire.GetValue{File: 3}, &wire.Value{})
	do(&wire.Debit{File: 3, Amount: 100}, &wire.Empty{})
	do(&wire.Credit{File: 3, Amount: 4}, &wire.Empty{})
	do(&wire.WriteRecord{File: 4, Data: pattern(30)}, &wire.Empty{})
	do(&wire.WriteRecord{File: 5, Offset: 1, Data: pattern(3)}, &wire.Empty{})
	verify(1)
	do(&wire.ReadRecords{File: 4}, &wire.Data{})
	do(&wire.UpdateRecord{File: 4, Offset: 2, Data: pattern(7)}, &wire.Empty{})
	do(&wire.LimitedCredit{File: 3, Amount: 100}, &wire.Empty{})
	do(&wire.ClearRecordFile{File: 5}, &wire.Empty{})
	verify(2)
	do(&wire.ReadData{File: 1, Length: 1}, &wire.Data{}) // a read alone is a transaction
	verify(3)
	do(&wire.Debit{File: 3, Amount: 1}, &wire.Empty{})
	p.ok(&wire.AbortTransaction{}, nil, 0)
	input.Reset()
	do(&wire.Debit{File: 3, Amount: 2}, &wire.Empty{})
	verify(4)
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{ReturnTMAC: true}, 0)

	// Without any session as well (hardware notes 4).
	c.nvm.app(farebox).file(3).rights = rights(0xEEEE)
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	do(&wire.Debit{File: 3, Amount: 2}, &wire.Empty{})
	verify(5)
	stored := image(c)
	if i, err := ReadImage(stored); err != nil || string(i.Encode()) != string(stored) {
		t.Fatal(err)
	}
}

func TestCommitReaderID(t *testing.T) {
	access := wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: 4, Change: 0}
	c, p, tm := withTMAC(t, access)
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.CommitTransaction{}, 0) // the reader is not named
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.refused(wire.StatusAuthenticationError, &wire.CommitReaderID{}, 0)

	previous := [16]byte{}
	for n := byte(1); n <= 3; n++ {
		input := new(tmac.Input)
		id := [16]byte{n, 0xAA}
		p.in(x.method, 4, secret(t, x.typ, 4))
		var rsp wire.ReaderID
		p.ok(&wire.CommitReaderID{TMRI: id}, &rsp, 0)
		if err := input.Add(&wire.CommitReaderID{TMRI: id}, &rsp); err != nil {
			t.Fatal(err)
		}
		p.in(key.MethodEV2NonFirst, 3, secret(t, x.typ, 3))
		p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
		if err := input.Add(&wire.Debit{File: 3, Amount: 1}, &wire.Empty{}); err != nil {
			t.Fatal(err)
		}
		var r wire.CommitTransactionResponse
		p.ok(&wire.CommitTransaction{ReturnTMAC: true}, &r, 0)
		keys, err := tmac.NewKeys(t.Context(), tm, false, uint32(r.TMC), c.UID())
		if err != nil {
			t.Fatal(err)
		}
		if err := keys.Verify(input.Bytes(), r.TMV); err != nil {
			t.Fatal(err)
		}
		if got := keys.PreviousReader([16]byte(rsp.EncTMRI)); got != previous {
			t.Fatalf("previous reader %X, want %X", got, previous)
		}
		previous = id
	}
	p.in(x.method, 4, secret(t, x.typ, 4))
	p.ok(&wire.CommitReaderID{}, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.CommitReaderID{}, 0) // once

	// Free access to what changes at Commit is not enough (EV3).
	c.nvm.app(farebox).file(3).rights = rights(0xEEEE)
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	p.refused(wire.StatusAuthenticationError, &wire.Debit{File: 3, Amount: 1}, 0)
	p.ok(&wire.GetValue{File: 3}, nil, 0)
}

func TestTMCLimit(t *testing.T) {
	access := wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: wire.Never, Change: 0}
	c, p, _ := withTMAC(t, access)
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	c.nvm.app(farebox).isoID = 0xDF10
	in := func() { t.Helper(); p.in(x.method, 0, secret(t, x.typ, 0)) }
	in()
	change := &wire.ChangeFileSettings{File: 15, Option: wire.OptionTMCLimit, Access: access, Limit: wire.TMCLimit{Limit: 0}}
	p.refused(wire.StatusParameterError, change, 0)
	in()
	change.Limit.Limit = 1
	p.ok(change, nil, 0)
	var s wire.FileSettings
	p.ok(&wire.GetFileSettings{File: 15}, &s, 0)
	if s.Limit.Limit != 1 || s.TMKeyVersion != 3 || s.Type != wire.FileTransactionMAC {
		t.Fatalf("%+v", s)
	}
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
	p.ok(&wire.CommitTransaction{}, nil, 0)
	p.refused(wire.StatusPermissionDenied, &wire.Debit{File: 3, Amount: 1}, 0)
	p.ch = nil
	p.ok(&wire.ReadData{File: 15}, nil, 0)
	if st := p.do(&wire.ISOSelect{FID: 0xDF10, P2: wire.SelectNoData}, nil, 0); st != wire.StatusISOLimitReached {
		t.Fatal(st)
	}
	in()
	p.ok(&wire.DeleteFile{File: 15}, nil, 0)
	p.in(x.method, 3, secret(t, x.typ, 3))
	p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
	p.refused(wire.StatusParameterError, &wire.CommitTransaction{ReturnTMAC: true}, 0)
}

// The transaction of a real EV3, done again: the same MAC, and the same
// identifier of the reader before.
func TestTransactionMACOfARealCard(t *testing.T) {
	for _, v := range vector.Load(t, "tmac") {
		if !v.Has("commands") {
			continue
		}
		c, p, _ := withTMAC(t, wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: 3, Change: 0})
		reader := [16]byte(v.Hex("tmri_prev"))
		c.uid = [7]byte(v.Hex("uid"))
		a := c.nvm.app(farebox)
		a.tmacFile().tmac = &transactionMAC{key: v.Hex("app_tm_key"), counter: 2, readerID: reader}
		f := a.file(2)
		f.typ, f.recordSize, f.maxRecords, f.data = wire.FileLinearRecord, 256, 5, nil
		p.in(key.MethodEV2First, 3, secret(t, key.TypeAES, 3))
		record := []byte("2023.08.24 23:33:02")
		for i := range 256 - len(record) {
			record = append(record, byte(i))
		}
		for at := 0; at < len(record); at += 40 {
			p.ok(&wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: 2, Offset: uint32(at), Data: record[at:min(at+40, len(record))]}}, nil, 0)
		}
		var before wire.ReaderID
		p.ok(&wire.CommitReaderID{TMRI: reader}, &before, 0)
		var r wire.CommitTransactionResponse
		p.ok(&wire.CommitTransaction{ReturnTMAC: true}, &r, 0)
		if r.TMC != 3 || !bytes.Equal(r.TMV[:], v.Hex("tmv")) || !bytes.Equal(before.EncTMRI, v.Hex("enc_tmri")) {
			t.Errorf("TMC %d, TMV %X, reader before %X", r.TMC, r.TMV, before.EncTMRI)
		}
		return
	}
	t.Fatal("the vector is missing")
}
