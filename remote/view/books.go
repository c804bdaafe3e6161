package view

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
)

// Books is the ledger of a centre as people see it. It is a Ledger; Run keeps its totals and
// alarms.
type Books struct {
	centre *ledger.Centre

	mu     sync.Mutex
	totals fleet.Totals
	alarms []fleet.Alarm
}

// Bounds of what is looked for.
const (
	mostSkip   = 20_000 // lines
	mostFound  = 2_000  // that are counted, of those that were searched
	mostAlarms = 20
	mostLooked = 60 // alarms, since some of them are over
)

// NewBooks makes the books of a centre that runs, or will.
func NewBooks(c *ledger.Centre) *Books { return &Books{centre: c} }

// Run looks every moment whether something changed, and tells touch, until ctx ends.
func (b *Books) Run(ctx context.Context, touch func()) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-b.centre.Ready():
			if err := b.look(ctx, touch); err != nil && ctx.Err() == nil {
				return err
			}
		default:
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (b *Books) look(ctx context.Context, touch func()) error {
	t := totalsOf(b.centre.Totals())
	list, _, err := b.centre.Alarms(ctx, "", 0, mostLooked)
	if err != nil {
		return err
	}
	var alarms []fleet.Alarm
	for i := range list {
		if !list[i].Over && len(alarms) < mostAlarms {
			alarms = append(alarms, alarmOf(&list[i]))
		}
	}
	b.mu.Lock()
	same := reflect.DeepEqual(t, b.totals) && reflect.DeepEqual(alarms, b.alarms)
	b.totals, b.alarms = t, alarms
	b.mu.Unlock()
	if !same {
		touch()
	}
	return nil
}

// alarmOf is an alarm for people.
func alarmOf(a *ledger.Alarm) fleet.Alarm {
	f := fleet.Alarm{
		ID: fmt.Sprintf("ledger.%s.%s.%v", a.Agent, a.Kind, a.ID), At: a.Time, Severity: fleet.Bad, Agent: a.Agent, What: a.What + ".",
		Next: fmt.Sprintf("The ledger has it under transaction %v.", a.ID),
	}
	if a.Card != nil {
		f.UID = a.Card.UID
	}
	if a.ID.IsZero() {
		f.Next = "The ledger has what is known of it: desfire fleet ledger " + cmp.Or(f.UID, a.Agent)
	}
	return f
}

// Totals implements Ledger.
func (b *Books) Totals() fleet.Totals {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.totals
}

// Alarms implements Ledger.
func (b *Books) Alarms() []fleet.Alarm {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.alarms
}

func totalsOf(t ledger.Totals) fleet.Totals {
	f := fleet.Totals{Lines: t.Entries, Cards: t.Cards, Happened: t.Happened, Open: t.Open, Gaps: t.Gaps, Judging: t.Judging}
	for _, s := range t.Files {
		f.Sums = append(f.Sums, fleet.Sum{Application: s.App, File: int(s.File), Happened: s.Happened, InDoubt: s.InDoubt})
	}
	return f
}

// Ledger implements Ledger. A text is an id, a UID, or the name of an agent, whole.
func (b *Books) Ledger(ctx context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	p := &fleet.LedgerPage{Totals: b.Totals()}
	query, ok := queryOf(q)
	if !ok {
		return p, nil
	}
	most := q.Most
	if most <= 0 {
		most = 50
	}
	all := q.Text == "" && !q.Open
	if q.Skip > mostSkip {
		return nil, fmt.Errorf("the ledger is not turned back by more than %d lines: look for an id, a UID or an agent", mostSkip)
	}
	for {
		query.Limit = 500
		if all {
			query.Limit = min(q.Skip+most-p.Total, 500)
		}
		got, err := b.centre.Query(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range got.Records {
			if p.Total++; p.Total > q.Skip && len(p.Lines) < most {
				p.Lines = append(p.Lines, lineOf(&got.Records[i]))
			}
		}
		query.Before = got.Next
		if got.Next == 0 || p.Total >= mostFound+q.Skip || all && p.Total >= q.Skip+most {
			break
		}
	}
	if all {
		p.Total = max(p.Total, p.Totals.Lines)
	}
	return p, nil
}

// queryOf is what the ledger is asked; not ok: nothing in it can fit.
func queryOf(q fleet.LedgerQuery) (query ledger.Query, ok bool) {
	if q.Open {
		query.State = purse.InDoubt
	}
	text := strings.TrimSpace(q.Text)
	b, err := hex.DecodeString(text)
	var id purse.ID
	switch {
	case text == "":
	case err == nil && (len(b) == 4 || len(b) == 7):
		query.UID = strings.ToUpper(text)
	case err == nil && len(b) == len(id):
		query.ID = strings.ToLower(text)
	case remote.CheckName(text) == nil:
		query.Agent = text
	default:
		return query, false
	}
	return query, true
}

// lineOf is what is known of a transaction, for people.
func lineOf(r *ledger.Record) fleet.LedgerLine {
	e := &r.Entry
	l := fleet.LedgerLine{
		ID: e.ID.String(), Request: e.Request, At: e.Began.Time, Agent: r.Agent, Terminal: e.Terminal, UID: e.UID, Application: e.App, State: fleet.Open,
	}
	if len(e.Moves) > 0 {
		l.File, l.Amount = int(e.Moves[0].File), e.Moves[0].Signed()
	}
	o := r.Outcome()
	if o == nil {
		return l
	}
	l.Words = o.Why
	switch o.Decision {
	case purse.Happened:
		l.State = fleet.Happened
		for _, v := range o.Evidence.Values {
			if int(v.File) == l.File {
				after := int64(v.Value)
				l.Value = &after
			}
		}
	case purse.DidNot:
		l.State = fleet.DidNot
	default:
		l.State = fleet.InDoubt
	}
	if by := r.By(); by != "" {
		l.Words += " Found by " + by + "."
	}
	return l
}
