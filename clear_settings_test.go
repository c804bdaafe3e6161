package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// lies are what a forger makes of an answer to GetFileSettings.
var lies = map[string]func(a []byte) []byte{
	"mode plain":  func(a []byte) []byte { a[1] &^= 3; return a },
	"rights free": func(a []byte) []byte { a[2], a[3] = 0xEE, 0xEE; return a },
	"both":        func(a []byte) []byte { a[1] &^= 3; a[2], a[3] = 0xEE, 0xEE; return a },
	"more rights": func(a []byte) []byte {
		a[1] |= 0x80 // additional rights
		return append(a[:len(a)-2:len(a)-2], append([]byte{1, 0xEE, 0xEE}, a[len(a)-2:]...)...)
	},
	"type":    func([]byte) []byte { return forged("0000EEEE9000009100")(nil) }, // a standard file, plain, free, 144 bytes
	"backup":  func([]byte) []byte { return forged("0100EEEE9000009100")(nil) },
	"records": func([]byte) []byte { return forged("0300EEEE0100000200000100009100")(nil) },
	"SDM":     func([]byte) []byte { return forged("0040EEEE000100C1F1212000004300009100")(nil) },
}

// Settings that came in clear decide nothing in a session with MACs, whatever
// they say.
func TestForgedSettingsDecideNothing(t *testing.T) {
	ctx := context.Background()
	for _, x := range proven {
		for name, lie := range lies {
			t.Run(x.name+" "+name, func(t *testing.T) {
				picc := x.card(t, wire.CommMAC)
				open := func() (*desfire.Card, *tamper) {
					air := &tamper{Activation: picc.Present()}
					card, err := desfire.Connect(ctx, air, nil)
					if err != nil {
						t.Fatal(err)
					}
					if err := x.enter(card); err != nil {
						t.Fatal(err)
					}
					air.on(trick{ins: wire.InsGetFileSettings, answer: lie}, trick{ins: wire.InsGetFileSettings, answer: lie}, trick{ins: wire.InsGetFileSettings, answer: lie})
					for _, no := range []desfire.FileNo{x.value, x.data, x.log} {
						_, _ = card.FileSettings(ctx, no)
					}
					if err := x.enter(card); err != nil { // where the lie was no answer at all
						t.Fatal(err)
					}
					if err := x.login(card); err != nil {
						t.Fatal(err)
					}
					air.plan, air.sent = nil, nil
					return card, air
				}
				card, air := open()
				air.on(trick{ins: wire.InsGetValue, hide: true, answer: forged("E70300009100")})
				if v, err := card.Value(ctx, x.value); err == nil {
					t.Errorf("a forged value of %d is believed", v)
				}
				card, air = open()
				if v, err := card.Value(ctx, x.value); err != nil || v != 500 || air.count(wire.InsGetFileSettings) != 1 {
					t.Errorf("the value is %d, %v", v, err)
				}
				if got, err := card.ReadData(ctx, x.data, 0, 0); err != nil || len(got) < 100 || air.count(wire.InsGetFileSettings) != 1 {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				if err := card.WriteRecord(ctx, x.log, 0, []byte{7}); err != nil {
					t.Errorf("a record: %v", err)
				}
				if err := card.Commit(ctx); err != nil {
					t.Errorf("commit: %v", err)
				}
				if fs, err := card.FileSettings(ctx, x.value); err != nil || fs.Comm() != wire.CommMAC || fs.Type != wire.FileValue {
					t.Errorf("settings %+v, %v", fs, err)
				}
				// An answer in clear does not displace what a session has told.
				if err := x.enter(card); err != nil {
					t.Fatal(err)
				}
				air.on(trick{ins: wire.InsGetFileSettings, answer: lie})
				_, _ = card.FileSettings(ctx, x.value)
				if err := errors.Join(x.enter(card), x.login(card)); err != nil {
					t.Fatal(err)
				}
				air.on(trick{ins: wire.InsGetValue, hide: true, answer: forged("E70300009100")})
				if v, err := card.Value(ctx, x.value); err == nil {
					t.Errorf("a forged value of %d is believed later", v)
				}
			})
		}
	}
}

// A D40 session protects no settings, and says so.
func TestD40SettingsAreUnprotected(t *testing.T) {
	ctx := context.Background()
	x := targets[1]
	for _, stated := range []bool{false, true} {
		for _, require := range []bool{false, true} {
			picc := x.card(t, wire.CommMAC)
			flagged := false
			card, air := x.open(t, picc, &desfire.Config{RequireProtected: require, Observe: func(e *desfire.Exchange) {
				if _, ok := e.Command.(*wire.GetValue); ok {
					flagged = e.Unprotected
				}
			}})
			if stated {
				rights := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1}
				if err := card.AssumeFileSettings(x.value, wire.FileSettings{Type: wire.FileValue, Option: wire.OptionMAC, Access: rights}); err != nil {
					t.Fatal(err)
				}
			} else {
				air.on(trick{ins: wire.InsGetFileSettings, answer: lies["mode plain"]})
			}
			air.on(trick{ins: wire.InsGetValue, hide: true, answer: forged("E70300009100")})
			v, err := card.Value(ctx, x.value)
			switch {
			case stated && (!as[*desfire.IntegrityError](err) || flagged):
				t.Errorf("stated, require %v: %d, %v", require, v, err)
			case !stated && require && (!unprotected(err, desfire.ClearSettings) || air.count(wire.InsGetValue) != 0):
				t.Errorf("not stated, protection required: %d, %v", v, err)
			case !stated && !require && (err != nil || !flagged):
				t.Errorf("not stated: %d, %v, flagged %v", v, err, flagged)
			}
		}
	}
	// The same where they came before the authentication, and for writes.
	card, air := x.open(t, x.card(t, wire.CommMAC), &desfire.Config{RequireProtected: true})
	if err := x.enter(card); err != nil {
		t.Fatal(err)
	}
	if _, err := card.FileSettings(ctx, x.data); err != nil {
		t.Fatal(err)
	}
	if err := x.login(card); err != nil {
		t.Fatal(err)
	}
	air.sent = nil
	if err := card.WriteData(ctx, x.data, 0, []byte{1}); !unprotected(err, desfire.ClearSettings) || len(air.sent) != 0 {
		t.Errorf("a write: %v, sent %X", err, air.sent)
	}
}
