package keyservice

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
)

// tooOften is what a measure says.
func tooOften(rule string, rate int, after time.Duration) *remote.KeyError {
	return &remote.KeyError{Code: remote.KeyRate, Rule: rule, Text: fmt.Sprintf("more than %d a minute", rate), After: after.Seconds()}
}

func (r *Rules) rate() int {
	if r.Rate > 0 {
		return r.Rate
	}
	return DefaultRate
}

// slots answers which keys there are: none of those that the policy does not allow, with
// the reason. To look is no use of a key, and is not taken down: programs look for every
// key that would do.
func (r *request) slots(ctx context.Context) *remote.KeyError {
	p := r.service.policy.Load()
	rate := DefaultRate
	rules, name := p.rules(r.name)
	if rules != nil {
		rate = rules.rate()
	}
	if ok, after := r.agent.mayLook(r.now, rate); !ok {
		return tooOften("agents."+name+".rate, for questions", rate*looksFor, after)
	}
	if _, err := p.mayUse(r.name, r.ref); err != nil {
		return r.failed(err)
	}
	slots, err := keystore.Slots(ctx, r.service.conf.Store, r.ref)
	if err != nil {
		return r.failed(err)
	}
	for i, s := range slots {
		r.out.Slots = append(r.out.Slots, told(i, s.Facts))
	}
	r.out.Keep = rules.Keep.Seconds()
	return nil
}

// told is what an agent may know of a key.
func told(i int, f keystore.Facts) remote.KeySlot {
	return remote.KeySlot{Index: i, Type: f.Type, Version: f.Version, NoVersion: f.NoVersion}
}

// get answers what a key is, where the store cannot tell without it.
func (r *request) get(ctx context.Context) *remote.KeyError {
	rules, err := r.service.policy.Load().mayUse(r.name, r.ref)
	if err != nil {
		return r.refuse(ctx, r.failed(err))
	}
	if ok, after := r.agent.mayLook(r.now, rules.rate()); !ok {
		return r.refuse(ctx, tooOften("rate, for questions", rules.rate()*looksFor, after))
	}
	k, f, err := r.key(ctx, rules)
	if err != nil {
		return r.refuse(ctx, r.failed(err))
	}
	noVersion := f.NoVersion && k.Version() == 0
	f = keystore.FactsOf(k, "")
	f.NoVersion = noVersion
	r.out.Slots = []remote.KeySlot{told(r.Slot.Index, f)}
	r.out.Keep = rules.Keep.Seconds()
	return r.allow(ctx)
}

// key is the key that a request names, which an agent with such rules may use.
func (r *request) key(ctx context.Context, rules *Rules) (key.Key, keystore.Facts, error) {
	store := r.service.conf.Store
	slots, err := keystore.Slots(ctx, store, r.ref)
	switch {
	case err != nil:
		return nil, keystore.Facts{}, err
	case len(slots) == 0:
		return nil, keystore.Facts{}, &keystore.NotFoundError{Ref: r.ref}
	}
	if r.Slot == nil {
		s := told(0, slots[0].Facts)
		r.Slot = &s
	}
	at := r.Slot.Index
	if at >= len(slots) {
		return nil, keystore.Facts{}, errChanged
	}
	s := slots[at]
	r.slot = &s.Facts
	want := *r.Slot
	want.Source = ""
	if s.Facts.Type != "" && told(at, s.Facts) != want {
		return nil, keystore.Facts{}, errChanged
	}
	k, err := s.Key(ctx)
	if err != nil {
		return nil, keystore.Facts{}, err
	}
	if !rules.Shared {
		if shared, err := r.shared(ctx, k, at); err != nil {
			return nil, keystore.Facts{}, err
		} else if shared {
			_, name := r.service.policy.Load().rules(r.name)
			return nil, keystore.Facts{}, &RuleError{Rule: "agents." + name + ".shared", Text: r.ref.Key.Words() + " of " + placeWords(r.ref.Place) + " is the same on every card"}
		}
	}
	return k, s.Facts, nil
}

