package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// A card that lies about its generation gets no weaker authentication than
// Config.Weakest accepts, and not a byte of one.
func TestLyingGeneration(t *testing.T) {
	ctx := context.Background()
	for _, lie := range []struct {
		version string // of the software: major, minor
		gen     desfire.Generation
		typ     key.Type
		takes   key.Method
	}{
		{"0006", wire.D40, key.Type2K3DES, key.MethodD40},
		{"0104", wire.EV1, key.Type2K3DES, key.MethodISO},
		{"0104", wire.EV1, key.TypeAES, key.MethodAES},
		{"1200", wire.EV2, key.TypeAES, key.MethodEV2First},
	} {
		for _, weakest := range []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodLRPFirst} {
			x := &target{gen: wire.EV3, typ: lie.typ, data: 1, backup: 2, value: 3, log: 4, key: 1, scheme: wire.SchemeEV2}
			picc := x.card(t, wire.CommMAC)
			air := &tamper{Activation: picc.Present()}
			poses := forged("040101" + lie.version + "180591AF")
			air.on(trick{ins: wire.InsGetVersion, answer: poses}, trick{ins: wire.InsAdditionalFrame, answer: poses})
			card, err := desfire.Connect(ctx, air, &desfire.Config{Weakest: weakest})
			if err != nil {
				t.Fatal(err)
			}
			if card.Generation() != lie.gen {
				t.Fatalf("it poses as %v, not %v", card.Generation(), lie.gen)
			}
			if err := x.enter(card); err != nil {
				t.Fatal(err)
			}
			air.sent = nil
			err = card.Authenticate(ctx, x.key, x.zero())
			accepted := rank[lie.takes] >= rank[weakest]
			var weak *desfire.WeakMethodError
			switch {
			case accepted && err != nil:
				t.Errorf("%v as %v, weakest %v: %v", lie.gen, lie.typ, weakest, err)
			case !accepted && (!errors.As(err, &weak) || weak.Method != lie.takes || weak.Weakest != weakest || len(air.sent) > 0):
				t.Errorf("%v as %v, weakest %v: %v, sent %X", lie.gen, lie.typ, weakest, err, air.sent)
			}
		}
	}
}

// rank orders methods by strength; see Config.Weakest.
var rank = map[key.Method]int{
	key.MethodD40: 0, key.MethodISO: 1, key.MethodAES: 2, key.MethodEV2First: 3, key.MethodEV2NonFirst: 3, key.MethodLRPFirst: 4, key.MethodLRPNonFirst: 4,
}

// Each method, asked for by name, against each weakest one.
func TestWeakestOfEveryMethod(t *testing.T) {
	ctx := context.Background()
	for _, weakest := range []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodEV2NonFirst, key.MethodLRPFirst, key.MethodLRPNonFirst} {
		for _, typ := range []key.Type{key.Type2K3DES, key.TypeAES} {
			x := &target{gen: wire.EV3, typ: typ, data: 1, backup: 2, value: 3, log: 4, key: 1, scheme: wire.SchemeEV2}
			picc := x.card(t, wire.CommMAC)
			for _, m := range []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodEV2NonFirst, key.MethodISO7816} {
				if typ == key.TypeAES && m < key.MethodAES || typ != key.TypeAES && (m == key.MethodAES || m == key.MethodEV2First || m == key.MethodEV2NonFirst) {
					continue
				}
				air := &tamper{Activation: picc.Present()}
				card, err := desfire.Connect(ctx, air, &desfire.Config{Weakest: weakest})
				if err == nil {
					err = x.enter(card)
				}
				if err != nil {
					t.Fatal(err)
				}
				strength, ok := rank[m]
				if !ok {
					strength = map[bool]int{true: rank[key.MethodAES], false: rank[key.MethodISO]}[typ == key.TypeAES]
				}
				air.sent = nil
				err = card.AuthenticateWith(ctx, m, x.key, x.zero())
				if weak := as[*desfire.WeakMethodError](err); weak != (strength < rank[weakest]) || weak && len(air.sent) > 0 {
					t.Errorf("%v with %v, weakest %v: %v, sent %X", m, typ, weakest, err, air.sent)
				}
			}
		}
	}
}

// MethodLRPFirst settles for EV2 only where that is accepted.
func TestWeakestAndLRP(t *testing.T) {
	ctx := context.Background()
	for _, weakest := range []key.Method{key.MethodD40, key.MethodEV2First, key.MethodLRPFirst} {
		air := &tamper{Activation: newPICC(t, wire.Light).Present()} // LRP is switched off
		card, err := desfire.Connect(ctx, air, &desfire.Config{Weakest: weakest})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := card.ISOSelectName(ctx, wire.LightName[:]); err != nil {
			t.Fatal(err)
		}
		air.sent = nil
		err = card.Authenticate(ctx, 0, key.Zero(key.TypeAES))
		weak, _ := errors.AsType[*desfire.WeakMethodError](err)
		switch s, ok := card.Session(); {
		case weakest == key.MethodLRPFirst && (weak == nil || weak.Method != key.MethodEV2First || ok || air.count(wire.InsAdditionalFrame) > 0):
			t.Errorf("weakest %v: %v, session %+v", weakest, err, s)
		case weakest != key.MethodLRPFirst && (err != nil || s.Method != key.MethodEV2First):
			t.Errorf("weakest %v: %v, session %+v", weakest, err, s)
		}
		// The card's half-open handshake harms nothing that comes next.
		if _, err := card.Version(ctx); err != nil && !as[*desfire.SessionLostError](err) {
			t.Errorf("weakest %v: the next command: %v", weakest, err)
		}
	}
}

// What the card says it heard of the reader's capabilities is compared: a
// forger in between who takes LRP out of them is found, also where a key in a safe
// read them.
func TestAlteredCapabilities(t *testing.T) {
	ctx := context.Background()
	for i := range 4 {
		x, far := targets[4+i%2], i >= 2
		for _, more := range []bool{false, true} {
			air := &altering{tamper: tamper{Activation: x.card(t, wire.CommMAC).Present()}, more: more}
			card, err := desfire.Connect(ctx, air, nil)
			if err == nil {
				err = x.enter(card)
			}
			if err != nil {
				t.Fatal(err)
			}
			air.armed = true
			login := func() error { return x.login(card) }
			if far {
				login = func() error { return card.AuthenticateWith(ctx, x.method, x.key, newFarKey(t, x.typ)) }
			}
			if err := login(); err == nil {
				s, _ := card.Session()
				t.Errorf("%s, more %v, far %v: not noticed: %+v", x.name, more, far, s)
			}
			if _, ok := card.Session(); ok {
				t.Errorf("%s, more %v: there is a session", x.name, more)
			}
		}
	}
}

// altering rewrites the capabilities that the reader sends.
type altering struct {
	tamper
	more  bool // one more byte, and not another first one
	armed bool
}

func (a *altering) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	const ins = wire.InsAuthenticateEV2First
	if a.armed && command[1] == ins {
		a.armed = false
		data := append([]byte(nil), command[5:len(command)-1]...) // key number, length, capabilities
		if !a.more && data[1] > 0 {
			data[2] ^= wire.CapLRP
		} else {
			data = append(data, 1)
			data[1]++
		}
		command = append(append([]byte{0x90, ins, 0, 0, byte(len(data))}, data...), 0)
	}
	return a.tamper.Transmit(ctx, command)
}
