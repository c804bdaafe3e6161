package oskeyring_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/oskeyring"
)

// inBus says that the test runs under a session bus of its own.
const inBus = "DESFIRE_TEST_SECRET_SERVICE"

// bus starts the keyring of GNOME, unlocked, waits for it, and goes on with the test.
const bus = `printf x | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null || exit 1
for i in $(seq 300); do
	dbus-send --session --dest=org.freedesktop.DBus --print-reply /org/freedesktop/DBus org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q 'boolean true' && break
	sleep 0.1
done
exec "$0" -test.run 'TestSecretService$'`

// TestSecretService stores, reads and deletes a key in a real Secret Service.
func TestSecretService(t *testing.T) {
	if os.Getenv(inBus) == "" {
		for _, program := range []string{"dbus-run-session", "dbus-send", "gnome-keyring-daemon"} {
			if _, err := exec.LookPath(program); err != nil {
				t.Skip(err, "; make deps installs it")
			}
		}
		home := t.TempDir()
		cmd := exec.Command("dbus-run-session", "--", "sh", "-c", bus, os.Args[0])
		cmd.Env = append(os.Environ(), inBus+"=1", "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, "XDG_RUNTIME_DIR="+home)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	ctx := context.Background()
	at, err := oskeyring.Parse(`os:desfire test/a "b" $c`)
	if err != nil {
		t.Fatal(err)
	}
	k := secret(t, "2k3des:"+digits)
	if err := oskeyring.Store(ctx, at, k); err != nil {
		t.Fatal(err)
	}
	if err := oskeyring.Store(ctx, at, k); !errors.Is(err, oskeyring.ErrTaken) {
		t.Errorf("stored twice: %v", err)
	}
	s, err := keystore.Providers{oskeyring.Provider()}.Parse(at.String())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Key(ctx, nil); err != nil || got.CheckValue() != k.CheckValue() || got.Version() != k.Version() {
		t.Errorf("%v, %v", got, err)
	}
	if err := oskeyring.Delete(ctx, at); err != nil {
		t.Error(err)
	}
	if _, err := s.Key(ctx, nil); !errors.Is(err, oskeyring.ErrNoKey) {
		t.Errorf("a key that is gone: %v", err)
	}
}
