//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/keystore"
)

// oneKey makes a token with an AES key k.
func oneKey(t testing.TB, label string, conf *Config) *Module {
	t.Helper()
	m := openHSM(t, label, conf)
	put(t, m, label, made{label: "k", keyType: keyTypeAES, value: testBytes(16, 1)})
	return m
}

// A wrong PIN is tried once, told as such, and not tried again.
func TestWrongPIN(t *testing.T) {
	ctx := context.Background()
	p := &pin{text: "wrong"}
	m := oneKey(t, "wrong PIN", &Config{PIN: p.give})
	u := &URI{Token: "wrong PIN", Object: "k"}
	var pe *PINError
	if _, err := m.Key(ctx, u); !errors.As(err, &pe) || !pe.Tried || codeOf(err) != codePINIncorrect || !pe.Token.CountLow {
		t.Errorf("%v", err)
	}
	if strings.Contains(pe.Error(), "wrong\"") || strings.Contains(p.last.Question(), "a wrong PIN was tried") {
		t.Errorf("%v, %s", pe, p.last.Question())
	}
	if _, err := m.Key(ctx, u); !errors.As(err, &pe) || pe.Tried || !strings.Contains(p.last.Question(), "a wrong PIN was tried") {
		t.Errorf("again: %v, %s", err, p.last.Question())
	}
	p.text = "no"
	if _, err := m.Key(ctx, u); !errors.As(err, &pe) || codeOf(err) != codePINLength && codeOf(err) != codePINIncorrect {
		t.Errorf("too short: %v", err)
	}
	p.text = ""
	k, err := m.Key(ctx, u)
	if err != nil {
		t.Fatal(err)
	}
	asked := p.asked
	for range 3 {
		if _, err := m.Key(ctx, u); err != nil {
			t.Error(err)
		}
		if err := k.EncryptCBC(ctx, nil, make([]byte, 16), make([]byte, 16)); err != nil {
			t.Error(err)
		}
	}
	if p.asked != asked {
		t.Errorf("asked %d times for a PIN that was right", p.asked-asked)
	}
	if _, err := oneKey(t, "nobody", nil).Key(ctx, &URI{Token: "nobody", Object: "k"}); !errors.Is(err, keystore.ErrLocked) {
		t.Errorf("nobody to ask: %v", err)
	}
}

