package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
	"github.com/go-desfire/desfire/pn532/chip"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// plug is a serial port with something at its far end.
func plug(t *testing.T, serve func(ctx context.Context, far *os.File)) (name string) {
	t.Helper()
	far, near, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(t.TempDir(), "ttyUSB0")
	if err := os.Symlink(near.Name(), name); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(ctx, far)
	}()
	t.Cleanup(func() {
		cancel()
		near.Close()
		far.Close()
		<-served
	})
	return name
}

func nobodyThere(ctx context.Context, _ *os.File) { <-ctx.Done() }

// noise sends bytes that mean nothing, as a wrong speed does.
func noise(ctx context.Context, far *os.File) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	b := make([]byte, 64)
	for {
		rand.Read(b)
		for i := range b {
			b[i] |= 0x81 // no FF after 00, which would begin a frame
		}
		if _, err := far.Write(b); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// TestRealPort makes a serial port wrong in the ways in which one can be.
func TestRealPort(t *testing.T) {
	examineAt := func(t *testing.T, name string) map[string]Finding {
		t.Helper()
		return examine(t, This(), &Config{Place: "pn532:" + name, Schemes: place.Schemes{pn532.Scheme(nil)}})
	}
	t.Run("works", func(t *testing.T) {
		t.Parallel()
		card, err := sim.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		field := chip.Simulated(simreader.New("simulated", card), nil)
		name := plug(t, func(ctx context.Context, far *os.File) { chip.New(field, nil).ServeHSU(ctx, far) })
		found := examineAt(t, name)
		want(t, found, "pn532", "PN532 v1.6", "HSU")
		want(t, found, "card", "MIFARE DESFire EV3", fmt.Sprintf("UID %X", card.UID()), "desfire info --reader pn532:"+name)
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		want(t, examineAt(t, plug(t, nobodyThere)), "pn532-silent", "TX to RX")
	})
	t.Run("noise", func(t *testing.T) {
		t.Parallel()
		want(t, examineAt(t, plug(t, noise)), "pn532-garbage", "115200")
	})
	t.Run("gone", func(t *testing.T) {
		t.Parallel()
		want(t, examineAt(t, filepath.Join(t.TempDir(), "ttyUSB7")), "port-missing", "ttyUSB7")
	})
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		name := plug(t, nobodyThere)
		found := examined(t, "pn532:"+name, nil)
		want(t, found, "port-held", fmt.Sprintf("(process %d)", os.Getpid()))
	})
	t.Run("no right", func(t *testing.T) {
		t.Parallel()
		name := plug(t, nobodyThere)
		device, err := os.Readlink(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(device, 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, examined(t, "pn532:"+device, nobody(t)), "port-permission", device, "sudo ")
	})
}
