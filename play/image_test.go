package play

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestImages(t *testing.T) {
	b := bench(t, Default())
	if err := newPay(t, b).debit(t, ""); err != nil {
		t.Fatal(err)
	}
	whole, err := b.Image(true)
	if err != nil {
		t.Fatal(err)
	}
	other := bench(t, Recipe{Generation: wire.D40, Content: Empty})
	if err := other.Load(whole); err != nil {
		t.Fatal(err)
	}
	held := other.Holds()
	if v, _ := held.Value(wire.Place{AID: 0xF58401}, 2); v != 4750 {
		t.Errorf("the loaded card holds %d", v)
	}
	ref := keystore.Ref{UID: keystore.UID(b.State().Card.UID), Place: wire.Place{AID: 0xF58401}, Key: keystore.Number(1)}
	if f, ok, err := other.Keys().Has(t.Context(), ref); err != nil || !ok || f.Version != 1 {
		t.Errorf("%v %v %v", f, ok, err)
	}
	bare, err := b.Image(false)
	if err != nil {
		t.Fatal(err)
	}
	k, err := b.Keys().Key(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	digits := strings.ToLower(hexOf(k))
	if !strings.Contains(strings.ToLower(string(whole)), digits) || strings.Contains(strings.ToLower(string(bare)), digits) {
		t.Error("an image without keys has keys, or one with keys has none")
	}
	was := other.State().Card
	for name, image := range map[string][]byte{
		"empty": nil, "garbage": []byte("<html>"), "without keys": bare, "cut": whole[:len(whole)/2],
		"huge":   []byte(`{"format":"` + strings.Repeat("x", MaxImage) + `"}`),
		"hollow": []byte("{}"),
	} {
		err := other.Load(image)
		if err == nil {
			t.Errorf("%s: loaded", name)
		} else if name == "without keys" && !errors.Is(err, sim.ErrNoKeys) {
			t.Error(err)
		}
		t.Logf("%s: %v", name, err)
	}
	if s := other.State(); string(s.Card.UID) != string(was.UID) || s.Card.Generation != wire.EV3 {
		t.Error("a bad image took the card away")
	}
}

func hexOf(k any) string {
	return hex.EncodeToString(k.(interface{ Export() []byte }).Export())
}
