package perso_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var errLifted = errors.New("the card was lifted")

// torn loses the card in exchange at, counted from 1: before the command
// reaches it, or before its answer reaches the reader. After that there is
// silence, unless it comes back.
type torn struct {
	*sim.Activation
	at, seen    int
	after, back bool
	forged      []byte // what the reader gets instead of silence
}

func (x *torn) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	x.seen++
	switch {
	case x.at == 0 || x.seen < x.at || x.back && x.seen > x.at:
		return x.Activation.Transmit(ctx, cmd)
	case x.seen == x.at && x.after:
		if _, err := x.Activation.Transmit(ctx, cmd); err != nil {
			return nil, err
		}
	}
	if x.forged != nil && x.seen == x.at {
		return x.forged, nil
	}
	return nil, errLifted
}

// job is a layout that is applied to a card that others were applied to before.
type job struct {
	name   string
	g      wire.Generation
	before []*perso.Layout
	layout *perso.Layout
	keys   []keystore.Map // of each of them, the last is that of layout
	every  int            // how many exchanges there are to one that is torn
	prune  bool
}

func jobs(t testing.TB) (list []job) {
	for _, g := range wire.Generations {
		every := map[wire.Generation]int{wire.EV1: 3, wire.EV2: 7, wire.EV3: 1}[g]
		if every == 0 {
			every = 2
		}
		if testing.Short() {
			every *= 4
		}
		l, m := rich(g), moved(g)
		list = append(list,
			job{g.String() + ", new", g, nil, l, []keystore.Map{keysFor(t, l, 0x10)}, every, false},
			job{g.String() + ", changed", g, []*perso.Layout{l}, m, []keystore.Map{keysFor(t, l, 0x10), keysFor(t, m, 0x11)}, 2*every + 1, false},
			job{g.String() + ", keys of the same version", g, nil, l, []keystore.Map{keysFor(t, l, 0)}, 4*every + 1, false},
		)
	}
	return list
}

func (j *job) conf(i int) *perso.Config {
	c := &perso.Config{Prune: j.prune && i == len(j.before), Want: j.keys[i], Journal: new(memJournal), Values: true, Irreversible: perso.Irreversible()}
	if i > 0 {
		c.Have = j.keys[i-1]
	}
	return c
}

// ready is a card before the job.
func (j *job) ready(t testing.TB) *sim.Card {
	picc := newPICC(t, j.g)
	for i, l := range j.before {
		if _, err := perso.Apply(context.Background(), connect(t, picc), l, j.conf(i)); err != nil {
			t.Fatal(err)
		}
	}
	return picc
}

// TestTorn loses the card in exchanges of Apply, on both sides of them. Applied
// again, it must become what it becomes without.
func TestTorn(t *testing.T) {
	ctx := context.Background()
	for _, j := range jobs(t) {
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			last := len(j.before)
			picc := j.ready(t)
			air := &torn{Activation: picc.Present()}
			card, err := desfire.Connect(ctx, air, nil)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := perso.Apply(ctx, card, j.layout, j.conf(last))
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range plan.Impossible {
				t.Error(n)
			}
			if len(plan.Steps) < 3 {
				t.Errorf("nothing to do: %v", plan.Steps)
			}
			want, _ := perso.FromCard(readAll(t, picc, j.keys[last]))
			for n, at := 0, 1; at <= air.seen; n, at = n+1, at+j.every {
				for _, after := range []bool{false, true} {
					x := &torn{at: at, after: after, back: after && n%4 == 0}
					if err := j.tear(t, x, want, n); err != nil && !(at == air.seen && errors.Is(err, errWhole)) {
						t.Fatalf("exchange %d of %d, after %v, back %v: %v", at, air.seen, x.after, x.back, err)
					}
				}
			}
		})
	}
}

