package desfire_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// harmless commands whose refusal ends a session.
var harmless = []struct {
	name string
	ins  byte
	run  func(x *target, c *desfire.Card) error
}{
	{"KeyVersion", wire.InsGetKeyVersion, func(_ *target, c *desfire.Card) error { _, err := c.KeyVersion(context.Background(), 0); return err }},
	{"KeySettings", wire.InsGetKeySettings, func(_ *target, c *desfire.Card) error { _, err := c.KeySettings(context.Background()); return err }},
	{"Files", wire.InsGetFileIDs, func(_ *target, c *desfire.Card) error { _, err := c.Files(context.Background()); return err }},
	{"FileSettings", wire.InsGetFileSettings, func(x *target, c *desfire.Card) error {
		_, err := c.FileSettings(context.Background(), x.value)
		return err
	}},
	{"Version", wire.InsGetVersion, func(_ *target, c *desfire.Card) error { _, err := c.Version(context.Background()); return err }},
	{"CardUID", wire.InsGetCardUID, func(_ *target, c *desfire.Card) error { _, err := c.CardUID(context.Background()); return err }},
	{"Value", wire.InsGetValue, func(x *target, c *desfire.Card) error {
		_, err := c.Value(context.Background(), x.value)
		return err
	}},
	{"Abort", wire.InsAbortTransaction, func(_ *target, c *desfire.Card) error { return c.Abort(context.Background()) }},
}

// knows reports whether the card has a harmless command.
func (x *target) knows(ins byte) bool { return x.gen != wire.Light || ins != wire.InsGetKeySettings }

// protected are the methods that a session protects.
func protected(x *target, c *desfire.Card) map[string]func() error {
	ctx := context.Background()
	m := map[string]func() error{
		"ReadData":     func() error { _, err := c.ReadData(ctx, x.data, 0, 4); return err },
		"ReadData all": func() error { _, err := c.ReadData(ctx, x.data, 0, 0); return err },
		"WriteData":    func() error { return c.WriteData(ctx, x.data, 0, []byte{1}) },
		"Value":        func() error { _, err := c.Value(ctx, x.value); return err },
		"Debit":        func() error { return c.Debit(ctx, x.value, 1) },
		"Credit":       func() error { return c.Credit(ctx, x.value, 1) },
		"Limited":      func() error { return c.LimitedCredit(ctx, x.value, 1) },
		"WriteRecord":  func() error { return c.WriteRecord(ctx, x.log, 0, []byte{1}) },
		"ReadRecords":  func() error { _, err := c.ReadRecords(ctx, x.log, 0, 1); return err },
		"Clear":        func() error { return c.ClearRecordFile(ctx, x.log) },
		"Commit":       func() error { return c.Commit(ctx) },
		"Abort":        func() error { return c.Abort(ctx) },
		"Transact": func() error {
			_, err := c.Transact(ctx, func() error { return c.Debit(ctx, x.value, 1) })
			return err
		},
		"ChangeFileSettings": func() error { return c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: x.data}) },
		"CreateFile":         func() error { return c.CreateFile(ctx, &wire.CreateStdDataFile{File: 9, Size: 8}) },
		"DeleteFile":         func() error { return c.DeleteFile(ctx, x.data) },
		"ChangeKeySettings":  func() error { return c.ChangeKeySettings(ctx, 0x0F) },
	}
	if x.scheme == wire.SchemeEV1 {
		m["ISOReadBinary"] = func() error { _, err := c.ISOReadBinary(ctx, x.data, 0, 4); return err }
		m["ISOReadRecords"] = func() error { _, err := c.ISOReadRecords(ctx, x.log, 0, wire.RecordOne); return err }
		m["Do ISOReadBinary"] = func() error {
			_, err := desfire.Do(ctx, c, &wire.ISOReadBinary{EF: wire.ShortEF{ID: uint8(x.data), InP1: true}, Length: 4})
			return err
		}
		m["Do ISOReadRecord"] = func() error {
			_, err := desfire.Do(ctx, c, &wire.ISOReadRecord{EF: uint8(x.log), Length: 16})
			return err
		}
	}
	if x.gen == wire.Light {
		delete(m, "CreateFile")
		delete(m, "ChangeKeySettings")
	}
	for _, h := range harmless {
		if x.knows(h.ins) {
			m[h.name] = func() error { return h.run(x, c) }
		}
	}
	return m
}

