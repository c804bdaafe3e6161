package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/edit"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// lostView is what would be lost, and the question.
type lostView struct {
	Heading, Button, Keep string
	UID                   []byte
	Lost                  []lostApp
	Files                 []string // of one application, in words
	Records               []recordView
	Nothing               bool // there is nothing to lose
	Stays                 string
	Unread                []string // what could not be read, and why
	Ask                   *askView
}

func (v *lostView) asks() bool { return v.Ask.asks() }

// lostApp is an application that would be lost, in words.
type lostApp struct {
	Place, Name string
	With        []string
}

// losing is something that cannot be undone.
type losing struct {
	title, heading, button, keep, stays string
	target
	// enter opens the session that may do it; do does it.
	enter func(ctx context.Context, on *unlock.OnCard, card *desfire.Card) error
	do    func(ctx context.Context, card *desfire.Card) error
	did   string
}

// losses is what would be lost, as it is read now. open are the changes in doubt.
type losses struct {
	apps  []report.Loss
	files []report.LostFile // of one file
	open  map[wire.Place]int
	lost  []inspect.Lost
}

// doDelete looks what would be lost with a file, an application, or a format, and asks.
func (s *Server) doDelete(w http.ResponseWriter, r *http.Request) {
	t, err := targetOf(r)
	if err == nil && t.File == nil && !t.Place.IsCard() && t.Place.AID == wire.PICC {
		err = fmt.Errorf("%s cannot be deleted by that name; name it by its number, as in F48121", t.Words())
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	l := losingOf(t)
	s.startLosing(w, r, l, func(uid []byte, shown *losses) work { return s.loseWork(l, uid, shown) })
}

// losingOf is the deletion of a target.
func losingOf(t target) *losing {
	l := &losing{target: t}
	switch {
	case t.File != nil:
		l.title, l.button, l.keep = "Delete "+t.Words(), "Delete "+fmt.Sprintf("file %d", *t.File), "Keep the file"
		l.heading, l.did = "Delete "+t.Words()+" of %s?", t.Title()+" is deleted."
		l.stays = "The memory that it took comes back with a format only."
		l.enter = func(ctx context.Context, on *unlock.OnCard, card *desfire.Card) error {
			p, err := t.Place.On(card.Generation())
			if err != nil {
				return err
			}
			return on.Place(ctx, p, unlock.Delete)
		}
		l.do = func(ctx context.Context, card *desfire.Card) error { return card.DeleteFile(ctx, *t.File) }
	case !t.Place.IsCard():
		l.title, l.button, l.keep = "Delete "+t.Words(), "Delete "+shortPlace(t.Place), "Keep the application"
		l.heading, l.did = "Delete "+t.Words()+" of %s?", t.Title()+" is deleted, with its files and keys."
		l.stays = "The memory that it took comes back with a format only."
		l.enter = func(ctx context.Context, on *unlock.OnCard, _ *desfire.Card) error { return on.ToDelete(ctx, t.Place) }
		l.do = func(ctx context.Context, card *desfire.Card) error { return card.DeleteApplication(ctx, t.Place.AID) }
	default:
		l.title, l.button, l.keep, l.heading = "Format the card", "Format", "Keep everything", "Format %s?"
		l.did = "The card is formatted: it has no application any more."
		l.stays = "The keys and settings of the card itself stay, and all its memory is free again."
		l.enter = func(ctx context.Context, on *unlock.OnCard, _ *desfire.Card) error {
			return on.Place(ctx, wire.Place{}, unlock.Master)
		}
		l.do = func(ctx context.Context, card *desfire.Card) error { return card.Format(ctx) }
	}
	return l
}

// startLosing looks what would be lost, and asks whether then may be done.
func (s *Server) startLosing(w http.ResponseWriter, r *http.Request, l *losing, then func(uid []byte, shown *losses) work) {
	s.startIn(w, r, work{title: "What would be lost", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		if !card.Generation().Has(wire.FeatureApplications) && (l.File == nil || !card.Generation().Has(wire.FeatureFiles)) {
			return fmt.Errorf("%v comes with its application and files, and nothing deletes them", card)
		}
		on := s.entry(card)
		j.steps(1, 2, "Reading what would be lost")
		now, err := s.losses(ctx, j.reader, on, card, l.target)
		if err != nil {
			return err
		}
		j.steps(2, 2, "Seeing whether the keyring has the key for it")
		if err := l.enter(ctx, on, card); err != nil { // else nobody need be asked
			return err
		}
		uid, err := identified(ctx, card, on)
		if err != nil {
			return err
		}
		if err := proved(ctx, card, uid); err != nil {
			return err
		}
		v := now.view(l, uid)
		v.Ask = s.ask(j.reader, uid, true, then(uid, now))
		j.show("do-lost", v)
		return nil
	}})
}

