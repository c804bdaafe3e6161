package desfire

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// answerLen is how many plain bytes the answer to cmd has, -1 if that is not
// known. An enciphered answer of a D40 or EV1 session does not tell its own
// length: where zeros follow the checksum, a shorter reading fits as well about
// once in 256 times.
func (c *Card) answerLen(cmd wire.Command) int {
	switch m := cmd.(type) {
	case *wire.ReadData:
		return c.dataLen(m)
	case *wire.ReadDataISO:
		return c.dataLen(&m.ReadData)
	case *wire.ReadRecords:
		return c.recordsLen(m)
	case *wire.ReadRecordsISO:
		return c.recordsLen(&m.ReadRecords)
	case *wire.CommitTransaction:
		if m.ReturnTMAC {
			return receiptSize
		}
		return 0
	case *wire.CommitReaderID:
		if c.state.channel != nil {
			return len(m.TMRI)
		}
		return 0
	case *wire.GetCardUID:
		if !m.WithOption && !m.WithNUID {
			return len(wire.UID{})
		}
	case interface{ AnswerLen() int }:
		return m.AnswerLen()
	}
	return -1
}

func (c *Card) dataLen(m *wire.ReadData) int {
	if fs := c.settingsOf(m.File); m.Length == 0 && fs != nil && m.Offset < fs.Size {
		return int(fs.Size - m.Offset)
	}
	return m.AnswerLen()
}

func (c *Card) recordsLen(m *wire.ReadRecords) int {
	if fs := c.settingsOf(m.File); m.Count > 0 && fs != nil && fs.RecordSize > 0 {
		return int(m.Count) * int(fs.RecordSize)
	}
	return -1
}

// wholeRecords finds an answer that ends in the middle of a record.
func (c *Card) wholeRecords(cmd wire.Command, n int) error {
	m, ok := cmd.(*wire.ReadRecords)
	if iso, isISO := cmd.(*wire.ReadRecordsISO); isISO {
		m, ok = &iso.ReadRecords, true
	}
	if !ok {
		return nil
	}
	fs := c.settingsOf(m.File)
	switch {
	case n == 0:
		return errors.New("no record, though a card without any refuses")
	case fs != nil && fs.RecordSize > 0 && n%int(fs.RecordSize) != 0:
		return fmt.Errorf("%d bytes are no whole records of %d", n, fs.RecordSize)
	case m.Count > 0 && n%int(m.Count) != 0:
		return fmt.Errorf("%d bytes are no %d records", n, m.Count)
	}
	return nil
}

// lenient reports whether cards answer a command with other lengths than the
// usual one: an identifier may have 4 or 10 bytes.
func lenient(cmd wire.Command) bool {
	_, ok := cmd.(*wire.GetCardUID)
	return ok
}

const (
	protectionMax = 64       // more than padding, checksum and MAC can add
	listMax       = 16 << 10 // more than any list of applications or names
)

// maxAnswer bounds an answer of length plain bytes, -1 if that is not known.
func (c *Card) maxAnswer(r *request, length int) frame.Want {
	spec := r.cmd.Spec()
	_, last := r.rsp.(*wire.Empty)
	want := frame.Want{Last: last && !c.conf.Unguarded}
	switch {
	case length >= 0:
		want.Max = length + protectionMax
	case spec.Rule != wire.RuleRead && spec.Class == wire.ClassNative && spec.New != nil:
		want.Max = listMax
	}
	return want
}
