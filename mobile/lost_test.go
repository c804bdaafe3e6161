package mobile

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// valueOn is what the card holds, by another reader.
func valueOn(t *testing.T, picc *sim.Card) int32 {
	t.Helper()
	ctx := context.Background()
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	defer card.Close()
	must(t, card.SelectApplication(ctx, 0xF48121))
	must(t, card.Authenticate(ctx, 1, aes(t, moverKey, 7)))
	v, err := card.Value(ctx, 1)
	must(t, err)
	return v
}

// TestDebitLost takes the card away at every exchange of a debit, before and after the card executes it, on both kinds of
// phones, and holds it to the phone again: it is debited once. What a failure says happened did.
func TestDebitLost(t *testing.T) {
	for _, p := range phones {
		t.Run(p.name, func(t *testing.T) {
			for _, after := range []bool{false, true} {
				last := 0
				for n := 1; last == 0; n++ {
					if n > 100 {
						t.Fatal("a debit of more than 100 exchanges")
					}
					if testDebitLost(t, p, n, after) {
						last = n
					}
				}
				if last < 8 {
					t.Errorf("a debit of %d exchanges: nothing was tested", last-1)
				}
			}
		})
	}
}

// testDebitLost loses one exchange; true: the debit has fewer.
func testDebitLost(t *testing.T, p maker, n int, after bool) bool {
	at := fmt.Sprintf("exchange %d, after %v", n, after)
	picc := newPurseCard(t)
	layout, keys := purseLayout(t, picc), newKeys(t)
	path := filepath.Join(t.TempDir(), "purse.db")
	wallet, err := OpenPurse(path, layout, keys)
	must(t, err)
	defer func() { must(t, wallet.Close()) }()
	a := tap(t, picc)
	a.loseAt, a.after = n, after
	card, err := p.open(a, nil)
	if err == nil {
		_, err = wallet.Debit(card, 5, "ticket")
		card.Close()
	}
	if err == nil {
		if v := valueOn(t, picc); v != 95 {
			t.Errorf("%s: nothing was lost, and the card has %d", at, v)
		}
		return true
	}
	f := Explain(err)
	if !f.Lost || f.Code != CodeNoCard && f.Code != CodeUnknown || f.What == "" || f.Next == "" {
		t.Errorf("%s: %+v", at, f)
	}
	has := valueOn(t, picc)
	switch {
	case f.Happened == HappenedNo && has != 100, f.Happened == HappenedYes && has != 95:
		t.Errorf("%s: said %s, and the card has %d: %+v", at, f.Happened, has, f)
	case f.Happened == HappenedUnknown && f.Code != CodeUnknown:
		t.Errorf("%s: %+v", at, f)
	}
	if f.Happened == HappenedUnknown {
		fits(t, "purse-change", f.Detail)
		if text, err := wallet.OpenChanges(); err != nil || text == `{"open":[]}` {
			t.Errorf("%s: unknown, and not open: %s, %v", at, text, err)
		}
	}
	if n%2 == 0 { // the app was ended in between
		must(t, wallet.Close())
		wallet, err = OpenPurse(path, "", keys)
		must(t, err)
	}
	card, err = p.open(tap(t, picc), nil)
	must(t, err)
	defer card.Close()
	if n%3 == 0 {
		if _, err := wallet.Settle(card); err != nil {
			t.Errorf("%s: settle: %v", at, err)
		}
		if v := valueOn(t, picc); v != has {
			t.Errorf("%s: settle changed the value from %d to %d", at, has, v)
		}
		card.Close()
		card, err = p.open(tap(t, picc), nil)
		must(t, err)
		defer card.Close()
	}
	text, err := wallet.Debit(card, 5, "ticket")
	if err != nil {
		t.Fatalf("%s: again: %v %+v", at, err, Explain(err))
	}
	if r := fits(t, "purse-change", text); r["decision"] != "happened" {
		t.Errorf("%s: %v", at, r)
	}
	if v := valueOn(t, picc); v != 95 {
		t.Errorf("%s: the card has %d, want 95", at, v)
	}
	return false
}

// TestLayoutLost takes the card away at every exchange at which a layout is made, the odd ones of one phone and the even ones
// of the other, and goes on with the same call.
func TestLayoutLost(t *testing.T) {
	step := 2
	if testing.Short() {
		step = 10
	}
	for i, p := range phones {
		t.Run(p.name, func(t *testing.T) {
			for n := 1 + i; ; n += step {
				if n > 400 {
					t.Fatal("a layout of more than 400 exchanges")
				}
				if testLayoutLost(t, p, n, n/2%2 == 0) {
					if n < 40 {
						t.Errorf("a layout of %d exchanges: hardly anything was tested", n-1)
					}
					return
				}
			}
		})
	}
}

func testLayoutLost(t *testing.T, p maker, n int, after bool) bool {
	at := fmt.Sprintf("exchange %d, after %v", n, after)
	picc, err := sim.New(&sim.Config{UID: []byte{4, 9, 8, 7, 6, 5, 4}})
	must(t, err)
	keys := newKeys(t)
	conf := NewConfig()
	conf.Folder = t.TempDir()
	badge, err := ReadLayout("badge.yaml", badgeText)
	must(t, err)
	must(t, badge.Fill("card_no", "4711"))
	must(t, badge.Fill("name", "Ada"))
	a := tap(t, picc)
	a.loseAt, a.after = n, after
	card, err := p.open(a, conf)
	if err == nil {
		_, err = card.Apply(badge, keys)
		card.Close()
	}
	if err == nil {
		return true
	}
	if f := Explain(err); !f.Lost || f.Code != CodeNoCard && f.Code != CodeUnknown || f.Next == "" {
		t.Errorf("%s: %+v", at, f)
	}
	card, err = p.open(tap(t, picc), conf)
	must(t, err)
	defer card.Close()
	text, err := card.Apply(badge, keys)
	if err != nil {
		t.Fatalf("%s: again: %v %+v", at, err, Explain(err))
	}
	if r := fits(t, "layout-result", text); len(r["differences"].([]any)) != 0 {
		t.Errorf("%s: %v", at, r)
	}
	text, err = card.Read("F48122/1", 0, 8, doorKeys(t))
	if err != nil {
		t.Fatalf("%s: %v", at, err)
	}
	if r := fits(t, "read", text); r["data"] != hexBytes("4711|Ada").String() {
		t.Errorf("%s: the card says %v", at, r["data"])
	}
	return false
}

// doorKeys read what the layout writes.
func doorKeys(t *testing.T) *Keys {
	t.Helper()
	k := NewKeys()
	must(t, k.AddKeyring(`desfire: keys/v1
masters:
  badges-2026: "aes:707172737475767778797A7B7C7D7E7F/01"
keys:
  F48122: {1: {from: badges-2026, version: 1, diversify: {an10922: {uid: true, aid: true, system: "door"}}}}
`, ""))
	t.Cleanup(k.Close)
	return k
}
