// Package journaltest checks that a journal of a purse is one.
//
// Run makes journals, breaks off where a program would be killed or a machine would
// lose its power, and compares what is there afterwards with what was written. It
// tells nothing about speed.
package journaltest

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

// Place is where one journal is kept. It is for one test.
type Place interface {
	// Open opens the journal, and makes it the first time. A journal that is there is not
	// open.
	Open() (purse.Journal, error)
}

// Killer is a Place of journals that outlive their process.
type Killer interface {
	Place
	// Kill ends the use of an open journal as SIGKILL ends a process: nothing of it runs any
	// more, and everything that was written is there.
	Kill(j purse.Journal) error
}

// PowerCutter is a Place of journals that outlive a loss of power.
type PowerCutter interface {
	Place
	// CutPower ends the use of an open journal as a loss of power does: what was
	// written and is not durable may be there, in part or not at all.
	CutPower(j purse.Journal) error
}

// Forgetful is a Place of journals that end with Close.
type Forgetful interface {
	Place
	Forgets()
}

// Run checks a journal, and the log of its changes if it is a purse.ChangeLog. place makes a new place for each test.
func Run(t *testing.T, place func(t *testing.T) Place) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s *suite)
	}{
		{"NewID", newID},
		{"Order", inOrder},
		{"Refusals", refusals},
		{"OneOpenEntry", oneOpenEntry},
		{"Attempts", attempts},
		{"Notes", notes},
		{"Amendments", amendments},
		{"States", states},
		{"Copies", copies},
		{"Strings", strangeStrings},
		{"Big", big},
		{"Loop", loop},
		{"Context", contexts},
		{"Closed", closed},
		{"Several", several},
		{"Reopened", reopened},
		{"Killed", killed},
		{"PowerCut", powerCut},
		{"Random", random},
		{"Changes", changes},
		{"Findings", findings},
		{"Marks", marks},
		{"Forget", forget},
		{"Numbers", numbers},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &suite{T: t, place: place(t), ctx: context.Background()}
			s.open()
			test.run(t, s)
			if s.Journal != nil {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
		})
	}
}

// suite is one test and its journal.
type suite struct {
	*testing.T
	purse.Journal
	place Place
	ctx   context.Context //nolint:containedctx // of one test
	model model
}

// open opens the journal, and compares it with what was written.
func (s *suite) open() {
	s.Helper()
	j, err := s.place.Open()
	if err != nil {
		s.Fatalf("Open: %v", err)
	}
	s.Journal = j
}

// reopen closes the journal and opens it again.
func (s *suite) reopen() {
	s.Helper()
	if err := s.Close(); err != nil {
		s.Fatalf("Close: %v", err)
	}
	s.open()
}

// must ends the test where a call failed.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
