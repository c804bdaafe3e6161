package unlock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Opener opens sessions with the keys of a store. The zero value has no keys. It
// keeps nothing of a card: one may serve many.
type Opener struct {
	Store keystore.Store

	// Plain goes on without a session where the card says that anybody may, and
	// the store has no key that may do it as well.
	Plain bool

	// Force authenticates although the key's type or version is not what the card
	// tells.
	Force bool

	// Attempts is how many authentications may fail in a call, since some cards
	// count them: 0 is 1. More than one are made only where the store has several
	// keys that fit.
	Attempts int

	// UID is the real identifier of a card that shows a random one, where the
	// caller knows it (desfire.Card.CardUID). Empty is what the card says.
	UID keystore.UID

	// OnChoice is told which key was taken, before it is used.
	OnChoice func(Choice)
}

// Choice is a key that was taken, and why.
type Choice struct {
	Act string // what it is to do: "read file 1 of F48121", "create a file in F48121"

	// Plain: no key was taken, since anybody may. The other fields are zero then,
	// but for Because.
	Plain   bool
	Because error // why there is no session: a *NoKeyError or *MismatchError

	Ref   keystore.Ref
	No    wire.KeyNo
	Facts keystore.Facts // what the store says of the key

	TypeKnown    bool // the type was compared with CardType
	CardType     wire.KeyType
	VersionKnown bool // the version was compared with CardVersion
	CardVersion  byte
	Forced       bool // type or version are other ones than the card's
}

// String says it in one line.
func (c Choice) String() string {
	if c.Plain {
		return fmt.Sprintf("no session to %s, as anybody may", c.Act)
	}
	s := fmt.Sprintf("key %v of %s (%v) to %s", c.No, short(c.Ref.Place), c.Facts, c.Act)
	switch {
	case c.Forced:
		s += "; the card tells another type or version"
	case !c.TypeKnown && !c.VersionKnown:
		s += "; type and version were not compared"
	case !c.TypeKnown:
		s += "; the type was not compared"
	case !c.VersionKnown:
		s += "; the version was not compared"
	}
	return s
}

// Key selects a place and authenticates with a certain key of it.
func (o *Opener) Key(ctx context.Context, card *desfire.Card, p wire.Place, no wire.KeyNo) error {
	j, err := o.begin(ctx, card, p)
	if err != nil {
		return err
	}
	return j.open(ctx, task{act: fmt.Sprintf("authenticate with key %v of %s", no, short(p))}, []wire.KeyNo{no})
}

// Enter selects a place and opens a session with the key that sees most: the
// master key, else any. Where the store has none that fits there is no session,
// whatever Plain says, and the card shows what it shows to anybody. It is what
// inspect.Config.Enter wants.
func (o *Opener) Enter(ctx context.Context, card *desfire.Card, p wire.Place) error {
	j, err := o.begin(ctx, card, p)
	if err != nil {
		return err
	}
	return j.free(ctx, task{act: "look at " + short(p)}, j.all(nil), true)
}

// job is one call: a card, with a place selected.
type job struct {
	o        *Opener
	card     *desfire.Card
	place    wire.Place
	uid      keystore.UID
	settings *wire.KeySettings // of the place, told in clear; nil if they are not free
	failed   int               // authentications
	opened   *Choice           // of the present session
}

// task is what a key is wanted for, in words.
type task struct {
	act  string // "read file 1 of F48121"
	with string // "file 1 of F48121 is read with"; empty: made of act
}

// begin selects a place and asks what is free to ask.
func (o *Opener) begin(ctx context.Context, card *desfire.Card, p wire.Place) (*job, error) {
	if err := card.Select(ctx, p); err != nil {
		return nil, err
	}
	j := &job{o: o, card: card, place: p, uid: o.UID}
	if j.uid == "" {
		if card.KnownVersion() == nil {
			if _, err := card.Version(ctx); err != nil && desfire.Refusal(err) == nil {
				return nil, err
			}
		}
		j.uid = keystore.UID(card.UID())
	}
	if !card.Generation().Has(wire.FeatureClassic) {
		return j, nil
	}
	ks, err := card.KeySettings(ctx)
	switch {
	case err == nil:
		j.settings = ks
	case desfire.Refusal(err) == nil:
		return nil, err
	}
	return j, nil
}

