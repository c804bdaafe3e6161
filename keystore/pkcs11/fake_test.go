//go:build darwin || (linux && !android && (386 || amd64 || arm || arm64 || loong64 || ppc64le || riscv64))

package pkcs11

import (
	"crypto/aes"
	"crypto/cipher"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"

	internalcmac "github.com/go-desfire/desfire/internal/cmac"
)

// fake is a module that is called as a real one is, through a list of functions of
// C, and that does what real ones do too seldom for a test.
type fake struct {
	layout
	mu       sync.Mutex
	tokens   map[uintptr]*fakeToken // by slot
	sessions map[uintptr]*fakeSession
	next     uintptr
	limit    int // of sessions; 0: none
	calls    map[string]int
	// twist may answer in place of the fake; code and true if it does. It is called
	// without the lock.
	twist func(name string, args []uintptr) (Error, bool)
	inits []bool // with locking or without
	ended int
}

type fakeToken struct {
	label, serial string
	flags         uint64
	pin           string
	wrong         int
	user          bool
	keys          []fakeKey
}

type fakeKey struct {
	label   string
	keyType uint64
	value   []byte
	more    map[uint64][]byte // attributes
}

type fakeSession struct {
	slot  uintptr
	op    string
	key   *fakeKey
	iv    []byte
	found []int
}

// playing is the fake that the functions belong to at present.
var playing atomic.Pointer[fake]

// fakeList is its list of functions, and the address of C_GetFunctionList.
var fakeList = sync.OnceValue(func() (get uintptr) {
	l := system()
	const all = 68
	list := alignedBytes(l.function(all))
	for _, f := range functions {
		l.put(list[l.function(f.at):], l.pointer, uint64(purego.NewCallback(
			func(a, b, c, d, e uintptr) uintptr { return playing.Load().call(f.name, []uintptr{a, b, c, d, e}) })))
	}
	keptList = list
	return purego.NewCallback(func(out uintptr) uintptr {
		*(*unsafe.Pointer)(at(out)) = unsafe.Pointer(&keptList[0])
		return 0
	})
})

var keptList []byte

// fakeNull is a C_GetFunctionList that gives none.
var fakeNull = sync.OnceValue(func() uintptr { return purego.NewCallback(func(uintptr) uintptr { return 0 }) })

// at is an address that the package passed.
func at(a uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&a)) }

func bytesAt(a, n uintptr) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(at(a)), n)
}

