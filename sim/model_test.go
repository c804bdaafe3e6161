package sim

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// model is what the files of personalised hold, told in the plainest way: the
// committed state and a copy of it that pending changes go to.
type model struct {
	now, next contents
	dirty     map[wire.FileNo]string // file to the kind of change that is pending
	limited   bool                   // a limited credit is pending
	debited   int32
}

type contents struct {
	std, backup    []byte
	value, limit   int32
	linear, cyclic [][]byte
}

func (c contents) clone() contents {
	c.std, c.backup = slices.Clone(c.std), slices.Clone(c.backup)
	c.linear, c.cyclic = slices.Clone(c.linear), slices.Clone(c.cyclic)
	return c
}

func newModel() *model {
	m := &model{now: contents{std: make([]byte, 400), backup: make([]byte, 100), value: 500}}
	m.abort()
	return m
}

func (m *model) abort() {
	m.next = m.now.clone()
	m.dirty, m.limited, m.debited = map[wire.FileNo]string{}, false, 0
}

func (m *model) commit() {
	std := m.now.std
	if m.debited > 0 {
		m.next.limit = m.debited
	} else if m.limited {
		m.next.limit = 0
	}
	if n := len(m.next.cyclic); n > 3 {
		m.next.cyclic = m.next.cyclic[n-3:]
	}
	m.now = m.next
	m.now.std = std
	m.abort()
}

// step makes one random command and says what must come of it. apply happens if
// it succeeds.
func (m *model) step(r *rand.Rand) (cmd wire.Command, want wire.Status, apply func(rsp wire.Message) string) {
	ok, boundary, denied := wire.StatusOK, wire.StatusBoundaryError, wire.StatusPermissionDenied
	data := func(most int) (uint32, []byte) {
		offset := r.IntN(most + 2)
		n := 1 + r.IntN(most)
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return uint32(offset), b
	}
	within := func(offset uint32, n, size int) wire.Status {
		if int(offset)+n > size || int(offset) >= size {
			return boundary
		}
		return ok
	}
	equal := func(want []byte) func(wire.Message) string {
		return func(rsp wire.Message) string {
			if got := rsp.(*wire.Data).Data; !bytes.Equal(got, want) {
				return fmt.Sprintf("%X, want %X", got, want)
			}
			return ""
		}
	}
	none := func(f func()) func(wire.Message) string { return func(wire.Message) string { f(); return "" } }
	switch r.IntN(14) {
	case 0:
		o, b := data(400)
		return &wire.WriteData{File: 1, Offset: o, Data: b}, within(o, len(b), 400), none(func() { copy(m.now.std[o:], b) })
	case 1:
		o, b := data(100)
		return &wire.WriteData{File: 2, Offset: o, Data: b}, within(o, len(b), 100), none(func() { copy(m.next.backup[o:], b); m.dirty[2] = "write" })
	case 2:
		o, b := data(400)
		return &wire.ReadData{File: 1, Offset: o, Length: uint32(len(b))}, within(o, len(b), 400),
			func(rsp wire.Message) string { return equal(m.now.std[o:][:len(b)])(rsp) }
	case 3:
		return &wire.ReadData{File: 2}, ok, equal(m.now.backup)
	case 4:
		n := int32(r.IntN(300))
		want = ok
		if m.next.value-n < 0 {
			want = boundary
		}
		return &wire.Debit{File: 3, Amount: n}, want, none(func() { m.next.value -= n; m.debited += n; m.dirty[3] = "value" })
	case 5:
		n := int32(r.IntN(300))
		want = ok
		if m.next.value+n > 1000 {
			want = boundary
		}
		return &wire.Credit{File: 3, Amount: n}, want, none(func() { m.next.value += n; m.dirty[3] = "value" })
	case 6:
		n := int32(r.IntN(int(m.now.limit) + 2))
		want = ok
		if n > m.now.limit || m.limited || m.next.value+n > 1000 {
			want = boundary
		}
		return &wire.LimitedCredit{File: 3, Amount: n}, want, none(func() { m.next.value += n; m.limited = true; m.dirty[3] = "value" })
	case 7:
		return &wire.GetValue{File: 3}, ok, func(rsp wire.Message) string {
			if rsp.(*wire.Value).Value != m.now.value {
				return "another value"
			}
			return ""
		}
	case 8:
		file, size, full := wire.FileNo(4), 30, len(m.now.linear) >= 5
		if r.IntN(2) == 0 {
			file, size, full = 5, 16, false
		}
		o, b := data(size)
		want = within(o, len(b), size)
		if m.dirty[file] == "clear" {
			want = denied
		} else if full {
			want = boundary
		}
		return &wire.WriteRecord{File: file, Offset: o, Data: b}, want, none(func() {
			list := &m.next.linear
			if file == 5 {
				list = &m.next.cyclic
			}
			if m.dirty[file] == "" {
				*list = append(*list, make([]byte, size))
			}
			last := slices.Clone((*list)[len(*list)-1])
			copy(last[o:], b)
			(*list)[len(*list)-1] = last
			m.dirty[file] = "write"
		})
	case 9:
		file, list := wire.FileNo(4), m.now.linear
		if r.IntN(2) == 0 {
			file, list = 5, m.now.cyclic
		}
		no, n := r.IntN(5), r.IntN(4)
		if no >= len(list) || no+n > len(list) {
			return &wire.ReadRecords{File: file, Record: uint32(no), Count: uint32(n)}, boundary, nil
		}
		if n == 0 {
			n = len(list) - no
			return &wire.ReadRecords{File: file, Record: uint32(no)}, ok, equal(bytes.Join(list[:n], nil))
		}
		return &wire.ReadRecords{File: file, Record: uint32(no), Count: uint32(n)}, ok, equal(bytes.Join(list[len(list)-no-n:len(list)-no], nil))
	case 10:
		file := wire.FileNo(4 + r.IntN(2))
		return &wire.ClearRecordFile{File: file}, ok, none(func() {
			if file == 4 {
				m.next.linear = nil
			} else {
				m.next.cyclic = nil
			}
			m.dirty[file] = "clear"
		})
	case 11:
		want = ok
		if len(m.dirty) == 0 {
			want = wire.StatusNoChanges
		}
		return &wire.AbortTransaction{}, want, none(m.abort)
	}
	want = ok
	if len(m.dirty) == 0 {
		want = wire.StatusNoChanges
	}
	return &wire.CommitTransaction{}, want, none(m.commit)
}

