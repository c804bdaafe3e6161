package sim

import (
	"bytes"
	"crypto/subtle"
	"io"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/wire"
)

// ISO 7816-4 access to applications and files (command reference 15).

func isoCommands() []*command {
	return []*command{
		on((*Card).isoSelect),
		on((*Card).isoReadBinary),
		on((*Card).isoUpdateBinary),
		on((*Card).isoReadRecord),
		on((*Card).isoAppendRecord),
		on((*Card).isoUpdateRecord),
		on(func(c *Card, m *wire.ISOUpdateRecordOdd, rsp *wire.Empty) wire.Status {
			return c.isoUpdateRecord(&m.ISOUpdateRecord, rsp)
		}),
	}
}

// isoSelect selects card, application or file. A card or application ends the
// session and drops what is pending; a file that is not found leaves all as it
// was.
func (c *Card) isoSelect(m *wire.ISOSelect, rsp *wire.Data) wire.Status {
	rsp.Data = rsp.Data[:0]
	if m.P2 != wire.SelectFCI && m.P2 != wire.SelectNoData {
		return wire.StatusISOWrongP1P2
	}
	byID := m.By == wire.SelectByID
	switch {
	case m.By == wire.SelectByName:
		return c.isoSelectName(m, rsp)
	case m.By == wire.SelectParent, byID && (!m.WithFID || m.FID == wire.PICCFID):
		c.deselect(wire.PICC)
		return wire.StatusOK
	case !m.WithFID:
		return wire.StatusISOLcInconsistent
	}
	if c.call.app != nil && m.By != wire.SelectChild {
		for _, f := range c.call.app.files {
			if f.isoID != 0 && f.isoID == m.FID {
				c.v.ef, c.v.efSelected = f.no, true
				return wire.StatusOK
			}
		}
	}
	if m.By != wire.SelectEF {
		for _, a := range c.nvm.apps {
			if a.isoID != 0 && a.isoID == m.FID {
				return c.isoSelectApp(a, m, rsp)
			}
		}
	}
	return wire.StatusISOFileNotFound
}

func (c *Card) isoSelectName(m *wire.ISOSelect, rsp *wire.Data) wire.Status {
	if bytes.Equal(m.Name, wire.PICCName[:]) {
		c.deselect(wire.PICC)
		return wire.StatusOK
	}
	for _, a := range c.nvm.apps {
		if len(a.dfName) > 0 && bytes.Equal(a.dfName, m.Name) {
			return c.isoSelectApp(a, m, rsp)
		}
	}
	if c.quirks.SelectByAID && len(m.Name) == 3 {
		if a := c.nvm.app(wire.AID(m.Name[0]) | wire.AID(m.Name[1])<<8 | wire.AID(m.Name[2])<<16); a != nil {
			return c.isoSelectApp(a, m, rsp)
		}
	}
	return c.selectVirtualCard(m, rsp)
}

// isoSelectApp answers the content of file 1F, where there is one, as FCI.
func (c *Card) isoSelectApp(a *application, m *wire.ISOSelect, rsp *wire.Data) wire.Status {
	c.deselect(a.aid)
	if f := a.file(fileFCI); m.P2 == wire.SelectFCI && f != nil && f.typ == wire.FileStandard {
		rsp.Data = append(rsp.Data, f.data[:min(len(f.data), m.Length)]...)
	}
	if t := a.tmacFile(); t != nil && c.exhausted(t.tmac) {
		return wire.StatusISOLimitReached
	}
	return wire.StatusOK
}

// fileFCI is the file that SELECT returns.
const fileFCI wire.FileNo = 0x1F

// Virtual card selection (secure-messaging reference 8.2; one source).

// nxpVC begins the installation identifiers of NXP's virtual cards.
var nxpVC = []byte{0xA0, 0x00, 0x00, 0x03, 0x96}

// vcChallenge is what the reader's EXTERNAL AUTHENTICATE has to answer.
type vcChallenge struct {
	given bool
	input [32]byte // RndChal, VCData
}

// selectVirtualCard answers SELECT of a name that is no application's.
func (c *Card) selectVirtualCard(m *wire.ISOSelect, rsp *wire.Data) wire.Status {
	if !c.gen.Has(wire.FeatureProximity) {
		return wire.StatusISOFileNotFound
	}
	known := len(c.nvm.config.vcName) > 0 && bytes.Equal(m.Name, c.nvm.config.vcName)
	if !known && !(c.quirks.UnknownVCAnswered && bytes.HasPrefix(m.Name, nxpVC)) {
		return wire.StatusISOFileNotFound
	}
	c.deselect(wire.PICC)
	enc := findKey(c.nvm.keys, wire.KeyVCSelectEnc)
	if known && enc == nil {
		return wire.StatusOK
	}
	fci := append(rsp.Data, 0x6F, 0x22, 0x85, 0x20)
	n := len(fci)
	fci = append(fci, make([]byte, 32)...)
	if _, err := io.ReadFull(c.rand, fci[n:]); err != nil {
		return wire.StatusISONoPreciseDiagnosis
	}
	if known {
		chal, payload := fci[n:n+16], fci[n+16:]
		data := append([]byte{byte(c.nvm.config.flags), 0, 0}, c.uid[:]...)
		copy(c.v.vc.input[:16], chal)
		clear(payload)
		copy(payload, data)
		copy(c.v.vc.input[16:], payload)
		for i := range payload {
			payload[i] ^= chal[i]
		}
		aesBlock(enc.value).Encrypt(payload, payload)
		c.v.vc.given = true
	}
	rsp.Data = fci
	return wire.StatusOK
}

// authenticateVC checks the reader's MAC.
func (c *Card) authenticateVC(mac []byte) wire.Status {
	k := findKey(c.nvm.keys, wire.KeyVCSelectMAC)
	given := c.v.vc
	c.v.vc = vcChallenge{}
	if !given.given || k == nil {
		return wire.StatusISOConditionsOfUse
	}
	if want := macT(k.value, given.input[:]); !sameMAC(want, mac) {
		return wire.StatusISOSecurityStatus
	}
	c.v.vcDone = true
	return wire.StatusOK
}

// sameMAC compares a MAC with the right one, in a time that does not tell where
// they differ.
func sameMAC(want [8]byte, got []byte) bool { return subtle.ConstantTimeCompare(want[:], got) == 1 }

// macT is the truncated AES-CMAC of the parts.
func macT(k []byte, parts ...[]byte) [8]byte {
	m := cmac.New(aesBlock(k))
	m.Reset(nil)
	for _, p := range parts {
		m.Write(p)
	}
	return cmac.Truncated(m.Sum())
}
