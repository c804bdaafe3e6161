package tcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// FuzzServer sends frames: each command is answered with the card's own answer,
// controls by nothing; no activation is left open, and the next client has the
// card.
func FuzzServer(f *testing.F) {
	f.Add([]byte{1, 4, 1, 1, 5, 0x90, 0x60, 0, 0, 0, 1, 0, 2, 7, 7})
	f.Add([]byte{1, 2, 3, 1, 2, 3, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		l, err := Listen(ctx, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := new(deck)
		done := make(chan error, 1)
		go func() { done <- Serve(ctx, l, d.present) }()
		c := raw(t, l.Addr().String())
		for n := 0; len(program) > 0 && n < 16; n++ {
			size := min(int(program[0]), len(program)-1)
			frame := program[1 : 1+size]
			program = program[1+size:]
			c.send(frame...)
			switch {
			case size == 1 && frame[0] <= 2:
			case size == 1 && frame[0] == 4:
				if atr := c.receive(); len(atr) == 0 || atr[0] != 0x3B {
					t.Fatalf("ATR % X", atr)
				}
			default:
				c.want(frame...)
			}
		}
		c.Close()
		next, err := Dial(ctx, l.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := next.Transmit(ctx, []byte{0x60}); err != nil || !bytes.Equal(b, []byte{0x60}) {
			t.Fatalf("the next client: % X, %v", b, err)
		}
		if err := next.Close(); err != nil {
			t.Fatal(err)
		}
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatal("it does not end")
		}
		if a, b := d.presented.Load(), d.closed.Load(); a != b {
			t.Errorf("%d activations, %d ended", a, b)
		}
	})
}

// FuzzTransport is a server that answers with any bytes, in any pieces. An answer
// that the reader has is the next whole frame of them, to the bit; else there is
// an error that says whether the command may have been sent.
func FuzzTransport(f *testing.F) {
	f.Add([]byte{0, 5, 0x3B, 0x81, 0x80, 0x01, 0x80, 0, 2, 0x91, 0, 0, 2, 0x91, 0xAF}, byte(1))
	f.Add([]byte{0xFF, 0xFF, 1, 2}, byte(3))
	f.Add([]byte{0, 0}, byte(0))
	f.Fuzz(func(t *testing.T, stream []byte, piece byte) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var had atomic.Int32
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer conn.Close()
					go func() {
						for rest := stream; len(rest) > 0; {
							n := min(int(piece)+1, len(rest))
							if _, err := conn.Write(rest[:n]); err != nil {
								return
							}
							rest = rest[n:]
						}
						conn.(*net.TCPConn).CloseWrite()
					}()
					n, _ := io.Copy(io.Discard, conn)
					had.Add(int32(n))
				}()
			}
		}()
		tr, err := Dial(ctx, l.Addr().String(), nil)
		if err != nil {
			return // the first frame was no ATR, or none came
		}
		defer tr.Close()
		var frames [][]byte
		for rest := stream; len(rest) >= 2; {
			n := int(binary.BigEndian.Uint16(rest))
			if len(rest) < 2+n {
				break
			}
			frames = append(frames, rest[2:2+n])
			rest = rest[2+n:]
		}
		for range 4 {
			answer, err := tr.Transmit(ctx, []byte{0x90, 0x60, 0, 0, 0})
			if err != nil {
				if _, ok := err.(interface{ Sent() bool }); !ok {
					t.Fatalf("%T %v does not say whether it was sent", err, err)
				}
				return
			}
			found := false
			for i, b := range frames {
				if bytes.Equal(b, answer) {
					frames, found = frames[i+1:], true
					break
				}
			}
			if !found {
				t.Fatalf("% X is no frame of % X", answer, stream)
			}
		}
	})
}