// losses reads what would be lost with a target.
func (s *Server) losses(ctx context.Context, rd *reader, on *unlock.OnCard, card *desfire.Card, t target) (*losses, error) {
	conf := &inspect.Config{Ask: inspect.Everything &^ (inspect.AskOriginality | inspect.AskCounters)}
	var of []wire.Place
	if !t.Place.IsCard() {
		p, err := t.Place.On(card.Generation())
		if err != nil {
			return nil, err
		}
		conf.Places, of = []wire.Place{p}, []wire.Place{p}
	}
	c, err := on.Inspect(ctx, conf)
	if err != nil {
		return nil, err
	}
	if t.Place.IsCard() && c.Applications == nil {
		return nil, errors.New("the card does not tell which applications it has, so that nobody could know what is lost; add its master key to the keyring")
	}
	l := &losses{apps: report.New(c, nil).Losses(of...), lost: c.Lost(), open: map[wire.Place]int{}}
	for _, a := range l.apps {
		e, err := s.ledgers.of(rd).Open(ctx, purse.CardApp{UID: fmt.Sprintf("%X", string(on.UID())), App: a.Application.String()})
		if err != nil {
			return nil, fmt.Errorf("the journal cannot be read: %w", err)
		}
		if e != nil {
			l.open[a.Application]++
		}
		if t.File == nil {
			continue
		}
		for _, f := range a.Files {
			if f.File == *t.File {
				l.files = append(l.files, f)
			}
		}
		if len(l.files) == 0 {
			return nil, fmt.Errorf("there is no %s", t.Words())
		}
	}
	return l, nil
}

// same reports whether the same is lost. What a card fills into its NDEF message is another
// each time.
func (l *losses) same(o *losses) bool {
	fixed := func(apps []report.Loss) []report.Loss {
		list := slices.Clone(apps)
		for i := range list {
			if m := list[i].NDEF; m != nil {
				list[i].NDEF = &report.Message{File: m.File}
			}
		}
		return list
	}
	return reflect.DeepEqual(fixed(l.apps), fixed(o.apps)) && reflect.DeepEqual(l.open, o.open)
}

// view puts it into words.
func (l *losses) view(x *losing, uid []byte) *lostView {
	v := &lostView{Heading: fmt.Sprintf(x.heading, fmt.Sprintf("%X", uid)), Button: x.button, Keep: x.keep, Stays: x.stays, UID: uid}
	for _, m := range l.lost {
		if m.File == nil && m.What != inspect.PartFiles && m.What != inspect.PartSettings && m.What != inspect.PartContent {
			continue
		}
		if x.File != nil && (m.File == nil || *m.File != *x.File) {
			continue
		}
		at := "the card"
		if !m.Application.IsCard() || m.Application.Fixed {
			at = shortPlace(m.Application)
		}
		if m.File != nil {
			at = fmt.Sprintf("file %d of %s", *m.File, at)
		}
		v.Unread = append(v.Unread, fmt.Sprintf("%s of %s: %s", m.What, at, m.Reason))
	}
	if x.File != nil {
		for _, f := range l.files {
			v.Files = append(v.Files, fileWords(f))
		}
		return v
	}
	for _, a := range l.apps {
		app := lostApp{Place: a.Application.String(), Name: a.KnownAs, With: lossWords(a, l.open[a.Application])}
		v.Lost = append(v.Lost, app)
	}
	v.Nothing = len(v.Lost) == 0
	return v
}

// lossWords is what an application has that somebody would miss. What the card says of it
// is made safe to show.
func lossWords(a report.Loss, open int) (with []string) {
	if a.Unknown {
		with = append(with, "files that it shows to its master key only")
	}
	full, unread, empty := 0, 0, 0
	for _, f := range a.Files {
		switch {
		case f.Purse, f.Records > 0:
			with = append(with, fileWords(f))
		case a.NDEF != nil && f.File == a.NDEF.File:
		case f.Unread:
			unread++
		case f.Empty:
			empty++
		default:
			full++
		}
	}
	if a.NDEF != nil {
		what := "an empty NDEF message"
		if n := len(a.NDEF.Records); n > 0 {
			what = "what phones read: " + visible.Text(strings.Join(a.NDEF.Records, "; "))
		}
		with = append(with, what)
	}
	for _, x := range []struct {
		n    int
		noun string
	}{{full, "file with content"}, {unread, "file that could not be read"}, {empty, "empty file"}} {
		switch x.n {
		case 0:
		case 1:
			with = append(with, "1 "+x.noun)
		default:
			with = append(with, fmt.Sprintf("%d %s", x.n, strings.Replace(x.noun, "file", "files", 1)))
		}
	}
	if open > 0 {
		with = append(with, "an open journal entry, a change of its value that is in doubt")
	}
	if len(a.Files) == 0 && !a.Unknown {
		with = append(with, "no files")
	}
	return with
}

