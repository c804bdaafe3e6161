package boltjournal

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/purse"
)

// Options say how a journal is opened. The zero value is that of a terminal.
type Options struct {
	// ReadOnly opens a journal that is there for reading: no file is changed, and what
	// would change it is an error. It may lie where nothing can be written.
	ReadOnly bool
	// Existing: the journal has to be there. Else Open makes it.
	Existing bool
	// NoSync leaves it to the system when what is written becomes durable. It is for
	// measurements: a loss of power can take everything.
	NoSync bool
	// Program is what others are told who has the journal; empty is the name of this program.
	Program string
	// Rand is where generations and IDs come from; nil is crypto/rand.
	Rand io.Reader

	step func(at string) // tests: before each step
}

// Journal is a purse.Journal in a file. Its methods may be called from several
// goroutines.
type Journal struct {
	path    string // as the caller has it
	options Options
	lock    *filelock.Lock // nil where none can be, for reading

	mu       sync.Mutex
	db       *database
	notes    *notes        // nil for reading
	pending  *layer        // what is in the notes and not in db
	sequence uint32        // of the last ID
	reserved uint32        // up to which the notes know of it
	marked   uint64        // how many events db has
	metas    []byte        // the first pages as they were last written
	wake     chan struct{} // closed with the next change
	why      string        // the generation is new
	failed   error         // nothing is written any more
	closed   bool
}

// errReadOnly is what would change a journal that is open for reading.
var errReadOnly = errors.New("boltjournal: the journal is open for reading only")

// errClosed is what a closed journal says.
var errClosed = errors.New("boltjournal: the journal is closed")

// Generation implements purse.Journal.
func (j *Journal) Generation() purse.Generation {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.pending.head.Generation
}

// Renewed says why opening the journal gave it a new generation, or would have if it
// is open for reading only; empty if it did not.
func (j *Journal) Renewed() string { return j.why }

// writing begins a method that writes.
func (j *Journal) writing(ctx context.Context) error {
	j.mu.Lock()
	switch {
	case j.closed:
		return errClosed
	case j.options.ReadOnly:
		return errReadOnly
	case j.failed != nil:
		return j.failed
	}
	return ctx.Err()
}

// reading begins a method that reads.
func (j *Journal) reading(ctx context.Context) error {
	j.mu.Lock()
	if j.closed {
		return errClosed
	}
	return ctx.Err()
}

// fail ends all writing.
func (j *Journal) fail(err error) error {
	if err != nil && j.failed == nil {
		j.failed = &FailedError{j.path, err}
	}
	return j.failed
}

func (j *Journal) step(at string) {
	if j.options.step != nil {
		j.options.step(at)
	}
}

func (j *Journal) random() io.Reader {
	if j.options.Rand != nil {
		return j.options.Rand
	}
	return rand.Reader
}