// play opens a Module of a fake.
func play(t testing.TB, f *fake, conf *Config) *Module {
	t.Helper()
	f.layout, f.sessions, f.next = system(), map[uintptr]*fakeSession{}, 100
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	playing.Store(f)
	n, err := newNative(f.layout, fakeList())
	if err != nil {
		t.Fatal(err)
	}
	m, err := start("/fake.so", n, n.identity(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// door is a token with an AES key named k.
func door() *fakeToken {
	return &fakeToken{
		label: "door", serial: "1", flags: tokenInitialized | tokenLoginRequired, pin: testPIN,
		keys: []fakeKey{{label: "k", keyType: keyTypeAES, value: []byte("0123456789abcdef")}},
	}
}

func (f *fake) set(a uintptr, v uint64) { f.putUlong(bytesAt(a, uintptr(f.ulongSize())), v) }
func (f *fake) read(a uintptr) uint64   { return f.getUlong(bytesAt(a, uintptr(f.ulongSize()))) }
func (f *fake) ulongSize() int          { return f.layout.ulong }

func (f *fake) call(name string, a []uintptr) uintptr {
	f.mu.Lock()
	f.calls[name]++
	twist := f.twist
	f.mu.Unlock()
	if twist != nil {
		if code, ok := twist(name, a); ok {
			return uintptr(code)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return uintptr(f.answer(name, a))
}

func (f *fake) answer(name string, a []uintptr) Error {
	switch name {
	case "C_Initialize":
		f.inits = append(f.inits, a[0] != 0)
		return codeOK
	case "C_Finalize":
		f.ended++
		return codeOK
	case "C_GetSlotList":
		var ids []uintptr
		for id := range f.tokens {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		if a[1] == 0 {
			f.set(a[2], uint64(len(ids)))
			return codeOK
		}
		if uint64(len(ids)) > f.read(a[2]) {
			return codeBufferTooSmall
		}
		for i, id := range ids {
			f.set(a[1]+uintptr(i*f.ulongSize()), uint64(id))
		}
		f.set(a[2], uint64(len(ids)))
		return codeOK
	case "C_GetTokenInfo":
		t := f.tokens[a[0]]
		if t == nil {
			return codeTokenAbsent
		}
		b := bytesAt(a[1], uintptr(f.tokenInfo()))
		for i := range tokenFlags {
			b[i] = ' '
		}
		copy(b[tokenLabel:], t.label)
		copy(b[tokenSerial:tokenFlags], t.serial)
		f.putUlong(b[tokenFlags:], t.flags)
		return codeOK
	case "C_OpenSession":
		if f.tokens[a[0]] == nil {
			return codeTokenAbsent
		}
		if f.limit > 0 && len(f.sessions) >= f.limit {
			return codeSessionCount
		}
		f.next++
		f.sessions[f.next] = &fakeSession{slot: a[0]}
		f.set(a[4], uint64(f.next))
		return codeOK
	}
	s := f.sessions[a[0]]
	if s == nil {
		return codeSessionInvalid
	}
	t := f.tokens[s.slot]
	if t == nil {
		return codeDeviceRemoved
	}
	return f.inSession(name, s, t, a)
}

func (f *fake) inSession(name string, s *fakeSession, t *fakeToken, a []uintptr) Error {
	switch name {
	case "C_CloseSession":
		delete(f.sessions, a[0])
		t.user = t.user && slices.ContainsFunc(f.all(), func(o *fakeSession) bool { return o.slot == s.slot })
		return codeOK
	case "C_GetSessionInfo":
		f.set(a[1]+uintptr(f.ulongSize()), map[bool]uint64{false: 0, true: stateReadOnlyUser}[t.user])
		return codeOK
	case "C_Login":
		return f.login(t, a)
	}
	if !t.user && t.flags&tokenLoginRequired != 0 {
		return codeNotLoggedIn
	}
	switch name {
	case "C_FindObjectsInit":
		s.found = nil
		for i, k := range t.keys {
			fits := true
			for j := range a[2] {
				e := a[1] + j*uintptr(f.triple())
				v := bytesAt(uintptr(f.get(bytesAt(e+uintptr(f.ulongSize()), uintptr(f.pointer)), f.pointer)), uintptr(f.tripleLength(bytesAt(e, uintptr(f.triple())))))
				if f.read(e) == attrLabel && string(v) != k.label {
					fits = false
				}
			}
			if fits {
				s.found = append(s.found, i+1)
			}
		}
		return codeOK
	case "C_FindObjects":
		n := min(len(s.found), int(a[2]))
		for i, o := range s.found[:n] {
			f.set(a[1]+uintptr(i*f.ulongSize()), uint64(o))
		}
		s.found = s.found[n:]
		f.set(a[3], uint64(n))
		return codeOK
	case "C_FindObjectsFinal":
		return codeOK
	case "C_GetAttributeValue":
		if int(a[1]) > len(t.keys) {
			return codeObjectInvalid
		}
		return f.attributes(&t.keys[a[1]-1], a)
	case "C_EncryptInit", "C_DecryptInit", "C_SignInit":
		if int(a[2]) > len(t.keys) {
			return codeKeyHandleInvalid
		}
		s.op, s.key = name, &t.keys[a[2]-1]
		e := a[1]
		s.iv = slices.Clone(bytesAt(uintptr(f.get(bytesAt(e+uintptr(f.ulongSize()), uintptr(f.pointer)), f.pointer)), uintptr(f.tripleLength(bytesAt(e, uintptr(f.triple()))))))
		return codeOK
	case "C_Encrypt", "C_Decrypt", "C_Sign":
		return f.cipher(name, s, a)
	}
	return codeFunctionUnsupported
}

func (f *fake) all() (list []*fakeSession) {
	for _, s := range f.sessions {
		list = append(list, s)
	}
	return list
}

func (f *fake) login(t *fakeToken, a []uintptr) Error {
	switch {
	case t.user:
		return codeAlreadyLoggedIn
	case t.wrong >= 3:
		return codePINLocked
	case t.flags&tokenPINPad != 0 && a[2] == 0, string(bytesAt(a[2], a[3])) == t.pin:
		t.wrong, t.user = 0, true
		t.flags &^= tokenPINCountLow | tokenPINFinalTry
		return codeOK
	}
	t.wrong++
	t.flags |= map[int]uint64{1: tokenPINCountLow, 2: tokenPINFinalTry, 3: tokenPINLocked}[t.wrong]
	return codePINIncorrect
}

func (f *fake) attributes(k *fakeKey, a []uintptr) Error {
	code := codeOK
	for i := range a[3] {
		e := a[2] + i*uintptr(f.triple())
		typ := f.read(e)
		value, ok := map[uint64][]byte{
			attrKeyType: (&native{layout: f.layout}).ulong(k.keyType), attrValueLen: (&native{layout: f.layout}).ulong(uint64(len(k.value))),
			attrEncrypt: {1}, attrDecrypt: {1}, attrSign: {1}, attrSensitive: {1}, attrExtractable: {0},
		}[typ]
		if v, has := k.more[typ]; has {
			value, ok = v, v != nil
		}
		lengthAt := e + uintptr(f.ulongSize()+f.pointer)
		if !ok {
			f.set(lengthAt, f.unavailable())
			code = codeAttributeTypeInvalid
			continue
		}
		room := f.read(lengthAt)
		copy(bytesAt(uintptr(f.get(bytesAt(e+uintptr(f.ulongSize()), uintptr(f.pointer)), f.pointer)), uintptr(room)), value)
		f.set(lengthAt, uint64(len(value)))
	}
	return code
}

func (f *fake) cipher(name string, s *fakeSession, a []uintptr) Error {
	if s.op != name+"Init" {
		return codeOperationNotBegun
	}
	s.op = ""
	b, err := aes.NewCipher(s.key.value)
	if err != nil {
		return codeDeviceError
	}
	in := bytesAt(a[1], a[2])
	out := bytesAt(a[3], uintptr(f.read(a[4])))
	n := len(in)
	switch name {
	case "C_Encrypt":
		cipher.NewCBCEncrypter(b, s.iv).CryptBlocks(out, in)
	case "C_Decrypt":
		cipher.NewCBCDecrypter(b, s.iv).CryptBlocks(out, in)
	default:
		mac := internalcmac.New(b)
		mac.Write(in)
		n = copy(out, mac.Sum())
	}
	f.set(a[4], uint64(n))
	return codeOK
}
