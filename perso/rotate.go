package perso

import (
	"context"

	"github.com/go-desfire/desfire/inspect"
)

// rotate plans new keys and nothing else: key by key, each by rekey, or all keys of an
// application at once, where it has key sets.
func (p *planner) rotate(ctx context.Context) error {
	if _, err := p.levelKeys(ctx); err != nil {
		return err
	}
	for i := range p.layout.Applications {
		if err := p.rotateApplication(ctx, &p.layout.Applications[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) rotateApplication(ctx context.Context, a *Application) error {
	w := at(a.Place)
	if reason := a.lacks(p.is.Generation); reason != "" {
		p.impossible(w, "%s", reason)
		return nil
	}
	is := applicationAt(p.is, a.Place)
	switch {
	case is == nil && p.is.Applications == nil:
		p.impossible(w, "whether it is there is not known%s", because(p.is.MissingPart(inspect.PartApplications)))
		return nil
	case is == nil:
		p.impossible(w, "it is not on the card: there are no keys to change")
		return nil
	case !p.sameApplication(a, is):
		return nil
	}
	now := keySett1(is.KeySettings)
	if a.KeySets != nil && is.KeySettings != nil && is.KeySettings.Sets != nil {
		if err := p.rotateSet(ctx, a, is, now); err != nil {
			return err
		}
	} else if _, err := p.keys(ctx, a.Place, a.KeyCount, now); err != nil {
		return err
	}
	return p.specialKeys(ctx, a.Place, a.VCKeys)
}

// onlyKeys compares keys, and the settings that say who changes them.
func (v *verifier) onlyKeys(ctx context.Context) error {
	if err := v.level(ctx); err != nil {
		return err
	}
	for i := range v.layout.Applications {
		a := &v.layout.Applications[i]
		is := applicationAt(v.is, a.Place)
		if is == nil {
			v.differ(at(a.Place), "application", "missing", "there")
			continue
		}
		v.keySettings(at(a.Place), a.KeySettings, is.KeySettings, is.Missing)
		if err := v.keys(ctx, a.Place, a.Keys, a.KeyCount); err != nil {
			return err
		}
		if err := v.specialKeys(ctx, a.Place, a.VCKeys); err != nil {
			return err
		}
	}
	return nil
}
