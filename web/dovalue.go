package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// valueView is a change of a value, shown before it is made.
type valueView struct {
	Button        string
	Before, After int32
	Lower, Upper  int32
	How           string
	Certainty     []string
	Relay         bool // a relay is excluded
	Ask           *askView
}

func (v *valueView) asks() bool { return v.Ask.asks() }

// Answer are the answers to it.
func (v *valueView) Answer() answerView {
	return answerView{v.Ask, v.Button, "Leave it as it is", false}
}

// valueKinds are the changes of a value by their names in forms.
var valueKinds = map[string]struct {
	kind purse.Kind
	act  inspect.Act
	word string
}{
	"debit":   {purse.Debit, inspect.ActDebit, "Debit"},
	"credit":  {purse.Credit, inspect.ActCredit, "Credit"},
	"limited": {purse.LimitedCredit, inspect.ActLimitedCredit, "Limited credit of"},
}

// doValue looks what a change would make of a value, and asks.
func (s *Server) doValue(w http.ResponseWriter, r *http.Request) {
	t, err := fileOf(r)
	kind, ok := valueKinds[r.FormValue("kind")]
	typed := strings.TrimSpace(r.FormValue("amount"))
	amount, err2 := strconv.ParseInt(typed, 10, 32)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("%q is no change of a value: debit, credit or limited", r.FormValue("kind"))
	case err2 != nil || amount < 1:
		err = fmt.Errorf("the amount %q is no whole number from 1 to 2147483647", typed)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	change := purse.Change{Kind: kind.kind, Amount: int32(amount)} //nolint:gosec // 32 bits
	s.startIn(w, r, work{title: fmt.Sprintf("What %s %d would do", strings.ToLower(kind.word), amount), run: func(ctx context.Context, j *job, card *desfire.Card) error {
		h, err := s.purseHere(ctx, j.reader, card, t, kind.act)
		if err != nil {
			return err
		}
		fs := &h.conf.Values[0].Settings
		v := &valueView{
			Button: kind.word + " " + grouped(amount), Before: h.value, Lower: fs.Lower, Upper: fs.Upper, How: writeWords(card),
			Relay: h.conf.Policy == purse.Hostile, Certainty: h.conf.Certainty(s.hasTMKey(ctx, h.conf, fmt.Sprintf("%X", h.uid))).Words,
		}
		if v.After, err = change.Within(h.value, fs.Lower, fs.Upper); err != nil {
			return err
		}
		switch e, err := s.ledgers.of(j.reader).Open(ctx, purse.CardApp{UID: fmt.Sprintf("%X", h.uid), App: h.conf.Place.String()}); {
		case err != nil:
			return fmt.Errorf("the journal cannot be read: %w", err)
		case e != nil:
			return &purse.OpenEntryError{Card: e.CardApp, ID: e.ID}
		}
		v.Ask = s.ask(j.reader, h.uid, false, s.changeWork(j.reader, t, h.uid, change, kind.act, kind.word, randomText(12)))
		j.show("do-value-ask", v)
		return nil
	}})
}

// purseHere is the purse of a value file on a card that lies there, as the view of the purse
// has it, and the value.
type purseHere struct {
	uid   []byte
	value int32
	conf  *purse.Config
}

func (s *Server) purseHere(ctx context.Context, rd *reader, card *desfire.Card, t target, act inspect.Act) (*purseHere, error) {
	on := s.entry(card)
	fs, err := enter(ctx, on, card, target{Place: t.Place, File: t.File}, inspect.ActGetValue, act)
	switch {
	case err != nil:
		return nil, err
	case act == inspect.ActLimitedCredit && !fs.Flags.Has(wire.ValueLimitedCredit):
		return nil, fmt.Errorf("%s was made without limited credit", t.Words())
	}
	h := &purseHere{}
	if h.uid, err = identified(ctx, card, on); err != nil {
		return nil, err
	}
	if h.value, err = card.Value(ctx, *t.File); err != nil {
		return nil, err
	}
	f, terms := valueFile{t.Place, *t.File}, purseTerms{}
	if said := s.termsFor(f); said != nil {
		terms = *said
	}
	if h.conf, err = s.purseConfig(ctx, rd, card, f, terms, []inspect.Act{act}); err != nil {
		return nil, err
	}
	return h, h.conf.Check()
}

// stepTime is how long one step of a change may take after somebody pressed Stop, so that
// none is left open without need.
const stepTime = 20 * time.Second

// changeWork makes a change exactly once: if the card leaves, what became of it is found
// out when it is back.
func (s *Server) changeWork(rd *reader, t target, uid []byte, change purse.Change, act inspect.Act, word, id string) work {
	once := &purse.Once{Order: purse.Order{ID: "web-" + id, UID: uid, Moves: []purse.Move{{File: *t.File, Kind: change.Kind, Amount: change.Amount}}}}
	once.Find = func(ctx context.Context, card *desfire.Card) (*purse.Purse, error) {
		h, err := s.purseHere(ctx, rd, card, t, act)
		if err != nil {
			return nil, err
		}
		if err := proved(ctx, card, uid); err != nil {
			return nil, err
		}
		return purse.Open(*h.conf)
	}
	return work{title: fmt.Sprintf("%s %d", word, change.Amount), keep: true, uid: uid, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		once.OnSettled = func(r *purse.Receipt) {
			if r.Decision() != purse.InDoubt {
				j.sure()
			}
			switch r.Decision() {
			case purse.Happened:
				j.say("The change in doubt happened")
			case purse.DidNot:
				j.say("The change in doubt did not happen: it is made again")
			}
		}
		if err := once.Accept(ctx, card); err != nil {
			return err
		}
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			step, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepTime)
			done, err := once.Step(step, card)
			cancel()
			s.tell("purse", j.reader.id)
			if err != nil {
				return err
			}
			if done {
				j.show("purse-result", resultOf(once.Receipt))
				return nil
			}
		}
	}}
}
