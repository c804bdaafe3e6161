package desfire_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestSelectPlace(t *testing.T) {
	ctx := context.Background()
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			picc, err := sim.New(&sim.Config{Generation: g})
			if err != nil {
				t.Fatal(err)
			}
			card := connect(t, picc)
			fixed := g.FixedName() != nil
			app := desfire.Place{AID: testApp}
			if !fixed {
				create := &wire.CreateApplication{AID: testApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)}
				if g.Has(wire.FeatureISOFiles) {
					create.FID, create.DFName = 0xDF01, []byte("farebox")
				}
				if err := card.CreateApplication(ctx, create); err != nil {
					t.Fatal(err)
				}
			}
			in := func(p desfire.Place, level bool) {
				t.Helper()
				if err := card.Select(ctx, p); err != nil {
					t.Fatalf("%v: %v", p, err)
				}
				_, err := card.Files(ctx)
				if got := !errors.Is(err, wire.StatusIllegalCommand) && !errors.Is(err, wire.StatusPermissionDenied); got != level && g != wire.NTAG424 {
					t.Errorf("%v: the list of files: %v", p, err)
				}
				if got := card.Application() != wire.PICC; !fixed && p.Name == "" && got != level {
					t.Errorf("%v: application %v", p, card.Application())
				}
			}
			not := func(p desfire.Place) {
				t.Helper()
				if err := card.Select(ctx, p); !errors.As(err, new(*desfire.ArgumentError)) {
					t.Errorf("%v: %v, want an ArgumentError", p, err)
				}
			}
			if fixed {
				in(desfire.Place{Fixed: true}, true)
				in(desfire.Place{Name: string(g.FixedName())}, true)
				if err := card.Select(ctx, desfire.Place{}); err != nil {
					t.Errorf("the card level: %v", err)
				}
				not(app)
				return
			}
			in(app, true)
			in(desfire.Place{}, false)
			if g.Has(wire.FeatureISOFiles) {
				in(desfire.Place{Name: "farebox"}, true)
			}
			not(desfire.Place{Fixed: true})
			if err := card.Select(ctx, desfire.Place{AID: 0x999999}); !errors.Is(err, wire.StatusApplicationNotFound) {
				t.Errorf("an application that is not there: %v", err)
			}
		})
	}
}

// The vocabulary's list of the files that such a card is delivered with is the
// simulated card's.
func TestFixedFilesAreOnTheCard(t *testing.T) {
	for _, g := range wire.Generations {
		if g.FixedName() == nil {
			if g.FixedFiles() != nil {
				t.Errorf("%v has files and no application", g)
			}
			continue
		}
		picc, err := sim.New(&sim.Config{Generation: g})
		if err != nil {
			t.Fatal(err)
		}
		card := connect(t, picc)
		if err := card.Select(context.Background(), desfire.Place{Fixed: true}); err != nil {
			t.Fatal(err)
		}
		app := picc.Image().Applications[0]
		want, keys := map[wire.FileNo]wire.ISOFID{}, app.KeyCount
		for _, f := range app.Files {
			id := wire.ISOFID(0)
			for _, b := range f.ISOID {
				id = id<<8 | wire.ISOFID(b)
			}
			want[wire.FileNo(f.No)] = id
		}
		got := map[wire.FileNo]wire.ISOFID{}
		for _, f := range g.FixedFiles() {
			got[f.No] = f.FID
			if _, err := card.FileSettings(context.Background(), f.No); err != nil {
				t.Errorf("%v file %d: %v", g, f.No, err)
			}
		}
		if !maps.Equal(want, got) || keys != wire.FixedKeys {
			t.Errorf("%v: %d keys, files %v on the card, %v in the list", g, keys, want, got)
		}
	}
}