// Sessions that another part of the program closes, and a login that it ends, are
// made anew; a token that was deleted is gone.
func TestTakenAway(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const label = "taken away"
	p := new(pin)
	m := oneKey(t, label, &Config{PIN: p.give})
	n := raw(t, m)
	k, err := m.Key(ctx, &URI{Token: label, Object: "k"})
	if err != nil {
		t.Fatal(err)
	}
	use := func() error { return k.EncryptCBC(ctx, nil, make([]byte, 16), make([]byte, 16)) }
	const closeAllSessions, logout = 14, 19
	if err := n.extra(closeAllSessions, uintptr(k.token.slot)); err != nil {
		t.Fatal(err)
	}
	if err := use(); err != nil || p.asked != 2 {
		t.Errorf("sessions closed: %v, asked %d times", err, p.asked)
	}
	for s := range k.token.conns {
		if err := n.extra(logout, uintptr(s.h)); err != nil {
			t.Fatal(err)
		}
	}
	if err := use(); err != nil || p.asked != 3 {
		t.Errorf("logged out: %v, asked %d times", err, p.asked)
	}
	for s := range k.token.conns {
		if err := n.extra(logout, uintptr(s.h)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.Key(ctx, &URI{Token: label, Object: "k"}); err != nil || p.asked != 4 {
		t.Errorf("logged out, asked for anew: %v, asked %d times", err, p.asked)
	}
	// The token goes, and with it the object; then the module has lost the token.
	tokens, err := filepath.Glob(filepath.Join(filepath.Dir(os.Getenv(confVar)), "tokens", "*"+k.token.info.serial[:4]+"-"+k.token.info.serial[4:]))
	if err != nil || len(tokens) != 1 {
		t.Fatal(tokens, err)
	}
	if err := os.RemoveAll(tokens[0]); err != nil {
		t.Fatal(err)
	}
	if err := use(); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if err := n.extra(closeAllSessions, uintptr(k.token.slot)); err != nil {
		t.Fatal(err)
	}
	if err := use(); !errors.Is(err, ErrNoToken) {
		t.Errorf("deleted, sessions closed: %v", err)
	}
	if _, err := m.Key(ctx, &URI{Token: label, Object: "k"}); !errors.Is(err, ErrNoToken) {
		t.Errorf("deleted, asked for anew: %v", err)
	}
}

// Many goroutines use one key, and several modules one library.
func TestManyAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const label = "many"
	p := new(pin)
	m := oneKey(t, label, &Config{PIN: p.give})
	want := make([]byte, 64)
	first, err := m.Key(ctx, &URI{Token: label, Object: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.EncryptCBC(ctx, nil, want, make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			from := m
			if i%3 == 0 {
				other, err := Open(softHSM(t), &Config{PIN: func(context.Context, Token) ([]byte, error) {
					t.Error("asked for a PIN though the process is logged in")
					return nil, keystore.ErrLocked
				}})
				if err != nil {
					t.Error(err)
					return
				}
				defer other.Close()
				from = other
			}
			k, err := from.Key(ctx, &URI{Token: label, Object: "k"})
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				got := make([]byte, 64)
				if err := k.EncryptCBC(ctx, nil, got, make([]byte, 64)); err != nil || !bytes.Equal(got, want) {
					t.Errorf("another cipher than before: %v", err)
				}
			}
		})
	}
	all.Wait()
	if p.asked != 1 {
		t.Errorf("asked %d times for a PIN", p.asked)
	}
}

// Two processes use one token at once, each with a login of its own.
func TestTwoProcesses(t *testing.T) {
	ctx := context.Background()
	const label, variable = "two processes", "DESFIRE_PKCS11_OTHER"
	if os.Getenv(variable) != "" {
		m, err := Open(softHSM(t), &Config{PIN: new(pin).give})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		k, err := m.Key(ctx, &URI{Token: label, Object: "k"})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("ready")
		if _, err := io.ReadAll(os.Stdin); err != nil { // until both are there
			t.Fatal(err)
		}
		for i := range 200 {
			mac, err := k.CMAC(ctx, testBytes(32, uint64(i)))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Printf("mac %X\n", mac)
		}
		return
	}
	m := oneKey(t, label, &Config{PIN: new(pin).give})
	k, err := m.Key(ctx, &URI{Token: label, Object: "k"})
	if err != nil {
		t.Fatal(err)
	}
	var outputs [2]output
	var others []*exec.Cmd
	var begin []io.Closer
	for i := range outputs {
		cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$", "-test.count=1")
		cmd.Env = append(os.Environ(), variable+"=1")
		cmd.Stdout, cmd.Stderr = &outputs[i], os.Stderr
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		others, begin = append(others, cmd), append(begin, in)
		// SoftHSM fails in one of two logins at the same moment: one after the other.
		outputs[i].wait(t, "ready\n")
	}
	for _, in := range begin {
		in.Close()
	}
	var want strings.Builder
	for i := range 200 {
		mac, err := k.CMAC(ctx, testBytes(32, uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "mac %X\n", mac)
	}
	for i, cmd := range others {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, outputs[i].String())
		}
		if _, got, _ := strings.Cut(outputs[i].String(), "ready\n"); !strings.HasPrefix(got, want.String()) {
			t.Errorf("process %d made other MACs", i)
		}
	}
	if _, err := m.Key(ctx, &URI{Token: label, Object: "k"}); err != nil {
		t.Errorf("after the others have ended: %v", err)
	}
}

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait waits until it has printed a text, or anything that looks like a failure.
func (o *output) wait(t *testing.T, text string) {
	t.Helper()
	for {
		o.mu.Lock()
		has := o.text.String()
		if o.more == nil {
			o.more = make(chan struct{})
		}
		more := o.more
		o.mu.Unlock()
		if strings.Contains(has, text) {
			return
		}
		if strings.Contains(has, "FAIL") {
			t.Fatal(has)
		}
		<-more
	}
}

