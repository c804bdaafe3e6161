package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// rotating has two keys for each place.
type rotating struct{ newer, older key.Key }

func (r rotating) Has(_ context.Context, ref keystore.Ref) (keystore.Facts, bool, error) {
	return keystore.FactsOf(r.newer, "new"), !ref.Place.IsCard(), nil
}
func (r rotating) Key(context.Context, keystore.Ref) (key.Key, error) { return r.newer, nil }
func (r rotating) Slots(_ context.Context, ref keystore.Ref) ([]keystore.Slot, error) {
	if ref.Place.IsCard() {
		return nil, nil
	}
	var slots []keystore.Slot
	for _, k := range []key.Key{r.newer, r.older} {
		slots = append(slots, keystore.Slot{Facts: keystore.FactsOf(k, ""), Key: func(context.Context) (key.Key, error) { return k, nil }})
	}
	return slots, nil
}

// A card that was not changed to the next key yet is debited, and settled, with
// the one that it has.
func TestRotatingKeys(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, false, false)
	next, err := key.NewAES([]byte("fedcba9876543210"), testKey.Version()+1)
	if err != nil {
		t.Fatal(err)
	}
	b.conf.Keys = rotating{next, testKey}
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	b.picc.Inject(sim.Fault{Exchange: 13, Kind: sim.LoseAnswer}) // of the commit
	if _, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10}); !errors.As(err, new(*purse.InDoubtError)) {
		t.Fatal(err)
	}
	r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 10})
	if err != nil || b.value(t) != 490 || r.Entry.Key.Version != testKey.Version() {
		t.Errorf("%v, %d, %+v", err, b.value(t), r)
	}
}
