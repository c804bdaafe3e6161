package unlock_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

var (
	place = wire.Place{AID: 0xF48121}
	uid   = []byte{4, 1, 2, 3, 4, 5, 6}
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func rights(v uint16) wire.AccessRights { return wire.AccessRightsFromUint16(v) }

func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

// secret is the key of a number, with the number and ten as its version.
func secret(t *testing.T, typ key.Type, no int) *key.Secret {
	t.Helper()
	k, err := key.New(typ, bytes.Repeat([]byte{byte(16 + 2*no), byte(32 + 4*no)}, typ.Size()/2), byte(10+no))
	must(t, err)
	return k.WithVersion(byte(10 + no)) // a DES key has it in its parity bits
}

// air lies between reader and card.
type air struct {
	*sim.Activation
	sent []byte // instructions
	lie  func(ins byte, nth int) []byte
}

func (a *air) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	ins := cmd[1]
	if cmd[0] != 0x90 {
		return a.Activation.Transmit(ctx, cmd)
	}
	a.sent = append(a.sent, ins)
	if a.lie != nil {
		nth := 0
		for _, s := range a.sent {
			if s == ins {
				nth++
			}
		}
		if answer := a.lie(ins, nth); answer != nil {
			return answer, nil
		}
	}
	return a.Activation.Transmit(ctx, cmd)
}

// count is how often an instruction was sent.
func (a *air) count(ins ...byte) (n int) {
	for _, s := range a.sent {
		if slices.Contains(ins, s) {
			n++
		}
	}
	return n
}

// attempts are first frames of authentications.
func (a *air) attempts() int {
	return a.count(wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First)
}

// made is a card with an application of four keys and files of all kinds of
// rights.
func made(t *testing.T, g wire.Generation, ks1 wire.KeySett1, conf ...desfire.Config) (*desfire.Card, *air, func(...int) keystore.Map) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g, UID: uid})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	typ := key.TypeAES
	if g == wire.D40 {
		typ = key.Type2K3DES
	}
	zero := key.Zero(typ)
	must(t,
		card.CreateFrozenApplication(ctx, &wire.CreateApplication{AID: place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ.Wire(), 4)}),
		card.Select(ctx, place),
		card.Authenticate(ctx, 0, zero),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 0, Option: wire.OptionFull, Access: rights(0x1230), Size: 8}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionMAC, Access: rights(0xE230), Size: 8}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 2, Access: rights(0xEEEE), Size: 8}),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 3, Access: rights(0xFFFF), Size: 8}),
		card.CreateFile(ctx, &wire.CreateValueFile{File: 4, Access: rights(0x1230), Upper: 9}),
	)
	for no := 3; no >= 0; no-- {
		must(t, card.ChangeKey(ctx, wire.KeyNo(no), secret(t, typ, no), zero))
	}
	must(t, card.Authenticate(ctx, 0, secret(t, typ, 0)), card.ChangeKeySettings(ctx, ks1))
	must(t, card.Close())
	picc.Lift()
	must(t, picc.Return())
	a := &air{Activation: picc.Present()}
	conf = append(conf, desfire.Config{})
	card, err = desfire.Connect(ctx, a, &conf[0]) // one that has seen none of it
	must(t, err)
	t.Cleanup(func() { card.Close() })
	a.sent = nil
	return card, a, func(numbers ...int) keystore.Map {
		m := keystore.Map{}
		for _, no := range numbers {
			m[keystore.Ref{Place: place, Key: keystore.Number(wire.KeyNo(no))}] = keystore.Given{Key: secret(t, typ, no), Source: "ring"}
		}
		return m
	}
}

var classic = []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3}

