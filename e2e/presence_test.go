package e2e

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/wire"
)

// The seed's first program: applications of each card that is presented.
func TestInsertListRemoveInsert(t *testing.T) {
	stack := pcsctest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := put(t, stack, 0, transitCard(t, wire.EV1, 1, 10))
	rounds := 0
	for card, err := range desfire.Cards(ctx, readers(t, h.reader), nil) {
		if err != nil {
			t.Fatal(err)
		}
		aids, err := card.Applications(ctx)
		if err != nil || !slices.Equal(aids, []desfire.AID{farebox}) {
			t.Fatalf("applications %v, %v", aids, err)
		}
		if got, want := fmt.Sprintf("%X", card.UID()), "04010203040501"; got != want {
			t.Errorf("UID %s, want %s", got, want)
		}
		if rounds++; rounds == 3 {
			break
		}
		h.Lift()
		awaitEmpty(t, h.reader)
		h.Return()
	}
	if rounds != 3 {
		t.Fatalf("the card was presented %d times, want 3", rounds)
	}
}

func TestEvents(t *testing.T) {
	stack := pcsctest.Start(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	h := put(t, stack, 1, transitCard(t, wire.EV2, 1, 10))
	want := []string{
		"reader-added " + h.reader, "inserted " + h.reader, "removed " + h.reader,
		"inserted " + h.reader, "removed " + h.reader,
	}
	var got []string
	for e, err := range readers(t, h.reader).Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Kind.String()+" "+e.Reader)
		if !slices.Equal(got, want[:len(got)]) {
			t.Fatalf("events %q, want %q", got, want)
		}
		if len(got) == len(want) {
			return
		}
		switch e.Kind {
		case desfire.CardInserted:
			if a := fmt.Sprintf("%X", e.ATR); a != "3B8180018080" {
				t.Errorf("ATR %s", a)
			}
			h.Lift()
		case desfire.CardRemoved:
			h.Return()
		}
	}
	t.Fatalf("events %q, want %q", got, want)
}
