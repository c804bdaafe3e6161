package selftest

import (
	"github.com/go-desfire/desfire/wire"
)

// recordSteps are about record files.
func recordSteps(g wire.Generation) []step {
	if !classic(g) {
		return nil
	}
	steps := []step{
		{id: "record.linear", title: "records wait for commit; a full linear file takes no more", source: "9, 10.1, C-12", run: recordLinear},
		{id: "record.cyclic", title: "a cyclic file holds one less and drops the oldest", source: "9, HN 5", run: recordCyclic},
		{id: "record.one-per-transaction", title: "writes of one transaction go into one record", source: "9", run: recordOne},
		{id: "record.order", title: "numbers count from the newest, answers begin with the oldest", source: "9, C-25", run: recordOrder},
		{id: "record.boundaries", title: "records that are not there, and writes beyond the end", source: "9, 20.4", run: recordBoundaries},
		{id: "record.empty", title: "reading an empty file drops what is pending", source: "9, 10.4", run: recordEmpty},
		{id: "record.clear", title: "ClearRecordFile waits for commit", source: "9", run: recordClear},
		{id: "record.read-while-pending", title: "reading a cyclic file with a record pending", source: "22.2", run: recordReadPending},
	}
	return append(steps, when(g, wire.FeatureUpdateRecord,
		step{id: "record.update", title: "UpdateRecord", source: "9, HN 5", run: recordUpdate})...)
}

func recordLinear(t *trial) {
	t.freeApp()
	t.create(linearFile(10, 2))
	one, two := pattern(10, 1), pattern(10, 2)
	t.writeRecord(fileLinear, 0, one)
	t.equal("records before commit", t.settings(fileLinear).Records, uint32(0))
	t.commit()
	t.equal("records", t.settings(fileLinear).Records, uint32(1))
	t.writeRecord(fileLinear, 0, two)
	t.records(fileLinear, 0, 0, one)
	t.abort()
	t.records(fileLinear, 0, 0, one)
	t.record(fileLinear, two)
	t.refuses(&wire.WriteRecord{File: fileLinear, Data: one}, wire.StatusBoundaryError)
	t.records(fileLinear, 0, 0, one, two)
	t.nothingPending()
}

func recordCyclic(t *trial) {
	t.freeApp()
	t.create(cyclicFile(4, 4))
	r := func(i int) []byte { return pattern(4, byte(i)) }
	for i := range 3 {
		t.record(fileCyclic, r(i))
		t.equal("records", t.settings(fileCyclic).Records, uint32(i+1))
	}
	t.records(fileCyclic, 0, 0, r(0), r(1), r(2))
	t.record(fileCyclic, r(3)) // the oldest goes
	t.equal("records in a file of 4", t.settings(fileCyclic).Records, uint32(3))
	t.records(fileCyclic, 0, 0, r(1), r(2), r(3))
	t.refuses(&wire.ReadRecords{File: fileCyclic, Count: 4}, wire.StatusBoundaryError)
	t.writeRecord(fileCyclic, 0, r(4))
	t.abort()
	t.records(fileCyclic, 0, 0, r(1), r(2), r(3)) // and only at commit
	for i := 4; i < 9; i++ {
		t.record(fileCyclic, r(i))
	}
	t.records(fileCyclic, 0, 0, r(6), r(7), r(8))
}

func recordOne(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 4), cyclicFile(8, 4))
	for _, no := range []wire.FileNo{fileLinear, fileCyclic} {
		t.writeRecord(no, 0, []byte{1, 2})
		t.writeRecord(no, 6, []byte{7, 8})
		t.writeRecord(no, 1, []byte{9})
		t.commit()
		t.records(no, 0, 0, []byte{1, 9, 0, 0, 0, 0, 7, 8})
		t.writeRecord(no, 3, []byte{0x33}) // a new record begins with zeros
		t.commit()
		t.records(no, 0, 1, []byte{0, 0, 0, 0x33, 0, 0, 0, 0})
	}
}

func recordOrder(t *trial) {
	t.freeApp()
	t.create(linearFile(20, 6))
	r := func(i int) []byte { return pattern(20, byte(i)) }
	for i := range 5 {
		t.record(fileLinear, r(i))
	}
	t.records(fileLinear, 0, 1, r(4))
	t.records(fileLinear, 4, 1, r(0))
	t.records(fileLinear, 1, 2, r(2), r(3))
	t.records(fileLinear, 3, 0, r(0), r(1)) // to the oldest
	t.records(fileLinear, 0, 5, r(0), r(1), r(2), r(3), r(4))
}