// Modules opens a module with the first key of it, and takes PINs from where the URI
// says.
func TestModules(t *testing.T) {
	ctx := context.Background()
	const label = "modules"
	oneKey(t, label, &Config{PIN: new(pin).give})
	path := softHSM(t)
	t.Setenv("DESFIRE_TEST_PIN", testPIN)
	run := func(_ context.Context, argv []string) ([]byte, error) {
		if strings.Join(argv, "|") != "pin|of it" && strings.Join(argv, "|") != "pin|of|it" {
			t.Errorf("%q", argv)
		}
		return []byte(testPIN + "\n"), nil
	}
	prompt := func(context.Context, string) ([]byte, error) { return []byte(testPIN), nil }
	for _, tt := range []struct {
		uri  string
		conf ModulesConfig
		want string
	}{
		{"pkcs11:token=modules;object=k/07", ModulesConfig{Path: path, Prompt: prompt}, ""},
		{"pkcs11:token=modules;object=k/07", ModulesConfig{Path: path}, "nobody can be asked"},
		{"pkcs11:token=modules;object=k/07", ModulesConfig{Prompt: prompt}, "no module is named"},
		{"pkcs11:token=modules;object=k/07?module-path=" + path, ModulesConfig{Prompt: prompt}, ""},
		{"pkcs11:token=modules;object=k/07?module-path=" + path, ModulesConfig{Path: "/nowhere.so", Prompt: prompt}, ""},
		{"pkcs11:token=modules;object=k/07?module-path=/nowhere.so", ModulesConfig{Path: path, Prompt: prompt}, "cannot be loaded"},
		{"pkcs11:token=modules;object=k/07?module-path=/proc/self/exe", ModulesConfig{Path: path, Prompt: prompt}, "cannot be loaded"},
		{"pkcs11:token=modules;object=k/07?pin-source=env:DESFIRE_TEST_PIN", ModulesConfig{Path: path}, ""},
		{"pkcs11:token=modules;object=k/07?pin-source=env:DESFIRE_TEST_NO_PIN", ModulesConfig{Path: path}, "DESFIRE_TEST_NO_PIN"},
		{"pkcs11:token=modules;object=k/07?pin-source=exec:pin%20of%20it", ModulesConfig{Path: path, Exec: run}, ""},
		{"pkcs11:token=modules;object=k/07?pin-source=exec:pin%20of%20it", ModulesConfig{Path: path}, "no program is run"},
		{"pkcs11:token=modules;object=k/07?pin-source=prompt", ModulesConfig{Path: path, Prompt: prompt}, ""},
		{"pkcs11:token=modules;object=k/07", ModulesConfig{Path: path, PIN: FromEnv("DESFIRE_TEST_PIN")}, ""},
	} {
		ms := NewModules(&tt.conf)
		u, err := ParseTrusted(tt.uri)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ms.Key(ctx, u)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), testPIN) {
				t.Errorf("%s: %v, want %q", tt.uri, err, tt.want)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.uri, err)
		case k.Version() != 7:
			t.Errorf("version %02X", k.Version())
		default:
			if again, err := ms.Key(ctx, u); err != nil || again.token != k.token {
				t.Errorf("%s: again: %v", tt.uri, err)
			}
		}
		if err := ms.Close(); err != nil {
			t.Error(err)
		}
		if _, err := ms.Key(ctx, u); err == nil {
			t.Error("a key after Close")
		}
	}
	for _, path := range []string{"", "libsofthsm2.so", "./x.so", "/a\x00b"} {
		if _, err := Open(path, nil); err == nil || !strings.Contains(err.Error(), "whole path") {
			t.Errorf("%q: %v", path, err)
		}
	}
}
