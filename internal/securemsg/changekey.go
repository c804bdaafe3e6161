package securemsg

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// ChangeKey is a cryptogram of its own, and the channels place its checksums:
//
//	             this key                      another key, X = new ^ old
//	D40          new ver CRC16(new ver)        X ver CRC16(X ver) CRC16(new)
//	EV1          new ver CRC32(cmd new ver)    X ver CRC32(cmd X ver) CRC32(new)
//	EV2, LRP     new ver                       X ver CRC32(new)
//
// ver is there for AES keys only; DES keys carry theirs in the parity bits. cmd
// is INS and header as sent. The key's type, not the session's, says how long
// it is.

// KeyChange is one change of a key, on the reader's side.
type KeyChange struct {
	Code byte    // C4 or C6
	Head []byte  // key number, or key set and key number, as sent
	New  key.Key // the key to become
	Old  key.Key // the key to be replaced; nil if it is the session's own
}

// Message is the message to seal. A key that gives no bytes makes it fail with
// a *key.OpaqueError.
func (k KeyChange) Message() (Message, error) {
	m := Message{Code: k.Code, Head: k.Head, Mode: wire.CommOwn}
	n, ok := k.New.(key.Exporter)
	if !ok {
		return Message{}, &key.OpaqueError{Role: "new", Key: key.String(k.New)}
	}
	b := n.Export()
	m.Data = append(make([]byte, 0, len(b)+1), b...)
	if k.Old != nil {
		o, ok := k.Old.(key.Exporter)
		if !ok {
			return Message{}, &key.OpaqueError{Role: "old", Key: key.String(k.Old)}
		}
		old := o.Export()
		defer clear(old)
		if len(old) != len(b) {
			return Message{}, fmt.Errorf("change key: the old key (%v) is not as long as the new one (%v): only the key of the session can change its length", key.String(k.Old), key.String(k.New))
		}
		for i := range old {
			m.Data[i] ^= old[i]
		}
		m.NewKey = b
	} else {
		clear(b)
	}
	if k.New.Type() == key.TypeAES {
		m.Data = append(m.Data, k.New.Version())
	}
	return m, nil
}

// wipe clears the key bytes of a message that KeyChange made.
func (m Message) wipe() {
	clear(m.Data)
	clear(m.NewKey)
}

// Check reports whether the change can be sealed, before anything is sent: nil,
// or for example a *key.OpaqueError.
func (k KeyChange) Check() error {
	m, err := k.Message()
	m.wipe()
	if err != nil && k.wrapper() != nil {
		return nil
	}
	return err
}

// wrapper is the key that gives no bytes but makes the cryptogram, or nil.
func (k KeyChange) wrapper() key.Wrapper {
	for _, x := range []key.Key{k.New, k.Old} {
		_, open := x.(key.Exporter)
		if w, ok := x.(key.Wrapper); ok && !open {
			return w
		}
	}
	return nil
}

// SealKeyChange seals the change: from the bytes of the keys, or, where the new
// or the old one is a key.Wrapper that gives none, from the cryptogram that it
// makes. Only the wrapping uses ctx. Nothing has moved in the channel when it
// fails.
func SealKeyChange(ctx context.Context, c Channel, dst []byte, k KeyChange) ([]byte, error) {
	m, err := k.Message()
	if err == nil {
		defer m.wipe()
		return c.Seal(dst, m)
	}
	w := k.wrapper()
	ch, ok := c.(channel)
	if w == nil || !ok {
		return nil, err
	}
	m = Message{Code: k.Code, Head: k.Head, Mode: wire.CommOwn}
	if err := ch.usable(m); err != nil {
		return nil, err
	}
	r := ch.wrapRequest(m)
	defer clear(r.Session)
	r.New, r.Old = k.New, k.Old
	cryptogram, err := w.WrapKey(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("change key: %w", err)
	}
	return ch.sealWrapped(dst, m, cryptogram)
}

// OpenKeyChange opens a change on the card's side. t is the type that the new
// key has to have (DES and 2K3DES are one); old is the key to be replaced, nil
// if it is the session's own. Errors are those of Open.
func OpenKeyChange(c Channel, code byte, head, data []byte, t key.Type, old []byte) (*key.Secret, error) {
	n := t.Size()
	if t == key.TypeAES {
		n++
	}
	b, err := c.Open(nil, Message{Code: code, Head: head, Data: data, Mode: wire.CommOwn, Len: n, OldKey: old})
	if err != nil {
		return nil, err
	}
	defer clear(b)
	var version byte
	if t == key.TypeAES {
		version = b[16]
	}
	if t == key.TypeDES {
		t = key.Type2K3DES // which becomes TypeDES where the halves are equal
	}
	return key.New(t, b[:t.Size()], version)
}
