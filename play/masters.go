package play

import (
	"context"
	"sync"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
)

// source is where the keys of a Bench are, for people.
const source = "simulated card"

// masters are master keys by name. Each is made when it is asked for first, of the
// operating system's random numbers.
type masters struct {
	mu   sync.Mutex
	made map[string]*key.Secret
}

func newMasters() *masters { return &masters{made: map[string]*key.Secret{}} }

// typed are master keys that are made as one type.
type typed struct {
	from *masters
	t    key.Type
}

var _ keystore.Masters = typed{}

func (m *masters) of(des bool) typed {
	if des {
		return typed{m, key.Type2K3DES}
	}
	return typed{m, key.TypeAES}
}

func (t typed) MasterFacts(ctx context.Context, name string) (keystore.Facts, bool) {
	k, err := t.Master(ctx, name)
	if err != nil {
		return keystore.Facts{}, false
	}
	return keystore.FactsOf(k, source), true
}

func (t typed) Master(_ context.Context, name string) (key.Key, error) {
	if keystore.CheckName(name) != nil {
		return nil, keystore.ErrNotFound
	}
	t.from.mu.Lock()
	defer t.from.mu.Unlock()
	if k, ok := t.from.made[name]; ok {
		return k, nil
	}
	k, err := key.Generate(t.t, 1)
	if err != nil {
		return nil, err
	}
	if len(t.from.made) >= maxMasters {
		return nil, keystore.ErrNotFound
	}
	t.from.made[name] = k
	return k, nil
}

// Masters are those of Keys, made as keys of one type: layouts name master keys that
// are all of one.
func (b *Bench) Masters(t key.Type) keystore.Masters { return typed{b.masters, t} }

// maxMasters is far more names than layouts have.
const maxMasters = 1000
