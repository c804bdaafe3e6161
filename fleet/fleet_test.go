package fleet

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// small is a fleet of a gate, a desk that is silent, and a bus that nobody has heard.
func small() *Snapshot {
	return &Snapshot{Fleet: "main", At: now, Agents: []Agent{
		{Name: "bus3", State: Never},
		{Name: "desk", State: Away, Seen: now.Add(-time.Hour), Readers: []Reader{{Agent: "desk", ID: "r0", Name: "ACR122"}}},
		{Name: "gate7", State: Here, Seen: now, Readers: []Reader{
			{Agent: "gate7", ID: "left", Name: "Left", Card: &Card{UID: "04A1B2C3D4E5F6", Product: "DESFire EV3"}, Lease: &Lease{Holder: "back office"}},
			{Agent: "gate7", ID: "right", Name: "Right"},
		}},
	}}
}

func TestGroups(t *testing.T) {
	for _, test := range []struct {
		find Find
		want string
	}{
		{Find{}, "desk: r0; bus3:; gate7: left right"},
		{Find{Text: "gate7"}, "gate7: left right"},
		{Find{Text: "04a1 EV3"}, "gate7: left"},
		{Find{Text: "OFFICE"}, "gate7: left"},
		{Find{Text: "bus"}, "bus3:"},
		{Find{Text: "nobody"}, ""},
		{Find{Show: ShowCards}, "gate7: left"},
		{Find{Show: ShowLeased}, "gate7: left"},
		{Find{Show: ShowIdle}, "gate7: right"},
		{Find{Show: ShowTrouble}, "desk: r0"},
		{Find{Show: ShowTrouble, Text: "gate7"}, ""},
	} {
		groups, total := small().Groups(test.find)
		var got []string
		n := 0
		for _, g := range groups {
			text := g.Agent.Name + ":"
			for _, r := range g.Readers {
				text += " " + r.ID
				n++
			}
			got = append(got, text)
		}
		if text := strings.Join(got, "; "); text != test.want || n != total {
			t.Errorf("%+v: %q and %d, want %q", test.find, text, total, test.want)
		}
	}
}

func TestStateAt(t *testing.T) {
	for seen, want := range map[time.Time]State{
		{}: Never, now: Here, now.Add(-LateAfter): Late, now.Add(-AwayAfter): Away,
		now.Add(time.Hour): Here, // the clock was set back
	} {
		if got := StateAt(now, seen); got != want {
			t.Errorf("%v: %s, want %s", seen, got, want)
		}
	}
}

func TestWords(t *testing.T) {
	s := small()
	for want, got := range map[string]string{
		"2 of 3 agents online":                  Counts{Agents: 3, Here: 2}.Words(),
		"1 of 1 agent online, 1 reader, 1 card": Counts{Agents: 1, Here: 1, Readers: 1, Cards: 1}.Words(),
		"offline":                               s.Agents[1].Words(),
		"revoked":                               (&Agent{Revoked: true, State: Here, Draining: true}).Words(),
		"being drained":                         (&Agent{State: Here, Draining: true}).Words(),
		"DESFire EV3 04A1B2C3D4E5F6, in use by": s.Agents[2].Readers[0].Words(),
		"no card":                               s.Agents[2].Readers[1].Words(),
		"1.5s behind":                           (&Agent{Skew: -1.5}).SkewWords(),
		"agrees":                                (&Agent{Skew: .2}).SkewWords(),
		"never":                                 Ago(now, time.Time{}),
		"3 h ago":                               Ago(now, now.Add(-3*time.Hour)),
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q lacks %q", got, want)
		}
	}
	if c := s.Counts(); c != (Counts{Agents: 3, Here: 1, Readers: 3, Cards: 1, Leased: 1, Trouble: 1}) {
		t.Errorf("%+v", c)
	}
	if s.Agents[2].Readers[0].Place() != "nats:gate7/left" || s.Agent("gate7") == nil || s.Agent("gate") != nil {
		t.Error("names are lost")
	}
}

// Looking through 5,000 readers asks each of them a few words, not each other.
func TestGroupsOfMany(t *testing.T) {
	s := &Snapshot{}
	for i := range 5000 {
		a := fmt.Sprintf("gate%d", i)
		s.Agents = append(s.Agents, Agent{Name: a, State: Here, Readers: []Reader{{Agent: a, ID: "r0", Name: "ACR122"}}})
	}
	if groups, total := s.Groups(Find{Text: "gate4999"}); total != 1 || len(groups) != 1 {
		t.Errorf("%d readers of %d agents", total, len(groups))
	}
}
