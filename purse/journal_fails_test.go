package purse_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

var errJournal = errors.New("the disk is full")

// failing is a journal that fails from a call on, or, with once, at that call only.
type failing struct {
	purse.Journal
	at, calls int
	once      bool
	told      func(call int)
}

func (f *failing) fail() error {
	f.calls++
	if f.told != nil {
		f.told(f.calls)
	}
	if f.calls == f.at || !f.once && f.at > 0 && f.calls > f.at {
		return errJournal
	}
	return nil
}

func (f *failing) NewID(ctx context.Context) (purse.ID, error) {
	if err := f.fail(); err != nil {
		return purse.ID{}, err
	}
	return f.Journal.NewID(ctx)
}

func (f *failing) Begin(ctx context.Context, e *purse.Entry) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Journal.Begin(ctx, e)
}

func (f *failing) Note(ctx context.Context, id purse.ID, p purse.Progress) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Journal.Note(ctx, id, p)
}

func (f *failing) End(ctx context.Context, id purse.ID, o purse.Outcome, s *purse.CardState) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Journal.End(ctx, id, o, s)
}

func (f *failing) Keep(ctx context.Context, s *purse.CardState) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Journal.Keep(ctx, s)
}

func (f *failing) Entry(ctx context.Context, id purse.ID) (*purse.Entry, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Journal.Entry(ctx, id)
}

func (f *failing) Request(ctx context.Context, r string) (*purse.Entry, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Journal.Request(ctx, r)
}

func (f *failing) Open(ctx context.Context, c purse.CardApp) (*purse.Entry, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Journal.Open(ctx, c)
}

func (f *failing) State(ctx context.Context, c purse.CardApp) (*purse.CardState, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Journal.State(ctx, c)
}

func (f *failing) Entries(ctx context.Context) iter.Seq2[*purse.Entry, error] {
	if err := f.fail(); err != nil {
		return func(yield func(*purse.Entry, error) bool) { yield(nil, err) }
	}
	return f.Journal.Entries(ctx)
}

// entries are those of the journal behind.
func (f *failing) entries(t testing.TB) (all []*purse.Entry) {
	t.Helper()
	for e, err := range f.Journal.Entries(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// A journal fails at each call, for good or once, with and without a fault of the card: what a call
// says is true, and the same request in the end is made once.
func TestJournalFailsAtEachCall(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct{ tmac, slot bool }{{}, {slot: true}, {true, true}} {
		for _, ins := range []byte{0, wire.InsDebit, wire.InsCommitTransaction} {
			for _, once := range []bool{true, false} {
				for at := 1; ; at++ {
					b := newBench(t, wire.EV3, x.tmac, x.slot, false)
					j := &failing{Journal: b.conf.Journal, at: at, once: once}
					b.conf.Journal = j
					what := fmt.Sprintf("%+v, refused %02X, once %v, call %d", x, ins, once, at)
					p := b.open(t)
					refused := false
					card := b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
						answer, err := card()
						if command[1] == ins && !refused {
							refused = true
							return []byte{0x91, 0xEE}, nil // forged
						}
						return answer, err
					})
					r, err := p.Debit(ctx, card, purse.Request{ID: "x", Amount: 10})
					checkSaid(t, what, b, j, r, err)
					calls := j.calls
					j.at = 0
					for range 2 {
						r, err = p.Debit(ctx, b.connect(t), purse.Request{ID: "x", Amount: 10})
						if err != nil || r.Decision() != purse.Happened || b.value(t) != 490 {
							t.Errorf("%s: again: %v, value %d", what, err, b.value(t))
						}
					}
					if calls < at {
						break
					}
				}
			}
		}
	}
}

