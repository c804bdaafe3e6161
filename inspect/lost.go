package inspect

import (
	"encoding/json"

	"github.com/go-desfire/desfire/wire"
)

// Lost is a part of a card that could not be read, and where it is.
type Lost struct {
	Application wire.Place   `json:"application"` // zero: of the card itself
	File        *wire.FileNo `json:"file,omitempty"`
	Missing
}

// Lost are all parts that could not be read: of the card, of its applications
// and of their files. It is never nil.
func (c *Card) Lost() []Lost {
	list := []Lost{}
	for _, m := range c.Missing {
		list = append(list, Lost{Missing: m})
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		for _, m := range a.Missing {
			list = append(list, Lost{Application: a.Place, Missing: m})
		}
		for j := range a.Files {
			f := &a.Files[j]
			for _, m := range f.Missing {
				list = append(list, Lost{Application: a.Place, File: &f.No, Missing: m})
			}
		}
	}
	return list
}

// UnmarshalJSON reads what encoding/json writes of a Lost.
func (l *Lost) UnmarshalJSON(b []byte) error {
	var at struct {
		Application wire.Place   `json:"application"`
		File        *wire.FileNo `json:"file"`
	}
	if err := json.Unmarshal(b, &at); err != nil {
		return err
	}
	l.Application, l.File = at.Application, at.File
	return l.Missing.UnmarshalJSON(b)
}
