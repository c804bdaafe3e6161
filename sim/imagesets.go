package sim

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

func (s *keySets) image() *ImageKeySets {
	i := &ImageKeySets{ActiveVersion: int(s.activeVersion), MaxKeySize: int(s.maxKeySize), RollKey: int(s.rollKey)}
	for _, o := range s.others {
		x := ImageKeySet{Initialized: o.initialized, Finalized: o.finalized, Version: int(o.version)}
		if o.initialized {
			x.KeyType = keyTypeNames[o.typ]
		}
		i.Others = append(i.Others, x)
	}
	return i
}

// sets reads the stored form; the keys follow.
func (i *ImageKeySets) sets() (*keySets, error) {
	if len(i.Others) < 1 || len(i.Others) > 15 || i.MaxKeySize != 16 && i.MaxKeySize != 24 || i.RollKey < 0 || i.RollKey > 13 {
		return nil, fmt.Errorf("keySets: number, key size or roll key out of range")
	}
	s := &keySets{activeVersion: byte(i.ActiveVersion), maxKeySize: uint8(i.MaxKeySize), rollKey: wire.KeyNo(i.RollKey)}
	for _, x := range i.Others {
		o := keySet{initialized: x.Initialized, finalized: x.Finalized, version: byte(x.Version)}
		if x.Initialized {
			t, err := keyType(x.KeyType)
			if err != nil {
				return nil, err
			}
			o.typ = t
		}
		s.others = append(s.others, o)
	}
	return s, nil
}
