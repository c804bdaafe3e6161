package rekey

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Special reports whether a key is one of those of delegation and of virtual cards.
// Such a key need not be there: until it is set the card lets nobody authenticate
// with it, and takes it for zeros of version 0. It is changed in a session of
// another key, which is what tells of it: what the card answers there has a MAC.
func Special(no wire.KeyNo) bool {
	return no >= wire.KeyDAMAuth && no <= wire.KeyDAMEnc || no >= wire.KeyVCConfig && no <= wire.KeyVCSelectEnc
}

// Mute reports whether cards let nobody authenticate with a special key even if it
// is set. Which one the card holds is known by the answer to the change, which has a
// MAC, and later by the version; where versions do not differ, Run finds it out by
// changing it to itself, which a card does only if it holds that key.
func Mute(no wire.KeyNo) bool {
	return Special(no) && no != wire.KeyDAMAuth && no != wire.KeyVCConfig
}

// UntoldError means that nothing tells which of two special keys a card holds but
// an attempt to change it, as Run makes it.
type UntoldError struct {
	Key     wire.KeyNo
	Version byte
}

func (e *UntoldError) Error() string {
	return fmt.Sprintf("rekey: both keys that key 0x%02X may be have version %02X, and nobody can authenticate with it: changing it finds out", uint8(e.Key), e.Version)
}

// checkSpecial finds what is missing to change a special key.
func (ch *Change) checkSpecial() error {
	switch {
	case ch.With == nil:
		return fmt.Errorf("rekey: key 0x%02X is changed in a session of another key, which is missing", uint8(ch.No))
	case ch.Old.Type() != key.TypeAES || ch.New.Type() != key.TypeAES:
		return fmt.Errorf("rekey: key 0x%02X is an AES key", uint8(ch.No))
	}
	return nil
}

// runSpecial is Run for a special key.
func (p *prover) runSpecial(ctx context.Context) (Outcome, error) {
	ch := p.ch
	isNew, told, err := p.ask(ctx)
	if err == nil && !Mute(ch.No) && (isNew || !told) {
		if isNew, err = p.proveTold(ctx, told); err == nil && !isNew {
			_, _, err = p.ask(ctx) // the session to change it in
		}
	}
	switch {
	case err != nil:
		return Untouched, err
	case isNew:
		ch.step(FoundNew)
		if ch.DryRun {
			return Already, nil
		}
		return Already, ch.settle(ctx, p.id, Changed, nil)
	case told:
		ch.step(FoundOld)
	}
	ch.step(MayChange)
	if ch.DryRun {
		return Possible, nil
	}
	if err := ch.record(ctx, p.id, Begun); err != nil {
		return Undone, fmt.Errorf("rekey: nothing was changed: the journal cannot be written: %w", err)
	}
	ch.step(Recorded)
	return p.changeSpecial(ctx)
}

func (p *prover) changeSpecial(ctx context.Context) (Outcome, error) {
	return p.sent(ctx, p.ch.Old, func(ctx context.Context, said error) (isNew bool, err error) {
		isNew = true
		if said != nil {
			isNew, err = p.findSpecial(ctx)
		}
		if err == nil && isNew && !Mute(p.ch.No) {
			if isNew, err = p.proveSpecial(ctx); err == nil && !isNew {
				err = fmt.Errorf("the card does not authenticate with key 0x%02X", uint8(p.ch.No))
			}
		}
		return isNew, err
	})
}

// ask opens a session of the key that changes the special one, and tells which the
// card holds by its version; told is false where that does not tell.
func (p *prover) ask(ctx context.Context) (isNew, told bool, err error) {
	ch := p.ch
	if err := p.card.Select(ctx, ch.Place); err != nil {
		return false, false, err
	}
	if err := p.authenticate(ctx, ch.WithNo, ch.With); err != nil {
		return false, false, fmt.Errorf("rekey: the key that is to authenticate the change: %w", err)
	}
	if s, _ := p.card.Session(); s.Scheme == wire.SchemeD40 {
		return false, false, errors.New("rekey: a D40 session protects no answer, so nothing would tell what became of this key")
	}
	before, proved := p.id.uid, p.proved
	if err := p.identify(ctx); err != nil {
		return false, false, err
	}
	if proved && p.id.uid != before {
		return false, false, fmt.Errorf("this is card %s and no longer card %s", p.id.uid, before)
	}
	if _, ok := p.card.Session(); !ok { // it did not tell its identifier, and ended the session
		if err := p.card.Select(ctx, ch.Place); err != nil {
			return false, false, err
		}
		if err := p.authenticate(ctx, ch.WithNo, ch.With); err != nil {
			return false, false, err
		}
	}
	v, err := p.card.KeyVersion(ctx, ch.No)
	switch {
	case err != nil:
		return false, false, err
	case v != ch.Old.Version() && v != ch.New.Version():
		return false, false, fmt.Errorf("rekey: key 0x%02X of %s has version %02X, which is neither key's: %w", uint8(ch.No), ch.Place.Words(), v, wire.StatusAuthenticationError)
	case ch.Old.Version() == ch.New.Version():
		return false, false, nil
	}
	return v == ch.New.Version(), true, nil
}

// findSpecial tells which of the two keys the card holds after a change that did not
// succeed, by changing it to itself where nothing else tells.
func (p *prover) findSpecial(ctx context.Context) (isNew bool, err error) {
	isNew, told, err := p.ask(ctx)
	if err != nil && p.failed < p.budget() { // broken off: once more
		p.failed++
		isNew, told, err = p.ask(ctx)
	}
	if err != nil || told {
		return isNew, err
	}
	for i, k := range []key.Key{p.ch.New, p.ch.Old} {
		if i > 0 {
			if _, _, err := p.ask(ctx); err != nil {
				return false, err
			}
		}
		err = p.card.ChangeKey(ctx, p.ch.No, k, k)
		if err == nil {
			return i == 0, nil
		}
		if !errors.As(err, new(*desfire.CommandError)) && !errors.As(err, new(*desfire.OutcomeUnknownError)) {
			return false, err
		}
	}
	return false, err
}

// proveSpecial authenticates with the new key. False is a card that holds another
// one, or none.
func (p *prover) proveSpecial(ctx context.Context) (bool, error) {
	if err := p.card.Select(ctx, p.ch.Place); err != nil {
		return false, err
	}
	err := p.authenticate(ctx, p.ch.No, p.ch.New)
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, new(*desfire.CommandError)):
		return false, nil
	}
	return false, err
}

// foundSpecial is find for a special key, without changing anything.
func (p *prover) foundSpecial(ctx context.Context) (isNew bool, err error) {
	if err := p.ch.checkSpecial(); err != nil {
		return false, err
	}
	isNew, told, err := p.ask(ctx)
	switch {
	case err != nil || told && !isNew:
		return false, err
	case !Mute(p.ch.No):
		return p.proveTold(ctx, told)
	case told:
		return true, nil
	}
	return false, &UntoldError{p.ch.No, p.ch.New.Version()}
}

// proveTold proves the new key, whose version the card tells; told says that it is
// not the old key's.
func (p *prover) proveTold(ctx context.Context, told bool) (bool, error) {
	isNew, err := p.proveSpecial(ctx)
	if err == nil && !isNew && told {
		err = fmt.Errorf("rekey: key 0x%02X of %s has the version of the new key and is another one: %w", uint8(p.ch.No), p.ch.Place.Words(), wire.StatusAuthenticationError)
	}
	return isNew, err
}
