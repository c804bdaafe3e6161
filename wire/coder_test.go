package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"
)

func TestWriteDataBothWays(t *testing.T) {
	var c Coder
	want, _ := hex.DecodeString("01100000040000DEADBEEF")
	e, err := c.Encode(nil, &WriteData{File: 1, Offset: 16, Data: []byte{0xDE, 0xAD, 0xBE, 0xEF}})
	if err != nil || !bytes.Equal(e.Bytes, want) || e.Head != 7 {
		t.Fatalf("got %X head %d, %v", e.Bytes, e.Head, err)
	}
	var m WriteData
	if head, err := c.DecodeHead(want, &m); err != nil || head != 7 || c.Announced() != 4 {
		t.Fatalf("head %d, announced %d, %v", head, c.Announced(), err)
	}
	if err := c.Decode(want, nil, &m); err != nil || m.Offset != 16 || len(m.Data) != 4 {
		t.Fatalf("%+v, %v", m, err)
	}
	var fe *FormatError
	if err := c.Decode(want[:10], nil, &m); !errors.As(err, &fe) || !fe.Length {
		t.Fatalf("short: %v", err)
	}
	if _, err := c.Encode(nil, &WriteData{Offset: 1 << 24}); !errors.As(err, &fe) || fe.Field != "Offset" {
		t.Fatalf("range: %v", err)
	}
	fields, err := c.Explain(Encoded{Bytes: want}, &m)
	if err != nil || len(fields) != 4 || fields[1].Offset != 1 || fields[1].Value != "16" {
		t.Fatalf("%+v, %v", fields, err)
	}
}

func TestReuseDoesNotAllocate(t *testing.T) {
	var c Coder
	buf := make([]byte, 0, 64)
	cmd, rsp := &GetValue{File: 1}, new(Value)
	in := []byte{1, 0, 0, 0}
	n := testing.AllocsPerRun(100, func() {
		if _, err := c.Encode(buf, cmd); err != nil {
			t.Fatal(err)
		}
		if err := c.Decode(in, nil, rsp); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}
