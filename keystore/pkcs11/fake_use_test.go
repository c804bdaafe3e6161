//go:build darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

const doorKey = "pkcs11:token=door;object=k"

// playDoor is a fake with one token, which has one key.
func playDoor(t testing.TB, conf *Config) (*fake, *Module, *fakeToken) {
	t.Helper()
	d := door()
	f := &fake{tokens: map[uintptr]*fakeToken{7: d}}
	return f, play(t, f, conf), d
}

func encrypt(ctx context.Context, k *Key) error {
	src, got, want := testBytes(32, 1), make([]byte, 32), make([]byte, 32)
	if err := k.EncryptCBC(ctx, nil, got, src); err != nil {
		return err
	}
	memory, _ := key.NewAES([]byte("0123456789abcdef"), 0)
	_ = memory.EncryptCBC(ctx, nil, want, src)
	if !bytes.Equal(got, want) {
		return errors.New("another cipher than in memory")
	}
	return nil
}

func mustKey(t testing.TB, m *Module, text string) *Key {
	t.Helper()
	k, err := m.Key(context.Background(), uri(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A token locks by wrong PINs. Each answer is tried once, the question tells what
// the token tells, and programs leave the last try to people.
func TestPINs(t *testing.T) {
	ctx := context.Background()
	var questions []string
	answer := "wrong 1"
	prompt := func(_ context.Context, q string) ([]byte, error) {
		questions = append(questions, q)
		return []byte(answer), nil
	}
	f, m, d := playDoor(t, &Config{PIN: Ask(prompt)})
	u := uri(t, doorKey)
	var pe *PINError

	_, err := m.Key(ctx, u)
	if !errors.As(err, &pe) || !pe.Tried || codeOf(err) != codePINIncorrect || !pe.Token.CountLow || f.calls["C_Login"] != 1 {
		t.Errorf("wrong PIN: %v", err)
	}
	// The same again: the person is asked, the token is not.
	_, err = m.Key(ctx, u)
	if !errors.As(err, &pe) || pe.Tried || pe.Err != nil || f.calls["C_Login"] != 1 {
		t.Errorf("the same wrong PIN: %v", err)
	}
	answer = "wrong 2"
	if _, err = m.Key(ctx, u); !errors.As(err, &pe) || !pe.Token.FinalTry || d.wrong != 2 {
		t.Errorf("another wrong PIN: %v", err)
	}
	// One is left: a variable and a program are not even read.
	t.Setenv("DESFIRE_TEST_PIN", "wrong 3")
	programs := func(context.Context, []string) ([]byte, error) {
		t.Error("a program was asked for the last try")
		return nil, nil
	}
	for _, p := range []PIN{FromEnv("DESFIRE_TEST_PIN"), FromExec(programs, []string{"pin"})} {
		if _, err := m.key(ctx, u, p); err == nil || !strings.Contains(err.Error(), "a person must type it") || d.wrong != 2 {
			t.Errorf("last try: %v", err)
		}
	}
	answer = "wrong 3"
	if _, err = m.Key(ctx, u); !errors.As(err, &pe) || !pe.Token.Locked || d.wrong != 3 {
		t.Errorf("last try: %v", err)
	}
	// Locked: nobody is asked any more.
	asked := len(questions)
	answer = testPIN
	if _, err = m.Key(ctx, u); !errors.As(err, &pe) || pe.Tried || !strings.Contains(err.Error(), "locked") || len(questions) != asked || f.calls["C_Login"] != 3 {
		t.Errorf("locked: %v", err)
	}
	for i, want := range []string{"serial", "a wrong PIN was tried", "a wrong PIN was tried", "one more wrong PIN locks it"} {
		if i >= len(questions) || !strings.Contains(questions[i], want) || !strings.Contains(questions[i], `"door"`) {
			t.Errorf("question %d of %q: want %q", i, questions, want)
		}
	}
	for _, q := range questions {
		if strings.Contains(q, "wrong 1") {
			t.Errorf("the question has a PIN: %s", q)
		}
	}

	// The security officer sets it anew. Then it is asked for once.
	d.flags &^= tokenPINLocked
	d.wrong = 0
	k := mustKey(t, m, doorKey)
	for range 3 {
		if err := encrypt(ctx, k); err != nil {
			t.Error(err)
		}
		mustKey(t, m, doorKey)
	}
	if len(questions) != asked+1 {
		t.Errorf("asked %d times for a PIN that is right", len(questions)-asked)
	}
}

// Who can be asked for a PIN, and what becomes of answers that are none.
func TestAsking(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f, m, _ := playDoor(t, nil)
	u := uri(t, doorKey)
	if _, err := m.Key(ctx, u); !errors.Is(err, keystore.ErrLocked) {
		t.Errorf("nobody to ask: %v", err)
	}
	gone := errors.New("no terminal")
	for name, p := range map[string]PIN{
		"prompt is nil": Ask(nil),
		"fails":         func(context.Context, Token) ([]byte, error) { return []byte(testPIN), gone },
		"empty":         func(context.Context, Token) ([]byte, error) { return nil, nil },
		"no variable":   FromEnv("DESFIRE_TEST_NOT_THERE"),
		"two lines":     FromExec(func(context.Context, []string) ([]byte, error) { return []byte(testPIN + "\nmore\n"), nil }, []string{"pin"}),
	} {
		if _, err := m.key(ctx, u, p); err == nil || strings.Contains(err.Error(), testPIN) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.key(ctx, u, func(context.Context, Token) ([]byte, error) { cancel(); return []byte(testPIN), nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("ctx ends: %v", err)
	}
	if f.calls["C_Login"] != 0 {
		t.Errorf("%d logins", f.calls["C_Login"])
	}
	t.Setenv("DESFIRE_TEST_PIN", testPIN+"\n")
	if _, err := m.key(context.Background(), u, FromEnv("DESFIRE_TEST_PIN")); err != nil {
		t.Errorf("from a variable: %v", err)
	}
	// A key pad asks by itself.
	pad := door()
	pad.label, pad.flags = "pad", pad.flags|tokenPINPad
	f.mu.Lock()
	f.tokens[8] = pad
	f.mu.Unlock()
	if _, err := m.key(context.Background(), uri(t, "pkcs11:token=pad;object=k"), func(context.Context, Token) ([]byte, error) {
		t.Error("a PIN was asked for that is typed at the token")
		return nil, gone
	}); err != nil {
		t.Errorf("key pad: %v", err)
	}
}

// What others take away is looked for again, and compared with what it was.
func TestLost(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := new(pin)
	f, m, d := playDoor(t, &Config{PIN: p.give})
	k := mustKey(t, m, doorKey)
	do := func(change func()) error {
		f.mu.Lock()
		change()
		f.mu.Unlock()
		return encrypt(ctx, k)
	}
	for name, change := range map[string]func(){
		"sessions closed": func() { clear(f.sessions); d.user = false },
		"logged out":      func() { d.user = false },
		"object gone":     func() { f.twist = once(f, "C_EncryptInit", codeKeyHandleInvalid) },
		"another slot":    func() { clear(f.sessions); d.user = false; f.tokens = map[uintptr]*fakeToken{9: d} },
		"operation began": func() { f.twist = once(f, "C_EncryptInit", codeOperationActive) },
		"operation ended": func() { f.twist = once(f, "C_Encrypt", codeOperationNotBegun) },
	} {
		asked := p.asked
		err := do(change)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if p.asked > asked+1 {
			t.Errorf("%s: asked %d times for the PIN", name, p.asked-asked)
		}
	}

	// Gone: it says so, and finds it when it is back.
	if err := do(func() { clear(f.sessions); d.user = false; delete(f.tokens, 9); delete(f.tokens, 7) }); !errors.Is(err, ErrNoToken) {
		t.Errorf("removed: %v", err)
	}
	if err := encrypt(ctx, k); !errors.Is(err, ErrNoToken) {
		t.Errorf("still removed: %v", err)
	}
	other := door()
	other.serial = "2"
	if err := do(func() { f.tokens[3] = other }); !errors.Is(err, ErrNoToken) {
		t.Errorf("another token of that name: %v", err)
	}
	if err := do(func() { f.tokens[4] = d }); err != nil {
		t.Errorf("back again: %v", err)
	}
	// Another key in its place is not taken for it.
	if err := do(func() {
		clear(f.sessions)
		d.user = false
		d.keys[0].value = testBytes(16, 77)
	}); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("replaced: %v", err)
	}
	if err := do(func() { d.keys = nil }); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

// Tokens that change places are not taken for each other, though labels and keys
// have the same names.
func TestSwapped(t *testing.T) {
	ctx := context.Background()
	f, m, d := playDoor(t, &Config{PIN: new(pin).give})
	other := door()
	other.serial, other.keys[0].value = "2", testBytes(16, 5)
	f.tokens[8] = other
	const text = "pkcs11:serial=1;object=k"
	k := mustKey(t, m, text)
	for range 3 {
		f.mu.Lock()
		f.tokens[7], f.tokens[8] = f.tokens[8], f.tokens[7]
		clear(f.sessions)
		d.user, other.user = true, true // as if another part of the program had logged in
		f.mu.Unlock()
		if err := encrypt(ctx, k); err != nil {
			t.Error(err)
		}
		if again := mustKey(t, m, text); again.CheckValue() != k.CheckValue() {
			t.Errorf("check value %v, want %v", again.CheckValue(), k.CheckValue())
		}
		if k2 := mustKey(t, m, "pkcs11:serial=2;object=k"); k2.CheckValue() == k.CheckValue() {
			t.Error("the key of the first token is found in the second")
		}
	}
}

// once answers the next call of a function. The fake is locked when it is made.
func once(f *fake, function string, code Error) func(string, []uintptr) (Error, bool) {
	var did sync.Once
	return func(name string, _ []uintptr) (c Error, ok bool) {
		if name == function {
			did.Do(func() { c, ok = code, true })
		}
		return c, ok
	}
}

// Sessions are bounded by the Config and by the token. Who finds none waits for one
// of this program's; where it has none, the error says so.
func TestSessions(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, tt := range []struct{ conf, token, want int }{{3, 0, 3}, {8, 2, 2}, {0, 0, DefaultSessions}, {1, 1, 1}} {
		f, m, _ := playDoor(t, &Config{PIN: new(pin).give, Sessions: tt.conf})
		f.limit = tt.token
		k := mustKey(t, m, doorKey)
		most := 0
		f.twist = func(name string, _ []uintptr) (Error, bool) {
			f.mu.Lock()
			defer f.mu.Unlock()
			most = max(most, len(f.sessions))
			return 0, false
		}
		var all sync.WaitGroup
		for range 40 {
			all.Go(func() {
				if err := encrypt(ctx, k); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most > tt.want {
			t.Errorf("%+v: %d sessions", tt, most)
		}
		// Each of 41 looks whether the token gives one more, at most.
		if n := f.calls["C_OpenSession"]; n > 41 {
			t.Errorf("%+v: asked %d times for a session", tt, n)
		}
		if err := m.Close(); err != nil || len(f.sessions) != 0 || f.ended != 1 {
			t.Errorf("%+v: close: %v, %d sessions, ended %d times", tt, err, len(f.sessions), f.ended)
		}
		if err := encrypt(ctx, k); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
	// Others have them all.
	f, m, _ := playDoor(t, &Config{PIN: new(pin).give})
	f.limit = 1
	f.sessions[1] = &fakeSession{slot: 7}
	if _, err := m.Key(ctx, uri(t, doorKey)); !errors.Is(err, ErrSessions) || codeOf(err) != codeSessionCount {
		t.Errorf("%v", err)
	}
	delete(f.sessions, 1)
	mustKey(t, m, doorKey)
}

// A call that hangs does not hold its caller when a context ends. It gives its
// session back when it returns, and Close waits for it.
func TestHangs(t *testing.T) {
	for _, function := range []string{"C_Encrypt", "C_FindObjects", "C_Login", "C_OpenSession", "C_GetSlotList"} {
		p := new(pin)
		f, m, _ := playDoor(t, &Config{PIN: p.give, Sessions: 1})
		var k *Key
		if function == "C_Encrypt" {
			k = mustKey(t, m, doorKey)
		}
		hold, in := make(chan struct{}), make(chan struct{})
		f.twist = func(name string, _ []uintptr) (Error, bool) {
			if name == function {
				select {
				case in <- struct{}{}:
				case <-hold:
				}
				<-hold
			}
			return 0, false
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			<-in
			cancel()
		}()
		dst := make([]byte, 16)
		var err error
		if k != nil {
			err = k.EncryptCBC(ctx, nil, dst, make([]byte, 16))
		} else {
			_, err = m.Key(ctx, uri(t, doorKey))
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s hangs: %v", function, err)
		}
		if k != nil {
			// The only session is in use: who waits for it can give up too.
			waiting, stop := context.WithCancel(context.Background())
			stop()
			if err := encrypt(waiting, k); !errors.Is(err, context.Canceled) {
				t.Errorf("%s hangs, the next waits: %v", function, err)
			}
		}
		close(hold)
		if k == nil {
			k = mustKey(t, m, doorKey)
		}
		if err := encrypt(context.Background(), k); err != nil {
			t.Errorf("after %s: %v", function, err)
		}
		if !bytes.Equal(dst, make([]byte, 16)) {
			t.Errorf("%s: an answer came late, and was written", function)
		}
		if err := m.Close(); err != nil || len(f.sessions) > 0 {
			t.Errorf("%s: %v, %d sessions", function, err, len(f.sessions))
		}
	}
}

// Close does not wait for ever for a call that does not return, and leaves the
// module as it is then.
func TestCloseHangs(t *testing.T) {
	f := &fake{tokens: map[uintptr]*fakeToken{7: door()}}
	m := play(t, f, &Config{PIN: new(pin).give})
	m.grace = time.Millisecond
	k := mustKey(t, m, doorKey)
	hold, in := make(chan struct{}), make(chan struct{})
	f.twist = func(name string, _ []uintptr) (Error, bool) {
		if name == "C_Encrypt" {
			close(in)
			<-hold
		}
		return 0, false
	}
	done := make(chan error)
	go func() { done <- encrypt(context.Background(), k) }()
	<-in
	if err := m.Close(); err == nil || !strings.Contains(err.Error(), "does not return") || f.ended != 0 {
		t.Errorf("%v, ended %d times", err, f.ended)
	}
	close(hold)
	if err := <-done; err != nil {
		t.Errorf("the call that hung: %v", err)
	}
	if err := encrypt(context.Background(), k); !errors.Is(err, ErrClosed) {
		t.Errorf("the next: %v", err)
	}
	// What was left initialized is used along by the next, and ended with it.
	librariesMu.Lock()
	left := libraries[m.lib.identity]
	librariesMu.Unlock()
	if left != m.lib {
		t.Fatal("the module was forgotten though it is initialized")
	}
	if err := m.lib.release(); err != nil || f.ended != 1 {
		t.Errorf("%v, ended %d times", err, f.ended)
	}
}

// A token without CMAC derives by its cipher, and is asked for a CMAC once.
func TestNoCMAC(t *testing.T) {
	ctx := context.Background()
	f, m, _ := playDoor(t, &Config{PIN: new(pin).give})
	f.twist = func(name string, _ []uintptr) (Error, bool) { return codeMechanismInvalid, name == "C_SignInit" }
	k := mustKey(t, m, doorKey)
	memory, err := key.NewAES([]byte("0123456789abcdef"), 0)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 32; n++ {
		got, err := an10922.Key(ctx, k, testBytes(n, 1))
		if err != nil {
			t.Fatal(err)
		}
		want, err := an10922.Key(ctx, memory, testBytes(n, 1))
		if err != nil || !bytes.Equal(got.Export(), want.Export()) {
			t.Errorf("input of %d bytes: another key than in memory, %v", n, err)
		}
	}
	if f.calls["C_SignInit"] != 1 {
		t.Errorf("asked %d times for a CMAC", f.calls["C_SignInit"])
	}
}
