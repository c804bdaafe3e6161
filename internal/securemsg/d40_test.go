package securemsg

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func TestD40Messages(t *testing.T) { eachScript(t, "d40-sm", d40Script) }

func d40Script(t *testing.T, v *vector.Vector) script {
	s := script{id: v.ID, session: Session{Method: key.MethodD40, Key: v.Hex("session_key")}}
	switch {
	case v.Has("settings"):
		set := v.Hex("settings")
		s.steps = []step{{m: Message{Code: 0x54, Data: set, Mode: wire.CommFull}, want: v.Hex("cryptogram")}}
		prefixed(t, v, "plain", set)
	case v.Has("mac4"):
		c, data := v.Hex("command"), v.Hex("data")
		mac := v.Hex("mac4")
		s.steps = []step{
			{m: Message{Code: c[0], Head: c[1:], Data: data, Mode: wire.CommMAC}, want: join(c[1:], data, mac)},
			{answer: true, m: Message{}, want: []byte{}},
			answerOK(data, wire.CommMAC, join(data, mac)), // by the vector's note
		}
	case v.Has("command"):
		c, data := v.Hex("command"), v.Hex("data")
		s.steps = []step{{m: Message{Code: c[0], Head: c[1:], Data: data, Mode: wire.CommFull}, want: join(c[1:], v.Hex("cryptogram"))}}
		prefixed(t, v, "plain", data)
	default: // the primitive alone
		b, err := desBlock(v.Hex("session_key"))
		if err != nil {
			t.Fatal(err)
		}
		c, plain := newBlocks(b), v.Hex("plain")
		p := bytes.Clone(plain)
		c.send(make([]byte, 8), p)
		if !bytes.Equal(p, v.Hex("cryptogram")) {
			t.Errorf("send mode gives %X", p)
		}
		c.receive(make([]byte, 8), p)
		if !bytes.Equal(p, plain) {
			t.Errorf("receive gives %X", p)
		}
	}
	return s
}

// A card refused this ChangeKey, which was made with ordinary CBC decryption.
func TestD40Rejected(t *testing.T) {
	vector.Each(t, "d40-negative", func(t *testing.T, v *vector.Vector) {
		h := v.Hex("cmd_header")
		v.Ignore("wrong_method")
		s := Session{Method: key.MethodD40, Key: v.Hex("session_key")}
		k := KeyChange{Code: h[0], Head: h[1:], New: vectorKey(t, v.Hex("new_key"), nil)}
		m, err := k.Message()
		if err != nil {
			t.Fatal(err)
		}
		ours := v.Hex("send_mode_cryptogram_by_rule")
		if err := (script{v.ID, s, []step{{m: m, want: join(h[1:], ours)}}}).run(mutation{}); err != nil {
			t.Error(err)
		}
		prefixed(t, v, "plain", m.Data)
		s.Side = PICC
		card, _ := NewChannel(s)
		if _, err := OpenKeyChange(card, h[0], h[1:], v.Hex("rejected_cryptogram"), key.Type2K3DES, nil); !errors.Is(err, ErrIntegrity) {
			t.Errorf("our card answers %v to what a card refused with 1E", err)
		}
	})
}

// Derived by the rules of the reference, no evidence: no recording of these is
// public.
func TestD40Derived(t *testing.T) {
	key1 := bytes.Repeat(unhex("1122334455667788"), 2)
	other, err := KeyChange{Code: 0xC4, Head: []byte{1}, New: vectorKey(t, key1, nil), Old: vectorKey(t, bytes.Repeat(unhex("AABBCCDDEEFF0011"), 2), nil)}.Message()
	if err != nil {
		t.Fatal(err)
	}
	data := unhex("00112233445566778899AABBCCDDEEFF")
	for _, s := range []script{
		{"ChangeKey, another key", Session{Method: key.MethodD40, Key: unhex("00010203F6B03339")},
			[]step{{m: other, want: unhex("01A230820BE367F439413848AD10BD7FDC84F3EF6C3EDACB3E")}}},
		{"enciphered read", Session{Method: key.MethodD40, Key: unhex("A908E976D518D0B9AE1D7F7A04CB0154")},
			[]step{answerOK(data, wire.CommFull, unhex("8CF67F76B9CCD298558907FC7FE677BA964B4B0AF70E34A9"))}},
		{"enciphered read of length 0", Session{Method: key.MethodD40, Key: unhex("A908E976D518D0B9AE1D7F7A04CB0154")},
			[]step{{answer: true, m: Message{Data: data, Mode: wire.CommFull, Pad: Pad80}, want: unhex("8CF67F76B9CCD298558907FC7FE677BA40ED860244A34ADB")}}},
	} {
		if err := s.run(mutation{}); err != nil {
			t.Error(err)
		}
	}
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