// The key is the first that has the right and is in the ring.
func TestFile(t *testing.T) {
	ctx := context.Background()
	const none, hidden = -1, wire.SettDefault &^ wire.SettFreeDirectory
	for _, g := range classic {
		for _, tc := range []struct {
			name   string
			ks1    wire.KeySett1
			ring   []int
			plain  bool
			file   wire.FileNo
			acts   []inspect.Act
			key    int // of the session
			choice []int
			err    string
		}{
			{"the right's own key", wire.SettDefault, []int{0, 1, 2, 3}, false, 0, []inspect.Act{inspect.ActRead}, 1, []int{1}, ""},
			{"the other that may", wire.SettDefault, []int{0, 2, 3}, false, 0, []inspect.Act{inspect.ActRead}, 3, []int{3}, ""},
			{"all acts", wire.SettDefault, []int{0, 1, 2, 3}, false, 0, []inspect.Act{inspect.ActRead, inspect.ActWrite}, 3, []int{3}, ""},
			{"none", wire.SettDefault, []int{0, 2}, false, 0, []inspect.Act{inspect.ActRead}, none, nil, "file 0 of F48121 is read with key 1 or key 3, and the ring has neither"},
			{"none, though plain is allowed", wire.SettDefault, []int{0, 2}, true, 0, []inspect.Act{inspect.ActRead}, none, nil, "and the ring has neither"},
			{"no key does both", wire.SettDefault, []int{0, 1, 2, 3}, false, 0, []inspect.Act{inspect.ActRead, inspect.ActChange}, none, nil, "nobody may read and change file 0 of F48121 with one key"},
			{"free, with the key that may as well", wire.SettDefault, []int{0, 2, 3}, true, 1, []inspect.Act{inspect.ActRead}, 3, []int{3}, ""},
			{"free, with any key", wire.SettDefault, []int{2}, false, 1, []inspect.Act{inspect.ActRead}, 2, []int{2}, ""},
			{"free and written", wire.SettDefault, []int{0, 2, 3}, false, 1, []inspect.Act{inspect.ActRead, inspect.ActWrite}, 3, []int{3}, ""},
			{"free and written, less well", wire.SettDefault, []int{0, 2}, false, 1, []inspect.Act{inspect.ActRead, inspect.ActWrite}, 2, []int{2}, ""},
			{"free, without a key", wire.SettDefault, nil, true, 1, []inspect.Act{inspect.ActRead}, none, []int{none}, ""},
			{"free, and not allowed", wire.SettDefault, nil, false, 1, []inspect.Act{inspect.ActRead}, none, nil, "anybody may read file 1 of F48121, says the card, which nothing proves"},
			{"all free", wire.SettDefault, []int{2, 3}, true, 2, []inspect.Act{inspect.ActRead, inspect.ActWrite}, none, []int{none}, ""},
			{"never", wire.SettDefault, []int{0, 1, 2, 3}, true, 3, []inspect.Act{inspect.ActRead}, none, nil, "nobody may read file 3 of F48121: read, write and change never"},
			{"no such act", wire.SettDefault, []int{0, 1}, true, 0, []inspect.Act{inspect.ActDebit}, none, nil, "there is no way to debit file 0 of F48121"},
			{"value", wire.SettDefault, []int{3, 1}, false, 4, []inspect.Act{inspect.ActDebit}, 1, []int{1}, ""},
			{"credit", wire.SettDefault, []int{1, 2}, false, 4, []inspect.Act{inspect.ActCredit}, none, nil, "file 4 of F48121 is credited with key 3, and the ring does not have it"},
			{"nothing", wire.SettDefault, []int{2}, false, 0, nil, 2, []int{2}, ""},
			{"no such file", wire.SettDefault, []int{2}, false, 9, nil, none, nil, "FILE_NOT_FOUND"},
			{"hidden settings", hidden, []int{0, 1}, false, 0, []inspect.Act{inspect.ActRead}, 1, []int{0, 1}, ""},
			{"hidden settings of the master key", hidden, []int{0, 1}, false, 0, []inspect.Act{inspect.ActChange}, 0, []int{0}, ""},
			{"hidden settings, no master key", hidden, []int{1, 2, 3}, true, 0, []inspect.Act{inspect.ActRead}, none, nil, "the settings of file 0 of F48121 are read with key 0, and the ring does not have it"},
			{"hidden settings, not the key", hidden, []int{0, 2}, false, 0, []inspect.Act{inspect.ActRead}, 0, []int{0}, "file 0 of F48121 is read with key 1 or key 3"},
			{"hidden settings, free", hidden, []int{0}, false, 1, []inspect.Act{inspect.ActRead}, 0, []int{0}, ""},
			{"hidden settings, better than free", hidden, []int{0, 3}, false, 1, []inspect.Act{inspect.ActRead}, 3, []int{0, 3}, ""},
		} {
			t.Run(g.String()+" "+tc.name, func(t *testing.T) {
				card, a, ring := made(t, g, tc.ks1)
				var chosen []int
				o := &unlock.Opener{Store: ring(tc.ring...), Plain: tc.plain, OnChoice: func(c unlock.Choice) {
					no := int(c.No)
					if c.Plain {
						no = none
					} else if want := byte(10 + no); !c.VersionKnown || c.CardVersion != want || c.Facts.Version != want || c.Facts.Source != "ring" {
						t.Errorf("chosen: %+v", c)
					}
					chosen = append(chosen, no)
				}}
				fs, err := o.File(ctx, card, place, tc.file, tc.acts...)
				if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%v, want %q", err, tc.err)
				}
				if !slices.Equal(chosen, tc.choice) {
					t.Errorf("chosen %v, want %v", chosen, tc.choice)
				}
				s, open := card.Session()
				if open != (tc.key != none) || open && int(s.KeyNo) != tc.key {
					t.Errorf("session %v of key %v, want %v", open, s.KeyNo, tc.key)
				}
				if err != nil {
					return
				}
				if want := map[wire.FileNo]uint16{0: 0x1230, 1: 0xE230, 2: 0xEEEE, 4: 0x1230}[tc.file]; fs == nil || fs.Access.Uint16() != want {
					t.Errorf("settings %+v", fs)
				}
				before := a.count(wire.InsGetFileSettings)
				if slices.Contains(tc.acts, inspect.ActRead) {
					_, err := card.ReadData(ctx, tc.file, 0, 4)
					must(t, err)
				}
				if slices.Contains(tc.acts, inspect.ActWrite) {
					must(t, card.WriteData(ctx, tc.file, 0, []byte{1}))
				}
				if slices.Contains(tc.acts, inspect.ActDebit) {
					_, err := card.Value(ctx, tc.file)
					must(t, err)
				}
				if a.count(wire.InsGetFileSettings) != before {
					t.Error("the session had to ask for the settings again")
				}
			})
		}
	}
}

