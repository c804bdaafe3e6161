package pkcs11

import (
	"bytes"
	"encoding/binary"
)

// cryptoki is a module, initialized or not: what this package needs of its
// functions. Methods block for as long as the module does. What a module answers
// is judged there: lengths beyond the room that was given are errBroken.
type cryptoki interface {
	initialize(locking bool) error
	finalize() error
	slots() ([]slotID, error)
	token(s slotID) (tokenInfo, error)

	openSession(s slotID) (session, error)
	closeSession(h session) error
	state(h session) (uint64, error)
	login(h session, pin []byte) error // nil: the PIN is typed at the token

	// ulong is a CK_ULONG as a value of an attribute.
	ulong(v uint64) []byte
	// find returns at most limit objects.
	find(h session, template []attribute, limit int) ([]object, error)
	// attributes fills the values of want; what the object does not have or tell
	// stays nil.
	attributes(h session, o object, want []attribute) error

	// crypt enciphers or deciphers src to dst, which have one length.
	crypt(h session, encrypt bool, mechanism uint64, o object, iv, dst, src []byte) error
	// sign makes a MAC of len(mac) bytes.
	sign(h session, mechanism uint64, o object, mac, message []byte) error
}

type (
	slotID  uint64
	session uint64
	object  uint64
)

// number reads a CK_ULONG; false where there is none.
func number(b []byte) (uint64, bool) {
	switch len(b) {
	case 4:
		return uint64(binary.NativeEndian.Uint32(b)), true
	case 8:
		return binary.NativeEndian.Uint64(b), true
	}
	return 0, false
}

// boolean reads a CK_BBOOL; known is false where there is none.
func boolean(b []byte) (v, known bool) { return len(b) == 1 && b[0] != 0, len(b) == 1 }

// attribute is one of an object: a number, and as bytes what a module has at its
// address.
type attribute struct {
	typ   uint64
	value []byte
}

// tokenInfo is what CK_TOKEN_INFO says that counts here.
type tokenInfo struct {
	label, manufacturer, model, serial string
	flags                              uint64
}

// padded is a text of fixed width, filled with blanks.
func padded(b []byte) string {
	if n := bytes.IndexByte(b, 0); n >= 0 {
		b = b[:n] // some modules end it as C does
	}
	return string(bytes.TrimRight(b, " "))
}
