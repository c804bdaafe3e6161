package selftest

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// isoSteps are about ISO 7816-4 commands.
func isoSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{{id: "iso.short-identifiers", title: "ISO commands with file numbers as short identifiers", source: "15", run: isoShort}}
	steps = append(steps, when(g, wire.FeatureISOUpdateRecord,
		step{id: "iso.update-record", title: "UPDATE RECORD", source: "15.7", run: isoUpdateRecord})...)
	return append(steps, when(g, wire.FeatureISOFiles,
		step{id: "iso.select", title: "SELECT by name and identifier", source: "15.1", run: isoSelect},
		step{id: "iso.binary", title: "READ and UPDATE BINARY", source: "15.2, 15.3", run: isoBinary},
		step{id: "iso.beyond-end", title: "READ BINARY with Le beyond the end", source: "15.2, C-16", run: isoBeyond},
		step{id: "iso.rights", title: "ISO commands and access rights", source: "15", run: isoRights},
		step{id: "iso.records", title: "APPEND and READ RECORD", source: "15.4, 15.5, C-18", run: isoRecords})...)
}

// needsISO skips a step where the framing carries no ISO commands.
func (t *trial) needsISO() {
	if t.s.framing != desfire.FramingWrapped {
		t.skip("ISO commands need wrapped frames")
	}
}

// isoApp has a name, and files with identifiers E101 to E103.
func (t *trial) isoApp() {
	t.needsISO()
	t.makeApp(&wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3) | wire.SettISOFiles, FID: 0xF501, DFName: []byte("selftest")})
	std, back, lin := stdFile(40), backupFile(40), linearFile(8, 5)
	std.FID, back.FID, lin.FID = 0xE101, 0xE102, 0xE103
	t.create(std, back, lin)
}

func (t *trial) selectEF(fid wire.ISOFID) {
	do(t, &wire.ISOSelect{By: wire.SelectEF, FID: fid, P2: wire.SelectNoData})
}

func (t *trial) selectName(name string) {
	do(t, &wire.ISOSelect{By: wire.SelectByName, Name: []byte(name), P2: wire.SelectNoData})
}

// isoShort needs no names and no identifiers, so that D40 can do it.
func isoShort(t *trial) {
	t.needsISO()
	t.freeApp()
	t.create(stdFile(40), backupFile(40), linearFile(8, 5))
	t.write(fileStd, 0, pattern(40, 1))
	short := func(no wire.FileNo) wire.ShortEF { return wire.ShortEF{ID: byte(no)} }
	data, err := desfire.Do(t.ctx, t.card, &wire.ISOReadBinary{EF: short(fileStd), Offset: 2, Length: 10})
	if t.gen == wire.D40 && err != nil {
		t.ok(lostOnly(err), "READ BINARY")
		t.skip("software %02X.%02X does not know ISO 7816-4 commands, which came with 00.06: %v", t.s.version.Software.Major, t.s.version.Software.Minor, err)
	}
	t.ok(err, "READ BINARY")
	t.equal("what READ BINARY reads", data.Data, pattern(40, 1)[2:12])
	do(t, &wire.ISOUpdateBinary{EF: short(fileBackup), Offset: 1, Data: pattern(5, 2)})
	do(t, &wire.ISOAppendRecord{EF: byte(fileLinear), Data: pattern(8, 3)})
	t.holds(fileBackup, 0, make([]byte, 6))
	t.commit()
	t.holds(fileBackup, 1, pattern(5, 2))
	t.equal("what READ RECORD reads", do(t, &wire.ISOReadRecord{EF: byte(fileLinear), Mode: wire.RecordOne}).Data, pattern(8, 3))
	t.refuses(&wire.ISOReadBinary{EF: short(0x1D), Length: 1}, wire.StatusISOFileNotFound)
}

