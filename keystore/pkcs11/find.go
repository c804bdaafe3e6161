package pkcs11

import (
	"cmp"
	"fmt"

	"github.com/go-desfire/desfire/key"
)

// maxFound bounds how many objects of one name are counted.
const maxFound = 16

// find is the key's object, looked for again where handles may have changed, and
// then compared with what the key was.
func (h *handle) find(c cryptoki, s *conn) (object, error) {
	h.mu.Lock()
	o, good := h.object, h.known && h.generation == s.generation
	h.mu.Unlock()
	if good {
		return o, nil
	}
	template := []attribute{{attrClass, c.ulong(classSecretKey)}, {attrToken, []byte{1}}}
	if h.uri.Object != "" {
		template = append(template, attribute{attrLabel, []byte(h.uri.Object)})
	}
	if len(h.uri.ID) > 0 {
		template = append(template, attribute{attrID, h.uri.ID})
	}
	list, err := c.find(s.h, template, maxFound)
	if err != nil {
		return 0, err
	}
	if len(list) == 0 {
		// Whoever is not logged in sees no private objects, and no error.
		if in, err := h.token.loggedIn(s); err != nil || !in {
			return 0, cmp.Or(err, error(&callError{"C_FindObjects", codeNotLoggedIn}))
		}
	}
	if len(list) != 1 {
		return 0, &NotFoundError{URI: h.uri.String(), Token: h.token.String(), Many: len(list)}
	}
	o = list[0]
	t, err := h.look(c, s, o)
	if err != nil {
		return 0, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known && (t.typ != h.traits.typ || t.check != h.traits.check) {
		return 0, fmt.Errorf("another key stands in its place in the token: %v check %v, it was %v check %v; get it anew where that is right",
			t.typ, t.check, h.traits.typ, h.traits.check)
	}
	if !h.known {
		h.traits, h.known = t, true // never changed later: read without a lock
	}
	h.object, h.generation = o, s.generation
	return o, nil
}

// look asks what a key is and may.
func (h *handle) look(c cryptoki, s *conn, o object) (t traits, err error) {
	want := []attribute{
		{typ: attrKeyType}, {typ: attrValueLen}, {typ: attrEncrypt}, {typ: attrSign},
		{typ: attrExtractable}, {typ: attrAlwaysAuthenticate},
	}
	if err := c.attributes(s.h, o, want); err != nil {
		return t, err
	}
	if always, _ := boolean(want[5].value); always {
		return t, fmt.Errorf("the key wants the PIN for each use (CKA_ALWAYS_AUTHENTICATE), which a card does not wait for")
	}
	t.keyType, _ = number(want[0].value)
	t.bytes, _ = number(want[1].value)
	if err := t.mechanisms(); err != nil {
		return t, err
	}
	// What is sensitive yet extractable comes out wrapped, by a key of one's own.
	extractable, known := boolean(want[4].value)
	t.exposed = extractable || !known
	if may, told := boolean(want[3].value); told && !may {
		t.cmac = 0
	}
	if may, told := boolean(want[2].value); may || !told {
		n := t.typ.BlockSize()
		zero, out := make([]byte, n), make([]byte, n)
		switch err := c.crypt(s.h, true, t.cbc, o, zero, out, zero); {
		case err == nil:
			t.check = key.CheckValue(out)
		case codeOf(err) != codeKeyNotPermitted:
			return t, err
		}
	}
	return t, nil
}

// mechanisms says what a key is ciphered by.
func (t *traits) mechanisms() error {
	switch t.keyType {
	case keyTypeAES:
		if t.bytes != 0 && t.bytes != 16 {
			return fmt.Errorf("the key is an AES key of %d bytes: cards have such of 16", t.bytes)
		}
		t.typ, t.cbc, t.cmac = key.TypeAES, mechAESCBC, mechAESCMAC
	case keyTypeDES:
		t.typ, t.cbc = key.TypeDES, mechDESCBC
	case keyTypeDES2:
		t.typ, t.cbc, t.cmac = key.Type2K3DES, mechDES3CBC, mechDES3CMAC
	case keyTypeDES3:
		t.typ, t.cbc, t.cmac = key.Type3K3DES, mechDES3CBC, mechDES3CMAC
	default:
		return fmt.Errorf("the key is of type 0x%X in its token: cards have AES (0x1F), DES (0x13), DES2 (0x14) and DES3 (0x15) keys", t.keyType)
	}
	return nil
}
