package web

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

func (s *Server) doRoutes() {
	s.view("do", func(w http.ResponseWriter, r *http.Request) { s.doView(w, r, "") })
	for _, what := range []string{"report", "dump", "selftest", "restore", "format"} {
		s.view("do-"+what, func(w http.ResponseWriter, r *http.Request) { s.doView(w, r, what) })
	}
	s.view("do-save", s.doSave)
	s.action("yes", s.yes)
	s.action("no", s.no)
	s.action("read", s.doRead)
	s.action("write", s.doWrite)
	s.action("value", s.doValue)
	s.action("clear", s.doClear)
	s.action("delete", s.doDelete)
	s.action("report", s.doReport)
	s.action("dump", s.doDump)
	s.action("selftest", s.doSelftest)
	s.action("restore", s.doRestore)
}

// doPanel is what can be done with a file, an application or the card.
type doPanel struct {
	ID, Reader, App, File string
	Title, About          string
	Note                  string // that something is not known yet

	Read, Write, Append, Clear           *doAct
	Get, Debit, Credit, Limited          *doAct
	Records, Backup, TMAC                bool
	Size                                 uint32 // of the file, or of a record
	Value                                *int32
	Lower, Upper                         int32
	DeleteFile, DeleteApplication, Fixed bool
}

// doAct is something that rights allow, and who may.
type doAct struct {
	Who   string // "key 1 or key 3", "anyone", "nobody"
	Never bool
	Free  bool
	Keys  []keyChoice // of the keyring, that may
	For   string      // id of the select
}

// Choose reports whether there are several keys that would do.
func (a *doAct) Choose() bool { return len(a.Keys) > 1 }

// Missing reports whether a key is wanted and none is there.
func (a *doAct) Missing() bool { return !a.Free && !a.Never && len(a.Keys) == 0 }

// doChange is a change of a value that may be made.
type doChange struct {
	Panel             *doPanel
	Kind, Name, Words string
	Act               *doAct
}

// Changes are those of a value file.
func (p *doPanel) Changes() (list []doChange) {
	for _, c := range []doChange{
		{p, "debit", "Debit", "Takes from the value.", p.Debit},
		{p, "credit", "Credit", "Adds to the value.", p.Credit},
		{p, "limited", "Limited credit", "Gives back at most what the last debit took.", p.Limited},
	} {
		if c.Act != nil {
			list = append(list, c)
		}
	}
	return list
}

// doContent is a place for content.
type doContent struct {
	Panel *doPanel
	Name  string
	Act   *doAct
}

// Writes is where content can go, nil if nowhere.
func (p *doPanel) Writes() *doContent {
	switch {
	case p.Write != nil:
		return &doContent{p, "Write", p.Write}
	case p.Append != nil:
		return &doContent{p, "Add a record", p.Append}
	}
	return nil
}

// answerView are the two answers to what was shown.
type answerView struct {
	Ask     *askView
	Yes, No string
	Danger  bool
}

