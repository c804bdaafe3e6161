package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// restoreView is the plan that makes a card what a dump says.
type restoreView struct {
	File, From string // name of the file, what it is of
	Notes      []string
	UID        []byte

	Steps            []restoreStep
	Exchanges, Bytes int
	Impossible       []string
	Lists            []noteList
	HasValues        bool // and they were not asked for
	Ask              *askView
}

func (v *restoreView) asks() bool { return v.Ask.asks() }

// restoreStep is a step of the plan.
type restoreStep struct {
	No               int
	Words, Exchanges string
	Forever          string // what of it can never be undone
	Replaces         bool
}

// noteList are notes of a kind, folded away unless they are open.
type noteList struct {
	Name         string
	Notes        []string
	Open, Strong bool
}

// Answer are the answers to it.
func (v *restoreView) Answer() answerView {
	return answerView{v.Ask, "Restore", "Leave the card as it is", false}
}

// restoredView is how a restore ended.
type restoredView struct {
	Done        int
	File        string
	Differences []string
	Lists       []noteList
}

// doRestore reads a dump, and shows what would make the card what it says.
func (s *Server) doRestore(w http.ResponseWriter, r *http.Request) {
	file, name, err := uploaded(r)
	switch {
	case err != nil:
	case file == nil:
		err = errors.New("no dump was chosen; drop a file, or choose one")
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	from, err := dump.Read(file)
	if err != nil {
		s.fail(w, r, fmt.Errorf("%s is no dump that can be restored: %w", fileTitle(name), err))
		return
	}
	layout, never := perso.FromCard(from.Card)
	if layout == nil || from.Card.Generation == wire.UnknownGeneration {
		s.fail(w, r, fmt.Errorf("%s does not say what card it is of", fileTitle(name)))
		return
	}
	x := &restoring{s: s, name: fileTitle(name), from: from, never: never, layout: layout, conf: perso.Config{Values: r.FormValue("values") != "", Irreversible: perso.Irreversible()}}
	x.conf.Have = s.keys()
	if rd := s.readerOf(r); s.conf.KeyJournal != nil && s.conf.Keys != nil && rd != nil && !rd.simulated {
		x.conf.Want, x.conf.Journal = s.conf.Keys, s.conf.KeyJournal
	}
	s.startIn(w, r, work{title: "What a restore would do", run: x.plan})
}

// fileTitle is the name of a file that somebody gave.
func fileTitle(name string) string {
	if name == "" {
		return "the file"
	}
	return name
}

// restoring is a card that is made what a dump says.
type restoring struct {
	s      *Server
	name   string
	from   *dump.Dump
	never  []perso.Note
	layout *perso.Layout
	conf   perso.Config
}

// plan looks what is to be done, and asks.
func (x *restoring) plan(ctx context.Context, j *job, card *desfire.Card) error {
	j.steps(1, 2, "Comparing the card with "+x.name)
	conf := x.conf
	p, err := perso.NewPlan(ctx, card, x.layout, &conf)
	if err != nil {
		return err
	}
	if len(p.UID) == 0 {
		return errors.New("the card does not tell its identifier, so that nothing could make sure that it stays the same card")
	}
	v := &restoreView{
		File: x.name, From: x.from.Card.Name, Notes: x.from.Notes, UID: p.UID, Exchanges: p.Exchanges(), Bytes: p.Bytes(),
		Impossible: noteWords(p.Impossible), HasValues: !x.conf.Values && hasValues(x.layout),
		Lists: []noteList{
			{"Cannot be restored", noteWords(p.Impossible), true, true}, {"Warnings", noteWords(p.Warnings), true, true},
			{"On the card and not in the dump, left alone", noteWords(p.Extra), false, false},
			{"Of the dump, and nobody can restore it", noteWords(x.never), false, false}, {"So already", noteWords(p.Keep), false, false},
		},
	}
	forever := false
	for i := range p.Steps {
		step := &p.Steps[i]
		forever = forever || step.Forever != ""
		v.Steps = append(v.Steps, restoreStep{i + 1, upper(step.Words), count(step.Exchanges, "exchange"), step.Forever, step.Replaces})
	}
	if len(p.Steps) > 0 {
		v.Ask = x.s.ask(j.reader, p.UID, forever, work{
			title: "Restore " + x.name, keep: true, uid: p.UID,
			run: func(ctx context.Context, j *job, card *desfire.Card) error { return x.apply(ctx, j, card, p) },
		})
	}
	j.show("do-restore-ask", v)
	return nil
}

func noteWords(notes []perso.Note) (list []string) {
	for _, n := range notes {
		list = append(list, upper(n.String()))
	}
	return list
}

// hasValues reports whether a layout has any values or records.
func hasValues(l *perso.Layout) bool {
	for i := range l.Applications {
		for j := range l.Applications[i].Files {
			if f := &l.Applications[i].Files[j]; f.Value != nil && *f.Value != 0 || len(f.Records) > 0 {
				return true
			}
		}
	}
	return false
}

// apply does what is left of the plan, and reads back. It is called again when the card is
// back.
func (x *restoring) apply(ctx context.Context, j *job, card *desfire.Card, p *perso.Plan) error {
	conf, done := x.conf, 0
	conf.OnStep = func(at perso.Progress) {
		done = at.N
		j.sure()
		j.steps(at.N-1, at.Of+1, at.Step.Words)
		j.say(upper(at.Step.Words))
	}
	if err := p.Apply(ctx, card, &conf); err != nil {
		return err
	}
	j.steps(len(p.Steps), len(p.Steps)+1, "Reading back and comparing")
	j.say("Reading back and comparing")
	list, err := perso.Verify(ctx, card, x.layout, &conf)
	if err != nil {
		return err
	}
	v, unproven := &restoredView{Done: max(done, len(p.Steps)), File: x.name}, []string(nil)
	for _, d := range list {
		if d.Unproven == "" {
			v.Differences = append(v.Differences, upper(d.String()))
		} else {
			unproven = append(unproven, upper(d.String()))
		}
	}
	v.Lists = []noteList{{Name: "Could not be compared", Notes: unproven}}
	j.steps(len(p.Steps)+1, len(p.Steps)+1, "Done")
	j.show("do-restored", v)
	return nil
}
