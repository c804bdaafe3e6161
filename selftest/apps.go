package selftest

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// What steps build on a formatted card.

// Applications of the steps.
const (
	appA wire.AID = 0xF5A001
	appB wire.AID = 0xF5A002
)

// Files of the steps.
const (
	fileStd wire.FileNo = iota + 1
	fileBackup
	fileValue
	fileLinear
	fileCyclic
	fileTMAC
)

var (
	allFree = wire.AccessRightsFromUint16(0xEEEE)
	// keyed: each right has a key of its own.
	keyed = wire.AccessRightsFromUint16(0x1230)
)

// zero is the key that new applications have.
func zero(t wire.KeyType) *key.Secret { return key.Zero(key.FromWire(t)) }

// newApp creates an application with keys of a type and selects it.
func (t *trial) newApp(typ wire.KeyType, keys int, ks1 wire.KeySett1) {
	t.makeApp(&wire.CreateApplication{AID: appA, KS1: ks1, KS2: wire.NewKeySett2(typ, keys)})
}

// makeApp creates an application at the card level and selects it.
func (t *trial) makeApp(app *wire.CreateApplication) {
	do(t, app)
	t.enter(app.AID)
}

// freeApp has five DES keys, and all is free that can be.
func (t *trial) freeApp() { t.newApp(wire.KeyDES, 5, wire.SettDefault) }

// enter selects an application, without a session. It is for the application
// whose files the step has created.
func (t *trial) enter(aid wire.AID) {
	t.ok(t.card.SelectApplication(t.ctx, aid), "select "+aid.String())
	if aid != t.aid {
		t.aid, t.files = aid, map[wire.FileNo]wire.FileSettings{}
	}
	for no, fs := range t.files {
		t.card.AssumeFileSettings(no, fs)
	}
}

// picc selects the card level.
func (t *trial) picc() { t.ok(t.card.SelectApplication(t.ctx, wire.PICC), "select the card level") }

// loginMaster opens a session with the master key of the card.
func (t *trial) loginMaster() {
	t.picc()
	t.login(t.s.method, 0, t.s.master)
}

// create creates files, whose settings the reader knows from then on.
func (t *trial) create(files ...wire.Request[*wire.Empty]) {
	for _, f := range files {
		do(t, f)
		no, fs := settingsOf(f)
		t.know(no, fs)
	}
}

// know tells the reader the settings of a file.
func (t *trial) know(no wire.FileNo, fs wire.FileSettings) {
	t.files[no] = fs
	t.card.AssumeFileSettings(no, fs)
}

// settingsOf are the settings that a Create command makes.
func settingsOf(cmd wire.Command) (wire.FileNo, wire.FileSettings) {
	switch m := cmd.(type) {
	case *wire.CreateStdDataFile:
		return m.File, wire.FileSettings{Type: wire.FileStandard, Option: m.Option, Access: m.Access, Size: m.Size}
	case *wire.CreateBackupDataFile:
		return m.File, wire.FileSettings{Type: wire.FileBackup, Option: m.Option, Access: m.Access, Size: m.Size}
	case *wire.CreateValueFile:
		return m.File, wire.FileSettings{Type: wire.FileValue, Option: m.Option, Access: m.Access, Lower: m.Lower, Upper: m.Upper, Flags: m.Flags}
	case *wire.CreateLinearRecordFile:
		return m.File, wire.FileSettings{Type: wire.FileLinearRecord, Option: m.Option, Access: m.Access, RecordSize: m.RecordSize, MaxRecords: m.MaxRecords}
	case *wire.CreateCyclicRecordFile:
		return m.File, wire.FileSettings{Type: wire.FileCyclicRecord, Option: m.Option, Access: m.Access, RecordSize: m.RecordSize, MaxRecords: m.MaxRecords}
	case *wire.CreateTransactionMACFile:
		return m.File, wire.FileSettings{Type: wire.FileTransactionMAC, Option: m.Option, Access: m.Access, TMKeyOption: m.KeyOption, TMKeyVersion: m.KeyVersion}
	}
	panic(fmt.Sprintf("%T creates no file", cmd))
}

// Files with everything free.

