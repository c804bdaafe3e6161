package perso

import (
	"crypto/sha256"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// part is a piece of a card's structure: the card itself, an application without its
// files, a file. Its hash is of settings, names and key versions, and not of what
// changes in use.
type part struct {
	Where
	Hash string `json:"hash"`
}

func (p *part) same(w Where) bool {
	return p.Place == w.Place && (p.File == nil) == (w.File == nil) && (p.File == nil || *p.File == *w.File)
}

// words says what the hash of a part is of.
func (p *part) words() string {
	switch {
	case p.File != nil:
		return "the settings of " + p.Where.String()
	case p.Place.IsCard():
		return "keys or settings of the card"
	}
	return fmt.Sprintf("keys, settings or names of %v", p.Where)
}

// partsOf takes a card apart.
func partsOf(c *inspect.Card) []part {
	keys := func(s *inspect.KeySettings, versions []inspect.KeyVersion) (text string) {
		if s != nil {
			text = fmt.Sprintf("%X %d %s %v ", []byte(s.Settings), s.Keys, s.KeyType, s.Sets)
		}
		return text + fmt.Sprintln(versions)
	}
	parts := []part{{Hash: hash(fmt.Sprintf("%v %X\n%s", c.Generation, []byte(c.UID), keys(c.KeySettings, c.KeyVersions)))}}
	for i := range c.Applications {
		a := &c.Applications[i]
		here := at(a.Place)
		parts = append(parts, part{here, hash(fmt.Sprintf("%X %X\n%s", []byte(a.ISOID), []byte(a.DFName), keys(a.KeySettings, a.KeyVersions)))})
		for j := range a.Files {
			f := &a.Files[j]
			parts = append(parts, part{here.file(f.No), hash(settingsText(f.Settings))})
		}
	}
	return parts
}

func settingsText(fs *wire.FileSettings) string {
	if fs == nil {
		return ""
	}
	s := fs.Clone()
	s.LimitedCredit, s.Records = 0, 0
	block := wire.SDM{}
	if s.SDM != nil {
		block, s.SDM = *s.SDM, nil
	}
	return fmt.Sprintf("%+v %+v", s, block)
}

func hash(text string) string { return fmt.Sprintf("%X", sha256.Sum256([]byte(text))) }

// structureOf is the hash of all parts.
func structureOf(parts []part) string {
	text := ""
	for i := range parts {
		text += fmt.Sprintf("%v %s\n", parts[i].Where, parts[i].Hash)
	}
	return hash(text)
}

// movedParts says which parts are not what they were, but for those that may have
// moved.
func movedParts(was, is []part, mayMove func(Where) bool) (words []string) {
	for i := range was {
		w := &was[i]
		now := find(is, func(p *part) bool { return p.same(w.Where) })
		switch {
		case mayMove(w.Where):
		case now == nil:
			words = append(words, w.Where.String()+" is gone")
		case now.Hash != w.Hash:
			words = append(words, w.words()+" have changed")
		}
	}
	for i := range is {
		w := is[i].Where
		if !mayMove(w) && !slices.ContainsFunc(was, func(p part) bool { return p.same(w) }) {
			words = append(words, w.String()+" is new")
		}
	}
	return words
}

// moves reports whether a step may change a part.
func (s *Step) moves(w Where) bool {
	switch {
	case s.Place != w.Place:
		return false
	case s.Kind == CreateApplication, s.Kind == DeleteApplication:
		return true
	case s.File == nil || w.File == nil:
		return s.File == nil && w.File == nil
	}
	return *s.File == *w.File
}
