package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/fleet"
)

// Now implements fleet.View.
func (v *View) Now() *fleet.Snapshot {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stale || v.snapshot == nil {
		v.snapshot, v.stale = v.make(), false
	}
	return v.snapshot
}

func (v *View) make() *fleet.Snapshot {
	now := v.conf.Now()
	s := &fleet.Snapshot{Fleet: v.conf.Fleet, At: now, Centre: fleet.Centre{Build: v.conf.Build, Since: v.conf.Since}}
	if v.conf.Parts != nil {
		s.Centre.Parts = v.conf.Parts()
	}
	members := map[string]Member{}
	if v.conf.Members != nil {
		for _, m := range v.conf.Members() {
			members[m.Name] = m
			if !v.knows(m) && !m.Revoked {
				s.Agents = append(s.Agents, fleet.Agent{Name: m.Name, State: fleet.Never, Joined: m.Joined})
			}
		}
	}
	for name, a := range v.agents {
		f := a.value(name, now)
		m := members[name]
		if !v.knows(m) && !m.Revoked && m.Name != "" {
			continue
		}
		f.Joined, f.Revoked = m.Joined, m.Revoked
		s.Agents = append(s.Agents, f)
	}
	slices.SortFunc(s.Agents, func(a, b fleet.Agent) int { return strings.Compare(a.Name, b.Name) })
	if v.conf.Ledger != nil {
		s.Totals = v.conf.Ledger.Totals()
	}
	s.Alarms = v.alarms(s)
	return s
}

// knows reports whether a member was heard since it joined, and not only one that had
// its name before.
func (v *View) knows(m Member) bool {
	a := v.agents[m.Name]
	return a != nil && !a.said.Before(m.Joined)
}

// alarms are what somebody has to look at: the worst first, then the newest.
func (v *View) alarms(s *fleet.Snapshot) (list []fleet.Alarm) {
	for i := range s.Agents {
		a := &s.Agents[i]
		switch {
		case a.Revoked:
		case a.State == fleet.Away && v.agents[a.Name].hello.Bye:
			list = append(list, fleet.Alarm{ID: "bye." + a.Name, At: a.Seen, Severity: fleet.Doubt, Agent: a.Name, What: a.Name + " has ended.", Next: "It was stopped in order. Start it again where its readers are."})
		case a.State == fleet.Away:
			list = append(list, fleet.Alarm{ID: "away." + a.Name, At: a.Seen, Severity: fleet.Bad, Agent: a.Name, What: a.Name + " is offline.", Next: "Look whether it runs, and whether it has a network. A gate goes on alone, and tells what it did once it is back."})
		case max(a.Skew, -a.Skew) > skewed.Seconds():
			list = append(list, fleet.Alarm{ID: "skew." + a.Name, At: a.Seen, Severity: fleet.Doubt, Agent: a.Name, What: fmt.Sprintf("The clock of %s is %s.", a.Name, a.SkewWords()), Next: "Set it: certificates and permissions are checked by it."})
		}
	}
	for _, alarm := range v.refused {
		list = append(list, *alarm)
	}
	list = append(list, v.uses.alarms()...)
	if v.conf.Ledger != nil {
		list = append(list, v.conf.Ledger.Alarms()...)
	}
	slices.SortStableFunc(list, func(a, b fleet.Alarm) int {
		bad := func(x fleet.Alarm) int {
			if x.Severity == fleet.Bad {
				return 0
			}
			return 1
		}
		return cmp.Or(bad(a)-bad(b), b.At.Compare(a.At), strings.Compare(a.ID, b.ID))
	})
	return list
}
