package sim

import (
	"bytes"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

const farebox wire.AID = 0xF21190

// personalised is a card with an application of five keys, of which key 1 reads,
// key 2 writes, key 3 does both and key 0 changes settings; with a file of each
// kind in the given mode.
func personalised(t testing.TB, x channelCase, mode wire.CommMode) (*Card, *pcd) {
	t.Helper()
	c := newCard(t, x.gen)
	p := newPCD(t, c)
	p.ok(&wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(x.typ.Wire(), 5)}, nil, 0)
	p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
	access := wire.AccessRights{Read: 1, Write: 2, ReadWrite: 3, Change: 0}
	o := wire.FileOption(mode)
	p.ok(&wire.CreateStdDataFile{File: 1, Option: o, Access: access, Size: 400}, nil, 0)
	p.ok(&wire.CreateBackupDataFile{File: 2, Option: o, Access: access, Size: 100}, nil, 0)
	p.ok(&wire.CreateValueFile{File: 3, Option: o, Access: access, Upper: 1000, Value: 500, Flags: wire.ValueLimitedCredit}, nil, 0)
	p.ok(&wire.CreateLinearRecordFile{File: 4, Option: o, Access: access, RecordSize: 30, MaxRecords: 5}, nil, 0)
	p.ok(&wire.CreateCyclicRecordFile{File: 5, Option: o, Access: access, RecordSize: 16, MaxRecords: 4}, nil, 0)
	for no := wire.KeyNo(0); no < 5; no++ {
		k := secret(t, x.typ, byte(no))
		a := findKey(c.nvm.app(farebox).keys, no)
		*a = cardKey{no: no, typ: x.typ.Wire(), value: k.Export(), version: k.Version()}
	}
	return c, p
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + 1)
	}
	return b
}

// Every data command in every mode under every channel, chained both ways.
func TestModesAndChannels(t *testing.T) {
	for _, x := range channelCases {
		for _, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
			t.Run(x.String()+"/"+mode.String(), func(t *testing.T) {
				c, p := personalised(t, x, mode)
				p.in(x.method, 3, secret(t, x.typ, 3))
				for _, n := range []int{1, 7, 8, 15, 16, 47, 48, 49, 55, 56, 57, 59, 60, 96, 250, 400} {
					data := pattern(n)
					p.ok(&wire.WriteData{File: 1, Data: data}, nil, mode)
					if !bytes.Equal(c.nvm.app(farebox).file(1).data[:n], data) {
						t.Fatalf("%d bytes: the file holds something else", n)
					}
					var rsp wire.Data
					p.ok(&wire.ReadData{File: 1, Length: uint32(n)}, &rsp, mode)
					if !bytes.Equal(rsp.Data, data) {
						t.Fatalf("%d bytes: read %X", n, rsp.Data)
					}
				}
				var rsp wire.Data
				p.ok(&wire.ReadData{File: 1, Offset: 3}, &rsp, mode)
				if !bytes.Equal(rsp.Data, pattern(400)[3:]) {
					t.Fatalf("read %X", rsp.Data)
				}
				p.ok(&wire.WriteData{File: 2, Data: pattern(90)}, nil, mode)
				p.ok(&wire.Debit{File: 3, Amount: 100}, nil, mode)
				p.ok(&wire.Credit{File: 3, Amount: 20}, nil, mode)
				p.ok(&wire.WriteRecord{File: 4, Data: pattern(30)}, nil, mode)
				p.ok(&wire.WriteRecord{File: 5, Offset: 2, Data: pattern(14)}, nil, mode)
				p.ok(&wire.CommitTransaction{}, nil, 0)
				p.ok(&wire.LimitedCredit{File: 3, Amount: 100}, nil, mode)
				p.ok(&wire.CommitTransaction{}, nil, 0)
				var v wire.Value
				p.ok(&wire.GetValue{File: 3}, &v, mode)
				if v.Value != 520 {
					t.Fatalf("value %d", v.Value)
				}
				p.ok(&wire.ReadRecords{File: 4}, &rsp, mode)
				if !bytes.Equal(rsp.Data, pattern(30)) {
					t.Fatalf("record %X", rsp.Data)
				}
				p.ok(&wire.ReadRecords{File: 5, Count: 1}, &rsp, mode)
				if !bytes.Equal(rsp.Data, append([]byte{0, 0}, pattern(14)...)) {
					t.Fatalf("record %X", rsp.Data)
				}
				if x.gen.Has(wire.FeatureUpdateRecord) {
					p.ok(&wire.UpdateRecord{File: 5, Data: []byte{0x55}}, nil, mode)
					p.ok(&wire.CommitTransaction{}, nil, 0)
					p.ok(&wire.ReadDataISO{ReadData: wire.ReadData{File: 1}}, &rsp, mode)
					p.ok(&wire.WriteDataISO{WriteData: wire.WriteData{File: 1, Data: pattern(40)}}, nil, mode)
					p.ok(&wire.ReadRecordsISO{ReadRecords: wire.ReadRecords{File: 5}}, &rsp, mode)
					if rsp.Data[0] != 0x55 {
						t.Fatalf("record %X", rsp.Data)
					}
				}
				p.ok(&wire.ClearRecordFile{File: 4}, nil, 0)
				p.ok(&wire.CommitTransaction{}, nil, 0)
				p.refused(wire.StatusBoundaryError, &wire.ReadRecords{File: 4}, mode)
			})
		}
	}
}

