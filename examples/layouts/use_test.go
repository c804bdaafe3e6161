package layouts_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/ndef"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// open opens a file with the key that may do something with it.
func (x *issued) open(t *testing.T, p wire.Place, no wire.FileNo, act inspect.Act) {
	t.Helper()
	o := &unlock.Opener{Store: x.keys.Want(), Plain: true}
	if _, err := o.File(context.Background(), x.card, p, no, act); err != nil {
		t.Fatal(err)
	}
}

// moved loads a purse with one key and pays with another, as its terminals do.
func (x *issued) moved(t *testing.T, d purse.Discovery, load wire.KeyNo, loads *wire.FileNo, unit int32) *purse.Receipt {
	t.Helper()
	ctx := context.Background()
	d.Keys, d.Journal = x.keys.Want(), purse.Memory(nil)
	loader := d
	loader.KeyNo, loader.Journal, loader.Slot = load, purse.Memory(nil), loads
	till, err := loader.Open(ctx, x.card)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := till.Credit(ctx, x.card, purse.Request{ID: "load 1", Amount: 8 * unit}); err != nil {
		t.Fatal(err)
	}
	gate, err := d.Open(ctx, x.card)
	if err != nil {
		t.Fatal(err)
	}
	for _, again := range []bool{false, true} {
		r, err := gate.Debit(ctx, x.card, purse.Request{ID: "ride 1", Amount: unit})
		if err != nil || r.Stored != again || !again && r.After[0].Value != 7*unit {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	r, err := gate.Debit(ctx, x.card, purse.Request{ID: "ride 2", Amount: unit})
	if err != nil || r.After[0].Value != 6*unit {
		t.Fatalf("%+v, %v", r, err)
	}
	return r
}

func file(no wire.FileNo) *wire.FileNo { return &no }

func TestCampus(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			x := issue(t, "campus.yaml", g, rows(t, "campus.yaml")[0])
			door := wire.Place{AID: 0xF48121}
			x.open(t, door, 1, inspect.ActRead)
			data, err := x.card.ReadData(ctx, 1, 0, 0)
			if want := "100001|Ada Lovelace"; err != nil || string(bytes.TrimRight(data, "\x00")) != want || len(data) != 48 {
				t.Errorf("%q, %v", data, err)
			}
			if s, ok := x.card.Session(); !ok || s.KeyNo != 1 {
				t.Errorf("read in session %v, %v: want key 1, which doors have", s, ok)
			}
			x.moved(t, purse.Discovery{Place: wire.Place{AID: 0xF48122}, File: 1, KeyNo: 1, Slot: file(2), Policy: purse.Accidents}, 2, file(4), 250)
		})
	}
}

func TestTransit(t *testing.T) {
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		t.Run(g.String(), func(t *testing.T) {
			x := issue(t, "transit.yaml", g, rows(t, "transit.yaml")[0])
			r := x.moved(t, purse.Discovery{Place: wire.Place{AID: 0xF58401}, File: 2, KeyNo: 1}, 2, nil, 250)
			if !r.Entry.HasTMAC || r.Entry.TMI == nil {
				t.Errorf("no transaction MAC: %+v", r)
			}
		})
	}
}

func TestLight(t *testing.T) {
	x := issue(t, "light.yaml", wire.Light, rows(t, "light.yaml")[0])
	r := x.moved(t, purse.Discovery{Place: wire.Place{Fixed: true}, File: 3, KeyNo: 1}, 2, nil, 250)
	if !r.Entry.HasTMAC || r.Entry.TMI == nil {
		t.Errorf("no transaction MAC: %+v", r)
	}
}

func TestVisitor(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3} {
		x := issue(t, "visitor.yaml", g, rows(t, "visitor.yaml")[0])
		x.open(t, wire.Place{AID: 0xF4812F}, 1, inspect.ActRead)
		data, err := x.card.ReadData(ctx, 1, 0, 0)
		if want := "Ada Lovelace|2026-12-01"; err != nil || !strings.HasPrefix(string(data), want) {
			t.Errorf("%v: %q, %v", g, data, err)
		}
	}
}

func TestDelegated(t *testing.T) {
	ctx := context.Background()
	for _, g := range []wire.Generation{wire.EV2, wire.EV3} {
		x := issue(t, "delegated.yaml", g, map[string]string{})
		if err := x.card.SelectApplication(ctx, wire.PICC); err != nil {
			t.Fatal(err)
		}
		info, err := x.card.DelegatedInfo(ctx, 1)
		if err != nil || info.AID != 0xF70001 || info.Quota != 16 {
			t.Errorf("%v: %+v, %v", g, info, err)
		}
		x.moved(t, purse.Discovery{Place: wire.Place{AID: 0xF70001}, File: 1, KeyNo: 0, ValueOnly: true, Policy: purse.Accidents, Others: purse.OthersNothing}, 1, nil, 1)
	}
}

// TestSUN asks the tags as a phone does, and checks what they show as a server does.
func TestSUN(t *testing.T) {
	ctx := context.Background()
	for path, g := range map[string]wire.Generation{"sun-ev3.yaml": wire.EV3, "sun-ntag424.yaml": wire.NTAG424} {
		x := issue(t, path, g, map[string]string{})
		keyOf := func(no wire.KeyNo, uid []byte) key.Key {
			p := wire.Place{AID: 1}
			if g == wire.NTAG424 {
				p = wire.Place{Fixed: true}
			}
			k, err := x.keys.Want().Key(ctx, keystore.Ref{UID: keystore.UID(uid), Place: p, Key: keystore.Number(no)})
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		phone, err := desfire.Connect(ctx, x.sim.Present(), nil)
		if err != nil {
			t.Fatal(err)
		}
		v := &sdm.Verifier{
			MetaRead:   keyOf(1, nil),
			FileReadOf: func(_ context.Context, uid []byte) (key.Key, error) { return keyOf(2, uid), nil },
		}
		for n := uint32(1); n < 3; n++ {
			tag, err := ndef.Open(ctx, phone)
			if err != nil {
				t.Fatal(err)
			}
			m, err := tag.Read(ctx)
			if err != nil || len(m) != 1 {
				t.Fatal(m, err)
			}
			uri, err := m[0].URI()
			if err != nil {
				t.Fatal(err)
			}
			r, err := sdm.Guess(uri, false)
			if err != nil {
				t.Fatal(err)
			}
			is, _, err := v.VerifyReading(ctx, r)
			if err != nil || !bytes.Equal(is.UID, x.sim.UID()) || is.Counter != n {
				t.Errorf("%s: %s: %+v, %v", path, uri, is, err)
			}
		}
	}
}
