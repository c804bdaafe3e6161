package securemsg

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Session is what makes a channel: the outcome of an authentication, or a
// session known from elsewhere.
type Session struct {
	Side   Side
	Method key.Method
	KeyNo  wire.KeyNo

	// Key is the session key. D40: 8, 16 or 24 bytes of DES; ISO and ISO 7816:
	// DES or, with AES set, 16 bytes of AES; AES: 16 bytes; EV2: the encryption
	// key; LRP: the session master key.
	Key []byte
	AES bool   // of ISO 7816 only: the key is an AES key
	MAC []byte // EV2: the MAC key

	IV      []byte  // EV1: the running value, nil at the start
	TI      [4]byte // EV2, LRP
	Counter uint16  // EV2, LRP: the command counter
	Blocks  uint32  // LRP: the block counter; 1 after First, 0 after NonFirst
}

// Format prints no key.
func (s Session) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%v %v session, key %d", s.Side, s.Method, s.KeyNo)
}

// methodName is what Info shows.
func methodName(m key.Method) string {
	switch m {
	case key.MethodEV2NonFirst:
		return "EV2"
	case key.MethodLRPNonFirst:
		return "LRP"
	case key.MethodISO7816:
		return "ISO7816"
	}
	return m.String()
}

// NewChannel makes the channel of a session, which keeps copies of the keys.
func NewChannel(s Session) (Channel, error) { return newChannel(s) }

func newChannel(s Session) (channel, error) {
	st := state{end: s.Side, info: Info{Scheme: s.Method.Scheme(), Method: methodName(s.Method), KeyNo: s.KeyNo}}
	if s.Method > key.MethodISO7816 {
		return nil, fmt.Errorf("session: no method %v", s.Method)
	}
	switch st.info.Scheme {
	case wire.SchemeD40:
		b, err := desBlock(s.Key)
		if err != nil {
			return nil, err
		}
		return newD40(st, b, s.Key), nil
	case wire.SchemeEV1:
		b, err := ev1Block(s)
		if err != nil {
			return nil, err
		}
		if s.IV != nil && len(s.IV) != b.BlockSize() {
			return nil, fmt.Errorf("session: IV of %d bytes, want %d", len(s.IV), b.BlockSize())
		}
		e := newEV1(st, b, s.Key)
		copy(e.iv[:], s.IV)
		return e, nil
	}
	st.info.TI, st.info.Counter = s.TI, s.Counter
	if len(s.Key) != 16 || st.info.Scheme == wire.SchemeEV2 && len(s.MAC) != 16 {
		return nil, fmt.Errorf("session: an %v session wants keys of 16 bytes", s.Method)
	}
	if st.info.Scheme == wire.SchemeLRP {
		return newEV2(st, newLRPSuite([16]byte(s.Key), s.Blocks)), nil
	}
	enc, err := aes.NewCipher(s.Key)
	if err != nil {
		return nil, err
	}
	mac, err := aes.NewCipher(s.MAC)
	if err != nil {
		return nil, err
	}
	return newEV2(st, newAESSuite(enc, mac, s.Key)), nil
}

func ev1Block(s Session) (cipher.Block, error) {
	if s.Method == key.MethodAES || s.Method == key.MethodISO7816 && s.AES {
		if len(s.Key) != 16 {
			return nil, fmt.Errorf("session: AES session key of %d bytes, want 16", len(s.Key))
		}
		return aes.NewCipher(s.Key)
	}
	return desBlock(s.Key)
}

func desBlock(k []byte) (cipher.Block, error) {
	switch len(k) {
	case 8:
		return des.NewCipher(k)
	case 16:
		long := append(append(make([]byte, 0, 24), k...), k[:8]...)
		defer clear(long)
		return des.NewTripleDESCipher(long)
	case 24:
		return des.NewTripleDESCipher(k)
	}
	return nil, fmt.Errorf("session: DES session key of %d bytes, want 8, 16 or 24", len(k))
}
