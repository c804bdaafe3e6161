package place

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
)

// step is something that a source reports some time after the step before.
type step struct {
	after time.Duration
	ev    desfire.Event
	why   error
}

// steps is a source that reports step after step and then waits for the end.
type steps []step

func (s steps) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return s.await(ctx, func(error) {})
}

func (s steps) await(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for _, step := range s {
			select {
			case <-time.After(step.after):
			case <-ctx.Done():
				return
			}
			if step.why != nil {
				why(step.why)
			} else if !yield(step.ev, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

// lying is a card on a reader, with what happens to it.
type lying struct {
	reader string
	name   string  // what Identify says
	wanted bool    // and whether
	fails  []error // of the next openings

	opened, closed, renewed, identified int
}

func (l *lying) inserted(after time.Duration) step {
	return step{after: after, ev: desfire.Event{Kind: desfire.CardInserted, Reader: l.reader, Open: l.open}}
}

func (l *lying) removed(after time.Duration) step {
	return step{after: after, ev: desfire.Event{Kind: desfire.CardRemoved, Reader: l.reader}}
}

func (l *lying) open(context.Context) (desfire.Transport, error) {
	if len(l.fails) > 0 {
		err := l.fails[0]
		l.fails = l.fails[1:]
		return nil, err
	}
	l.opened++
	return &lyingLink{l}, nil
}

type lyingLink struct{ *lying }

func (l *lyingLink) Transmit(context.Context, []byte) ([]byte, error) { return []byte{0}, nil }
func (l *lyingLink) Close() error                                     { l.closed++; return nil }
func (l *lyingLink) Reconnect(context.Context) error                  { l.renewed++; return nil }

type inUse string

func (e inUse) Error() string { return string(e) }
func (inUse) InUse() bool     { return true }

// identify asks the cards, which are found by their readers.
func identify(cards ...*lying) func(context.Context, desfire.Transport, string) (string, bool, error) {
	return func(_ context.Context, t desfire.Transport, reader string) (string, bool, error) {
		for _, l := range cards {
			if l.reader == reader {
				l.identified++
				closeTransport(t) // as Card.Close does
				return l.name, l.wanted, nil
			}
		}
		return "", false, errors.New("a card that nobody knows")
	}
}

// took checks how long a call takes.
func took(t *testing.T, least, most time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d < least || d > most {
		t.Errorf("it took %v, want %v to %v", d, least, most)
	}
}

func TestOpenSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lying{reader: "a"}
		s := steps{
			{why: errors.New("nobody listens")}, {after: time.Second, why: errors.New("nobody listens")},
			{after: time.Second, why: inUse("drain has it")}, l.inserted(time.Second),
		}
		p := &Place{Source: s, Await: s.await, Name: "here", Ready: func(context.Context) error { return errors.New("not asked") }}
		var told []error
		wait := &Wait{OnWait: func(why error) { told = append(told, why) }}
		took(t, 3*time.Second, 3*time.Second, func() {
			if tr, reader, err := p.Open(t.Context(), wait); err != nil || tr == nil || reader != "a" {
				t.Errorf("%v on %q, %v", tr, reader, err)
			}
		})
		var none *NoCardError
		var busy *InUseError
		if len(told) != 2 || !errors.As(told[0], &none) || !errors.As(told[1], &busy) ||
			none.Error() != "no card was presented to here yet: nobody listens" || busy.Error() != "the card is in use: drain has it" {
			t.Errorf("told %q", told)
		}

		wait.Limit = 1500 * time.Millisecond
		_, _, err := p.Open(t.Context(), wait)
		if !errors.As(err, &none) || err.Error() != "no card was presented to here within 1.5s: nobody listens" {
			t.Error(err)
		}
		wait.Limit = 2500 * time.Millisecond
		_, _, err = p.Open(t.Context(), wait)
		if !errors.As(err, &busy) || err.Error() != "the card was still in use after 2.5s: drain has it" {
			t.Error(err)
		}
	})
}

