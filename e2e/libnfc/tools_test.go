package libnfc

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// patience ends programs that hang.
const patience = time.Minute

var generations = []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3}

func newCard(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}})
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// try runs a program on a reader. A program that could not open the reader,
// for libnfc waits a third of a second only, is started again.
func (r *reader) try(t testing.TB, program string, args ...string) (output string, err error) {
	t.Helper()
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		before := r.chip.touched()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), "LIBNFC_DEVICE="+r.device, "LC_ALL=C")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err = cmd.Run(); err == nil || r.chip.touched() > before {
			return out.String(), err
		}
		output = out.String()
	}
	return output, err
}

// run is try of what must work.
func (r *reader) run(t testing.TB, program string, args ...string) string {
	t.Helper()
	out, err := r.try(t, program, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", program, args, err, out)
	}
	return out
}

func wants(t testing.TB, output string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(output, w) {
			t.Errorf("no %q in\n%s", w, output)
		}
	}
}

func TestNFCListSeesDESFire(t *testing.T) {
	need(t, "nfc-list", "-h")
	r := put(t, newCard(t, wire.EV1))
	wants(t, r.run(t, "nfc-list", "-v"), "1 ISO14443A passive target(s) found", "ATQA (SENS_RES): 03  44", "UID (NFCID1): 04  11  22  33  44  55  66",
		"SAK (SEL_RES): 20", "ATS: 75  77  81  02  80", "DESFire")
	r.card.Lift()
	wants(t, r.run(t, "nfc-list", "-v"), "0 ISO14443A passive target(s) found")
}

func TestInfo(t *testing.T) {
	need(t, "mifare-desfire-info", "-h")
	for _, g := range generations {
		r := put(t, newCard(t, g))
		t.Log(r.run(t, "mifare-desfire-info"))
		t.Log(r.run(t, "mifare-desfire-access"))
		t.Log(r.run(t, "mifare-desfire-create-ndef", "-y"))
		file := t.TempDir() + "/in"
		os.WriteFile(file, []byte{0xd1, 1, 4, 0x55, 1, 'a', 'b', 'c'}, 0o666)
		t.Log(r.run(t, "mifare-desfire-write-ndef", "-y", "-i", file))
		t.Log(r.run(t, "mifare-desfire-read-ndef", "-y", "-o", file+".out"))
		t.Log(r.try(t, "mifare-desfire-format", "-y"))
		t.Log(r.try(t, "mifare-desfire-ev1-configure-default-key", "-y"))
		t.Log(r.try(t, "mifare-desfire-ev1-configure-ats", "-y"))
		t.Log(r.try(t, "mifare-desfire-ev1-configure-random-uid", "-y"))
		t.Log(r.try(t, "mifare-desfire-ev1-configure-random-uid", "-y"))
		t.Log(r.try(t, "mifare-desfire-info"))
		t.Log(string(r.card.Image().WithoutKeys().Encode()))
		t.Log(r.chip.history())
	}
}
