package sim

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// takeKeys gives the keys to their owners.
func (i *Image) takeKeys(m *memory) error {
	for _, x := range i.Keys {
		t, err := keyType(x.Type)
		if err != nil {
			return fmt.Errorf("image: key %d of %v: %w", x.No, x.Application, err)
		}
		if len(x.Value) != keyLength(t) {
			return fmt.Errorf("image: key %d of %v has %d bytes, want %d", x.No, x.Application, len(x.Value), keyLength(t))
		}
		if x.No < 0 || x.No > 0x3F || x.Version < 0 || x.Version > 0xFF {
			return fmt.Errorf("image: key %d of %v: number or version out of range", x.No, x.Application)
		}
		k := cardKey{no: wire.KeyNo(x.No), typ: t, version: byte(x.Version), value: x.Value}
		if x.Failures != nil {
			k.failures = *x.Failures
		}
		keys := &m.keys
		if x.Application != wire.PICC {
			a := m.app(x.Application)
			if a == nil {
				return fmt.Errorf("image: key %d belongs to %v, which is no application of the card", x.No, x.Application)
			}
			keys = &a.keys
			if x.TMAC {
				f := a.tmacFile()
				if f == nil || int(f.no) != x.No || t != wire.KeyAES || f.tmac.key != nil {
					return fmt.Errorf("image: transaction MAC key of %v: there is no such file, or it has one", x.Application)
				}
				f.tmac.key, f.tmac.version = x.Value, byte(x.Version)
				continue
			}
		}
		if x.Set != 0 {
			a := m.app(x.Application)
			if a == nil || a.sets == nil || x.Set < 0 || x.Set > len(a.sets.others) || a.sets.others[x.Set-1].typ != t || x.No >= a.keyCount {
				return fmt.Errorf("image: key %d of set %d of %v: there is no such set", x.No, x.Set, x.Application)
			}
			keys = &a.sets.others[x.Set-1].keys
		}
		if findKey(*keys, k.no) != nil {
			return fmt.Errorf("image: key %d of %v is there twice", x.No, x.Application)
		}
		*keys = append(*keys, k)
	}
	if d := i.DefaultKey; d != nil {
		if len(d.Value) != len(m.config.defaultKey) || d.Version < 0 || d.Version > 0xFF {
			return fmt.Errorf("image: defaultKey has %d bytes, want %d", len(d.Value), len(m.config.defaultKey))
		}
		m.config.defaultKey, m.config.defaultVersion = [24]byte(d.Value), byte(d.Version)
	}
	if findKey(m.keys, masterKey) == nil && !m.fixed() {
		return fmt.Errorf("image: the PICC master key is missing")
	}
	for _, a := range m.apps {
		for _, f := range a.files {
			if f.sdm != nil && !checkSDM(m.sdmFacts(a, f), f.sdm) {
				return fmt.Errorf("image: application %v: the sdm settings of file %d do not fit it", a.aid, f.no)
			}
			if f.tmac != nil && (f.tmac.key == nil || a.tmacFile() != f) {
				return fmt.Errorf("image: application %v: the key of file %d is missing, or there are two such files", a.aid, f.no)
			}
		}
		for no := range a.keyCount {
			if k := findKey(a.keys, wire.KeyNo(no)); k == nil || k.typ != a.keyType {
				return fmt.Errorf("image: key %d of %v is missing or has another type", no, a.aid)
			}
		}
		if a.sets != nil {
			for no, s := range a.sets.others {
				if s.initialized && len(s.keys) != a.keyCount {
					return fmt.Errorf("image: set %d of %v has %d keys, want %d", no+1, a.aid, len(s.keys), a.keyCount)
				}
			}
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
