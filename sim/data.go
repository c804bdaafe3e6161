package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func dataCommands() []*command {
	write := onFile(opWrite, (*Card).writeFits, (*Card).writeData)
	// The same without AF chaining.
	readISO := onFile(opRead, nil,
		func(c *Card, m *wire.ReadDataISO, rsp *wire.Data) wire.Status { return c.readData(&m.ReadData, rsp) })
	writeISO := onFile(opWrite,
		func(c *Card, m *wire.WriteDataISO) wire.Status { return c.writeFits(&m.WriteData) },
		func(c *Card, m *wire.WriteDataISO, rsp *wire.Empty) wire.Status {
			return c.writeData(&m.WriteData, rsp)
		})
	readISO.whole, writeISO.whole = true, true
	write.stream = func(c *Card, data []byte) wire.Status { return c.streamData(write.msg.(*wire.WriteData), data) }
	return []*command{
		onFile(opRead, nil, (*Card).readData),
		write, readISO, writeISO,
	}
}

// readData answers the committed content (command reference 9).
func (c *Card) readData(m *wire.ReadData, rsp *wire.Data) wire.Status {
	f := c.call.file
	content := f.data
	if f.tmac != nil {
		content = f.tmac.content()
	}
	if _, st := c.readRange(content, m.Offset, m.Length); st != wire.StatusOK {
		return st
	}
	content, st := c.mirrored(content)
	if st != wire.StatusOK {
		return st
	}
	data, _ := c.readRange(content, m.Offset, m.Length)
	rsp.Data = append(rsp.Data[:0], data...)
	c.track(c.header(f.no, m.Offset, uint32(len(data))), data)
	return wire.StatusOK
}

// header is INS, file number and 3-byte numbers, as the transaction MAC counts
// them.
func (c *Card) header(no wire.FileNo, numbers ...uint32) []byte {
	b := append(c.head[:0], c.call.ins, byte(no))
	for _, n := range numbers {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	c.head = b
	return b
}

// readRange is length bytes from offset, all up to the end for length 0.
func (c *Card) readRange(data []byte, offset, length uint32) ([]byte, wire.Status) {
	size := uint32(len(data))
	if length == 0 && offset < size {
		length = size - offset
	}
	if offset >= size || length > size-offset {
		return nil, wire.StatusBoundaryError
	}
	return data[offset:][:length], wire.StatusOK
}

// writeFits judges the header of WriteData.
func (c *Card) writeFits(m *wire.WriteData) wire.Status {
	n, size := c.coder.Announced(), len(c.call.file.data)
	switch {
	case n == 0:
		return wire.StatusLengthError // command reference 2.5
	case int(m.Offset) >= size || n > size-int(m.Offset):
		return wire.StatusBoundaryError
	}
	return wire.StatusOK
}

// writeData changes a standard file at once, a backup file at Commit.
func (c *Card) writeData(m *wire.WriteData, _ *wire.Empty) wire.Status {
	f := c.call.file
	c.track(c.header(f.no, m.Offset, uint32(len(m.Data))), m.Data)
	if f.typ == wire.FileBackup {
		p := c.pendingOf(f)
		if p.data == nil {
			p.data = slices.Clone(f.data)
		}
		copy(p.data[m.Offset:], m.Data)
		return wire.StatusOK
	}
	return c.storeData(m, m.Data)
}

// streamData stores the first part of a chained write to a standard file.
func (c *Card) streamData(m *wire.WriteData, data []byte) wire.Status {
	if c.call.file.typ != wire.FileStandard || len(data) == 0 {
		return wire.StatusOK
	}
	return c.storeData(m, data)
}

func (c *Card) storeData(m *wire.WriteData, data []byte) wire.Status {
	next := c.nvm.edit()
	f := next.editApp(c.call.app.aid).editFile(c.call.file.no)
	f.data = slices.Clone(f.data)
	copy(f.data[m.Offset:], data)
	return c.commit(next)
}