// Cards that come with their application take its name or app for the place.
func TestFixed(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.Light, wire.NTAG424} {
		picc, err := sim.New(&sim.Config{Generation: g, UID: uid})
		must(t, err)
		a := &air{Activation: picc.Present()}
		card, err := desfire.Connect(ctx, a, nil)
		must(t, err)
		ref := keystore.Ref{Place: wire.Place{Fixed: true}, Key: keystore.Number(2)}
		o := &unlock.Opener{Store: keystore.Map{ref: {Key: key.Zero(key.TypeAES)}}}
		for _, p := range []wire.Place{{Fixed: true}, {Name: string(g.FixedName())}} {
			file, act := wire.FileNo(3), inspect.ActRead
			if g == wire.Light {
				file, act = 0, inspect.ActWrite // F30: key 3
				o.Store = unlock.One(3, key.Zero(key.TypeAES), "")
			}
			var choice unlock.Choice
			o.OnChoice = func(c unlock.Choice) { choice = c }
			if _, err := o.File(ctx, card, p, file, act); err != nil {
				t.Errorf("%v %v: %v", g, p, err)
			}
			if !choice.TypeKnown || choice.CardType != wire.KeyAES {
				t.Errorf("%v: %+v", g, choice)
			}
		}
		if err := o.Place(ctx, card, wire.Place{Fixed: true}, unlock.ChangeKey(1)); !as[*unlock.NoKeyError](err) {
			t.Errorf("%v: %v", g, err)
		}
		o.Store = unlock.One(0, key.Zero(key.TypeAES), "")
		must(t, o.Place(ctx, card, wire.Place{Fixed: true}, unlock.ChangeKey(1)))
		if s, ok := card.Session(); !ok || s.KeyNo != 0 {
			t.Errorf("%v: %+v", g, s)
		}
		card.Close()
	}
}

