package perso

import (
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/wire"
)

// Where is what something is about: a place, or a file or key in it.
type Where struct {
	Place wire.Place   `json:"application"`
	File  *wire.FileNo `json:"file,omitempty"`
	Key   *wire.KeyNo  `json:"key,omitempty"`
}

func at(p wire.Place) Where { return Where{Place: p} }

func (w Where) file(no wire.FileNo) Where { return Where{Place: w.Place, File: &no} }
func (w Where) key(no wire.KeyNo) Where   { return Where{Place: w.Place, Key: &no} }

// String names it in a sentence.
func (w Where) String() string {
	switch {
	case w.File != nil:
		return fmt.Sprintf("file %d of %s", uint8(*w.File), w.Place.Words())
	case w.Key != nil && w.Place.IsCard() && *w.Key == 0:
		return "the PICC master key"
	case w.Key != nil && rekey.Special(*w.Key):
		return keystore.Number(*w.Key).Words() + " of " + w.Place.Words()
	case w.Key != nil:
		return fmt.Sprintf("key %d of %s", uint8(*w.Key), w.Place.Words())
	}
	return w.Place.Words()
}

// Note is something to know about a card or a layout.
type Note struct {
	Where
	Text string `json:"text"`
	// Name is what Config.Irreversible calls it; only in Plan.Held.
	Name string `json:"name,omitempty"`
}

func (n Note) String() string { return n.Where.String() + ": " + n.Text }

func note(w Where, format string, args ...any) Note {
	return Note{Where: w, Text: fmt.Sprintf(format, args...)}
}