// keyCount is how many keys the place has, at most, that have no special purpose.
func (j *job) keyCount() int {
	switch {
	case j.place.IsCard():
		return 1
	case !j.card.Generation().Has(wire.FeatureClassic):
		return wire.FixedKeys
	case j.settings == nil:
		return wire.MaxKeys
	}
	return j.settings.KS2.Keys()
}

// keyType is the type of a key, as far as the card tells it or its number does.
func (j *job) keyType(no wire.KeyNo) (wire.KeyType, bool) {
	g := j.card.Generation()
	switch {
	case !g.Has(wire.FeatureClassic), no >= wire.MaxKeys, j.place.IsCard() && no != 0:
		return wire.KeyAES, true
	case j.settings == nil, j.place.IsCard() && g == wire.EV1: // which answers the same whatever the type is
		return 0, false
	}
	return j.settings.KS2.KeyType(), true
}

// keyVersion asks for the version of a key, which is free.
func (j *job) keyVersion(ctx context.Context, no wire.KeyNo) (version byte, ok bool, err error) {
	version, err = j.card.KeyVersion(ctx, no)
	refused := desfire.Refusal(err)
	switch {
	case err == nil:
		return version, true, nil
	case refused == nil, refused.Status == wire.StatusNoSuchKey:
		return 0, false, fmt.Errorf("unlock: key %v of %s: %w", no, short(j.place), err)
	case j.opened != nil: // the refusal has ended the session
		return 0, false, fmt.Errorf("unlock: the card does not tell the version of key %v of %s in a session with key %v: %w", no, short(j.place), j.opened.No, err)
	}
	return 0, false, nil
}

// slots are the keys that the store has for a number, and by which reference.
func (j *job) slots(ctx context.Context, no wire.KeyNo) (r keystore.Ref, slots []keystore.Slot, err error) {
	if j.o.Store == nil {
		return r, nil, nil
	}
	places := []wire.Place{j.place}
	if name := string(j.card.Generation().FixedName()); name != "" {
		switch {
		case j.place.Fixed:
			places = append(places, wire.Place{Name: name})
		case j.place.Name == name:
			places = append(places, wire.Place{Fixed: true})
		}
	}
	for _, p := range places {
		r = keystore.Ref{UID: j.uid, Place: p, Key: keystore.Number(no)}
		if slots, err = keystore.Slots(ctx, j.o.Store, r); err != nil {
			return r, nil, fmt.Errorf("unlock: look for %s: %w", r.Words(), err)
		}
		if len(slots) > 0 {
			break
		}
	}
	return r, slots, nil
}

// picked is a key to authenticate with, and what to try where that fails.
type picked struct {
	choice Choice
	slots  []keystore.Slot // at least one
}

// pick finds the first of some keys that the store has and that is what the card
// tells. The error is a *NoKeyError or a *MismatchError where there is none.
func (j *job) pick(ctx context.Context, t task, keys []wire.KeyNo) (*picked, error) {
	var other *picked
	var mismatch *MismatchError
	for _, no := range keys {
		ref, slots, err := j.slots(ctx, no)
		if err != nil {
			return nil, err
		}
		if len(slots) == 0 {
			continue
		}
		c := Choice{Act: t.act, Ref: ref, No: no}
		c.CardType, c.TypeKnown = j.keyType(no)
		if c.CardVersion, c.VersionKnown, err = j.keyVersion(ctx, no); err != nil {
			return nil, err
		}
		fitting := c.fitting(slots)
		if len(fitting) > 0 {
			return &picked{c, fitting}, nil
		}
		if other == nil {
			other, mismatch = &picked{c, slots}, c.mismatch(slots)
			other.choice.Forced = true
		}
	}
	switch {
	case other == nil:
		return nil, &NoKeyError{Act: t.act, With: t.with, Place: j.place, Keys: keys, NoUID: j.uid == ""}
	case !j.o.Force:
		return nil, mismatch
	}
	return other, nil
}

// fitting are the keys that may be the card's, those whose version says so first.
func (c *Choice) fitting(slots []keystore.Slot) (fit []keystore.Slot) {
	var unsure []keystore.Slot
	for _, s := range slots {
		switch {
		case c.TypeKnown && !sameType(s.Facts.Type, c.CardType):
		case c.VersionKnown && s.Facts.NoVersion:
			unsure = append(unsure, s)
		case !c.VersionKnown || s.Facts.Version == c.CardVersion:
			fit = append(fit, s)
		}
	}
	return append(fit, unsure...)
}