// isoUpdateRecord: one source knows of the command, and none has its layout.
func isoUpdateRecord(t *trial) {
	t.isoApp()
	t.record(fileLinear, pattern(8, 1))
	t.selectEF(0xE103)
	for _, cmd := range []wire.Command{
		&wire.ISOUpdateRecord{Mode: wire.RecordOne, Data: pattern(8, 2)},
		&wire.ISOUpdateRecordOdd{ISOUpdateRecord: wire.ISOUpdateRecord{Mode: wire.RecordOne, Data: pattern(8, 3)}},
	} {
		id := fmt.Sprintf("iso.update-record.%02X", cmd.Spec().INS)
		st := t.outcome(cmd)
		if st != wire.StatusISOOK {
			t.observe(id, "UPDATE RECORD of the newest record", "%04X", uint16(st))
			continue
		}
		commit := t.outcome(&wire.CommitTransaction{})
		t.expect("CommitTransaction after UPDATE RECORD", commit, wire.StatusOK, wire.StatusNoChanges)
		got := do(t, &wire.ReadRecords{File: fileLinear}).Data
		saw := "the record is as it was"
		if !bytes.Equal(got, pattern(8, 1)) {
			saw = fmt.Sprintf("it changed the record, commit %04X", uint16(commit))
		}
		t.observe(id, "UPDATE RECORD of the newest record", "%s", saw)
	}
	do(t, &wire.GetFileIDs{})
}

func isoSelect(t *trial) {
	t.isoApp()
	t.write(fileStd, 0, pattern(40, 1))
	files := []wire.FileNo{fileStd, fileBackup, fileLinear}
	t.picc()
	t.selectName("selftest")
	t.equal("the files after SELECT by name", do(t, &wire.GetFileIDs{}).Files, files)
	do(t, &wire.ISOSelect{By: wire.SelectByID, FID: wire.PICCFID, P2: wire.SelectNoData})
	t.refuses(&wire.GetFileIDs{}, wire.StatusPermissionDenied)
	do(t, &wire.ISOSelect{By: wire.SelectByID, FID: 0xF501, P2: wire.SelectNoData})
	t.equal("the files after SELECT by identifier", do(t, &wire.GetFileIDs{}).Files, files)
	t.selectEF(0xE101)
	t.equal("what the selected file holds", do(t, &wire.ISOReadBinary{Length: 40}).Data, pattern(40, 1))
	t.refuses(&wire.ISOSelect{By: wire.SelectEF, FID: 0xE1FF, P2: wire.SelectNoData}, wire.StatusISOFileNotFound)
	t.equal("the selected file after a SELECT that failed", do(t, &wire.ISOReadBinary{Length: 40}).Data, pattern(40, 1))
	t.refuses(&wire.ISOSelect{By: wire.SelectByName, Name: []byte("selftes"), P2: wire.SelectNoData}, wire.StatusISOFileNotFound)
	t.write(fileBackup, 0, []byte{1})
	t.selectName("selftest") // drops what is pending
	t.nothingPending()
	t.enter(appA)
	t.login(key.MethodAES, 0, zero(wire.KeyAES))
	t.selectName("selftest") // and a session
	t.refuses(&wire.GetCardUID{}, wire.StatusAuthenticationError)
}

func isoBinary(t *trial) {
	t.isoApp()
	t.selectName("selftest")
	st := t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOConditionsOfUse, wire.StatusISOCommandNotAllowed)
	t.observe("iso.no-file", "READ BINARY with no file selected", "%04X", uint16(st))
	t.selectEF(0xE101)
	do(t, &wire.ISOUpdateBinary{Offset: 3, Data: pattern(10, 2)})
	t.equal("what was written", do(t, &wire.ISOReadBinary{Offset: 3, Length: 10}).Data, pattern(10, 2))
	t.equal("all of the file", len(do(t, &wire.ISOReadBinary{}).Data), 40)
	t.equal("by short identifier", do(t, &wire.ISOReadBinary{EF: wire.ShortEF{ID: byte(fileStd)}, Offset: 3, Length: 10}).Data, pattern(10, 2))
	t.enter(appA)
	t.holds(fileStd, 3, pattern(10, 2)) // and by the native command
	t.selectEF(0xE102)
	do(t, &wire.ISOUpdateBinary{Data: pattern(40, 3)})
	t.holds(fileBackup, 0, make([]byte, 40)) // a backup file waits for commit
	t.commit()
	t.holds(fileBackup, 0, pattern(40, 3))
	st = t.outcome(&wire.ISOUpdateBinary{Offset: 39, Data: []byte{1, 2}})
	if st == wire.StatusISOOK {
		t.fail("UPDATE BINARY beyond the end succeeded")
	}
	t.observe("iso.update-beyond", "UPDATE BINARY beyond the end", "%04X", uint16(st))
	t.holds(fileBackup, 0, pattern(40, 3))
	t.nothingPending()
}

