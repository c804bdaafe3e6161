package libnfc

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// need ends the test where a program of others is missing.
func need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing(t, err)
		}
	}
}

func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv(pcsctest.RequireEnv) == "1" {
		t.Fatalf("make deps installs what is missing: %v", err)
	}
	t.Skipf("make deps installs what is missing: %v", err)
}

// reader is a PN532 on a serial line with a simulated card in its field.
type reader struct {
	card     *sim.Card
	chip     *pn532
	recorder *trace.Recorder
	keys     []trace.Key // of the recorded sessions
	device   string      // LIBNFC_DEVICE

	randomUID []byte
	activated int
}

// put lays a card on a new reader.
func put(t testing.TB, card *sim.Card) *reader {
	t.Helper()
	r := &reader{card: card, recorder: trace.NewRecorder(&trace.RecorderConfig{NoTimes: true, KeepKeys: true})}
	r.chip = newPN532(r)
	chip, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	r.device = "pn532_uart:" + line.Name()
	ended := make(chan error, 1)
	go func() { ended <- serveHSU(chip, r.chip.execute) }()
	t.Cleanup(func() {
		line.Close() // the other side reads EIO when no program has the line open
		chip.Close()
		if err := <-ended; err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("line: %v", err)
		}
		if t.Failed() {
			t.Logf("the PN532 saw last:\n%s", r.chip.history())
		}
	})
	card.Return()
	return r
}

// What a DESFire shows in anticollision, as testdata/dumps have it.
var (
	factoryATQA = [2]byte{0x03, 0x44}
	factoryATS  = []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}
)

const factorySAK = 0x20

// activate begins an activation of the card, if it is there.
func (r *reader) activate(uid []byte) *target {
	if !r.card.InField() {
		return nil
	}
	config := r.card.Image().Config
	t := &target{atqa: factoryATQA, sak: factorySAK, uid: r.card.UID(), ats: factoryATS}
	if len(config.Flags) > 0 && wire.PICCFlags(config.Flags[0])&wire.PICCRandomID != 0 {
		t.uid = r.random()
	}
	if len(config.ATS) > 0 {
		t.ats = config.ATS
	}
	if len(uid) > 0 && !bytes.Equal(uid, t.uid) {
		return nil
	}
	r.activated++
	t.transmit = r.recorder.Wrap(r.card.Present()).Transmit
	return t
}

// random is the identifier that a card with random ID shows as long as it has
// power: 08 and three bytes.
func (r *reader) random() []byte {
	if r.randomUID == nil {
		r.randomUID = []byte{0x08, 0x11, 0x22, byte(r.activated)}
	}
	return r.randomUID
}

func (r *reader) off() { r.randomUID = nil }
