package web

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/unlock"
)

// explainedError is an error with what the card and the keyring had to say to it.
type explainedError struct {
	trouble trouble
	err     error
}

func (e *explainedError) Error() string { return e.err.Error() }
func (e *explainedError) Unwrap() error { return e.err }

// troubleFact is something that is known about a trouble, by name.
type troubleFact struct {
	Name  string
	Words []string
}

// explained starts a job whose errors say more than they do by themselves.
func (s *Server) explained(rd *reader, w work) (*job, error) {
	run := w.run
	w.run = func(ctx context.Context, j *job, card *desfire.Card) error {
		err := run(ctx, j, card)
		if err == nil {
			return nil
		}
		t := explain(err)
		t.Reader = rd.id
		known := t.add(err)
		if w.keep && desfire.Lost(err) {
			if known || errors.As(err, new(*desfire.OutcomeUnknownError)) {
				j.show("trouble", t) // stays if nobody brings the card back
			}
			return err
		}
		j.show("", nil)
		if known || s.askWhy(ctx, rd, card, &t, err) {
			return &explainedError{t, err}
		}
		return err
	}
	return s.start(rd, w)
}

// add says what errors of purses, layouts and tests mean, and reports whether err is one.
func (t *trouble) add(err error) bool {
	var doubt *purse.InDoubtError
	var config *purse.ConfigError
	var partial *desfire.PartialWriteError
	var wrong *perso.WrongCardError
	set := func(kind, title, what string) { t.Kind, t.Title, t.What = kind, title, what }
	switch {
	case errors.As(err, &doubt):
		set("doubt", "Whether the value was changed is not known", "It stays in the journal as in doubt, and nothing more is taken from this card or given to it before it is settled.")
		t.Purse = "Settle it in the view of the purse"
	case errors.As(err, new(*purse.OpenEntryError)):
		set("doubt", "A change of this card is in doubt", "Settle it first. Until then nothing more is taken from this card or given to it, so that nothing happens twice.")
		t.Purse = "Settle it in the view of the purse"
	case errors.As(err, new(*purse.BlockedError)):
		set("bad", "This card is blocked", "Nothing was done.")
		t.Purse = "Look at it in the view of the purse"
	case errors.As(err, new(*purse.LimitError)):
		set("bad", "The value would leave the limits of the file", "Nothing was begun. Choose another amount.")
	case errors.As(err, &config) && config.Field == "Others":
		set("doubt", "It has to be said first what others do with this value", "This file takes no receipt of itself. Without knowing that, a change whose answer is lost could not be found out. Nothing was done.")
		t.Purse = "Say it in the view of the purse"
	case errors.As(err, &partial):
		set("bad", "A part was written", fmt.Sprintf("The first %d bytes are in file %d, and the rest is as it was. Write again.", partial.Written, partial.File))
	case errors.As(err, &wrong) && wrong.Want == wrong.Is:
		set("doubt", "The card is not as it was when this was planned", "Nothing was done. Look again.")
	case errors.As(err, &wrong):
		set("bad", "Another card lies there", "Nothing was done.")
	case errors.As(err, new(*perso.KeyError)):
		set("doubt", "A key is missing", "What was done before it stays. With the key in the keyring, the same again goes on.")
	case errors.As(err, new(*selftest.NotDeliveredError)):
		set("bad", "This card cannot be wiped and left as it was", "Nothing was changed. Only cards whose keys and settings are as delivered are taken.")
	default:
		return false
	}
	return true
}

// fact adds to what is known by name.
func (t *trouble) fact(name string, words ...string) {
	for i := range t.Facts {
		if t.Facts[i].Name == name {
			t.Facts[i].Words = append(t.Facts[i].Words, words...)
			return
		}
	}
	t.Facts = append(t.Facts, troubleFact{name, words})
}

// askWhy asks the card and the keyring what explains an error about keys, and reports
// whether there was something to ask.
func (s *Server) askWhy(ctx context.Context, rd *reader, card *desfire.Card, t *trouble, err error) bool {
	var refused *unlock.RefusedKeyError
	var missing *unlock.NoKeyError
	var mismatch *unlock.MismatchError
	switch {
	case errors.As(err, &refused) && desfire.Refusal(err) != nil:
		q := diagnose.Trouble{
			Status: desfire.Refusal(err).Status, Place: refused.Ref.Place, No: refused.No, Version: refused.Facts.Version, HasVersion: !refused.Facts.NoVersion,
		}
		if typ, err := key.ParseType(refused.Facts.Type); err == nil {
			q.Type = typ
		}
		q.Method = card.Strongest(q.Type)
		if d, err := diagnose.Card(ctx, card, q); err == nil {
			for _, c := range d.Causes[:min(len(d.Causes), mostCauses)] {
				t.Causes = append(t.Causes, diagnose.Cause{Weight: c.Weight, Text: upper(c.Text) + ".", Advice: upper(c.Advice) + "."})
			}
		}
	case errors.As(err, &missing):
		t.fact("Wanted", fmt.Sprintf("%s of %s", unlock.KeyWords(missing.Keys), shortPlace(missing.Place)))
		for _, no := range missing.Keys {
			if v, err := card.KeyVersion(ctx, no); err == nil {
				t.fact("On the card", fmt.Sprintf("key %v has version %02X", no, v))
			}
		}
		have := s.keysAt(ctx, rd, card.UID(), missing.Place, allNumbers())
		for _, k := range have {
			t.fact("In the keyring", k.String())
		}
		if len(have) == 0 {
			t.fact("In the keyring", "no key of "+missing.Place.Words()+" for this card")
		}
	case errors.As(err, &mismatch):
		t.fact("On the card", cardKeyWords(mismatch))
		for _, f := range mismatch.Have {
			t.fact("In the keyring", factWords(f))
		}
	default:
		return false
	}
	return true
}

// mostCauses is how many causes people want to read.
const mostCauses = 5

func cardKeyWords(e *unlock.MismatchError) string {
	var words []string
	if e.TypeKnown {
		words = append(words, e.CardType.String())
	}
	if e.VersionKnown {
		words = append(words, fmt.Sprintf("version %02X", e.CardVersion))
	}
	return fmt.Sprintf("key %s of %s: %s", e.Ref.Key, shortPlace(e.Ref.Place), strings.Join(words, ", "))
}
