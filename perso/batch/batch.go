package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
)

// Batch makes cards from a table. Its methods may be called from several goroutines: one
// for each reader.
type Batch struct {
	conf     Config
	common   *perso.Layout // what all cards have in common
	used     []string      // columns of the table that are marked in the book
	journals *journals
	running  sync.WaitGroup

	mu       sync.Mutex
	book     *Book
	results  *results
	stopped  error
	work     map[keystore.UID]string // cards that are being made: their reader
	reserved map[string]bool         // rows that are tried for a card
	next     int                     // no row before this one is free
	here     []time.Time             // when cards were done
	first    time.Time               // when the first card came
	count    int
}

// Open opens a batch, and finds what is wrong before any card is there: columns that are
// missing, rows of which no card can be made, rows that cards have and that were changed,
// another layout, a book that another program has.
func Open(ctx context.Context, conf Config) (_ *Batch, err error) {
	if conf.Layouts == nil || conf.Book == "" {
		return nil, errors.New("batch: a layout and a book are required")
	}
	if conf.Now == nil {
		conf.Now = time.Now
	}
	conf.Perso.OnStep, conf.Perso.Save = nil, nil
	if conf.Rotate != nil {
		conf.Table, conf.Perso.Prune, conf.Perso.Irreversible = nil, false, nil
	}
	conf.Perso.Rotate = conf.Rotate != nil
	conf.Program = cmp.Or(conf.Program, filepath.Base(os.Args[0]))
	b := &Batch{conf: conf, work: map[keystore.UID]string{}, reserved: map[string]bool{}}
	if b.common, err = conf.Layouts.Layout(nil); err != nil {
		return nil, err
	}
	if err := b.common.Check(); err != nil {
		return nil, err
	}
	if conf.Rotate == nil {
		if err := b.checkTable(ctx); err != nil {
			return nil, err
		}
	}
	if b.journals, err = newJournals(ctx, conf.Perso.Journal); err != nil {
		return nil, err
	}
	if b.book, err = openBook(conf.Book, conf.Program); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = b.Close()
		}
	}()
	if err := b.checkBook(); err != nil {
		return nil, err
	}
	if conf.Results != "" {
		if err := b.apart(); err != nil {
			return nil, err
		}
		if b.results, err = openResults(conf.Results, b.book, b.to()); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Close ends the work with the book, once all calls of Card have returned.
func (b *Batch) Close() error {
	b.mu.Lock()
	if b.stopped == nil {
		b.stopped = errClosed
	}
	b.mu.Unlock()
	b.running.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.results != nil {
		b.results.close()
	}
	return b.book.close()
}

func (b *Batch) to() *byte {
	if b.conf.Rotate == nil {
		return nil
	}
	return &b.conf.Rotate.To
}

// apart refuses results that would replace the book.
func (b *Batch) apart() error {
	book, err := os.Stat(b.conf.Book)
	if err != nil {
		return err
	}
	if results, err := os.Stat(b.conf.Results); err == nil && os.SameFile(book, results) {
		return errors.New("batch: book and results are one file: give them different names")
	}
	return nil
}

// checkTable finds what no card could be made of.
func (b *Batch) checkTable(ctx context.Context) error {
	t := b.conf.Table
	needs := b.conf.Layouts.Columns()
	if t == nil {
		if len(needs) > 0 {
			return fmt.Errorf("batch: the layout needs a table with columns %s", quoted(needs))
		}
		return nil
	}
	var missing []string
	for _, c := range needs {
		if t.columnOf(c) < 0 {
			missing = append(missing, c)
		}
	}
	if len(missing) > 0 {
		return &ColumnsError{t.file, missing, t.columns}
	}
	if b.used = needs; t.name < 0 {
		b.used = t.columns
	}
	if t.uid >= 0 && !slices.Contains(b.used, t.columns[t.uid]) {
		b.used = append(slices.Clone(b.used), t.columns[t.uid])
	}
	var errs []error
	for i := range t.rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := b.layoutOf(&t.rows[i]); err != nil {
			errs = append(errs, err)
		}
		if len(errs) == maxErrors {
			break
		}
	}
	return errors.Join(errs...)
}

// maxErrors is how many errors of one kind are told.
const maxErrors = 10

// layoutOf is what the card of a row should be; a nil row is that of all cards.
func (b *Batch) layoutOf(r *Row) (*perso.Layout, error) {
	if r == nil {
		return b.common, nil
	}
	l, err := b.conf.Layouts.Layout(b.conf.Table.Values(*r))
	if err == nil {
		err = l.Check()
	}
	if err != nil {
		return nil, &RowError{b.conf.Table.file, r.Line, r.Name, err}
	}
	return l, nil
}

