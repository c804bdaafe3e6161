package desfire_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// ticking is a clock that moves on by one step each time it is read.
func ticking(steps ...time.Duration) func() time.Time {
	at, i := time.Unix(0, 0), 0
	return func() time.Time {
		if i < len(steps) {
			at = at.Add(steps[i])
		}
		i++
		return at
	}
}

func proximityCard(t *testing.T, g desfire.Generation, k key.Key) (*desfire.Card, *sim.Card) {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: g})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, picc)
	config := keyOf(t, key.TypeAES, 0x20)
	for _, err := range []error{
		card.Authenticate(ctx, 0, key.Zero(key.TypeDES)),
		card.ChangeKey(ctx, desfire.KeyVCConfig, config, key.Zero(key.TypeAES)),
		card.Authenticate(ctx, desfire.KeyVCConfig, config),
		card.ChangeKey(ctx, desfire.KeyVCProximity, k, key.Zero(key.TypeAES)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return card, picc
}

func TestProximity(t *testing.T) {
	ctx := context.Background()
	k := keyOf(t, key.TypeAES, 0x60)
	for g, published := range map[desfire.Generation]time.Duration{wire.EV2: 1696 * time.Microsecond, wire.EV3: 800 * time.Microsecond} {
		card, _ := proximityCard(t, g, k)
		for _, rounds := range []int{0, 1, 2, 4, 8} {
			p, err := card.CheckProximity(ctx, k, &desfire.ProximityConfig{
				Rounds: rounds, Limit: 2 * time.Millisecond,
				Now: ticking(0, 3*time.Millisecond, 0, 2*time.Millisecond, 0, 4*time.Millisecond),
			})
			if rounds == 1 {
				var far *desfire.TooFarError
				if !errors.As(err, &far) || p == nil || far.Fastest != 3*time.Millisecond {
					t.Errorf("%v, one round of 3 ms: %+v, %v", g, p, err)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%v, %d rounds: %v", g, rounds, err)
			}
			if rounds == 0 {
				rounds = 8
			}
			if p.Published != published || len(p.Rounds) != rounds || rounds < 4 && p.Fastest() != 2*time.Millisecond {
				t.Errorf("%v, %d rounds: %+v", g, rounds, p)
			}
		}
		if _, ok := card.Session(); ok {
			t.Error("the session survives")
		}
	}
}

func TestProximityFramings(t *testing.T) {
	ctx := context.Background()
	k := keyOf(t, key.TypeAES, 0x60)
	for _, framing := range []desfire.Framing{desfire.FramingWrapped, desfire.FramingNative} {
		_, picc := proximityCard(t, wire.EV3, k)
		card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Framing: framing})
		if err != nil {
			t.Fatal(err)
		}
		p, err := card.CheckProximity(ctx, k, nil)
		if err != nil || len(p.Rounds) != 8 {
			t.Errorf("%v: %+v, %v", framing, p, err)
		}
		if _, err := card.Applications(ctx); err != nil {
			t.Errorf("%v, afterwards: %v", framing, err)
		}
	}
}

func TestProximityFailures(t *testing.T) {
	ctx := context.Background()
	k := keyOf(t, key.TypeAES, 0x60)
	card, picc := proximityCard(t, wire.EV3, k)
	for _, tc := range []struct {
		k    key.Key
		conf *desfire.ProximityConfig
	}{{nil, nil}, {key.Zero(key.TypeDES), nil}, {k, &desfire.ProximityConfig{Rounds: 3}}, {k, &desfire.ProximityConfig{Rounds: -1}}, {k, &desfire.ProximityConfig{Rounds: 16}}} {
		conf := tc.conf
		before := picc.Exchanges()
		if _, err := card.CheckProximity(ctx, tc.k, conf); !errors.As(err, new(*desfire.ArgumentError)) || picc.Exchanges() != before {
			t.Errorf("%+v: %v", conf, err)
		}
	}
	if _, err := card.CheckProximity(ctx, key.Zero(key.TypeAES), nil); !errors.Is(err, wire.StatusIntegrityError) {
		t.Errorf("the reader has another key: %v", err)
	}
	for _, x := range []struct{ exchange, bit int }{{2, 5}, {3, 5}, {6, 9}} { // rounds 1 and 2, the card's MAC
		card := connect(t, picc)
		picc.Inject(sim.Fault{Exchange: x.exchange, Kind: sim.FlipAnswerBit, Bit: x.bit})
		_, err := card.CheckProximity(ctx, k, &desfire.ProximityConfig{Rounds: 4})
		var integrity *desfire.IntegrityError
		if x.exchange < 6 && !errors.Is(err, wire.StatusIntegrityError) || x.exchange == 6 && !errors.As(err, &integrity) {
			t.Errorf("a bit of answer %d: %v", x.exchange, err)
		}
		picc.ClearFaults()
	}
	fresh, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, fresh).CheckProximity(ctx, k, nil); !errors.Is(err, wire.StatusStateError) {
		t.Errorf("a card without the key: %v", err)
	}
	if _, err := connect(t, transitCard(t, wire.EV1, 1)).CheckProximity(ctx, k, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("EV1: %v", err)
	}
}
