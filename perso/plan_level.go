package perso

import (
	"context"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// levelPlan is what of the card itself is planned in two parts.
type levelPlan struct {
	now   *wire.KeySett1 // nil if not known
	known []wire.KeyNo   // keys that everybody knows, and that stay
}

// levelKeys plans the keys of the card itself. They come before the applications:
// what is given to the card at its level then, the keys of delegation among it, is
// given to it under its issuer's key.
func (p *planner) levelKeys(ctx context.Context) (lv levelPlan, err error) {
	l := p.layout.Card
	if l == nil {
		return lv, nil
	}
	w := at(wire.Place{})
	if p.is.Generation.FixedName() != nil {
		if l.KeySettings != nil || len(l.Keys) > 0 {
			p.impossible(w, "a card of type %v has no settings and keys besides those of its application", p.is.Generation)
		}
		return lv, nil
	}
	if lv.now = keySett1(p.is.KeySettings); lv.now == nil {
		p.warn(w, "its key settings are not known%s", because(p.is.MissingPart(inspect.PartKeySettings)))
	}
	if lv.known, err = p.keys(ctx, wire.Place{}, 1, lv.now); err != nil {
		return lv, err
	}
	return lv, p.specialKeys(ctx, wire.Place{}, l.Keys)
}

// level plans the settings of the card itself.
func (p *planner) level(ctx context.Context, lv levelPlan) error {
	l := p.layout.Card
	if l == nil || lv.now == nil || l.KeySettings == nil {
		return nil
	}
	return p.keySettings(ctx, wire.Place{}, *lv.now&0x0F, *l.KeySettings, 1, lv.known)
}