// A card that another program has, or that is away for a blink, is tried again.
func TestOpenTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lying{reader: "a", fails: []error{inUse("GnuPG has it"), gone{errors.New("weak field")}}}
		p := &Place{Source: steps{l.inserted(0)}, Name: "here"}
		took(t, again, 3*again, func() {
			if _, reader, err := p.Open(t.Context(), nil); err != nil || reader != "a" {
				t.Error(reader, err)
			}
		})
		l.fails = slices.Repeat([]error{inUse("GnuPG has it")}, 100)
		var busy *InUseError
		if _, _, err := p.Open(t.Context(), &Wait{Limit: 3 * time.Second}); !errors.As(err, &busy) || busy.Reader != "a" {
			t.Error(err)
		}
	})
}

func TestOpenIdentifies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other, mine := &lying{reader: "a", name: "EV2 04AA"}, &lying{reader: "b", name: "EV2 04BB", wanted: true}
		p := &Place{Source: steps{other.inserted(0), other.removed(time.Second), other.inserted(0), mine.inserted(time.Second)}, Name: "here"}
		tr, reader, err := p.Open(t.Context(), &Wait{Identify: identify(other, mine)})
		if err != nil || reader != "b" || tr.(*lyingLink).lying != mine {
			t.Errorf("%v on %q, %v", tr, reader, err)
		}
		if other.identified != 2 || other.closed != other.opened {
			t.Errorf("the other card: %+v", other)
		}
		if mine.opened != 1 || mine.closed != 0 || mine.renewed != 1 {
			t.Errorf("my card: %+v, want it open and activated anew", mine)
		}

		mine.wanted = false
		_, _, err = p.Open(t.Context(), &Wait{Identify: identify(other, mine), Limit: time.Minute})
		var none *NoCardError
		if !errors.As(err, &none) || err.Error() != "no such card was presented to here within 1m0s; seen: a: EV2 04AA, b: EV2 04BB" {
			t.Error(err)
		}
		if mine.closed != mine.opened-1 {
			t.Errorf("my card, not wanted: %+v", mine)
		}
	})
}

// A card behind a transport that cannot reconnect is opened anew.
func TestOpenFreshWithoutReconnect(t *testing.T) {
	l := &lying{reader: "a", wanted: true}
	open := func(ctx context.Context) (desfire.Transport, error) {
		t, err := l.open(ctx)
		return struct {
			desfire.Transport
			closer
		}{t, t.(closer)}, err
	}
	p := &Place{Source: steps{{ev: desfire.Event{Kind: desfire.CardInserted, Reader: "a", Open: open}}}}
	if _, _, err := p.Open(t.Context(), &Wait{Identify: identify(l)}); err != nil || l.opened != 2 || l.closed != 1 {
		t.Errorf("%v, %+v", err, l)
	}
}

type closer interface{ Close() error }

func TestOpenIdentifyFails(t *testing.T) {
	mine := errors.New("mine")
	broken := &desfire.TransportError{Err: mine}
	for name, test := range map[string]struct {
		errs []error // of Identify
		want string
		ids  int
	}{
		"gives up":      {[]error{&desfire.GiveUp{Err: mine}}, "mine", 1},
		"not readable":  {[]error{mine}, "no such card was presented to here within 1m0s; seen: a: name: mine", 1},
		"breaks off":    {[]error{broken, broken, nil}, "", 3},
		"breaks always": {slices.Repeat([]error{broken}, 9), "seen: a: name: ", maxTries + 1},
		"leaves":        {[]error{gone{mine}, gone{mine}, gone{mine}, gone{mine}, gone{mine}, nil}, "", 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &lying{reader: "a"}
				p := &Place{Source: steps{l.inserted(0)}, Name: "here"}
				ids := 0
				_, _, err := p.Open(t.Context(), &Wait{Limit: time.Minute, Identify: func(context.Context, desfire.Transport, string) (string, bool, error) {
					err := test.errs[ids]
					ids++
					return "name", err == nil, err
				}})
				if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) || ids != test.ids {
					t.Errorf("%v after %d looks, want %q after %d", err, ids, test.want, test.ids)
				}
				open := 0
				if err == nil {
					open = 1
				}
				if l.opened-l.closed != open {
					t.Errorf("%d connections are open, want %d", l.opened-l.closed, open)
				}
			})
		})
	}
}

