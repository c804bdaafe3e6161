package selftest

import (
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// dataSteps are about standard and backup files.
func dataSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "data.boundaries", title: "reads and writes up to the end and beyond", source: "9, 20.4", run: dataBoundaries},
		{id: "data.standard", title: "a standard file changes at once", source: "10.1", run: dataStandard},
		{id: "data.backup", title: "a backup file changes at commit", source: "10.1", run: dataBackup},
		{id: "data.priorities", title: "which of two errors a card names", source: "4.3, 22.2", run: dataPriorities},
		{id: "data.rights", title: "who may read and write", source: "3.6, 4.2", run: dataRights},
	}
	return append(steps, when(g, wire.FeatureISOChaining,
		step{id: "data.iso-chaining", title: "ReadData and WriteData without AF chaining (AD, 8D)", source: "2.4", run: dataISOChaining})...)
}

func dataBoundaries(t *trial) {
	t.freeApp()
	t.create(stdFile(32), backupFile(32))
	for _, no := range []wire.FileNo{fileStd, fileBackup} {
		t.holds(no, 0, make([]byte, 32)) // before the first write and commit
		t.holds(no, 31, []byte{0})
		t.equal("length 0 from 30", t.read(no, 30, 0), []byte{0, 0})
		for _, r := range []wire.ReadData{
			{Offset: 31, Length: 2}, {Offset: 32, Length: 1}, {Offset: 32}, {Offset: 33},
			{Offset: 0xFFFFFF, Length: 0xFFFFFF}, {Offset: 1, Length: 0xFFFFFF}, {Length: 33},
		} {
			r.File = no
			t.refuses(&r, wire.StatusBoundaryError)
		}
		for _, w := range []wire.WriteData{
			{Offset: 31, Data: []byte{1, 2}}, {Offset: 32, Data: []byte{1}}, {Offset: 0xFFFFFF, Data: []byte{1, 2}},
		} {
			w.File = no
			t.refuses(&w, wire.StatusBoundaryError)
		}
		st := t.refuses(&wire.WriteData{File: no}, wire.StatusLengthError, wire.StatusParameterError)
		t.observe("write.empty", "WriteData of length 0", "%04X", uint16(st))
		_, st = t.send(0x3D, byte(no), 0, 0, 0, 2, 0, 0, 1, 2, 3)
		t.expect("WriteData of 2 bytes with 3", st, wire.StatusLengthError)
		t.holds(no, 0, make([]byte, 32))
		t.write(no, 31, []byte{0x5A})
		if no == fileBackup {
			t.commit()
		}
		t.holds(no, 30, []byte{0, 0x5A})
	}
	_, st := t.send(0xBD, byte(fileStd), 0, 0, 0)
	t.expect("ReadData that is too short", st, wire.StatusLengthError)
	t.refuses(&wire.ReadData{File: 0x1E, Length: 1}, wire.StatusFileNotFound)
}

func dataStandard(t *trial) {
	t.freeApp()
	t.create(stdFile(130))
	t.write(fileStd, 0, pattern(130, 1))
	t.holds(fileStd, 0, pattern(130, 1))
	t.nothingPending()
	t.anew() // and stays without power
	t.enter(appA)
	t.holds(fileStd, 0, pattern(130, 1))
	t.write(fileStd, 5, []byte{1, 2, 3})
	want := pattern(130, 1)
	copy(want[5:], []byte{1, 2, 3})
	t.holds(fileStd, 0, want)
}

func dataBackup(t *trial) {
	t.freeApp()
	t.create(backupFile(80))
	one, two := pattern(80, 1), pattern(80, 2)
	t.write(fileBackup, 0, one)
	t.holds(fileBackup, 0, make([]byte, 80)) // pending
	t.commit()
	t.holds(fileBackup, 0, one)
	t.write(fileBackup, 0, two)
	t.abort()
	t.nothingPending()
	t.holds(fileBackup, 0, one)
	t.write(fileBackup, 0, two[:10]) // two writes, one commit
	t.write(fileBackup, 70, two[70:])
	t.commit()
	t.holds(fileBackup, 0, append(append(append([]byte{}, two[:10]...), one[10:70]...), two[70:]...))
	t.write(fileBackup, 0, one)
	t.anew() // without power all that is pending is gone
	t.enter(appA)
	t.holds(fileBackup, 0, two[:10])
	t.nothingPending()
}

