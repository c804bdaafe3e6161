package lineedit

import (
	"errors"
	"io"
)

// What is typed and is no part of a line.
const (
	ctrlC = 0x03
	ctrlR = 0x12
	ctrlZ = 0x1A
	esc   = 0x1B
)

// ErrInterrupted is a line that Ctrl-C has ended.
var ErrInterrupted = errors.New("interrupted")

var errSuspended = errors.New("suspended")

// keys reads keys for a term.Terminal: it takes out those that end a line
// early, and translates sequences that a Terminal does not know.
type keys struct {
	in      io.Reader
	pending []byte // translated, not read yet
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	for len(k.pending) == 0 {
		b, err := k.next()
		switch {
		case err != nil:
			return 0, err
		case b == ctrlC:
			return 0, ErrInterrupted
		case b == ctrlZ:
			return 0, errSuspended
		case b == esc:
			if err := k.sequence(); err != nil {
				return 0, err
			}
		default:
			k.pending = append(k.pending, b)
		}
	}
	n := copy(p, k.pending)
	k.pending = k.pending[n:]
	return n, nil
}

func (k *keys) next() (byte, error) {
	var b [1]byte
	for {
		n, err := k.in.Read(b[:])
		if n > 0 || err != nil {
			return b[0], err
		}
	}
}

// longest is how long a sequence may be; none is longer that somebody types.
const longest = 16

// translated are sequences without their ESC, and what a Terminal takes for them.
var translated = map[string]string{
	"[1~": "\x01", "[7~": "\x01", "OH": "\x01", "[H": "\x01",
	"[4~": "\x05", "[8~": "\x05", "OF": "\x05", "[F": "\x05",
	"OA": "\x1b[A", "OB": "\x1b[B", "OC": "\x1b[C", "OD": "\x1b[D",
	"[A": "\x1b[A", "[B": "\x1b[B", "[C": "\x1b[C", "[D": "\x1b[D", "[3~": "\x1b[3~",
	"[1;5C": "\x1b[1;3C", "[1;3C": "\x1b[1;3C", "f": "\x1b[1;3C",
	"[1;5D": "\x1b[1;3D", "[1;3D": "\x1b[1;3D", "b": "\x1b[1;3D",
	"\x7f": "\x17", "\b": "\x17",
}

// sequence reads what follows an ESC. What is not known is dropped.
func (k *keys) sequence() error {
	var s []byte
	for len(s) < longest {
		b, err := k.next()
		switch {
		case err != nil:
			return err
		case b == ctrlC:
			return ErrInterrupted
		case b == esc:
			s = s[:0]
			continue
		}
		s = append(s, b)
		first := len(s) == 1 && (b == '[' || b == 'O')
		if first || len(s) > 1 && s[0] == '[' && (b < '@' || b > '~') {
			continue
		}
		break
	}
	k.pending = append(k.pending, translated[string(s)]...)
	return nil
}