// Random sequences under every channel and mode, with errors, tears and
// authentications in between: the card and the model agree on every status and
// every content.
func TestModel(t *testing.T) {
	for i, x := range channelCases {
		for j, mode := range []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull} {
			r := rand.New(rand.NewPCG(uint64(i), uint64(j)))
			for range 15 {
				runModel(t, r, x, mode)
			}
		}
	}
}

func runModel(t *testing.T, r *rand.Rand, x channelCase, mode wire.CommMode) {
	c, p := personalised(t, x, mode)
	m := newModel()
	in := func() { p.in(x.method, 3, secret(t, x.typ, 3)) }
	in()
	size := map[wire.FileNo]int{4: 30, 5: 16}
	for n := range 60 {
		if r.IntN(15) == 0 {
			switch r.IntN(3) {
			case 0: // out of the field and back
				p = newPCD(t, c)
				p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
				m.abort()
			case 1: // what is pending survives
			case 2:
				p.ok(&wire.SelectApplication{AID: farebox}, nil, 0)
				m.abort()
			}
			in()
		}
		cmd, want, apply := m.step(r)
		rsp := responseOf(cmd)
		if rr, ok := cmd.(*wire.ReadRecords); ok && rr.Count > 0 {
			p.recordsLen = int(rr.Count) * size[rr.File]
		}
		got := p.do(cmd, rsp, mode)
		if got != want {
			t.Fatalf("%v, %v, step %d: %s %+v: %v, want %v", x, mode, n, cmd.Spec().Name, cmd, got, want)
		}
		if got != wire.StatusOK {
			m.abort()
			if p.ch == nil {
				in()
			}
			continue
		}
		if apply != nil {
			if wrong := apply(rsp); wrong != "" {
				t.Fatalf("%v, %v, step %d: %s %+v: %s", x, mode, n, cmd.Spec().Name, cmd, wrong)
			}
		}
	}
}

func responseOf(cmd wire.Command) wire.Message {
	switch cmd.(type) {
	case *wire.ReadData, *wire.ReadRecords:
		return new(wire.Data)
	case *wire.GetValue:
		return new(wire.Value)
	case *wire.CommitTransaction:
		return new(wire.CommitTransactionResponse)
	}
	return new(wire.Empty)
}
