package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
)

// awaitEmpty waits until pcscd has seen that no card is in a reader.
func awaitEmpty(t testing.TB, reader string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	present := true
	for present && ctx.Err() == nil {
		list, err := readers(t, reader).List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		present = len(list[0].ATR) > 0
		if present {
			time.Sleep(20 * time.Millisecond)
		}
	}
	if present {
		t.Fatalf("%s holds a card after %v", reader, patience)
	}
}

// awaitCard waits until pcscd has seen a card in a reader.
func awaitCard(t testing.TB, reader string) desfire.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for e, err := range readers(t, reader).Events(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == desfire.CardInserted && e.Reader == reader {
			return e
		}
	}
	t.Fatalf("%s has no card after %v", reader, patience)
	panic("not reached")
}
