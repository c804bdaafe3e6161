package desfire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/wire"
)

func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeSource()
		ours, other := &fakeCard{uid: "04000000000001"}, &fakeCard{uid: "04000000000002"}
		steps := 0
		var changes []string
		started := time.Now()
		go func() {
			s.insert("a", ours)
			time.Sleep(2500 * time.Millisecond) // steps at 0, 1, 2 s
			ours.pull(true)
			time.Sleep(time.Second) // a step fails at 3 s
			s.remove("a")
			s.insert("a", other)
			time.Sleep(100 * time.Millisecond)
			s.remove("a")
			s.events <- Event{Kind: ServiceLost}
			s.events <- Event{Kind: ServiceBack}
			ours.pull(false)
			s.insert("b", ours)
		}()
		err := Keep(context.Background(), s, &KeepConfig{
			Every:    time.Second,
			OnChange: func(c KeepChange) { changes = append(changes, c.State.String()) },
		}, func(ctx context.Context, card *Card) (bool, error) {
			if _, err := card.Value(ctx, 1); err != nil {
				return false, err
			}
			steps++
			return steps == 5, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if steps != 5 {
			t.Errorf("%d steps", steps)
		}
		changes = slices.Compact(changes)
		want := []string{"waiting", "holding", "retrying", "lost", "other", "no-service", "back", "done"}
		if !slices.Equal(changes, want) {
			t.Errorf("changes %q, want %q", changes, want)
		}
		if d := time.Since(started); d < 4*time.Second || d > 6*time.Second {
			t.Errorf("took %v of simulated time", d)
		}
		if ours.opened != ours.closed {
			t.Errorf("opened %d, closed %d", ours.opened, ours.closed)
		}
	})
}

func TestKeepEndsWithARefusal(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := newFakeSource()
	go s.insert("a", &fakeCard{uid: "04000000000001"})
	refusal := &CommandError{Command: "Debit", Status: wire.StatusBoundaryError}
	err := Keep(ctx, s, nil, func(context.Context, *Card) (bool, error) { return false, refusal })
	if !errors.Is(err, wire.StatusBoundaryError) {
		t.Error(err)
	}
	mine := errors.New("not this kind of card")
	go s.insert("a", &fakeCard{uid: "04000000000001"})
	if err := Keep(ctx, s, &KeepConfig{Accept: func(context.Context, *Card) error { return &GiveUp{mine} }}, nil); !errors.Is(err, mine) {
		t.Error(err)
	}
	go func() {
		s.insert("a", &fakeCard{uid: "04000000000001"})
		cancel()
	}()
	if err := Keep(ctx, s, nil, func(ctx context.Context, _ *Card) (bool, error) { <-ctx.Done(); return false, ctx.Err() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// What a step's error means for Keep: an end, a loss, or a loss once.
func TestKeepJudgesErrors(t *testing.T) {
	mine := errors.New("mine")
	refusal := &CommandError{Command: "Debit", Status: wire.StatusBoundaryError}
	strange := &IntegrityError{Command: "Debit", Err: &CommandError{Command: "Debit", Status: 0x9142}}
	link := &TransportError{Command: "Debit", Err: goneError{}}
	const always = 5 // steps that fail where an error never ends Keep
	for name, test := range map[string]struct {
		err   error
		steps int // that fail before Keep ends
	}{
		"refusal":                         {refusal, 1},
		"own error":                       {mine, 1},
		"broken link":                     {link, always},
		"broken link in words":            {fmt.Errorf("debit: %w", link), always},
		"broken link beside another":      {errors.Join(mine, link), always},
		"wrong MAC":                       {&IntegrityError{Command: "Debit", Err: mine}, always},
		"unknown outcome":                 {&OutcomeUnknownError{Command: "Debit", Err: link}, always},
		"part of a write":                 {&PartialWriteError{Err: link}, always},
		"closed":                          {ErrClosed, always},
		"what a broken link left":         {&BrokenError{Command: "Debit", Changed: true}, always},
		"broken link after a change":      {&TransportError{Command: "Debit", Err: goneError{}, Changed: true}, always},
		"impossible status":               {strange, 2},
		"impossible status to a change":   {&OutcomeUnknownError{Command: "Debit", Err: strange}, 2},
		"refused commit":                  {&OutcomeUnknownError{Command: "CommitTransaction", Err: refusal}, 2},
		"broken link, given up":           {&GiveUp{link}, 1},
		"impossible status, then a break": {nil, always},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				s := newFakeSource()
				go s.insert("a", &fakeCard{uid: "04000000000001"})
				steps := 0
				err := Keep(ctx, s, nil, func(context.Context, *Card) (bool, error) {
					if steps++; steps > always {
						return true, nil
					}
					if test.err == nil && steps > 1 {
						return false, link
					} else if test.err == nil {
						return false, strange
					}
					return false, test.err
				})
				var giveUp *GiveUp
				want := test.err
				if errors.As(want, &giveUp) {
					want = giveUp.Err
				}
				switch {
				case test.steps == always:
					if err != nil || steps != always+1 {
						t.Errorf("%v after %d steps", err, steps)
					}
				case err != want || steps != test.steps:
					t.Errorf("%v after %d steps, want %v after %d", err, steps, want, test.steps)
				}
			})
		})
	}
}

