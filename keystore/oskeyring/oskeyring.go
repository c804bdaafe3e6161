// Package oskeyring gets keys from the keyring of the operating system: the Secret
// Service on Linux and the BSDs (GNOME Keyring, KWallet, KeePassXC), the Keychain on
// macOS, the Credential Manager on Windows.
//
//	ring, err := keyring.Open("keys.yaml", &keyring.Config{
//		Providers: keystore.Providers{oskeyring.Provider()},
//	})
//
// makes os:SERVICE/NAME the written form of a key that is there, with or without a
// type before it. What is there is the text of a key, as a key file has it:
// aes:DIGITS/VERSION. Other programs may have put it there, under the attributes
// service and username on Linux:
//
//	secret-tool store --label='door' service desfire username door
//
// # What it protects
//
// The key lies enciphered on the disk, under the login of the user. It is read into
// this process whole, for each run: any program of the same user can read it as
// well, on most systems without a question. Its text passes through strings of the
// library, which nothing can overwrite before the garbage collector takes them.
//
// # Windows and waiting
//
// A locked keyring opens a window when a key is read, stored or deleted, and only
// then: what is known of a key without that is what its written form says. A
// context that ends gives up waiting; the window may stay.
package oskeyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	keys "github.com/zalando/go-keyring"
)

// Errors, for errors.Is.
var (
	// ErrNoKey says that nothing is kept under an address.
	ErrNoKey = errors.New("the keyring of the system has nothing under this name")

	// ErrTaken says that something is kept there already.
	ErrTaken = errors.New("the keyring of the system has something under this name, which is not overwritten")
)

// Address names a key in the keyring of the system.
type Address struct{ Service, Name string }

// String is what Parse reads.
func (a Address) String() string { return "os:" + a.Service + "/" + a.Name }

// maxName is the longest service or name.
const maxName = 64

// Parse reads os:SERVICE/NAME. Both are 1 to 64 printable characters of ASCII
// without a slash, and nothing that looks like a key.
func Parse(text string) (Address, error) {
	rest, ok := strings.CutPrefix(text, "os:")
	if !ok {
		return Address{}, errors.New("OS keyring: want os:SERVICE/NAME")
	}
	a, err := parse(rest)
	if err != nil {
		return Address{}, fmt.Errorf("OS keyring: %w", err)
	}
	return a, nil
}

func parse(text string) (Address, error) {
	service, name, ok := strings.Cut(text, "/")
	if !ok || service == "" || name == "" || strings.Contains(name, "/") {
		return Address{}, errors.New("want os:SERVICE/NAME, for example os:desfire/door")
	}
	for _, s := range []string{service, name} {
		switch {
		case keystore.Hide(s) != s:
			return Address{}, errors.New("service or name looks like a key: take another")
		case len(s) > maxName:
			return Address{}, fmt.Errorf("service or name has %d bytes: %d at most", len(s), maxName)
		case strings.TrimSpace(s) != s || strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) >= 0:
			return Address{}, errors.New("service and name are printable characters of ASCII, without blanks at their ends")
		}
	}
	return Address{service, name}, nil
}

// Provider makes os:SERVICE/NAME a written form of keys.
func Provider() keystore.Provider {
	return keystore.Provider{Name: "os", Form: "os:SERVICE/NAME", Parse: func(address string) (*keystore.Provided, error) {
		a, err := parse(address)
		if err != nil {
			return nil, err
		}
		return &keystore.Provided{
			Source: a.String(),
			Facts:  keystore.Facts{NoVersion: true},
			Text:   func(ctx context.Context, _ *keystore.Config) ([]byte, error) { return get(ctx, a) },
		}, nil
	}}
}

// get reads what is kept under an address.
func get(ctx context.Context, a Address) ([]byte, error) {
	text, err := waiting(ctx, func() (string, error) { return keys.Get(a.Service, a.Name) })
	switch {
	case err != nil:
		return nil, failed(a, err)
	case len(text) > keytext.MaxFile:
		return nil, fmt.Errorf("%v: what is there has more than %d bytes: it is no key", a, keytext.MaxFile)
	}
	return []byte(text), nil
}

// Store puts a key there and reads it back. Where something is kept under the
// address, it is ErrTaken and nothing is changed.
func Store(ctx context.Context, a Address, k key.Exporter) error {
	_, err := waiting(ctx, func() (string, error) { return keys.Get(a.Service, a.Name) })
	switch {
	case err == nil:
		return failed(a, ErrTaken)
	case !errors.Is(err, keys.ErrNotFound):
		return failed(a, err)
	}
	var text bytes.Buffer
	if err := key.Write(&text, k); err != nil {
		return failed(a, err)
	}
	defer clear(text.Bytes())
	line := string(bytes.TrimSpace(text.Bytes()))
	if _, err = waiting(ctx, func() (string, error) { return "", keys.Set(a.Service, a.Name, line) }); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: it may come there all the same", err)
		}
		return failed(a, err)
	}
	back, err := waiting(ctx, func() (string, error) { return keys.Get(a.Service, a.Name) })
	switch {
	case err != nil:
		return fmt.Errorf("it was stored, and cannot be read back: %w", failed(a, err))
	case back != line:
		return fmt.Errorf("%v: it was stored, and something else is read back", a)
	}
	return nil
}

// Delete takes a key out. Nobody has it then who has no other copy.
func Delete(ctx context.Context, a Address) error {
	_, err := waiting(ctx, func() (string, error) { return "", keys.Delete(a.Service, a.Name) })
	if err != nil {
		return failed(a, err)
	}
	return nil
}

// failed is the error of an address.
func failed(a Address, err error) error {
	switch {
	case errors.Is(err, keys.ErrNotFound):
		err = ErrNoKey
	case strings.Contains(err.Error(), "dbus-launch"):
		err = errors.New("there is no session bus, and so no keyring of a desktop: DBUS_SESSION_BUS_ADDRESS is not set")
	case !errors.Is(err, ErrTaken) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("the keyring of the system: %w", err)
	}
	return fmt.Errorf("%v: %w", a, err)
}

// waiting does what may open a window and wait for somebody, until the context
// ends.
func waiting(ctx context.Context, do func() (string, error)) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := do()
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
