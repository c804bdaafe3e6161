package batch

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
)

// read takes the lines of a book, and returns how many bytes of it are whole lines. The
// last may lack its end, where it is whole otherwise: editors do that, and what it says
// may have been relied upon.
func (b *Book) read(text []byte) (whole int, err error) {
	b.making, b.turns = newChapter(), map[byte]*chapter{}
	for n := 1; whole < len(text); n++ {
		part, _, ended := bytes.Cut(text[whole:], []byte{'\n'})
		if !ended && n == 1 && !bytes.HasPrefix(part, []byte(`{"book":`)) && len(bytes.Trim(part, "\x00")) > 0 {
			return 0, &BookError{Book: b.path, Err: errors.New("it is no book of cards")}
		}
		l, err := decodeLine(part)
		if !ended && err != nil {
			return whole, nil // its program died writing it
		}
		if err == nil {
			err = b.take(l)
		}
		if err == nil && n == 1 && l.Book == "" {
			err = errors.New("it has no beginning")
		}
		if err != nil {
			if n == 1 {
				err = fmt.Errorf("it is no book of cards: %w", err)
			} else {
				err = fmt.Errorf("%w: a line that cannot be read may be one that gives a row to a card: mend it, or take a copy of the book that is whole", err)
			}
			return 0, &BookError{Book: b.path, Line: n, Err: err}
		}
		whole = min(whole+len(part)+1, len(text))
	}
	return whole, nil
}

// take makes a line part of the book in memory.
func (b *Book) take(l *line) error {
	switch {
	case l.Book != "" && l.Book != bookFormat:
		return fmt.Errorf("it is of the form %q, and this program knows %q", l.Book, bookFormat)
	case l.Book != "":
		return b.takeHead(l)
	}
	return b.in(l.To).take(l)
}

func (b *Book) takeHead(l *line) error {
	salt, err := hex.DecodeString(l.Salt)
	switch {
	case err != nil || len(salt) < 16:
		return errors.New("its salt is missing")
	case l.Layout == "":
		return errors.New("its layout is missing")
	case b.salt == nil:
		b.names, b.uids, b.salt = l.Names, l.UIDs, salt
	case !bytes.Equal(b.salt, salt) || b.names != l.Names || b.uids != l.UIDs:
		return errors.New("it begins anew: two books in one file")
	}
	b.layout = l.Layout
	return nil
}