// A context ends at each frame, and at each call of the journal.
func TestContextEndsAnywhere(t *testing.T) {
	for _, x := range []struct{ tmac, slot bool }{{}, {slot: true}, {true, true}} {
		for _, heard := range []bool{true, false} {
			for _, inJournal := range []bool{true, false} {
				for at := 1; ; at++ {
					what := fmt.Sprintf("%+v, heard %v, journal %v, at %d", x, heard, inJournal, at)
					b := newBench(t, wire.EV3, x.tmac, x.slot, false)
					j := &failing{Journal: b.conf.Journal}
					b.conf.Journal = j
					p := b.open(t)
					ctx, cancel := context.WithCancel(context.Background())
					frames := -1 << 20 // those of Connect do not count
					card := b.tapped(t, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
						if frames++; !inJournal && frames == at {
							cancel()
							if !heard {
								return nil, ctx.Err()
							}
						}
						return card()
					})
					frames = 0
					j.told = func(call int) {
						if inJournal && call == at {
							cancel()
						}
					}
					r, err := p.Debit(ctx, card, purse.Request{ID: "x", Amount: 10})
					ended := ctx.Err() != nil
					cancel()
					checkSaid(t, what, b, j, r, err)
					j.told = nil
					for _, card := range []*desfire.Card{card, b.connect(t)} {
						r, err = p.Debit(context.Background(), card, purse.Request{ID: "x", Amount: 10})
						var doubt *purse.InDoubtError
						if err == nil && (r.Decision() != purse.Happened || b.value(t) != 490) || err != nil && !errors.As(err, &doubt) && !desfire.Lost(err) {
							t.Errorf("%s: again: %v, value %d", what, err, b.value(t))
						}
					}
					if err != nil {
						t.Errorf("%s: with a new connection: %v", what, err)
					}
					if !ended {
						break
					}
				}
			}
		}
	}
}

// checkSaid compares what a first debit of 10 said with the card and the journal.
func checkSaid(t testing.TB, what string, b *bench, j *failing, r *purse.Receipt, err error) {
	t.Helper()
	moved := b.value(t) == 490
	var not *purse.DidNotError
	var doubt *purse.InDoubtError
	known := r
	switch {
	case r == nil && err == nil:
		t.Errorf("%s: nothing", what)
		return
	case errors.As(err, &not):
		known = not.Receipt
	case errors.As(err, &doubt):
		known = doubt.Receipt
	}
	switch {
	case known == nil && (moved || len(j.entries(t)) > 0):
		t.Errorf("%s: %v, as if nothing had begun; the card holds %d, %d entries", what, err, b.value(t), len(j.entries(t)))
	case known != nil && (known.Decision() == purse.Happened && !moved || known.Decision() == purse.DidNot && moved):
		t.Errorf("%s: %v, and the card holds %d: %v", what, known.Decision(), b.value(t), err)
	case err == nil && known.Decision() != purse.Happened:
		t.Errorf("%s: no error, and %v", what, known.Decision())
	}
}

// A journal that fails ends a drain and an order, and what is known is counted.
func TestKeepEndsWithTheJournal(t *testing.T) {
	for _, ins := range []byte{0, wire.InsDebit, wire.InsCommitTransaction} {
		for _, once := range []bool{true, false} {
			for at := 1; ; at++ {
				var j *failing
				keep := func(step func(*bench) desfire.Step) (*bench, error) {
					b := newBench(t, wire.EV3, true, true, false)
					j = &failing{Journal: b.conf.Journal, at: at, once: once}
					b.conf.Journal = j
					lied := 0
					source := &field{b.picc, func(command []byte, card func() ([]byte, error)) ([]byte, error) {
						answer, err := card()
						if command[1] == ins && lied < 2 {
							lied++
							return []byte{0x91, 0xEE}, nil
						}
						return answer, err
					}}
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					waits := 0
					err := desfire.Keep(ctx, source, &desfire.KeepConfig{After: func(d time.Duration) <-chan time.Time {
						if waits++; waits > 50 {
							cancel()
						}
						return atOnce(d)
					}}, step(b))
					if ctx.Err() != nil {
						t.Errorf("refused %02X, once %v, call %d: it goes on for ever: %v", ins, once, at, err)
					}
					return b, err
				}
				d := &purse.Drain{Amount: 10, Debits: 3}
				b, err := keep(func(b *bench) desfire.Step { d.Purse = b.open(t); return d.Step })
				gone := int(500-b.value(t)) / 10
				if s := d.Summary; gone != s.Debits && !d.Doubtful() || err == nil && gone != 3 || s.Debits > gone || gone > s.Debits+1 {
					t.Errorf("refused %02X, once %v, call %d: %v, %d were made: %+v", ins, once, at, err, gone, s)
				}
				calls := j.calls
				o := &purse.Once{Order: purse.Order{Moves: []purse.Move{{File: valueNo, Kind: purse.Debit, Amount: 10}}}}
				b, err = keep(func(b *bench) desfire.Step { o.Purse = b.open(t); return o.Step })
				made := b.value(t) == 490
				if err == nil && !made || made != (o.Receipt != nil && o.Receipt.Decision() == purse.Happened) && !o.Doubtful() || !made && b.value(t) != 500 {
					t.Errorf("refused %02X, once %v, call %d: once: %v, the card holds %d, %+v", ins, once, at, err, b.value(t), o.Receipt)
				}
				if calls < at && j.calls < at {
					break
				}
			}
		}
	}
}