// Each stay of a card may have one impossible status.
func TestKeepCountsStatusesPerStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strange := &IntegrityError{Command: "GetValue", Err: &CommandError{Command: "GetValue", Status: 0x9142}}
		s, card := newFakeSource(), &fakeCard{uid: "04000000000001"}
		var stay atomic.Int32
		go func() {
			for range 2 {
				stay.Add(1)
				s.insert("a", card)
				time.Sleep(10 * time.Second)
				s.remove("a")
			}
			stay.Add(1)
			s.insert("a", card)
		}()
		failedIn, steps := int32(0), 0
		err := Keep(t.Context(), s, &KeepConfig{Every: time.Second}, func(context.Context, *Card) (bool, error) {
			if steps++; failedIn != stay.Load() {
				failedIn = stay.Load()
				return false, strange
			}
			return stay.Load() == 3, nil
		})
		if err != nil || failedIn != 3 || steps < 10 {
			t.Errorf("%v after %d steps, the last failure in stay %d", err, steps, failedIn)
		}
	})
}

// A card that is not kept yet and answers nonsense is left alone, not retried
// for ever, and no reason to end.
func TestKeepLeavesAStrangeCardAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		strange := &IntegrityError{Command: "GetValue", Err: &CommandError{Command: "GetValue", Status: 0x9142}}
		for name, conf := range map[string]KeepConfig{
			"Accept":   {Accept: func(_ context.Context, c *Card) error { return notFrom("b", c, strange) }},
			"Identify": {Identify: func(_ context.Context, c *Card) (string, error) { return "x", notFrom("b", c, strange) }},
		} {
			s := newFakeSource()
			other := &fakeCard{uid: "04000000000001"}
			go func() {
				s.insert("a", other)
				time.Sleep(time.Hour)
				s.insert("b", &fakeCard{uid: "04000000000002"})
			}()
			var got []string
			conf.OnChange = func(c KeepChange) { got = append(got, c.State.String()) }
			err := Keep(t.Context(), s, &conf, func(context.Context, *Card) (bool, error) { return true, nil })
			if want := []string{"waiting", "retrying", "other", "holding", "done"}; err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %q, want %q", name, err, got, want)
			}
			if other.opened != 2 {
				t.Errorf("%s: the card was opened %d times", name, other.opened)
			}
		}
	})
}

func notFrom(reader string, card *Card, err error) error {
	if card.Reader() == reader {
		return nil
	}
	return err
}

// A step that notices the removal before Keep does is no end.
func TestKeepStepThatSeesTheRemoval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, card := newFakeSource(), &fakeCard{uid: "04000000000001"}
		go func() {
			s.insert("a", card)
			synctest.Wait()
			s.remove("a")
			s.insert("a", card)
		}()
		steps := 0
		err := Keep(t.Context(), s, nil, func(ctx context.Context, _ *Card) (bool, error) {
			if steps++; steps == 2 {
				return true, nil
			}
			<-ctx.Done()
			return false, ctx.Err()
		})
		if err != nil || steps != 2 {
			t.Errorf("%v after %d steps", err, steps)
		}
	})
}

func TestKeepRandomID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newFakeSource()
		card := &fakeCard{uid: "00000000000000"}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var why error
		steps := 0
		go func() {
			s.insert("a", card)
			time.Sleep(time.Second)
			card.mu.Lock()
			card.fail = errors.New("weak field") // it stays: the same card for sure
			card.mu.Unlock()
			time.Sleep(5 * time.Second)
			card.mu.Lock()
			card.fail = nil
			card.mu.Unlock()
			time.Sleep(5 * time.Second)
			s.remove("a")
			s.insert("a", card) // nothing proves that this is it
			time.Sleep(time.Second)
			cancel()
		}()
		before := 0
		err := Keep(ctx, s, &KeepConfig{Every: 500 * time.Millisecond, OnChange: func(c KeepChange) {
			if c.State == KeepOther {
				why, before = c.Err, steps
			}
		}}, func(ctx context.Context, card *Card) (bool, error) {
			_, err := card.Value(ctx, 1)
			steps++
			return false, err
		})
		if !errors.Is(err, context.Canceled) || !errors.Is(why, errNoIdentity) || steps != before || steps < 10 {
			t.Errorf("%v, %v, %d steps, %d before the card left", err, why, steps, before)
		}
	})
}

// refusing answers every command with the same status.
type refusing struct{}

func (refusing) Transmit(context.Context, []byte) ([]byte, error) { return unhex("911C"), nil }

// A card that does not even tell its version may have been spoken for by
// somebody else, once; then it is left alone.
func TestKeepLeavesACardAloneThatRefusesAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, opened := newFakeSource(), 0
		go func() {
			s.events <- Event{Kind: CardInserted, Reader: "a", Open: func(context.Context) (Transport, error) {
				opened++
				return refusing{}, nil
			}}
			time.Sleep(time.Hour)
			s.insert("b", &fakeCard{uid: "04000000000002"})
		}()
		var got []string
		err := Keep(t.Context(), s, &KeepConfig{OnChange: func(c KeepChange) { got = append(got, c.State.String()) }},
			func(context.Context, *Card) (bool, error) { return true, nil })
		if want := []string{"waiting", "retrying", "other", "holding", "done"}; err != nil || opened != 2 || !slices.Equal(got, want) {
			t.Errorf("%v, opened %d times, %q, want %q", err, opened, got, want)
		}
	})
}
