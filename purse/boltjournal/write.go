package boltjournal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/go-desfire/desfire/purse"
)

// maxPending is how much is kept in the notes before it goes into the database
// without a Begin.
const maxPending = 1 << 20

// reserve is how many IDs the notes know of before they are made.
const reserve = 256

// NewID implements purse.Journal.
func (j *Journal) NewID(ctx context.Context) (purse.ID, error) {
	defer j.mu.Unlock()
	if err := j.writing(ctx); err != nil {
		return purse.ID{}, err
	}
	if j.sequence == 1<<32-1 {
		return purse.ID{}, errors.New("boltjournal: there are no numbers left for new IDs: begin a new journal")
	}
	var random [6]byte
	if _, err := io.ReadFull(j.random(), random[:]); err != nil {
		return purse.ID{}, j.fail(fmt.Errorf("no randomness: %w", err))
	}
	if j.sequence >= j.reserved {
		j.reserved = j.sequence + min(reserve, 1<<32-1-j.sequence)
		j.step("reserve")
		if err := j.mark(); err != nil {
			return purse.ID{}, j.fail(err)
		}
	}
	j.sequence++
	return purse.NewID(j.pending.head.Generation, j.sequence, random), nil
}

// mark writes the head of the notes: what the database is now.
func (j *Journal) mark() error {
	id, err := identity(j.db.file)
	if err != nil {
		return err
	}
	h := &j.pending.head
	return j.notes.mark(notesHead{Generation: h.Generation, Opens: h.Opens, Revision: j.marked, Sequence: j.reserved, Database: id})
}

// Begin implements purse.Journal: one synced transaction.
func (j *Journal) Begin(ctx context.Context, e *purse.Entry) error {
	defer j.mu.Unlock()
	if err := j.writing(ctx); err != nil {
		return err
	}
	if err := e.CheckBegin(); err != nil {
		return err
	}
	l := j.pending.child()
	v := &event{Revision: l.head.Revision + 1, Begin: e}
	encoded, err := v.encode()
	if err != nil {
		return err
	}
	if err := l.apply(v, encoded); err != nil {
		return j.refused(err)
	}
	if err := j.fail(j.commit(l)); err != nil {
		return err
	}
	j.changed()
	return nil
}

// commit puts a layer into the database, durably, and begins the notes anew.
func (j *Journal) commit(l *layer) error {
	if err := j.stillOurs(); err != nil {
		return err
	}
	if err := j.put(l); err != nil {
		return err
	}
	if err := j.mark(); err != nil {
		return err
	}
	j.notes.at = notesHeadSize
	j.step("marked")
	return nil
}

// put puts a layer into the database.
func (j *Journal) put(l *layer) error {
	l.head.Sequence = j.sequence
	j.step("commit")
	if err := j.db.update(l.write); err != nil {
		return err
	}
	j.step("committed")
	j.pending = newLayer(j.db, l.head)
	j.db.first = false
	j.marked = l.head.Revision
	var err error
	j.metas, err = readMetas(j.db.file)
	return err
}

// readMetas reads the pages that each transaction writes one of.
func readMetas(f *os.File) ([]byte, error) {
	b := make([]byte, 2*pageSize)
	_, err := f.ReadAt(b, 0)
	return b, err
}

// stillOurs makes sure that nobody replaced the files or wrote over the database:
// what is added to them would be lost.
func (j *Journal) stillOurs() error {
	for name, f := range map[string]*os.File{j.db.file.Name(): j.db.file, j.notes.f.Name(): j.notes.f} {
		mine, err := f.Stat()
		if err != nil {
			return err
		}
		there, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("it was taken away while it was open: %w", err)
		}
		if !os.SameFile(mine, there) {
			return fmt.Errorf("%s was replaced while it was open", name)
		}
	}
	now, err := readMetas(j.db.file)
	if err == nil && string(now) != string(j.metas) {
		err = fmt.Errorf("%s was written over while it was open", j.path)
	}
	return err
}

// write adds an event to the notes.
func (j *Journal) write(ctx context.Context, v *event) error {
	defer j.mu.Unlock()
	if err := j.writing(ctx); err != nil {
		return err
	}
	l := j.pending.child()
	v.Revision = l.head.Revision + 1
	encoded, err := v.encode()
	if err != nil {
		return err
	}
	if err := l.apply(v, encoded); err != nil {
		return j.refused(err)
	}
	j.step("append")
	if err := j.notes.append(v.Revision, encoded); err != nil {
		return j.fail(err)
	}
	j.step("appended")
	j.pending.take(l)
	if v.Keep == nil && v.Mark == nil {
		j.changed()
	}
	if j.pending.size > maxPending {
		return j.fail(j.commit(j.pending))
	}
	return nil
}

// refused returns why an event cannot be. A database that is found damaged is not written to any more.
func (j *Journal) refused(err error) error {
	if errors.As(err, new(*DamagedError)) {
		return j.fail(err)
	}
	return err
}

// Note implements purse.Journal.
func (j *Journal) Note(ctx context.Context, id purse.ID, p purse.Progress) error {
	return j.write(ctx, &event{Note: &note{id, p}})
}

// End implements purse.Journal.
func (j *Journal) End(ctx context.Context, id purse.ID, o purse.Outcome, state *purse.CardState) error {
	return j.write(ctx, &event{End: &end{id, o, state}})
}

// Keep implements purse.Journal.
func (j *Journal) Keep(ctx context.Context, state *purse.CardState) error {
	if err := state.Check(); err != nil {
		return err
	}
	return j.write(ctx, &event{Keep: state})
}
