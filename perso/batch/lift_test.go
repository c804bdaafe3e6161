package batch_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// every is how many exchanges there are to one in which something goes wrong.
func every(n int) int {
	switch {
	case *soak:
		return 1
	case testing.Short():
		return 3 * n
	}
	return n
}

// A card that is lifted in any exchange is finished with its row when it comes back,
// after another card has been made, and after the program was started again. Until it has a row it
// is not changed.
func TestLifted(t *testing.T) {
	b := newBench(t, 600)
	b.open()
	honest := picc(t, wire.EV2, 0)
	b.want(honest, batch.Done, "1")
	total := honest.Exchanges()
	kinds := []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter}
	for n, at := 1, 4; at <= total; n, at = n+1, at+every(5) {
		c := picc(t, wire.EV2, n)
		fresh := c.Image().Encode()
		c.Inject(sim.Fault{Exchange: at, Kind: kinds[n%2]})
		r, err := b.present(c)
		if r.Outcome != batch.HalfDone && r.Outcome != batch.Untouched || err == nil {
			if at == total && r.Outcome == batch.Done {
				continue // in the last exchange, of which nothing depends
			}
			t.Fatalf("exchange %d of %d: %+v, %v", at, total, r, err)
		}
		if r.Outcome == batch.Untouched && string(fresh) != string(c.Image().Encode()) {
			t.Errorf("exchange %d of %d: a card without a row was changed", at, total)
		}
		row := r.Row
		other := picc(t, wire.EV3, 1000+n)
		if r, err := b.present(other); err != nil || r.Outcome != batch.Done || r.Row == row {
			t.Fatalf("exchange %d of %d: another card: %+v, %v", at, total, r, err)
		}
		if n%4 == 0 {
			b.close()
			b.open()
		}
		again, err := b.present(c)
		if err != nil || again.Outcome != batch.Done || row != "" && again.Row != row || !again.Proved || len(again.Keys) != 3 {
			t.Fatalf("exchange %d of %d: %+v, %v; it had row %q", at, total, again, err, row)
		}
		i, _ := strconv.Atoi(again.Row)
		holds(t, c, b.conf.Table.Values(b.conf.Table.Row(i-1)))
	}
	if open := b.journal.open(); len(open) > 0 {
		t.Errorf("the journal is open about %v", open)
	}
	if len(b.results()) != len(b.entries())+1 {
		t.Errorf("%d results of %d cards", len(b.results())-1, len(b.entries()))
	}
}

// The end of the caller's context leaves the card where it is.
func TestCancelled(t *testing.T) {
	b := newBench(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	b.conf.OnStep = func(s batch.Step) {
		if s.N == 3 {
			cancel()
		}
	}
	b.open()
	c := picc(t, wire.EV2, 1)
	r, err := b.batch.Card(ctx, on(t, c), "reader")
	if r.Outcome != batch.HalfDone || !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", r, err)
	}
	b.want(c, batch.Done, "1")
}

// claims says of itself in clear that it is another card.
type claims struct {
	*sim.Activation
	other   *sim.Activation
	version bool
}

func (x *claims) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	x.version = cmd[1] == byte(wire.InsGetVersion) || x.version && cmd[1] == 0xAF
	if x.version {
		return x.other.Transmit(ctx, cmd)
	}
	return x.Activation.Transmit(ctx, cmd)
}

