package web

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/go-desfire/desfire/purse"
)

// ledger is the journal of the purse with an index, so that pages of thousands of
// entries are read without reading all of them each time. All of this program use it.
type ledger struct {
	purse.Journal

	mu    sync.Mutex
	built bool
	rows  []ledgerRow // in the order of Begin
	at    map[purse.ID]int
}

// ledgerRow is an entry, as far as a list shows it.
type ledgerRow struct {
	ID       purse.ID
	Card     purse.CardApp
	Request  string
	Signed   int64 // of the first movement
	Moves    int
	Kind     purse.Kind
	Decision purse.Decision
	Rule     purse.Rule
	HasTMC   bool
	TMC      uint32 // of the transaction, if it is known
	Began    purse.Time
	Alarms   int
}

// Open reports whether it is left to find out what became of the entry.
func (r ledgerRow) Open() bool { return r.Decision == purse.InDoubt }

// ledgers are the journals of the page.
type ledgers struct {
	cards *ledger // of the program
	play  *ledger // of the simulated card, in this process only; cards where that is so as well
}

func newLedgers(j purse.Journal, random io.Reader) *ledgers {
	play := newLedger(purse.Memory(random))
	if j == nil {
		return &ledgers{play, play}
	}
	return &ledgers{newLedger(j), play}
}

// of is the journal of what is done at a reader, which may be nil.
func (x *ledgers) of(rd *reader) *ledger {
	if rd != nil && rd.simulated {
		return x.play
	}
	return x.cards
}

// named is the journal that a request names, or that of a reader.
func (x *ledgers) named(word string, rd *reader) *ledger {
	switch word {
	case "cards":
		return x.cards
	case "play":
		return x.play
	}
	return x.of(rd)
}

// newLedger puts an index over a journal.
func newLedger(j purse.Journal) *ledger { return &ledger{Journal: j} }

func rowOf(e *purse.Entry) ledgerRow {
	row := ledgerRow{ID: e.ID, Card: e.CardApp, Request: e.Request, Moves: len(e.Moves), Decision: purse.InDoubt, Began: e.Began}
	if len(e.Moves) > 0 {
		row.Signed, row.Kind = e.Moves[0].Signed(), e.Moves[0].Kind
	}
	if o := e.Outcome(); o != nil {
		row.ended(o)
	}
	return row
}

func (r *ledgerRow) ended(o *purse.Outcome) {
	r.Decision, r.Rule, r.Alarms = o.Decision, o.Rule, len(o.Alarms)
	if r.HasTMC = o.Evidence.TMC != nil; r.HasTMC {
		r.TMC = *o.Evidence.TMC
	}
}

// Begin is the journal's.
func (l *ledger) Begin(ctx context.Context, e *purse.Entry) error {
	if err := l.Journal.Begin(ctx, e); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, there := l.at[e.ID]; l.built && !there {
		l.at[e.ID] = len(l.rows)
		l.rows = append(l.rows, rowOf(e))
	}
	return nil
}

// End is the journal's.
func (l *ledger) End(ctx context.Context, id purse.ID, o purse.Outcome, state *purse.CardState) error {
	if err := l.Journal.End(ctx, id, o, state); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, there := l.at[id]; there {
		l.rows[i].ended(&o)
	}
	return nil
}

// build reads the journal once. The lock is held.
func (l *ledger) build(ctx context.Context) error {
	if l.built {
		return nil
	}
	rows, at := []ledgerRow{}, map[purse.ID]int{}
	for e, err := range l.Entries(ctx) {
		if err != nil {
			return &purse.JournalError{Err: err}
		}
		at[e.ID] = len(rows)
		rows = append(rows, rowOf(e))
	}
	l.rows, l.at, l.built = rows, at, true
	return nil
}

// ledgerPick says which entries are wanted.
type ledgerPick struct {
	Open bool
	Text string // of a UID, an ID or a request
}

func (p *ledgerPick) wants(r *ledgerRow) bool {
	if p.Open && !r.Open() {
		return false
	}
	if p.Text == "" {
		return true
	}
	text := strings.ToLower(p.Text)
	return strings.HasPrefix(strings.ToLower(r.Card.UID), text) || strings.Contains(strings.ToLower(r.Request), text) ||
		strings.HasPrefix(r.ID.String(), text) || strings.HasPrefix(entryNo(r.ID), text)
}

// ledgerPage is a page of the entries that are wanted, the newest first.
type ledgerPage struct {
	Rows              []ledgerRow
	Page, Pages       int // from 1
	Found, All, Opens int
}

// rowsPerPage is how many entries a page of the journal shows.
const rowsPerPage = 25

// page is a page of the journal. A number that there is not is the nearest one.
func (l *ledger) page(ctx context.Context, pick ledgerPick, n int) (*ledgerPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	p := &ledgerPage{All: len(l.rows)}
	first := (max(n, 1) - 1) * rowsPerPage
	last := make([]ledgerRow, 0, rowsPerPage) // of the last page
	for i := len(l.rows) - 1; i >= 0; i-- {
		r := &l.rows[i]
		if r.Open() {
			p.Opens++
		}
		if !pick.wants(r) {
			continue
		}
		if p.Found%rowsPerPage == 0 {
			last = last[:0]
		}
		last = append(last, *r)
		if p.Found >= first && len(p.Rows) < rowsPerPage {
			p.Rows = append(p.Rows, *r)
		}
		p.Found++
	}
	p.Pages = max((p.Found+rowsPerPage-1)/rowsPerPage, 1)
	if p.Page = max(n, 1); p.Page > p.Pages {
		p.Page, p.Rows = p.Pages, last
	}
	return p, nil
}

// opens are the entries that are open, the newest first: those of one card, or all
// if uid is empty.
func (l *ledger) opens(ctx context.Context, uid string) (rows []ledgerRow, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	for i := len(l.rows) - 1; i >= 0; i-- {
		if r := &l.rows[i]; r.Open() && (uid == "" || r.Card.UID == uid) {
			rows = append(rows, *r)
		}
	}
	return rows, nil
}

// entryNo is the number of an ID as it is shown: short, and counted up in its journal.
func entryNo(id purse.ID) string { return fmt.Sprintf("%04d", id.Sequence()) }
