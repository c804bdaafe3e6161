package sim

import "github.com/go-desfire/desfire/wire"

func keyCommands() []*command {
	return []*command{
		on((*Card).getKeySettings),
		on((*Card).getKeyVersion),
	}
}

// levelKeys are the keys of the selected level.
func (c *Card) levelKeys() []cardKey {
	if c.call.app != nil {
		return c.call.app.keys
	}
	return c.nvm.keys
}

// getKeySettings answers settings, type and number of the keys; without the
// flags of key setting 2 (hardware notes 7).
func (c *Card) getKeySettings(_ *wire.GetKeySettings, rsp *wire.KeySettings) wire.Status {
	*rsp = wire.KeySettings{KS1: c.nvm.settings, KS2: wire.NewKeySett2(findKey(c.nvm.keys, masterKey).typ, 1)}
	if a := c.call.app; a != nil {
		*rsp = wire.KeySettings{KS1: a.settings, KS2: wire.NewKeySett2(a.keyType, a.keyCount)}
	}
	return c.allowedBy(rsp.KS1, wire.SettFreeDirectory)
}

func (c *Card) getKeyVersion(m *wire.GetKeyVersion, rsp *wire.KeyVersions) wire.Status {
	if m.WithSet {
		return wire.StatusPermissionDenied // no key sets here: hardware notes 7
	}
	k := findKey(c.levelKeys(), m.Key)
	if k == nil {
		return wire.StatusNoSuchKey
	}
	rsp.Versions = append(rsp.Versions[:0], wire.KeyVersion(k.version))
	return wire.StatusOK
}
