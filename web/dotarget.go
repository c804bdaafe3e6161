package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// target is what on a card is worked with: a file, an application, or the card itself.
type target struct {
	Place wire.Place
	File  *wire.FileNo
	Key   *wire.KeyNo // that somebody chose; nil: the one that fits
}

// targetOf reads the target of a request.
func targetOf(r *http.Request) (t target, err error) {
	if app := r.FormValue("app"); app != "" {
		if t.Place, err = wire.ParsePlace(app); err != nil {
			return t, err
		}
	}
	if no := r.FormValue("file"); no != "" {
		n, err := strconv.ParseUint(no, 10, 5)
		if err != nil {
			return t, fmt.Errorf("%q is no number of a file: 0 to 31", no)
		}
		f := wire.FileNo(n) //nolint:gosec // 5 bits
		t.File = &f
	}
	if no := r.FormValue("key"); no != "" {
		n, err := strconv.ParseUint(no, 10, 4)
		if err != nil || n >= wire.MaxKeys {
			return t, fmt.Errorf("%q is no number of a key: 0 to %d", no, wire.MaxKeys-1)
		}
		k := wire.KeyNo(n) //nolint:gosec // 4 bits
		t.Key = &k
	}
	return t, nil
}

// fileOf is targetOf where a file is wanted.
func fileOf(r *http.Request) (target, error) {
	t, err := targetOf(r)
	if err == nil && t.File == nil {
		err = errors.New("no file is named; choose one in the view of the card")
	}
	return t, err
}

// Words names it in a sentence.
func (t target) Words() string {
	switch {
	case t.File == nil && t.Place.IsCard():
		return "the card"
	case t.File == nil:
		return t.Place.Words()
	case t.Place.Fixed:
		return fmt.Sprintf("file %d", *t.File)
	}
	return fmt.Sprintf("file %d of %s", *t.File, shortPlace(t.Place))
}

// Title is Words at the beginning of a heading.
func (t target) Title() string { return upper(t.Words()) }

// shortPlace names a place as people write it.
func shortPlace(p wire.Place) string {
	if p.IsCard() || p.Fixed {
		return p.Words()
	}
	return p.String()
}

// entry opens sessions on a card with the keys of the process. What anybody may do goes on
// without a session where there is no key.
func (s *Server) entry(card *desfire.Card) *unlock.OnCard {
	return (&unlock.Opener{Store: s.keys(), Plain: true}).On(card, s.keyRefs())
}

// enter opens a session that may do all of some acts with a file, with the key that was
// chosen or the one that fits, and returns the settings as told in it.
func enter(ctx context.Context, on *unlock.OnCard, card *desfire.Card, t target, acts ...inspect.Act) (*wire.FileSettings, error) {
	p, err := t.Place.On(card.Generation())
	if err != nil {
		return nil, err
	}
	if t.Key == nil {
		return on.File(ctx, p, *t.File, acts...)
	}
	if err := on.Do(ctx, p, func(o *unlock.Opener) error { return o.Key(ctx, card, p, *t.Key) }); err != nil {
		return nil, err
	}
	fs, err := card.FileSettings(ctx, *t.File)
	if err != nil {
		return nil, err
	}
	for _, act := range acts {
		if g, ok := inspect.RightsOf(fs).Of(act); !ok || !g.Allows(*t.Key) {
			return nil, fmt.Errorf("key %d may not: %s", *t.Key, unlock.Sentence(p, *t.File, g))
		}
	}
	return fs, nil
}

// proved sees that a card is the one that was meant: by what it says inside a session,
// where there is one that can tell.
func proved(ctx context.Context, card *desfire.Card, uid []byte) error {
	have := card.UID()
	if _, session := card.Session(); session && card.Generation().Has(wire.FeatureCardUID) {
		var err error
		if have, err = card.CardUID(ctx); err != nil {
			return err
		}
	}
	if !bytes.Equal(have, uid) {
		return &otherCardError{want: uid, have: have}
	}
	return nil
}

// identified is the identifier of a card that is to be changed: the real one, which a card
// that shows a random one tells in a session.
func identified(ctx context.Context, card *desfire.Card, on *unlock.OnCard) ([]byte, error) {
	if uid := on.UID(); uid != "" {
		return []byte(uid), nil
	}
	if _, session := card.Session(); session && card.Generation().Has(wire.FeatureCardUID) {
		return card.CardUID(ctx)
	}
	return nil, errors.New("the card shows a random identifier, and no key at hand tells the real one, so that nothing could make sure that it stays the same card; add a key that does to the keyring")
}

// refsFor are keys that may tell the real identifier of the card on a reader: those that the
// store lists, or else all that the applications of the card may have.
func (s *Server) refsFor(rd *reader) []keystore.Ref {
	refs, l := s.keyRefs(), rd.look()
	if len(refs) > 0 || l.stay == nil || l.stay.card == nil {
		return refs
	}
	for i := range l.stay.card.Applications {
		for _, no := range allNumbers() {
			refs = append(refs, keystore.Ref{Place: l.stay.card.Applications[i].Place, Key: keystore.Number(no)})
		}
	}
	return append(refs, keystore.Ref{})
}

// keyChoice is a key that somebody may choose.
type keyChoice struct {
	No    wire.KeyNo
	Name  string // of the keyring; may be empty
	Facts string // type and version
}

// String names it for people.
func (k keyChoice) String() string {
	if k.Name == "" {
		return fmt.Sprintf("key %d, %s", k.No, k.Facts)
	}
	return fmt.Sprintf("key %d, %s, %s", k.No, k.Name, k.Facts)
}

// keysAt are the keys of the process for numbers of a place.
func (s *Server) keysAt(ctx context.Context, rd *reader, uid []byte, p wire.Place, numbers []wire.KeyNo) (list []keyChoice) {
	names := s.namesOfKeys(ctx, rd)
	for _, no := range numbers {
		slots, err := keystore.Slots(ctx, s.keys(), keystore.Ref{UID: keystore.UID(uid), Place: p, Key: keystore.Number(no)})
		if err != nil {
			continue // whoever uses the key says so
		}
		for _, slot := range slots {
			list = append(list, keyChoice{No: no, Name: names(slot.Facts), Facts: factWords(slot.Facts)})
		}
	}
	return list
}

// namesOfKeys names keys as the list of keys does.
func (s *Server) namesOfKeys(ctx context.Context, rd *reader) func(keystore.Facts) string {
	var list []KeyName
	switch {
	case rd != nil && rd.simulated:
		list = s.benchKeyNames()
	case s.conf.KeyNames != nil:
		list, _ = s.conf.KeyNames(ctx)
	}
	return func(f keystore.Facts) string {
		for _, k := range list {
			if k.Facts.Same(f) {
				return k.Name
			}
		}
		return ""
	}
}

// factWords is what people see of a key besides its name.
func factWords(f keystore.Facts) string {
	words := f.Type
	if words == "" {
		words = "type unknown"
	}
	if f.NoVersion {
		return words
	}
	return fmt.Sprintf("%s, version %02X", words, f.Version)
}

// allNumbers are those of all keys that an application can have.
func allNumbers() (list []wire.KeyNo) {
	for no := range wire.KeyNo(wire.MaxKeys) {
		list = append(list, no)
	}
	return list
}
