//go:build unix

package keyring_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
)

// Nobody writes into a pipe: a context ends the wait, for the keyring, a key and an
// identity. Somebody does: it is read.
func TestFIFO(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	fifo := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	spec, err := keystore.ParseSpec("@" + fifo)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(files(t, map[string]string{"k": "desfire: keys/v1\nkeys:\n  card:\n    0: " + block(seal(t, "aes:"+digits, true, identity(t).Recipient()), "      ")}), "k")
	waits := map[string]func(context.Context) error{
		"keyring": func(ctx context.Context) error { _, err := keyring.OpenContext(ctx, fifo, nil); return err },
		"key":     func(ctx context.Context) error { _, err := spec.Key(ctx, nil); return err },
		"identity": func(ctx context.Context) error {
			r, err := keyring.Open(name, &keyring.Config{Identity: fifo})
			if err != nil {
				return err
			}
			_, err = r.Key(ctx, ref(t, "*/card/0"))
			return err
		},
	}
	errs := map[string]chan error{}
	for what, wait := range waits {
		ended := make(chan error, 1)
		errs[what] = ended
		go func() { ended <- wait(ctx) }()
	}
	cancel()
	for what := range waits {
		if err := <-errs[what]; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Those that were given up still wait for a writer: they go first.
	other := filepath.Join(filepath.Dir(fifo), "other")
	if err := syscall.Mkfifo(other, 0o600); err != nil {
		t.Fatal(err)
	}
	if spec, err = keystore.ParseSpec("@" + other); err != nil {
		t.Fatal(err)
	}
	go func() {
		f, err := os.OpenFile(other, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString("aes:" + digits + "/07\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	}()
	if k, err := spec.Key(context.Background(), nil); err != nil || k.Version() != 7 {
		t.Errorf("%v, %v", k, err)
	}
	f, err := os.OpenFile(fifo, os.O_RDWR, 0) // lets those go that still wait
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
