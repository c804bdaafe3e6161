package web

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// writeView is what would be written, shown before.
type writeView struct {
	Title        string
	Bytes        int
	From, To     uint32
	Record       bool
	Cyclic, Full bool // the oldest record goes
	Old, New     *contentView
	Same         bool       // it stands there already
	Left         *edit.Left // what stays behind it
	Hidden       *sdm.Mirror
	How          string
	Ask          *askView
}

func (v *writeView) asks() bool { return v.Ask.asks() }

// Answer are the answers to it.
func (v *writeView) Answer() answerView {
	return answerView{v.Ask, "Write " + count(v.Bytes, "byte"), "Leave it as it is", v.Hidden != nil}
}

// wroteView is what was written.
type wroteView struct {
	Words     string
	Committed bool
	Already   bool // an attempt before had done it
}

// uploaded reads the form of a request that may carry a file, and the file, nil if
// there is none. How large it may be is bounded for all requests.
func uploaded(r *http.Request) (file []byte, name string, err error) {
	switch err := r.ParseMultipartForm(mostBody); {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, "", fmt.Errorf("the file has more than %d MiB; choose a smaller one", mostBody>>20)
	case errors.Is(err, http.ErrNotMultipart):
		return nil, "", nil
	case err != nil:
		return nil, "", fmt.Errorf("the form could not be read: %w", err)
	}
	f, h, err := r.FormFile("upload")
	if errors.Is(err, http.ErrMissingFile) {
		return nil, "", nil
	}
	if err == nil {
		defer f.Close()
		file, err = io.ReadAll(f)
	}
	if err != nil {
		return nil, "", fmt.Errorf("the file could not be read: %w", err)
	}
	return file, h.Filename, nil
}

// typedContent is the content that a form gives: as text, as hexadecimal digits, or as a
// file.
func typedContent(r *http.Request, file []byte) ([]byte, error) {
	typed, as := r.FormValue("content"), r.FormValue("as")
	if file != nil && typed == "" {
		as = "file" // it was dropped
	}
	switch as {
	case "file":
		if file == nil {
			return nil, errors.New("no file was chosen")
		}
		return someContent(file)
	case "hex":
		digits := strings.Map(func(c rune) rune {
			if unicode.IsSpace(c) || c == ':' {
				return -1
			}
			return c
		}, typed)
		b, err := hex.DecodeString(digits)
		if err != nil {
			return nil, fmt.Errorf("the content is not hexadecimal: %w; want two digits a byte, 0 to 9 and A to F", err)
		}
		return someContent(b)
	}
	return someContent([]byte(strings.ReplaceAll(typed, "\r\n", "\n")))
}

func someContent(b []byte) ([]byte, error) {
	switch {
	case len(b) == 0:
		return nil, errors.New("there is nothing to write: the content is empty")
	case len(b) > most24:
		return nil, fmt.Errorf("%d bytes are more than any file holds", len(b))
	}
	return b, nil
}

// writing is what somebody wants to write.
type writing struct {
	target
	offset uint32
	data   []byte
	fill   *byte
}

// fit makes it a write for the settings of the file.
func (x *writing) fit(fs *wire.FileSettings) (*edit.Write, error) {
	return edit.New(*x.File, fs, x.offset, x.data, x.fill)
}

