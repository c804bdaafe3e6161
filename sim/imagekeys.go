package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// takeKeys gives the keys to their owners.
func (i *Image) takeKeys(m *memory) error {
	if len(i.Keys) > 0 && !slices.ContainsFunc(i.Keys, func(k ImageKey) bool { return !k.Value.IsZero() }) {
		return ErrNoKeys
	}
	for _, x := range i.Keys {
		if err := x.give(m); err != nil {
			return fmt.Errorf("image: %s: %w", x.name(), err)
		}
	}
	if d := i.DefaultKey; d != nil {
		b := d.bytes()
		if len(b) != len(m.config.defaultKey) || d.Version < 0 || d.Version > 0xFF {
			return fmt.Errorf("image: defaultKey has %d bytes, want %d", len(b), len(m.config.defaultKey))
		}
		m.config.defaultKey, m.config.defaultVersion = [24]byte(b), byte(d.Version)
	}
	return nil
}

// name says which key it is, for errors.
func (x *ImageKey) name() string {
	switch {
	case x.TMAC:
		return fmt.Sprintf("transaction MAC key of file %d of %v", x.No, x.Application)
	case x.Set != 0:
		return fmt.Sprintf("key %d of set %d of %v", x.No, x.Set, x.Application)
	}
	return fmt.Sprintf("key %d of %v", x.No, x.Application)
}

// bytes are a copy of the key's.
func (x *ImageKey) bytes() []byte { return slices.Clone(x.Value.Bytes()) }

// give gives the key to the card, an application, a key set or a file.
func (x *ImageKey) give(m *memory) error {
	k, err := x.key()
	if err != nil {
		return err
	}
	if x.TMAC {
		return x.giveTMAC(m, k)
	}
	keys, err := x.owner(m)
	if err != nil {
		return err
	}
	if findKey(*keys, k.no) != nil {
		return errors.New("it is there twice")
	}
	*keys = append(*keys, k)
	return nil
}

// key is the key alone.
func (x *ImageKey) key() (k cardKey, err error) {
	t, err := keyType(x.Type)
	if err != nil {
		return k, err
	}
	k = cardKey{no: wire.KeyNo(x.No), typ: t, version: byte(x.Version), value: x.bytes()}
	switch {
	case len(k.value) == 0:
		return k, errors.New("its value is missing")
	case len(k.value) != keyLength(t):
		return k, fmt.Errorf("it has %d bytes, want %d", len(k.value), keyLength(t))
	case x.No < 0 || x.No > 0x3F || x.Version < 0 || x.Version > 0xFF:
		return k, errors.New("number or version out of range")
	}
	if x.Failures != nil {
		k.failures = *x.Failures
	}
	return k, nil
}

// owner finds the list that the key belongs to.
func (x *ImageKey) owner(m *memory) (*[]cardKey, error) {
	if x.Application == wire.PICC && x.Set == 0 {
		return &m.keys, nil
	}
	a := m.app(x.Application)
	switch {
	case a == nil:
		return nil, fmt.Errorf("%v is no application of the card", x.Application)
	case x.Set == 0:
		return &a.keys, nil
	case a.sets == nil || x.Set < 0 || x.Set > len(a.sets.others):
		return nil, errors.New("there is no such set")
	}
	s := &a.sets.others[x.Set-1]
	if t, _ := keyType(x.Type); s.typ != t || x.No >= a.keyCount {
		return nil, errors.New("the set has no such key")
	}
	return &s.keys, nil
}

func (x *ImageKey) giveTMAC(m *memory, k cardKey) error {
	a := m.app(x.Application)
	if a == nil {
		return fmt.Errorf("%v is no application of the card", x.Application)
	}
	f := a.tmacFile()
	if f == nil || f.no != wire.FileNo(x.No) || k.typ != wire.KeyAES || f.tmac.key != nil {
		return errors.New("there is no such file, or it has one")
	}
	f.tmac.key, f.tmac.version = k.value, k.version
	return nil
}

// validate checks what a card could not be without, once all is in its place.
func (m *memory) validate() error {
	if findKey(m.keys, masterKey) == nil && !m.fixed() {
		return errors.New("image: the PICC master key is missing")
	}
	for _, a := range m.apps {
		if err := m.validateApp(a); err != nil {
			return fmt.Errorf("image: application %v: %w", a.aid, err)
		}
	}
	return nil
}

func (m *memory) validateApp(a *application) error {
	for _, f := range a.files {
		if f.sdm != nil && !checkSDM(m.sdmFacts(a, f), f.sdm) {
			return fmt.Errorf("the sdm settings of file %d do not fit it", f.no)
		}
		if f.tmac != nil && (f.tmac.key == nil || a.tmacFile() != f) {
			return fmt.Errorf("the key of file %d is missing, or there are two such files", f.no)
		}
	}
	for no := range a.keyCount {
		if k := findKey(a.keys, wire.KeyNo(no)); k == nil || k.typ != a.keyType {
			return fmt.Errorf("key %d is missing or has another type", no)
		}
	}
	if a.sets == nil {
		return nil
	}
	for no, s := range a.sets.others {
		if s.initialized && len(s.keys) != a.keyCount {
			return fmt.Errorf("set %d has %d keys, want %d", no+1, len(s.keys), a.keyCount)
		}
	}
	return nil
}

// findKey finds a key by its number.
func findKey(keys []cardKey, no wire.KeyNo) *cardKey {
	for i := range keys {
		if keys[i].no == no {
			return &keys[i]
		}
	}
	return nil
}
