package fleet

import "time"

// Snapshot is a fleet at one moment.
type Snapshot struct {
	Fleet  string    `json:"fleet"`
	At     time.Time `json:"at"`
	Centre Centre    `json:"centre"`
	Agents []Agent   `json:"agents"` // by name
	Alarms []Alarm   `json:"alarms"` // the worst first, then the newest
	Totals Totals    `json:"totals"` // of the ledger
}

// Centre is how the programs in the middle are.
type Centre struct {
	Build string    `json:"build,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Parts []Part    `json:"parts"`
}

// Part is one of them.
type Part struct {
	Name  string `json:"name"` // NATS, JetStream, keys, ledger
	Ready bool   `json:"ready"`
	Words string `json:"words,omitempty"` // how it is, or why it is not ready
}

// Ready reports whether all parts are.
func (c *Centre) Ready() bool {
	for _, p := range c.Parts {
		if !p.Ready {
			return false
		}
	}
	return true
}

// Agent is the agent of a name; nil if there is none.
func (s *Snapshot) Agent(name string) *Agent {
	for i := range s.Agents {
		if s.Agents[i].Name == name {
			return &s.Agents[i]
		}
	}
	return nil
}

// Counts are how many there are of what.
type Counts struct {
	Agents  int `json:"agents"`
	Here    int `json:"here"`
	Readers int `json:"readers"`
	Cards   int `json:"cards"`
	Leased  int `json:"leased"`
	Trouble int `json:"trouble"` // readers that somebody has to look after
}

// Counts counts.
func (s *Snapshot) Counts() Counts {
	c := Counts{Agents: len(s.Agents)}
	for i := range s.Agents {
		a := &s.Agents[i]
		here := a.Reachable()
		if here {
			c.Here++
		}
		c.Readers += len(a.Readers)
		for k := range a.Readers {
			r := &a.Readers[k]
			if here && r.Card != nil {
				c.Cards++
			}
			if here && r.Lease != nil {
				c.Leased++
			}
			if a.Troubled(r) {
				c.Trouble++
			}
		}
	}
	return c
}
