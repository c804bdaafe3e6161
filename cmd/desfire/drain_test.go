package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// drainCard makes a transit card in a field and a drain of its purse that
// reports as JSON into a buffer.
func drainCard(t *testing.T, credit int32) (*drain, *simreader.Reader, *bytes.Buffer) {
	t.Helper()
	var out bytes.Buffer
	a := newApp(strings.NewReader(""), &out, io.Discard)
	card, err := sim.New(&sim.Config{Generation: wire.EV1})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.makeTransit(t.Context(), card, credit); err != nil {
		t.Fatal(err)
	}
	a.json = true
	p := &purse{app: wire.Place{AID: transitApp}, file: transitPurse, amount: 1}
	return newDrain(a, p), simreader.New("field", card), &out
}

// left is what the card itself says.
func left(f *simreader.Reader) int32 {
	for _, app := range f.Card.Image().Applications {
		if app.AID == transitApp {
			for _, file := range app.Files {
				if file.No == int(transitPurse) {
					return file.Value.Value
				}
			}
		}
	}
	return -1
}

// TestDrainTorn takes the power away in each exchange of a drain, before and
// after the card has executed it, lifts the card or leaves it lying, and
// expects every debit to be accounted for.
func TestDrainTorn(t *testing.T) {
	const credit = 3
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer, sim.CutCommand} {
		for _, lift := range []bool{false, true} {
			for n := 1; n <= 5+4*credit+2; n++ {
				if testing.Short() && n%4 != 1 {
					continue
				}
				t.Run(fmt.Sprintf("%v/lift=%t/%d", kind, lift, n), func(t *testing.T) {
					d, f, out := drainCard(t, credit)
					f.Card.Inject(sim.Fault{Exchange: n, Kind: kind})
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if lift {
						go liftAfter(ctx, f, f.Card.Exchanges()+n)
					}
					if err := d.run(ctx, &place.Place{Source: f, Name: "field", Fixed: true}, 0); err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					s := d.sum
					if s.Debits != credit || s.Unknown != 0 || *s.Start != credit || *s.Final != 0 || s.End != "empty" || left(f) != 0 {
						t.Errorf("%+v, card has %d\n%s", s, left(f), out)
					}
				})
			}
		}
	}
}

// liftAfter lifts the card once it has had so many exchanges, for a moment.
func liftAfter(ctx context.Context, f *simreader.Reader, exchanges int) {
	for f.Card.Exchanges() < exchanges && ctx.Err() == nil {
		time.Sleep(50 * time.Microsecond)
	}
	f.Lift()
	time.Sleep(2 * time.Millisecond)
	f.Return()
}

// TestDrainOtherProgram: a value that is neither the old nor the new one is an
// unknown outcome, which ends the drain.
func TestDrainOtherProgram(t *testing.T) {
	d, f, out := drainCard(t, 9)
	once := sync.OnceFunc(func() { // in the moment in which the commit's answer is lost
		card, err := desfire.Connect(t.Context(), f.Card.Present(), nil)
		if err == nil {
			err = card.Select(t.Context(), wire.Place{AID: transitApp})
		}
		if err == nil {
			_, err = card.Transact(t.Context(), func() error { return card.Debit(t.Context(), transitPurse, 3) })
		}
		if err != nil {
			t.Error(err)
		}
	})
	f.Relay = &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if x.INS != wire.InsCommitTransaction {
			return x.Pass()
		}
		answer, err := x.PassWith(sim.Fault{Kind: sim.LosePowerAfter})
		once()
		return answer, err
	}}
	err := d.run(t.Context(), &place.Place{Source: f, Name: "field", Fixed: true}, 0)
	if exitCode(t.Context(), err) != exitUnknown || d.sum.Debits != 0 || d.sum.Unknown != 1 || d.sum.End != "failed" || left(f) != 5 {
		t.Errorf("%v, %+v, card has %d\n%s", err, d.sum, left(f), out)
	}
}

// TestDrainInterrupted: Ctrl-C ends the step under way first.
func TestDrainInterrupted(t *testing.T) {
	d, f, out := drainCard(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	exchanges := 0
	f.Relay = &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if exchanges++; exchanges == 40 {
			cancel()
		}
		return x.Pass()
	}}
	err := d.run(ctx, &place.Place{Source: f, Name: "field", Fixed: true}, 0)
	if !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	s := lastLine(t, out)
	if s.End != "interrupted" || s.Unknown != 0 || s.Final == nil || *s.Final != left(f) || *s.Start-int32(s.Debits) != left(f) {
		t.Errorf("%+v, card has %d\n%s", s, left(f), out)
	}
}

// TestDrainInterruptedAway: Ctrl-C while the card is away leaves the outcome of
// the last debit open, and says between which values it is.
func TestDrainInterruptedAway(t *testing.T) {
	d, f, out := drainCard(t, 9)
	ctx, cancel := context.WithCancel(t.Context())
	f.Relay = &sim.Relay{Meet: func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if x.INS != wire.InsCommitTransaction {
			return x.Pass()
		}
		answer, err := x.PassWith(sim.Fault{Kind: sim.LosePowerAfter})
		f.Lift()
		cancel()
		return answer, err
	}}
	d.app.json = false
	if err := d.run(ctx, &place.Place{Source: f, Name: "field", Fixed: true}, time.Hour); !errors.Is(err, errInterrupted) {
		t.Fatal(err)
	}
	if d.sum.Unknown != 1 || d.sum.Final != nil || !strings.Contains(out.String(), "8 or 9: read it with desfire value get 121314 1") {
		t.Errorf("%+v\n%s", d.sum, out)
	}
}

func lastLine(t *testing.T, out *bytes.Buffer) drainSummary {
	t.Helper()
	var s drainSummary
	for in := bufio.NewScanner(bytes.NewReader(out.Bytes())); in.Scan(); {
		s = drainSummary{}
		if err := json.Unmarshal(in.Bytes(), &s); err != nil {
			t.Fatalf("%v: %s", err, in.Bytes())
		}
	}
	return s
}
