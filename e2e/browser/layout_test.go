package browser

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// A layout is chosen, compared, and made; the card is lifted in the middle and comes back.
func TestLayout(t *testing.T) {
	b := benchWith(t, wire.EV3, "empty")
	p := open(t, web.Config{Play: b})
	p.view("/layout")
	p.wait("#layout", "Choose a layout")
	p.wait(".choices", "for DESFire EV1, DESFire EV2, DESFire EV3; 3 applications")
	p.shotAt("layout-choose")
	p.wait(".choices a[data-htmx-powered]", "Campus card")
	p.click(".choices a", "Campus card")
	p.wait("form.pay[data-htmx-powered]", "Compare with the card")
	p.click("#layout button", "Compare with the card")
	p.wait(".plan li", "Change the PICC master key")
	p.looks("layout-plan")
	if err := b.SetFaults("delay=1h@CreateBackupDataFile"); err != nil { // until it is lifted
		t.Fatal(err)
	}
	p.wait("form.byword[data-htmx-powered]", "Make the card so")
	p.click("#layout button", "Make the card so")
	p.wait("#steps", "of 20 done")
	b.Lift()
	p.wait("#state", "Nothing is lost by waiting")
	p.shotAt("layout-lost")
	if err := b.SetFaults(""); err != nil {
		t.Fatal(err)
	}
	b.Return()
	p.wait("#state", "The card is what the layout says.")
	if h := b.Holds(); len(h.Files) != 6 {
		t.Errorf("%d files", len(h.Files))
	}
	p.shotAt("layout-made")
	p.fill("input[name=col-name]", "Grace Hopper")
	p.click("#layout button", "Compare again")
	p.wait("#layout", "This cannot be taken back")
	p.shotAt("layout-confirm")
}

// What is wrong with a layout is shown where it stands.
func TestLayoutErrors(t *testing.T) {
	p := open(t, web.Config{Play: benchWith(t, wire.EV3, "empty")})
	p.view("/layout")
	file := filepath.Join(t.TempDir(), "door.yaml")
	text := "desfire: layout/v1\nname: Door\ncard:\n  generations: [ev2, ev3]\n  master: picc\nkeys:\n  picc: {type: aes, from: \"exec:touch /tmp/x\"}\n  door: {type: aes, version: 1, from: doors}\napplications:\n  - aid: \"F48121\"\n    keys: {master: door}\n    flies:\n      - {no: 1, type: standard, size: 32, mode: full, read: door}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.wait("#layout", "Or give your own")
	p.upload("input[name=file]", file)
	p.wait("form.drop[data-htmx-powered]", "Read it")
	p.click("form.drop button", "Read it")
	p.wait(".lines", "error")
	p.wait("#layout", "cannot be used yet")
	p.shotAt("layout-errors")
}