func TestPlace(t *testing.T) {
	ctx := context.Background()
	const none = -1
	all := []int{0, 1, 2, 3}
	for _, g := range classic {
		for _, tc := range []struct {
			name  string
			ks1   wire.KeySett1
			ring  []int
			plain bool
			need  unlock.Need
			key   int
			err   string
		}{
			{"list", 0x0B, all, false, unlock.List, 0, ""},
			{"list, plain", 0x0B, []int{1}, true, unlock.List, none, ""},
			{"list, any key", 0x0B, []int{1}, false, unlock.List, 1, ""},
			{"list, no key", 0x0B, nil, false, unlock.List, none, "anybody may list the files in F48121"},
			{"list, hidden", 0x09, all, true, unlock.List, 0, ""},
			{"list, hidden, no key", 0x09, []int{1}, true, unlock.List, none, "the files in F48121 are listed with key 0, and the ring does not have it"},
			{"create, free", 0x0F, []int{2}, true, unlock.Create, none, ""},
			{"create", 0x0B, all, true, unlock.Create, 0, ""},
			{"delete", 0x0B, []int{1}, true, unlock.Delete, none, "files in F48121 are deleted with key 0"},
			{"settings", 0x0B, all, true, unlock.ChangeSettings, 0, ""},
			{"settings, frozen", 0x03, all, true, unlock.ChangeSettings, none, "nobody may change the key settings of F48121"},
			{"master", 0x0B, all, true, unlock.Master, 0, ""},
			{"master, none", 0x0B, []int{1}, true, unlock.Master, none, "to use the master key of F48121 takes key 0"},
			{"change key", 0x2B, all, true, unlock.ChangeKey(1), 2, ""},
			{"change the change key", 0x2B, all, true, unlock.ChangeKey(2), 0, ""},
			{"change the master key", 0x2B, all, true, unlock.ChangeKey(0), 0, ""},
			{"change the frozen master key", 0x2A, all, true, unlock.ChangeKey(0), none, "nobody may change key 0 of F48121"},
			{"change itself", 0xEB, all, true, unlock.ChangeKey(3), 3, ""},
			{"change frozen keys", 0xFB, all, true, unlock.ChangeKey(3), none, "nobody may change key 3 of F48121"},
			{"change key, hidden", 0x29, all, true, unlock.ChangeKey(1), 2, ""},
			{"change key, hidden, no master key", 0x29, []int{2}, true, unlock.ChangeKey(1), none, "key 1 of F48121 is changed with key 0"},
			{"change key, none", 0x2B, []int{0, 1}, true, unlock.ChangeKey(1), none, "key 1 of F48121 is changed with key 2, and the ring does not have it"},
		} {
			t.Run(g.String()+" "+tc.name, func(t *testing.T) {
				card, a, ring := made(t, g, tc.ks1)
				err := (&unlock.Opener{Store: ring(tc.ring...), Plain: tc.plain}).Place(ctx, card, place, tc.need)
				if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%v, want %q", err, tc.err)
				}
				s, open := card.Session()
				if open != (tc.key != none) || open && int(s.KeyNo) != tc.key {
					t.Errorf("session %v of key %v, want %v", open, s.KeyNo, tc.key)
				}
				if err != nil && a.attempts() > 0 {
					t.Error("an attempt was spent")
				}
				if app := card.Application(); app != place.AID {
					t.Errorf("application %v", app)
				}
			})
		}
	}
}