// doView shows what can be done with the file or application that the request names, or
// one thing that can be done with the card.
func (s *Server) doView(w http.ResponseWriter, r *http.Request, what string) {
	rd := s.readerOf(r)
	t, err := targetOf(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.nowhere(w, r, rd) {
		return
	}
	l := rd.look()
	if l.stay == nil { // it has just left
		s.fail(w, r, errNoCard)
		return
	}
	if what != "" {
		s.render(w, r, "do-"+what, &doPanel{ID: "do-" + what, Reader: rd.id, Fixed: !l.stay.gen.Has(wire.FeatureApplications)})
		return
	}
	s.render(w, r, "do", s.panelOf(r.Context(), rd, l.stay, t))
}

// panelOf is the panel of a file or an application.
func (s *Server) panelOf(ctx context.Context, rd *reader, stay *stay, t target) *doPanel {
	p := &doPanel{ID: "do-" + idOf(t), Reader: rd.id, App: t.Place.String(), Title: t.Title()}
	p.Fixed = stay.card != nil && !stay.gen.Has(wire.FeatureApplications)
	if t.File == nil {
		p.DeleteApplication = !t.Place.IsCard() && !p.Fixed
		return p
	}
	p.File = fmt.Sprint(*t.File)
	f := fileIn(stay.card, t)
	switch {
	case stay.card == nil:
		p.Note = "The card is still being read."
	case f == nil:
		p.Note = fmt.Sprintf("The card did not show that it has %s.", t.Words())
	case f.Settings == nil:
		p.Note = "The card tells the settings of this file to the master key only, and the keyring has none that it takes."
	}
	if f == nil || f.Settings == nil {
		p.Read = &doAct{Who: "whoever has the right", Free: true}
		return p
	}
	fs := f.Settings
	p.About = fmt.Sprintf("%s, %s, %s", report.KindOf(f), f.SizeWords(), commWords(fs))
	p.Size, p.Lower, p.Upper, p.Value = fs.Size, fs.Lower, fs.Upper, f.Value
	p.DeleteFile = stay.gen.Has(wire.FeatureFiles) && (!p.Fixed || fs.Type == wire.FileTransactionMAC)
	act := func(a inspect.Act) *doAct { return s.actOf(ctx, rd, stay, t, fs, a, p.ID) }
	switch fs.Type {
	case wire.FileValue:
		p.Get, p.Debit, p.Credit = act(inspect.ActGetValue), act(inspect.ActDebit), act(inspect.ActCredit)
		if fs.Flags.Has(wire.ValueLimitedCredit) {
			p.Limited = act(inspect.ActLimitedCredit)
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		p.Records, p.Size = true, fs.RecordSize
		p.Read, p.Append, p.Clear = act(inspect.ActRead), act(inspect.ActAppend), act(inspect.ActClear)
	case wire.FileTransactionMAC:
		p.TMAC, p.Read = true, act(inspect.ActRead)
	default:
		p.Backup = fs.Type == wire.FileBackup
		p.Read, p.Write = act(inspect.ActRead), act(inspect.ActWrite)
	}
	return p
}

// actOf is who may do something with a file, and which keys at hand may.
func (s *Server) actOf(ctx context.Context, rd *reader, stay *stay, t target, fs *wire.FileSettings, act inspect.Act, id string) *doAct {
	g, ok := inspect.RightsOf(fs).Of(act)
	a := &doAct{Free: g.Free, Never: !ok || !g.Possible(), For: id + "-key-" + string(act[0:3])}
	switch {
	case a.Never:
		a.Who = "nobody"
	case g.Free:
		a.Who = "anyone, without a key"
	default:
		a.Who = unlock.KeyWords(g.Keys)
	}
	if !a.Never {
		a.Keys = s.keysAt(ctx, rd, stay.uid, t.Place, g.Keys)
	}
	return a
}

// fileIn is a file of a card that was read, nil if it was not.
func fileIn(c *inspect.Card, t target) *inspect.File {
	if c == nil || t.File == nil {
		return nil
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		if a.Place != t.Place {
			continue
		}
		for j := range a.Files {
			if a.Files[j].No == *t.File {
				return &a.Files[j]
			}
		}
	}
	return nil
}

// idOf is a target as part of an element's id.
func idOf(t target) string {
	id := "card"
	if !t.Place.IsCard() {
		id = fmt.Sprintf("%x", t.Place.String())
	}
	if t.File != nil {
		id += fmt.Sprintf("-%d", *t.File)
	}
	return id
}

func commWords(fs *wire.FileSettings) string {
	switch fs.Comm() {
	case wire.CommMAC:
		return "with MAC"
	case wire.CommFull:
		return "enciphered"
	}
	return "in clear"
}

// startIn starts a job of a request, and answers with it.
func (s *Server) startIn(w http.ResponseWriter, r *http.Request, wk work) {
	j, err := s.explained(s.readerOf(r), wk)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.renderJob(w, r, j)
}
