package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// another is the configuration of a second gate for the cards of a bench.
func (b *bench) another() purse.Config {
	c := b.conf
	c.Journal, c.Terminal = purse.Memory(nil), "gate 2"
	if c.Slot != nil {
		s := *c.Slot
		s.Number++
		c.Slot = &s
	}
	return c
}

// openEntry is what is open in a journal; nil if nothing is.
func openEntry(t *testing.T, j purse.Journal) *purse.Entry {
	t.Helper()
	for e, err := range j.Entries(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if e.IsOpen() {
			return e
		}
	}
	return nil
}

// What one gate left open another settles, wherever it was torn: never wrongly, and always
// where a receipt tells. The gate that began it takes that over, in any order with what it
// finds itself.
func TestSettledElsewhere(t *testing.T) {
	ctx := context.Background()
	decided, doubtful := map[string]int{}, map[string]int{}
	for _, kind := range []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LoseAnswer} {
		for _, x := range []struct {
			name               string
			tmac, slot, record bool
			always             bool
		}{
			{"value", false, false, false, false}, {"TMAC", true, false, false, true}, {"slot", false, true, false, true},
			{"record", false, false, true, false}, {"all", true, true, true, true},
		} {
			for at := 1; at < 14; at++ {
				b := newBench(t, wire.EV3, x.tmac, x.slot, x.record)
				if b.conf.Others = purse.OthersAny; x.name == "value" {
					b.conf.Others = purse.OthersDebit // which is not so: their key adds as well
				}
				seven, err := purse.Open(b.conf)
				if err != nil {
					t.Fatal(err)
				}
				conf := b.another()
				nine, err := purse.Open(conf)
				if err != nil {
					t.Fatal(err)
				}
				card := b.connect(t)
				b.picc.Inject(sim.Fault{Exchange: at, Kind: kind})
				_, _ = seven.Debit(ctx, card, purse.Request{ID: "x", Amount: 10})
				b.picc.ClearFaults()
				e := openEntry(t, b.conf.Journal)
				if e == nil {
					continue
				}
				o, err := nine.SettleOther(ctx, b.connect(t), e)
				if err != nil {
					t.Fatalf("%v at %d, %s: %v", kind, at, x.name, err)
				}
				moved := b.value(t) == 490
				switch {
				case o.Decision == purse.InDoubt && x.always:
					t.Errorf("%v at %d, %s: in doubt: %s", kind, at, x.name, o.Why)
				case o.Decision == purse.InDoubt:
					doubtful[x.name]++
				case (o.Decision == purse.Happened) != moved:
					t.Errorf("%v at %d, %s: %v by rule %s, and the card holds %d", kind, at, x.name, o.Decision, o.Rule, b.value(t))
				default:
					decided[x.name]++
				}
				if openEntry(t, conf.Journal) != nil {
					t.Error("the second gate's journal was changed")
				}
				if o.Decision != purse.InDoubt {
					b.bothSettle(t, seven, e.ID, *o, at%2 == 0)
				}
				if r, err := nine.Debit(ctx, b.connect(t), purse.Request{ID: "y", Amount: 1}); err != nil {
					t.Errorf("%v at %d, %s: the next debit: %v %+v", kind, at, x.name, err, r)
				}
			}
		}
	}
	for _, name := range []string{"TMAC", "slot", "all"} {
		if decided[name] < 6 || doubtful[name] != 0 {
			t.Errorf("%s: %d decided, %d in doubt", name, decided[name], doubtful[name])
		}
	}
	if decided["record"] == 0 || doubtful["record"] == 0 {
		t.Errorf("record, in a file that can be cleared: %d decided, %d in doubt", decided["record"], doubtful["record"])
	}
	if doubtful["value"] == 0 {
		t.Error("a value that others move decides")
	}
}

