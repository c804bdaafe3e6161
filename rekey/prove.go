package rekey

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// cardID is what the journal calls the card and the application.
type cardID struct {
	uid string // hexadecimal
	at  wire.Place
}

// prover finds out which key a card holds. Only an authentication counts.
type prover struct {
	card   *desfire.Card
	ch     *Change
	id     cardID
	proved bool // id.uid was told within a session that protects it
	failed int  // authentications that did not succeed
}

func newProver(card *desfire.Card, ch *Change) (*prover, error) {
	at, err := ch.Place.On(card.Generation())
	if err != nil {
		return nil, fmt.Errorf("rekey: %w", err)
	}
	return &prover{card: card, ch: ch, id: cardID{at: at}}, nil
}

// Found is what Find found.
type Found struct {
	IsNew bool
	Key   key.Key // the change's Old or New
}

// Find tells which of the two keys of a change the card holds, and leaves a
// session with it. The key version, which is free to read, says which to try
// first; at most ch.Budget attempts may fail, and a *BudgetError says that they
// were not enough. Journal is not used, and With only for a Special key, of which
// the version tells in a session of With: an *UntoldError where it does not.
func Find(ctx context.Context, card *desfire.Card, ch *Change) (*Found, error) {
	if ch.Old == nil || ch.New == nil {
		return nil, errBothKeys
	}
	p, err := newProver(card, ch)
	if err != nil {
		return nil, err
	}
	isNew, err := p.either(ctx)
	switch {
	case err != nil:
		return nil, err
	case isNew:
		return &Found{true, ch.New}, nil
	}
	return &Found{false, ch.Old}, nil
}

// Settle is Find, and tells the journal, which must be a History, the outcome if
// it has a change of this key from Old to New that is open. settled is false
// where it has none.
func Settle(ctx context.Context, card *desfire.Card, ch *Change) (found *Found, settled bool, err error) {
	if ch.Old == nil || ch.New == nil {
		return nil, false, errBothKeys
	}
	h, ok := ch.Journal.(History)
	if !ok {
		return nil, false, errors.New("rekey: the journal does not tell what it holds")
	}
	p, err := newProver(card, ch)
	if err != nil {
		return nil, false, err
	}
	isNew, err := p.either(ctx)
	if err != nil {
		return nil, false, err
	}
	found, state := &Found{false, ch.Old}, Unchanged
	if isNew {
		found, state = &Found{true, ch.New}, Changed
	}
	entries, err := h.Entries(ctx)
	if err != nil || len(entries) == 0 {
		return found, false, err
	}
	if err := p.identify(ctx); err != nil {
		return found, false, err
	}
	this := ch.entry(p.id, state)
	for i, open := range OpenEntries(entries) {
		if e := &entries[i]; open && e.SameKey(&this) && e.Old.Same(this.Old) && e.New.Same(this.New) {
			this.Old, this.New = e.Old, e.New
			return found, true, h.Record(context.WithoutCancel(ctx), this)
		}
	}
	return found, false, nil
}

// either tells which key the card holds, without changing anything.
func (p *prover) either(ctx context.Context) (isNew bool, err error) {
	if Special(p.ch.No) {
		return p.foundSpecial(ctx)
	}
	return p.find(ctx, byVersion)
}

// order says which key is tried first.
type order uint8

const (
	byVersion order = iota // the key whose version the card tells, else the old one
	newFirst
)

// find selects the application and tells which key the card holds.
func (p *prover) find(ctx context.Context, first order) (isNew bool, err error) {
	if err := p.card.Select(ctx, p.ch.Place); err != nil {
		return false, err
	}
	keys := [...]bool{false, true} // isNew
	if first == byVersion {
		v, err := p.card.KeyVersion(ctx, p.ch.No)
		switch {
		case err == nil && v == p.ch.New.Version() && v != p.ch.Old.Version():
			first = newFirst
		case err != nil && !errors.As(err, new(*desfire.CommandError)):
			return false, err
		}
	}
	if first == newFirst {
		keys = [...]bool{true, false}
	}
	for i, isNew := range keys {
		k, other := p.ch.Old, p.ch.New
		if isNew {
			k, other = other, k
		}
		err := p.authenticate(ctx, p.ch.No, k)
		if err != nil {
			p.failed++ // broken off or refused: the card may count it
		}
		switch {
		case err == nil && sameCipher(p.ch.Old, p.ch.New):
			return p.byVersionInSession(ctx)
		case err == nil:
			return isNew, nil
		case !isOtherKey(err):
			return false, err
		}
		if i == 0 && p.failed >= p.budget() {
			return false, &BudgetError{Budget: p.budget(), Tried: key.String(k), Other: key.String(other), Err: err}
		}
	}
	return false, fmt.Errorf("rekey: key %d of %s is neither (%s) nor (%s): %w", p.ch.No, p.ch.Place.Words(), key.String(p.ch.Old), key.String(p.ch.New), wire.StatusAuthenticationError)
}

