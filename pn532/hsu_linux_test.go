package pn532

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what has to come.
const patience = time.Minute

// plugged is a serial port at whose far end a chip is.
type plugged struct {
	name string
	card *simreader.Reader
	far  *os.File
}

// plug makes a serial port of that name, which may be empty.
func plug(t *testing.T, name string, card *simreader.Reader, conf *chip.Config) *plugged {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if name == "" {
		name = filepath.Join(t.TempDir(), "ttyUSB0")
	}
	if err := os.Symlink(near.Name(), name); err != nil {
		t.Fatal(err)
	}
	// near stays open: without anybody at it the far end has an error to read.
	served := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(served)
		chip.New(chip.Simulated(card, nil), conf).ServeHSU(ctx, far)
	}()
	t.Cleanup(func() {
		cancel()
		near.Close()
		<-served
	})
	return &plugged{name, card, far}
}

func TestSerialPort(t *testing.T) {
	d := plug(t, "", lyingCard(t), nil)
	found, err := Probe(t.Context(), d.name)
	if err != nil {
		t.Fatal(err)
	}
	if found.String() != "PN532 v1.6 at "+d.name+" (HSU)" {
		t.Errorf("found %v", found)
	}
	r, err := Open(d.name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := openCard(t, r)
	card, err := desfire.Connect(ctx, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer card.Close()
	if card.Generation() != wire.EV2 {
		t.Errorf("the card is %v", card)
	}
	if _, err := Probe(ctx, d.name); !errors.As(err, new(*LineError)) || !err.(*LineError).InUse() {
		t.Errorf("a port that is open: %v", err)
	}
}

func TestSerialPortMissing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Problem{
		filepath.Join(dir, "ttyUSB7"): NotThere, file: Failed, filepath.Join(file, "x"): NotThere,
	} {
		_, err := Probe(t.Context(), name)
		var line *LineError
		if !errors.As(err, &line) || line.Problem != want || line.Address != name {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A port that takes nothing any more holds nobody up, and is not touched again.
func TestSerialPortStuck(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	l, err := openHSU(t.Context(), address{text: near.Name(), line: "HSU", device: near.Name()}, &Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- l.write(ctx, make([]byte, 1<<20)) }()
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a write that nobody reads: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the write does not end")
	}
	if _, err := l.read(t.Context()); problemOf(err) != Gone {
		t.Errorf("a read after it: %v", err)
	}
	if err := l.write(t.Context(), ackFrame); problemOf(err) != Gone {
		t.Errorf("a write after it: %v", err)
	}
	l.discard()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	go func() { // what is still on its way
		buf := make([]byte, 4096)
		for {
			if _, err := far.Read(buf); err != nil {
				return
			}
		}
	}()
}

// A port whose far end goes away is gone, and not merely silent.
func TestSerialPortUnplugged(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	l, err := openHSU(t.Context(), address{text: near.Name(), line: "HSU", device: near.Name()}, &Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := l.read(ctx)
		ended <- err
	}()
	far.Close()
	if err := <-ended; problemOf(err) != Gone {
		t.Errorf("a read of it: %v", err)
	}
}

// What is thrown away at a serial port is known, and gone.
func TestSerialPortDiscards(t *testing.T) {
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	l, err := openHSU(t.Context(), address{text: near.Name(), line: "HSU", device: near.Name()}, &Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := far.Write(ackFrame); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for len(got) < len(ackFrame) && ctx.Err() == nil { // the kernel hands it over when it likes
		got = append(got, l.discard()...)
	}
	if !bytes.Equal(got, ackFrame) {
		t.Errorf("% X was thrown away", got)
	}
	if _, err := far.Write([]byte{7}); err != nil {
		t.Fatal(err)
	}
	if got, err := l.read(ctx); err != nil || !bytes.Equal(got, []byte{7}) {
		t.Errorf("behind it came % X, %v", got, err)
	}
}