// bothSettle tells the first gate what was found, before or after it looks itself.
func (b *bench) bothSettle(t *testing.T, p *purse.Purse, id purse.ID, o purse.Outcome, itself bool) {
	t.Helper()
	ctx := context.Background()
	if itself {
		if r, err := p.Settle(ctx, b.connect(t)); err != nil || r.Decision() != o.Decision {
			t.Errorf("it finds %+v, %v; another found %v", r, err, o.Decision)
		}
	}
	for range 2 {
		if r, err := p.Learn(ctx, id, o); err != nil || r.Decision() != o.Decision {
			t.Errorf("told: %+v, %v", r, err)
		}
	}
	if r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "x", Amount: 10}); err != nil || b.value(t) != 490 {
		t.Errorf("the request again: %+v, %v, value %d", r, err, b.value(t))
	}
}

// What an entry of another journal says counts only as far as it can be right here.
func TestSettledElsewhereHostile(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, false)
	b.conf.Others = purse.OthersAny
	seven, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	card := b.connect(t)
	b.picc.Inject(sim.Fault{Exchange: 11, Kind: sim.LoseAnswer})
	_, _ = seven.Debit(ctx, card, purse.Request{ID: "x", Amount: 10})
	b.picc.ClearFaults()
	good := openEntry(t, b.conf.Journal)
	if good == nil {
		t.Fatal("nothing is open")
	}
	conf := b.another()
	nine, err := purse.Open(conf)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(e *purse.Entry){
		"no moves":         func(e *purse.Entry) { e.Moves = nil },
		"another file":     func(e *purse.Entry) { e.Moves[0].File = 9 },
		"no amount":        func(e *purse.Entry) { e.Moves[0].Amount = 0 },
		"another place":    func(e *purse.Entry) { e.App = "F00F01" },
		"no UID":           func(e *purse.Entry) { e.UID = "xyz" },
		"no policy":        func(e *purse.Entry) { e.Policy = "none" },
		"a wrong EncTMRI":  func(e *purse.Entry) { e.EncTMRI = purse.Hex{1} },
		"no id":            func(e *purse.Entry) { e.ID = purse.ID{} },
		"a wrong decision": func(e *purse.Entry) { e.Outcomes = []purse.Outcome{{}} },
	} {
		e := good.Clone()
		change(e)
		if o, err := nine.SettleOther(ctx, b.connect(t), e); !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	if o, err := seven.SettleOther(ctx, b.connect(t), good); !errors.As(err, new(*purse.RequestError)) {
		t.Errorf("its own: %+v %v", o, err)
	}
	if _, err := nine.SettleOther(ctx, b.connect(t), nil); !errors.As(err, new(*purse.RequestError)) {
		t.Errorf("none: %v", err)
	}
	// The right to lower only, as it says, is not so here: the key adds as well.
	before := b.value(t)
	for name, change := range map[string]func(e *purse.Entry){
		"others can only debit": func(e *purse.Entry) { e.Others = purse.OthersDebit; e.Values[0].Value = 400 },
		"nobody else":           func(e *purse.Entry) { e.Others = purse.OthersNothing; e.Values[0].Value = b.value(t) },
		"a slot outside":        func(e *purse.Entry) { e.SlotNo = 1 << 40 },
		"a slot before":         func(e *purse.Entry) { e.SlotNo = -1 },
		"the slot that is ours": func(e *purse.Entry) { e.SlotNo = conf.Slot.Number; e.Slot0 = make(purse.Hex, 16) },
		"a short slot":          func(e *purse.Entry) { e.Slot0 = purse.Hex{1} },
	} {
		e := good.Clone()
		e.HasTMAC, e.NamesReader, e.TMI, e.EncTMRI = false, false, nil, nil
		if e.Others != purse.OthersAny || name == "others can only debit" || name == "nobody else" {
			e.SlotFile = nil
		}
		change(e)
		if o, err := nine.SettleOther(ctx, b.connect(t), e); err != nil || o.Decision != purse.InDoubt {
			t.Errorf("%s: %+v %v", name, o, err)
		}
	}
	if b.value(t) != before {
		t.Error("a settlement moved the value")
	}
	// And another card says nothing.
	other := newBenchOf(t, wire.EV3, []byte{4, 9, 9, 9, 9, 9, 9}, true, true, false)
	if o, err := nine.SettleOther(ctx, other.connect(t), good); err == nil {
		t.Errorf("another card: %+v", o)
	}
}
