package purse_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// dear is a store that counts how often keys are got from it.
type dear struct {
	keystore.Map
	got atomic.Int32
}

func (d *dear) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	d.got.Add(1)
	return d.Map.Key(ctx, r)
}

// A purse asks for its keys with each debit, the transaction MAC key too. With a
// cache each is got once; an audit in front of it is told of each use all the same.
func TestKeysOfManyDebits(t *testing.T) {
	ctx := keystore.WithPurpose(context.Background(), "the gate")
	b := newBench(t, wire.EV2, true, true, false)
	d := &dear{Map: b.conf.Keys.(keystore.Map)}
	cache := keystore.NewCache(d, nil)
	var acts []string
	b.conf.Keys = keystore.Audit(cache, func(u keystore.Use) error {
		if u.Purpose != "the gate" {
			t.Errorf("told %v", u)
		}
		acts = append(acts, fmt.Sprint(u.Ref.Key, " ", u.Act))
		return nil
	})
	p := b.open(t)
	card := b.connect(t)
	for i := range 5 {
		acts = acts[:0]
		if _, err := p.Debit(ctx, card, purse.Request{ID: fmt.Sprint("ticket ", i), Amount: 10}); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"1 get", "1 authenticate", "1 session", "tmac get"} {
			if !slices.Contains(acts, want) && !(i > 0 && want[0] == '1') { // the session lasts
				t.Errorf("debit %d: told of %q, not of %s", i, acts, want)
			}
		}
	}
	if n := d.got.Load(); n != 2 || b.value(t) != 450 {
		t.Errorf("keys were got %d times, and %d is left", n, b.value(t))
	}
	if err := cache.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "late", Amount: 10}); err == nil || b.value(t) != 450 {
		t.Errorf("without keys: %v, and %d is left", err, b.value(t))
	}
}
