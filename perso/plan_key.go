package perso

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// keys plans the keys of a place, in an order in which each can still be
// changed: the one that changes the others after them, the master key last. known
// are keys that everybody knows, and that stay.
func (p *planner) keys(ctx context.Context, place wire.Place, n int, now *wire.KeySett1) (known []wire.KeyNo, err error) {
	settings := wire.SettDefault
	if now != nil {
		settings = *now
	}
	if place.IsCard() {
		settings &= 0x0F
	}
	var order []wire.KeyNo
	changer := settings.ChangeKey()
	for no := 1; no < n; no++ {
		if wire.Access(no) != changer {
			order = append(order, wire.KeyNo(no))
		}
	}
	if changer > 0 && int(changer) < n {
		order = append(order, wire.KeyNo(changer))
	}
	for _, no := range append(order, 0) {
		stays, err := p.key(ctx, slot{place, no}, settings)
		if err != nil {
			return nil, err
		}
		if stays {
			known = append(known, no)
		}
	}
	slices.Sort(known)
	if len(known) > 0 {
		stay := "stay as cards are delivered with them: everybody knows them"
		if len(known) == 1 {
			stay = "stays as cards are delivered with it: everybody knows it"
		}
		p.warn(at(place), "%s %s", keyNumbers(known), stay)
	}
	return known, nil
}

func keyNumbers(list []wire.KeyNo) string {
	var parts []string
	for _, no := range list {
		parts = append(parts, fmt.Sprint(uint8(no)))
	}
	if len(parts) == 1 {
		return "key " + parts[0]
	}
	return "keys " + strings.Join(parts, ", ")
}

// key plans one key. known reports that it stays one that everybody knows.
func (p *planner) key(ctx context.Context, s slot, settings wire.KeySett1) (known bool, err error) {
	w := s.where()
	want, ok, err := p.want(ctx, s)
	if err != nil {
		return false, err
	}
	list, err := p.candidates(ctx, s)
	if err != nil {
		return false, err
	}
	isZero := len(list) > 0 && isZeroKey(list[0].key)
	layout := p.wants(s)
	if !ok {
		if v, told := p.version[s]; told && layout.Version != nil && v != *layout.Version {
			p.warn(w, "it has version %02X and should have %02X, and the key store does not have it", v, *layout.Version)
		}
		return isZero, nil
	}
	if layout.Version != nil && *layout.Version != want.key.Version() {
		p.warn(w, "the layout says version %02X, the key store has %02X: that one is taken", *layout.Version, want.key.Version())
	}
	if t := p.types[s.place]; !s.place.IsCard() && want.key.Type().Wire() != t {
		p.impossible(w, "the key store has a key of type %v for it, the application has keys of type %v", want.key.Type(), t)
		return isZero, nil
	}
	holds, err := p.holdsWanted(ctx, s, want, list)
	switch {
	case err != nil:
		return false, err
	case holds:
		p.keep(w, "version %02X", want.key.Version())
		return isZeroKey(want.key), nil
	}
	list = slices.DeleteFunc(list, want.same)
	if len(list) == 0 {
		p.impossible(w, "which key the card holds is not known: none that is at hand has the version that it tells")
		return false, nil
	}
	if s.no == 0 && !settings.Has(wire.SettMasterChangeable) {
		p.impossible(w, "the master key is frozen")
		return isZero, nil
	}
	need, frozen := rekey.Changer(settings, s.no)
	if frozen {
		p.impossible(w, "all keys but the master key are frozen")
		return isZero, nil
	}
	if hand, err := p.atHand(ctx, slot{s.place, need}); err != nil || !hand {
		p.impossible(w, "it is changed with key %d, which is not at hand", uint8(need))
		return isZero, err
	}
	reason := want.fixed()
	if reason == "" && need != s.no { // else the session proves the old key
		reason = list[0].fixed()
	}
	if reason != "" {
		p.impossible(w, "%s", reason)
		return isZero, nil
	}
	if p.conf.Journal == nil {
		p.warn(w, "to change it a journal is needed")
	}
	if list[0].key.Version() == want.key.Version() {
		p.warn(w, "old and new key have the same version %02X: only an attempt tells them apart", want.key.Version())
	}
	p.step(Step{
		Where: w, Kind: ChangeKey, Words: fmt.Sprintf("change %v to %s, version %02X", w, want.key.Type(), want.key.Version()), Exchanges: p.changeExchanges(s.no == need),
		do: func(ctx context.Context, r *runner) error { return r.changeKey(ctx, s, need) },
	}, who{no: need})
	return isZeroKey(want.key), nil
}

// changeExchanges is what rekey takes for a key: versions asked before and after,
// both keys tried, the change itself, and a proof.
func (p *planner) changeExchanges(own bool) int {
	n := 15
	if own {
		n = 10
	}
	if g := p.is.Generation; g == wire.D40 || g.FixedName() != nil {
		n -= 2
	}
	return n
}

// unproved counts the wanted keys of a place that no step of the plan changes.
func (p *planner) unproved(ctx context.Context, place wire.Place, keys int) (n int, err error) {
	for no := range wire.KeyNo(keys) {
		_, ok, err := p.want(ctx, slot{place, no})
		if err != nil {
			return 0, err
		}
		changed := find(p.plan.Steps, func(s *Step) bool { return s.Kind == ChangeKey && s.Place == place && s.Key != nil && *s.Key == no })
		if ok && changed == nil {
			n++
		}
	}
	return n, nil
}

func isZeroKey(k key.Key) bool { return k.CheckValue() == key.Zero(k.Type()).CheckValue() }

// holdsWanted finds out whether a slot holds the wanted key. The version tells,
// unless others have the same.
func (p *planner) holdsWanted(ctx context.Context, s slot, want held, list []held) (bool, error) {
	switch {
	case !slices.ContainsFunc(list, want.same):
		return false, nil
	case len(list) == 1:
		return true, nil
	case p.fresh[s.place]:
		return list[0].same(want), nil
	}
	err := p.enter(ctx, s.place, s.no)
	if h, ok := p.proved[s]; ok && err == nil {
		return h.same(want), nil
	}
	if isKeyError(err) {
		return false, nil
	}
	return false, err
}