// Who shows the identifier of another card changes neither its row nor that of
// anybody.
func TestClaims(t *testing.T) {
	b := newBench(t, 4)
	b.open()
	ctx := context.Background()
	present := func(is, says *sim.Card) (batch.Result, error) {
		card, err := desfire.Connect(ctx, &claims{Activation: is.Present(), other: says.Present()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return b.batch.Card(ctx, card, "reader")
	}
	done, half, fresh := picc(t, wire.EV2, 1), picc(t, wire.EV2, 2), picc(t, wire.EV2, 3)
	b.want(done, batch.Done, "1")
	half.TearAfter(60)
	b.want(half, batch.HalfDone, "2")
	another := picc(t, wire.EV2, 4)
	for name, test := range map[string]struct{ is, says *sim.Card }{
		"new, says done": {fresh, done}, "new, says half done": {fresh, half}, "new, says new": {fresh, another},
		"done, says new": {done, fresh}, "done, says half done": {done, half}, "half done, says new": {half, fresh},
	} {
		before := test.is.Image().Encode()
		r, err := present(test.is, test.says)
		var wrong *perso.WrongCardError
		// A card that holds none of the keys that the other one would have says nothing
		// in a session; it cannot be changed either.
		mute := r.Outcome == batch.Unfit || r.Outcome == batch.Failed && test.is == done
		if !mute && (r.Outcome != batch.Untouched || !errors.As(err, &wrong) || wrong.Is != uidOf(test.is).String()) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if string(before) != string(test.is.Image().Encode()) {
			t.Errorf("%s: the card was changed", name)
		}
	}
	if n := len(b.entries()); n != 2 {
		t.Errorf("%d cards have a row", n)
	}
	b.want(half, batch.Done, "2")
	b.want(fresh, batch.Done, "3")
}

// forges answers one exchange with a status of its own.
type forges struct {
	*sim.Activation
	at, seen int
	answer   []byte
}

func (x *forges) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	if x.seen++; x.seen == x.at {
		return x.answer, nil
	}
	return x.Activation.Transmit(ctx, cmd)
}

// A refusal that is forged, in any exchange, costs a row nothing: the card is tried again,
// and has one result.
func TestForged(t *testing.T) {
	b := newBench(t, 300)
	b.open()
	honest := picc(t, wire.EV3, 0)
	b.want(honest, batch.Done, "1")
	total, made, outcomes := honest.Exchanges(), 1, map[batch.Outcome]int{}
	statuses := []wire.Status{wire.StatusPermissionDenied, wire.StatusAuthenticationError, wire.StatusIntegrityError, 0x9100}
	for n, at := 1, 1; at <= total; n, at = n+1, at+every(3) {
		c := picc(t, wire.EV3, n)
		sw := statuses[n%len(statuses)]
		card, err := desfire.Connect(context.Background(), &forges{Activation: c.Present(), at: at, answer: []byte{0x91, byte(sw & 0xFF)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := b.batch.Card(context.Background(), card, "reader")
		outcomes[r.Outcome]++
		if errors.As(err, new(*batch.StoppedError)) {
			t.Fatal(err)
		}
		if r.Outcome == batch.Done {
			r = b.want(c, batch.Already, r.Row)
		} else {
			again, err := b.present(c)
			if err != nil || again.Outcome != batch.Done || r.Row != "" && r.Row != again.Row {
				t.Fatalf("exchange %d, %v: %+v, then %+v, %v", at, sw, r, again, err)
			}
			r = again
		}
		made++
		i, _ := strconv.Atoi(r.Row)
		holds(t, c, b.conf.Table.Values(b.conf.Table.Row(i-1)))
	}
	if got := b.results(); len(got) != made+1 || strings.Contains(strings.Join(got, "\n"), ",failed,") {
		t.Errorf("%d results of %d cards", len(got)-1, made)
	}
	if outcomes[batch.Failed] == 0 || outcomes[batch.HalfDone] == 0 || outcomes[batch.Untouched] == 0 {
		t.Errorf("%v", outcomes)
	}
}

// Several readers make cards at once, with lifts.
func TestReaders(t *testing.T) {
	b := newBench(t, 30)
	b.open()
	queue := make(chan *sim.Card, 100)
	for n := range 30 {
		queue <- picc(t, wire.EV2, n)
	}
	rows := make(chan string, 30)
	for reader := range 3 {
		go func() {
			for {
				select {
				case c := <-queue:
					if c.Exchanges() == 0 && c.UID()[2]%2 == 0 {
						c.TearAfter(int(c.UID()[2])*5 + 5)
					}
					card, err := desfire.Connect(context.Background(), c.Present(), nil)
					if err != nil {
						queue <- c
						continue
					}
					r, err := b.batch.Card(context.Background(), card, fmt.Sprint("reader ", reader))
					switch r.Outcome {
					case batch.Done:
						rows <- r.Row
					case batch.HalfDone, batch.Untouched, batch.NoRow:
						if !errors.As(err, new(*batch.StoppedError)) {
							queue <- c
							continue
						}
						fallthrough
					default:
						t.Errorf("%+v, %v", r, err)
						rows <- ""
					}
				case <-t.Context().Done():
					return
				}
			}
		}()
	}
	var all []string
	for range 30 {
		all = append(all, <-rows)
	}
	slices.Sort(all)
	if all = slices.Compact(all); len(all) != 30 || len(b.results()) != 31 {
		t.Errorf("%d rows, %d results", len(all), len(b.results())-1)
	}
}
