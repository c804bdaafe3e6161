package vpcd

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// answering is a card that answers with the command, until it has had enough.
type answering struct{ left *int }

func (a answering) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if *a.left--; *a.left < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return command, nil
}

// FuzzRun plays vpcd: each command is answered by the card with its own answer,
// controls by nothing, the ATR by an ATR; and the client ends with its context.
func FuzzRun(f *testing.F) {
	f.Add([]byte{1, 4, 1, 1, 5, 0x90, 0x60, 0, 0, 0, 1, 0}, byte(9))
	f.Add([]byte{1, 2, 3, 1, 2, 3, 0, 1, 4}, byte(1))
	f.Fuzz(func(t *testing.T, program []byte, left byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		commands := int(left)
		c := New(l.Addr().String(), func(context.Context) (Card, error) { return answering{&commands}, nil }, nil)
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(patience))
		asked, gone := false, false
		for n := 0; len(program) > 0 && n < 16; n++ {
			size := min(int(program[0]), len(program)-1)
			frame := program[1 : 1+size]
			program = program[1+size:]
			if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(size)), frame...)); err != nil {
				break
			}
			atr := size == 1 && frame[0] == 4
			if size == 1 && frame[0] <= 2 {
				continue
			}
			if !atr && left == 0 { // the card had enough: the connection ends without an answer
				if b, err := io.ReadAll(conn); err != nil && len(b) > 0 || len(b) > 0 {
					t.Fatalf("a card that is gone answers % X", b)
				}
				gone = true
				break
			}
			asked = asked || atr
			if !atr {
				left--
			}
			var head [2]byte
			if _, err := io.ReadFull(conn, head[:]); err != nil {
				t.Fatalf("frame %d, % X: %v", n, frame, err)
			}
			b := make([]byte, binary.BigEndian.Uint16(head[:]))
			if _, err := io.ReadFull(conn, b); err != nil {
				t.Fatal(err)
			}
			if !atr && !bytes.Equal(b, frame) || atr && (len(b) == 0 || b[0] != 0x3B) {
				t.Fatalf("frame %d, % X: answer % X", n, frame, b)
			}
		}
		if asked && !gone {
			if err := c.Wait(ctx, true); err != nil {
				t.Errorf("its ATR was told, and the client does not know: %v", err)
			}
		}
		c.Lift()
		c.Return()
		cancel()
		conn.Close()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
	})
}