// checkBook finds out whether the book belongs to layout and table.
func (b *Batch) checkBook() error {
	k, t := b.book, b.conf.Table
	names, uids := "", ""
	if t != nil && t.name >= 0 {
		names = t.columns[t.name]
	}
	if t != nil && t.uid >= 0 {
		uids = t.columns[t.uid]
	}
	hash := b.conf.Layouts.Hash()
	switch {
	case k.layout == "":
		return k.begin(hash, names, uids, b.conf.Now())
	case b.conf.Rotate != nil:
		return nil
	case k.names != names:
		return &BookError{Book: k.path, Err: fmt.Errorf("its rows are named by %s, and now by %s", byColumn(k.names, "their number"), byColumn(names, "their number"))}
	case k.uids != uids:
		return &BookError{Book: k.path, Err: fmt.Errorf("it was begun with cards named by %s, and now they are named by %s", byColumn(k.uids, "no column"), byColumn(uids, "no column"))}
	}
	if err := b.checkRows(); err != nil {
		return err
	}
	if k.layout == hash {
		return nil
	}
	if !b.conf.NewLayout {
		return &LayoutChangedError{k.path}
	}
	return k.goOn(hash, b.conf.Now())
}

func byColumn(name, none string) string {
	if name == "" {
		return none
	}
	return fmt.Sprintf("column %q", name)
}

// checkRows compares the rows that cards have with the table.
func (b *Batch) checkRows() error {
	t := b.conf.Table
	var errs []error
	there, entries := 0, b.book.Entries()
	for i := range entries {
		e := &entries[i]
		if (t != nil) != e.hasRow {
			return &BookError{Book: b.book.path, Err: errors.New("it was begun with a table and is used without one, or the other way round")}
		}
		if t == nil {
			continue
		}
		gone := t.byName[e.Row] == nil
		if !gone {
			there++
		}
		if err := b.checkRow(e); err != nil && e.Row != b.conf.Releasing {
			errs = append(errs, err)
		}
		if len(errs) == maxErrors {
			break
		}
	}
	if t != nil && len(entries) > 0 && there == 0 && len(errs) == 0 {
		return &BookError{Book: b.book.path, Err: fmt.Errorf("none of its rows is in %s: is it the book of another table?", t.file)}
	}
	return errors.Join(errs...)
}

// checkRow compares one row with what it was when a card got it.
func (b *Batch) checkRow(e *Entry) error {
	t := b.conf.Table
	row := t.byName[e.Row]
	if row == nil {
		if e.State == Made {
			return nil
		}
		return &RowChangedError{t.file, 0, e.Row, "", e.UID, "it is gone, and its card is not finished"}
	}
	seen := 0
	for at, column := range t.columns {
		mark, ok := e.columns[column]
		if !ok {
			continue
		}
		if seen++; b.book.mark(column, row.values[at]) != mark {
			return &RowChangedError{t.file, row.Line, e.Row, column, e.UID, "the value was changed after a card got the row"}
		}
	}
	if seen == len(e.columns) || t.name >= 0 {
		return nil
	}
	for column := range e.columns {
		if t.columnOf(column) < 0 {
			return &RowChangedError{t.file, row.Line, e.Row, column, e.UID, "the column is gone"}
		}
	}
	return nil
}

// Status tells how far the batch is.
func (b *Batch) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	var s Status
	for _, e := range b.book.in(b.to()).byUID {
		switch e.State {
		case Made:
			s.Made++
		case Broken:
			s.Failed++
		default:
			s.Bound++
		}
	}
	if t := b.conf.Table; t != nil {
		s.Rows, s.Free = len(t.rows), len(t.rows)
		for name := range b.book.making.byRow {
			if t.byName[name] != nil {
				s.Free--
			}
		}
	}
	s.Here = b.count
	since := b.first
	if len(b.here) == lately {
		since = b.here[0]
	}
	if n := len(b.here); n > 0 {
		if over := b.conf.Now().Sub(since); over > 0 {
			s.PerHour = float64(n) / over.Hours()
			s.Left = time.Duration(float64(s.Free) / s.PerHour * float64(time.Hour))
		}
	}
	return s
}

// lately is how many cards the rate is of.
const lately = 20

// Release takes a row away from the card that has it: one that is broken or lost. The row is
// free for another card then, and the card is one that the book does not know. The
// reason is kept in the book.
func (b *Batch) Release(row, reason string) error {
	if reason == "" {
		return errors.New("batch: say why the row is released")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped != nil {
		return &StoppedError{b.stopped}
	}
	if b.conf.Rotate != nil {
		return errors.New("batch: a rotation gives no rows")
	}
	e := b.book.making.byRow[row]
	if e == nil {
		return fmt.Errorf("batch: no card has row %q", row)
	}
	if reader, busy := b.work[e.UID]; busy {
		return fmt.Errorf("batch: the card of row %q is being made on reader %s", row, reader)
	}
	if err := b.write(&line{UID: e.UID.String(), State: Released, Words: reason, Time: b.conf.Now()}); err != nil {
		return err
	}
	b.next = 0
	if b.results != nil {
		return b.results.renew(b.book)
	}
	return nil
}

// write makes a line part of the book. After an error nothing goes on.
func (b *Batch) write(l *line) error {
	err := b.book.write(l)
	if err != nil {
		b.stopped = err
		return &StoppedError{err}
	}
	return nil
}
