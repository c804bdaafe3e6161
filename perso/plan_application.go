package perso

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// application plans one application: itself, its keys, its files, so that what is
// written goes out under keys of its issuer's, and what its settings freeze.
func (p *planner) application(ctx context.Context, a *Application) error {
	w := at(a.Place)
	if reason := a.lacks(p.is.Generation); reason != "" {
		p.impossible(w, "%s", reason)
		return nil
	}
	is := applicationAt(p.is, a.Place)
	var now *wire.KeySett1
	if is == nil {
		ok, err := p.create(ctx, a)
		if err != nil || !ok {
			return err
		}
		made := relaxed(*a.KeySettings, a.KeyCount)
		if d := a.Delegated; d != nil && d.Signed != nil {
			made = d.Signed.KS1
		}
		now = &made
	} else {
		if !p.sameApplication(a, is) {
			return nil
		}
		if err := p.delegated(ctx, a); err != nil {
			return err
		}
		if now = keySett1(is.KeySettings); now == nil && a.KeySettings != nil {
			p.warn(w, "its key settings are not known%s", because(is.MissingPart(inspect.PartKeySettings)))
		}
	}
	known, err := p.keys(ctx, a.Place, a.KeyCount, now)
	if err == nil {
		err = p.specialKeys(ctx, a.Place, a.VCKeys)
	}
	if err == nil {
		err = p.keySets(ctx, a, now)
	}
	if err != nil {
		return err
	}
	if err := p.pruneFiles(ctx, a, is, true); err != nil {
		return err
	}
	if err := p.files(ctx, a, is); err != nil {
		return err
	}
	if err := p.pruneFiles(ctx, a, is, false); err != nil {
		return err
	}
	if a.KeySettings == nil || now == nil {
		return nil
	}
	return p.keySettings(ctx, a.Place, *now, *a.KeySettings, a.KeyCount, known)
}

// relaxed are the settings that an application begins with: those that it shall
// have, but for what would freeze keys before they are set.
func relaxed(s wire.KeySett1, keys int) wire.KeySett1 {
	if c := s.ChangeKey(); c == wire.Never || c < wire.Free && int(c) >= keys {
		s &= 0x0F
	}
	return s | wire.SettMasterChangeable | wire.SettChangeable
}

// maxApplications is how many a D40 or EV1 card can have.
const maxApplications = 28

// create plans a new application.
func (p *planner) create(ctx context.Context, a *Application) (ok bool, err error) {
	w, g := at(a.Place), p.is.Generation
	switch {
	case g.FixedName() != nil:
		p.impossible(w, "a card of type %v has one application and takes no other", g)
		return false, nil
	case a.Place.Name != "":
		p.impossible(w, "an application is made by its AID")
		return false, nil
	case p.is.Applications == nil:
		p.impossible(w, "whether it is there is not known%s", because(p.is.MissingPart(inspect.PartApplications)))
		return false, nil
	case (g == wire.D40 || g == wire.EV1) && p.apps >= maxApplications:
		p.impossible(w, "a card of type %v has at most %d applications", g, maxApplications)
		return false, nil
	}
	if o := p.sameName(a); o != nil {
		p.impossible(w, "%v has its name or ISO identifier: only deleting that would help", at(o.Place))
		return false, nil
	}
	if ready, err := p.vcReady(ctx, a); err != nil || !ready {
		return false, err
	}
	if a.Delegated != nil {
		return p.delegate(ctx, a)
	}
	as := who{free: true}
	if !freeCreate(p.is.KeySettings) {
		hand, err := p.atHand(ctx, slot{})
		if err != nil {
			return false, err
		}
		if !hand {
			p.impossible(w, "applications are made with the PICC master key only, which is not at hand")
			return false, nil
		}
		as = who{no: 0}
	}
	if !p.allocate(w, a.cost()) {
		return false, nil
	}
	p.apps++
	p.fresh[a.Place] = true
	words := fmt.Sprintf("create %v with %s", w, plural(a.KeyCount, a.KeyType.String()+" key"))
	if a.ISOID != 0 {
		words += fmt.Sprintf(", ISO identifier %v", a.ISOID)
	}
	if len(a.DFName) > 0 {
		words += fmt.Sprintf(", DF name %X", a.DFName)
	}
	p.stepIn(wire.Place{}, Step{
		Where: w, Kind: CreateApplication, Words: words, Exchanges: 1, Bytes: a.cost(),
		do: func(ctx context.Context, r *runner) error { return r.createApplication(ctx, a, as) },
	}, as)
	return true, nil
}

