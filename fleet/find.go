package fleet

import (
	"cmp"
	"slices"
	"strings"
)

// Find chooses readers of a fleet.
type Find struct {
	Text string // words, each in the name of the agent or reader, in the UID or product of its card, or in who holds it
	Show Show
}

// Show is what readers are like that are chosen.
type Show string

// What can be shown.
const (
	ShowAll     Show = ""
	ShowCards   Show = "cards"   // something lies there
	ShowLeased  Show = "leased"  // somebody works with it
	ShowTrouble Show = "trouble" // somebody has to look after it
	ShowIdle    Show = "idle"    // nothing lies there, and all is well
)

// Group is an agent with those of its readers that were chosen.
type Group struct {
	Agent   *Agent
	Readers []*Reader
}

// Groups are the agents with the readers that f chooses; those first of which somebody has
// to look after something. Agents without readers are among them, where f chooses them by
// their name or their trouble. total is how many readers were chosen.
func (s *Snapshot) Groups(f Find) (groups []Group, total int) {
	words := strings.Fields(strings.ToLower(f.Text))
	for i := range s.Agents {
		a := &s.Agents[i]
		g := Group{Agent: a}
		for k := range a.Readers {
			if r := &a.Readers[k]; f.chooses(a, r, words) {
				g.Readers = append(g.Readers, r)
			}
		}
		if total += len(g.Readers); len(g.Readers) > 0 || len(a.Readers) == 0 && f.choosesAgent(a, words) {
			groups = append(groups, g)
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(b.weight(), a.weight()) })
	return groups, total
}

// weight is how much a group is in need of somebody.
func (g Group) weight() int {
	a := g.Agent
	switch {
	case a.Revoked:
		return 0
	case a.State == Away:
		return 4
	case a.State == Late, a.Problem != "", slices.ContainsFunc(g.Readers, a.Troubled):
		return 3
	case a.Draining:
		return 2
	}
	return 1
}

// Troubled reports whether somebody has to look after a reader of the agent.
func (a *Agent) Troubled(r *Reader) bool {
	return r.Problem != "" || !a.Revoked && !a.Reachable()
}

func (f *Find) chooses(a *Agent, r *Reader, words []string) bool {
	ok, trouble := true, a.Troubled(r)
	switch f.Show {
	case ShowCards:
		ok = a.Reachable() && r.Card != nil
	case ShowLeased:
		ok = a.Reachable() && r.Lease != nil
	case ShowTrouble:
		ok = trouble
	case ShowIdle:
		ok = a.Reachable() && r.Card == nil && r.Lease == nil && !trouble
	}
	if !ok || len(words) == 0 {
		return ok
	}
	text := r.Agent + "/" + r.ID + "\n" + r.Name
	if c := r.Card; c != nil {
		text += "\n" + c.UID + "\n" + c.Product + "\n" + c.Trace
	}
	if r.Lease != nil {
		text += "\n" + r.Lease.Holder
	}
	return containsAll(strings.ToLower(text), words)
}

func (f *Find) choosesAgent(a *Agent, words []string) bool {
	switch f.Show {
	case ShowCards, ShowLeased, ShowIdle:
		return false
	case ShowTrouble:
		if a.Revoked || a.State == Here && a.Problem == "" || a.State == Never {
			return false
		}
	}
	return containsAll(strings.ToLower(a.Name), words)
}

func containsAll(text string, words []string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
