package perso

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// options compares what a card shows of its options. It tells most of them to nobody.
func (v *verifier) options(ctx context.Context) error {
	g := v.is.Generation
	place := wire.Place{Fixed: g.FixedName() != nil}
	if v.layout.Card == nil {
		return nil
	}
	for _, info := range Options() {
		o := find(v.layout.Card.Options, func(o *Option) bool { return o.Name == info.Name })
		switch {
		case o == nil || !info.Has(g) && isOff(o.Setting):
			continue
		case !info.Has(g):
			v.differ(at(place), info.Name, fmt.Sprintf("nothing that a card of type %v has", g), "set")
			continue
		}
		if err := v.option(ctx, at(place), &settable{info, o.Setting}); err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) option(ctx context.Context, w Where, o *settable) error {
	ats, isATS := o.setting.(*wire.ATS)
	switch {
	case isATS:
		v.ats(w, o.Name, ats.ATS)
		return nil
	case o.Name == OptionLRP:
		if hand, err := v.atHand(ctx, slot{w.Place, 0}); err != nil || !hand {
			v.unproven(w, o.Name, "a session with key 0 would show it, which is not at hand")
			return err
		}
	case o.Name != OptionRandomUID:
		v.unproven(w, o.Name, "no card tells it")
		return nil
	}
	on, proved, err := v.seen(ctx, o)
	switch {
	case err != nil || on && proved:
		return err
	case on:
		v.unproven(w, o.Name, "it is told in clear only: a session would prove it, and there was none")
	case v.card.Reconfigured():
		v.unproven(w, o.Name, "it shows once the card was presented anew")
	default:
		v.differ(w, o.Name, "off", "on")
	}
	return nil
}

// ats compares historical bytes, all that a reader tells of an ATS.
func (v *verifier) ats(w Where, name string, want []byte) {
	atr := v.card.ATR()
	historical, ok := historicalBytes(want)
	switch {
	case len(atr) < 5 || !ok || !bytes.HasPrefix(atr[2:], []byte{0x80, 0x01}):
		v.unproven(w, name, "the reader does not tell it")
	case bytes.Equal(atr[4:len(atr)-1], historical):
		v.unproven(w, name, "the ATR has its historical bytes; nothing tells the rest")
	case v.card.Reconfigured():
		v.unproven(w, name, "it shows once the card was presented anew")
	default:
		v.differ(w, name, fmt.Sprintf("one with the historical bytes %X", atr[4:len(atr)-1]), fmt.Sprintf("%X", want))
	}
}

// historicalBytes are what follows length, format and interface bytes of an ATS.
func historicalBytes(ats []byte) ([]byte, bool) {
	if len(ats) < 2 {
		return nil, false
	}
	at := 2
	for bit := 4; bit < 7; bit++ { // TA, TB, TC
		at += int(ats[1] >> bit & 1)
	}
	if at > len(ats) {
		return nil, false
	}
	return ats[at:], true
}
