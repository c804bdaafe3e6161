package report

import (
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Loss is an application as somebody should know it who is asked whether it may be
// deleted.
type Loss struct {
	Application wire.Place `json:"application"`
	KnownAs     string     `json:"known_as,omitempty"`
	Bytes       int        `json:"bytes"`   // of memory, reckoned, that only a format gives back
	Unknown     bool       `json:"unknown"` // which files it has is not known
	Files       []LostFile `json:"files"`
	NDEF        *Message   `json:"ndef,omitempty"` // what a phone reads
}

// LostFile is a file as somebody should know it who is asked whether it may be
// deleted.
type LostFile struct {
	File    wire.FileNo `json:"file"`
	Kind    string      `json:"kind"` // in words
	Value   *int32      `json:"value,omitempty"`
	Purse   bool        `json:"purse,omitempty"`   // it is a value file; Value is nil where it was not read
	Records int         `json:"records,omitempty"` // that it holds
	Unread  bool        `json:"unread,omitempty"`  // what it holds was not read
	Empty   bool        `json:"empty,omitempty"`   // it was read, and holds nothing or zeros
}

// Losses is what goes for good when some applications are deleted, or with none named
// when the card is formatted: in the order of the card.
func (r *Report) Losses(of ...wire.Place) []Loss {
	list := []Loss{}
	for i := range r.Applications {
		a := &r.Applications[i]
		if len(of) > 0 && !slices.Contains(of, a.Place) {
			continue
		}
		l := Loss{Application: a.Place, KnownAs: a.card.KnownAs, Bytes: a.Bytes, Unknown: a.card.Files == nil, Files: []LostFile{}, NDEF: a.NDEF}
		for j := range a.Files {
			l.Files = append(l.Files, a.Files[j].lost())
		}
		list = append(list, l)
	}
	return list
}

func (f *File) lost() LostFile {
	l := LostFile{File: f.File, Kind: f.Kind, Value: f.card.Value, Unread: f.card.MissingPart(inspect.PartContent) != nil || f.card.Settings == nil}
	if fs := f.card.Settings; fs != nil {
		l.Purse, l.Records = fs.Type == wire.FileValue, int(fs.Records)
	}
	zeros, b := uniform(f.card.Data)
	l.Empty = !l.Unread && !l.Purse && l.Records == 0 && (len(f.card.Data) == 0 || zeros && b == 0)
	return l
}