func dataRights(t *trial) {
	m, z := methodOf(t.gen, key.TypeDES), zero(wire.KeyDES)
	t.freeApp()
	read, write := &wire.ReadData{Length: 4}, &wire.WriteData{Data: pattern(4, 1)}
	const (
		yes    = wire.StatusOK
		no     = wire.StatusAuthenticationError // some key could
		never  = wire.StatusPermissionDenied    // nobody could
		nobody = 0xFF
	)
	for i, x := range []struct {
		rights      uint16
		key         int
		read, write wire.Status
	}{
		{0x1230, nobody, no, no},
		{0x1230, 0, no, no},
		{0x1230, 1, yes, no},
		{0x1230, 2, no, yes},
		{0x1230, 3, yes, yes},
		{0xE2FF, nobody, yes, no},
		{0x1EFF, nobody, no, yes},
		{0xF2FF, nobody, never, no},
		{0xF2FF, 2, never, yes},
		{0x1FFF, 1, yes, never},
		{0xFFFF, 0, never, never},
		{0xFFEF, nobody, yes, yes},
		{0xEEFF, nobody, yes, yes},
	} {
		file := wire.FileNo(i)
		t.enter(appA)
		t.create(&wire.CreateStdDataFile{File: file, Access: wire.AccessRightsFromUint16(x.rights), Size: 4})
		for _, c := range []struct {
			cmd  wire.Command
			want wire.Status
		}{{read, x.read}, {write, x.write}} {
			read.File, write.File = file, file
			t.enter(appA)
			if x.key != nobody {
				t.login(m, wire.KeyNo(x.key), z)
			}
			if st := t.outcome(c.cmd); st != c.want {
				t.fail("%s, rights %04X, key %d (255: none): %04X; want %04X", c.cmd.Spec().Name, x.rights, x.key, uint16(st), uint16(c.want))
			}
		}
	}
}

// dataPriorities notes what no document says: each command breaks two rules.
func dataPriorities(t *trial) {
	t.freeApp()
	t.create(&wire.CreateStdDataFile{File: fileStd, Access: keyed, Size: 8}, &wire.CreateValueFile{File: fileValue, Access: keyed, Upper: 10})
	for _, x := range []struct {
		id, what string
		ins      byte
		data     []byte
		want     [2]wire.Status
	}{
		{"length-file", "too short, and no such file", 0xBD, []byte{9, 0, 0, 0}, [2]wire.Status{wire.StatusLengthError, wire.StatusFileNotFound}},
		{"right-boundary", "no right, and beyond the end", 0xBD, []byte{byte(fileStd), 0, 0, 0, 9, 0, 0}, [2]wire.Status{wire.StatusAuthenticationError, wire.StatusBoundaryError}},
		{"right-type", "no right, and a file of another type", 0xBD, []byte{byte(fileValue), 0, 0, 0, 1, 0, 0}, [2]wire.Status{wire.StatusAuthenticationError, wire.StatusPermissionDenied}},
		{"parameter-duplicate", "size 0, and the number is taken", 0xCD, []byte{byte(fileStd), 0, 0xEE, 0xEE, 0, 0, 0}, [2]wire.Status{wire.StatusParameterError, wire.StatusDuplicateError}},
		{"right-amount", "no right, and a negative amount", 0x0C, []byte{byte(fileValue), 0, 0, 0, 0x80}, [2]wire.Status{wire.StatusAuthenticationError, wire.StatusParameterError}},
	} {
		_, st := t.send(x.ins, x.data...)
		t.expect(x.what, st, x.want[0], x.want[1])
		t.observe("priority."+x.id, x.what, "%04X", uint16(st))
	}
}

func dataISOChaining(t *trial) {
	z := zero(wire.KeyAES)
	t.newApp(wire.KeyAES, 5, wire.SettDefault)
	const first = 10
	for i, mode := range []wire.FileOption{wire.OptionPlain, wire.OptionMAC, wire.OptionFull} {
		t.create(&wire.CreateStdDataFile{File: first + wire.FileNo(i), Option: mode, Access: wire.AccessRightsFromUint16(0x1111), Size: 60})
	}
	t.create(backupFile(40), linearFile(20, 3), cyclicFile(20, 3))
	t.login(key.MethodEV2First, 1, z)
	for i := wire.FileNo(first); i < first+3; i++ {
		do(t, &wire.WriteDataISO{WriteData: wire.WriteData{File: i, Offset: 2, Data: pattern(30, byte(i))}})
		t.equal("what ReadData (AD) reads", do(t, &wire.ReadDataISO{ReadData: wire.ReadData{File: i, Offset: 2, Length: 30}}).Data, pattern(30, byte(i)))
		t.holds(i, 2, pattern(30, byte(i))) // and BD reads the same
	}
	t.enter(appA)
	do(t, &wire.WriteDataISO{WriteData: wire.WriteData{File: fileBackup, Data: pattern(30, 9)}})
	do(t, &wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: fileLinear, Data: pattern(20, 3)}})
	t.equal("a backup file before commit", do(t, &wire.ReadDataISO{ReadData: wire.ReadData{File: fileBackup, Length: 30}}).Data, make([]byte, 30))
	t.commit()
	t.holds(fileBackup, 0, pattern(30, 9))
	t.equal("what ReadRecords (AB) reads", do(t, &wire.ReadRecordsISO{ReadRecords: wire.ReadRecords{File: fileLinear}}).Data, pattern(20, 3))
	do(t, &wire.UpdateRecordISO{UpdateRecord: wire.UpdateRecord{File: fileLinear, Offset: 1, Data: []byte{0xAA}}})
	t.commit()
	want := pattern(20, 3)
	want[1] = 0xAA
	t.records(fileLinear, 0, 1, want)
	t.refuses(&wire.ReadDataISO{ReadData: wire.ReadData{File: fileBackup, Offset: 40, Length: 1}}, wire.StatusBoundaryError)
}
