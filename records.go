package desfire

import (
	"context"

	"github.com/go-desfire/desfire/wire"
)

// WriteRecord writes into the new record of a record file, which the first
// WriteRecord of a transaction begins. It is pending until CommitTransaction.
func (c *Card) WriteRecord(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	_, err := Do(ctx, c, &wire.WriteRecord{File: file, Offset: offset, Data: data})
	return err
}

// ReadRecords reads count records from record first on, where 0 is the newest;
// count 0 means all from there to the oldest. The answer is the records one
// after the other, the oldest first. An empty file is a refusal with
// wire.StatusBoundaryError, and drops whatever is pending.
func (c *Card) ReadRecords(ctx context.Context, file FileNo, first, count uint32) ([]byte, error) {
	m, err := Do(ctx, c, &wire.ReadRecords{File: file, Record: first, Count: count})
	return m.Data, err
}

// ClearRecordFile removes all records. It is pending until CommitTransaction.
func (c *Card) ClearRecordFile(ctx context.Context, file FileNo) error {
	_, err := Do(ctx, c, &wire.ClearRecordFile{File: file})
	return err
}
