package sim

import (
	"crypto/sha256"
	"slices"

	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

// memory is the non-volatile content of a card. A published memory is never
// changed: commands copy what they change (edit), and commit the copy.
type memory struct {
	generation wire.Generation
	uid        [7]byte
	storage    int // nominal bytes
	version    versionBytes
	signature  [56]byte
	used       int // bytes allocated, also by what has been deleted since

	settings wire.KeySett1 // key settings of the PICC level
	keys     []cardKey
	config   configuration
	apps     []*application // in order of creation
	slots    []damSlot
}

// versionBytes are what GetVersion answers, without the UID.
type versionBytes struct {
	Hardware, Software, Production [7]byte
}

// cardKey is one key. Its value is as ChangeKey brought it, so that the
// version bits of DES keys are kept.
type cardKey struct {
	no       wire.KeyNo
	typ      wire.KeyType
	version  byte
	value    []byte
	failures failures
}

// application is one application.
type application struct {
	aid       wire.AID
	settings  wire.KeySett1 // key setting 1
	settings3 wire.KeySett3
	keyType   wire.KeyType
	keyCount  int
	fileIDs   bool        // files carry ISO file identifiers (key setting 2 bit 5)
	isoID     wire.ISOFID // 0 for none
	dfName    []byte
	keys      []cardKey
	sets      *keySets
	files     []*file // in order of creation
	// deletedTMAC is what the transaction MAC file held that was deleted; see
	// TMACKept. It is in no image.
	deletedTMAC *transactionMAC
}

// file is one file. Which fields count depends on typ.
type file struct {
	no         wire.FileNo
	typ        wire.FileType
	comm       wire.CommMode
	rights     wire.AccessRights
	additional []wire.AccessRights // further sets, EV2 on
	isoID      wire.ISOFID         // 0 for none

	data []byte // standard, backup

	lower, upper, value int32 // value
	limited             int32 // what LimitedCredit may give back
	limitedOn, freeGet  bool

	configured bool // value: its limits have been set, which Light allows once

	tmac *transactionMAC // transaction MAC

	sdmOption bool      // secure dynamic messaging is allowed
	sdm       *wire.SDM // its settings, nil for none
	readCtr   uint32

	recordSize, maxRecords int      // records
	records                [][]byte // oldest first
}

// factory sets what a fresh card holds.
func (m *memory) factory() {
	m.signature = madeSignature(m.uid)
	if !m.generation.Has(wire.FeatureApplications) {
		m.fixedApplication()
	} else {
		m.settings = wire.SettDefault
		m.keys = []cardKey{{no: masterKey, typ: wire.KeyDES, value: make([]byte, 16)}}
	}
	if m.generation.Has(wire.FeatureSignature) {
		for no := wire.KeyOriginalityFirst; no <= wire.KeyOriginalityLast; no++ {
			m.keys = append(m.keys, originalityKey(m.uid, no))
		}
	}
}

// originalityKey is one that no issuer knows: made of the UID.
func originalityKey(uid [7]byte, no wire.KeyNo) cardKey {
	h := sha256.Sum256(append([]byte{'k', byte(no)}, uid[:]...))
	return cardKey{no: no, typ: wire.KeyAES, value: h[:16]}
}

// app finds an application.
func (m *memory) app(aid wire.AID) *application {
	for _, a := range m.apps {
		if a.aid == aid {
			return a
		}
	}
	return nil
}

// file finds a file.
func (a *application) file(no wire.FileNo) *file {
	for _, f := range a.files {
		if f.no == no {
			return f
		}
	}
	return nil
}

// edit is a copy of m to change and commit.
func (m *memory) edit() *memory {
	next := *m
	next.apps = slices.Clone(m.apps)
	return &next
}

// editApp puts a copy of the application into m, which edit made.
func (m *memory) editApp(aid wire.AID) *application {
	for i, a := range m.apps {
		if a.aid == aid {
			next := *a
			next.files = slices.Clone(a.files)
			m.apps[i] = &next
			return &next
		}
	}
	return nil
}

// editFile puts a copy of the file into a, which editApp made. The slices of
// the copy are still those of the published file.
func (a *application) editFile(no wire.FileNo) *file {
	for i, f := range a.files {
		if f.no == no {
			next := *f
			a.files[i] = &next
			return &next
		}
	}
	return nil
}

// cost is what the application takes without its files.
func (a *application) cost() int64 {
	keys := a.keyCount
	if a.sets != nil {
		keys *= 1 + len(a.sets.others)
	}
	return blocks.Application(keys, a.isoID != 0)
}

// cost is what the file takes; size is the length of its data.
func (f *file) cost(size int) int64 {
	return blocks.File(f.typ, int64(size), int64(f.recordSize), int64(f.maxRecords))
}

// fixed reports whether the files were there from the factory, so that
// memory is not given out.
func (m *memory) fixed() bool { return !m.generation.Has(wire.FeatureApplications) }

// capacity is how many bytes an empty card gives out.
func (m *memory) capacity() int { return profiles[m.generation].sizes[m.storage].free }

// free is what FreeMemory answers.
func (m *memory) free() int { return m.capacity() - m.used }

// allocate takes n bytes, if there are as many.
func (m *memory) allocate(n int64) bool {
	if m.fixed() {
		return true
	}
	if n > int64(m.free()) {
		return false
	}
	m.used += int(n)
	return true
}
