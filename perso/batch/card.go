package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
)

// Card makes a presented card what its row says, or finishes one that was begun, and
// tells what became of it. A card that is done, or is not for this batch, is left alone.
// reader names the reader, for people.
//
// An error comes with HalfDone and Untouched: why the card was lost; and with any outcome
// where the batch does not go on (a *StoppedError) or the results could not be written (a
// *ResultsError). Where ctx ends, the card is left where it is.
func (b *Batch) Card(ctx context.Context, card *desfire.Card, reader string) (Result, error) {
	begun := b.conf.Now()
	m := &making{b: b, card: card, result: Result{Reader: reader, Outcome: Untouched}}
	err := b.enter(begun)
	if err == nil {
		defer b.running.Done()
		err = m.run(ctx)
	}
	if stopped := b.journals.err(); stopped != nil {
		b.stop(stopped)
		err = errors.Join(&StoppedError{stopped}, err)
	}
	m.result.Time = b.conf.Now()
	m.result.Duration = m.result.Time.Sub(begun)
	return m.result, err
}

func (b *Batch) enter(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped != nil {
		return &StoppedError{b.stopped}
	}
	if b.first.IsZero() {
		b.first = now
	}
	b.running.Add(1)
	return nil
}

func (b *Batch) stop(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped == nil {
		b.stopped = why
	}
}

// making is one presentation of a card.
type making struct {
	b      *Batch
	card   *desfire.Card
	result Result

	row    *Row   // nil without a table
	entry  *Entry // a copy; nil while the card is not bound
	layout *perso.Layout
	conf   perso.Config
	idle   bool // nothing had to be done
}

func (m *making) end(o Outcome, reasons ...string) error {
	m.result.Outcome, m.result.Reasons = o, reasons
	return nil
}

func (m *making) run(ctx context.Context) error {
	conf := m.b.conf.Perso
	id, err := perso.Identify(ctx, m.card, m.b.common, &conf)
	if err != nil {
		return err
	}
	m.result.UID, m.result.Proved = id.UID, id.Proved
	m.conf = conf
	m.conf.Journal = m.b.journals.of(id.UID.String())
	m.conf.OnStep = m.step

	mine, err := m.claim()
	if err != nil || !mine {
		return err
	}
	defer m.letGo()
	if m.layout, err = m.b.layoutOf(m.row); err != nil {
		return err
	}
	plan, err := perso.NewPlan(ctx, m.card, m.layout, &m.conf)
	if err != nil {
		return m.failed(ctx, err)
	}
	if keystore.UID(plan.UID) != id.UID {
		return m.failed(ctx, &perso.WrongCardError{Want: id.UID.String(), Is: keystore.UID(plan.UID).String()})
	}
	if reasons := m.held(plan); len(reasons) > 0 {
		if m.entry == nil {
			m.result.Row = ""
		}
		return m.end(Unfit, reasons...)
	}
	if reasons := m.unfit(plan); len(reasons) > 0 {
		if m.entry != nil {
			return m.write(Failed, reasons)
		}
		m.result.Row = ""
		return m.end(Unfit, reasons...)
	}
	if declined := m.offer(plan); declined != nil {
		return m.end(Declined, declined.Error())
	}
	if m.entry == nil {
		m.idle = len(plan.Steps) == 0
		if err := m.bind(); err != nil {
			return err
		}
	}
	if err := plan.Apply(ctx, m.card, &m.conf); err != nil {
		return m.failed(ctx, err)
	}
	return m.verify(ctx)
}

func (m *making) step(p perso.Progress) {
	if m.b.conf.OnStep != nil {
		m.b.conf.OnStep(Step{m.result.UID, m.result.Reader, m.result.Row, p})
	}
}

// offer asks whether the card may be made.
func (m *making) offer(plan *perso.Plan) error {
	if m.b.conf.OnRow == nil {
		return nil
	}
	o := Offer{UID: m.result.UID, Proved: m.result.Proved, Reader: m.result.Reader, Row: m.result.Row, Begun: m.entry != nil, Plan: plan}
	if m.row != nil {
		o.Values = m.b.conf.Table.Values(*m.row)
	}
	return m.b.conf.OnRow(o)
}

