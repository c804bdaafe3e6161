package key

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Generate makes a random key, none of the weak ones of DES. No eight bytes of it
// repeat those before, except that a DES key is doubled.
func Generate(t Type, version byte) (*Secret, error) {
	b := make([]byte, t.Size())
	if t == TypeDES {
		b = b[:8]
	}
	defer clear(b)
	for {
		rand.Read(b) // never fails
		k, err := New(t, b, version)
		switch {
		case err != nil:
			return nil, fmt.Errorf("key: %w", err)
		case t != TypeAES && weak(b):
			k.Wipe()
			continue
		}
		made := k.WithVersion(version)
		k.Wipe()
		return made, nil
	}
}

// weak reports whether a part of eight bytes is one of the weak or semi-weak
// keys of DES, all of which have halves that repeat two bytes, or is the part
// before it, parity bits ignored.
func weak(b []byte) bool {
	var before []byte
	for part := range slices.Chunk(b, 8) {
		p := make([]byte, len(part))
		for i := range part {
			p[i] = part[i] &^ 1
		}
		if p[0] == p[2] && p[1] == p[3] && p[4] == p[6] && p[5] == p[7] || bytes.Equal(p, before) {
			return true
		}
		before = p
	}
	return false
}

// Write writes a key, its bytes, in the form that Parse and ParseText read, as
// one line: aes:DIGITS/VERSION.
func Write(w io.Writer, k Exporter) error {
	b := k.Export()
	defer clear(b)
	line := make([]byte, 0, 80)
	defer func() { clear(line) }()
	line = append(line, strings.ToLower(k.Type().String())...)
	line = append(line, ':')
	line = hex.AppendEncode(line, b)
	line = fmt.Appendf(line, "/%02X\n", k.Version())
	_, err := w.Write(line)
	return err
}

// WriteFile writes a key into a new file that only its owner can read, and
// before it the lines of a comment. It does not overwrite: a file that exists is
// an error that wraps fs.ErrExist.
func WriteFile(name string, k Exporter, comment string) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("key: %w: remove it first, or take another name", err)
	}
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("key: %w", errors.Join(err, os.Remove(name)))
		}
	}()
	for line := range strings.Lines(comment) {
		if _, err := fmt.Fprintf(f, "# %s\n", strings.TrimRight(line, "\r\n")); err != nil {
			return err
		}
	}
	if err := Write(f, k); err != nil {
		return err
	}
	return f.Sync()
}
