package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/internal/failure"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// trouble is what went wrong, and what to do, for people.
type trouble struct {
	Kind   string // bad or doubt
	Title  string // what is
	What   string // and what to do
	Words  string // the program's own words
	Causes []diagnose.Cause
	Facts  []troubleFact
	Purse  string // what the view of the purse is for, as the words of a link
	Reader string // of that view
}

// Sign says the kind without its colour.
func (t trouble) Sign() string {
	if t.Kind == "doubt" {
		return "?"
	}
	return "✗"
}

// prefixes are the names of packages that people need not read.
var prefixes = failure.NewPrefixes("play", "edit", "pcsc", "trace", "inspect", "web")

// errorWords are an error in one line, without what only programmers know.
func errorWords(err error) string {
	if err == nil {
		return ""
	}
	return prefixes.Line(err.Error())
}

// sentence is text as a sentence.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 || strings.HasPrefix(s, "desfire ") {
		return s
	}
	s = string(unicode.ToUpper(r)) + s[n:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// placeName is an application, or the card, in a sentence.
func placeName(p wire.Place) string {
	if p.IsCard() {
		return "the card"
	}
	return p.String()
}

// explain says what an error means. What is uncertain comes first: an error may be
// several things, and that the outcome is open is the one that counts.
func explain(err error) trouble {
	if e := (*explainedError)(nil); errors.As(err, &e) {
		return e.trouble
	}
	t := trouble{Kind: "bad", Title: "It did not work", Words: errorWords(err)}
	var unknown *desfire.OutcomeUnknownError
	var refusedKey *unlock.RefusedKeyError
	var missing *unlock.NoKeyError
	var left *leftError
	var integrity *desfire.IntegrityError
	var answer *desfire.CommandError
	var link *desfire.TransportError
	switch {
	case errors.As(err, &unknown):
		t.Kind, t.Title = "doubt", "Whether "+unknown.Command+" happened is not known"
		t.What = unknown.Command + " may or may not have happened: no answer came that can be trusted. Put the same card back; it is read again, and shows what is so."
	case errors.As(err, &refusedKey):
		t.Title = fmt.Sprintf("The card refused key %v of %s", refusedKey.No, placeName(refusedKey.Ref.Place))
		t.What = "It was not tried again: some cards count failed attempts, and lock the key."
	case errors.As(err, new(*unlock.MismatchError)):
		t.Kind, t.Title = "doubt", "The key at hand is not the card's"
		t.What = "By type and version the card has another key. Nothing was tried, so that no failed attempt is counted. Look for the key with the card's version."
	case errors.As(err, &missing) && missing.NoUID:
		t.Kind, t.Title = "doubt", "The card shows a random identifier"
		t.What = "Keys that are derived from the real one cannot be found until a key that is the same on every card opens a session."
	case errors.As(err, &missing):
		t.Kind, t.Title = "doubt", "A key is missing"
		t.What = "This process has none of the keys that may do it. Nothing was tried."
	case errors.As(err, new(*unlock.NeverError)):
		t.Title, t.What = "Nobody may do this", "The rights of the file allow it to no key. Only who may change the rights can change that."
	case errors.As(err, new(*panicError)):
		t.Title, t.What = "This part of the program failed", "The card may be half done: look at it before going on. The rest of the program goes on."
	case errors.As(err, new(*busyError)):
		t.Kind, t.Title = "doubt", "Somebody else works with this card"
	case errors.As(err, new(*otherCardError)), errors.As(err, new(*purse.OtherCardError)):
		t.Title = "Another card lies on the reader"
	case errors.As(err, new(*desfire.NotDESFireError)):
		t.Title, t.What = "This is no DESFire card", "It does not understand their commands. Lay a DESFire card on the reader."
	case errors.As(err, &left):
		t.Kind, t.Title = "doubt", "The card left in the middle"
		t.What = "Lay it back, flat and still. What was not finished can be done again."
		if errors.As(err, &link) && link.Changed {
			t.What = "Something may have been changed before. Lay it back, flat and still, and look before doing it again."
		}
	case errors.As(err, &integrity):
		t.Title = "The answer cannot be trusted"
		t.What = integrity.Command + ": what it carries is not shown and not used. The session has ended. Try again; if it happens again, something between reader and card changes what they say."
	case errors.As(err, &answer):
		t.Title = "The card refused " + answer.Command
		t.What = "No refusal is authenticated: whoever controls the air can forge one."
	case errors.As(err, &link):
		t.Title = "The card does not answer"
		t.What = "It may have left the field, lie badly, or be another program's. Lay it on the reader once more."
		if link.Changed {
			t.Kind, t.What = "doubt", "Something may have been changed before. Lay it on the reader once more, and look before doing it again."
		}
	case errors.Is(err, context.DeadlineExceeded):
		t.Title, t.What = "It took too long", "The card did not finish in time. Try again."
	case errors.Is(err, context.Canceled):
		t.Kind, t.Title = "doubt", "It was stopped"
	}
	return t
}
