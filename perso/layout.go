package perso

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Layout is what a card should be. Everything in it is applied or in a Plan's
// Impossible.
type Layout struct {
	Generations  []wire.Generation // that it is for; none: any that can have it
	Card         *Level            // settings of the card itself; nil leaves them
	Applications []Application
}

// Level are settings and keys of the card itself. On DESFire Light and NTAG 424 DNA
// only Options is used.
type Level struct {
	KeySettings *wire.KeySett1 // nil leaves them
	Keys        []KeyWant      // number 0 is the PICC master key; the others, of EV2 and later, have roles
	Options     []Option       // in any order
}

// Option is a setting of the card, or of the application of DESFire Light and NTAG
// 424 DNA, that SetConfiguration makes.
type Option struct {
	Name    string       // one of Options
	Setting wire.Setting // nil for the default key, which is keystore.RoleDefault of the store of wanted keys
}

// Application is an application that should be there.
type Application struct {
	Place  wire.Place
	ISOID  wire.ISOFID // 0 for none
	DFName []byte      // only with ISOID

	// KeySettings is key setting 1; nil on DESFire Light and NTAG 424 DNA, whose
	// settings are fixed. Settings that freeze something are made last.
	KeySettings *wire.KeySett1
	KeyType     wire.KeyType
	KeyCount    int
	ISOFiles    bool               // files have ISO identifiers
	KeySett3    wire.KeySett3      // what a card does not tell: made, not compared
	KeySets     *wire.KeySetConfig // nil for none

	Keys      []KeyWant
	VCKeys    []KeyWant // of virtual cards, where KeySett3 says that it has its own; by role
	Sets      []KeySetWant
	Delegated *Delegation // it is made by delegation; nil: as others are
	Files     []File

	Label string // for people; may be empty
}

// KeySetWant is a key set, besides the active one, that should be filled.
type KeySetWant struct {
	Set     wire.KeySetNo
	Version wire.KeyVersion
	Type    key.Type
	Keys    []KeyWant // in the store they are keystore.InSet(Set, No), unless Ref says otherwise
}

// Delegation is how an application is made in memory that the issuer of the card has
// given away.
type Delegation struct {
	Slot    uint16
	Version byte   // of the slot
	Quota   uint16 // blocks of 32 bytes

	// Signed is the command as the issuer has signed it; nil: it is signed with the
	// keys of the roles of delegation, of the store of wanted keys.
	Signed *wire.CreateDelegatedApplication
}

// KeyWant is a key that should be there. The key itself is that of the store of
// wanted keys; where that has none, the key of the card stays.
type KeyWant struct {
	No wire.KeyNo
	// Version that the key should have, nil if any will do.
	Version *byte
	// Ref names the key in the store; nil is that of its place and number.
	Ref *keystore.Ref
	// Label names it for people; may be empty.
	Label string
}

// File is a file that should be there.
type File struct {
	No    wire.FileNo
	ISOID wire.ISOFID // 0 for none

	// Settings are type, mode, rights and sizes. LimitedCredit and Records count
	// what was done on a card: they must be zero.
	Settings wire.FileSettings

	// What the file should hold. Which member applies depends on the type, nil
	// leaves what is there.
	Data    []byte   // from the start of a standard or backup file
	Records [][]byte // oldest first; all that should be there
	Value   *int32

	// First is what a new file begins with, whatever Config.Values says; nil is as
	// Config says. It is no difference if the file holds something else later.
	First     *int32 // value
	FirstData []byte // of a standard or backup file

	Label string // for people; may be empty
}

// Ref names a key of the layout in a store, for a card.
func (k *KeyWant) ref(p wire.Place, uid keystore.UID) keystore.Ref {
	if k.Ref != nil {
		r := *k.Ref
		r.UID = uid
		return r
	}
	return keystore.Ref{UID: uid, Place: p, Key: keystore.Number(k.No)}
}

// LayoutError is a layout that no card could be.
type LayoutError struct {
	Where  Where
	Reason string
}

func (e *LayoutError) Error() string { return fmt.Sprintf("perso: layout: %v: %s", e.Where, e.Reason) }

// Check finds contradictions that no card could resolve; the error is a
// *LayoutError.
func (l *Layout) Check() error {
	if c := l.Card; c != nil {
		if err := c.check(); err != nil {
			return err
		}
	}
	seen := map[wire.Place]bool{}
	for i := range l.Applications {
		a := &l.Applications[i]
		switch {
		case a.Place.IsCard():
			return &LayoutError{at(a.Place), "an application needs an AID"}
		case seen[a.Place]:
			return &LayoutError{at(a.Place), "it stands there twice"}
		}
		seen[a.Place] = true
		if err := a.check(); err != nil {
			return err
		}
		if err := a.checkMore(); err != nil {
			return err
		}
	}
	return nil
}