func TestOpenAlone(t *testing.T) {
	for name, test := range map[string]struct {
		cards        func() (a, b *lying, s steps)
		identify     bool
		list         []Reader
		reader, want string // what is opened, or part of the error
		least, most  time.Duration
	}{
		"one": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a"}, &lying{reader: "b"}
				return a, b, steps{a.inserted(0)}
			},
			list:   []Reader{{Name: "a", Card: true}, {Name: "b"}, {Name: "c", Card: true, Ignored: "a SAM"}},
			reader: "a",
		},
		"two, listed": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a"}, &lying{reader: "b"}
				return a, b, steps{a.inserted(0), b.inserted(time.Hour)}
			},
			list: []Reader{{Name: "a", Card: true}, {Name: "b", Card: true}},
			want: "there are 2 cards: a, b: leave one there",
		},
		"two, not listed": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a"}, &lying{reader: "b"}
				return a, b, steps{a.inserted(0), b.inserted(unlisted / 2)}
			},
			want: "there are 2 cards: a, b:", most: unlisted,
		},
		"two wanted": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a", name: "A", wanted: true}, &lying{reader: "b", name: "B", wanted: true}
				return a, b, steps{a.inserted(0), b.inserted(settled / 2)}
			},
			identify: true,
			list:     []Reader{{Name: "a", Card: true}, {Name: "b", Card: true}},
			want:     "there are 2 cards: a: A, b: B: leave one there", most: settled,
		},
		"the other is not wanted": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a", name: "A", wanted: true}, &lying{reader: "b", name: "B"}
				return a, b, steps{a.inserted(0), b.inserted(settled / 2)}
			},
			identify: true,
			list:     []Reader{{Name: "a", Card: true}, {Name: "b", Card: true}},
			reader:   "a", least: settled / 2, most: settled / 2,
		},
		"the other never comes": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a", name: "A", wanted: true}, &lying{reader: "b"}
				return a, b, steps{a.inserted(0)}
			},
			identify: true,
			list:     []Reader{{Name: "a", Card: true}, {Name: "b", Card: true}},
			reader:   "a", least: settled, most: settled,
		},
		"the first leaves meanwhile": {
			cards: func() (a, b *lying, s steps) {
				a, b = &lying{reader: "a", name: "A", wanted: true}, &lying{reader: "b", name: "B", wanted: true}
				return a, b, steps{a.inserted(0), a.removed(settled / 4), b.inserted(settled / 4)}
			},
			identify: true,
			list:     []Reader{{Name: "b", Card: true}},
			reader:   "b", most: settled / 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, s := test.cards()
				p := &Place{Source: s, Name: "here"}
				if test.list != nil {
					p.List = func(context.Context) ([]Reader, error) { return test.list, nil }
				}
				p.Ready = func(context.Context) error { return new(SeveralError) } // must not decide
				w := &Wait{Alone: true, Limit: time.Hour}
				if test.identify {
					w.Identify = identify(a, b)
				}
				took(t, test.least, test.most, func() {
					_, reader, err := p.Open(t.Context(), w)
					var several *SeveralError
					if reader != test.reader || errors.As(err, &several) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
						t.Errorf("%q, %v", reader, err)
					}
				})
				open := 0
				if test.want == "" {
					open = 1
				}
				if n := a.opened + b.opened - a.closed - b.closed; n != open {
					t.Errorf("%d connections are open, want %d", n, open)
				}
			})
		})
	}
}
