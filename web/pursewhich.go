package web

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// valueFile is a value file on a card.
type valueFile struct {
	Place wire.Place
	No    wire.FileNo
}

// String is how it stands in an address: F48121/2.
func (f valueFile) String() string { return fmt.Sprintf("%v/%d", f.Place, f.No) }

// Words names it in a sentence.
func (f valueFile) Words() string { return fmt.Sprintf("File %d of %s", f.No, f.Place.Words()) }

func parseValueFile(text string) (f valueFile, err error) {
	place, no, ok := strings.Cut(text, "/")
	n, err := strconv.ParseUint(no, 10, 5)
	if !ok || err != nil {
		return f, fmt.Errorf("%q names no value file: an application and the number of a file, F48121/2", text)
	}
	f.No = wire.FileNo(n)
	f.Place, err = wire.ParsePlace(place)
	return f, err
}

// foundFile is a value file as the card told it.
type foundFile struct {
	valueFile
	App  *inspect.Application
	File *inspect.File
}

// tmac is the transaction MAC file of its application, nil if it has none.
func (f *foundFile) tmac() *inspect.File { return f.ofType(wire.FileTransactionMAC) }

// backup is a file that can hold slots, nil if there is none.
func (f *foundFile) backup() *inspect.File { return f.ofType(wire.FileBackup) }

func (f *foundFile) ofType(t wire.FileType) *inspect.File {
	for i := range f.App.Files {
		if x := &f.App.Files[i]; x.Settings != nil && x.Settings.Type == t {
			return x
		}
	}
	return nil
}

// valueFiles are those of a card, and the applications whose files it did not tell.
func valueFiles(card *inspect.Card) (found []foundFile, hidden []string) {
	if card == nil {
		return nil, nil
	}
	for i := range card.Applications {
		a := &card.Applications[i]
		if a.Files == nil {
			hidden = append(hidden, a.Place.String())
		}
		for j := range a.Files {
			if f := &a.Files[j]; f.Settings != nil && f.Settings.Type == wire.FileValue {
				found = append(found, foundFile{valueFile{a.Place, f.No}, a, f})
			}
		}
	}
	return found, hidden
}

// chosenFile is the file that a request names, or else the one of the purse of this
// program, or the first with a transaction MAC, or the first.
func (s *Server) chosenFile(rd *reader, found []foundFile, named string) *foundFile {
	rank := func(f *foundFile) int {
		switch {
		case named != "" && f.String() == named:
			return 4
		case s.isPurse(rd, f.valueFile):
			return 3
		case f.tmac() != nil:
			return 2
		}
		return 1
	}
	var best *foundFile
	for i := range found {
		if f := &found[i]; best == nil || rank(f) > rank(best) {
			best = f
		}
	}
	return best
}

// isPurse reports whether the purse of this program moves the file of cards on a reader.
func (s *Server) isPurse(rd *reader, f valueFile) bool {
	p := s.conf.Purse
	return p != nil && (rd == nil || !rd.simulated) && p.Place == f.Place && len(p.Values) > 0 && p.Values[0].No == f.No
}

// purseTerms are what a person says of a value file that is used as it is.
type purseTerms struct {
	Others purse.Others
	Slot   *wire.FileNo // of this terminal alone
	Number int
}

// termsOf are those under which an entry was begun.
func termsOf(e *purse.Entry) purseTerms {
	return purseTerms{Others: e.Others, Slot: e.SlotFile, Number: e.SlotNo}
}

// looking are terms to look with: nothing is begun under them.
var looking = purseTerms{Others: purse.OthersNothing}

// openPurse opens a session with the key that has the rights, and makes the purse of a
// value file: that of the program, or one of what the card says, against accidents.
func (s *Server) openPurse(ctx context.Context, rd *reader, card *desfire.Card, f valueFile, t purseTerms, acts ...inspect.Act) (*purse.Purse, *purse.Config, error) {
	conf, err := s.purseConfig(ctx, rd, card, f, t, acts)
	if err != nil {
		return nil, nil, err
	}
	p, err := purse.Open(*conf)
	return p, conf, err
}

func (s *Server) purseConfig(ctx context.Context, rd *reader, card *desfire.Card, f valueFile, t purseTerms, acts []inspect.Act) (*purse.Config, error) {
	if s.isPurse(rd, f) {
		conf := *s.conf.Purse
		conf.Journal = s.ledgers.of(rd)
		if !conf.NoKey {
			conf.Keys = s.keys()
		}
		return &conf, nil
	}
	place, err := f.Place.On(card.Generation())
	if err != nil {
		return nil, err
	}
	on := s.opener(rd).On(card, s.keyRefs())
	if _, err := on.File(ctx, place, f.No, append([]inspect.Act{inspect.ActGetValue}, acts...)...); err != nil {
		var refused *unlock.RefusedKeyError
		if errors.As(err, &refused) {
			s.refused.add(rd, refused.Ref) // not once more: cards count
		}
		return nil, err
	}
	d := &purse.Discovery{
		Place: place, File: f.No, Policy: purse.Accidents, Others: t.Others, Slot: t.Slot, SlotNumber: t.Number,
		Journal: s.ledgers.of(rd), Terminal: "desfire web",
	}
	if _, ok := card.Session(); ok {
		d.Keys = on.Store()
	}
	conf, err := d.Here(ctx, card)
	if err != nil {
		return nil, err
	}
	return conf, nil
}

// keyRefs are the keys that the stores list, if they do.
func (s *Server) keyRefs() []keystore.Ref {
	refs := s.conf.Play.Keys().Refs()
	if k, ok := s.conf.Keys.(interface{ Refs() []keystore.Ref }); ok {
		refs = append(refs, k.Refs()...)
	}
	return refs
}
