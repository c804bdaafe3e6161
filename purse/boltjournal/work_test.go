package boltjournal_test

import (
	"fmt"

	"github.com/go-desfire/desfire/purse"
)

// Work is the same whoever does it: call 3n begins entry n, call 3n+1 notes and call
// 3n+2 ends it, with a state of its card. position tells from a journal how many calls are
// in it, and fails if they are not the first ones.

const cards = 5

func workEntry(id purse.ID, n int) *purse.Entry {
	return &purse.Entry{
		ID: id, Request: fmt.Sprint("request ", n), Attempt: 1, Terminal: "gate",
		CardApp: purse.CardApp{UID: fmt.Sprint("card ", n%cards), App: "F00F01"}, RecordNo: uint32(n),
		Meta: map[string]string{"filler": fmt.Sprintf("%0*d", 37*(n%9), n)},
	}
}

// work makes call i.
func work(j purse.Journal, i int) error {
	n := i / 3
	if i%3 == 0 {
		id, err := j.NewID(ctx)
		if err != nil {
			return err
		}
		return j.Begin(ctx, workEntry(id, n))
	}
	e, err := j.Request(ctx, fmt.Sprint("request ", n))
	if err != nil {
		return err
	}
	if e == nil {
		return fmt.Errorf("entry %d is not there", n)
	}
	if i%3 == 1 {
		return j.Note(ctx, e.ID, purse.Progress{Acked: n + 1, TMI: purse.Hex{byte(n)}})
	}
	return j.End(ctx, e.ID, purse.Outcome{Decision: purse.Happened, Why: fmt.Sprint("call ", i)}, &purse.CardState{CardApp: e.CardApp, TMC: uint32(n)})
}

// position is how many calls a journal holds.
func position(j purse.Journal) (calls int, err error) {
	n := 0
	open := map[purse.CardApp]purse.ID{}
	for e, err := range j.Entries(ctx) {
		if err != nil {
			return 0, err
		}
		if calls != 3*n {
			return 0, fmt.Errorf("entry %d began, and of those before there are %d calls", n, calls)
		}
		want := workEntry(e.ID, n)
		got := fmt.Sprint(e.Request, e.Attempt, e.CardApp, e.RecordNo, e.Meta, e.Terminal)
		if got != fmt.Sprint(want.Request, want.Attempt, want.CardApp, want.RecordNo, want.Meta, want.Terminal) {
			return 0, fmt.Errorf("entry %d is %s", n, got)
		}
		calls++
		if e.IsOpen() {
			open[e.CardApp] = e.ID
		}
		if err := positionOf(e, n, &calls); err != nil {
			return 0, err
		}
		for name, get := range map[string]func() (*purse.Entry, error){
			"Entry":   func() (*purse.Entry, error) { return j.Entry(ctx, e.ID) },
			"Request": func() (*purse.Entry, error) { return j.Request(ctx, e.Request) },
		} {
			if got, err := get(); err != nil {
				return 0, err
			} else if got == nil || got.ID != e.ID || len(got.Outcomes) != len(e.Outcomes) {
				return 0, fmt.Errorf("%s of entry %d: %+v", name, n, got)
			}
		}
		n++
	}
	return calls, checkCards(j, open, calls)
}

// positionOf counts what was added to an entry.
func positionOf(e *purse.Entry, n int, calls *int) error {
	switch p := e.Progress; {
	case p.Acked == n+1 && len(p.TMI) == 1 && p.TMI[0] == byte(n):
		*calls++
	case p.Acked != 0 || p.TMI != nil:
		return fmt.Errorf("entry %d: %+v", n, p)
	}
	switch o := e.Outcome(); {
	case o == nil:
	case *calls != 3*n+2 || len(e.Outcomes) != 1 || o.Decision != purse.Happened || o.Why != fmt.Sprint("call ", 3*n+2):
		return fmt.Errorf("entry %d ended after %d calls: %+v", n, *calls, o)
	default:
		*calls++
	}
	return nil
}

// checkCards checks what follows for each card.
func checkCards(j purse.Journal, open map[purse.CardApp]purse.ID, calls int) error {
	for c := range cards {
		card := purse.CardApp{UID: fmt.Sprint("card ", c), App: "F00F01"}
		e, err := j.Open(ctx, card)
		if err != nil {
			return err
		}
		id, want := open[card]
		if (e != nil) != want || want && e.ID != id {
			return fmt.Errorf("card %d: open is %v, want %v", c, e, id)
		}
		last := -1
		for n := c; 3*n+3 <= calls; n += cards {
			last = n
		}
		s, err := j.State(ctx, card)
		switch {
		case err != nil:
			return err
		case (s == nil) != (last < 0), s != nil && s.TMC != uint32(last):
			return fmt.Errorf("card %d: %+v, want that of entry %d", c, s, last)
		}
	}
	return nil
}
