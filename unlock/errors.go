package unlock

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// NoKeyError means that the store has none of the keys that may do it. Nothing
// was tried.
type NoKeyError struct {
	Act   string // "read file 1 of F48121"
	With  string // "file 1 of F48121 is read with"; may be empty
	Place wire.Place
	Keys  []wire.KeyNo // that may
	NoUID bool         // the card's identifier is not known: keys derived from it were not found
}

func (e *NoKeyError) Error() string {
	lead := e.With
	if lead == "" {
		lead = "to " + e.Act + " takes"
	}
	none := "it"
	switch len(e.Keys) {
	case 1:
	case 2:
		none = "neither"
	default:
		none = "none of them"
	}
	verb := "the ring has " + none
	if len(e.Keys) == 1 {
		verb = "the ring does not have it"
	}
	return fmt.Sprintf("unlock: %s %s, and %s%s", lead, KeyWords(e.Keys), verb, withoutUID(e.NoUID))
}

// KeyWords is "key 1 or key 3", for people.
func KeyWords(keys []wire.KeyNo) string {
	list := make([]string, len(keys))
	for i, k := range keys {
		list[i] = fmt.Sprintf("key %v", k)
	}
	if n := len(list); n > 2 {
		return strings.Join(list[:n-1], ", ") + " or " + list[n-1]
	}
	return strings.Join(list, " or ")
}

const noUID = "the identifier of this card is not known, so no key can be derived from it"

func withoutUID(no bool) string {
	if !no {
		return ""
	}
	return " (" + noUID + ")"
}

// PlainError means that anybody may do it, as the card says in clear, and that
// the store has no key for a session. Opener.Plain goes on without one.
type PlainError struct {
	Act   string
	Place wire.Place
	NoUID bool // as in NoKeyError
}

func (e *PlainError) Error() string {
	return fmt.Sprintf("unlock: anybody may %s, says the card, which nothing proves; the ring has no key of %s for a session, and going on without one was not allowed%s", e.Act, short(e.Place), withoutUID(e.NoUID))
}

// MismatchError means that the keys of the store are not those of the card, by
// what it tells in clear. Nothing was tried, so that no failed attempt is
// counted. Opener.Force tries all the same.
type MismatchError struct {
	Ref          keystore.Ref
	Act          string
	Have         []keystore.Facts // what the store has, the newest first
	TypeKnown    bool             // the card tells the type
	CardType     wire.KeyType
	VersionKnown bool // the card tells the version
	CardVersion  byte
}

func (e *MismatchError) Error() string {
	var card, have []string
	if e.TypeKnown {
		card = append(card, e.CardType.String())
	}
	if e.VersionKnown {
		card = append(card, fmt.Sprintf("version %02X", e.CardVersion))
	}
	for _, f := range e.Have {
		have = append(have, f.String())
	}
	return fmt.Sprintf("unlock: key %s of %s is %s on the card, and %s at hand: not tried, so that no failed attempt is counted", e.Ref.Key, short(e.Ref.Place), strings.Join(card, " "), strings.Join(have, ", "))
}

// RefusedKeyError means that the card refused an authentication, or could not be
// asked with this kind of key. Unwrap gives the cause, mostly a
// *desfire.CommandError.
type RefusedKeyError struct {
	Ref   keystore.Ref
	No    wire.KeyNo
	Facts keystore.Facts
	Act   string // what the key was for
	Err   error
}

func (e *RefusedKeyError) Error() string {
	return fmt.Sprintf("unlock: key %v of %s is not %v: %v", e.No, short(e.Ref.Place), e.Facts, e.Err)
}

// Unwrap returns the refusal.
func (e *RefusedKeyError) Unwrap() error { return e.Err }

// NeverError means that nobody may do it, as the card says in clear or, where
// only the master key reads the settings, in a session. Nothing was tried.
type NeverError struct {
	Act     string
	Rights  string // what the settings say
	Unknown bool   // such a file knows no such act
}

func (e *NeverError) Error() string {
	if e.Unknown {
		return fmt.Sprintf("unlock: there is no way to %s: its rights are: %s", e.Act, e.Rights)
	}
	return fmt.Sprintf("unlock: nobody may %s: %s", e.Act, e.Rights)
}

// ContradictionError means that the card said one thing in clear and another in
// the session, in which the key does not have the right: what was said in clear
// was forged, or the card is not what it should be. The session is open still,
// unless it was a refusal.
type ContradictionError struct {
	Act            string
	Key            wire.KeyNo // of the session
	Clear, Session string     // what was said; Session is empty where the card refused
	Err            error      // that refusal
}

func (e *ContradictionError) Error() string {
	s := fmt.Sprintf("unlock: to %s: the card contradicts itself: in clear it said: %s; in the session with key %v", e.Act, e.Clear, e.Key)
	if e.Err != nil {
		return fmt.Sprintf("%s it refuses to tell: %v", s, e.Err)
	}
	return s + ": " + e.Session
}

// Unwrap returns the refusal, nil if there was none.
func (e *ContradictionError) Unwrap() error { return e.Err }
