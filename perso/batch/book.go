package batch

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/go-desfire/desfire/keystore"
)

// Book is which card has which row, and what became of it: a file with a line of JSON for
// each change, synced before anything depends on it, readable by its owner only. A
// last line that was cut off was never relied upon, and is left out.
//
// It holds identifiers of cards, names of rows and marks of their values, by which a
// change of a value is noticed. A mark does not give the value away to who has
// only the results; who has the book can try values out.
type Book struct {
	path   string
	layout string // hash
	names  string // column
	uids   string // column
	salt   []byte
	making *chapter
	turns  map[byte]*chapter // rotations, by version

	f      disk
	size   int64
	lock   *filelock.Lock
	broken error // why nothing can be written any more
}

// disk is the file of a book.
type disk interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// BookError means that a book cannot be used, or cannot be written. No card was touched
// since.
type BookError struct {
	Book string
	Line int // 0 for the file
	Err  error
}

func (e *BookError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s, line %d: %v", e.Book, e.Line, e.Err)
	}
	return fmt.Sprintf("%s: %v", e.Book, e.Err)
}

// Unwrap returns what is wrong.
func (e *BookError) Unwrap() error { return e.Err }

// HeldError says that another program has the book open.
type HeldError struct {
	Book    string
	Program string // that has it; empty if unknown
	PID     int    // of its process; 0 if unknown
}

func (e *HeldError) Error() string {
	held := filelock.HeldError{Program: e.Program, PID: e.PID}
	return fmt.Sprintf("%s is in use%s: one program at a time makes cards with a book; it can have several readers", e.Book, held.Holder())
}

// ReadBook reads a book without opening it for writing: another program may be at work
// with it.
func ReadBook(path string) (*Book, error) {
	b := &Book{path: path}
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := b.text(f)
	if err != nil {
		return nil, err
	}
	_, err = b.read(text)
	return b, err
}

// openRegular opens a file, or nothing that is none: opening a pipe could block.
func openRegular(path string, flag int) (*os.File, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, &BookError{Book: path, Err: errors.New("it is no file")}
	}
	return os.OpenFile(path, flag, 0o600) //nolint:gosec // the caller's own
}

// maxBook is more than a million cards take, with all that became of them.
const maxBook = 1 << 30

// text is all that is in the file of the book.
func (b *Book) text(f *os.File) ([]byte, error) {
	info, err := f.Stat()
	if err == nil && info.Size() > maxBook {
		err = &BookError{Book: b.path, Err: errors.New("it is no book of cards: it is too large")}
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// openBook opens a book and makes it if need be.
func openBook(path, program string) (_ *Book, err error) {
	path = wholefile.Name(path)
	b := &Book{path: path}
	if b.lock, err = filelock.Take(filelock.Name(path), program); err != nil {
		var held *filelock.HeldError
		if errors.As(err, &held) {
			err = &HeldError{path, held.Program, held.PID}
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = b.close()
		}
	}()
	f, err := openRegular(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	b.f = f
	wholefile.SyncFolder(filepath.Dir(path))
	text, err := b.text(f)
	if err != nil {
		return nil, err
	}
	whole, err := b.read(text)
	if err != nil {
		return nil, err
	}
	b.size = int64(whole)
	if whole < len(text) {
		if err := errors.Join(f.Truncate(b.size), f.Sync()); err != nil {
			return nil, &BookError{Book: path, Err: err}
		}
	}
	if whole > 0 && text[whole-1] != '\n' {
		if _, err := f.WriteAt([]byte{'\n'}, b.size); err != nil {
			return nil, &BookError{Book: path, Err: err}
		}
		b.size++ // synced with the next line
	}
	return b, nil
}

func (b *Book) close() error {
	var errs []error
	if b.f != nil {
		errs = append(errs, b.f.Close())
		b.f = nil
	}
	if b.lock != nil {
		errs = append(errs, b.lock.Release())
		b.lock = nil
	}
	b.broken = errClosed
	return errors.Join(errs...)
}

// begin writes the first line of a new book.
func (b *Book) begin(layout, names, uids string, now time.Time) error {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	return b.write(&line{Book: bookFormat, Layout: layout, Names: names, UIDs: uids, Salt: hex.EncodeToString(salt), Time: now})
}

// write makes a line part of the book, and returns when it will last. After an error it
// is not part of it.
func (b *Book) write(l *line) error {
	if b.broken != nil {
		return &BookError{Book: b.path, Err: b.broken}
	}
	text, err := l.encode()
	if err != nil {
		return err
	}
	if _, err := b.f.WriteAt(text, b.size); err != nil {
		_ = b.f.Truncate(b.size) // else a part of a line is left, which is no harm
		b.broken = err
		return &BookError{Book: b.path, Err: err}
	}
	if err := b.f.Sync(); err != nil {
		// Whether the line is there is not known until the file is read anew.
		b.broken = fmt.Errorf("it could not be synced: %w", err)
		return &BookError{Book: b.path, Err: b.broken}
	}
	if err := b.take(l); err != nil {
		b.broken = err
		return &BookError{Book: b.path, Err: err}
	}
	b.size += int64(len(text))
	return nil
}

// mark stands for a value of a row.
func (b *Book) mark(column, value string) string {
	h := hmac.New(sha256.New, b.salt)
	fmt.Fprintf(h, "%d %s=%s", len(column), column, value)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// in is the chapter of a purpose: making, or a rotation to a version.
func (b *Book) in(to *byte) *chapter {
	if to == nil {
		return b.making
	}
	c := b.turns[*to]
	if c == nil {
		c = newChapter()
		b.turns[*to] = c
	}
	return c
}

// Entries are the cards that have a row, or were made without a table, in the order in
// which they were bound.
func (b *Book) Entries() []Entry { return b.making.entries() }

// Rotated are the cards whose keys were changed to a version, or should be, in the order
// in which they came.
func (b *Book) Rotated(to byte) []Entry { return b.in(&to).entries() }

func (c *chapter) entries() (list []Entry) {
	for _, e := range c.order {
		if e.State != Released {
			list = append(list, *e)
		}
	}
	return list
}

// of is the entry of a card; nil if there is none.
func (c *chapter) of(uid keystore.UID) *Entry { return c.byUID[uid] }

// goOn says that cards are made by another layout from now on.
func (b *Book) goOn(layout string, now time.Time) error {
	return b.write(&line{Book: bookFormat, Layout: layout, Names: b.names, UIDs: b.uids, Salt: hex.EncodeToString(b.salt), Time: now})
}
