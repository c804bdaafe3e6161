package report

import (
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/wire"
)

// Memory is how full a card is, in bytes. What applications take is reckoned from
// their settings, since cards do not tell it: see package internal/blocks.
type Memory struct {
	Total        int    `json:"total,omitempty"` // nominal; 0 if it is not known
	Exact        bool   `json:"exact,omitempty"` // else Total is the least
	Free         *int   `json:"free"`            // null if the card does not tell it
	Applications int    `json:"applications"`    // reckoned
	Rest         *int   `json:"rest"`            // neither free nor reckoned; null if that cannot be said
	Words        string `json:"words"`

	scale int    // bytes that the picture shows
	never string // what is said of Rest, if nothing else is known to be in it
}

// memoryOf adds up what is known.
func memoryOf(c *inspect.Card, apps []Application, x *Extra) Memory {
	m := Memory{Total: c.Storage, Exact: c.StorageExact, Free: c.FreeMemory}
	unknown := 0
	for i := range apps {
		m.Applications = min(m.Applications+apps[i].Bytes, maxPicture)
		if apps[i].Partial {
			unknown++
		}
	}
	m.scale = max(m.Total, m.Applications)
	fixed := c.Generation.FixedName() != nil
	switch {
	case fixed:
		m.scale = max(m.Applications, 1)
		m.Words = "The files of this card are there from the factory, and no memory is given out; the picture shows what they hold."
		return m
	case m.Free == nil && m.Total == 0:
		m.Words = "The file or card does not say how much memory there is, nor how much is free."
	case m.Free == nil:
		m.Words = "How much is free, the card or file does not say: what is not reckoned below may be free or in use."
	case m.Total == 0:
		m.scale = max(*m.Free+m.Applications, 1)
		m.Words = "How large the memory is, is not known: the picture shows what is free, and what applications take."
	default:
		m.scale = max(m.Total, *m.Free+m.Applications)
		rest := m.scale - *m.Free - m.Applications
		m.Rest = &rest
		switch {
		case *m.Free > m.Total:
			m.Words = fmt.Sprintf("More is free than the %d bytes that the card is called after: cards give out a little more.", m.Total)
		case !m.Exact:
			m.Words = fmt.Sprintf("The card tells its size as more than %d bytes: the picture shows that much.", m.Total)
		case rest > 0:
			m.Words, m.never = restWords(c, x, c.Applications == nil || unknown > 0)
		}
	}
	if m.Words != "" {
		m.Words += " "
	}
	if unknown > 0 && !fixed {
		m.Words += fmt.Sprintf("Of %s not all settings are known: it takes more than is shown. ", counted(unknown, "application"))
	}
	m.Words += "What applications take is reckoned from their settings; where a file lies, a card does not tell."
	return m
}

// restWords says what may be in memory that is neither free nor in an application,
// and what is known of it in short.
func restWords(c *inspect.Card, x *Extra, unseen bool) (words, short string) {
	kept := 0
	for _, s := range x.Delegated {
		kept = min(kept+s.Free, maxPicture)
	}
	delegation := c.Generation.Has(wire.FeatureDelegated)
	const deleted = "left by what was deleted, which comes back only when the whole card is formatted (FormatPICC)."
	switch {
	case unseen:
		return "Taken and in no application that was seen whole; part of it may be " + deleted, ""
	case kept > 0:
		return fmt.Sprintf("Taken and in no application: %d bytes are kept for delegated applications; the rest is the card's own, or %s", kept, deleted), ""
	case delegation && x.SlotsRead == 0:
		return "Taken and in no application: kept for delegated applications, the card's own, or " + deleted, ""
	}
	return "Taken and in no application: the card's own, or " + deleted, "until formatted"
}

// overhead is what an application takes without its files; false if that is not
// known.
func overhead(c *inspect.Card, a *inspect.Application) (int, bool) {
	if c.Generation.FixedName() != nil {
		return 0, true
	}
	k := a.KeySettings
	if k == nil {
		return int(blocks.Application(1, len(a.ISOID) > 0)), false
	}
	keys := k.Keys
	if k.Sets != nil {
		keys *= max(k.Sets.Sets, 1)
	}
	return int(blocks.Application(keys, len(a.ISOID) > 0)), true
}

// sizeOf is what a file takes; false if that is not known. On a card that comes
// with its files it is what they hold.
func sizeOf(c *inspect.Card, f *inspect.File) (int, bool) {
	fs := f.Settings
	if fs == nil {
		return 0, false
	}
	size := int64(fs.Size)
	if fs.Type == wire.FileTransactionMAC {
		size = tmacSize
	}
	if c.Generation.FixedName() != nil {
		switch fs.Type {
		case wire.FileValue:
			size = 4
		case wire.FileLinearRecord, wire.FileCyclicRecord:
			size = int64(fs.RecordSize) * int64(fs.MaxRecords)
		}
		return int(min(size, maxPicture)), true
	}
	return int(min(blocks.File(fs.Type, size, int64(fs.RecordSize), int64(fs.MaxRecords)), maxPicture)), true
}

// maxPicture bounds what a forged size can do to the picture.
const maxPicture = 1 << 26

const tmacSize = 4 + 8 // counter and value

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
