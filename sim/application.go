package sim

import (
	"bytes"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func applicationCommands() []*command {
	return []*command{
		on((*Card).selectApplication),
		on((*Card).getApplicationIDs),
		on((*Card).getDFNames),
		on((*Card).createApplication),
		on((*Card).deleteApplication),
	}
}

// reservedISOID reports whether an ISO file identifier cannot be given away.
func reservedISOID(id wire.ISOFID) bool {
	return id == 0x0000 || id == 0x3F00 || id == 0x3FFF || id == 0xFFFF
}

// selectApplication goes to an application or the PICC level, or to two
// applications, the second of which file and key numbers with bit 7 address
// (EV2; how an application shows that it shares is not public: all do).
func (c *Card) selectApplication(m *wire.SelectApplication, _ *wire.Empty) wire.Status {
	switch {
	case m.Two && !c.gen.Has(wire.FeatureDelegated):
		return wire.StatusLengthError
	case m.AID != wire.PICC && c.nvm.app(m.AID) == nil, m.Two && m.Second != wire.PICC && c.nvm.app(m.Second) == nil:
		c.endSession()
		if !c.quirks.SelectFailureKeeps {
			c.deselect(wire.PICC)
		}
		return wire.StatusApplicationNotFound
	case m.Two && (m.Second == wire.PICC || m.AID == wire.PICC || m.Second == m.AID):
		return wire.StatusPermissionDenied
	case m.Two && c.quirks.StatusTwoApplications != wire.StatusOK:
		c.endSession()
		return c.quirks.StatusTwoApplications
	}
	c.deselect(m.AID)
	if m.Two {
		c.v.second = m.Second
	}
	return wire.StatusOK
}

// getApplicationIDs lists the applications in order of creation.
func (c *Card) getApplicationIDs(_ *wire.GetApplicationIDs, rsp *wire.ApplicationIDs) wire.Status {
	rsp.AIDs = rsp.AIDs[:0]
	for _, a := range c.nvm.apps {
		rsp.AIDs = append(rsp.AIDs, a.aid)
	}
	return c.allowedBy(c.nvm.settings, wire.SettFreeDirectory)
}

// getDFNames lists the applications that have ISO names, one a frame.
func (c *Card) getDFNames(_ *wire.GetDFNames, rsp *wire.DFNames) wire.Status {
	if c.v.session.scheme == wire.SchemeEV1 && c.quirks.DFNamesInSession != wire.StatusOK {
		return c.quirks.DFNamesInSession
	}
	rsp.Applications = rsp.Applications[:0]
	for _, a := range c.nvm.apps {
		if a.isoID != 0 {
			rsp.Applications = append(rsp.Applications, wire.DFName{AID: a.aid, FID: a.isoID, Name: a.dfName})
		}
	}
	return c.allowedBy(c.nvm.settings, wire.SettFreeDirectory)
}

// createApplication creates an application, all keys being the default one.
func (c *Card) createApplication(m *wire.CreateApplication, _ *wire.Empty) wire.Status {
	if st := c.checkApplication(m.AID, m.KS2, m.KS3, &m.KeySetConfig, m.FID); st != wire.StatusOK {
		return st
	}
	if st := c.allowedBy(c.nvm.settings, wire.SettFreeCreate); st != wire.StatusOK {
		return st
	}
	if st := c.nameTaken(m.AID, m.FID, m.DFName); st != wire.StatusOK {
		return st
	}
	if p := profiles[c.gen]; p.maxApps > 0 && len(c.nvm.apps) >= p.maxApps {
		return wire.StatusCountError
	}
	a := newApplication(m.AID, m.KS1, m.KS2, m.KS3, &m.KeySetConfig, m.FID, m.DFName)
	for no := range a.keyCount {
		a.keys = append(a.keys, c.defaultKey(wire.KeyNo(no), a.keyType))
	}
	next := c.nvm.edit()
	if !next.allocate(a.cost()) {
		return wire.StatusOutOfEEPROM
	}
	next.apps = append(next.apps, a)
	return c.commit(next)
}

// nameTaken answers DE where an identifier or a name is another's.
func (c *Card) nameTaken(aid wire.AID, id wire.ISOFID, name []byte) wire.Status {
	for _, x := range c.nvm.apps {
		if x.aid == aid || id != 0 && x.isoID == id || len(name) > 0 && bytes.Equal(x.dfName, name) {
			return wire.StatusDuplicateError
		}
	}
	if bytes.Equal(name, wire.PICCName[:]) {
		return wire.StatusDuplicateError
	}
	return wire.StatusOK
}

// newApplication is an application without its keys.
func newApplication(
	aid wire.AID, ks1 wire.KeySett1, ks2 wire.KeySett2, ks3 wire.KeySett3, sets *wire.KeySetConfig, id wire.ISOFID, name []byte,
) *application {
	a := &application{
		aid: aid, settings: ks1, settings3: ks3, keyType: ks2.KeyType(), keyCount: ks2.Keys(),
		fileIDs: ks2.Has(wire.SettISOFiles), isoID: id, dfName: slices.Clone(name),
	}
	if ks3.Has(wire.SettKeySets) {
		a.sets = &keySets{
			activeVersion: byte(sets.AKSVersion), maxKeySize: sets.MaxKeySize, rollKey: wire.KeyNo(sets.AppKeySetSett),
			others: make([]keySet, sets.NoKeySets-1),
		}
	}
	return a
}

// checkApplication judges the parameters of a new application.
func (c *Card) checkApplication(aid wire.AID, ks2 wire.KeySett2, ks3 wire.KeySett3, sets *wire.KeySetConfig, id wire.ISOFID) wire.Status {
	known2, known3 := wire.KeySett2(0xCF), wire.KeySett3(0) // type and number
	if c.gen.Has(wire.FeatureISOFiles) {
		known2 |= wire.SettISOFiles
	}
	if c.gen.Has(wire.FeatureKeySets) {
		known2 |= wire.SettHasKS3
		known3 = wire.SettKeySets | wire.SettVCKeys | wire.SettCapabilities
	}
	if c.gen == wire.EV3 {
		known3 |= wire.SettMasterDelete
	}
	switch {
	case id != 0 && !c.gen.Has(wire.FeatureISOFiles):
		return wire.StatusLengthError // D40 knows no ISO names
	case aid == wire.PICC, ks2&^known2 != 0, ks3&^known3 != 0, ks2.Keys() > wire.MaxKeys,
		!c.knowsKeys(ks2.KeyType()),
		id != 0 && reservedISOID(id):
		return wire.StatusParameterError
	case ks3.Has(wire.SettKeySets) && (sets.NoKeySets < 2 || sets.NoKeySets > 16 || sets.MaxKeySize != 16 && sets.MaxKeySize != 24 ||
		keyLength(ks2.KeyType()) > int(sets.MaxKeySize) || sets.AppKeySetSett > 7 || int(sets.AppKeySetSett) >= ks2.Keys()):
		return wire.StatusParameterError
	case ks3.Has(wire.SettVCKeys) && findKey(c.nvm.keys, wire.KeyVCConfig) == nil:
		return wire.StatusPermissionDenied // so on a factory EV3
	}
	return wire.StatusOK
}

// knowsKeys reports whether applications may have keys of a type.
func (c *Card) knowsKeys(t wire.KeyType) bool {
	return t == wire.KeyDES || t <= wire.KeyAES && c.gen.Has(wire.FeatureEV1Auth)
}

// defaultKey is what a key of a new application is.
func (c *Card) defaultKey(no wire.KeyNo, t wire.KeyType) cardKey {
	d := &c.nvm.config
	return cardKey{no: no, typ: t, version: d.defaultVersion, value: slices.Clone(d.defaultKey[:keyLength(t)])}
}

// deleteApplication deletes an application: at PICC level with its master key;
// from inside with the application's own one where the PICC level lets
// applications be created freely (C-28). It is never free.
func (c *Card) deleteApplication(m *wire.DeleteApplication, _ *wire.Empty) wire.Status {
	inside := c.call.app != nil
	switch {
	case inside && m.AID != c.call.app.aid:
		return wire.StatusPermissionDenied
	case c.nvm.app(m.AID) == nil:
		return wire.StatusApplicationNotFound
	case c.mayDeleteDelegated(m):
	case inside && !c.nvm.settings.Has(wire.SettFreeCreate) && !c.call.app.settings3.Has(wire.SettMasterDelete), !c.authenticated(masterKey):
		return wire.StatusAuthenticationError
	}
	next := c.nvm.edit()
	next.apps = slices.DeleteFunc(next.apps, func(a *application) bool { return a.aid == m.AID })
	if next.slotOf(m.AID) != nil { // the slot keeps its quota and can be used again
		next.slots = slices.Clone(next.slots)
		s := next.slotOf(m.AID)
		s.AID, s.Used = wire.PICC, 0
	}
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	if inside {
		c.deselect(wire.PICC)
	}
	return wire.StatusOK
}
