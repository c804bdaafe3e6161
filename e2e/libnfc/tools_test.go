package libnfc

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// patience ends programs that hang.
const patience = 3 * time.Minute

var generations = []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3}

// freeMemory is what an empty card of 8 KB says (NXP AN12752, table 4).
var freeMemory = map[wire.Generation]string{wire.EV1: "7936", wire.EV2: "8192", wire.EV3: "8192"}

func newCard(t testing.TB, g wire.Generation) *sim.Card {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66}})
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// try runs a program on a reader. A program that could not open the reader is started
// again: libnfc may take what the chip said to the one before for an answer.
func (r *reader) try(t testing.TB, program string, args ...string) (output string, err error) {
	t.Helper()
	for range 5 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		before := r.touched()
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = r.environment(t)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err = cmd.Run(); err == nil || r.touched() > before {
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

// each runs a test on a new card of each generation.
func each(t *testing.T, program string, test func(*testing.T, wire.Generation, *reader)) {
	need(t, program)
	for _, g := range generations {
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			r := put(t, newCard(t, g))
			test(t, g, r)
			r.verify(t)
		})
	}
}

// prepare does something with a card before a program of others has it.
func prepare(t testing.TB, r *reader, job func(ctx context.Context, card *desfire.Card) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	card, err := desfire.Connect(ctx, r.card.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := job(ctx, card); err != nil {
		t.Fatal(err)
	}
	card.Close()
}

// know names keys that the recorded sessions used besides those of zeros.
func (r *reader) know(t testing.TB, keys ...string) {
	t.Helper()
	for _, k := range keys {
		parsed, err := trace.ParseKey(k)
		if err != nil {
			t.Fatal(err)
		}
		r.keys = append(r.keys, parsed)
	}
}

// verify checks what was recorded as anybody with the keys could.
func (r *reader) verify(t testing.TB) *trace.Result {
	t.Helper()
	result := trace.Verify(r.recorder.Recording(), &trace.VerifyConfig{DefaultKeys: true, Keys: r.keys})
	if result.Verdict == trace.Failed || result.Verdict == trace.Unverifiable && result.Authentications > 0 {
		t.Errorf("recorded: %v: %s", result.Verdict, result.Reason())
	}
	return result
}

// did reports whether the card executed a command of a name in a session.
func did(result *trace.Result, name string, scheme wire.Scheme, mode wire.CommMode) bool {
	return slices.ContainsFunc(result.Messages, func(m trace.Opened) bool {
		return m.Name == name && m.Scheme == scheme && m.Mode == mode && m.Status == wire.StatusOK
	})
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
	need(t, "nfc-list")
	r := put(t, newCard(t, wire.EV1))
	wants(t, r.run(t, "nfc-list", "-v"), "1 ISO14443A passive target(s) found", "ATQA (SENS_RES): 03  44", "UID (NFCID1): 04  11  22  33  44  55  66",
		"SAK (SEL_RES): 20", "ATS: 75  77  81  02  80", "DESFire")
	r.card.Lift()
	wants(t, r.run(t, "nfc-list", "-v"), "0 ISO14443A passive target(s) found")
}

func TestInfo(t *testing.T) {
	each(t, "mifare-desfire-info", func(t *testing.T, g wire.Generation, r *reader) {
		out := r.run(t, "mifare-desfire-info")
		v := r.card.Image().GetVersion
		size := fmt.Sprintf("Storage size:         0x%02x (=%d bytes)", v.Hardware[5], r.card.Image().Storage)
		free, ok := freeMemory[g]
		if !ok {
			free = "unknown"
		}
		wants(t, out, "UID:                      0x04112233445566", size,
			fmt.Sprintf("Version:              %d.%d\n", v.Hardware[3], v.Hardware[4]), fmt.Sprintf("Version:              %d.%d\n", v.Software[3], v.Software[4]),
			fmt.Sprintf("Batch number:             0x%x\n", []byte(v.Production[:5])), fmt.Sprintf("week %x, 20%02x", v.Production[5], v.Production[6]),
			"Master Key settings (0x0f)", "Master Key version: 0 (0x00)", "Free memory: "+free, "Use random UID: no")

		prepare(t, r, func(ctx context.Context, card *desfire.Card) error {
			if err := card.Authenticate(ctx, 0, key.Zero(key.TypeDES)); err != nil {
				return err
			}
			return card.ChangeKeySettings(ctx, 0x09)
		})
		wants(t, r.run(t, "mifare-desfire-info"), "Master Key settings: LOCKED")
	})
}

// mifare-desfire-access makes an application, writes and reads a file in full
// mode in D40 sessions, and formats the card.
func TestAccess(t *testing.T) {
	each(t, "mifare-desfire-access", func(t *testing.T, g wire.Generation, r *reader) {
		r.run(t, "mifare-desfire-access")
		if left := r.card.Image().Applications; len(left) > 0 {
			t.Errorf("not formatted: %v", left)
		}
		result := r.verify(t)
		for _, name := range []string{"ReadData", "WriteData"} {
			if !did(result, name, wire.SchemeD40, wire.CommFull) {
				t.Errorf("no %s in full mode among %d messages", name, len(result.Messages))
			}
		}
		if !slices.ContainsFunc(result.Messages, func(m trace.Opened) bool {
			return m.Name == "ReadData" && bytes.Equal(m.PlainAnswer, append([]byte("Hello World"), make([]byte, 9)...))
		}) {
			t.Error("what was read is not what was written")
		}
	})
}
