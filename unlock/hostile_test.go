package unlock_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// lie answers the nth command of an instruction.
func lie(ins byte, nth int, answer ...byte) func(byte, int) []byte {
	return func(i byte, n int) []byte {
		if i == ins && (n == nth || nth == 0) {
			return append(answer[:len(answer):len(answer)], 0)[:len(answer)]
		}
		return nil
	}
}

// both tells two lies.
func both(a, b func(byte, int) []byte) func(byte, int) []byte {
	return func(ins byte, nth int) []byte {
		if answer := a(ins, nth); answer != nil {
			return answer
		}
		return b(ins, nth)
	}
}

var (
	// A standard file of 8 bytes, enciphered: free to all, or to keys 0.
	freeFile   = []byte{0, 3, 0xEE, 0xEE, 8, 0, 0, 0x91, 0}
	masterFile = []byte{0, 3, 0x00, 0x00, 8, 0, 0, 0x91, 0}
)

// What a card says in clear chooses a key, and nothing else.
func TestForged(t *testing.T) {
	ctx := context.Background()
	read := func(o *unlock.Opener, card *desfire.Card) error {
		_, err := o.File(ctx, card, place, 0, inspect.ActRead) // with keys 1 and 3
		return err
	}
	change := func(o *unlock.Opener, card *desfire.Card) error {
		return o.Place(ctx, card, place, unlock.ChangeKey(1))
	}
	create := func(o *unlock.Opener, card *desfire.Card) error { return o.Place(ctx, card, place, unlock.Create) }
	yes := func(error) bool { return true }
	for _, tc := range []struct {
		name     string
		ring     []int
		opts     unlock.Opener
		lie      func(byte, int) []byte
		do       func(*unlock.Opener, *desfire.Card) error
		is       func(error) bool
		text     string
		attempts int
	}{
		{"free in clear, another key", []int{0, 2}, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, freeFile...), read,
			as[*unlock.ContradictionError], "in clear it said: read, write and change free; in the session with key 0: read key 1 or 3; write key 2 or 3; change key 0", 1},
		{"free in clear, the right key", []int{3}, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, freeFile...), read, yes, "", 1},
		{"free in clear, no key", nil, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, freeFile...), read, as[*unlock.PlainError], "which nothing proves", 0},
		{"other rights in clear", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, masterFile...), read, as[*unlock.ContradictionError], "in the session with key 0", 1},
		{"other rights in clear, plain allowed", []int{0, 1}, unlock.Opener{Plain: true}, lie(wire.InsGetFileSettings, 1, masterFile...), read, as[*unlock.ContradictionError], "in the session with key 0", 1},
		{"settings refused in clear", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, 0x91, 0xAE), read, yes, "", 2},
		{"settings refused in clear, no master key", []int{1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 1, 0x91, 0xAE), read, as[*unlock.NoKeyError], "are read with key 0", 0},
		{"settings refused in clear, a version in the session", []int{0, 1}, unlock.Opener{}, both(lie(wire.InsGetFileSettings, 1, 0x91, 0xAE), lie(wire.InsGetKeyVersion, 2, 0x91, 0xAE)), read,
			as[*desfire.CommandError], "does not tell the version of key 1 of F48121 in a session with key 0", 1},
		{"settings refused always", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 0, 0x91, 0xAE), read, as[*desfire.CommandError], "AUTHENTICATION_ERROR", 1},
		{"settings not given", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 0, 0x91, 0x9D), read, as[*desfire.CommandError], "PERMISSION_DENIED", 0},
		{"settings refused in the session", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 2, 0x91, 0xAE), read, as[*unlock.ContradictionError], "in the session with key 1 it refuses to tell: ", 1},
		{"settings without a MAC", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetFileSettings, 2, freeFile...), read, as[*desfire.IntegrityError], "", 1},
		{"another version", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetKeyVersion, 0, 0x77, 0x91, 0), read,
			as[*unlock.MismatchError], "key 1 of F48121 is AES version 77 on the card, and AES version 0B check", 0},
		{"another version, forced", []int{0, 1}, unlock.Opener{Force: true}, lie(wire.InsGetKeyVersion, 0, 0x77, 0x91, 0), read, yes, "", 1},
		{"another version of the first key", []int{1, 3}, unlock.Opener{}, lie(wire.InsGetKeyVersion, 1, 0x77, 0x91, 0), read, yes, "", 1},
		{"no version", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetKeyVersion, 0, 0x91, 0xAE), read, yes, "", 1},
		{"no such key", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetKeyVersion, 0, 0x91, 0x40), read, as[*desfire.CommandError], "key 1 of F48121", 0},
		{"another type", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetKeySettings, 1, 0x0F, 0x04, 0x91, 0), read,
			as[*unlock.MismatchError], "is DES/2K3DES version 0B on the card", 0},
		{"another type, plain allowed", []int{0, 1}, unlock.Opener{Plain: true}, lie(wire.InsGetKeySettings, 1, 0x0F, 0x04, 0x91, 0), read, as[*unlock.MismatchError], "not tried", 0},
		{"key settings not given", []int{0, 1}, unlock.Opener{}, lie(wire.InsGetKeySettings, 1, 0x91, 0xAE), read, yes, "", 1},
		{"key settings not given, change a key", []int{0, 2}, unlock.Opener{}, lie(wire.InsGetKeySettings, 1, 0x91, 0xAE), change, yes, "", 2},
		{"another change key", []int{0, 3}, unlock.Opener{}, lie(wire.InsGetKeySettings, 1, 0x3F, 0x84, 0x91, 0), change, as[*unlock.ContradictionError], "in the session with key 3", 1},
		{"free to create, another key", []int{1}, unlock.Opener{}, lie(wire.InsGetKeySettings, 1, 0x2F, 0x84, 0x91, 0), create, as[*unlock.ContradictionError], "in clear it said: master key changeable, free directory, free create", 1},
		{"key settings refused in the session", []int{2}, unlock.Opener{}, lie(wire.InsGetKeySettings, 2, 0x91, 0xAE), change, as[*unlock.ContradictionError], "refuses to tell", 1},
		{"the authentication refused", []int{1, 3}, unlock.Opener{}, lie(wire.InsAuthenticateEV2First, 0, 0x91, 0xAE), read, as[*unlock.RefusedKeyError], "key 1 of F48121 is not AES version 0B", 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			card, a, ring := made(t, wire.EV2, 0x2B)
			a.lie = tc.lie
			o := tc.opts
			o.Store = ring(tc.ring...)
			err := tc.do(&o, card)
			if !tc.is(err) || tc.text == "" && errors.As(err, new(*unlock.NoKeyError)) || !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Errorf("%v, want %q", err, tc.text)
			}
			if n := a.attempts(); n != tc.attempts {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
}