// types of keys, as Facts have them.
var types = map[string]wire.KeyType{
	key.TypeDES.String():    wire.KeyDES,
	key.Type2K3DES.String(): wire.KeyDES,
	key.Type3K3DES.String(): wire.Key3K3DES,
	key.TypeAES.String():    wire.KeyAES,
}

// sameType reports whether a key may have the type; one whose type the store does
// not know may have any.
func sameType(name string, t wire.KeyType) bool {
	known, ok := types[name]
	return !ok || known == t
}

func (c *Choice) mismatch(slots []keystore.Slot) *MismatchError {
	e := &MismatchError{Ref: c.Ref, Act: c.Act, TypeKnown: c.TypeKnown, CardType: c.CardType, VersionKnown: c.VersionKnown, CardVersion: c.CardVersion}
	for _, s := range slots {
		e.Have = append(e.Have, s.Facts)
	}
	return e
}

// open authenticates with the first of some keys that will do.
func (j *job) open(ctx context.Context, t task, keys []wire.KeyNo) error {
	p, err := j.pick(ctx, t, keys)
	if err != nil {
		return err
	}
	return j.authenticate(ctx, p)
}

// authenticate spends no more attempts than the caller allows.
func (j *job) authenticate(ctx context.Context, p *picked) error {
	for i, s := range p.slots {
		c := p.choice
		c.Facts = s.Facts
		_, known := types[s.Facts.Type]
		c.TypeKnown = c.TypeKnown && known
		c.VersionKnown = c.VersionKnown && !s.Facts.NoVersion
		if j.o.OnChoice != nil {
			j.o.OnChoice(c)
		}
		k, err := s.Key(ctx)
		if err != nil {
			return fmt.Errorf("unlock: %s: %w", c.Ref.Words(), err)
		}
		if err := j.surprise(p, &c, k); err != nil && !j.o.Force {
			return err
		}
		err = j.card.Authenticate(ctx, c.No, k)
		if err == nil {
			j.opened = &c
			return nil
		}
		refused := desfire.Refusal(err)
		if refused == nil && !errors.As(err, new(*desfire.ArgumentError)) {
			return err
		}
		err = &RefusedKeyError{Ref: c.Ref, No: c.No, Facts: c.Facts, Act: c.Act, Err: err}
		j.failed++
		if refused == nil || refused.Status != wire.StatusAuthenticationError || j.failed >= max(j.o.Attempts, 1) || i == len(p.slots)-1 {
			return err
		}
	}
	return nil
}

// surprise finds that a key, now that it is there, is not what the card tells,
// where the store could not know that before. A version of zero may be one that
// nobody stated.
func (j *job) surprise(p *picked, c *Choice, k key.Key) error {
	told := p.choice
	typ := told.TypeKnown && k.Type().Wire() != told.CardType
	version := told.VersionKnown && c.Facts.NoVersion && k.Version() != 0 && k.Version() != told.CardVersion
	if !typ && !version {
		return nil
	}
	return told.mismatch([]keystore.Slot{{Facts: keystore.FactsOf(k, c.Facts.Source)}})
}

// all are the keys of the place, some of them first.
func (j *job) all(first []wire.KeyNo) []wire.KeyNo {
	keys := slices.Clone(first)
	for no := range j.keyCount() {
		if !slices.Contains(keys, wire.KeyNo(no)) {
			keys = append(keys, wire.KeyNo(no))
		}
	}
	return keys
}

// free goes on where anybody may: with a session if the store has one of the
// better keys, which may do it even if not anybody could; else without one where
// that is allowed; else with a session of any key of the place.
func (j *job) free(ctx context.Context, t task, better []wire.KeyNo, plain bool) error {
	keys := better
	if !plain {
		keys = j.all(better)
	}
	p, err := j.pick(ctx, t, keys)
	missing := errors.As(err, new(*NoKeyError))
	switch {
	case err == nil:
		return j.authenticate(ctx, p)
	case plain && (missing || errors.As(err, new(*MismatchError))):
		if j.o.OnChoice != nil {
			j.o.OnChoice(Choice{Act: t.act, Plain: true, Because: err})
		}
		return nil
	case missing:
		return &PlainError{Act: t.act, Place: j.place, NoUID: j.uid == ""}
	}
	return err
}
