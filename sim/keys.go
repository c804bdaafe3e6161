package sim

import (
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

func keyCommands() []*command {
	settings := on((*Card).changeKeySettings)
	settings.judge = (*Card).needMasterKey
	settings.length = func(*Card) int { return 1 }
	change := on(func(c *Card, m *wire.ChangeKey, _ *wire.Empty) wire.Status { return wire.StatusAuthenticationError })
	change.sealed = func(c *Card, channel securemsg.Channel, head, data []byte) wire.Status {
		if len(head) != 1 {
			return wire.StatusLengthError
		}
		return c.changeKey(channel, change.spec.INS, head, data)
	}
	return []*command{
		on((*Card).getKeySettings),
		on((*Card).getKeyVersion),
		settings,
		change,
	}
}

// levelKeys are the keys of the selected level.
func (c *Card) levelKeys() []cardKey {
	if c.call.app != nil {
		return c.call.app.keys
	}
	return c.nvm.keys
}

// levelSettings are the settings of the selected level.
func (c *Card) levelSettings() wire.KeySett1 {
	if c.call.app != nil {
		return c.call.app.settings
	}
	return c.nvm.settings
}

// needMasterKey judges a command for the master key of the level.
func (c *Card) needMasterKey() wire.Status {
	if !c.authenticated(masterKey) {
		return wire.StatusAuthenticationError
	}
	return wire.StatusOK
}

// getKeySettings answers settings, type and number of the keys.
func (c *Card) getKeySettings(_ *wire.GetKeySettings, rsp *wire.KeySettings) wire.Status {
	*rsp = wire.KeySettings{KS1: c.nvm.settings, KS2: wire.NewKeySett2(wire.KeyDES, 1)}
	if c.quirks.PICCKeyType {
		rsp.KS2 = wire.NewKeySett2(findKey(c.nvm.keys, masterKey).typ, 1)
	}
	if a := c.call.app; a != nil {
		*rsp = wire.KeySettings{KS1: a.settings, KS2: wire.NewKeySett2(a.keyType, a.keyCount)}
		if c.quirks.SettingsShowFlags {
			if a.fileIDs {
				rsp.KS2 |= wire.SettISOFiles
			}
			if a.settings3 != 0 {
				rsp.KS2 |= wire.SettHasKS3
			}
		}
		if s := a.sets; s != nil {
			rsp.HasKeySets = true
			rsp.KeySetConfig = wire.KeySetConfig{
				AKSVersion: wire.KeyVersion(s.activeVersion), NoKeySets: uint8(1 + len(s.others)),
				MaxKeySize: s.maxKeySize, AppKeySetSett: uint8(s.rollKey),
			}
		}
	}
	return c.allowedBy(rsp.KS1, wire.SettFreeDirectory)
}

func (c *Card) changeKeySettings(m *wire.ChangeKeySettings, _ *wire.Empty) wire.Status {
	if !c.levelSettings().Has(wire.SettChangeable) {
		return wire.StatusPermissionDenied
	}
	next := c.nvm.edit()
	if c.call.app != nil {
		next.editApp(c.call.app.aid).settings = m.KS1
	} else {
		if m.KS1>>4 != 0 && !c.quirks.PICCSettingsRFU {
			return wire.StatusParameterError
		}
		next.settings = m.KS1
	}
	return c.commit(next)
}

func (c *Card) getKeyVersion(m *wire.GetKeyVersion, rsp *wire.KeyVersions) wire.Status {
	if m.WithSet {
		return c.keyVersions(m, rsp)
	}
	k := findKey(c.levelKeys(), m.Key)
	rsp.Versions = append(rsp.Versions[:0], 0)
	switch {
	case k != nil:
		rsp.Versions[0] = wire.KeyVersion(k.version)
	case !c.isSpecialKey(m.Key): // one that is not set has version 0
		return wire.StatusNoSuchKey
	}
	return wire.StatusOK
}

// Bits of the key number that ChangeKey of the PICC master key carries.
const (
	keyNoMask    = 0x3F
	keyTypeShift = 6
)

// changeKey changes a key of the selected level (command reference 7.3).
func (c *Card) changeKey(channel securemsg.Channel, code byte, head, data []byte) wire.Status {
	if channel == nil {
		// An EV1 answered 7E to a cryptogram of 19 bytes
		// (testdata/traces/libfreefare-68-changekey-unauth.json).
		if len(data)%8 != 0 {
			return wire.StatusLengthError
		}
		return wire.StatusAuthenticationError
	}
	no, newType, st := c.keyToChange(head[len(head)-1])
	if st != wire.StatusOK {
		return st
	}
	if st := c.mayChangeKey(no); st != wire.StatusOK {
		return st
	}
	k := findKey(c.levelKeys(), no)
	own := c.authenticated(no)
	var old []byte
	if !own {
		old = make([]byte, keyLength(newType)) // of a key that was never set
		if k != nil {
			old = k.value
		}
	}
	secret, err := securemsg.OpenKeyChange(channel, code, head, data, key.FromWire(newType), old)
	if err != nil {
		c.endSession()
		return openStatus(err)
	}
	defer secret.Wipe()
	if st := c.setKey(no, func(k *cardKey) {
		*k = cardKey{no: no, typ: newType, version: secret.Version(), value: secret.Export()}
	}); st != wire.StatusOK {
		return st
	}
	if own {
		c.endSession()
		c.call.unsealed = true
	}
	return wire.StatusOK
}

// keyToChange reads the key number of ChangeKey, and what type the new key has.
func (c *Card) keyToChange(b byte) (no wire.KeyNo, t wire.KeyType, st wire.Status) {
	no = wire.KeyNo(b & keyNoMask)
	if c.call.app != nil {
		t = c.call.app.keyType
		if c.isSpecialKey(no) {
			return no, wire.KeyAES, wire.StatusOK
		}
		if b&^keyNoMask != 0 || findKey(c.call.app.keys, no) == nil {
			return 0, 0, wire.StatusNoSuchKey
		}
		return no, t, wire.StatusOK
	}
	t = wire.KeyType(b >> keyTypeShift)
	switch {
	case c.isSpecialKey(no):
		return no, wire.KeyAES, wire.StatusOK
	case c.isOriginality(no):
		return 0, 0, wire.StatusPermissionDenied
	case no != masterKey:
		return 0, 0, wire.StatusNoSuchKey
	case !c.knowsKeys(t):
		return 0, 0, wire.StatusParameterError
	case t != wire.KeyAES && (c.v.session.scheme == wire.SchemeEV2 || c.v.session.scheme == wire.SchemeLRP):
		return 0, 0, wire.StatusParameterError // command reference 7.3: needs another session
	}
	return no, t, wire.StatusOK
}

// mayChangeKey judges who may change a key (command reference 3.2, 3.3).
func (c *Card) mayChangeKey(no wire.KeyNo) wire.Status {
	settings := c.levelSettings()
	need := masterKey
	switch change := settings.ChangeKey(); {
	case no == masterKey:
		if !settings.Has(wire.SettMasterChangeable) {
			return wire.StatusPermissionDenied
		}
	case c.isSpecialKey(no):
		if no > wire.KeyVCConfig && c.authenticated(wire.KeyVCConfig) {
			return wire.StatusOK
		}
	case change == wire.Never:
		return wire.StatusPermissionDenied
	case change == wire.Free:
		need = no
	case wire.KeyNo(change) != no: // the change key itself changes under the master key
		need = wire.KeyNo(change)
	}
	if !c.authenticated(need) {
		return wire.StatusAuthenticationError
	}
	return wire.StatusOK
}