// doWrite looks what a write would do, and shows it.
func (s *Server) doWrite(w http.ResponseWriter, r *http.Request) {
	file, _, err := uploaded(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	t, err := fileOf(r)
	p, err2 := partOf(r)
	data, err3 := typedContent(r, file)
	if err := errors.Join(err, err2, err3); err != nil {
		s.fail(w, r, err)
		return
	}
	x := &writing{target: t, offset: p.offset, data: data}
	if r.FormValue("fill") != "" {
		x.fill = new(byte)
	}
	s.startIn(w, r, work{title: "What would be written to " + t.Words(), run: func(ctx context.Context, j *job, card *desfire.Card) error {
		v, err := s.lookBefore(ctx, j.reader, card, x)
		if err != nil {
			return err
		}
		j.show("do-write-ask", v)
		return nil
	}})
}

// enterToWrite opens a session that may write, and look before if one key does both.
func (s *Server) enterToWrite(ctx context.Context, on *unlock.OnCard, card *desfire.Card, t target) (*wire.FileSettings, error) {
	act := inspect.ActWrite
	if fs := s.knownSettings(ctx, card, t); fs != nil && edit.HasRecords(fs) {
		return enter(ctx, on, card, t, inspect.ActAppend)
	}
	if t.Key != nil {
		return enter(ctx, on, card, t, act)
	}
	fs, err := enter(ctx, on, card, t, act, inspect.ActRead)
	if errors.As(err, new(*unlock.NoKeyError)) || errors.As(err, new(*unlock.NeverError)) || errors.As(err, new(*unlock.MismatchError)) {
		return enter(ctx, on, card, t, act)
	}
	return fs, err
}

// lookBefore sees that it fits, and what stands there now. Nothing is changed.
func (s *Server) lookBefore(ctx context.Context, rd *reader, card *desfire.Card, x *writing) (*writeView, error) {
	on := s.entry(card)
	fs, err := s.enterToWrite(ctx, on, card, x.target)
	if err != nil {
		return nil, err
	}
	uid, err := identified(ctx, card, on)
	if err != nil {
		return nil, err
	}
	we, err := x.fit(fs)
	if err != nil {
		return nil, err
	}
	sess, _ := card.Session()
	v := &writeView{
		Title: x.Title(), Bytes: len(we.Data), From: we.Offset, To: we.Offset + uint32(len(we.Data)) - 1, //nolint:gosec // at most 24 bits
		Record: edit.HasRecords(fs), Hidden: we.Hidden(sess.Scheme == wire.SchemeLRP), How: writeWords(card),
	}
	v.Cyclic = fs.Type == wire.FileCyclicRecord
	v.Full = v.Record && (v.Cyclic && fs.Records+1 >= fs.MaxRecords || !v.Cyclic && fs.Records >= fs.MaxRecords)
	if v.Full && !v.Cyclic {
		return nil, fmt.Errorf("%s is full: it has %d records and takes no more; clear it first", x.Words(), fs.Records)
	}
	old, known, err := we.Old(ctx, card)
	if err != nil {
		return nil, fmt.Errorf("nothing was written: what stands there could not be read: %w", err)
	}
	if v.Left, err = we.LeftBehind(ctx, card); err != nil {
		return nil, fmt.Errorf("nothing was written: what stays behind the content could not be read: %w", err)
	}
	if known {
		v.Old = contentOf(old, int(we.Offset), func(i int) bool { return old[i] != we.Data[i] })
		v.Same = bytes.Equal(old, we.Data)
	}
	v.New = contentOf(we.Data, int(we.Offset), func(i int) bool { return known && old[i] != we.Data[i] })
	before := &seen{old: old, known: known}
	v.Ask = s.ask(rd, uid, false, s.writeWork(x, uid, before))
	return v, nil
}

// seen is what stood in a file when it was shown.
type seen struct {
	old   []byte
	known bool
}

// writeWords says with which key is written.
func writeWords(card *desfire.Card) string {
	if sess, ok := card.Session(); ok {
		return fmt.Sprintf("with key %d", sess.KeyNo)
	}
	return "without a key, in clear"
}

// writeWork writes what was shown. Data go on when the card is back: that they stand
// there, or that the old ones do, is looked at first. A record is added once only.
func (s *Server) writeWork(x *writing, uid []byte, before *seen) work {
	begun := false
	return work{title: "Write " + x.Words(), uid: uid, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		fs, err := s.enterToWrite(ctx, s.entry(card), card, x.target)
		if err != nil {
			return err
		}
		if err := proved(ctx, card, uid); err != nil {
			return err
		}
		we, err := x.fit(fs)
		if err != nil {
			return err
		}
		v := &wroteView{}
		switch now, known, err := we.Old(ctx, card); {
		case err != nil:
			return err
		case known && begun && bytes.Equal(now, we.Data):
			v.Already, v.Words = true, fmt.Sprintf("%s stand in %s: they were written before the card left.", count(len(we.Data), "byte"), x.Words())
			j.show("do-wrote", v)
			return nil
		case known && before.known && !begun && !bytes.Equal(now, before.old):
			return fmt.Errorf("%s holds something else now than was shown, and nothing was written; look again", x.Words())
		}
		begun = true
		j.sure()
		if v.Committed, err = we.Do(ctx, card, nil); err != nil {
			return err
		}
		v.Words = fmt.Sprintf("%s written to %s.", count(len(we.Data), "byte"), x.Words())
		if edit.HasRecords(fs) {
			v.Words = fmt.Sprintf("A record of %s added to %s.", count(len(we.Data), "byte"), x.Words())
		}
		j.show("do-wrote", v)
		return nil
	}, keep: before.known}
}

// count is so many of something.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return grouped(n) + " " + noun + "s"
}