func (p *prover) budget() int { return max(p.ch.Budget, 1) }

// sameCipher reports whether two keys differ in nothing that an authentication
// could show.
func sameCipher(a, b key.Key) bool {
	return a.Type().Wire() == b.Type().Wire() && a.CheckValue() == b.CheckValue()
}

// byVersionInSession tells keys apart that differ in their version only, by
// what the card says of it under protection.
func (p *prover) byVersionInSession(ctx context.Context) (isNew bool, err error) {
	if s, _ := p.card.Session(); s.Scheme == wire.SchemeNone || s.Scheme == wire.SchemeD40 {
		return false, errors.New("rekey: the two keys differ in nothing but their version, and this session protects no version")
	}
	v, err := p.card.KeyVersion(ctx, p.ch.No)
	switch {
	case err != nil:
		return false, err
	case v == p.ch.Old.Version():
		return false, nil
	case v == p.ch.New.Version():
		return true, nil
	}
	return false, fmt.Errorf("rekey: key %d of %s has version %02X, which is neither key's", p.ch.No, p.ch.Place.Words(), v)
}

// isOtherKey reports whether an authentication failed because the card holds
// another key or, the challenge then has another length, one of another type.
func isOtherKey(err error) bool {
	return errors.Is(err, wire.StatusAuthenticationError) || errors.Is(err, wire.StatusIllegalCommand) || errors.As(err, new(*desfire.ArgumentError))
}

// authenticate opens a session that can carry the change: the type of the PICC
// master key cannot change in an EV2 session (command reference 7.3).
func (p *prover) authenticate(ctx context.Context, no wire.KeyNo, k key.Key) error {
	method := p.card.Strongest(k.Type())
	if method == key.MethodEV2First && p.ch.masterOfCard() && p.ch.Old.Type().Wire() != p.ch.New.Type().Wire() && p.card.Generation().Has(wire.FeatureEV1Auth) {
		method = key.MethodAES
	}
	return p.card.AuthenticateWith(ctx, method, no, k)
}

// proveAgain tells which key the card holds after a change, and that it is the
// card of the change. Where that broke off, it tries once more if the budget
// allows.
func (p *prover) proveAgain(ctx context.Context, first order) (isNew bool, err error) {
	isNew, err = p.proveOnce(ctx, first)
	if err != nil && p.failed < p.budget() {
		isNew, err = p.proveOnce(ctx, byVersion)
	}
	return isNew, err
}

func (p *prover) proveOnce(ctx context.Context, first order) (isNew bool, err error) {
	isNew, err = p.find(ctx, first)
	if err != nil || !p.proved {
		return isNew, err
	}
	uid, err := p.card.CardUID(ctx)
	switch {
	case err != nil:
		return false, fmt.Errorf("the card does not prove its identifier: %w", err)
	case fmt.Sprintf("%X", uid) != p.id.uid:
		return false, fmt.Errorf("this is card %X and no longer card %s", uid, p.id.uid)
	}
	return isNew, nil
}

// identify finds out which card it is, within the session. What GetVersion said
// went through the air in clear, so where a session can protect the identifier,
// the card must tell it there.
func (p *prover) identify(ctx context.Context) error {
	said := p.card.UID()
	if !p.card.Generation().Has(wire.FeatureCardUID) {
		if said == nil {
			v, err := p.card.Version(ctx)
			if err != nil {
				return fmt.Errorf("the card does not tell its identifier: %w", err)
			}
			said = v.UID[:]
		}
		p.id.uid = fmt.Sprintf("%X", said)
		return nil
	}
	uid, err := p.card.CardUID(ctx)
	switch {
	case err == nil && said != nil && string(said) != string(uid):
		return fmt.Errorf("the card said before that it is %X, and says under the key that it is %X", said, uid)
	case err == nil:
		p.id.uid, p.proved = fmt.Sprintf("%X", uid), true
		return nil
	case p.ch.Force && said != nil && errors.As(err, new(*desfire.CommandError)):
		p.id.uid = fmt.Sprintf("%X", said)
		return nil
	}
	return fmt.Errorf("the card does not prove its identifier, by which the journal names it: %w", err)
}

// masterOfCard reports whether the PICC master key changes.
func (ch *Change) masterOfCard() bool { return ch.Place.IsCard() && ch.No == 0 }
