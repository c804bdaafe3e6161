package chip

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// FuzzLine sends a chip anything, in pieces of any length. It neither panics nor hangs, what it sends are whole frames, and after what
// a host does to be understood again it answers.
func FuzzLine(f *testing.F) {
	for _, s := range []string{wakeUp + getFirmwareVersion, listTypeA + ack + nack, "00 00 FF FF FF 01 09 F6 D4 40", "00 00 FF 05 FB D4 02"} {
		f.Add(unhex(f, s), uint8(7))
	}
	r := newReader(f, wire.EV2)
	f.Fuzz(func(t *testing.T, sent []byte, piece uint8) {
		c := New(Simulated(r, nil), &Config{Started: true})
		line := &chopped{in: sent, piece: int(piece)%40 + 1}
		if err := c.ServeHSU(context.Background(), line); err != nil {
			t.Fatal(err)
		}
		for out := line.out.Bytes(); len(out) > 0; {
			n := frameLength(out)
			if n == 0 {
				t.Fatalf("%X is no frame", out)
			}
			out = out[n:]
		}
		c.Reset()
		back := &chopped{in: unhex(t, wakeUp+getFirmwareVersion), piece: 100, said: make(chan struct{}, 10)}
		if err := c.ServeHSU(context.Background(), back); err != nil {
			t.Fatal(err)
		}
		if want := unhex(t, ack); !bytes.HasPrefix(back.out.Bytes(), want) {
			t.Errorf("after a reset it says %X", back.out.Bytes())
		}
	})
}

// frameLength is the length of the frame that b begins with, 0 if it does not.
func frameLength(b []byte) int {
	for _, f := range [][]byte{frameACK, frameError} {
		if bytes.HasPrefix(b, f) {
			return len(f)
		}
	}
	if len(b) < 7 || !bytes.HasPrefix(b, []byte{0, 0, 0xFF}) {
		return 0
	}
	head, n := 5, int(b[3])
	if b[3] == 0xFF && b[4] == 0xFF {
		head, n = 8, int(b[5])<<8|int(b[6])
	}
	if len(b) < head+n+2 || b[head] != fromChip || b[head+n+1] != 0 {
		return 0
	}
	return head + n + 2
}

// chopped is a line that gives what it has in pieces.
type chopped struct {
	in    []byte
	piece int
	out   bytes.Buffer
	said  chan struct{} // if not nil, the line does not end before something was said
}

func (c *chopped) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		if c.said != nil {
			<-c.said
		}
		return 0, io.EOF
	}
	n := copy(p, c.in[:min(c.piece, len(c.in))])
	c.in = c.in[n:]
	return n, nil
}

func (c *chopped) Write(p []byte) (int, error) {
	c.out.Write(p)
	if c.said != nil {
		c.said <- struct{}{}
	}
	return len(p), nil
}