func (a *Application) check() error {
	bad := func(w Where, format string, args ...any) error {
		return &LayoutError{w, fmt.Sprintf(format, args...)}
	}
	here := at(a.Place)
	switch {
	case a.KeyCount < 1 || a.KeyCount > wire.MaxKeys:
		return bad(here, "%d keys: want 1 to %d", a.KeyCount, wire.MaxKeys)
	case a.KeyType > wire.KeyAES:
		return bad(here, "%v is no type of keys", a.KeyType)
	case len(a.DFName) > 0 && a.ISOID == 0, len(a.DFName) > wire.MaxDFName:
		return bad(here, "a DF name has at most %d bytes and needs an ISO identifier", wire.MaxDFName)
	}
	var keys []wire.KeyNo
	for _, k := range a.Keys {
		if int(k.No) >= a.KeyCount || slices.Contains(keys, k.No) {
			return bad(here.key(k.No), "it does not exist, or stands there twice")
		}
		keys = append(keys, k.No)
	}
	var files []wire.FileNo
	macs := 0
	for i := range a.Files {
		f := &a.Files[i]
		w := here.file(f.No)
		switch {
		case slices.Contains(files, f.No):
			return bad(w, "it stands there twice")
		case a.ISOFiles != (f.ISOID != 0) && f.mayHaveISOID() && !a.Place.Fixed && a.Place.Name == "":
			return bad(w, "files of an application have ISO identifiers all or none")
		}
		files = append(files, f.No)
		if f.Settings.Type == wire.FileTransactionMAC {
			macs++
		}
		if reason := f.wrong(); reason != "" {
			return bad(w, "%s", reason)
		}
	}
	if macs > 1 {
		return bad(here, "an application has at most one transaction MAC file")
	}
	return nil
}

func (f *File) mayHaveISOID() bool {
	return f.Settings.Type != wire.FileValue && f.Settings.Type != wire.FileTransactionMAC
}

// wrong says what about a file contradicts itself.
func (f *File) wrong() string {
	s := &f.Settings
	data, records := s.Type == wire.FileStandard || s.Type == wire.FileBackup, s.Type == wire.FileLinearRecord || s.Type == wire.FileCyclicRecord
	switch {
	case s.Type > wire.FileTransactionMAC:
		return "it has no type"
	case f.Data != nil && !data, f.Records != nil && !records, f.Value != nil && s.Type != wire.FileValue:
		return fmt.Sprintf("a %v file cannot hold that", s.Type)
	case data && s.Size == 0:
		return "it has no size"
	case len(f.Data) > int(s.Size):
		return fmt.Sprintf("%d bytes do not fit into %d", len(f.Data), s.Size)
	case s.Type == wire.FileValue && (s.Lower > s.Upper || f.Value != nil && (*f.Value < s.Lower || *f.Value > s.Upper)):
		return fmt.Sprintf("the value does not lie between %d and %d", s.Lower, s.Upper)
	case records && (s.RecordSize == 0 || s.MaxRecords == 0 || s.Type == wire.FileCyclicRecord && s.MaxRecords < 2):
		return "record size and number of records are missing"
	case len(f.Records) > capacity(s):
		return fmt.Sprintf("%d records do not fit into %d", len(f.Records), capacity(s))
	case s.LimitedCredit != 0 || s.Records != 0:
		return "what a card counts cannot be set: limited credit, number of records"
	case s.Type == wire.FileTransactionMAC && s.Access.Write != wire.Never:
		return "nobody can write a transaction MAC file: its write right is never"
	case s.Type == wire.FileTransactionMAC && s.TMKeyOption != 0 && s.TMKeyOption != wire.TMKeyAES:
		return "the key of a transaction MAC file is an AES key"
	}
	for _, r := range f.Records {
		if len(r) != int(s.RecordSize) {
			return fmt.Sprintf("a record of %d bytes in a file of records of %d", len(r), s.RecordSize)
		}
	}
	return f.wrongFirst()
}

// capacity is how many records a file holds: one of a cyclic file is the copy
// that is worked on.
func capacity(s *wire.FileSettings) int {
	if s.Type == wire.FileCyclicRecord {
		return int(s.MaxRecords) - 1
	}
	return int(s.MaxRecords)
}

// Fits reports whether the layout is for cards of a generation.
func (l *Layout) Fits(g wire.Generation) bool {
	return len(l.Generations) == 0 || slices.Contains(l.Generations, g)
}

// wantOf is what the layout says of a key; all keys may be in the store.
func wantOf(list []KeyWant, no wire.KeyNo) KeyWant {
	for _, k := range list {
		if k.No == no {
			return k
		}
	}
	return KeyWant{No: no}
}

// zeroKey is what a key of a new application is.
func zeroKey(t wire.KeyType) key.Key { return key.Zero(key.FromWire(t)) }
