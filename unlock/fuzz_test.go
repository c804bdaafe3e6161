package unlock_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// FuzzOpener opens sessions with random stores. Who is let in has the right as the
// files were made with it, or anybody has; no more authentications fail than are
// allowed; and where no key will do, none is tried.
func FuzzOpener(f *testing.F) {
	for i := range byte(40) {
		f.Add(i%4, 0x0B|i%8<<4, []byte{i % 8, i, i * 7, i / 8, i % 11})
		f.Add(i%4, byte(0x0F), []byte{2 + i%3, 0x0F, 0, i % 5, i / 5, i % 3, i})
		f.Add(i%4, byte(0x0D), []byte{i % 9, 0x0F << (i % 3), 0x55, i % 8, i})
	}
	acts := []inspect.Act{inspect.ActRead, inspect.ActWrite, inspect.ActGetValue, inspect.ActDebit, inspect.ActLimitedCredit, inspect.ActCredit, inspect.ActAppend, inspect.ActChange}
	files := []wire.FileSettings{
		{Access: rights(0x1230), Size: 8}, {Access: rights(0xE230), Size: 8}, {Access: rights(0xEEEE), Size: 8}, {Access: rights(0xFFFF), Size: 8},
		{Type: wire.FileValue, Access: rights(0x1230), Upper: 9},
	}
	f.Fuzz(func(t *testing.T, gen, ks1 byte, in []byte) {
		ctx := context.Background()
		next := func() byte {
			if len(in) == 0 {
				return 0
			}
			b := in[0]
			in = in[1:]
			return b
		}
		g := classic[gen%4]
		settings := wire.KeySett1(ks1)
		if ks1>>4 > 3 && ks1>>4 < 14 {
			settings = settings & 0x3F // the key of another number is none of the four
		}
		card, a, _ := made(t, g, settings|wire.SettChangeable)
		typ := key.TypeAES
		if g == wire.D40 {
			typ = key.Type2K3DES
		}
		how, ring, wrong := next(), next(), next()
		m := keystore.Map{}
		for no := range 4 {
			if ring>>no&1 == 0 {
				continue
			}
			k := secret(t, typ, no)
			switch wrong >> (2 * no) & 3 {
			case 1:
				k = secret(t, typ, 5).WithVersion(byte(10 + no)) // which only the card finds out
			case 2:
				k = k.WithVersion(99)
			case 3:
				if typ == key.TypeAES {
					k = secret(t, key.Type2K3DES, no)
				}
			}
			r := keystore.Ref{Place: place, Key: keystore.Number(wire.KeyNo(no))}
			if ring&0x10 != 0 {
				r.UID = keystore.UID(uid)
			}
			m[r] = keystore.Given{Key: k, Source: "ring"}
		}
		told := 0
		o := &unlock.Opener{Store: m, Plain: ring&0x20 != 0, Force: ring&0x40 != 0, Attempts: int(how & 3), OnChoice: func(c unlock.Choice) {
			told++
			if c.String() == "" || c.Plain && c.Because == nil {
				t.Errorf("choice %+v", c)
			}
		}}
		if ring&0x80 != 0 && len(m) == 1 {
			o.Store = unlock.One(1, secret(t, typ, 1), "one", place)
		}
		var err error
		var want []inspect.Act
		file := int(next()) % len(files)
		job := how >> 2 % 4
		need := unlock.Need(next() % 5)
		switch job {
		case 0, 1:
			for n := next()%3 + 1; n > 0; n-- {
				want = append(want, acts[int(next())%len(acts)])
			}
			if how&0x80 != 0 {
				want = nil
			}
			_, err = o.File(ctx, card, place, wire.FileNo(file), want...)
		case 2:
			if how&0x80 != 0 {
				need = unlock.ChangeKey(wire.KeyNo(next() % 4))
			}
			err = o.Place(ctx, card, place, need)
		default:
			if how&0x80 != 0 {
				err = o.Key(ctx, card, place, wire.KeyNo(next()%4))
			} else {
				err = o.Enter(ctx, card, place)
			}
		}
		s, open := card.Session()
		tries := a.attempts()
		switch {
		case as[*unlock.NoKeyError](err), as[*unlock.MismatchError](err), as[*unlock.NeverError](err), as[*unlock.PlainError](err):
			if open && tries > 1 || !open && tries != 0 {
				t.Errorf("%v after %d authentications", err, tries)
			}
		case as[*unlock.RefusedKeyError](err):
			if open || tries > max(1, int(how&3))+1 {
				t.Errorf("%v after %d authentications, session %v", err, tries, open)
			}
		case err != nil && desfire.Refusal(err) == nil:
			t.Errorf("%T %v", err, err)
		}
		if err != nil && err.Error() == "" {
			t.Error("an error without a word")
		}
		if err != nil {
			return
		}
		if (open || o.Plain) && told == 0 {
			t.Error("nobody was told of the choice")
		}
		if open && o.Store != keystore.Store(nil) && len(m) > 0 {
			if given, ok, _ := o.Store.Has(ctx, keystore.Ref{UID: keystore.UID(uid), Place: place, Key: keystore.Number(s.KeyNo)}); !ok || given.Check != secret(t, typ, int(s.KeyNo)).CheckValue() {
				t.Errorf("a session with key %v, of which the store has %v %v", s.KeyNo, ok, given)
			}
		}
		if job < 2 {
			for _, act := range want {
				grant, ok := inspect.RightsOf(&files[file]).Of(act)
				if !ok || !grant.Free && !(open && grant.Allows(s.KeyNo)) {
					t.Errorf("let in to %s file %d with key %v %v: %+v", act, file, s.KeyNo, open, grant)
				}
				if text := unlock.Sentence(place, wire.FileNo(file), grant); text == "" {
					t.Error("a grant without words")
				}
			}
		}
		if job == 2 && how&0x80 == 0 && need == unlock.Master && (!open || s.KeyNo != 0) {
			t.Errorf("the master key is needed, and the session is %v %v", s.KeyNo, open)
		}
		if open {
			if _, err := o.CardUID(ctx, card, []keystore.Ref{{Place: place, Key: keystore.Number(0)}}); err != nil {
				t.Errorf("a card that shows its identifier: %v", err)
			}
		}
	})
}
