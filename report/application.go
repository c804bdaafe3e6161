package report

import (
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// Application is what follows from an application of the card.
type Application struct {
	Place wire.Place `json:"application"`

	Bytes    int  `json:"bytes"`             // of memory, reckoned
	Overhead int  `json:"overhead"`          // of them, keys and directory
	Partial  bool `json:"partial,omitempty"` // not all settings are known: it takes more

	Keys  []Key  `json:"keys"`
	Files []File `json:"files"`

	NDEF *Message `json:"ndef,omitempty"` // what a phone reads

	card *inspect.Application
}

// Key is a key as far as a card tells.
type Key struct {
	Key     int    `json:"key"`
	Name    string `json:"name"`               // what it is for
	Type    string `json:"key_type,omitempty"` // empty if it is not known
	Version *byte  `json:"version"`            // null if it is not known

	// Delivered: the version is 00, as that of keys that nobody has set. It may
	// have been set all the same, without a version.
	Delivered bool `json:"delivered,omitempty"`

	Changed string `json:"changed,omitempty"` // who changes it
}

// File is what follows from a file of an application.
type File struct {
	File    wire.FileNo `json:"file"`
	Bytes   int         `json:"bytes"`             // of memory, reckoned
	Kind    string      `json:"kind"`              // in words
	Content *Content    `json:"content,omitempty"` // nil if it was not read
	SDM     *Template   `json:"sdm,omitempty"`
	Remarks []string    `json:"remarks,omitempty"`

	card *inspect.File
}

// newApplication adds what follows from the n-th application. what is shown of it
// stands in shown, which is redacted if red is not nil.
func newApplication(whole *inspect.Card, n int, shown *inspect.Card, red *redactor) Application {
	from, a := &whole.Applications[n], &shown.Applications[n]
	x := Application{Place: a.Place, Keys: keysOf(shown.Generation, a), Files: []File{}, NDEF: messageOf(whole.Generation, from, red), card: a}
	var known bool
	x.Overhead, known = overhead(shown, a)
	x.Bytes, x.Partial = x.Overhead, !known || a.Files == nil && a.MissingPart(inspect.PartFiles) != nil
	for i := range a.Files {
		f := File{File: a.Files[i].No, Kind: KindOf(&a.Files[i]), Content: contentOf(&from.Files[i], red), SDM: templateOf(&from.Files[i], red), card: &a.Files[i]}
		if fs := a.Files[i].Settings; fs != nil {
			f.Remarks = inspect.Remarks(fs)
			if k := a.KeySettings; k != nil {
				for _, no := range inspect.AbsentKeys(fs, k.Keys) {
					f.Remarks = append(f.Remarks, fmt.Sprintf("its rights name key %d, which the application does not have", no))
				}
			}
		}
		size, known := sizeOf(shown, &a.Files[i])
		f.Bytes, x.Partial = size, x.Partial || !known
		f.tag(x.NDEF, red)
		x.Bytes = min(x.Bytes+size, maxPicture)
		x.Files = append(x.Files, f)
	}
	return x
}

// tag says of the files of a tag what they are, in the place of bytes that look
// like text.
func (f *File) tag(m *Message, red *redactor) {
	switch {
	case f.Content == nil || red != nil:
	case m != nil && m.File == f.File && m.Problem == "":
		f.Content.Text, f.Content.Words = "", "an empty NDEF message"
		if len(m.Records) > 0 {
			f.Content.Words = "NDEF: " + m.Records[0]
		}
	case isCC(f.card.ISOID):
		f.Content.Text, f.Content.Words = "", "capability container of a tag"
	}
}

// KindOf is the type of a file in words.
func KindOf(f *inspect.File) string {
	if f.Settings == nil {
		return "File"
	}
	switch f.Settings.Type {
	case wire.FileStandard:
		return "Data"
	case wire.FileBackup:
		return "Data with backup"
	case wire.FileValue:
		return "Value"
	case wire.FileLinearRecord:
		return "Records"
	case wire.FileCyclicRecord:
		return "Cyclic records"
	case wire.FileTransactionMAC:
		return "Transaction MAC"
	}
	return f.Type
}

// maxKeysShown bounds lists of keys that a forged file makes long.
const maxKeysShown = 64

// keysOf are the keys of an application.
func keysOf(g wire.Generation, a *inspect.Application) []Key {
	list := []Key{}
	n, typ := 0, ""
	switch k := a.KeySettings; {
	case k != nil:
		n, typ = k.Keys, k.KeyType
	case g.FixedName() != nil:
		n, typ = wire.FixedKeys, wire.KeyAES.String()
	}
	for _, v := range a.KeyVersions {
		n = max(n, v.Key+1)
	}
	for no := range min(n, maxKeysShown) {
		k := Key{Key: no, Type: typ, Name: "key " + fmt.Sprint(no)}
		if no == 0 {
			k.Name = "master key"
		}
		k.told(a.KeyVersions)
		switch s := a.KeySettings; {
		case s != nil && len(s.Settings) == 1:
			k.Changed = changer(wire.KeySett1(s.Settings[0]), no)
		case g.FixedName() != nil:
			k.Changed = "key 0"
		}
		list = append(list, k)
	}
	return list
}

// changer says who changes a key.
func changer(s wire.KeySett1, no int) string {
	if no == 0 && !s.Has(wire.SettMasterChangeable) {
		return "nobody"
	}
	need, frozen := rekey.Changer(s, wire.KeyNo(no))
	switch {
	case frozen:
		return "nobody"
	case int(need) == no:
		return "itself"
	}
	return fmt.Sprintf("key %d", need)
}

// told takes the version from a list.
func (k *Key) told(list []inspect.KeyVersion) {
	for _, v := range list {
		if v.Key == k.Key {
			version := v.Version
			k.Version, k.Delivered = &version, version == 0
		}
	}
}

// cardKeys are the keys of the card itself; none for cards without a card level.
func cardKeys(c *inspect.Card, more []inspect.KeyVersion) []Key {
	list := []Key{}
	if c.Generation.FixedName() != nil {
		return list
	}
	master := Key{Name: "master key of the card"}
	if k := c.KeySettings; k != nil {
		master.Type = k.KeyType
		if len(k.Settings) == 1 {
			master.Changed = changer(wire.KeySett1(k.Settings[0])&0x0F, 0)
		}
	}
	master.told(c.KeyVersions)
	if master.Version != nil || master.Type != "" {
		list = append(list, master)
	}
	for _, v := range append(append([]inspect.KeyVersion{}, c.KeyVersions...), more...) {
		for _, s := range special {
			if int(s.no) == v.Key && len(list) < maxKeysShown {
				k := Key{Key: v.Key, Name: s.name, Type: wire.KeyAES.String()}
				k.told([]inspect.KeyVersion{v})
				k.Delivered = false // most cards have none of them, and tell 00 all the same
				list = append(list, k)
			}
		}
	}
	return list
}
