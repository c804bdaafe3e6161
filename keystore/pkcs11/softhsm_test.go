//go:build windows || darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"unsafe"

	"go.uber.org/goleak"
)

// confVar names the configuration of SoftHSM. A module reads its environment as C
// sees it, which setting a variable in Go does not change: so the tests run in a
// second process, which begins with it.
const confVar = "SOFTHSM2_CONF"

func TestMain(m *testing.M) {
	if os.Getenv("DESFIRE_PKCS11_TESTS") != "" {
		goleak.VerifyTestMain(m)
		return
	}
	dir, err := os.MkdirTemp("", "desfire-pkcs11-")
	if err == nil {
		err = writeConf(dir)
	}
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Env = append(os.Environ(), "DESFIRE_PKCS11_TESTS=1", confVar+"="+filepath.Join(dir, "softhsm2.conf"))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	os.RemoveAll(dir)
	if err != nil {
		os.Exit(1)
	}
}

func writeConf(dir string) error {
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "softhsm2.conf"), []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"), 0o600)
}

// softHSM is the file of the module that the tests use.
func softHSM(t testing.TB) string {
	t.Helper()
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so", "/opt/homebrew/lib/softhsm/libsofthsm2.so"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	if os.Getenv("DESFIRE_REQUIRE_PKCS11") != "" {
		t.Fatal("SoftHSM is missing: make deps installs it")
	}
	t.Skip("SoftHSM is missing: make deps installs it")
	return ""
}

const (
	testPIN   = "door-4711"
	testSOPIN = "officer-0815"
)

// pin answers with testPIN and counts how often it was asked.
type pin struct {
	asked int
	last  Token
	text  string
}

func (p *pin) give(_ context.Context, t Token) ([]byte, error) {
	p.asked++
	p.last = t
	if p.text == "" {
		return []byte(testPIN), nil
	}
	return []byte(p.text), nil
}

// openHSM opens the module, and makes a token of that label in it.
func openHSM(t testing.TB, label string, conf *Config) *Module {
	t.Helper()
	m, err := Open(softHSM(t), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	makeToken(t, m, label)
	return m
}

// raw is the module's functions, those too that only tests call.
func raw(t testing.TB, m *Module) *native {
	t.Helper()
	return m.lib.cryptoki.(*native)
}

// extra calls a function that the package does not use, by its place in the list.
func (n *native) extra(at int, args ...uintptr) error {
	at0 := unsafe.Slice((*byte)(unsafe.Add(n.list, n.function(at))), n.pointer)
	address := uintptr(n.get(at0, n.pointer))
	return n.returned("extra", call(address, args...))
}

func makeToken(t testing.TB, m *Module, label string) {
	t.Helper()
	n := raw(t, m)
	ids, err := n.slots()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		info, err := n.token(id)
		if err != nil {
			t.Fatal(err)
		}
		if info.flags&tokenInitialized != 0 {
			continue
		}
		mem := newMemory(len(testSOPIN), 32, len(testPIN), 8)
		defer mem.free()
		so := mem.with([]byte(testSOPIN))
		name, nameAt := mem.take(32)
		copy(name, bytes.Repeat([]byte{' '}, 32))
		copy(name, label)
		if err := n.extra(9, uintptr(id), so, uintptr(len(testSOPIN)), nameAt); err != nil {
			t.Fatalf("C_InitToken: %v", err)
		}
		slots, err := present(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range slots {
			if s.info.label != label {
				continue
			}
			h := openRW(t, n, s.id)
			if err := n.extra(18, uintptr(h), 0, so, uintptr(len(testSOPIN))); err != nil {
				t.Fatalf("C_Login as security officer: %v", err)
			}
			if err := n.extra(10, uintptr(h), mem.with([]byte(testPIN)), uintptr(len(testPIN))); err != nil {
				t.Fatalf("C_InitPIN: %v", err)
			}
			if err := n.closeSession(h); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Fatal("the new token is not there")
	}
	t.Fatal("no slot is free")
}

func openRW(t testing.TB, n *native, id slotID) session {
	t.Helper()
	mem := newMemory(8)
	defer mem.free()
	b, at := mem.take(8)
	if err := n.call(fOpenSession, uintptr(id), flagSerialSession|2, 0, 0, at); err != nil {
		t.Fatal(err)
	}
	return session(n.getUlong(b))
}

// made is a key that is put into a token.
type made struct {
	label   string
	id      []byte
	keyType uint64
	value   []byte
	not     []uint64 // CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN that it may not
	open    bool     // it may be read out
}

func boolOf(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

// put makes a key in the token of a label.
func put(t testing.TB, m *Module, token string, k made) {
	t.Helper()
	n := raw(t, m)
	slots, err := present(n)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		if s.info.label != token {
			continue
		}
		h := openRW(t, n, s.id)
		defer n.closeSession(h)
		if err := n.login(h, []byte(testPIN)); err != nil && codeOf(err) != codeAlreadyLoggedIn {
			t.Fatal(err)
		}
		may := map[uint64]bool{attrEncrypt: true, attrDecrypt: true, attrSign: true}
		for _, a := range k.not {
			may[a] = false
		}
		template := []attribute{
			{attrClass, n.ulong(classSecretKey)}, {attrKeyType, n.ulong(k.keyType)}, {attrToken, boolOf(true)}, {0x002, boolOf(true)},
			{attrLabel, []byte(k.label)}, {attrSensitive, boolOf(!k.open)}, {attrExtractable, boolOf(k.open)},
			{attrEncrypt, boolOf(may[attrEncrypt])}, {attrDecrypt, boolOf(may[attrDecrypt])}, {attrSign, boolOf(may[attrSign])},
			{0x011, k.value},
		}
		if k.id != nil {
			template = append(template, attribute{attrID, k.id})
		}
		mem, _, at := n.template(template, 8)
		_, out := mem.take(8)
		err := n.extra(20, uintptr(h), at, uintptr(len(template)), out)
		mem.free()
		if err != nil {
			t.Fatalf("C_CreateObject of %s: %v", k.label, err)
		}
		return
	}
	t.Fatalf("no token %s", token)
}

func uri(t testing.TB, text string) *URI {
	t.Helper()
	u, err := ParseURI(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
