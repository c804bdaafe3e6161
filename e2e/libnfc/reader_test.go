package libnfc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/pcsctest"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/trace"
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
	recorder *trace.Recorder
	keys     []trace.Key // of the recorded sessions
	device   string      // LIBNFC_DEVICE
	line     *line

	mu       sync.Mutex
	contacts int
	log      []string
}

// put lays a card on a new reader.
func put(t testing.TB, card *sim.Card) *reader {
	t.Helper()
	r := &reader{card: card, recorder: trace.NewRecorder(&trace.RecorderConfig{NoTimes: true, KeepKeys: true})}
	field := chip.Simulated(simreader.New("PN532", card), &chip.SimulatedConfig{
		Wrap: func(t desfire.Transport) desfire.Transport { return r.recorder.Wrap(t) },
	})
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	r.device = "pn532_uart:" + near.Name()
	ended := make(chan error, 1)
	r.line = &line{ReadWriter: far}
	go func() {
		ended <- chip.New(field, &chip.Config{Observe: r.observe}).ServeHSU(context.Background(), r.line)
	}()
	t.Cleanup(func() {
		near.Close() // the other side reads EIO when no program has the line open
		far.Close()
		if err := <-ended; err != nil && !errors.Is(err, syscall.EIO) && !errors.Is(err, fs.ErrClosed) {
			t.Errorf("line: %v", err)
		}
		if t.Failed() {
			t.Logf("the PN532 saw last:\n%s", r.history())
		}
	})
	return r
}

// line counts what the chip has said on it of cards that it found.
type line struct {
	io.ReadWriter
	found atomic.Int64
}

func (l *line) Write(frame []byte) (int, error) {
	n, err := l.ReadWriter.Write(frame)
	if bytes.Contains(frame, []byte{0xD5, 0x4B, 1}) {
		l.found.Add(1)
	}
	return n, err
}

// laysBack puts a lifted card back when the program in use has given up its search. libnfc
// does not tell the chip so, which answers that search now: what would come while the
// next command is sent is taken for the answer to it.
func (r *reader) laysBack(t testing.TB) {
	t.Helper()
	before := r.line.found.Load()
	if err := r.card.Return(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); r.line.found.Load() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the chip did not find the card that lies on it again")
		}
	}
}

func (r *reader) observe(command, answer []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	name := "nothing"
	if len(command) > 0 {
		name = chip.Name(command[0])
	}
	if name == "InListPassiveTarget" || name == "InDataExchange" {
		r.contacts++
	}
	r.log = append(r.log, fmt.Sprintf("%s %X -> %X", name, command, answer))
}

// touched is how many times the chip turned to a card.
func (r *reader) touched() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.contacts
}

// history is the last commands, for the report of a failed test.
func (r *reader) history() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.log[max(0, len(r.log)-40):], "\n")
}
