package perso_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// liar is an air that says what it likes, as far as it is said in clear: it knows no
// key.
type liar struct {
	sim.Relay
	place   wire.AID // that the reader has selected
	session bool
	opened  int // sessions
	lies    int
	chained bool // the frame goes on with a handshake
	swapped bool // another card is shown
}

// lying makes an air; lie answers for the card, nil lets the command pass. On a later
// frame of a chain it is not asked.
func lying(lie func(l *liar, x *sim.Exchange) []byte) *liar {
	l := &liar{}
	l.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		handshake := x.INS == wire.InsAuthenticateEV2First || x.INS == wire.InsAuthenticateAES || x.INS == wire.InsAuthenticateISO || x.INS == wire.InsAuthenticate
		switch {
		case x.INS == wire.InsSelectApplication:
			l.place, l.session = wire.AID(x.Command[5])|wire.AID(x.Command[6])<<8|wire.AID(x.Command[7])<<16, false
		case handshake:
			l.session = false
		}
		if x.INS != wire.InsAdditionalFrame {
			l.chained = handshake
			if lie != nil {
				if answer := lie(l, x); answer != nil {
					l.lies++
					return answer, nil
				}
			}
		}
		answer, err := x.Pass()
		if l.chained && x.INS == wire.InsAdditionalFrame && bytes.HasSuffix(answer, []byte{0x91, 0}) {
			l.session = true
			l.opened++
			l.chained = false
		}
		return answer, err
	}
	return l
}

func (l *liar) connect(t testing.TB, tr sim.Transport) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), l.Wrap(tr), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// Two cards have the same keys. The air shows one of them, and from some session on
// the other: nothing is done to that, and it does not pass for the first.
func TestSwappedCards(t *testing.T) {
	ctx := context.Background()
	layout := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Data = []byte("of all") })
	mine := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Data = []byte("of one") })
	keys := keysFor(t, layout, 1)
	made := func(uid byte) *sim.Card {
		picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, uid, uid, uid, uid, uid, uid}})
		if err != nil {
			t.Fatal(err)
		}
		apply(t, picc, layout, &perso.Config{Want: keys, Journal: new(memJournal)})
		return picc
	}
	swapped := func(from int) (*desfire.Card, *sim.Card) {
		one, two := made(1), made(2)
		other := two.Present()
		l := lying(nil)
		meet := l.Meet
		l.Meet = func(ctx context.Context, x *sim.Exchange) ([]byte, error) {
			if l.swapped = l.swapped || l.opened >= from && x.INS == wire.InsSelectApplication; l.swapped {
				return other.Transmit(ctx, x.Command)
			}
			return meet(ctx, x)
		}
		return l.connect(t, one.Present()), two
	}
	for from := 1; from < 12; from++ {
		card, two := swapped(from)
		before := imageText(two)
		_, err := perso.Apply(ctx, card, mine, &perso.Config{Want: keys, Journal: new(memJournal)})
		if imageText(two) != before {
			t.Errorf("from session %d on: the other card was changed (%v)", from, err)
		}
		card, _ = swapped(from)
		list, err := perso.Verify(ctx, card, layout, &perso.Config{Want: keys})
		if ended := errors.As(err, new(*perso.WrongCardError)); !ended && from < 3 {
			t.Errorf("from session %d on: %v, %v", from, list, err)
		}
	}
}

// refuseFirst refuses the first authentication in an application, each time that the
// card is looked at, so that its reader looks at it in clear, and goes on with lie.
func refuseFirst(lie func(l *liar, x *sim.Exchange) []byte) func(l *liar, x *sim.Exchange) []byte {
	refuse := false
	return func(l *liar, x *sim.Exchange) []byte {
		switch {
		case x.INS == wire.InsGetApplicationIDs && !l.session:
			refuse = true
		case x.INS == wire.InsAuthenticateEV2First && l.place == appA && refuse:
			refuse = false
			return x.Forge(wire.StatusAuthenticationError)
		}
		return lie(l, x)
	}
}

// The settings of the card are told in clear to everybody. Where its master key is at
// hand, that is not believed.
func TestForgedCardSettings(t *testing.T) {
	ctx := context.Background()
	closed := wire.SettFreeDirectory | wire.SettChangeable | wire.SettMasterChangeable
	layout := small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) {
		l.Card = &perso.Level{KeySettings: &closed}
	})
	keys := keysFor(t, layout, 1)
	lie := func(l *liar, x *sim.Exchange) []byte {
		if x.INS == wire.InsGetKeySettings && l.place == 0 && !l.session {
			return x.Forge(wire.StatusOK, byte(closed), 1)
		}
		return nil
	}
	picc := newPICC(t, wire.EV2)
	conf := &perso.Config{Want: keys, Journal: new(memJournal)}
	open := small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) { l.Card = &perso.Level{} })
	apply(t, picc, open, conf)
	l := lying(lie)
	list, err := perso.Verify(ctx, l.connect(t, picc.Present()), layout, conf)
	if err != nil || !perso.Differs(list) || l.lies == 0 {
		t.Errorf("a card that is open passes: %v, %v, %d lies", list, err, l.lies)
	}
	if _, err := perso.Apply(ctx, lying(lie).connect(t, picc.Present()), layout, conf); err != nil {
		t.Fatal(err)
	}
	list, err = perso.Verify(ctx, connect(t, picc), layout, conf)
	mustBe(t, list, err)
}

