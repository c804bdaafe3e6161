package agent

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
)

func TestVersion(t *testing.T) {
	w := newWorld(t, simulated(t, "Gate 7"), nil)
	tr := w.card("gate-7")
	card, err := desfire.Connect(context.Background(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v := card.KnownVersion(); v == nil || v.UID == [7]byte{} {
		t.Errorf("version %+v", v)
	}
}
