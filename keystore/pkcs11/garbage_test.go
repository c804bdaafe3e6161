//go:build darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
)

// A module that tells lengths beyond the room that it was given is not believed,
// and its session not used again.
func TestGarbage(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const huge = 0x7FFFFFFF
	for _, tt := range []struct {
		function string
		garble   func(f *fake, a []uintptr)
	}{
		{"C_GetSlotList", func(f *fake, a []uintptr) { f.set(a[2], huge) }},
		{"C_FindObjects", func(f *fake, a []uintptr) { f.set(a[3], huge) }},
		{"C_FindObjects", func(f *fake, a []uintptr) { f.set(a[3], maxFound+1) }},
		{"C_GetAttributeValue", func(f *fake, a []uintptr) {
			for i := range a[3] {
				f.set(a[2]+i*uintptr(f.triple())+uintptr(f.ulongSize()+f.pointer), maxAttribute+1)
			}
		}},
		{"C_Encrypt", func(f *fake, a []uintptr) { f.set(a[4], huge) }},
		{"C_Encrypt", func(f *fake, a []uintptr) { f.set(a[4], 15) }},
		{"C_Encrypt", func(f *fake, a []uintptr) { f.set(a[4], 0) }},
		{"C_Decrypt", func(f *fake, a []uintptr) { f.set(a[4], 33) }},
		{"C_Sign", func(f *fake, a []uintptr) { f.set(a[4], 17) }},
		{"C_Sign", func(f *fake, a []uintptr) { f.set(a[4], 0) }},
	} {
		f, m, _ := playDoor(t, &Config{PIN: new(pin).give})
		k := mustKey(t, m, doorKey)
		f.twist = func(name string, a []uintptr) (Error, bool) {
			if name == tt.function {
				tt.garble(f, a)
			}
			return 0, name == tt.function
		}
		var err error
		b := make([]byte, 32)
		switch tt.function {
		case "C_Encrypt":
			err = k.EncryptCBC(ctx, nil, b, b)
		case "C_Decrypt":
			err = k.DecryptCBC(ctx, nil, b, b)
		case "C_Sign":
			_, err = k.CMAC(ctx, b)
		default:
			_, err = m.Key(ctx, uri(t, doorKey))
		}
		if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), tt.function) {
			t.Errorf("%s: %v", tt.function, err)
		}
		f.twist = nil
		if err := encrypt(ctx, k); err != nil {
			t.Errorf("after %s: %v", tt.function, err)
		}
		if err := m.Close(); err != nil || len(f.sessions) > 0 {
			t.Errorf("%s: %v, %d sessions", tt.function, err, len(f.sessions))
		}
	}
	if _, err := newNative(system(), fakeNull()); !errors.Is(err, ErrModule) {
		t.Errorf("no list: %v", err)
	}
}

// A list of functions that lacks one, a list that is none, a function that fails.
func TestFunctionList(t *testing.T) {
	saved := append([]byte(nil), func() []byte { fakeList(); return keptList }()...)
	defer copy(keptList, saved)
	for _, f := range functions {
		copy(keptList, saved)
		at := system().function(f.at)
		clear(keptList[at : at+system().pointer])
		if _, err := newNative(system(), fakeList()); !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), f.name+" ") {
			t.Errorf("without %s: %v", f.name, err)
		}
	}
}

