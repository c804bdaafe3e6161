package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
)

// issuing makes cards as they are presented, at several readers at once, and
// remembers in a book which is done.
type issuing struct {
	*app
	conf    batch.Config
	count   int
	journal string

	file  *layoutFile
	from  string // the file that the book is named after
	doing string // what is done to a card
	batch *batch.Batch
	began time.Time
	end   context.CancelFunc // of the run

	mu     sync.Mutex
	busy   int            // cards in work
	ending bool           // no further card is begun
	dealt  int            // cards that were presented and are dealt with
	codes  map[string]int // by card, of its last presentation
	stalls map[string]int // by reader, how often its card was lost since it was put there
	said   string         // of the last card that is done, what nobody could prove
	failed []error        // what ended the run
}

func (s *issuing) register(cmd *cobra.Command, book string) {
	fs := cmd.Flags()
	fs.StringVar(&s.conf.Book, "book", "", fmt.Sprintf("`FILE` that remembers which card is done (default that of %s, .book.jsonl)", book))
	fs.StringVar(&s.conf.Results, "results", "", "`FILE` for the results, .csv or JSON lines (default beside the book, .results.csv)")
	fs.IntVar(&s.count, "count", 0, "end after so many cards; 0 goes on")
	keyJournalFlag(cmd, &s.journal)
	_ = cmd.MarkFlagFilename("book", "jsonl")
	_ = cmd.MarkFlagFilename("results", "csv", "jsonl")
}

// with opens the book, and runs f with it.
func (s *issuing) with(cmd *cobra.Command, f func() error) (err error) {
	if s.count < 0 {
		return &usageError{cmd, fmt.Errorf("--count %d: want 0 or more", s.count)}
	}
	if s.conf.Book == "" {
		s.conf.Book = beside(s.from, ".book.jsonl")
	}
	if s.conf.Results == "" {
		s.conf.Results = beside(s.from, ".results.csv")
	}
	if err := s.conf.Perso.Check(); err != nil {
		return err
	}
	journal, done, err := s.keyJournal(s.journal)
	if err != nil {
		return err
	}
	defer done()
	s.conf.Perso.Journal = journal
	s.conf.Program = cmd.CommandPath()
	s.conf.OnRow = s.offered
	if s.batch, err = batch.Open(cmd.Context(), s.conf); err != nil {
		return notOpened(err)
	}
	defer func() { err = errors.Join(err, s.batch.Close()) }()
	return f()
}

// notOpened is the error of a batch that cannot begin.
func notOpened(err error) error {
	var changed *batch.LayoutChangedError
	var row *batch.RowChangedError
	switch {
	case errors.As(err, &row) && row.Line > 0:
		return advise(withCode(exitInput, err), "Put the value back, or take the line from its card: --release %s --why REASON.", quoted(row.Row))
	case errors.As(err, &changed):
		return advise(withCode(exitInput, fmt.Errorf("%s was begun with another layout, or with this one before it was changed", changed.Book)),
			"Cards that are done stay as they are: --new-layout makes the others by this layout. --book FILE begins another book.")
	case exitCode(context.Background(), err) == exitRefused:
		return withCode(exitInput, err)
	}
	return err
}

// run makes cards until all are done, or enough, or ctx ends.
func (s *issuing) run(cmd *cobra.Command, question string) error {
	s.began = time.Now()
	if s.over() && s.batch.Status().Failed == 0 {
		return s.summary()
	}
	p, err := s.places(cmd)
	if err != nil {
		return err
	}
	if err := s.confirm(cmd, question); err != nil {
		return err
	}
	if !s.json {
		s.log.Info("Present one card after the other; Ctrl-C ends.", "reader", p.Name)
	}
	return s.serve(cmd.Context(), p)
}

// serve makes the cards that are presented at a place. When ctx ends, those in work
// are finished first.
func (s *issuing) serve(ctx context.Context, p *place.Place) error {
	var serving context.Context
	serving, s.end = context.WithCancel(context.WithoutCancel(ctx))
	defer s.end()
	stop := context.AfterFunc(ctx, func() { s.finish(true) })
	defer stop()
	go func() {
		select {
		case <-s.console.Failed():
			s.finish(false)
		case <-serving.Done():
		}
	}()
	s.began, s.codes, s.stalls = time.Now(), map[string]int{}, map[string]int{}
	conf := &desfire.ServeConfig{Config: s.config(), OnEvent: s.event, OnError: s.unopened}
	err := desfire.Serve(serving, tappedSource{p, s.app}, conf, s.card)
	return errors.Join(append(s.failed, err, s.summary())...)
}

// over reports whether no line is left that a card could get or has and is not done.
func (s *issuing) over() bool {
	st := s.batch.Status()
	return st.Rows > 0 && st.Free == 0 && st.Bound == 0
}

// finish begins no further card, and ends the run after those in work.
func (s *issuing) finish(say bool) {
	s.mu.Lock()
	s.ending = true
	busy := s.busy
	s.mu.Unlock()
	switch {
	case busy == 0:
		s.end()
	case say:
		s.log.Warn("Ending after the card; Ctrl-C again ends at once.")
	}
}

// enter begins with a card; false if none is wanted.
func (s *issuing) enter(reader string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || s.stalls[reader] > maxStalls {
		return false
	}
	s.busy++
	return true
}

// leave ends with a card.
func (s *issuing) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy--; s.ending && s.busy == 0 {
		s.end()
	}
}

// card works with a card that is presented. ctx ends when it leaves.
func (s *issuing) card(ctx context.Context, card *desfire.Card) {
	reader := card.Reader()
	if !s.enter(reader) {
		return
	}
	defer s.leave()
	if !s.wanted(card.UID()) {
		if !s.json {
			s.log.Info(fmt.Sprintf("Left alone: %v", card), "reader", reader)
		}
		return
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	for range presentRetries {
		r, err := s.batch.Card(ctx, card, reader)
		err = s.notInTime(ctx, err)
		s.tell(cardOfCard(card), r, err)
		lost := r.Outcome == batch.HalfDone || r.Outcome == batch.Untouched
		if !lost || !desfire.Lost(err) || ctx.Err() != nil {
			return
		}
		// It lies there still: a card that lost its power for a moment goes on.
		select {
		case <-time.After(presentPause):
		case <-ctx.Done():
			return
		}
		if card.Reconnect(ctx) != nil {
			return // where it has left it is presented again
		}
	}
}

// event tells of what happens besides cards.
func (s *issuing) event(ev desfire.Event) {
	if ev.Kind == desfire.CardInserted || ev.Kind == desfire.CardRemoved {
		s.mu.Lock()
		delete(s.stalls, ev.Reader)
		s.mu.Unlock()
	}
	tellEvent(s.app, ev)
}

// unopened tells of a card that could not be connected to.
func (s *issuing) unopened(ev desfire.Event, err error) {
	if ev.Kind != desfire.CardInserted || !s.enter(ev.Reader) {
		return
	}
	defer s.leave()
	s.tell(cardOf{Reader: ev.Reader}, batch.Result{Reader: ev.Reader, Outcome: batch.Untouched, Time: time.Now()}, err)
}
