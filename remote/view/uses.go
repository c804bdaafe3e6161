package view

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/fleet"
)

// uses are the newest uses of keys, the oldest first.
type uses struct {
	list    []fleet.KeyUse
	refused int               // of list
	counts  [2]int            // all that were seen: allowed, refused
	many    map[string]*burst // by agent
}

// burst is what was refused an agent lately.
type burst struct {
	since time.Time
	n     int
	alarm *fleet.Alarm
}

// So many refusals within so long are worth a look.
const (
	manyRefused  = 10
	refusedWhile = 10 * time.Minute
)

// Used takes a use of a key, as the audit has it. Uses come in their order.
func (v *View) Used(u fleet.KeyUse) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.uses.add(u, v.conf.Now())
	v.touch()
}

func (s *uses) add(u fleet.KeyUse, now time.Time) {
	if len(s.list) >= mostUses {
		if !s.list[0].Allowed {
			s.refused--
		}
		s.list = s.list[1:]
	}
	s.list = append(s.list, u)
	if u.Allowed {
		s.counts[0]++
		return
	}
	s.counts[1]++
	s.refused++
	if now.Sub(u.At) > refusedWhile {
		return
	}
	b := s.many[u.Agent]
	if b == nil || now.Sub(b.since) > refusedWhile {
		if s.many == nil || len(s.many) >= mostAgents {
			s.many = map[string]*burst{}
		}
		b = &burst{since: now}
		s.many[u.Agent] = b
	}
	if b.n++; b.n >= manyRefused {
		b.alarm = &fleet.Alarm{
			ID: "refused." + u.Agent, At: u.At, Severity: fleet.Doubt, Agent: u.Agent,
			What: fmt.Sprintf("%s asked for keys that it may not use, %d times within %d minutes.", u.Agent, b.n, int(refusedWhile.Minutes())),
			Next: "Its policy may be too narrow, or somebody else runs it. The uses of keys say what it wanted.",
		}
	}
}

func (s *uses) alarms() (list []fleet.Alarm) {
	for _, b := range s.many {
		if b.alarm != nil {
			list = append(list, *b.alarm)
		}
	}
	return list
}

// KeyCounts are how many uses were allowed and refused, of those that were heard.
func (v *View) KeyCounts() (allowed, refused int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.uses.counts[0], v.uses.counts[1]
}

// KeyUses implements fleet.View. It knows the newest only, so many as it keeps.
func (v *View) KeyUses(_ context.Context, q fleet.KeyQuery) (*fleet.KeyPage, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := &fleet.KeyPage{Looked: len(v.uses.list), Refused: v.uses.refused}
	most := q.Most
	if most <= 0 {
		most = 50
	}
	words := strings.Fields(strings.ToLower(q.Text))
	for i := len(v.uses.list) - 1; i >= 0; i-- {
		u := &v.uses.list[i]
		if q.Refused && u.Allowed || !fits(u, words) {
			continue
		}
		if p.Total++; p.Total > q.Skip && len(p.Uses) < most {
			p.Uses = append(p.Uses, *u)
		}
	}
	return p, nil
}

func fits(u *fleet.KeyUse, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(strings.Join([]string{u.Agent, u.What, u.UID, u.Application, u.Key, u.Method, u.Why, u.Trace}, "\n"))
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}
