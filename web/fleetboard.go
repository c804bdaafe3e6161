package web

import (
	"net/url"

	"github.com/go-desfire/desfire/fleet"
)

// fleetBoard is the part of the readers that a page has at once.
type fleetBoard struct {
	Groups []fleetGroup
	Found  int
}

// fleetGroup is an agent and readers of it.
type fleetGroup struct {
	*fleet.Agent
	Found   int // readers of it that were chosen
	Readers []fleetTile
}

// fleetTile is a reader on the board.
type fleetTile struct {
	*fleet.Reader
	Reachable bool
	Followed  string // its address in the page, empty if the page does not follow it
}

// fleetBoard lays out the readers that a view is to show. Agents without readers count as one.
func (s *Server) fleetBoard(v *fleetView) *fleetBoard {
	find := fleet.Find{Text: v.Text, Show: v.Show}
	groups, found := v.Groups(find)
	if v.One != nil {
		groups, found = only(groups, v.One)
	}
	b := &fleetBoard{Found: found}
	ids := s.hub.ids()
	v.window(fleetWindow, func(skip int) int {
		b.Groups = nil
		at := 0
		for _, g := range groups {
			n := max(len(g.Readers), 1)
			from, to := max(skip-at, 0), min(skip+fleetWindow-at, n)
			if at += n; from >= to {
				continue
			}
			shown := fleetGroup{Agent: g.Agent, Found: len(g.Readers)}
			for _, r := range g.Readers[min(from, len(g.Readers)):min(to, len(g.Readers))] {
				shown.Readers = append(shown.Readers, fleetTile{r, g.Agent.Reachable(), ids[r.FullName()]})
			}
			b.Groups = append(b.Groups, shown)
		}
		return at
	})
	return b
}

// only leaves one agent.
func only(groups []fleet.Group, a *fleet.Agent) ([]fleet.Group, int) {
	for _, g := range groups {
		if g.Agent == a {
			return []fleet.Group{g}, len(g.Readers)
		}
	}
	return []fleet.Group{{Agent: a}}, 0
}

// Query is the address of the view of the agent alone.
func (g fleetGroup) Query() string {
	return url.Values{"part": {"agent"}, "agent": {g.Name}}.Encode()
}

// Dot is the sign of an agent's state.
func (g fleetGroup) Dot() string {
	switch {
	case g.Revoked, g.State == fleet.Never:
		return "off"
	case g.State == fleet.Away, g.Problem != "":
		return "bad"
	case g.State == fleet.Late, g.Draining:
		return "doubt"
	}
	return "on"
}

// Silent reports whether it is not heard, and was.
func (g fleetGroup) Silent() bool { return g.State == fleet.Away || g.State == fleet.Late }

// Dot is the sign of what lies on a reader.
func (t fleetTile) Dot() string {
	switch {
	case t.Problem != "":
		return "bad"
	case !t.Reachable, t.Card == nil:
		return "off"
	case t.Lease != nil:
		return "doubt"
	}
	return "on"
}