// shared reports whether a key is the same on every card.
func (r *request) shared(ctx context.Context, k key.Key, at int) (bool, error) {
	everywhere, err := keystore.Slots(ctx, r.service.conf.Store, r.ref.Everywhere())
	if err != nil || at >= len(everywhere) {
		return false, err
	}
	other, err := everywhere[at].Key(ctx)
	switch {
	case errors.Is(err, keystore.ErrNoUID), errors.Is(err, keystore.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	return other.Type() == k.Type() && other.CheckValue() == k.CheckValue(), nil
}

// handshake answers a card's challenge.
func (r *request) handshake(ctx context.Context, challenge []byte) ([]byte, *remote.KeyError) {
	s := r.service
	policy := s.policy.Load()
	rate, at := DefaultRate, "agents"
	if rules, name := policy.rules(r.name); rules != nil {
		rate, at = rules.rate(), "agents."+name+".rate"
	}
	if ok, after := r.agent.mayShake(r.now, rate); !ok {
		return nil, r.refuse(ctx, tooOften(at, rate, after))
	}
	rules, err := policy.mayAuthenticate(r.name, r.ref, r.method)
	if err != nil {
		return nil, r.refuse(ctx, r.failed(err))
	}
	k, f, err := r.key(ctx, rules)
	if err != nil {
		return nil, r.refuse(ctx, r.failed(err))
	}
	if err := fits(r.method, k.Type(), challenge); err != nil {
		return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyBad, Text: err.Error()})
	}
	most := policy.Pending
	if most == 0 {
		most = DefaultPending
	}
	if !s.shelf.reserve(r.agent, most, r.now) {
		return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyBusy, Rule: "pending", Text: fmt.Sprintf("%d handshakes of %s wait for their cards", most, r.name), After: 1})
	}
	h, err := begin(ctx, k, key.HandshakeRequest{Method: r.method, Challenge: challenge})
	if err != nil {
		r.agent.release()
		return nil, r.refuse(ctx, r.failed(err))
	}
	r.Handshake = newID()
	if refused := r.allow(ctx); refused != nil {
		h.Wipe()
		r.agent.release()
		return nil, refused
	}
	patience := policy.Patience
	if patience == 0 {
		patience = DefaultPatience
	}
	s.shelf.put(r.Handshake, &pending{agent: r.name, of: r.agent, ref: r.ref, slot: f, typ: k.Type(), method: r.method, trace: r.Trace, until: s.conf.Now().Add(patience), Finisher: h.Finisher})
	r.out.Handshake, r.out.Instance = r.Handshake, s.instance
	return h.Token, nil
}

// fits is an error if a challenge is none of a method, before a key is asked.
func fits(m key.Method, t key.Type, challenge []byte) error {
	if err := m.Fits(t); err != nil {
		return err
	}
	if n, _, _ := m.Frames(t); len(challenge) != n {
		return fmt.Errorf("%v with a %v key: a challenge of %d bytes, want %d", m, t, len(challenge), n)
	}
	return nil
}

func begin(ctx context.Context, k key.Key, hr key.HandshakeRequest) (key.Handshake, error) {
	if own, ok := k.(key.Handshaker); ok {
		return own.Handshake(ctx, hr)
	}
	return key.Answer(ctx, k, nil, hr)
}

// finish gives session keys for a card's proof.
func (r *request) finish(ctx context.Context, proof []byte) ([]byte, *remote.KeyError) {
	p := r.service.shelf.take(r.Handshake, r.name, r.now)
	if p == nil {
		r.Handshake = ""
		return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyOver, Text: "there is no such handshake of this agent: it is over, was begun at another key service or before a restart, or its time has passed; the card has to be authenticated again"})
	}
	r.ref, r.slot, r.method, r.Ref = p.ref, &p.slot, p.method, p.ref.String()
	if r.Trace == "" {
		r.Trace = p.trace
	}
	defer p.Wipe()
	if _, _, n := p.method.Frames(p.typ); len(proof) != n {
		return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyBad, Text: fmt.Sprintf("%v with a %v key: a proof of %d bytes, want %d", p.method, p.typ, len(proof), n)})
	}
	keys, err := p.Finish(ctx, proof)
	defer keys.Wipe()
	if err != nil {
		return nil, r.refuse(ctx, r.failed(err))
	}
	if refused := r.allow(ctx); refused != nil {
		return nil, refused
	}
	return remote.PutSession(&keys), nil
}
