package dump

import (
	"encoding/json"
	"io"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
)

// Format is a kind of file.
type Format string

// Formats that Read knows.
const (
	FormatOwn       Format = "desfire-dump" // what Write writes
	FormatImage     Format = "desfire-card" // the memory of a simulated card, with or without its keys
	FormatFlipper   Format = "flipper-nfc"  // Flipper Zero, versions 2 to 4
	FormatProxmark  Format = "proxmark3"    // hf mfdes dump, mfdes v1
	FormatDFC       Format = "dfc"          // DFC Credential, versions 4 to 6, as text or binary
	FormatFarebot   Format = "farebot"      // XML of FareBot and Metrodroid
	FormatCollected Format = "collected"    // contents of cards as testdata/dumps has them
)

// Words names a format in a sentence.
func (f Format) Words() string {
	switch f {
	case FormatOwn:
		return "a dump"
	case FormatImage:
		return "an image of a simulated card"
	case FormatFlipper:
		return "a Flipper Zero file"
	case FormatProxmark:
		return "a Proxmark3 dump"
	case FormatDFC:
		return "a DFC credential"
	case FormatFarebot:
		return "a FareBot file"
	case FormatCollected:
		return "the content of a card"
	}
	return string(f)
}

// version of FormatOwn. Read refuses newer ones.
const version = 1

// Dump is a file that was read.
type Dump struct {
	Format  Format
	Version int       // of the format, 0 where it has none
	Written time.Time // zero where the file does not say
	By      string    // program that wrote it, as the file says
	Card    *inspect.Card

	// Notes are for the user: what Read made of parts that fit no card, or left
	// out. They quote names of the file, escaped.
	Notes []string
}

// Info is what a dump says about itself.
type Info struct {
	Written time.Time // zero is now
	By      string    // program and version
}

// header are the members of a dump before those of the card.
type header struct {
	Format  Format `json:"format"`
	Version int    `json:"version"`
	Written string `json:"written"` // RFC 3339
	By      string `json:"by,omitempty"`
}

// members is an inspect.Card without its methods.
type members inspect.Card

// Write writes a card. info may be nil.
func Write(w io.Writer, c *inspect.Card, info *Info) error {
	if info == nil {
		info = new(Info)
	}
	at := info.Written
	if at.IsZero() {
		at = time.Now()
	}
	b, err := json.MarshalIndent(struct {
		header
		*members
	}{header{FormatOwn, version, at.UTC().Format(time.RFC3339), info.By}, (*members)(c)}, "", " ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(visible.JSON(b), '\n'))
	return err
}