func isoBeyond(t *trial) {
	t.isoApp()
	t.write(fileStd, 0, pattern(40, 4))
	t.selectEF(0xE101)
	data, st, _ := t.raw(0x00, 0xB0, 0, 30, 20)
	t.expect("READ BINARY of 20 bytes where 10 are left", st, wire.StatusISOOK, wire.StatusISOEndOfFile, wire.StatusISOWrongLength, wire.StatusISOWrongP1P2)
	if len(data) > 0 && !bytes.Equal(data, pattern(40, 4)[30:]) {
		t.fail("READ BINARY beyond the end: %s; want the rest", show(data))
	}
	t.observe("C-16", "READ BINARY of 20 bytes where 10 are left", "%04X with %d bytes", uint16(st), len(data))
	_, st, _ = t.raw(0x00, 0xB0, 0, 40, 1)
	if st == wire.StatusISOOK {
		t.fail("READ BINARY behind the end succeeded")
	}
	t.observe("iso.read-behind", "READ BINARY from the end on", "%04X", uint16(st))
}

func isoRights(t *trial) {
	t.needsISO()
	t.makeApp(&wire.CreateApplication{AID: appA, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3) | wire.SettISOFiles, FID: 0xF501, DFName: []byte("selftest")})
	t.create(&wire.CreateStdDataFile{File: fileStd, FID: 0xE101, Access: wire.AccessRightsFromUint16(0x1230), Size: 16})
	t.selectEF(0xE101)
	t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOSecurityStatus)
	t.refuses(&wire.ISOUpdateBinary{Data: []byte{1}}, wire.StatusISOSecurityStatus)
	if t.gen.Has(wire.FeatureEV2Auth) {
		t.login(key.MethodEV2First, 1, zero(wire.KeyAES))
		t.refuses(&wire.ISOReadBinary{Length: 4}, wire.StatusISOSecurityStatus)
	}
	t.enter(appA)
	t.holds4Refused()
}

func (t *trial) holds4Refused() {
	t.refuses(&wire.ReadData{File: fileStd, Length: 4}, wire.StatusAuthenticationError)
}

func isoRecords(t *trial) {
	t.isoApp()
	t.selectEF(0xE103)
	for i := range byte(3) {
		do(t, &wire.ISOAppendRecord{Data: pattern(8, i)})
		if i == 0 {
			t.equal("records before commit", t.settings(fileLinear).Records, uint32(0))
			t.selectEF(0xE103)
		}
		t.commit()
		t.selectEF(0xE103)
	}
	t.records(fileLinear, 0, 0, pattern(8, 0), pattern(8, 1), pattern(8, 2))
	names := map[string]string{string(pattern(8, 0)): "the oldest", string(pattern(8, 1)): "the middle one", string(pattern(8, 2)): "the newest"}
	for _, no := range []byte{0, 1} {
		t.selectEF(0xE103)
		data, st, _ := t.raw(0x00, 0xB2, no, 0x04, 0x00)
		saw := names[string(data)]
		switch {
		case st != wire.StatusISOOK:
			saw = st.Error()
		case saw == "":
			t.fail("READ RECORD %d answers no record of the file: %s", no, show(data))
		}
		t.observe("C-18."+string('0'+rune(no)), "what READ RECORD with P1 "+string('0'+rune(no))+" reads of three records", "%s", saw)
	}
	t.refuses(&wire.ISOReadRecord{Record: 9, Mode: wire.RecordOne}, wire.StatusISORecordNotFound)
}
