package journaltest_test

import (
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/journaltest"
)

// flawed is a journal with one flaw.
type flawed struct {
	purse.Journal
	flaw string
	last *purse.Entry
}

func (f *flawed) Begin(ctx context.Context, e *purse.Entry) error {
	err := f.Journal.Begin(ctx, e)
	if f.flaw == "open entries" && errors.As(err, new(*purse.OpenEntryError)) || f.flaw == "attempts" && errors.As(err, new(*purse.AttemptError)) {
		return nil
	}
	if err == nil && f.flaw == "copies" {
		f.last = e
	}
	return err
}

func (f *flawed) Entry(ctx context.Context, id purse.ID) (*purse.Entry, error) {
	if f.last != nil && f.last.ID == id {
		return f.last, nil
	}
	return f.Journal.Entry(ctx, id)
}

func (f *flawed) Note(ctx context.Context, id purse.ID, p purse.Progress) error {
	if f.flaw == "notes" {
		p.Settlements = nil
	}
	return f.Journal.Note(ctx, id, p)
}

func (f *flawed) End(ctx context.Context, id purse.ID, o purse.Outcome, state *purse.CardState) error {
	if f.flaw == "states" {
		state = nil
	}
	return f.Journal.End(ctx, id, o, state)
}

func (f *flawed) State(ctx context.Context, c purse.CardApp) (*purse.CardState, error) {
	if f.flaw == "context" {
		ctx = context.WithoutCancel(ctx)
	}
	return f.Journal.State(ctx, c)
}

func (f *flawed) Entries(ctx context.Context) iter.Seq2[*purse.Entry, error] {
	return func(yield func(*purse.Entry, error) bool) {
		first := true
		for e, err := range f.Journal.Entries(ctx) {
			if first = f.flaw == "order" && first && err == nil; !first && !yield(e, err) {
				return
			}
		}
	}
}

type flawedPlace string

func (p flawedPlace) Open() (purse.Journal, error) {
	return &flawed{Journal: purse.Memory(nil), flaw: string(p)}, nil
}

func (flawedPlace) Forgets() {}

const flawOf = "JOURNALTEST_FLAW"

// A journal with a flaw does not pass: the test runs itself with one at a time.
func TestFlawed(t *testing.T) {
	if flaw, is := os.LookupEnv(flawOf); is {
		journaltest.Run(t, func(*testing.T) journaltest.Place { return flawedPlace(flaw) })
		return
	}
	for flaw, test := range map[string]string{
		"open entries": "OneOpenEntry", "attempts": "Attempts", "copies": "Copies", "notes": "Notes", "states": "States", "context": "Context", "order": "Order",
	} {
		for _, with := range []string{"", flaw} {
			c := exec.Command(os.Args[0], "-test.run=^TestFlawed$/^"+test+"$")
			c.Env = append(os.Environ(), flawOf+"="+with)
			out, err := c.CombinedOutput()
			var exit *exec.ExitError
			if with == "" && err != nil || with != "" && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				t.Errorf("flaw %q in test %s: %v\n%s", with, test, err, out)
			}
		}
	}
}