// sameName is another application on the card with a name that one should have.
func (p *planner) sameName(a *Application) *inspect.Application {
	return find(p.is.Applications, func(o *inspect.Application) bool {
		same := a.ISOID != 0 && isoID(o.ISOID) == a.ISOID || len(a.DFName) > 0 && bytes.Equal(o.DFName, a.DFName)
		return same && !p.deleted(at(o.Place))
	})
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sameApplication reports whether an application that is there can become the
// wanted one.
func (p *planner) sameApplication(a *Application, is *inspect.Application) bool {
	w := at(a.Place)
	if s := is.KeySettings; s != nil && p.is.Generation.FixedName() == nil {
		if t, ok := keyType(s); ok && t != a.KeyType || s.Keys != a.KeyCount {
			p.impossible(w, "it has %s, and should have %s: only deleting it would help", plural(s.Keys, s.KeyType+" key"), plural(a.KeyCount, a.KeyType.String()+" key"))
			return false
		}
	}
	if p.is.Generation.FixedName() == nil && p.is.MissingPart(inspect.PartNames) == nil {
		if id := isoID(is.ISOID); id != a.ISOID {
			p.impossible(w, "its ISO identifier is %v, and should be %v: only deleting it would help", id, a.ISOID)
		} else if string(is.DFName) != string(a.DFName) && a.Place.Name == "" {
			p.impossible(w, "its DF name is %X, and should be %X: only deleting it would help", []byte(is.DFName), a.DFName)
		}
	}
	p.keep(w, "it is there")
	return true
}

// keySettings plans settings that are changed last. known are the keys that
// everybody knows, and that stay.
func (p *planner) keySettings(ctx context.Context, place wire.Place, now, want wire.KeySett1, keys int, known []wire.KeyNo) error {
	w := at(place)
	if now == want {
		if !p.fresh[place] {
			p.keep(w, "key settings: %v", want)
		}
		return nil
	}
	risks := rekey.SettingsRisks(&wire.KeySettings{KS1: now, KS2: wire.NewKeySett2(wire.KeyAES, keys)}, want, place.IsCard())
	hand, err := p.atHand(ctx, slot{place, 0})
	switch {
	case err != nil:
		return err
	case !now.Has(wire.SettChangeable):
		p.impossible(w, "its key settings can never be changed: they are %v, and should be %v", now, want)
		return nil
	case !hand:
		p.impossible(w, "its key settings are changed with the master key only, which is not at hand")
		return nil
	case len(risks) > 0 && len(known) > 0:
		p.impossible(w, "its key settings would freeze keys that everybody knows (%s): give it keys first; until then they are %v, and should be %v", keyNumbers(known), now, want)
		return nil
	}
	if want = p.thaw(w, now, want, keys); want == now {
		return nil
	}
	risks = rekey.SettingsRisks(&wire.KeySettings{KS1: now, KS2: wire.NewKeySett2(wire.KeyAES, keys)}, want, place.IsCard())
	proofs := 0
	if len(risks) > 0 {
		if proofs, err = p.unproved(ctx, place, keys); err != nil {
			return err
		}
	}
	p.step(Step{
		Where: w, Kind: ChangeKeySettings, Words: fmt.Sprintf("change the key settings of %v to: %v", w, want), Exchanges: 2 + proofs*(1+p.login()),
		Forever: strings.Join(risks, "; "),
		do: func(ctx context.Context, r *runner) error {
			return r.changeKeySettings(ctx, place, want, keys, len(risks) > 0)
		},
	}, who{no: 0})
	return nil
}
