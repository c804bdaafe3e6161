package web

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// readView is what a file holds.
type readView struct {
	Job, Reader string
	How         string // how it came
	Clear       bool   // nothing protected it
	Value       string // of a value file
	Content     *contentView
	Records     []recordView // the newest first
	IsRecords   bool
	TMAC        *tmacView

	name  string // of the file to save
	bytes []byte
}

func (v *readView) save(string) (name string, b []byte) { return v.name, v.bytes }

// contentView is content for people.
type contentView struct {
	Bytes  int
	Text   string // empty: it is no text
	Number string // of one that is as short as numbers are
	Same   string // all bytes are this one
	Rows   []byteRow
	Cut    int // bytes that are not shown, but can be saved
}

// byteRow are eight bytes.
type byteRow struct {
	At    string
	Cells []byteCell
	Text  string
}

type byteCell struct {
	Hex     string
	Changed bool
}

type recordView struct {
	No   int
	Text string
	Hex  []byte
}

type tmacView struct {
	Counter uint32
	MAC     []byte
}

// mostShownBytes is how many bytes of a file are shown.
const mostShownBytes = 4096

// contentOf makes content readable. base is the number of its first byte; changed tells
// which bytes are marked, nil for none.
func contentOf(data []byte, base int, changed func(i int) bool) *contentView {
	v := &contentView{Bytes: len(data)}
	if len(data) > 0 && strings.Count(string(data), string(data[:1])) == len(data) {
		v.Same = fmt.Sprintf("%02X", data[0])
	}
	v.Text = visible.Lines(readable(data))
	if n := len(data); n > 0 && n <= 8 && v.Text == "" {
		v.Number = grouped(binary.LittleEndian.Uint64(append(append([]byte{}, data...), make([]byte, 8-n)...)))
	}
	shown := data
	if len(shown) > mostShownBytes {
		v.Cut = len(shown) - mostShownBytes
		shown = shown[:mostShownBytes]
	}
	for at := 0; at < len(shown); at += 8 {
		row := byteRow{At: fmt.Sprintf("%04X", base+at)}
		part := shown[at:min(at+8, len(shown))]
		for i, b := range part {
			row.Cells = append(row.Cells, byteCell{fmt.Sprintf("%02X", b), changed != nil && changed(at+i)})
			if b < ' ' || b > '~' {
				b = '.'
			}
			row.Text += string(rune(b))
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// readable is the text that bytes are, without zeros at its end; empty if they are none.
func readable(data []byte) string {
	t := strings.TrimRight(string(data), "\x00")
	if t == "" || !utf8.ValidString(t) {
		return ""
	}
	for _, r := range t {
		if r != '\n' && r != '\r' && r != '\t' && !unicode.IsPrint(r) {
			return ""
		}
	}
	return t
}

// part is what of a file is wanted.
type part struct{ offset, length uint32 }

// most24 is the largest offset or length that a command can carry.
const most24 = 1<<24 - 1

// partOf reads the part of a request.
func partOf(r *http.Request) (p part, err error) {
	for name, to := range map[string]*uint32{"offset": &p.offset, "length": &p.length} {
		typed := strings.TrimSpace(r.FormValue(name))
		if typed == "" {
			continue
		}
		n, err := strconv.ParseUint(typed, 10, 32)
		if err != nil || n > most24 {
			return p, fmt.Errorf("the %s %q is no whole number from 0 to %d", name, typed, most24)
		}
		*to = uint32(n) //nolint:gosec // at most 24 bits
	}
	return p, nil
}

func (s *Server) doRead(w http.ResponseWriter, r *http.Request) {
	t, err := fileOf(r)
	p, err2 := partOf(r)
	if err = errors.Join(err, err2); err != nil {
		s.fail(w, r, err)
		return
	}
	s.startIn(w, r, work{title: "Read " + t.Words(), run: func(ctx context.Context, j *job, card *desfire.Card) error {
		v, err := s.readFile(ctx, card, t, p)
		if err != nil {
			return err
		}
		v.Job, v.Reader = j.id, j.reader.id
		j.show("do-read-result", v)
		return nil
	}})
}

// readFile enters a file, and reads it as its type wants.
func (s *Server) readFile(ctx context.Context, card *desfire.Card, t target, p part) (*readView, error) {
	on := s.entry(card)
	act := inspect.ActRead
	if fs := s.knownSettings(ctx, card, t); fs != nil && fs.Type == wire.FileValue {
		act = inspect.ActGetValue
	}
	fs, err := enter(ctx, on, card, t, act)
	if err != nil {
		return nil, err
	}
	v := &readView{name: fmt.Sprintf("%s-%d.bin", fileName(t.Place.String()), *t.File)}
	v.How, v.Clear = how(card, fs, act)
	switch {
	case fs.Type == wire.FileValue:
		value, err := card.Value(ctx, *t.File)
		v.Value = grouped(value)
		return v, err
	case !edit.Within(fs, p.offset, p.length):
		size, noun := fs.Size, "bytes"
		if edit.HasRecords(fs) {
			size, noun = fs.Records, "records"
		}
		return nil, fmt.Errorf("%s has %d %s: %d from %d on go beyond; choose less", t.Words(), size, noun, p.length, p.offset)
	case edit.HasRecords(fs):
		v.IsRecords = true
		if fs.Records == 0 {
			return v, nil // the card would refuse to read none
		}
		v.bytes, err = card.ReadRecords(ctx, *t.File, p.offset, p.length)
		if err != nil {
			return nil, err
		}
		list := inspect.Records(fs, v.bytes)
		for i := len(list) - 1; i >= 0; i-- {
			v.Records = append(v.Records, recordView{No: int(p.offset) + len(list) - 1 - i, Text: readable(list[i]), Hex: list[i]})
		}
		return v, nil
	}
	if v.bytes, err = card.ReadData(ctx, *t.File, p.offset, p.length); err != nil {
		return nil, err
	}
	v.Content = contentOf(v.bytes, int(p.offset), nil)
	if fs.Type == wire.FileTransactionMAC && p.offset == 0 && len(v.bytes) == 12 {
		v.TMAC = &tmacView{binary.LittleEndian.Uint32(v.bytes), v.bytes[4:]}
	}
	return v, nil
}

// knownSettings are what the card tells of a file to anybody, nil if it does not.
func (s *Server) knownSettings(ctx context.Context, card *desfire.Card, t target) *wire.FileSettings {
	p, err := t.Place.On(card.Generation())
	if err != nil || card.Select(ctx, p) != nil {
		return nil
	}
	fs, err := card.FileSettings(ctx, *t.File)
	if err != nil {
		return nil
	}
	return fs
}

// how says how the answer to an act travels in the present session.
func how(card *desfire.Card, fs *wire.FileSettings, act inspect.Act) (words string, clear bool) {
	sess, ok := card.Session()
	if !ok {
		return "Read in clear, without a key: whoever stands between reader and card could have changed it.", true
	}
	with, mode := fmt.Sprintf("Read with key %d", sess.KeyNo), fs.Comm()
	if g, _ := inspect.RightsOf(fs).Of(act); !slices.Contains(g.Keys, sess.KeyNo) {
		mode = wire.CommPlain // what is merely free is not protected in a session either
	}
	switch {
	case mode == wire.CommFull:
		return with + ", enciphered.", false
	case mode == wire.CommMAC, sess.Scheme == wire.SchemeEV1: // whose answers all have one
		return with + ", with a MAC.", false
	}
	return with + ", in clear: nothing proves it.", true
}

// fileName is a name that is safe for files.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, s)
}
