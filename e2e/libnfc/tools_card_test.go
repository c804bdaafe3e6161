package libnfc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func TestNDEF(t *testing.T) {
	need(t, "mifare-desfire-create-ndef", "mifare-desfire-write-ndef", "mifare-desfire-read-ndef")
	each(t, "mifare-desfire-read-ndef", func(t *testing.T, g wire.Generation, r *reader) {
		r.run(t, "mifare-desfire-create-ndef", "-y")
		app, file, limit := desfire.AID(0x000001), 2, 0x1E00
		if g == wire.D40 { // version 1 of the mapping
			app, file, limit = 0xEEEE10, 4, 0x0EE0
		}
		dir := t.TempDir()
		for _, n := range []int{1, 48, 60, 1500} {
			message := bytes.Repeat([]byte{0xD1, 0x01, 0x55, byte(n)}, n/4+1)[:n]
			if err := os.WriteFile(dir+"/in", message, 0o666); err != nil {
				t.Fatal(err)
			}
			wants(t, r.run(t, "mifare-desfire-write-ndef", "-y", "-i", dir+"/in"), fmt.Sprintf("Max NDEF size: %d bytes", limit))
			wants(t, r.run(t, "mifare-desfire-read-ndef", "-y", "-o", dir+"/out"), fmt.Sprintf("NDEF size: %d bytes", n))
			if got, err := os.ReadFile(dir + "/out"); err != nil || !bytes.Equal(got, message) {
				t.Errorf("%d bytes: read %X, %v", n, got, err)
			}
			want := append([]byte{byte(n >> 8), byte(n)}, message...)
			if got := fileOf(t, r, app, file).Data; !bytes.HasPrefix(got, want) {
				t.Errorf("%d bytes: the card holds %X", n, []byte(got))
			}
		}
		if g == wire.D40 {
			return
		}
		a := r.card.Image().Applications[0]
		if name := []byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01}; !bytes.Equal(a.DFName, name) || !bytes.Equal(a.ISOID, []byte{0xE1, 0x10}) {
			t.Errorf("application %X, %X", []byte(a.DFName), []byte(a.ISOID))
		}
		if id := fileOf(t, r, app, file).ISOID; !bytes.Equal(id, []byte{0xE1, 0x04}) {
			t.Errorf("file %X", []byte(id))
		}
	})
}

// fileOf is a file in the card's memory.
func fileOf(t testing.TB, r *reader, app desfire.AID, no int) sim.ImageFile {
	t.Helper()
	for _, a := range r.card.Image().Applications {
		for _, f := range a.Files {
			if a.AID == app && f.No == no {
				return f
			}
		}
	}
	t.Fatalf("the card has no file %d in application %v", no, app)
	panic("not reached")
}

func TestFormat(t *testing.T) {
	each(t, "mifare-desfire-format", func(t *testing.T, g wire.Generation, r *reader) {
		r.know(t, "des:1122334455667788")
		master, err := key.Parse("des:1122334455667788")
		if err != nil {
			t.Fatal(err)
		}
		prepare(t, r, func(ctx context.Context, card *desfire.Card) error {
			for _, err := range []error{
				card.CreateApplication(ctx, &wire.CreateApplication{AID: 0x123456, KS1: 0x0F, KS2: 1}),
				card.Authenticate(ctx, 0, key.Zero(key.TypeDES)),
				card.ChangeKeySettings(ctx, 0x0B),
				card.ChangeKey(ctx, 0, master, nil),
			} {
				if err != nil {
					return err
				}
			}
			return nil
		})
		out, err := r.try(t, "mifare-desfire-format", "-y")
		if err == nil || !strings.Contains(out, "Can't authenticate") {
			t.Errorf("with the wrong key: %v\n%s", err, out)
		}
		r.run(t, "mifare-desfire-format", "-y", "-K", "1122334455667788")
		image := r.card.Image()
		if len(image.Applications) > 0 || !bytes.Equal(image.KeySettings, []byte{0x0F}) {
			t.Errorf("applications %v, key settings %X", image.Applications, []byte(image.KeySettings))
		}
		if k := image.Keys[0]; k.Version != 0xAA { // of its parity bits
			t.Errorf("the master key's version is %02X", k.Version)
		}
	})
}

// old reports whether a tool for EV1 and later skips the card, and that it says so.
func old(t testing.TB, g wire.Generation, out string) bool {
	t.Helper()
	if g != wire.D40 {
		return false
	}
	wants(t, out, "Found old DESFire, skipping")
	return true
}

// The tool changes the default key, makes an application, looks at the version
// of its key, authenticates with it, changes the default back and formats.
func TestConfigureDefaultKey(t *testing.T) {
	each(t, "mifare-desfire-ev1-configure-default-key", func(t *testing.T, g wire.Generation, r *reader) {
		if old(t, g, r.run(t, "mifare-desfire-ev1-configure-default-key", "-y")) {
			return
		}
		r.know(t, "des:0010233344556676") // 0011223344556677 with the tool's version 34
		result := r.verify(t)
		if !did(result, "SetConfiguration", wire.SchemeD40, wire.CommFull) || result.Authentications != 3 {
			t.Errorf("%d authentications", result.Authentications)
		}
		if image := r.card.Image(); len(image.Applications) > 0 || image.DefaultKey != nil && bytes.Trim(image.DefaultKey.Value.Bytes(), "\x00") != nil {
			t.Errorf("applications %v, default key %v", image.Applications, image.DefaultKey)
		}
	})
}

// The CRC of a new ATS is followed by 80.
func TestConfigureATS(t *testing.T) {
	each(t, "mifare-desfire-ev1-configure-ats", func(t *testing.T, g wire.Generation, r *reader) {
		if old(t, g, r.run(t, "mifare-desfire-ev1-configure-ats", "-y")) {
			return
		}
		if ats := r.card.Image().Config.ATS; !bytes.Equal(ats, []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}) { // the factory's
			t.Errorf("ATS %X", []byte(ats))
		}
	})
}

func TestConfigureRandomUID(t *testing.T) {
	each(t, "mifare-desfire-ev1-configure-random-uid", func(t *testing.T, g wire.Generation, r *reader) {
		if old(t, g, r.run(t, "mifare-desfire-ev1-configure-random-uid", "-y")) {
			return
		}
		if flags := r.card.Image().Config.Flags; !bytes.Equal(flags, []byte{byte(wire.PICCRandomID)}) {
			t.Errorf("flags %X", []byte(flags))
		}
		wants(t, r.run(t, "mifare-desfire-info"), "UID:                      0x00000000000000", "Use random UID: yes")
		// It authenticates and asks for the real one.
		out := r.run(t, "mifare-desfire-ev1-configure-random-uid", "-y")
		wants(t, out, "Found Mifare DESFire with UID 08", "Old card UID: 04112233445566")
		if result := r.verify(t); !did(result, "GetCardUID", wire.SchemeD40, wire.CommFull) {
			t.Error("no GetCardUID in a D40 session")
		}
	})
}
