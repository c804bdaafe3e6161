package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// An observer sees authentications, frame by frame and without their data.
func TestObserveSeesAuthentications(t *testing.T) {
	for _, x := range targets[1:] {
		var seen []string
		armed := false
		card, _ := x.open(t, x.card(t, wire.CommMAC), &desfire.Config{Observe: func(e *desfire.Exchange) {
			seen = append(seen, e.Command.Spec().Name)
			if e.Response != nil && e.Session == wire.SchemeNone && len(seen) <= 2 && armed {
				t.Errorf("%s: an answer of the handshake: %+v", x.name, e.Response)
			}
		}})
		seen, armed = nil, true
		if err := x.login(card); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 2 {
			t.Errorf("%s: seen %v", x.name, seen)
		}
		seen = nil
		if err := card.AuthenticateWith(context.Background(), x.method, x.key, keyOf(t, x.typ, 0x40)); err == nil || len(seen) == 0 {
			t.Errorf("%s: a failure: %v, seen %v", x.name, err, seen)
		}
	}
}

// An observer sees no data whose MAC was wrong or not yet checked, of ISO reads
// in EV1 sessions neither, by whatever way they come.
func TestObserveSeesNothingUnchecked(t *testing.T) {
	ctx := context.Background()
	flip := func(a []byte) []byte {
		if len(a) > 2 {
			a[0] ^= 1
		}
		return a
	}
	for _, x := range proven {
		reads := map[string]func(card *desfire.Card) ([]byte, error){
			"ReadData": func(card *desfire.Card) ([]byte, error) { return card.ReadData(ctx, x.data, 0, 8) },
			"Value": func(card *desfire.Card) ([]byte, error) {
				v, err := card.Value(ctx, x.value)
				return []byte{byte(v)}, err
			},
		}
		if x.scheme == wire.SchemeEV1 {
			reads["ISOReadBinary"] = func(card *desfire.Card) ([]byte, error) { return card.ISOReadBinary(ctx, x.data, 0, 8) }
			reads["ISOReadRecords"] = func(card *desfire.Card) ([]byte, error) {
				return card.ISOReadRecords(ctx, x.log, 0, wire.RecordOne)
			}
			reads["Do ISOReadBinary"] = func(card *desfire.Card) ([]byte, error) {
				d, err := desfire.Do(ctx, card, &wire.ISOReadBinary{EF: wire.ShortEF{ID: uint8(x.data), InP1: true}, Length: 16})
				return d.Data, err
			}
		}
		for name, read := range reads {
			for _, forge := range []bool{false, true} {
				var response wire.Message
				var failed error
				card, air := x.open(t, x.card(t, wire.CommMAC), &desfire.Config{Observe: func(e *desfire.Exchange) {
					response, failed = e.Response, e.Err
					if d, ok := e.Response.(*wire.Data); ok && len(d.Data) > 16 && e.Command.Spec().INS != wire.InsISOSelect {
						t.Errorf("%s %s: %d bytes, the MAC among them", x.name, name, len(d.Data))
					}
				}})
				for _, no := range []desfire.FileNo{x.data, x.value, x.log} {
					if _, err := card.FileSettings(ctx, no); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, x.log, 0, bytes.Repeat([]byte{1}, 16)) }); err != nil {
					t.Fatal(err)
				}
				if forge {
					for _, ins := range []byte{wire.InsReadData, wire.InsReadDataISO, wire.InsGetValue, wire.InsISOReadBinary, wire.InsISOReadRecord} {
						air.on(trick{ins: ins, answer: flip})
					}
				}
				got, err := read(card)
				switch {
				case !forge && (err != nil || response == nil):
					t.Errorf("%s %s: %X, %v", x.name, name, got, err)
				case forge && (!as[*desfire.IntegrityError](err) || response != nil || failed == nil || len(got) > 1):
					t.Errorf("%s %s, forged: %X, %v; seen %v, %v", x.name, name, got, err, response, failed)
				}
			}
		}
	}
}

// What answers GetVersion with a DESFire status is a DESFire card, and says what
// it said.
func TestConnectToACardThatRefuses(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		answer string
		always bool
		ok     bool
		status desfire.Status
	}{
		{"911C", true, false, wire.StatusIllegalCommand},
		{"91CD", true, false, 0x91CD},
		{"91AE", true, false, wire.StatusAuthenticationError},
		{"91CA", true, false, wire.StatusCommandAborted},
		{"911C", false, true, 0},
		{"91CD", false, true, 0},
		{"91AE", false, true, 0},
		{"91CA", false, true, 0},
	} {
		for _, ins := range []byte{wire.InsGetVersion, wire.InsAdditionalFrame} {
			air := &tamper{Activation: targets[4].card(t, wire.CommMAC).Present()}
			air.on(trick{ins: ins, answer: forged(tc.answer), always: tc.always})
			card, err := desfire.Connect(ctx, air, nil)
			switch {
			case tc.ok && err != nil:
				t.Errorf("%s once to %02X: %v", tc.answer, ins, err)
			case tc.ok:
				if card.Framing() != desfire.FramingWrapped || card.Generation() != wire.EV3 {
					t.Errorf("%s once to %02X: %v, %v", tc.answer, ins, card.Framing(), card.Generation())
				}
			case ins == wire.InsAdditionalFrame && tc.status != wire.StatusPICCDisabled: // the first part tells enough
				if err != nil || card.KnownVersion() != nil || card.Framing() != desfire.FramingWrapped || card.Generation() != wire.EV3 {
					t.Errorf("%s to %02X: %v, %v", tc.answer, ins, card, err)
				}
			case !errors.Is(err, tc.status) || as[*desfire.NotDESFireError](err):
				t.Errorf("%s to %02X: %v", tc.answer, ins, err)
			}
		}
	}
}

// Do with an authentication command leaves the reader in no session, and with no
// belief in the old one: docs/states.md.
func TestDoWithAnAuthenticationCommand(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		var cmd wire.Command
		switch x.method {
		case key.MethodD40:
			cmd = &wire.Authenticate{Key: x.key}
		case key.MethodISO:
			cmd = &wire.AuthenticateISO{Key: x.key}
		case key.MethodAES:
			cmd = &wire.AuthenticateAES{Key: x.key}
		case key.MethodEV2First:
			cmd = &wire.AuthenticateEV2First{Key: x.key}
		default:
			cmd = &wire.AuthenticateLRPFirst{Key: x.key, Caps: []byte{wire.CapLRP}}
		}
		card, _ := x.open(t, x.card(t, wire.CommMAC), nil)
		if err := card.Run(ctx, cmd, cmd.Spec().NewResponse()); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if s, ok := card.Session(); ok {
			t.Errorf("%s: the reader believes in %+v", x.name, s)
		}
		if _, err := card.Value(ctx, x.value); !as[*desfire.SessionLostError](err) {
			t.Errorf("%s: the next command: %v", x.name, err)
		}
		if err := x.login(card); err != nil {
			t.Errorf("%s: authenticating: %v", x.name, err)
		}
		if v, err := card.Value(ctx, x.value); err != nil || v != 500 {
			t.Errorf("%s: %d, %v", x.name, v, err)
		}
	}
}