// Whatever one answer is, a success is a session whose key has the right, and
// the settings are the card's.
func TestEveryLie(t *testing.T) {
	ctx := context.Background()
	answers := [][]byte{freeFile, masterFile, {0x91, 0}, {0x77, 0x91, 0}, {0x0B, 0x91, 0}, {0xFF, 0x84, 0x91, 0}, {0xEF, 0x04, 0x91, 0}}
	for _, st := range []byte{0x0C, 0x1C, 0x1E, 0x40, 0x7E, 0x9D, 0x9E, 0xA0, 0xAD, 0xAE, 0xAF, 0xCA, 0xF0} {
		answers = append(answers, []byte{0x91, st})
	}
	for _, ins := range []byte{wire.InsSelectApplication, wire.InsGetKeySettings, wire.InsGetFileSettings, wire.InsGetKeyVersion, wire.InsAuthenticateEV2First, wire.InsAdditionalFrame} {
		for nth := range 4 {
			for _, answer := range answers {
				card, a, ring := made(t, wire.EV2, 0x2B)
				a.lie = lie(ins, nth, answer...)
				fs, err := (&unlock.Opener{Store: ring(0, 1, 2, 3)}).File(ctx, card, place, 0, inspect.ActRead)
				s, open := card.Session()
				name := fmt.Sprintf("%02X no %d is %X", ins, nth, answer)
				if err == nil && (!open || s.KeyNo != 1 && s.KeyNo != 3 || fs.Access != rights(0x1230)) {
					t.Errorf("%s: %+v %v", name, s, fs)
				}
				if n := a.attempts(); n > 2 || err != nil && !as[*unlock.ContradictionError](err) && !as[*desfire.IntegrityError](err) && !as[*desfire.CommandError](err) && !as[*unlock.MismatchError](err) && !as[*unlock.RefusedKeyError](err) {
					t.Errorf("%s: %d attempts, %v", name, n, err)
				}
			}
		}
	}
}

// In a D40 session the second answer may be forged as well: it is believed, and
// the library knows that nothing protects it.
func TestForgedD40(t *testing.T) {
	ctx := context.Background()
	card, a, ring := made(t, wire.D40, wire.SettDefault, desfire.Config{RequireProtected: true})
	a.lie = lie(wire.InsGetFileSettings, 0, 0, 0, 0x30, 0x12, 8, 0, 0, 0x91, 0) // plain
	must(t, func() error {
		_, err := (&unlock.Opener{Store: ring(1)}).File(ctx, card, place, 0, inspect.ActRead)
		return err
	}())
	if s, _ := card.Session(); s.Scheme != wire.SchemeD40 || s.KeyNo != 1 {
		t.Errorf("%+v", s)
	}
	// A card that is connected with RequireProtected does not read so.
	if _, err := card.ReadData(ctx, 0, 0, 8); !as[*desfire.ProtectionError](err) {
		t.Error(err)
	}
}

// A wrong key is refused by the card, once, and the error says which it was.
func TestWrongKey(t *testing.T) {
	ctx := context.Background()
	for _, g := range classic {
		card, a, _ := made(t, g, wire.SettDefault)
		typ := key.TypeAES
		if g == wire.D40 {
			typ = key.Type2K3DES
		}
		o := &unlock.Opener{Store: unlock.One(1, key.Zero(typ), "@wrong.key"), Attempts: 3}
		_, err := o.File(ctx, card, place, 0, inspect.ActRead)
		var refused *unlock.RefusedKeyError
		if !errors.As(err, &refused) || refused.No != 1 || refused.Ref.Place != place || refused.Facts.Source != "@wrong.key" || !errors.Is(err, wire.StatusAuthenticationError) {
			t.Errorf("%v: %v", g, err)
		}
		if n := a.attempts(); n != 1 {
			t.Errorf("%v: %d attempts", g, n)
		}
		if err := (&unlock.Opener{}).Key(ctx, card, place, 9); !as[*unlock.NoKeyError](err) || !strings.Contains(err.Error(), "to authenticate with key 9 of F48121 takes key 9, and the ring does not have it") {
			t.Errorf("%v: %v", g, err)
		}
	}
}
