package boltjournal_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// fuzzed is a journal of fuzzedCalls calls; the last ones are in the notes.
const fuzzedCalls = 3*14 + 3

func fuzzed(t testing.TB) images {
	t.Helper()
	return fuzzedTo(t, fuzzedCalls)
}

// fuzzedTo is the same journal after fewer calls.
func fuzzedTo(t testing.TB, calls int) images {
	t.Helper()
	path := filepath.Join(t.TempDir(), "purse.db")
	j, err := boltjournal.Open(path, boltjournal.Options{NoSync: true, Rand: rand.NewChaCha8([32]byte{1})})
	if err != nil {
		t.Fatal(err)
	}
	for i := range calls {
		if err := work(j, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Abandon(); err != nil {
		t.Fatal(err)
	}
	db, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	notes, err := os.ReadFile(boltjournal.NotesName(path))
	if err != nil {
		t.Fatal(err)
	}
	return images{db, notes}
}

// spoil does to files what data says, eight bytes each: which file and what, where, with
// what.
func (i images) spoil(data []byte) images {
	files := [][]byte{append([]byte(nil), i.db...), append([]byte(nil), i.notes...)}
	for ; len(data) >= 8; data = data[8:] {
		b := &files[data[0]&1]
		at, with := int(binary.LittleEndian.Uint32(data[1:])&0xFFFFFF), binary.LittleEndian.Uint16(data[5:])
		if len(*b) == 0 {
			continue
		}
		at %= len(*b)
		rest := (*b)[at:]
		switch data[0] >> 1 % 8 {
		case 0:
			rest[0] ^= 1 << (with % 8)
		case 1:
			rest[0] = byte(with)
		case 2:
			if len(rest) >= 2 {
				binary.NativeEndian.PutUint16(rest, with)
			}
		case 3: // a number
			if len(rest) >= 8 {
				binary.NativeEndian.PutUint64(rest, uint64(with))
			}
		case 4: // cut off
			*b = (*b)[:at]
		case 5: // a page in the place of another
			from := int(with) * 512 % len(*b)
			copy(rest[:min(len(rest), 4096)], (*b)[from:])
		case 6:
			clear(rest[:min(len(rest), int(with)%8192)])
		case 7: // longer
			*b = append(*b, (*b)[at:min(len(*b), at+int(with))]...)
		}
	}
	return images{files[0], files[1]}
}

// known is an error that says what is wrong with a file.
func known(err error) bool {
	var format *boltjournal.FormatError
	var damaged *boltjournal.DamagedError
	return errors.As(err, &format) || errors.As(err, &damaged)
}

// FuzzFiles spoils the files of a journal. Either that is told, or what is read is what
// was written first, and the journal goes on.
func FuzzFiles(f *testing.F) {
	whole := fuzzed(f)
	f.Add([]byte{})
	for _, at := range []uint32{0, 24, 4096, 4096 + 80, 8192, 8200, 8202, 8204, 12288, 12298, 16400, 20480, 50000} {
		for what := range byte(8) {
			op := binary.LittleEndian.AppendUint32([]byte{what << 1}, at)
			f.Add(append(op[:4], 3, 1, 0, 0))
			f.Add(append(append([]byte(nil), what<<1|1), op[1:4]...))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "purse.db")
		i := whole.spoil(data)
		if err := errors.Join(os.WriteFile(path, i.db, 0o600), os.WriteFile(boltjournal.NotesName(path), i.notes, 0o600)); err != nil {
			t.Fatal(err)
		}
		read := -1
		if r, err := boltjournal.Open(path, boltjournal.Options{ReadOnly: true}); err == nil {
			read, err = position(r)
			if err != nil && !known(err) || read > fuzzedCalls {
				t.Errorf("a reader sees %d calls: %v", read, err)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		} else if !known(err) {
			t.Errorf("a reader: %v", err)
		}
		j, err := boltjournal.Open(path, boltjournal.Options{NoSync: true, Existing: true})
		if err != nil {
			if !known(err) && !errors.Is(err, fs.ErrNotExist) || read >= 0 {
				t.Errorf("after a reader saw %d calls: %v", read, err)
			}
			return
		}
		at, err := position(j)
		if err != nil && !known(err) || err == nil && at != read {
			t.Errorf("a reader saw %d calls, a writer %d: %v", read, at, err)
		}
		if err != nil {
			_ = j.Close()
			return
		}
		if at < 3*14 && j.Renewed() == "" {
			t.Errorf("%d calls are gone, and nobody is told", fuzzedCalls-at)
		}
		for i := range 4 {
			if err := work(j, at+i); err != nil {
				t.Fatalf("it held %d calls and does not go on: %v", at, err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j, err = boltjournal.Open(path, boltjournal.Options{NoSync: true, Existing: true})
		if err != nil {
			t.Fatal(err)
		}
		if n, err := position(j); err != nil || n != at+4 {
			t.Errorf("it held %d calls, and four later %d: %v", at, n, err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Bits of both files, turned one by one.
func TestTurnedBits(t *testing.T) {
	whole := fuzzed(t)
	path := filepath.Join(t.TempDir(), "purse.db")
	told, first := 0, 0
	check := func(i images, what string, at int) {
		t.Helper()
		i.put(t, path)
		r, err := boltjournal.Open(path, boltjournal.Options{ReadOnly: true})
		var n int
		if err == nil {
			n, err = position(r)
			_ = r.Close()
		}
		switch {
		case err != nil && !known(err), err == nil && n > fuzzedCalls:
			t.Errorf("%s %d: %d calls, %v", what, at, n, err)
		case err != nil:
			told++
		default:
			first++
		}
	}
	for bit := 0; bit < 8*len(whole.db); bit += 2503 {
		whole.db[bit/8] ^= 1 << (bit % 8)
		check(whole, "bit of the database", bit)
		whole.db[bit/8] ^= 1 << (bit % 8)
	}
	for bit := 0; bit < 8*len(whole.notes); bit += 43 {
		whole.notes[bit/8] ^= 1 << (bit % 8)
		check(whole, "bit of the notes", bit)
		whole.notes[bit/8] ^= 1 << (bit % 8)
	}
	if told == 0 || first == 0 {
		t.Errorf("%d told, %d harmless", told, first)
	}
	t.Logf("%d bytes: %d told, %d harmless", len(whole.db)+len(whole.notes), told, first)
}
