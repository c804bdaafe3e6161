package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/purse"
)

// purseResult is what a job with a purse found.
type purseResult struct {
	Sign, State string
	Title       string // It happened.
	Rule        string
	Why         string
	Needs       []string
	Alarms      []purse.Alarm
	Holds       string // against whom
	After       string // the value, where it is known
	Stored      bool
	Lost        bool // of a change whose answer was lost
	Entry       string
	What        string
}

// resultOf puts a receipt into words.
func resultOf(r *purse.Receipt) *purseResult {
	e := &r.Entry
	v := &purseResult{Stored: r.Stored, Entry: e.ID.String(), What: whatOf(e), Rule: string(r.Rule()), Why: r.Rule().Words()}
	_, v.State, v.Sign = decisionWords(r.Decision())
	after := r.After
	if o := e.Outcome(); o != nil {
		v.Needs, v.Alarms = o.Needs, o.Alarms
		if o.Why != "" {
			v.Why = o.Why
		}
		if v.Holds = "Somebody who forges answers is not excluded."; o.RelayExcluded {
			v.Holds = "It holds also against somebody who forges answers."
		}
		if o.Rule == purse.RuleOperator {
			v.Holds = "No card was asked: it is a person's word."
		}
		if after == nil {
			after = o.Evidence.Values
		}
	}
	switch r.Decision() {
	case purse.Happened:
		v.Title = "It happened."
	case purse.DidNot:
		v.Title = "It did not happen."
	default:
		v.Title, v.Holds = "It may or may not have happened.", ""
		if e.Outcome() == nil {
			v.Rule, v.Why = "", fmt.Sprintf("No answer proves anything yet. Lay %s on the reader to find out", e.UID)
		}
	}
	for _, x := range after {
		if len(e.Moves) > 0 && x.File == e.Moves[0].File {
			v.After = grouped(x.Value)
		}
	}
	return v
}

// showChange shows what became of a change, and returns an error that is none of the change.
// lost: it was made now, so that one in doubt is one whose answer was lost.
func showChange(j *job, r *purse.Receipt, err error, lost bool) error {
	var not *purse.DidNotError
	var doubt *purse.InDoubtError
	switch {
	case errors.As(err, new(*purse.OpenEntryError)):
		return fmt.Errorf("another entry of this card is open: find out first what became of it: %w", err)
	case errors.As(err, &doubt):
		if doubt.Err != nil {
			j.say(doubt.Err.Error())
		}
		x := resultOf(doubt.Receipt)
		x.Lost = lost
		j.show("purse-result", x)
		return nil
	case errors.As(err, &not):
		if not.Err != nil {
			j.say(not.Err.Error())
		}
		j.show("purse-result", resultOf(not.Receipt))
		return nil
	case r != nil:
		j.show("purse-result", resultOf(r))
	}
	if errors.As(err, new(*purse.JournalError)) {
		return fmt.Errorf("the journal could not write it: %w. Make room for it and begin the page again, which opens the journal anew; then find out what became of it", err)
	}
	return err
}

// sameCard is an error if a card is another one than the page showed.
func sameCard(card *desfire.Card, want string) error {
	if uid := card.UID(); uid != nil && fmt.Sprintf("%X", uid) != want {
		return fmt.Errorf("this is card %X, and the page showed %s: nothing was done", uid, want)
	}
	return nil
}

// changes are the words of the form.
var changes = map[string]struct {
	kind purse.Kind
	act  inspect.Act
}{
	"debit":   {purse.Debit, inspect.ActDebit},
	"credit":  {purse.Credit, inspect.ActCredit},
	"limited": {purse.LimitedCredit, inspect.ActLimitedCredit},
}

// purseChange takes from a card, or adds to it, once for each id.
func (s *Server) purseChange(w http.ResponseWriter, r *http.Request) {
	f, err := parseValueFile(r.FormValue("file"))
	if err != nil {
		s.renderPurse(w, r, err)
		return
	}
	change, ok := changes[r.FormValue("kind")]
	amount, bad := parseAmount(r.FormValue("amount"))
	id, uid := strings.TrimSpace(r.FormValue("request")), r.FormValue("uid")
	switch {
	case !ok:
		err = fmt.Errorf("%q is no change: debit, credit or limited", r.FormValue("kind"))
	case bad != nil:
		err = bad
	case id == "":
		err = errors.New("the change has no id: with one, the same change is never made twice")
	case uid == "":
		err = errors.New("it is not known which card lies there: wait until its value is shown")
	}
	if err != nil {
		s.renderPurse(w, r, err)
		return
	}
	terms := purseTerms{}
	if t := s.termsFor(f); t != nil {
		terms = *t
	}
	order := purse.Order{ID: id, UID: []byte(uidOf(uid)), Moves: []purse.Move{{File: f.No, Kind: change.kind, Amount: amount}}}
	s.startPurse(w, r, fmt.Sprintf("%s %s", upper(change.kind.Words()), grouped(amount)), func(ctx context.Context, j *job, card *desfire.Card) error {
		if err := sameCard(card, uid); err != nil {
			return err
		}
		p, _, err := s.openPurse(ctx, j.reader, card, f, terms, change.act)
		var bad *purse.ConfigError
		if errors.As(err, &bad) && bad.Field == "Others" {
			return errors.New("this file takes no receipt of itself: say first what others do with its value, so that a change whose answer is lost can be found out. Nothing was done")
		}
		if err != nil {
			return err
		}
		r, err := p.Do(ctx, card, order)
		return showChange(j, r, err, true)
	})
}

