package sim

import (
	"crypto/cipher"
	"slices"

	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

// Delegated applications (command reference 7.5, secure-messaging reference
// 8.3): whoever holds the DAM keys of the card gives away a slot with a quota of
// memory.

func delegatedCommands() []*command {
	create := on((*Card).createDelegatedApplication)
	create.frames = 2
	return []*command{create, on((*Card).getDelegatedInfo)}
}

// damSlot is a slot that has been given away. Its memory stays its own until
// FormatPICC.
type damSlot struct {
	No      uint16   `json:"no"`
	Version uint8    `json:"version"`
	Quota   int      `json:"quota"`       // blocks of 32 bytes
	Used    int      `json:"used"`        // of them
	AID     wire.AID `json:"application"` // 000000 for none
}

func (m *memory) slot(no uint16) *damSlot {
	for i := range m.slots {
		if m.slots[i].No == no {
			return &m.slots[i]
		}
	}
	return nil
}

// slotOf finds the slot of an application, nil if it is not delegated.
func (m *memory) slotOf(aid wire.AID) *damSlot {
	for i := range m.slots {
		if m.slots[i].AID == aid && aid != wire.PICC {
			return &m.slots[i]
		}
	}
	return nil
}

// allocateFor takes n bytes for an application: of its slot, if it has one.
func (m *memory) allocateFor(aid wire.AID, n int64) bool {
	s := m.slotOf(aid)
	if s == nil {
		return m.allocate(n)
	}
	need := int64(s.Used) + n/blocks.Size
	if need > int64(s.Quota) {
		return false
	}
	m.slots = slices.Clone(m.slots)
	m.slotOf(aid).Used = int(need)
	return true
}

func (c *Card) createDelegatedApplication(m *wire.CreateDelegatedApplication, _ *wire.Empty) wire.Status {
	if st := c.checkApplication(m.AID, m.KS2, m.KS3, &m.KeySetConfig, m.FID); st != wire.StatusOK {
		return st
	}
	macKey, encKey := findKey(c.nvm.keys, wire.KeyDAMMAC), findKey(c.nvm.keys, wire.KeyDAMEnc)
	switch {
	case !c.authenticated(wire.KeyDAMAuth):
		return wire.StatusAuthenticationError
	case macKey == nil || encKey == nil:
		return wire.StatusPermissionDenied
	}
	// The MAC covers the command as sent, up to itself.
	body := c.plain[:len(c.plain)-len(m.DAMMAC)]
	if want := macT(macKey.value, []byte{wire.InsCreateDelegatedApplication}, body); !sameMAC(want, m.DAMMAC[:]) {
		return wire.StatusIntegrityError
	}
	if st := c.nameTaken(m.AID, m.FID, m.DFName); st != wire.StatusOK {
		return st
	}
	next := c.nvm.edit()
	next.slots = slices.Clone(next.slots)
	s := next.slot(m.Slot)
	switch {
	case s != nil && (s.AID != wire.PICC || s.Quota != int(m.Quota)):
		return wire.StatusPermissionDenied
	case s == nil && !next.allocate(int64(m.Quota)*blocks.Size):
		return wire.StatusOutOfEEPROM
	case s == nil:
		next.slots = append(next.slots, damSlot{No: m.Slot, Quota: int(m.Quota)})
		s = &next.slots[len(next.slots)-1]
	}
	s.Version, s.AID, s.Used = m.SlotVersion, m.AID, 0
	a := newApplication(m.AID, m.KS1, m.KS2, m.KS3, &m.KeySetConfig, m.FID, m.DFName)
	if !next.allocateFor(a.aid, a.cost()) {
		return wire.StatusOutOfEEPROM
	}
	plain := make([]byte, m.EncK.Len())
	cipher.NewCBCDecrypter(aesBlock(encKey.value), make([]byte, 16)).CryptBlocks(plain, m.EncK.Bytes())
	value, version := plain[damKeyAt:], plain[c.quirks.DAMVersionAt]
	for no := range a.keyCount {
		a.keys = append(a.keys, cardKey{
			no: wire.KeyNo(no), typ: a.keyType, version: version, value: slices.Clone(value[:keyLength(a.keyType)]),
		})
	}
	next.apps = append(next.apps, a)
	return c.commit(next)
}

const (
	damKeyAt = 7 // after a random number
)

// mayDeleteDelegated reports whether the DAM key and its MAC over the
// identifier allow a deletion.
func (c *Card) mayDeleteDelegated(m *wire.DeleteApplication) bool {
	k := findKey(c.nvm.keys, wire.KeyDAMMAC)
	if len(m.DAMMAC) == 0 || k == nil || c.call.app != nil || !c.authenticated(wire.KeyDAMAuth) || c.nvm.slotOf(m.AID) == nil {
		return false
	}
	aid := m.AID.Wire()
	want := macT(k.value, []byte{wire.InsDeleteApplication}, aid[:])
	return sameMAC(want, m.DAMMAC)
}

// getDelegatedInfo answers what a slot holds; no key is needed.
func (c *Card) getDelegatedInfo(m *wire.GetDelegatedInfo, rsp *wire.DelegatedInfo) wire.Status {
	s := c.nvm.slot(m.Slot)
	if s == nil {
		return wire.StatusApplicationNotFound
	}
	*rsp = wire.DelegatedInfo{SlotVersion: s.Version, Quota: uint16(s.Quota), Free: uint16(s.Quota - s.Used), AID: s.AID}
	return wire.StatusOK
}

// renameDelegated is SetConfiguration 06 with a MAC: a new ISO name for the
// delegated application that has the old one. The MAC covers both.
func (c *Card) renameDelegated(next *memory, s *wire.VCName) wire.Status {
	k := findKey(next.keys, wire.KeyDAMMAC)
	if k == nil {
		return wire.StatusPermissionDenied
	}
	name := func(b []byte) []byte {
		return append([]byte{byte(len(b))}, append(slices.Clone(b), make([]byte, 16-len(b))...)...)
	}
	for _, a := range next.apps {
		if next.slotOf(a.aid) == nil || int(s.Length) > len(s.Name) {
			continue
		}
		want := macT(k.value, name(a.dfName), name(s.Name[:s.Length]))
		if sameMAC(want, s.DAMMAC) {
			next.editApp(a.aid).dfName = slices.Clone(s.Name[:s.Length])
			return wire.StatusOK
		}
	}
	return wire.StatusIntegrityError
}