// How a module is initialized, and ended once, whoever has opened it.
func TestInitialize(t *testing.T) {
	for _, tt := range []struct {
		name  string
		first Error // of C_Initialize with locking
		then  Error
		fails bool
		inits string
		ended int
	}{
		{"as it should", codeOK, codeOK, false, "[true]", 1},
		{"cannot lock", codeCantLock, codeOK, false, "[true false]", 1},
		{"by others", codeAlreadyInitialized, codeOK, false, "[true]", 0},
		{"fails", codeDeviceError, codeOK, true, "[true]", 0},
		{"cannot lock, fails", codeCantLock, codeDeviceError, true, "[true false]", 0},
	} {
		f := &fake{layout: system(), tokens: map[uintptr]*fakeToken{7: door()}, sessions: map[uintptr]*fakeSession{}, calls: map[string]int{}}
		f.twist = func(name string, a []uintptr) (Error, bool) {
			if name != "C_Initialize" {
				return 0, false
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.inits = append(f.inits, a[0] != 0)
			if a[0] != 0 {
				if flags := f.read(a[0] + uintptr(4*f.pointer)); flags != flagOSLockingOK {
					t.Errorf("flags %X", flags)
				}
				return tt.first, true
			}
			return tt.then, true
		}
		playing.Store(f)
		var modules []*Module
		for range 2 {
			n, err := newNative(f.layout, fakeList())
			if err != nil {
				t.Fatal(err)
			}
			m, err := start("/fake.so", n, n.identity(), &Config{PIN: new(pin).give})
			if (err != nil) != tt.fails {
				t.Errorf("%s: %v", tt.name, err)
			}
			if err != nil {
				break
			}
			modules = append(modules, m)
		}
		if got := fmt.Sprint(f.inits); got != tt.inits {
			t.Errorf("%s: C_Initialize with locking: %s, want %s", tt.name, got, tt.inits)
		}
		for i, m := range modules {
			if err := encrypt(context.Background(), mustKey(t, m, doorKey)); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if err := m.Close(); err != nil {
				t.Errorf("%s: %v", tt.name, err)
			}
			if i == 0 && f.ended != 0 {
				t.Errorf("%s: ended while another uses it", tt.name)
			}
		}
		if f.ended != tt.ended {
			t.Errorf("%s: ended %d times, want %d", tt.name, f.ended, tt.ended)
		}
	}
}

// A module that cannot lock gets one call at a time, whoever calls.
func TestOneAtATime(t *testing.T) {
	f := &fake{tokens: map[uintptr]*fakeToken{7: door()}}
	in := 0
	f.twist = func(name string, a []uintptr) (Error, bool) {
		f.mu.Lock()
		in++
		if in > 1 {
			t.Errorf("%s is called within another call", name)
		}
		f.mu.Unlock()
		runtime.Gosched() // so that others would come in
		f.mu.Lock()
		in--
		f.mu.Unlock()
		if name == "C_Initialize" && a[0] != 0 {
			return codeCantLock, true
		}
		return 0, false
	}
	m := play(t, f, &Config{PIN: new(pin).give})
	k := mustKey(t, m, doorKey)
	done := make(chan error)
	for range 8 {
		go func() { done <- encrypt(context.Background(), k) }()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Which keys can be keys of cards, by what the token says of them.
func TestTraits(t *testing.T) {
	ctx := context.Background()
	n := &native{layout: system()}
	for _, tt := range []struct {
		name    string
		keyType uint64
		bytes   int
		more    map[uint64][]byte
		want    string // of the error
		exposed bool
	}{
		{"as made", keyTypeAES, 16, nil, "", false},
		{"length not told", keyTypeAES, 16, map[uint64][]byte{attrValueLen: nil}, "", false},
		{"AES-256", keyTypeAES, 32, nil, "AES key of 32 bytes", false},
		{"RSA", 0, 16, nil, "of type 0x0", false},
		{"type not told", keyTypeAES, 16, map[uint64][]byte{attrKeyType: nil}, "of type 0x0", false},
		{"type of three bytes", keyTypeAES, 16, map[uint64][]byte{attrKeyType: {1, 2, 3}}, "of type 0x0", false},
		{"PIN for each use", keyTypeAES, 16, map[uint64][]byte{attrAlwaysAuthenticate: {1}}, "CKA_ALWAYS_AUTHENTICATE", false},
		{"extractable", keyTypeAES, 16, map[uint64][]byte{attrExtractable: {1}}, "", true},
		{"not sensitive", keyTypeAES, 16, map[uint64][]byte{attrSensitive: {0}}, "", false},
		{"not told whether", keyTypeAES, 16, map[uint64][]byte{attrExtractable: nil}, "", true},
		{"may not sign", keyTypeAES, 16, map[uint64][]byte{attrSign: {0}}, "", false},
		{"may not encipher", keyTypeAES, 16, map[uint64][]byte{attrEncrypt: {0}}, "", false},
		{"length too long", keyTypeAES, 16, map[uint64][]byte{attrValueLen: n.ulong(1 << 20)}, "AES key of 1048576 bytes", false},
	} {
		warned := 0
		_, m, d := playDoor(t, &Config{PIN: new(pin).give, Warn: func(string) { warned++ }})
		d.keys[0] = fakeKey{label: "k", keyType: tt.keyType, value: testBytes(tt.bytes, 1), more: tt.more}
		k, err := m.Key(ctx, uri(t, doorKey))
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: %v", tt.name, err)
			}
		case err != nil:
			t.Errorf("%s: %v", tt.name, err)
		default:
			if k.Extractable() != tt.exposed || (warned > 0) != tt.exposed {
				t.Errorf("%s: extractable %v, %d warnings", tt.name, k.Extractable(), warned)
			}
			if none := k.CheckValue() == (key.CheckValue{}); none != (tt.name == "may not encipher") {
				t.Errorf("%s: check value %v", tt.name, k.CheckValue())
			}
			if _, err := k.CMAC(ctx, nil); errors.Is(err, errors.ErrUnsupported) != (tt.name == "may not sign") {
				t.Errorf("%s: CMAC: %v", tt.name, err)
			}
		}
		m.Close()
	}
}

// A key must be named so that it is one.
func TestWhichOne(t *testing.T) {
	ctx := context.Background()
	f, m, d := playDoor(t, &Config{PIN: new(pin).give})
	two := door()
	two.serial = "2"
	f.tokens[8] = two
	f.tokens[9] = &fakeToken{label: "blank"} // not initialized
	d.keys = append(d.keys, d.keys[0])
	for text, want := range map[string]string{
		doorKey:                       "2 tokens fit",
		"pkcs11:object=k":             "2 tokens fit",
		"pkcs11:token=gate;object=k":  `the module sees token "door", serial "1"; token "door", serial "2"`,
		"pkcs11:token=blank;object=k": "the token is not there",
		"pkcs11:serial=1;object=k":    "has 2 secret keys",
		"pkcs11:serial=2;object=x":    "has no secret key pkcs11:serial=2;object=x",
		"pkcs11:serial=2;object=k":    "",
	} {
		_, err := m.Key(ctx, uri(t, text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if list, err := m.Tokens(ctx); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	// One that cannot be looked at hides no other.
	f.twist = func(name string, a []uintptr) (Error, bool) {
		return codeDeviceError, name == "C_GetTokenInfo" && a[0] == 7
	}
	if _, err := m.Key(ctx, uri(t, "pkcs11:serial=2;object=k")); err != nil {
		t.Error(err)
	}
	if _, err := m.Key(ctx, uri(t, "pkcs11:serial=1;object=k")); !errors.Is(err, ErrNoToken) || codeOf(err) != codeDeviceError {
		t.Errorf("the one that cannot be looked at: %v", err)
	}
}

// FuzzModule lets a module answer anything, in any call: no answer makes the
// package panic or wait for ever.
func FuzzModule(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 3, 0xB3, 0, 2, 0x90})
	f.Add([]byte{1, 0xFF, 1, 0x10, 2, 0x60, 1, 0x40, 0, 0, 0, 1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, script []byte) {
		fk := &fake{tokens: map[uintptr]*fakeToken{7: door()}}
		fk.twist = func(name string, a []uintptr) (Error, bool) {
			fk.mu.Lock()
			defer fk.mu.Unlock()
			if name == "C_Initialize" || name == "C_Finalize" || len(script) < 2 {
				return 0, false
			}
			what, v := script[0], script[1]
			script = script[2:]
			out := map[string]uintptr{
				"C_GetSlotList": a[2], "C_FindObjects": a[3], "C_Encrypt": a[4], "C_Decrypt": a[4], "C_Sign": a[4],
				"C_OpenSession": a[4], "C_GetSessionInfo": a[1], "C_GetTokenInfo": a[1],
			}[name]
			switch what & 3 {
			case 1:
				if out == 0 {
					return 0, false
				}
				fk.set(out, uint64(v)<<(what>>4))
				return codeOK, true
			case 2:
				return Error(v), true
			case 3:
				return Error(v)<<(what>>4) | 1, true
			}
			return 0, false
		}
		p := new(pin)
		m := play(t, fk, &Config{PIN: p.give, Sessions: 2})
		ctx := context.Background()
		k, err := m.Key(ctx, uri(t, doorKey))
		for range 3 {
			if err == nil {
				b := make([]byte, 32)
				_ = k.EncryptCBC(ctx, nil, b, b)
				_, _ = k.CMAC(ctx, b)
			}
		}
		if p.asked > 30 {
			t.Errorf("asked %d times for a PIN", p.asked)
		}
	})
}
