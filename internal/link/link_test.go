package link

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// memory is a connection whose peer has sent all and left.
type memory struct {
	in  *bytes.Reader
	cut int // bytes a Read gives at most
	out bytes.Buffer
}

func (m *memory) Read(p []byte) (int, error)       { return m.in.Read(p[:min(len(p), m.cut)]) }
func (m *memory) Write(p []byte) (int, error)      { return m.out.Write(p) }
func (m *memory) Close() error                     { return nil }
func (m *memory) LocalAddr() net.Addr              { return nil }
func (m *memory) RemoteAddr() net.Addr             { return nil }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

// split is what Read must make of a stream, written the obvious way.
func split(stream []byte) (frames [][]byte, clean bool) {
	for len(stream) >= 2 {
		n := int(binary.BigEndian.Uint16(stream))
		if len(stream) < 2+n {
			return frames, false
		}
		frames = append(frames, stream[2:2+n])
		stream = stream[2+n:]
	}
	return frames, len(stream) == 0
}

func FuzzRead(f *testing.F) {
	f.Add([]byte{0, 1, 4, 0, 5, 0x90, 0x60, 0, 0, 0}, 1)
	f.Add([]byte{0, 0, 0, 1, 0x60}, 3)
	f.Add([]byte{0xFF, 0xFF, 1}, 100)
	f.Add([]byte{0}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		c := NewConn(&memory{in: bytes.NewReader(stream), cut: max(1, cut)})
		want, clean := split(stream)
		var buf []byte
		for i := 0; ; i++ {
			frame, err := c.Read(buf)
			if err != nil {
				if i != len(want) {
					t.Fatalf("%v after %d frames of %d", err, i, len(want))
				}
				if (err == io.EOF) != clean || !clean && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("end of the stream: %v, clean %v", err, clean)
				}
				return
			}
			if i >= len(want) || !bytes.Equal(frame, want[i]) {
				t.Fatalf("frame %d is % X", i, frame)
			}
			buf = frame
		}
	})
}

type card struct{ closed int }

func (c *card) Transmit(_ context.Context, command []byte) ([]byte, error) { return command, nil }
func (c *card) Close() error                                               { c.closed++; return nil }

func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 1, 4, 0, 1, 1, 0, 2, 0x60, 1, 0, 1, 0, 0, 1, 0xAF})
	f.Add([]byte{0, 1, 2, 0, 1, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		m := &memory{in: bytes.NewReader(stream), cut: 1 << 20}
		var cards []*card
		s := &Session{Conn: NewConn(m), Present: func(context.Context) (Card, error) {
			cards = append(cards, &card{})
			return cards[len(cards)-1], nil
		}}
		if err := s.Run(context.Background()); err == nil {
			t.Fatal("Run ends without a reason")
		}
		var want []byte
		on, activations, known := false, 0, false
		commands, _ := split(stream)
		for _, c := range commands {
			isATR := len(c) == 1 && c[0] == 4
			if len(c) == 1 && c[0] <= 2 {
				on = false
				continue
			}
			if !on && !(isATR && known) {
				on, known = true, true
				activations++
			}
			if isATR {
				c = DESFireATR()
			}
			want = append(binary.BigEndian.AppendUint16(want, uint16(len(c))), c...)
		}
		if !bytes.Equal(m.out.Bytes(), want) {
			t.Errorf("answers % X, want % X", m.out.Bytes(), want)
		}
		if len(cards) != activations {
			t.Errorf("%d activations, want %d", len(cards), activations)
		}
		for i, c := range cards {
			if c.closed != 1 {
				t.Errorf("activation %d was closed %d times", i, c.closed)
			}
		}
	})
}

func TestWriteTooLong(t *testing.T) {
	m := &memory{in: bytes.NewReader(nil), cut: 1}
	sent, err := NewConn(m).Write(make([]byte, MaxFrame+1))
	if sent || err == nil || m.out.Len() > 0 {
		t.Errorf("65536 bytes: sent %v, error %v", sent, err)
	}
}
