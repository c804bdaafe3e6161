package perso_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// TestVerify changes one thing of a card at a time and lets Verify find it.
func TestVerify(t *testing.T) {
	ctx := context.Background()
	layout := rich(wire.EV3)
	want := keysFor(t, layout, 0x10)
	conf := &perso.Config{Want: want, Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
	place := wire.Place{AID: appA}
	with := func(card *desfire.Card, p wire.Place, no wire.KeyNo) error {
		if err := card.Select(ctx, p); err != nil {
			return err
		}
		k, err := want.Key(ctx, keystore.Ref{Place: p, Key: keystore.Number(no)})
		if err != nil {
			return err
		}
		return card.Authenticate(ctx, no, k)
	}
	transact := func(card *desfire.Card, body func() error) error {
		_, err := card.Transact(ctx, func() error {
			if err := body(); err != nil {
				return err
			}
			k, err := want.Key(ctx, keystore.Ref{Place: place, Key: keystore.Number(4)})
			if err != nil {
				return err
			}
			if err := card.AuthenticateWith(ctx, key.MethodEV2NonFirst, 4, k); err != nil {
				return err
			}
			_, err = card.CommitReaderID(ctx, [16]byte{})
			return err
		})
		return err
	}
	for _, tc := range []struct {
		name string
		no   wire.KeyNo
		do   func(card *desfire.Card) error
		want string
	}{
		{"data", 2, func(c *desfire.Card) error { return c.WriteData(ctx, 1, 3, []byte{0xEE}) },
			"file 1 of application F48121: content from byte 3 on is EE instead of 04"},
		{"value", 2, func(c *desfire.Card) error { return transact(c, func() error { return c.Credit(ctx, 4, 7) }) },
			"file 4 of application F48121: value is 130 instead of 123"},
		{"one record more", 2, func(c *desfire.Card) error {
			return transact(c, func() error { return c.WriteRecord(ctx, 5, 0, []byte{1}) })
		}, "file 5 of application F48121: number of records is 3 instead of 2"},
		{"another record", 3, func(c *desfire.Card) error {
			return transact(c, func() error { return c.WriteRecord(ctx, 6, 0, []byte{1}) })
		}, "file 6 of application F48121: record "},
		{"rights", 0, func(c *desfire.Card) error {
			return c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 1, Option: wire.OptionFull, Access: access(1, 2, 3, 0)})
		}, "file 1 of application F48121: rights is read key 1, write key 2, read-write key 3, change key 0 instead of"},
		{"mode", 0, func(c *desfire.Card) error {
			return c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 1, Option: wire.OptionMAC, Access: access(1, 2, wire.Never, 0)})
		}, "file 1 of application F48121: mode is mac instead of full"},
		{"further rights", 0, func(c *desfire.Card) error {
			return c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 3, Access: access(3, 3, 1, 0)})
		}, "file 3 of application F48121: further rights is [] instead of [read key 4"},
		{"dynamic messages", 2, func(c *desfire.Card) error {
			return c.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 8, Option: wire.OptionSDM, Access: access(wire.Free, 2, wire.Never, 2)})
		}, "file 8 of application F48121: secure dynamic messaging is none instead of {Options:"},
		{"key", 2, func(c *desfire.Card) error {
			old, _ := want.Key(ctx, keystore.Ref{Place: place, Key: keystore.Number(3)})
			return c.ChangeKey(ctx, 3, theKey(t, key.TypeAES, place, 3, 0x12).WithVersion(0x10), old)
		}, "key 3 of application F48121: key is another one instead of that of the key store"},
		{"key version", 2, func(c *desfire.Card) error {
			old, _ := want.Key(ctx, keystore.Ref{Place: place, Key: keystore.Number(3)})
			return c.ChangeKey(ctx, 3, theKey(t, key.TypeAES, place, 3, 0x77), old)
		}, "key 3 of application F48121: key version is 77 instead of 10"},
		{"key settings", 0, func(c *desfire.Card) error { return c.ChangeKeySettings(ctx, 0x2F) },
			"application F48121: key settings is"},
		{"a file less", 0, func(c *desfire.Card) error { return c.DeleteFile(ctx, 1) },
			"file 1 of application F48121: file is missing instead of there"},
		{"an application less", 0, func(c *desfire.Card) error {
			if err := with(c, wire.Place{}, 0); err != nil {
				return err
			}
			return c.DeleteApplication(ctx, appB)
		}, "application 121314: application is missing instead of there"},
		{"settings of the card", 0, func(c *desfire.Card) error {
			if err := with(c, wire.Place{}, 0); err != nil {
				return err
			}
			return c.ChangeKeySettings(ctx, 0x0B)
		}, "the card: key settings is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			picc := newPICC(t, wire.EV3)
			apply(t, picc, layout, conf)
			card := connect(t, picc)
			if err := with(card, place, tc.no); err != nil {
				t.Fatal(err)
			}
			if err := tc.do(card); err != nil {
				t.Fatal(err)
			}
			list, err := perso.Verify(ctx, connect(t, picc), layout, conf)
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, d := range list {
				switch {
				case strings.HasPrefix(d.String(), tc.want):
					found++
				case d.Unproven == "":
					t.Errorf("also: %v", d)
				}
			}
			if found == 0 {
				t.Errorf("%q was not found in %v", tc.want, list)
			}
		})
	}
}

// What a store does not have is not proved, and not said to be right.
func TestUnproven(t *testing.T) {
	ctx := context.Background()
	layout := rich(wire.EV3)
	conf := &perso.Config{Want: keysFor(t, layout, 0x10), Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
	picc := newPICC(t, wire.EV3)
	apply(t, picc, layout, conf)
	layout, _ = perso.FromCard(readAll(t, picc, conf.Want))
	list, err := perso.Verify(ctx, connect(t, picc), layout, &perso.Config{Values: true})
	if err != nil {
		t.Fatal(err)
	}
	// Neither the card nor the applications tell anything without their keys.
	for _, want := range []string{"the card: key settings is not proved", "the PICC master key: key is not proved", "application F48121: application is not proved"} {
		found := false
		for _, d := range list {
			found = found || strings.HasPrefix(d.String(), want)
		}
		if !found {
			t.Errorf("no %q in %v", want, list)
		}
	}
	if perso.Differs(list) {
		t.Errorf("differences: %v", list)
	}
}

// Verify tries a key once.
func TestOneAttempt(t *testing.T) {
	picc := newPICC(t, wire.EV3)
	layout := small(nil)
	apply(t, picc, layout, &perso.Config{Want: keysFor(t, layout, 0), Journal: new(memJournal)})
	other := keystore.Map{}
	for ref, given := range keysFor(t, layout, 1) { // other keys, of the version that the card tells
		other[ref] = keystore.Given{Key: given.Key.(*key.Secret).WithVersion(0)}
	}
	attempts := 0
	card, err := desfire.Connect(context.Background(), picc.Present(), &desfire.Config{Observe: func(x *desfire.Exchange) {
		if _, ok := x.Command.(*wire.AuthenticateEV2First); ok {
			attempts++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	list, err := perso.Verify(context.Background(), card, layout, &perso.Config{Want: other, Have: keysFor(t, layout, 2)})
	if err != nil || attempts != 3 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	n := 0
	for _, d := range list {
		if strings.Contains(d.String(), "key is another one") {
			n++
		}
	}
	if n != 3 {
		t.Errorf("differences %v", list)
	}
}
