package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A card with a published UID and signature.
func TestOriginalityOfACard(t *testing.T) {
	for _, v := range vector.Load(t, "originality") {
		if !v.Has("signature_r_s") {
			continue
		}
		name := filepath.Join(t.TempDir(), "card.json")
		card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: v.Hex("uid"), Signature: v.Hex("signature_r_s"), Store: sim.File(name)})
		if err != nil {
			t.Fatal(err)
		}
		if err := card.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
		code, out, errs := tool("originality", "--reader", "sim:"+name)
		if code != 0 || !strings.HasPrefix(out, "signed by NXP: "+v.Text("uid")) {
			t.Errorf("%s: %d, %s%s", v.ID, code, out, errs)
		}
	}
}