// fileWords is a file that would be lost.
func fileWords(f report.LostFile) string {
	switch kind := strings.ToLower(f.Kind); {
	case f.Purse && f.Value != nil:
		return fmt.Sprintf("a purse of %s in file %d", grouped(*f.Value), f.File)
	case f.Purse:
		return fmt.Sprintf("a purse in file %d, of a value that could not be read", f.File)
	case f.Records > 0:
		return fmt.Sprintf("%s in file %d", count(f.Records, "record"), f.File)
	case f.Unread:
		return fmt.Sprintf("file %d, %s, which could not be read", f.File, kind)
	case f.Empty:
		return fmt.Sprintf("file %d, %s, which is empty", f.File, kind)
	default:
		return fmt.Sprintf("file %d, %s, which holds something", f.File, kind)
	}
}

// nothingElse opens the session that may do it, if nothing else would be lost than was shown.
func (s *Server) nothingElse(ctx context.Context, rd *reader, card *desfire.Card, l *losing, uid []byte, shown *losses) error {
	on := s.entry(card)
	now, err := s.losses(ctx, rd, on, card, l.target)
	if err != nil {
		return err
	}
	if !now.same(shown) {
		return errors.New("something else would be lost now than was shown, and nothing was done; look again")
	}
	if err := l.enter(ctx, on, card); err != nil {
		return err
	}
	return proved(ctx, card, uid)
}

// loseWork does what was confirmed.
func (s *Server) loseWork(l *losing, uid []byte, shown *losses) work {
	return work{title: l.title, uid: uid, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		j.steps(1, 2, "Seeing that nothing else would be lost than was shown")
		if err := s.nothingElse(ctx, j.reader, card, l, uid, shown); err != nil {
			return err
		}
		j.steps(2, 2, l.title)
		if err := l.do(ctx, card); err != nil {
			return err
		}
		j.show("do-did", l.did)
		return nil
	}}
}

// doClear looks which records would be lost, and asks.
func (s *Server) doClear(w http.ResponseWriter, r *http.Request) {
	t, err := fileOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.startIn(w, r, work{title: "What would be lost", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		on := s.entry(card)
		fs, err := enter(ctx, on, card, t, inspect.ActClear)
		switch {
		case err != nil:
			return err
		case !edit.HasRecords(fs):
			return fmt.Errorf("%s has no records", t.Words())
		}
		uid, err := identified(ctx, card, on)
		if err != nil {
			return err
		}
		v := &lostView{
			Heading: fmt.Sprintf("Remove all records from %s of %X?", t.Words(), uid), Button: "Remove " + count(int(fs.Records), "record"), Keep: "Keep the records",
			UID: uid, Files: []string{count(int(fs.Records), "record")}, Nothing: fs.Records == 0, Stays: "The file itself stays, empty.",
		}
		sess, ok := card.Session()
		if g, _ := inspect.RightsOf(fs).Of(inspect.ActRead); fs.Records > 0 && (ok && g.Allows(sess.KeyNo) || !ok && g.Free) {
			newest, err := card.ReadRecords(ctx, *t.File, 0, 1)
			if err != nil {
				return err
			}
			v.Records = []recordView{{0, readable(newest), newest}}
		}
		v.Ask = s.ask(j.reader, uid, true, s.clearWork(t, uid, fs.Records))
		j.show("do-lost", v)
		return nil
	}})
}

// clearWork removes the records that were shown.
func (s *Server) clearWork(t target, uid []byte, records uint32) work {
	return work{title: "Clear " + t.Words(), uid: uid, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		fs, err := enter(ctx, s.entry(card), card, t, inspect.ActClear)
		if err != nil {
			return err
		}
		if err := proved(ctx, card, uid); err != nil {
			return err
		}
		if fs.Records != records {
			return fmt.Errorf("%s has %s now, and %d were shown; nothing was done; look again", t.Words(), count(int(fs.Records), "record"), records)
		}
		if _, err := edit.Clear(ctx, card, *t.File, nil); err != nil {
			return err
		}
		j.show("do-did", fmt.Sprintf("%s removed from %s.", count(int(records), "record"), t.Words()))
		return nil
	}}
}