// parseAmount reads an amount as people type it, with or without gaps.
func parseAmount(text string) (int32, error) {
	digits := strings.NewReplacer(" ", "", "\u202f", "", "\u00a0", "", "'", "").Replace(strings.TrimSpace(text))
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no amount: a whole number from 1 to 2147483647, in the unit of the card", text)
	}
	return int32(n), nil
}

func upper(words string) string { return strings.ToUpper(words[:1]) + words[1:] }

// purseSettle finds out what became of an entry, with its card, and writes it down.
func (s *Server) purseSettle(w http.ResponseWriter, r *http.Request) {
	e, err := entryNamed(r, s.ledgers.of(s.readerOf(r)))
	switch {
	case err != nil:
	case !e.IsOpen():
		err = fmt.Errorf("entry %s is decided already: it %s", entryNo(e.ID), decisionOf(e))
	case e.Policy == purse.Hostile && !s.isPurse(s.readerOf(r), entryFile(e)):
		err = errors.New("this entry was begun by a purse that reckons with somebody who forges answers, and this page has no layout of it: desfire purse settle finds out, with that layout")
	}
	if err != nil {
		s.renderPurse(w, r, err)
		return
	}
	s.startPurse(w, r, "Find out what became of "+entryNo(e.ID), func(ctx context.Context, j *job, card *desfire.Card) error {
		if err := sameCard(card, e.UID); err != nil {
			return err
		}
		f, terms := entryFile(e), termsOf(e)
		p, _, err := s.openPurse(ctx, j.reader, card, f, terms, inspect.ActDebit)
		if fewer(err) {
			p, _, err = s.openPurse(ctx, j.reader, card, f, terms)
		}
		if err != nil {
			return err
		}
		r, err := p.Settle(ctx, card)
		if r != nil && r.Entry.ID != e.ID {
			return fmt.Errorf("an entry of card %s was found out, and this one is of card %s: lay that on the reader", r.Entry.UID, e.UID)
		}
		if r == nil && err == nil {
			j.say("Nothing is open on this card any more.")
		}
		return showChange(j, r, err, false)
	})
}

func decisionOf(e *purse.Entry) string {
	words, _, _ := decisionWords(e.Outcome().Decision)
	return words
}

// entryNamed is the entry of a journal that a request names.
func entryNamed(r *http.Request, l *ledger) (*purse.Entry, error) {
	var id purse.ID
	if err := id.UnmarshalText([]byte(r.FormValue("entry"))); err != nil {
		return nil, fmt.Errorf("%q names no entry of the journal", r.FormValue("entry"))
	}
	e, err := l.Entry(r.Context(), id)
	switch {
	case err != nil:
		return nil, &purse.JournalError{Err: err}
	case e == nil:
		return nil, fmt.Errorf("there is no entry %v in the journal", id)
	}
	return e, nil
}

// startPurse begins a job with a purse, and answers with the view.
func (s *Server) startPurse(w http.ResponseWriter, r *http.Request, title string, run func(context.Context, *job, *desfire.Card) error) {
	rd := s.readerOf(r)
	j, err := s.start(rd, work{title: title, run: run})
	if err == nil {
		s.money.mu.Lock()
		s.money.jobs[rd.id] = j.id
		s.money.mu.Unlock()
	}
	s.renderPurse(w, r, err)
}

// purseJobOf is the last job with a purse on a reader.
func (s *Server) purseJobOf(rd *reader) *jobView {
	s.money.mu.Lock()
	id := s.money.jobs[rd.id]
	s.money.mu.Unlock()
	if j := s.jobs.find(id); j != nil {
		v := j.view()
		return &v
	}
	return nil
}

// purseJob is the fragment of a job with a purse.
func (s *Server) purseJob(w http.ResponseWriter, r *http.Request) {
	j := s.jobs.find(r.FormValue("id"))
	if j == nil {
		s.fail(w, r, errors.New("this job is not known any more"))
		return
	}
	s.render(w, r, "purse-job", j.view())
}

// purseAgain reads the value once more.
func (s *Server) purseAgain(w http.ResponseWriter, r *http.Request) {
	if rd := s.readerOf(r); rd != nil {
		s.money.mu.Lock()
		for k, l := range s.money.looks {
			if strings.HasPrefix(k, rd.id+" ") && l.done {
				delete(s.money.looks, k)
			}
		}
		s.money.mu.Unlock()
	}
	s.renderPurse(w, r, nil)
}
