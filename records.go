package desfire

import (
	"context"

	"github.com/go-desfire/desfire/wire"
)

// WriteRecord writes into the new record of a record file, which the first
// WriteRecord of a transaction begins. It is pending until CommitTransaction.
func (c *Card) WriteRecord(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	_, err := c.byPath("WriteRecord", func() ([]byte, error) { return nil, c.writeRecord(ctx, file, offset, data) })
	return err
}

func (c *Card) writeRecord(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	iso := &wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: file, Offset: offset, Data: data}}
	t, err := c.plan(ctx, iso, dataHeader)
	if err != nil {
		return err
	}
	if !c.iso(t, len(data), true) {
		return c.run(ctx, request{cmd: &iso.WriteRecord, rsp: new(wire.Empty)})
	}
	return c.runLong(ctx, iso, new(wire.Empty), false)
}

// ReadRecords reads count records from record first on, where 0 is the newest;
// count 0 means all from there to the oldest. The answer is the records one
// after the other, the oldest first. An empty file is a refusal with
// wire.StatusBoundaryError, and drops whatever is pending. It takes the path
// with the fewest exchanges where the settings of the file are known. The data
// are the caller's own.
func (c *Card) ReadRecords(ctx context.Context, file FileNo, first, count uint32) ([]byte, error) {
	return c.byPath("ReadRecords", func() ([]byte, error) { return c.readRecords(ctx, file, first, count) })
}

func (c *Card) readRecords(ctx context.Context, file FileNo, first, count uint32) ([]byte, error) {
	iso := &wire.ReadRecordsISO{ReadRecords: wire.ReadRecords{File: file, Record: first, Count: count}}
	t, err := c.plan(ctx, iso, 0)
	if err != nil {
		return nil, err
	}
	rsp := new(wire.Data)
	size := 0
	if t.known != nil {
		size = int(t.known.RecordSize)
	}
	n := int(count) * size // 0 if only the card knows
	switch {
	case !c.iso(t, n, size > t.per):
		err = c.run(ctx, request{cmd: &iso.ReadRecords, rsp: rsp})
	case n == 0 || size > t.per:
		err = c.runLong(ctx, iso, rsp, false)
	default:
		t.per = t.per / size * size // whole records
		return c.readAll(t, n, func(off, n int, long bool) ([]byte, error) {
			// The oldest come first, and have the highest numbers.
			iso.Count = uint32(n / size)
			iso.Record = first + count - uint32(off/size) - iso.Count
			err := c.runLong(ctx, iso, rsp, long)
			return rsp.Data, err
		})
	}
	return rsp.Data, err
}

// ClearRecordFile removes all records. It is pending until CommitTransaction.
func (c *Card) ClearRecordFile(ctx context.Context, file FileNo) error {
	_, err := Do(ctx, c, &wire.ClearRecordFile{File: file})
	return err
}
