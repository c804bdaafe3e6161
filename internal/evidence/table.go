// Package evidence knows what outside this module confirms which command, in
// which secure channel: from recordings, published vectors and what programs of
// others did. It judges recordings and reports that people send, and says what
// they add.
package evidence

import (
	"github.com/go-desfire/desfire/wire"
)

// Rank orders kinds of evidence.
type Rank uint8

// Ranks, the weakest first.
const (
	Unverified Rank = iota
	Derived         // written by hand from the command reference
	Channel         // the secure messaging is that of a program by others, the fields are ours
	Foreign         // a program by others made or checked the bytes
	Published       // printed by NXP
	Captured        // bytes of a real card
)

func (r Rank) String() string {
	return [...]string{"unverified", "derived", "channel", "foreign", "published", "captured"}[r]
}

// MarshalText writes the name.
func (r Rank) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Column is a column of cells.
type Column struct {
	Scheme wire.Scheme
	Name   string
	needs  wire.Feature
}

// Layout is the scheme of cells about the fields, whatever protects them.
const Layout wire.Scheme = 0xFF

// Columns are those about secure channels.
var Columns = [...]Column{
	{wire.SchemeNone, "no session", wire.FeatureAny},
	{wire.SchemeD40, "D40", wire.FeatureD40Auth},
	{wire.SchemeEV1, "EV1", wire.FeatureEV1Auth},
	{wire.SchemeEV2, "EV2", wire.FeatureEV2Auth},
	{wire.SchemeLRP, "LRP", wire.FeatureLRP},
}

// Has reports whether a session of the column's scheme, or without one, sees the
// command on some generation.
func (c Column) Has(s *wire.Spec) bool { return occurs(s, c.Scheme, c.needs) }

func occurs(s *wire.Spec, scheme wire.Scheme, needs wire.Feature) bool {
	needsSession := s.Rule == wire.RuleFull || s.Rule == wire.RuleChangeKey || s.Rule == wire.RuleMAC || s.Rule == wire.RuleReaderID || s.Name == "GetCardUID"
	switch {
	case scheme == wire.SchemeNone:
		return !needsSession
	case s.Rule == wire.RulePlain:
		return false
	}
	for _, g := range wire.Generations {
		if s.In(g) && g.Has(needs) {
			return true
		}
	}
	return false
}

// Cell is what one piece of evidence is about: a command, or its answer, in one
// channel, or its Layout.
type Cell struct {
	Command string
	Scheme  wire.Scheme
	Answer  bool
}

// Table is the best evidence for each cell.
type Table map[Cell]Rank

func (t Table) note(name string, s wire.Scheme, answer bool, r Rank) {
	k := Cell{name, s, answer}
	t[k] = max(t[k], r)
}

// Move is a cell of which more is known than before.
type Move struct {
	Command string `json:"command"`
	Column  string `json:"column"` // "layout", "no session", "D40", "EV1", "EV2" or "LRP"
	Half    string `json:"half"`   // "command" or "answer"
	From    Rank   `json:"from"`
	To      Rank   `json:"to"`
}

// Moves lists the cells that are better in t than in before, in the order of
// docs/evidence.md.
func (t Table) Moves(before Table) []Move {
	moves := []Move{}
	for s := range wire.Commands() {
		if s.Unknown != "" {
			continue
		}
		_, empty := s.NewResponse().(*wire.Empty)
		for _, c := range append([]Column{{Layout, "layout", wire.FeatureAny}}, Columns[:]...) {
			if c.Scheme != Layout && !c.Has(s) {
				continue
			}
			for _, answer := range [...]bool{false, true} {
				k := Cell{s.Name, c.Scheme, answer}
				if t[k] <= before[k] || answer && empty && c.Scheme == Layout {
					continue
				}
				half := "command"
				if answer {
					half = "answer"
				}
				moves = append(moves, Move{s.Name, c.Name, half, before[k], t[k]})
			}
		}
	}
	return moves
}