func stdFile(size uint32) *wire.CreateStdDataFile {
	return &wire.CreateStdDataFile{File: fileStd, Access: allFree, Size: size}
}

func backupFile(size uint32) *wire.CreateBackupDataFile {
	return &wire.CreateBackupDataFile{File: fileBackup, Access: allFree, Size: size}
}

// valueFile holds 100, between 0 and 1000, with limited credit.
func valueFile() *wire.CreateValueFile {
	return &wire.CreateValueFile{File: fileValue, Access: allFree, Upper: 1000, Value: 100, Flags: wire.ValueLimitedCredit}
}

func linearFile(size, records uint32) *wire.CreateLinearRecordFile {
	return &wire.CreateLinearRecordFile{File: fileLinear, Access: allFree, RecordSize: size, MaxRecords: records}
}

func cyclicFile(size, records uint32) *wire.CreateCyclicRecordFile {
	return &wire.CreateCyclicRecordFile{File: fileCyclic, Access: allFree, RecordSize: size, MaxRecords: records}
}

// pattern is n bytes that no shift or swap leaves alone.
func pattern(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// write, read and the like do what they say, with the plainest command.

func (t *trial) write(no wire.FileNo, offset int, data []byte) {
	if t.gen.Has(wire.FeatureClassic) {
		do(t, &wire.WriteData{File: no, Offset: uint32(offset), Data: data})
		return
	}
	do(t, &wire.WriteDataISO{WriteData: wire.WriteData{File: no, Offset: uint32(offset), Data: data}})
}

func (t *trial) read(no wire.FileNo, offset, length int) []byte {
	r := wire.ReadData{File: no, Offset: uint32(offset), Length: uint32(length)}
	if t.gen.Has(wire.FeatureClassic) {
		return do(t, &r).Data
	}
	return do(t, &wire.ReadDataISO{ReadData: r}).Data
}

// holds demands the content of a file from offset on.
func (t *trial) holds(no wire.FileNo, offset int, want []byte) {
	got := t.read(no, offset, len(want))
	if !bytes.Equal(got, want) {
		t.fail("file %v from %d: %s; want %s", no, offset, show(got), show(want))
	}
}

func (t *trial) value(want int32) {
	if got := do(t, &wire.GetValue{File: fileValue}).Value; got != want {
		t.fail("the value is %d; want %d", got, want)
	}
}

func (t *trial) credit(n int32) { do(t, &wire.Credit{File: fileValue, Amount: n}) }
func (t *trial) debit(n int32)  { do(t, &wire.Debit{File: fileValue, Amount: n}) }
func (t *trial) commit()        { do(t, &wire.CommitTransaction{}) }
func (t *trial) abort()         { do(t, &wire.AbortTransaction{}) }

// nothingPending demands that a commit finds nothing to do. It ends sessions.
func (t *trial) nothingPending() { t.refuses(&wire.CommitTransaction{}, wire.StatusNoChanges) }

// record writes and commits a record.
func (t *trial) record(no wire.FileNo, data []byte) {
	t.writeRecord(no, 0, data)
	t.commit()
}

func (t *trial) writeRecord(no wire.FileNo, offset int, data []byte) {
	w := wire.WriteRecord{File: no, Offset: uint32(offset), Data: data}
	if t.gen.Has(wire.FeatureClassic) {
		do(t, &w)
		return
	}
	do(t, &wire.WriteRecordISO{WriteRecord: w})
}

// records demands the records from first on, count of them, oldest first.
func (t *trial) records(no wire.FileNo, first, count uint32, want ...[]byte) {
	r := wire.ReadRecords{File: no, Record: first, Count: count}
	var got []byte
	if t.gen.Has(wire.FeatureClassic) {
		got = do(t, &r).Data
	} else {
		got = do(t, &wire.ReadRecordsISO{ReadRecords: r}).Data
	}
	if all := bytes.Join(want, nil); !bytes.Equal(got, all) {
		t.fail("records of file %v from %d, %d of them: %s; want %s", no, first, count, show(got), show(all))
	}
}

// settings asks the card for the settings of a file.
func (t *trial) settings(no wire.FileNo) *wire.FileSettings {
	return do(t, &wire.GetFileSettings{File: no})
}