// A file that holds a value is said in clear to be another one, and refuses to tell in
// a session what it is. It is not deleted.
func TestForgedType(t *testing.T) {
	ctx := context.Background()
	for _, extra := range []wire.AID{appA, appB} {
		layout := small(nil)
		if extra == appB {
			layout = small(nil)
			layout.Applications[0].Place.AID = appB
		}
		with := small(func(_ *perso.Layout, a *perso.Application, _ *perso.File) {
			a.Files = append(a.Files, perso.File{No: 2, Value: valuePtr(7), Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), Upper: 1000}})
		})
		keys := keysFor(t, with, 1)
		for ref, k := range keysFor(t, layout, 1) {
			keys[ref] = k
		}
		for ref, k := range keysFor(t, &perso.Layout{Card: &perso.Level{}}, 1) {
			keys[ref] = k
		}
		conf := &perso.Config{Want: keys, Have: keys, Journal: new(memJournal), Values: true}
		for _, session := range []bool{false, true} {
			picc := newPICC(t, wire.EV2)
			with.Card = &perso.Level{}
			apply(t, picc, with, conf)
			std := []byte{0, 3, 0x00, 0x12, 32, 0, 0}
			l := lying(refuseFirst(func(l *liar, x *sim.Exchange) []byte {
				switch {
				case l.place != appA || x.INS != wire.InsGetFileSettings || x.Command[5] != 2:
				case !l.session:
					return x.Forge(wire.StatusOK, std...)
				case session:
					return x.Forge(wire.StatusPermissionDenied)
				}
				return nil
			}))
			pruned := *conf
			pruned.Prune, pruned.Values = true, false
			plan, err := perso.Apply(ctx, l.connect(t, picc.Present()), layout, &pruned)
			if l.lies < 2 {
				t.Errorf("nobody lied: %v", err)
			}
			if v, ok := valueOf(picc, 2); !ok || v != 7 {
				t.Errorf("%v pruned, refused in a session %v: the value is lost (%v, %+v)", extra, session, err, plan)
			}
		}
	}
}

// valueOf is what a value file of the first application holds.
func valueOf(picc *sim.Card, no wire.FileNo) (int32, bool) {
	for _, a := range picc.Image().Applications {
		for _, f := range a.Files {
			if a.AID == appA && f.No == int(no) && f.Value != nil {
				return f.Value.Value, true
			}
		}
	}
	return 0, false
}

// A key that everybody knows is not frozen because somebody says, in clear, that it is
// another one.
func TestFrozenZeroKey(t *testing.T) {
	ctx := context.Background()
	frozen := wire.SettFreeDirectory | wire.SettMasterChangeable | 0xF0
	layout := small(func(_ *perso.Layout, a *perso.Application, _ *perso.File) { a.KeySettings = &frozen })
	keys := keysFor(t, layout, 1)
	first := maps.Clone(keys)
	delete(first, keystore.Ref{Place: wire.Place{AID: appA}, Key: keystore.Number(1)})
	picc := newPICC(t, wire.EV2)
	apply(t, picc, small(nil), &perso.Config{Want: first, Journal: new(memJournal)})
	l := lying(refuseFirst(func(l *liar, x *sim.Exchange) []byte {
		if x.INS == wire.InsGetKeyVersion && l.place == appA && !l.session && x.Command[5] == 1 {
			return x.Forge(wire.StatusOK, 1)
		}
		return nil
	}))
	_, err := perso.Apply(ctx, l.connect(t, picc.Present()), layout, &perso.Config{Want: keys, Journal: new(memJournal), Irreversible: perso.Irreversible()})
	if l.lies < 2 {
		t.Errorf("nobody lied: %v", err)
	}
	list, err2 := perso.Verify(ctx, connect(t, picc), small(nil), &perso.Config{Want: first})
	if err2 != nil || perso.Differs(list) {
		t.Errorf("%v; then %v, %v", err, list, err2)
	}
}

