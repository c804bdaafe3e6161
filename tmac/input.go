// Package tmac is the back end's side of transaction MACs (EV2, EV3, Light): it
// collects what a terminal did in a transaction, verifies the MAC that the card
// gave at CommitTransaction, and finds the reader of the transaction before.
//
// Each card counts its transactions (TMC). A back end that sees the same TMC
// twice sees a replay; a gap, or a previous reader that is not the one of the
// transaction before, shows that one was kept from it.
//
// The rules are those of the public DESFire Light data sheet. Keys and MAC are
// pinned to published numbers; how commands are laid out in the input is pinned
// to a transaction of a real EV3, a chained write by 8B and CommitReaderID. For
// the other commands no card's transaction with its key is public.
package tmac

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// Input collects the transaction MAC input (TMI). It starts empty when the
// application is selected and after each CommitTransaction and
// AbortTransaction: call Reset. The zero value is ready to use.
type Input struct {
	// RecordSizes are the record sizes of files, needed where ReadRecords asks
	// for all records: the input holds their number.
	RecordSizes map[wire.FileNo]int
	// Exclude are files that the card leaves out: the transaction MAC file
	// itself.
	Exclude []wire.FileNo

	b []byte
	c wire.Coder
}

// Reset empties the input.
func (t *Input) Reset() { t.b = t.b[:0] }

// Bytes are the input so far, whole blocks of 16. They are valid until the next
// Add or Reset. An empty input means that CommitTransaction moves no counter.
func (t *Input) Bytes() []byte { return t.b }

// Add takes a command that succeeded and its answer in plain. Commands that do
// not enter the input change nothing.
func (t *Input) Add(cmd wire.Command, answer wire.Message) error {
	spec := cmd.Spec()
	if spec.Class != wire.ClassNative {
		return nil
	}
	e, err := t.c.Encode(nil, cmd)
	if err != nil {
		return err
	}
	var plain []byte
	if answer != nil {
		a, err := t.c.Encode(nil, answer)
		if err != nil {
			return err
		}
		plain = a.Bytes
	}
	if err := t.AddBytes(spec.INS, e.Bytes, plain); err != nil {
		return fmt.Errorf("%s: %w", spec.Name, err)
	}
	return nil
}

// Enters reports whether the native command with this INS enters the input.
func Enters(ins byte) bool {
	switch ins {
	case wire.InsReadData, wire.InsReadDataISO, wire.InsReadRecords, wire.InsReadRecordsISO,
		wire.InsWriteData, wire.InsWriteDataISO, wire.InsWriteRecord, wire.InsWriteRecordISO,
		wire.InsUpdateRecord, wire.InsUpdateRecordISO, wire.InsClearRecordFile,
		wire.InsGetValue, wire.InsCredit, wire.InsDebit, wire.InsLimitedCredit, wire.InsRestoreTransfer,
		wire.InsCommitReaderID:
		return true
	}
	return false
}

// AddBytes is Add for a command as it is on the wire: INS, what follows it in
// plain, and the plain answer without status and MAC.
func (t *Input) AddBytes(ins byte, params, answer []byte) error {
	switch ins {
	case wire.InsReadData, wire.InsReadDataISO:
		return t.read(ins, params, answer, len(answer))
	case wire.InsReadRecords, wire.InsReadRecordsISO:
		n := 0
		if len(params) == 7 && zero(params[4:]) && !t.excluded(params) {
			size := t.RecordSizes[wire.FileNo(params[0])]
			if size <= 0 || len(answer)%size != 0 {
				return fmt.Errorf("file %d: all records were read, and their number needs the record size", params[0])
			}
			n = len(answer) / size
		}
		return t.read(ins, params, answer, n)
	case wire.InsWriteData, wire.InsWriteDataISO, wire.InsWriteRecord, wire.InsWriteRecordISO:
		return t.write(ins, params, 7)
	case wire.InsUpdateRecord, wire.InsUpdateRecordISO:
		return t.write(ins, params, 10)
	case wire.InsGetValue:
		if len(params) != 1 || len(answer) != 4 {
			return errLength
		}
		return t.one(params, ins, params, answer)
	case wire.InsCredit, wire.InsDebit, wire.InsLimitedCredit:
		if len(params) != 5 {
			return errLength
		}
		return t.one(params, ins, params)
	case wire.InsClearRecordFile:
		if len(params) != 1 {
			return errLength
		}
		return t.one(params, ins, params)
	case wire.InsCommitReaderID: // without a session there is no answer
		if len(params) != 16 || len(answer) != 0 && len(answer) != 16 {
			return errLength
		}
		return t.one(nil, ins, params, answer)
	case wire.InsRestoreTransfer:
		return errors.New("how RestoreTransfer enters the transaction MAC is not public")
	}
	return nil
}

var errLength = errors.New("the command or its answer has the wrong length")

// read adds a command with a header of 8 bytes and what it read. A count of
// zero is replaced by n.
func (t *Input) read(ins byte, params, answer []byte, n int) error {
	if len(params) != 7 {
		return errLength
	}
	p := slices.Clone(params)
	if zero(p[4:]) {
		p[4], p[5], p[6] = byte(n), byte(n>>8), byte(n>>16)
	}
	return t.two(ins, p, answer)
}

// write adds a command with a header of 1 + head bytes and what it wrote.
func (t *Input) write(ins byte, params []byte, head int) error {
	if len(params) < head {
		return errLength
	}
	return t.two(ins, params[:head], params[head:])
}

// two adds a header, padded to a block, and data, padded too.
func (t *Input) two(ins byte, head, data []byte) error {
	if !t.excluded(head) {
		t.block(ins, head)
		t.b = append(t.b, data...)
		t.pad()
	}
	return nil
}

// one adds what is not divided.
func (t *Input) one(file []byte, ins byte, parts ...[]byte) error {
	if file == nil || !t.excluded(file) {
		t.block(ins, parts...)
	}
	return nil
}

func (t *Input) block(ins byte, parts ...[]byte) {
	t.b = append(t.b, ins)
	for _, p := range parts {
		t.b = append(t.b, p...)
	}
	t.pad()
}

func (t *Input) pad() {
	for len(t.b)%16 != 0 {
		t.b = append(t.b, 0)
	}
}

func (t *Input) excluded(params []byte) bool {
	return slices.Contains(t.Exclude, wire.FileNo(params[0]))
}

func zero(b []byte) bool { return b[0]|b[1]|b[2] == 0 }
