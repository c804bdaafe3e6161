package web

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// cardPage is a card as the view shows it.
type cardPage struct {
	Reader  string
	Name    string // of the reader
	Since   time.Time
	Product string
	UID     []byte
	Random  bool
	Reading bool
	Whole   bool
	Trouble *trouble  // why it was not read
	Unfit   []trouble // keys that did not fit
	*report.Page
	Purses []pursePage
}

// cardPage lays a stay out.
func (s *Server) cardPage(ctx context.Context, rd *reader, st *stay) *cardPage {
	v := &cardPage{
		Reader: rd.id, Name: rd.name, Since: st.since, Product: st.product, UID: st.uid, Random: st.random,
		Reading: st.reading || st.card == nil && st.err == nil, Whole: st.whole, Trouble: st.Trouble(), Unfit: st.keys,
	}
	if st.card == nil || st.reading && st.card.Applications == nil {
		return v
	}
	conf := &report.Config{Made: s.conf.Now(), Extra: st.extra}
	v.Page = report.NewPage(report.New(st.card, conf), &report.PageConfig{KeyName: s.keyNamer(ctx, rd, st), MostRows: mostFileRows, More: v})
	v.Purses = s.openPurses(ctx, rd, st)
	return v
}

// mostFileRows is how many rows of bytes of a file the page shows.
const mostFileRows = 256

// For is how long the card has lain there, in words.
func (v *cardPage) For() string {
	d := time.Since(v.Since)
	switch {
	case d < time.Minute:
		return "for less than a minute"
	case d < 2*time.Minute:
		return "for a minute"
	case d < 2*time.Hour:
		return fmt.Sprintf("for %d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("for %d hours", int(d.Hours()))
}

// Key tells this stay of a card from others, as part of an id: what somebody opened
// for one card does not go on with another.
func (v *cardPage) Key() string { return fmt.Sprintf("%x-%d", v.UID, v.Since.UnixMilli()) }

// AppKey is the id of the place for the content of an application that was closed.
func (v *cardPage) AppKey(a *report.AppPage) string {
	return fmt.Sprintf("app-%x-%s", a.Place.String(), v.Key())
}

// AppDoID is the id of the place where something is done with an application.
func (v *cardPage) AppDoID(a report.AppPage) string {
	return fmt.Sprintf("do-%x-%s", a.Place.String(), v.Key())
}

// DoID is the id of the place below a file where something is done with it.
func (v *cardPage) DoID(f report.FilePage) string {
	return fmt.Sprintf("do-%x-%d-%s", f.Place.String(), f.File.File, v.Key())
}

// keyNamer names keys of a card as the keyring does.
func (s *Server) keyNamer(ctx context.Context, rd *reader, st *stay) func(wire.Place, int) string {
	if rd.simulated {
		return s.benchNamer()
	}
	var names []KeyName
	if s.conf.KeyNames != nil {
		names, _ = s.conf.KeyNames(ctx) // without names there are numbers
	}
	uid := keystore.UID(st.uid)
	return func(p wire.Place, no int) string {
		facts, ok, err := s.keys().Has(ctx, keystore.Ref{UID: uid, Place: p, Key: keystore.Number(wire.KeyNo(no))})
		if err != nil || !ok {
			return ""
		}
		name := ""
		for _, n := range names {
			if n.Facts.Same(facts) && n.Name != name {
				if name != "" {
					return lastWord(facts.Source) // two names for one key
				}
				name = n.Name
			}
		}
		return cmp.Or(name, lastWord(facts.Source))
	}
}

// benchNamer names the keys of the simulated card as its layout does.
func (s *Server) benchNamer() func(wire.Place, int) string {
	type key struct {
		p  wire.Place
		no keystore.ID
	}
	names := map[key]string{}
	for _, k := range s.conf.Play.Keys().Named() {
		if strings.HasPrefix(k.Name, "key ") {
			continue // a number says the same
		}
		names[key{k.Ref.Place, k.Ref.Key}] = k.Name
	}
	return func(p wire.Place, no int) string { return names[key{p, keystore.Number(wire.KeyNo(no))}] }
}

// lastWord is the name of a key in the words for where it is kept: "keys.yaml
// campus-app, AN10922".
func lastWord(source string) string {
	source, _, _ = strings.Cut(source, ",")
	if at := strings.LastIndexByte(source, ' '); at >= 0 {
		return source[at+1:]
	}
	return source
}

// pursePage is a change of value that is in doubt.
type pursePage struct {
	What  string // "A debit of 250"
	Where string
	When  time.Time
}

// openPurses are what the journal has open for a card.
func (s *Server) openPurses(ctx context.Context, rd *reader, st *stay) (list []pursePage) {
	uid := fmt.Sprintf("%X", st.uid)
	for i := range st.card.Applications {
		p := st.card.Applications[i].Place
		e, err := s.ledgers.of(rd).Open(ctx, purse.CardApp{UID: uid, App: p.String()})
		if err != nil || e == nil {
			continue // the purse's own view tells of a journal that fails
		}
		var moves []string
		for _, m := range e.Moves {
			moves = append(moves, strings.ToLower(m.Kind.String())+" of "+grouped(m.Amount))
		}
		list = append(list, pursePage{What: strings.Join(moves, " and "), Where: p.String(), When: e.Began.Time})
	}
	return list
}