// What goes into a file of mode full does not go out in clear because the card's file
// is not what somebody says of it.
func TestForgedMode(t *testing.T) {
	ctx := context.Background()
	const secret = "of one and no other"
	layout := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Data = []byte(secret) })
	plain := small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) { f.Settings.Option = wire.OptionPlain })
	for _, refused := range []bool{false, true} {
		picc := newPICC(t, wire.EV2)
		conf := &perso.Config{Want: keysFor(t, layout, 1), Journal: new(memJournal)}
		apply(t, picc, plain, conf)
		seen := false
		l := lying(refuseFirst(func(l *liar, x *sim.Exchange) []byte {
			seen = seen || bytes.Contains(x.Command, []byte(secret[:8]))
			switch {
			case l.place != appA || x.INS != wire.InsGetFileSettings:
			case !l.session:
				return x.Forge(wire.StatusOK, 0, 3, 0xF0, 0x12, 32, 0, 0)
			case refused:
				return x.Forge(wire.StatusPermissionDenied)
			}
			return nil
		}))
		_, err := perso.Apply(ctx, l.connect(t, picc.Present()), layout, conf)
		if err == nil || l.lies < 2 || seen {
			t.Errorf("refused in a session %v: %v, %d lies, in clear %v", refused, err, l.lies, seen)
		}
	}
}

// A value file of mode plain tells its value unprotected even in a session: it is not
// deleted because somebody says that it holds nothing.
func TestForgedValue(t *testing.T) {
	ctx := context.Background()
	layout := small(nil)
	with := small(func(_ *perso.Layout, a *perso.Application, _ *perso.File) {
		a.Files = append(a.Files, perso.File{No: 2, Value: valuePtr(7), Settings: wire.FileSettings{Type: wire.FileValue, Option: wire.OptionPlain, Access: access(1, wire.Never, 2, 0), Upper: 1000}})
	})
	picc := newPICC(t, wire.EV2)
	conf := &perso.Config{Want: keysFor(t, layout, 1), Journal: new(memJournal), Values: true}
	apply(t, picc, with, conf)
	conf.Prune = true
	l := lying(func(l *liar, x *sim.Exchange) []byte {
		if x.INS == wire.InsGetValue {
			return x.Forge(wire.StatusOK, 0, 0, 0, 0)
		}
		return nil
	})
	p, err := perso.Apply(ctx, l.connect(t, picc.Present()), layout, conf)
	if v, ok := valueOf(picc, 2); err != nil || l.lies == 0 || len(p.Held) != 1 || !ok || v != 7 {
		t.Errorf("%v, %d lies, the value is %d, %v", err, l.lies, v, ok)
	}
}

// A card does not pass for one with a random identifier because it hides its own in
// clear.
func TestForgedRandomUID(t *testing.T) {
	ctx := context.Background()
	layout := small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) {
		l.Card = &perso.Level{Options: []perso.Option{{Name: perso.OptionRandomUID, Setting: &wire.PICCConfig{Flags: wire.PICCRandomID}}}}
	})
	keys := keysFor(t, layout, 1)
	picc := newPICC(t, wire.EV2)
	apply(t, picc, small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) { l.Card = &perso.Level{} }), &perso.Config{Want: keys, Journal: new(memJournal)})
	delete(keys, keystore.Ref{})
	l, frames := lying(nil), 0
	pass := l.Meet
	l.Meet = func(ctx context.Context, x *sim.Exchange) ([]byte, error) {
		answer, err := pass(ctx, x)
		switch {
		case x.INS == wire.InsGetVersion:
			frames = 1
		case x.INS != wire.InsAdditionalFrame:
			frames = 0
		case frames > 0:
			if frames++; frames == 3 {
				clear(answer[:7])
			}
		}
		return answer, err
	}
	list, err := perso.Verify(ctx, l.connect(t, picc.Present()), layout, &perso.Config{Want: keys})
	if err != nil || len(list) == 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// A key that authenticates nobody is not said to have its version because the card
// refuses to tell in a session, and somebody tells in clear.
func TestForgedVersion(t *testing.T) {
	ctx := context.Background()
	level := &perso.Level{Keys: []perso.KeyWant{{No: wire.KeyDAMMAC}}}
	layout := small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) { l.Card = level })
	keys := keysFor(t, layout, 1)
	picc := newPICC(t, wire.EV3)
	apply(t, picc, small(func(l *perso.Layout, _ *perso.Application, _ *perso.File) { l.Card = &perso.Level{} }), &perso.Config{Want: keys, Journal: new(memJournal)})
	keys[keystore.Ref{Key: keystore.Number(wire.KeyDAMMAC)}] = keystore.Given{Key: theKey(t, key.TypeAES, wire.Place{}, 8, 1)}
	l := lying(func(l *liar, x *sim.Exchange) []byte {
		switch {
		case x.INS != wire.InsGetKeyVersion || wire.KeyNo(x.Command[5]) != wire.KeyDAMMAC:
		case l.session:
			return x.Forge(wire.StatusNoSuchKey)
		default:
			return x.Forge(wire.StatusOK, 1)
		}
		return nil
	})
	list, err := perso.Verify(ctx, l.connect(t, picc.Present()), layout, &perso.Config{Want: keys})
	if err != nil || !perso.Differs(list) || l.lies == 0 {
		t.Errorf("%v, %v, %d lies", list, err, l.lies)
	}
}