// Every management command under every channel.
func TestManagementInChannels(t *testing.T) {
	for _, x := range channelCases {
		t.Run(x.String(), func(t *testing.T) {
			c := newCard(t, x.gen)
			c.nvm.keys[0] = keyOf(t, 0, x.typ.Wire(), hexOf(secret(t, x.typ, 9).Export()), 0x77)
			c.nvm.settings = wire.SettMasterChangeable | wire.SettChangeable // nothing is free
			p := newPCD(t, c)
			p.refused(wire.StatusAuthenticationError, &wire.GetApplicationIDs{}, 0)
			p.refused(wire.StatusAuthenticationError, &wire.GetKeySettings{}, 0)
			p.refused(wire.StatusAuthenticationError, &wire.CreateApplication{AID: 1, KS2: 1}, 0)
			p.refused(wire.StatusAuthenticationError, &wire.FormatPICC{}, 0)
			p.in(x.method, 0, secret(t, x.typ, 9))
			for aid := wire.AID(1); aid <= 25; aid++ {
				p.ok(&wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(x.typ.Wire(), 1)}, nil, 0)
			}
			var ids wire.ApplicationIDs
			p.ok(&wire.GetApplicationIDs{}, &ids, 0)
			if len(ids.AIDs) != 25 || ids.AIDs[24] != 25 {
				t.Fatalf("%v", ids.AIDs)
			}
			p.ok(&wire.DeleteApplication{AID: 25}, nil, 0)
			var settings wire.KeySettings
			p.ok(&wire.GetKeySettings{}, &settings, 0)
			var versions wire.KeyVersions
			p.ok(&wire.GetKeyVersion{}, &versions, 0)
			if versions.Versions[0] != 0x77 {
				t.Fatalf("version %v", versions.Versions)
			}
			var version wire.Version
			p.ok(&wire.GetVersion{}, &version, 0)
			if version.UID != wire.UID(c.UID()) {
				t.Fatalf("%v", version.UID)
			}
			if x.gen != wire.D40 {
				var uid wire.CardUID
				p.ok(&wire.GetCardUID{}, &uid, 0)
				if !bytes.Equal(uid.UID, c.UID()) {
					t.Fatalf("%X", uid.UID)
				}
				var free wire.Memory
				p.ok(&wire.FreeMemory{}, &free, 0)
				p.ok(&wire.SetConfiguration{Setting: &wire.DefaultKey{Key: wire.NewSecret(append([]byte{1, 2, 3}, make([]byte, 21)...)), Version: 0x31}}, nil, 0)
				p.ok(&wire.SetConfiguration{Setting: &wire.ATS{ATS: unhex(t, "067577810280")}}, nil, 0)
			}
			p.ok(&wire.ChangeKeySettings{KS1: wire.SettDefault}, nil, 0)
			p.ok(&wire.FormatPICC{}, nil, 0)
			p.ok(&wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(x.typ.Wire(), 2)}, nil, 0) // the session goes on
			p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
			p.ok(&wire.GetKeyVersion{Key: 1}, &versions, 0)
			if x.gen != wire.D40 && versions.Versions[0] != 0x31 {
				t.Fatalf("version of a new key: %v", versions.Versions)
			}
			p.refused(wire.StatusNoSuchKey, &wire.GetKeyVersion{Key: 2}, 0)
		})
	}
}

func TestWrongMACInChainedWrite(t *testing.T) {
	for _, x := range channelCases {
		t.Run(x.String(), func(t *testing.T) {
			_, p := personalised(t, x, wire.CommMAC)
			p.in(x.method, 3, secret(t, x.typ, 3))
			p.ok(&wire.Debit{File: 3, Amount: 1}, nil, wire.CommMAC)
			// The last byte of the MAC is wrong, in the last frame of four.
			e, err := p.coder.Encode(nil, &wire.WriteData{File: 1, Data: pattern(200)})
			if err != nil {
				t.Fatal(err)
			}
			body, err := p.ch.Seal(nil, sealed(0x3D, e, wire.CommMAC))
			if err != nil {
				t.Fatal(err)
			}
			body[len(body)-1] ^= 1
			if a := p.exchange((*wire.WriteData)(nil).Spec(), body); a.Status != wire.StatusIntegrityError {
				t.Fatal(a.Status)
			}
			// The session is gone, and what was pending.
			p.ch = nil
			p.refused(wire.StatusNoChanges, &wire.CommitTransaction{}, 0)
			p.refused(wire.StatusAuthenticationError, &wire.GetValue{File: 3}, 0)
		})
	}
}
