package play

import (
	"context"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// keyNames are what a layout calls its keys, by the place without a card.
type keyNames map[keystore.Ref]string

func namesOf(l *perso.Layout) keyNames {
	names := keyNames{}
	add := func(p wire.Place, keys []perso.KeyWant) {
		for _, k := range keys {
			if k.Label != "" {
				names[keystore.Ref{Place: p, Key: keystore.Number(k.No)}] = k.Label
			}
		}
	}
	if l.Card != nil {
		add(wire.Place{}, l.Card.Keys)
	}
	for _, a := range l.Applications {
		add(a.Place, a.Keys)
		add(a.Place, a.VCKeys)
	}
	return names
}

// Keys are the keys that the card on a Bench holds, as a key store: also those that
// were changed since it was made, and those of an image. They are that card's only: a
// Ref without UID is answered while it shows random ones.
//
// As [keystore.Masters] they have a master key for every name, made when it is asked
// for first and random, so that layouts can be applied to the card. Never apply them
// to another card: the keys are lost with the process.
type Keys struct {
	typed
	b *Bench
}

var (
	_ keystore.Store   = Keys{}
	_ keystore.Masters = Keys{}
)

// Keys are those of the card that lies on b, now and later.
func (b *Bench) Keys() Keys { return Keys{b.masters.of(false), b} }

// Has implements keystore.Store.
func (k Keys) Has(_ context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	found, ok := k.b.find(r)
	if !ok {
		return keystore.Facts{}, false, nil
	}
	return keystore.FactsOf(found, source), true, nil
}

// Key implements keystore.Store.
func (k Keys) Key(_ context.Context, r keystore.Ref) (key.Key, error) {
	found, ok := k.b.find(r)
	if !ok {
		return nil, &keystore.NotFoundError{Ref: r, Store: source}
	}
	return found, nil
}

// find looks for a key in the memory of the card.
func (b *Bench) find(r keystore.Ref) (*key.Secret, bool) {
	l := b.here()
	image := l.image()
	if string(r.UID) != string(l.made.UID) && (r.UID != "" || !hidesUID(image)) {
		return nil, false
	}
	for i := range image.Keys {
		if k := &image.Keys[i]; idOf(k) == r.Key && onCard(image, r.Place, k.Application) {
			return secretOf(k)
		}
	}
	return nil, false
}

// image is the memory of the card without the keys that only its maker has, which prove
// its originality.
func (l *lying) image() *sim.Image {
	i := l.card.Image()
	i.Keys = slices.DeleteFunc(i.Keys, func(k sim.ImageKey) bool {
		return k.Application == wire.PICC && k.No >= int(wire.KeyOriginalityFirst) && k.No <= int(wire.KeyOriginalityLast)
	})
	return i
}

// hidesUID reports whether a card shows random identifiers.
func hidesUID(i *sim.Image) bool {
	return len(i.Config.Flags) > 0 && wire.PICCFlags(i.Config.Flags[0])&wire.PICCRandomID != 0
}

// idOf is what stores know a key of an image by.
func idOf(k *sim.ImageKey) keystore.ID {
	if k.TMAC {
		return keystore.RoleTransactionMAC.ID()
	}
	return keystore.InSet(wire.KeySetNo(k.Set), wire.KeyNo(k.No))
}

// onCard reports whether a place is the application of an image, or the card itself.
func onCard(i *sim.Image, p wire.Place, aid wire.AID) bool {
	if p.IsCard() {
		return aid == wire.PICC
	}
	for _, a := range i.Applications {
		if a.AID == aid {
			return p == placeOf(i, &a) || p.Name != "" && p.Name == string(a.DFName)
		}
	}
	return false
}

// placeOf is where an application is.
func placeOf(i *sim.Image, a *sim.ImageApplication) wire.Place {
	if i.Generation.FixedName() != nil {
		return wire.Place{Fixed: true}
	}
	return wire.Place{AID: a.AID}
}

func secretOf(k *sim.ImageKey) (s *key.Secret, ok bool) {
	b := k.Value.Bytes()
	var err error
	switch k.Type {
	case "aes":
		s, err = key.NewAES(b, byte(k.Version))
	case "3k3des":
		s, err = key.New3K3DES(b)
	default:
		s, err = key.New2K3DES(b)
	}
	if err != nil {
		return nil, false
	}
	if k.Type != "aes" {
		s = s.WithVersion(byte(k.Version))
	}
	return s, true
}

// Refs are the keys that can be asked for without a UID: all, while the card shows random
// ones, and else none.
func (k Keys) Refs() (refs []keystore.Ref) {
	if !hidesUID(k.b.here().image()) {
		return nil
	}
	for _, n := range k.Named() {
		refs = append(refs, n.Ref.Everywhere())
	}
	return refs
}

// Named is a key of the card, by name, without it.
type Named struct {
	Ref   keystore.Ref
	Name  string // in its layout, or what it is
	Type  key.Type
	Facts keystore.Facts
}

// Named lists the keys of the card.
func (k Keys) Named() (list []Named) {
	l := k.b.here()
	image := l.image()
	for i := range image.Keys {
		x := &image.Keys[i]
		r := keystore.Ref{Place: placeFor(image, x.Application), Key: idOf(x)}
		s, ok := secretOf(x)
		if !ok {
			continue
		}
		n := Named{r, l.names[r], s.Type(), keystore.FactsOf(s, source)}
		n.Ref.UID = keystore.UID(l.made.UID)
		if n.Name == "" {
			n.Name = wordsOf(r)
		}
		list = append(list, n)
	}
	return list
}

func wordsOf(r keystore.Ref) string {
	if r.Place.IsCard() {
		return r.Key.Words() + " of the card"
	}
	return r.Key.Words() + " of " + r.Place.Words()
}

// Trace are the keys of the card, to open what was said with it; none if the
// identifier is another card's. An empty identifier is the card's.
func (k Keys) Trace(uid []byte) (list []trace.Key) {
	l := k.b.here()
	if len(uid) > 0 && string(uid) != string(l.made.UID) {
		return nil
	}
	image := l.image()
	fixed := image.Generation.FixedName() != nil
	for i := range image.Keys {
		x := &image.Keys[i]
		s, ok := secretOf(x)
		if !ok || x.TMAC || x.Set != 0 {
			continue
		}
		t := trace.Key{No: x.No, Value: s}
		if a := x.Application; !fixed {
			t.App = &[3]byte{byte(a), byte(a >> 8), byte(a >> 16)}
		}
		t.Note = l.names[keystore.Ref{Place: placeFor(image, x.Application), Key: idOf(x)}]
		list = append(list, t)
	}
	return list
}

// placeFor is the place of an identifier.
func placeFor(i *sim.Image, aid wire.AID) wire.Place {
	for _, a := range i.Applications {
		if a.AID == aid {
			return placeOf(i, &a)
		}
	}
	return wire.Place{}
}
