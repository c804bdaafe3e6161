package sim

import (
	"slices"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Key sets (command reference 7.4). Set 0 is the active one, whose keys are
// application.keys; rolling exchanges it with another, which takes its number.

func keySetCommands() []*command {
	initialize, finalize, roll := on((*Card).initializeKeySet), on((*Card).finalizeKeySet), on((*Card).rollKeySet)
	change := on(func(c *Card, m *wire.ChangeKeyEV2, _ *wire.Empty) wire.Status { return wire.StatusAuthenticationError })
	m := change.msg.(*wire.ChangeKeyEV2)
	change.sealed = func(c *Card, channel securemsg.Channel, head, data []byte) wire.Status {
		return c.changeKeyEV2(channel, m.Set, head, data)
	}
	return []*command{initialize, finalize, roll, change}
}

// keySets are the sets of an application that has them.
type keySets struct {
	activeVersion byte
	maxKeySize    uint8
	rollKey       wire.KeyNo
	others        []keySet // number 1 and up
}

// keySet is one that is not active. A published keySet is never changed.
type keySet struct {
	initialized, finalized bool
	version                byte
	typ                    wire.KeyType
	keys                   []cardKey
}

// otherSet finds a set that is not the active one.
func (c *Card) otherSet(no wire.KeySetNo) (*keySet, wire.Status) {
	a := c.call.app
	switch {
	case a.sets == nil:
		return nil, wire.StatusPermissionDenied
	case no == 0:
		return nil, wire.StatusParameterError
	case int(no) > len(a.sets.others):
		return nil, wire.StatusNoSuchKey
	}
	return &a.sets.others[no-1], wire.StatusOK
}

// editSet puts a copy of the sets into the application, which is being edited.
func (a *application) editSet(no wire.KeySetNo) *keySet {
	next := *a.sets
	next.others = slices.Clone(a.sets.others)
	a.sets = &next
	return &next.others[no-1]
}

func (c *Card) initializeKeySet(m *wire.InitializeKeySet, _ *wire.Empty) wire.Status {
	if st := c.needMasterKey(); st != wire.StatusOK {
		return st
	}
	if _, st := c.otherSet(m.Set); st != wire.StatusOK {
		return st
	}
	t := wire.KeyType(m.Type)
	if t > wire.KeyAES || keyLength(t) > int(c.call.app.sets.maxKeySize) {
		return wire.StatusParameterError
	}
	next := c.nvm.edit()
	app := next.editApp(c.call.app.aid)
	s := app.editSet(m.Set)
	*s = keySet{initialized: true, typ: t}
	for no := range app.keyCount {
		k := c.defaultKey(wire.KeyNo(no), t)
		if old := findKey(app.keys, k.no); c.quirks.KeySetCopiesActive && old.typ == t {
			k = *old
		}
		s.keys = append(s.keys, k)
	}
	return c.commit(next)
}

func (c *Card) finalizeKeySet(m *wire.FinalizeKeySet, _ *wire.Empty) wire.Status {
	if st := c.needMasterKey(); st != wire.StatusOK {
		return st
	}
	s, st := c.otherSet(m.Set)
	switch {
	case st != wire.StatusOK:
		return st
	case m.Version == 0:
		return wire.StatusParameterError
	case !s.initialized || s.finalized:
		return wire.StatusPermissionDenied
	}
	next := c.nvm.edit()
	e := next.editApp(c.call.app.aid).editSet(m.Set)
	e.finalized, e.version = true, byte(m.Version)
	return c.commit(next)
}

// rollKeySet makes a set the active one, if it is newer and its keys are not of
// a weaker type. The session is gone and the answer has no MAC.
func (c *Card) rollKeySet(m *wire.RollKeySet, _ *wire.Empty) wire.Status {
	s, st := c.otherSet(m.Set)
	if st != wire.StatusOK {
		return st
	}
	a := c.call.app
	switch {
	case !c.authenticated(a.sets.rollKey):
		return wire.StatusAuthenticationError
	case !s.finalized, s.version <= a.sets.activeVersion, s.typ < a.keyType:
		return wire.StatusPermissionDenied
	}
	next := c.nvm.edit()
	app := next.editApp(a.aid)
	e := app.editSet(m.Set)
	former := keySet{initialized: true, finalized: true, version: app.sets.activeVersion, typ: app.keyType}
	var special []cardKey
	for _, k := range app.keys {
		if int(k.no) < app.keyCount {
			former.keys = append(former.keys, k)
		} else {
			special = append(special, k)
		}
	}
	app.sets.activeVersion, app.keyType = e.version, e.typ
	app.keys = append(slices.Clone(e.keys), special...)
	*e = former
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.endSession()
	c.call.unsealed = true
	return wire.StatusOK
}

// changeKeyEV2 changes a key of a set: of set 0 as ChangeKey does, of others
// always against the old key, and the session goes on.
func (c *Card) changeKeyEV2(channel securemsg.Channel, no wire.KeySetNo, head, data []byte) wire.Status {
	if len(head) != 2 {
		return wire.StatusLengthError
	}
	if channel == nil {
		return wire.StatusAuthenticationError
	}
	if no == 0 {
		return c.changeKey(channel, wire.InsChangeKeyEV2, head, data)
	}
	s, st := c.otherSet(no)
	if st != wire.StatusOK {
		return st
	}
	if !s.initialized || s.finalized {
		return wire.StatusPermissionDenied
	}
	keyNo := wire.KeyNo(head[1])
	k := findKey(s.keys, keyNo)
	if k == nil {
		return wire.StatusNoSuchKey
	}
	if st := c.mayChangeKey(keyNo); st != wire.StatusOK {
		return st
	}
	secret, err := securemsg.OpenKeyChange(channel, wire.InsChangeKeyEV2, head, data, key.FromWire(s.typ), k.value)
	if err != nil {
		c.endSession()
		return openStatus(err)
	}
	defer secret.Wipe()
	next := c.nvm.edit()
	e := next.editApp(c.call.app.aid).editSet(no)
	e.keys = slices.Clone(e.keys)
	*findKey(e.keys, keyNo) = cardKey{no: keyNo, typ: e.typ, version: secret.Version(), value: secret.Export()}
	return c.commit(next)
}

// keyVersions answers GetKeyVersion with a key set number.
func (c *Card) keyVersions(m *wire.GetKeyVersion, rsp *wire.KeyVersions) wire.Status {
	a := c.call.app
	if a == nil || a.sets == nil {
		return wire.StatusPermissionDenied // hardware notes 7
	}
	rsp.Versions = rsp.Versions[:0]
	if m.Set == wire.AllKeySets {
		if m.Key != 0 {
			return wire.StatusParameterError
		}
		rsp.Versions = append(rsp.Versions, wire.KeyVersion(a.sets.activeVersion))
		for _, s := range a.sets.others {
			rsp.Versions = append(rsp.Versions, wire.KeyVersion(s.version))
		}
		return wire.StatusOK
	}
	keys := a.keys
	if m.Set != 0 {
		s, st := c.otherSet(m.Set)
		if st != wire.StatusOK {
			return wire.StatusParameterError
		}
		keys = s.keys
	}
	k := findKey(keys, m.Key)
	if k == nil {
		return wire.StatusNoSuchKey
	}
	rsp.Versions = append(rsp.Versions, wire.KeyVersion(k.version))
	return wire.StatusOK
}
