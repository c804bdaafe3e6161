package purse

import "github.com/go-desfire/desfire/wire"

// Statement is a receipt as programs print it in JSON: what became of a change, without the evidence.
type Statement struct {
	Card        string            `json:"card_uid"` // whose change it is
	Application string            `json:"application"`
	Decision    Decision          `json:"decision"` // happened, did not, in doubt
	Rule        Rule              `json:"rule"`
	Why         string            `json:"why"`
	Needs       []string          `json:"needs"` // in doubt: what would decide it
	Alarms      []Alarm           `json:"alarms"`
	Relay       bool              `json:"relay_excluded"` // it holds against somebody who forges answers as well
	Fence       Fence             `json:"fence"`
	Stored      bool              `json:"stored"` // nothing was done now
	ID          ID                `json:"id"`     // on the card and in the journal
	Request     string            `json:"request"`
	Attempt     int               `json:"attempt"`
	Moves       []Movement        `json:"moves"`
	TMC         *uint32           `json:"tmc"`
	TMV         *TMV              `json:"tmv"`
	Meta        map[string]string `json:"meta,omitempty"`
	Began       Time              `json:"began"`
	Terminal    string            `json:"terminal"`
	Policy      Policy            `json:"policy"`
	Decided     *Time             `json:"decided"` // null while it is open
}

// Movement is a movement of one file.
type Movement struct {
	File   wire.FileNo `json:"file"`
	Kind   string      `json:"kind"` // debit, credit, limited credit
	Amount int32       `json:"amount"`
	Before int32       `json:"before"`
	After  *int32      `json:"after"` // null where it is not known
}

// Statement is the receipt for programs. It shares memory with the receipt.
func (r *Receipt) Statement() Statement {
	e := &r.Entry
	s := Statement{
		Card: e.UID, Application: e.App, Decision: r.Decision(), Rule: r.Rule(), Stored: r.Stored, ID: e.ID, Request: e.Request,
		Attempt: e.Attempt, Meta: e.Meta, Began: e.Began, Terminal: e.Terminal, Policy: e.Policy,
	}
	after := r.After
	if o := e.Outcome(); o != nil {
		s.Why, s.Needs, s.Alarms, s.Relay, s.Fence = o.Why, o.Needs, o.Alarms, o.RelayExcluded, o.Evidence.Fence
		s.TMC, s.TMV, s.Decided = o.Evidence.TMC, o.Evidence.TMV, &o.Time
		if after == nil {
			after = o.Evidence.Values
		}
	}
	for i, m := range e.Moves {
		move := Movement{File: m.File, Kind: m.Kind.Words(), Amount: m.Amount}
		if i < len(e.Values) {
			move.Before = e.Values[i].Value
		}
		for _, v := range after {
			if v.File == m.File {
				value := v.Value
				move.After = &value
			}
		}
		s.Moves = append(s.Moves, move)
	}
	return s
}