// claim finds out which row the card has or is to have, and keeps others from both.
// false means that there is nothing to do.
func (m *making) claim() (bool, error) {
	b, uid := m.b, m.result.UID
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped != nil { // while the card was being identified
		return false, &StoppedError{b.stopped}
	}
	if reader, busy := b.work[uid]; busy {
		return false, m.end(Busy, fmt.Sprintf("a card that says it is %v is on reader %s", uid, reader))
	}
	if b.conf.Rotate != nil {
		if reason := b.unready(uid); reason != "" {
			return false, m.end(Unfit, reason)
		}
	}
	if e := b.book.in(b.to()).of(uid); e != nil {
		m.result.Row, m.result.Keys = e.Row, e.Keys
		if e.State == Made {
			return false, m.end(Already)
		}
		kept := *e
		m.entry = &kept
		if b.conf.Table != nil {
			m.row = b.conf.Table.byName[e.Row]
		}
	} else if b.conf.Table != nil {
		row, reason := b.freeRow(uid)
		if row == nil {
			return false, m.end(NoRow, reason)
		}
		m.row, m.result.Row = row, row.Name
		b.reserved[m.row.Name] = true
	} else if b.conf.Rotate != nil {
		if made := b.book.making.of(uid); made != nil {
			m.result.Row = made.Row
		}
	}
	b.work[uid] = m.result.Reader
	return true, nil
}

// letGo lets others have the card, and its row if it did not get one.
func (m *making) letGo() {
	b := m.b
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.work, m.result.UID)
	if m.row != nil {
		delete(b.reserved, m.row.Name)
	}
}

// freeRow is the row that is for a card, or the first that is free, or why there is
// none.
func (b *Batch) freeRow(uid keystore.UID) (*Row, string) {
	t, rows := b.conf.Table, b.book.making.byRow
	if t.uid >= 0 {
		row := t.byUID[uid]
		switch {
		case row == nil:
			return nil, "the table has no row for this card"
		case rows[row.Name] != nil:
			return nil, fmt.Sprintf("its row %q was given to card %v", row.Name, rows[row.Name].UID)
		}
		return row, ""
	}
	for b.next < len(t.rows) && rows[t.rows[b.next].Name] != nil {
		b.next++
	}
	for i := b.next; i < len(t.rows); i++ {
		row := &t.rows[i]
		if rows[row.Name] == nil && !b.reserved[row.Name] {
			return row, ""
		}
	}
	if len(b.reserved) > 0 {
		return nil, "the last rows are in use on other readers"
	}
	return nil, "all rows of the table are taken"
}

// unfit says why a card cannot be made, or may not.
func (m *making) unfit(plan *perso.Plan) (reasons []string) {
	for _, n := range plan.Impossible {
		reasons = append(reasons, n.String())
	}
	if len(reasons) > 0 {
		return reasons
	}
	if m.b.conf.Rotate != nil {
		return m.strange()
	}
	if m.entry != nil || m.b.conf.Used || m.row != nil && m.row.UID != "" {
		return nil
	}
	return used(m.layout, plan)
}

// held says what of a plan can never be undone and was not asked for: the card would not
// become what its layout says.
func (m *making) held(plan *perso.Plan) (reasons []string) {
	if m.b.conf.Rotate != nil {
		return nil
	}
	for _, n := range plan.Held {
		reasons = append(reasons, n.String())
	}
	return reasons
}

// bind gives the card its row, for good.
func (m *making) bind() error {
	b := m.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped != nil {
		return &StoppedError{b.stopped}
	}
	l := &line{UID: m.result.UID.String(), To: b.to(), State: Bound, Proved: m.result.Proved, Time: b.conf.Now()}
	if m.result.Row != "" {
		l.Row = &m.result.Row
	}
	if m.row != nil {
		l.Columns = map[string]string{}
		for _, c := range b.used {
			l.Columns[c] = b.book.mark(c, m.row.values[b.conf.Table.columnOf(c)])
		}
	}
	if err := b.write(l); err != nil {
		return err
	}
	kept := *b.book.in(b.to()).of(m.result.UID)
	m.entry = &kept
	return nil
}
