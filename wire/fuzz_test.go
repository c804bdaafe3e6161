package wire_test

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// FuzzDecodeCommand walks every command over any bytes. What decodes must
// encode to the same bytes.
func FuzzDecodeCommand(f *testing.F) {
	seed(f, false)
	f.Fuzz(func(t *testing.T, which, p1, p2 byte, le uint16, marks, data []byte) {
		spec := pick(which)
		e := wire.Encoded{Bytes: data, Marks: boundaries(marks, len(data)), Le: int(le) - 1}
		if spec.Class == wire.ClassISO {
			e.P1, e.P2 = p1, p2
		}
		walk(t, e, spec.New)
	})
}

// FuzzDecodeResponse walks every response over any bytes.
func FuzzDecodeResponse(f *testing.F) {
	seed(f, true)
	f.Fuzz(func(t *testing.T, which byte, marks, data []byte) {
		spec := pick(which)
		walk(t, wire.Encoded{Bytes: data, Marks: boundaries(marks, len(data)), Le: -1}, func() wire.Message { return spec.NewResponse() })
	})
}

func pick(which byte) *wire.Spec {
	all := slices.Collect(wire.Commands())
	return all[int(which)%len(all)]
}

func seed(f *testing.F, response bool) {
	all := slices.Collect(wire.Commands())
	for _, v := range loadVectors(f) {
		if v.Response != response {
			continue
		}
		which := byte(slices.Index(all, v.Spec()))
		var marks []byte
		for _, m := range v.Encoded.Marks {
			marks = append(marks, byte(m))
		}
		if response {
			f.Add(which, marks, v.Encoded.Bytes)
		} else {
			f.Add(which, v.Encoded.P1, v.Encoded.P2, uint16(v.Encoded.Le+1), marks, v.Encoded.Bytes)
		}
	}
}

// boundaries makes frame boundaries, in order and inside the data, as a link
// would have.
func boundaries(raw []byte, n int) []int {
	var marks []int
	last := 0
	for _, b := range raw {
		m := int(b)
		if m >= last && m <= n && len(marks) < 8 {
			marks = append(marks, m)
			last = m
		}
	}
	return marks
}

func walk[M wire.Message](t *testing.T, e wire.Encoded, fresh func() M) {
	t.Helper()
	var c wire.Coder
	m := fresh()
	_, _ = c.DecodeHead(e.Bytes, fresh())
	err := c.DecodeISO(e, m)
	fields, explainErr := c.Explain(e, fresh())
	if (err == nil) != (explainErr == nil) {
		t.Fatalf("decode says %v, explain says %v", err, explainErr)
	}
	if err != nil {
		if err.Error() == "" {
			t.Fatal("an error without words")
		}
		return
	}
	covered := 0
	for _, x := range fields {
		if x.Offset < 0 {
			continue
		}
		if x.Offset != covered || x.Offset+x.Len > len(e.Bytes) {
			t.Fatalf("field %+v after %d bytes of %X", x, covered, e.Bytes)
		}
		covered += x.Len
	}
	if covered != len(e.Bytes) {
		t.Fatalf("fields cover %d of %d bytes", covered, len(e.Bytes))
	}
	prefix := []byte{0xAA, 0xBB}
	out, err := c.Encode(prefix, m)
	if err != nil || !bytes.Equal(out.Bytes, e.Bytes) {
		t.Fatalf("%X decoded to %+v, which encodes to %X, %v", e.Bytes, m, out.Bytes, err)
	}
	if out.P1 != e.P1 || out.P2 != e.P2 {
		t.Fatalf("header %02X %02X became %02X %02X", e.P1, e.P2, out.P1, out.P2)
	}
	again := fresh()
	if err := c.DecodeISO(wire.Encoded{Bytes: out.Bytes, Marks: e.Marks, P1: out.P1, P2: out.P2, Le: out.Le}, again); err != nil || !sameMessage(m, again) {
		t.Fatalf("%+v became %+v, %v", m, again, err)
	}
}

// Every walk survives every length, and a value that is reused keeps nothing of
// what it had.
func TestWalksSurviveAnyLength(t *testing.T) {
	rnd := uint64(1)
	next := func() byte {
		rnd = rnd*6364136223846793005 + 1442695040888963407
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], rnd)
		return b[7]
	}
	for s := range wire.Commands() {
		var c wire.Coder
		cmd, rsp := s.New(), s.NewResponse()
		for n := range 80 {
			for range 20 {
				data := make([]byte, n)
				for i := range data {
					data[i] = next() & (0xFF >> (next() & 7))
				}
				e := wire.Encoded{Bytes: data, Le: int(next()) - 1}
				if s.Class == wire.ClassISO {
					e.P1, e.P2 = next()&7, next()
				}
				walk(t, e, s.New)
				walk(t, wire.Encoded{Bytes: data, Le: -1}, func() wire.Message { return s.NewResponse() })
				reuse(t, &c, e, cmd, s.New())
				reuse(t, &c, wire.Encoded{Bytes: data, Le: -1}, rsp, s.NewResponse())
			}
		}
	}
}

func reuse(t *testing.T, c *wire.Coder, e wire.Encoded, used, fresh wire.Message) {
	t.Helper()
	if raw, ok := used.(*wire.Raw); ok {
		*fresh.(*wire.Raw) = wire.Raw{Class: raw.Class, INS: raw.INS}
	}
	err := c.DecodeISO(e, used)
	if freshErr := c.DecodeISO(e, fresh); (err == nil) != (freshErr == nil) {
		t.Fatalf("%T: reused %v, fresh %v", fresh, err, freshErr)
	}
	if err == nil && !sameMessage(used, fresh) {
		t.Fatalf("%X: reused %+v, fresh %+v", e.Bytes, used, fresh)
	}
}
