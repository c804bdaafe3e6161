package desfire

import "github.com/go-desfire/desfire/wire"

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
	if fs := c.state.files[m.File]; m.Length == 0 && fs != nil && m.Offset < fs.Size {
		return int(fs.Size - m.Offset)
	}
	return m.AnswerLen()
}

func (c *Card) recordsLen(m *wire.ReadRecords) int {
	if fs := c.state.files[m.File]; m.Count > 0 && fs != nil && fs.RecordSize > 0 {
		return int(m.Count) * int(fs.RecordSize)
	}
	return -1
}