// tornNew loses new cards in one of every few exchanges of Apply, on both sides of it.
// Applied again, each becomes what the layout says.
func tornNew(t *testing.T, g wire.Generation, l *perso.Layout, keys keystore.Map, every int) {
	t.Helper()
	ctx := context.Background()
	for at, ended := 1, false; !ended; at += every {
		for _, after := range []bool{false, true} {
			picc := newPICC(t, g)
			conf := &perso.Config{Want: keys, Journal: new(memJournal)}
			x := &torn{Activation: picc.Present(), at: at, after: after}
			card, err := desfire.Connect(ctx, x, nil)
			if err == nil {
				_, _ = perso.Apply(ctx, card, l, conf)
			}
			if ended = x.seen < at; ended {
				break
			}
			picc.Lift()
			if err := picc.Return(); err != nil {
				t.Fatal(err)
			}
			p, err := perso.Apply(ctx, connect(t, picc), l, conf)
			if err != nil || len(p.Impossible) > 0 {
				t.Fatalf("exchange %d, after %t: %v", at, after, err)
			}
			list, err := perso.Verify(ctx, connect(t, picc), l, conf)
			if err != nil || perso.Differs(list) || len(conf.Journal.(*memJournal).open()) > 0 {
				t.Fatalf("exchange %d, after %t: %v, %v", at, after, list, err)
			}
		}
	}
}

// errWhole says that nothing was torn: what the last exchange tells may be no
// more than a complaint.
var errWhole = errors.New("it was not torn")

func (j *job) tear(t *testing.T, air *torn, want *perso.Layout, n int) error {
	ctx := context.Background()
	picc := j.ready(t)
	air.Activation = picc.Present()
	conf := j.conf(len(j.before))
	card, err := desfire.Connect(ctx, air, nil)
	var plan *perso.Plan
	if err == nil {
		plan, err = perso.Apply(ctx, card, j.layout, conf)
	}
	if err == nil && !air.back {
		return errWhole
	}
	if !air.back || card == nil { // one answer was lost, the card is still there
		picc.Lift()
		if err := picc.Return(); err != nil {
			return err
		}
		card = connect(t, picc)
	}
	// Half of them by the plan that was begun, half by a new one.
	if plan != nil && n%2 == 0 {
		err = plan.Apply(ctx, card, conf)
		if air.forged != nil && errors.As(err, new(*perso.WrongCardError)) { // it was made of a lie
			_, err = perso.Apply(ctx, card, j.layout, conf)
		}
	} else {
		_, err = perso.Apply(ctx, card, j.layout, conf)
	}
	if err != nil {
		return err
	}
	list, err := perso.Verify(ctx, connect(t, picc), j.layout, conf)
	if err != nil {
		return err
	}
	if perso.Differs(list) {
		return fmt.Errorf("differences: %v", list)
	}
	if open := conf.Journal.(*memJournal).open(); len(open) > 0 {
		return fmt.Errorf("the journal left open: %v", open)
	}
	if n%8 == 1 && want != nil {
		got, _ := perso.FromCard(readAll(t, picc, j.keys[len(j.before)]))
		sameLayout(t, got, want)
	}
	return nil
}

// TestForged puts an answer of somebody else's into exchanges of Apply, where the
// card saw the command and where it did not. Whatever Apply says then: applied
// again, the card becomes what it should be.
func TestForged(t *testing.T) {
	for _, j := range jobs(t) {
		if j.g != wire.EV3 && j.g != wire.NTAG424 {
			continue
		}
		t.Run(j.name, func(t *testing.T) {
			t.Parallel()
			picc := j.ready(t)
			air := &torn{Activation: picc.Present()}
			card, err := desfire.Connect(context.Background(), air, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := perso.Apply(context.Background(), card, j.layout, j.conf(len(j.before))); err != nil {
				t.Fatal(err)
			}
			forged := []uint16{0x9100, 0x91AE, 0x919D, 0x911E, 0x910C, 0x91A0, 0x91F0, 0x91DE, 0x91EE, 0x9000}
			for n, at := 0, 3; at <= air.seen; n, at = n+1, at+j.every+2 {
				sw := forged[n%len(forged)]
				x := &torn{at: at, after: n%3 == 0, back: true, forged: []byte{byte(sw >> 8), byte(sw)}}
				if err := j.tear(t, x, nil, n); err != nil {
					t.Errorf("exchange %d of %d, %04X, after %v: %v", at, air.seen, sw, x.after, err)
				}
			}
		})
	}
}

// applyOn applies a layout without keys over some air.
func applyOn(t testing.TB, air desfire.Transport, l *perso.Layout) error {
	t.Helper()
	card, err := desfire.Connect(context.Background(), air, nil)
	if err != nil {
		return err
	}
	_, err = perso.Apply(context.Background(), card, l, nil)
	return err
}