// A forged refusal of a harmless command ends the session. Nothing that it would
// have protected then goes in plain, until the caller says so.
func TestNothingGoesInPlainAfterALostSession(t *testing.T) {
	ctx := context.Background()
	for _, x := range proven {
		for _, h := range harmless {
			if !x.knows(h.ins) {
				continue
			}
			t.Run(x.name+" "+h.name, func(t *testing.T) {
				picc := x.card(t, wire.CommMAC)
				card, air := x.open(t, picc, nil)
				for _, no := range []desfire.FileNo{x.data, x.value, x.log} {
					if _, err := card.FileSettings(ctx, no); err != nil {
						t.Fatal(err)
					}
				}
				// Plain answers that would be believed.
				lose := func() {
					t.Helper()
					air.plan = nil
					air.on(trick{ins: h.ins, hide: true, answer: forged("919D")})
					if err := h.run(x, card); !as[*desfire.CommandError](err) {
						t.Fatalf("the forged refusal: %v", err)
					}
					if _, ok := card.Session(); ok {
						t.Fatal("the session goes on")
					}
					air.on(trick{ins: wire.InsGetValue, hide: true, always: true, answer: forged("FFFF00009100")},
						trick{ins: wire.InsDebit, hide: true, always: true, answer: forged("9100")})
					air.sent = nil
				}
				lose()
				for name, run := range protected(x, card) {
					if err := run(); !as[*desfire.SessionLostError](err) || len(air.sent) > 0 {
						t.Errorf("%s: %v, sent %X", name, err, air.sent)
					}
				}
				if err := x.login(card); err != nil {
					t.Fatalf("authenticating: %v", err)
				}
				air.plan = nil
				if v, err := card.Value(ctx, x.value); err != nil || v != 500 {
					t.Errorf("after an authentication: %d, %v", v, err)
				}
				lose()
				if err := x.enter(card); err != nil {
					t.Fatalf("selecting: %v", err)
				}
				air.plan = nil
				if _, err := card.Files(ctx); err != nil {
					t.Errorf("after a selection: %v", err)
				}
				if err := x.login(card); err != nil {
					t.Fatal(err)
				}
				lose()
				card.AllowPlain()
				if v, err := card.Value(ctx, x.value); err != nil || v != 0xFFFF {
					t.Errorf("where plain is meant: %d, %v", v, err)
				}
			})
		}
	}
}

// An authentication that the card refuses, and a selection that it refuses, are
// no way back to plain either.
func TestFailedAuthenticationAllowsNoPlain(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		for name, fail := range map[string]func(card *desfire.Card) error{
			"Authenticate": func(card *desfire.Card) error {
				return card.AuthenticateWith(ctx, x.method, x.key, keyOf(t, x.typ, 0x40))
			},
			"Do": func(card *desfire.Card) error {
				_, err := desfire.Do(ctx, card, &wire.Authenticate{Key: x.key})
				if err == nil {
					return fmt.Errorf("begun")
				}
				return err
			},
			"SelectApplication": func(card *desfire.Card) error { return card.SelectApplication(ctx, 0x999999) },
		} {
			if x.gen == wire.Light && name != "Authenticate" {
				continue
			}
			t.Run(x.name+" "+name, func(t *testing.T) {
				card, air := x.open(t, x.card(t, wire.CommMAC), nil)
				if err := fail(card); err == nil {
					t.Fatal("no failure")
				}
				air.on(trick{ins: wire.InsGetValue, hide: true, answer: forged("FFFF00009100")})
				air.sent = nil
				if v, err := card.Value(ctx, x.value); !as[*desfire.SessionLostError](err) || len(air.sent) > 0 {
					t.Errorf("value %d, %v, sent %X", v, err, air.sent)
				}
			})
		}
	}
}

// What the session would not have protected goes on after it: a file that is
// plain and free to all.
func TestPlainFilesGoOnAfterALostSession(t *testing.T) {
	ctx := context.Background()
	for _, x := range proven {
		card, air := x.open(t, x.card(t, wire.CommPlain), nil)
		if _, err := card.Value(ctx, x.value); err != nil {
			t.Fatal(err)
		}
		air.on(trick{ins: wire.InsGetKeyVersion, hide: true, answer: forged("919D")})
		if _, err := card.KeyVersion(ctx, 0); err == nil {
			t.Fatal("no refusal")
		}
		_, err := card.Value(ctx, x.value)
		// Every answer of an EV1 session has a MAC.
		if lost := as[*desfire.SessionLostError](err); lost != (x.scheme == wire.SchemeEV1) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}
