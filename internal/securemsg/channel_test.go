package securemsg

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// exchange sends a command from reader to card and an answer back.
func exchange(reader, card Channel, cmd, answer Message) error {
	sealed, err := reader.Seal(nil, cmd)
	if err != nil {
		return err
	}
	in := cmd
	in.Data, in.Len = sealed[len(cmd.Head):], len(cmd.Data)
	plain, err := card.Open(nil, in)
	if err != nil {
		return err
	}
	if !bytes.Equal(plain, cmd.Data) {
		return fmt.Errorf("the card reads %X, sent %X", plain, cmd.Data)
	}
	if sealed, err = card.Seal(nil, answer); err != nil {
		return err
	}
	out := answer
	out.Data, out.Len = sealed, len(answer.Data)
	if plain, err = reader.Open(nil, out); err != nil {
		return err
	}
	if !bytes.Equal(plain, answer.Data) {
		return fmt.Errorf("the reader reads %X, sent %X", plain, answer.Data)
	}
	return nil
}

// roundTrip exchanges messages of all modes and many lengths.
func roundTrip(t *testing.T, reader, card Channel) {
	t.Helper()
	data := bytes.Repeat([]byte{0x80, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0}, 40)
	for _, n := range []int{0, 1, 4, 7, 8, 9, 12, 14, 15, 16, 17, 28, 31, 32, 33, 64, 255, 400} {
		for _, mode := range []wire.CommMode{wire.CommPlain, 2, wire.CommMAC, wire.CommFull} {
			if n == 0 && reader.Info().Scheme == wire.SchemeD40 && mode == wire.CommMAC {
				continue // an answer without data has no MAC to check
			}
			scheme := reader.Info().Scheme
			for _, pad := range []Padding{PadDefault, Pad80} {
				write := Message{Code: 0x3D, Head: []byte{1, 2, 3}, Data: data[:n], Mode: mode, Pad: pad}
				if err := exchange(reader, card, write, Message{Mode: wire.RuleWrite.Protection(scheme, true, mode)}); err != nil {
					t.Fatalf("write %d bytes, %v, padding %d: %v", n, mode, pad, err)
				}
				read := Message{Code: 0xBD, Head: []byte{1, 2, 3}, Mode: wire.RuleRead.Protection(scheme, false, mode)}
				if err := exchange(reader, card, read, Message{Data: data[:n], Mode: mode, Pad: pad}); err != nil {
					t.Fatalf("read %d bytes, %v, padding %d: %v", n, mode, pad, err)
				}
			}
		}
	}
	if a, b := reader.Info(), card.Info(); a != b {
		t.Errorf("reader and card differ: %+v, %+v", a, b)
	}
	tampered(t, reader, card)
}

// tampered flips each bit of an answer and of a command: the side that opens it
// must refuse, return nothing, and be dead.
func tampered(t *testing.T, reader, card Channel) {
	t.Helper()
	for _, mode := range []wire.CommMode{wire.CommMAC, wire.CommFull} {
		for _, from := range []Channel{card, reader} {
			to := reader
			m := Message{Data: []byte("0123456789"), Mode: mode}
			if from == reader {
				to, m.Code, m.Head = card, 0x3D, []byte{1, 2, 3}
			}
			sealed, err := Clone(from).Seal(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			body := sealed[len(m.Head):]
			for bit := range 8 * len(body) {
				in := m
				in.Data, in.Len = bytes.Clone(body), len(m.Data)
				in.Data[bit/8] ^= 1 << (bit % 8)
				c := Clone(to)
				dst := make([]byte, 0, 256)
				got, err := c.Open(dst, in)
				if got != nil || !errors.Is(err, ErrIntegrity) {
					t.Fatalf("%v, bit %d: %X, %v", mode, bit, got, err)
				}
				if mode == wire.CommFull && bytes.Contains(dst[:256], m.Data[2:8]) {
					t.Fatalf("%v, bit %d: unchecked data are left behind", mode, bit)
				}
				if _, err := c.Open(nil, m); !errors.Is(err, ErrClosed) {
					t.Fatalf("opens after an error: %v", err)
				}
				if _, err := c.Seal(nil, m); !errors.Is(err, ErrClosed) {
					t.Fatalf("seals after an error: %v", err)
				}
			}
		}
	}
}