func recordBoundaries(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 4))
	t.record(fileLinear, pattern(8, 1))
	t.record(fileLinear, pattern(8, 2))
	for _, r := range []wire.ReadRecords{{Record: 2}, {Record: 2, Count: 1}, {Count: 3}, {Record: 1, Count: 2}, {Record: 0xFFFFFF, Count: 0xFFFFFF}} {
		r.File = fileLinear
		t.refuses(&r, wire.StatusBoundaryError)
	}
	for _, w := range []wire.WriteRecord{{Offset: 7, Data: []byte{1, 2}}, {Offset: 8, Data: []byte{1}}, {Data: make([]byte, 9)}, {Offset: 0xFFFFFF, Data: []byte{1, 2}}} {
		w.File = fileLinear
		t.refuses(&w, wire.StatusBoundaryError)
	}
	st := t.refuses(&wire.WriteRecord{File: fileLinear}, wire.StatusLengthError, wire.StatusParameterError)
	t.observe("write-record.empty", "WriteRecord of length 0", "%04X", uint16(st))
	t.records(fileLinear, 0, 0, pattern(8, 1), pattern(8, 2))
}

func recordEmpty(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 4), cyclicFile(8, 4), backupFile(8))
	for _, no := range []wire.FileNo{fileLinear, fileCyclic} {
		t.refuses(&wire.ReadRecords{File: no}, wire.StatusBoundaryError)
		t.write(fileBackup, 0, []byte{1})
		t.refuses(&wire.ReadRecords{File: no, Count: 1}, wire.StatusBoundaryError)
		t.nothingPending()
	}
	t.holds(fileBackup, 0, []byte{0})
}

func recordClear(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 2), cyclicFile(8, 3))
	for _, no := range []wire.FileNo{fileLinear, fileCyclic} {
		t.record(no, pattern(8, 1))
		t.record(no, pattern(8, 2))
		do(t, &wire.ClearRecordFile{File: no})
		t.records(no, 0, 0, pattern(8, 1), pattern(8, 2)) // until commit
		t.equal("records", t.settings(no).Records, uint32(2))
		t.abort()
		t.records(no, 0, 0, pattern(8, 1), pattern(8, 2))
		do(t, &wire.ClearRecordFile{File: no})
		t.refuses(&wire.WriteRecord{File: no, Data: pattern(8, 3)}, wire.StatusPermissionDenied)
		t.nothingPending() // the refusal has dropped the clearing, too
		do(t, &wire.ClearRecordFile{File: no})
		t.commit()
		t.refuses(&wire.ReadRecords{File: no}, wire.StatusBoundaryError)
		t.equal("records", t.settings(no).Records, uint32(0))
		t.record(no, pattern(8, 4))
		t.records(no, 0, 0, pattern(8, 4))
	}
}

func recordReadPending(t *trial) {
	t.freeApp()
	t.create(cyclicFile(8, 3))
	t.record(fileCyclic, pattern(8, 1))
	t.record(fileCyclic, pattern(8, 2))
	t.writeRecord(fileCyclic, 0, pattern(8, 3))
	rsp := new(wire.Data)
	err := t.card.Run(t.ctx, &wire.ReadRecords{File: fileCyclic}, rsp)
	st, refused := statusOf(err)
	switch {
	case refused:
		t.observe("record.read-while-pending", "reading a full cyclic file with a record pending (22.2)", "refused with %04X", uint16(st))
		return
	case err != nil:
		t.ok(err, "ReadRecords")
	}
	want := append(pattern(8, 1), pattern(8, 2)...)
	t.equal("the committed records", rsp.Data, want)
	t.observe("record.read-while-pending", "reading a full cyclic file with a record pending (22.2)", "the committed records")
	t.commit()
	t.records(fileCyclic, 0, 0, pattern(8, 2), pattern(8, 3))
}

func recordUpdate(t *trial) {
	t.freeApp()
	t.create(linearFile(8, 4), cyclicFile(8, 4))
	for _, no := range []wire.FileNo{fileLinear, fileCyclic} {
		t.record(no, pattern(8, 1))
		t.record(no, pattern(8, 2))
		do(t, &wire.UpdateRecord{File: no, Record: 1, Offset: 2, Data: []byte{0xAA, 0xBB}})
		t.records(no, 0, 0, pattern(8, 1), pattern(8, 2)) // until commit
		t.commit()
		old := pattern(8, 1)
		old[2], old[3] = 0xAA, 0xBB
		t.records(no, 0, 0, old, pattern(8, 2))
		do(t, &wire.UpdateRecord{File: no, Data: []byte{1}})
		t.abort()
		t.records(no, 0, 1, pattern(8, 2))
		t.refuses(&wire.UpdateRecord{File: no, Record: 2, Data: []byte{1}}, wire.StatusBoundaryError)
		t.refuses(&wire.UpdateRecord{File: no, Offset: 7, Data: []byte{1, 2}}, wire.StatusBoundaryError)
		t.writeRecord(no, 0, pattern(8, 3))
		t.refuses(&wire.UpdateRecord{File: no, Data: []byte{1}}, wire.StatusPermissionDenied)
		do(t, &wire.UpdateRecord{File: no, Data: []byte{1}})
		t.refuses(&wire.UpdateRecord{File: no, Record: 1, Data: []byte{1}}, wire.StatusPermissionDenied) // one record a transaction
		t.nothingPending()
	}
}
