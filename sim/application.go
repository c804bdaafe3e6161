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

// piccDFName is the ISO name of the PICC level.
var piccDFName = [...]byte{0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x00}

// reservedISOID reports whether an ISO file identifier cannot be given away.
func reservedISOID(id wire.ISOFID) bool {
	return id == 0x0000 || id == 0x3F00 || id == 0x3FFF || id == 0xFFFF
}

// selectApplication goes to an application or the PICC level.
func (c *Card) selectApplication(m *wire.SelectApplication, _ *wire.Empty) wire.Status {
	if m.Two {
		return wire.StatusLengthError
	}
	if m.AID != wire.PICC && c.nvm.app(m.AID) == nil {
		c.endSession()
		if !c.quirks.SelectFailureKeeps {
			c.deselect(wire.PICC)
		}
		return wire.StatusApplicationNotFound
	}
	c.deselect(m.AID)
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
	if st := c.checkApplication(m); st != wire.StatusOK {
		return st
	}
	if st := c.allowedBy(c.nvm.settings, wire.SettFreeCreate); st != wire.StatusOK {
		return st
	}
	for _, x := range c.nvm.apps {
		if x.aid == m.AID || m.FID != 0 && x.isoID == m.FID ||
			len(m.DFName) > 0 && bytes.Equal(x.dfName, m.DFName) {
			return wire.StatusDuplicateError
		}
	}
	if bytes.Equal(m.DFName, piccDFName[:]) {
		return wire.StatusDuplicateError
	}
	if p := profiles[c.gen]; p.maxApps > 0 && len(c.nvm.apps) >= p.maxApps {
		return wire.StatusCountError
	}
	a := &application{
		aid: m.AID, settings: m.KS1, keyType: m.KS2.KeyType(), keyCount: m.KS2.Keys(),
		fileIDs: m.KS2.Has(wire.SettISOFiles), isoID: m.FID, dfName: slices.Clone(m.DFName),
	}
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

// checkApplication judges the parameters of CreateApplication.
func (c *Card) checkApplication(m *wire.CreateApplication) wire.Status {
	known := wire.KeySett2(0xCF) // type and number
	if c.gen.Has(wire.FeatureISOFiles) {
		known |= wire.SettISOFiles
	}
	switch {
	case m.FID != 0 && !c.gen.Has(wire.FeatureISOFiles):
		return wire.StatusLengthError // D40 knows no ISO names
	case m.AID == wire.PICC, m.KS2&^known != 0, m.KS2.Keys() > wire.MaxKeys:
		return wire.StatusParameterError
	case !c.knowsKeys(m.KS2.KeyType()):
		return wire.StatusParameterError
	case m.FID != 0 && reservedISOID(m.FID):
		return wire.StatusParameterError
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
	case inside && !c.nvm.settings.Has(wire.SettFreeCreate), !c.v.session.authenticated(masterKey):
		return wire.StatusAuthenticationError
	}
	next := c.nvm.edit()
	next.apps = slices.DeleteFunc(next.apps, func(a *application) bool { return a.aid == m.AID })
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	if inside {
		c.deselect(wire.PICC)
	}
	return wire.StatusOK
}