// At the card level there are keys with special purposes.
func TestCardLevel(t *testing.T) {
	ctx := context.Background()
	for _, g := range classic {
		card, _, _ := made(t, g, wire.SettDefault)
		master := unlock.One(0, key.Zero(key.Type2K3DES), "as delivered", wire.Place{})
		for _, tc := range []struct {
			need unlock.Need
			opts unlock.Opener
			open bool
			err  string
		}{
			{unlock.Delete, unlock.Opener{Store: master}, true, ""},
			{unlock.Delete, unlock.Opener{Plain: true}, false, "applications on the card are deleted with key 0, and the ring does not have it"},
			{unlock.Create, unlock.Opener{Plain: true}, false, ""},
			{unlock.Create, unlock.Opener{}, false, "anybody may create an application on the card"},
			{unlock.List, unlock.Opener{Store: master}, true, ""},
			{unlock.Delete, unlock.Opener{Store: unlock.One(0, key.Zero(key.TypeAES), "", place)}, false, "key 0"},
			{unlock.ChangeKey(wire.KeyVCProximity), unlock.Opener{}, false, "key 0x21 of the card is changed with key 0x20 or key 0, and the ring has neither"},
			{unlock.ChangeKey(wire.KeyVCConfig), unlock.Opener{Store: master}, true, ""},
		} {
			err := tc.opts.Place(ctx, card, wire.Place{}, tc.need)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%v: %v, want %q", g, err, tc.err)
			}
			if _, open := card.Session(); open != tc.open {
				t.Errorf("%v: session %v", g, open)
			}
		}
	}
}

// Enter takes the key that sees most, and none where there is none.
func TestEnter(t *testing.T) {
	ctx := context.Background()
	for _, tc := range []struct {
		ks1  wire.KeySett1
		ring []int
		lie  func(byte, int) []byte
		key  int // -1: no session
	}{
		{0x0F, []int{3, 0, 1}, nil, 0},
		{0x0F, []int{3, 2}, nil, 2},
		{0x0E, []int{3}, nil, 3},
		{0x0D, []int{2}, nil, 2},
		{0x0D, nil, nil, -1},
		{0x0F, []int{1}, lie(wire.InsGetKeyVersion, 0, 0x77, 0x91, 0), -1},
	} {
		card, a, ring := made(t, wire.EV2, tc.ks1)
		a.lie = tc.lie
		var last unlock.Choice
		o := &unlock.Opener{Store: ring(tc.ring...), OnChoice: func(c unlock.Choice) { last = c }}
		files := 0
		c, err := inspect.Read(ctx, card, &inspect.Config{Places: []wire.Place{place}, Enter: o.Enter})
		if len(c.Applications) == 1 {
			files = len(c.Applications[0].Files)
		}
		s, open := card.Session()
		shown := tc.key == 0 || tc.ks1.Has(wire.SettFreeDirectory)
		if err != nil || shown != (files == 5) {
			t.Errorf("%v: %d files, %v", tc.ring, files, err)
		}
		if shown && (open != (tc.key >= 0) || open && int(s.KeyNo) != tc.key) || last.Plain != (tc.key < 0) {
			t.Errorf("%v: session %v of key %v, %v", tc.ring, open, s.KeyNo, last)
		}
	}
	// A wrong key is an error, so that nobody tries it again and again.
	card, _, _ := made(t, wire.EV2, wire.SettDefault)
	if err := (&unlock.Opener{Store: unlock.One(1, key.Zero(key.TypeAES), "")}).Enter(ctx, card, place); !as[*unlock.RefusedKeyError](err) {
		t.Error(err)
	}
}
