package purse_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// What no card could do is refused before the card is asked anything.
func TestRequestsRefused(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, false, true, false)
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	card := b.connect(t)
	before := b.picc.Exchanges()
	one := []purse.Move{{File: valueNo, Amount: 1}}
	for _, x := range []struct {
		words string
		o     purse.Order
	}{
		{"65 bytes", purse.Order{ID: strings.Repeat("x", 65), Moves: one}},
		{"its ID is not UTF-8", purse.Order{ID: "\xFF", Moves: one}},
		{"moves nothing", purse.Order{ID: "a"}},
		{"Meta", purse.Order{Moves: one, Meta: map[string]string{"\xFF": "x"}}},
		{"Meta", purse.Order{Moves: one, Meta: map[string]string{"x": "\xFF"}}},
		{"an amount of 0", purse.Order{Moves: []purse.Move{{File: valueNo}}}},
		{"an amount of -1", purse.Order{Moves: []purse.Move{{File: valueNo, Amount: -1}}}},
		{"no kind", purse.Order{Moves: []purse.Move{{File: valueNo, Kind: 3, Amount: 1}}}},
		{"file 3 is none", purse.Order{Moves: []purse.Move{{File: slotNo, Amount: 1}}}},
		{"twice", purse.Order{Moves: append(one, one...)}},
		{"without limited credit", purse.Order{Moves: []purse.Move{{File: valueNo, Kind: purse.LimitedCredit, Amount: 1}}}},
	} {
		r, err := p.Do(ctx, card, x.o)
		if !errors.As(err, new(*purse.RequestError)) || r != nil || !strings.Contains(err.Error(), x.words) {
			t.Errorf("%s: %v", x.words, err)
		}
		if _, err := p.Stored(ctx, x.o); x.words != "without limited credit" && !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("stored: %s: %v", x.words, err)
		}
	}
	var limit *purse.LimitError
	if _, err := p.Debit(ctx, card, purse.Request{Amount: 501}); !errors.As(err, &limit) || limit.Value != 500 || limit.Limit != 0 || !strings.Contains(err.Error(), "below 0") {
		t.Errorf("too much: %v", err)
	}
	if _, err := p.Credit(ctx, card, purse.Request{Amount: 501}); !errors.As(err, &limit) || limit.Limit != 1000 || !strings.Contains(err.Error(), "above 1000") {
		t.Errorf("too much: %v", err)
	}
	for e, err := range b.conf.Journal.Entries(ctx) {
		t.Errorf("begun: %v %+v", err, e)
	}
	if b.value(t) != 500 || b.picc.Exchanges() == before {
		t.Errorf("value %d", b.value(t))
	}
}

// Rights that the key has not are refused by the settings that were stated, not by
// the card.
func TestRightsRefused(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, false, true, false)
	for _, x := range []struct {
		words string
		edit  func(*purse.Config)
	}{
		{"key 1 has no right to Credit", func(c *purse.Config) {
			c.Values[0].Settings.Access = wire.AccessRights{Read: 1, Write: 1, ReadWrite: 2, Change: 0}
		}},
		{"anybody may make a Credit", func(c *purse.Config) {
			c.Values[0].Settings.Access = wire.AccessRights{Read: 1, Write: 1, ReadWrite: wire.Free, Change: 0}
		}},
		{"not free for Credit", func(c *purse.Config) {
			c.NoKey, c.Policy, c.Slot, c.Keys = true, purse.Accidents, nil, nil
			c.Values[0].Settings.Access = wire.AccessRights{Read: wire.Free, Write: 1, ReadWrite: 1, Change: 0}
		}},
	} {
		c := b.conf
		c.Values = append([]purse.File(nil), c.Values...)
		x.edit(&c)
		p, err := purse.Open(c)
		if err != nil {
			t.Errorf("%s: %v", x.words, err)
			continue
		}
		if _, err := p.Credit(ctx, b.connect(t), purse.Request{Amount: 1}); !errors.As(err, new(*purse.RequestError)) || !strings.Contains(err.Error(), x.words) {
			t.Errorf("%s: %v", x.words, err)
		}
	}
	if b.value(t) != 500 {
		t.Errorf("value %d", b.value(t))
	}
}

// Credits are what they say, Stored finds what happened and nothing else, and Look
// tells what the card and the journal have.
func TestStoredAndLook(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, true)
	p, err := purse.Open(b.conf)
	if err != nil {
		t.Fatal(err)
	}
	card := b.connect(t)
	o := purse.Order{ID: "a", Moves: []purse.Move{{File: valueNo, Kind: purse.Credit, Amount: 20}}, Meta: map[string]string{"line": "7", "stop": "2"}}
	if r, err := p.Stored(ctx, o); err != nil || r != nil {
		t.Errorf("before: %v %+v", err, r)
	}
	done, err := p.Do(ctx, card, o)
	if err != nil || b.value(t) != 520 {
		t.Fatalf("%v, value %d", err, b.value(t))
	}
	if r, err := p.Stored(ctx, o); err != nil || !r.Stored || r.Entry.ID != done.Entry.ID {
		t.Errorf("after: %v %+v", err, r)
	}
	o.Meta = map[string]string{"line": "7", "stop": "3"}
	if _, err := p.Stored(ctx, o); !errors.As(err, new(*purse.FingerprintError)) || !strings.Contains(err.Error(), done.Entry.ID.String()) {
		t.Errorf("another meta: %v", err)
	}
	v, err := p.Look(ctx, card)
	if err != nil {
		t.Fatal(err)
	}
	id, amount, _, ok := purse.ParseRecord(v.Newest)
	if len(v.Values) != 1 || v.Values[0].Value != 520 || v.TMC == nil || *v.TMC != 1 || string(v.Slot) != string(done.Entry.ID[:]) ||
		!ok || id != done.Entry.ID || amount != 20 || v.Records == nil || *v.Records != 1 || v.Open != nil || v.State == nil || v.State.TMC != 1 {
		t.Errorf("%+v", v)
	}

	b.picc.Inject(sim.Fault{Exchange: 9, Kind: sim.LosePowerBefore})
	if v, err := p.Look(ctx, b.connect(t)); err == nil {
		t.Errorf("a card that is gone shows %+v", v)
	}
	b.picc.ClearFaults()
	if v, err := p.Look(ctx, b.connect(t)); err != nil || v.Values[0].Value != 520 {
		t.Errorf("%v %+v", err, v)
	}
}

// An open entry is shown, settled once, and nothing is open then.
func TestSettleOpen(t *testing.T) {
	ctx := context.Background()
	b, p, id := doubtful(t)
	v, err := p.Look(ctx, b.connect(t))
	if err != nil || v.Open == nil || v.Open.ID != id {
		t.Fatalf("%v %+v", err, v)
	}
	r, err := p.Settle(ctx, b.connect(t))
	if err != nil || r.Entry.ID != id || r.Decision() != purse.Happened || b.value(t) != 490 {
		t.Fatalf("%v %+v, value %d", err, r, b.value(t))
	}
	if r, err := p.Settle(ctx, b.connect(t)); err != nil || r != nil {
		t.Errorf("nothing is open: %v %+v", err, r)
	}
}

// Another card says nothing of the one that is open, and the request that was begun on
// it is not made there.
func TestRequestOnAnotherCard(t *testing.T) {
	ctx := context.Background()
	b, p, id := doubtful(t)
	other := newBench(t, wire.EV3, true, false, false)
	image := other.picc.Image()
	image.UID = []byte{4, 0x22, 2, 3, 4, 5, 6}
	store := sim.Memory()
	if err := store.Save(image.Encode()); err != nil {
		t.Fatal(err)
	}
	picc, err := sim.New(&sim.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	other.picc = picc
	var doubt *purse.InDoubtError
	if _, err := p.Debit(ctx, other.connect(t), purse.Request{ID: "a", Amount: 10}); !errors.As(err, &doubt) || doubt.Receipt.Entry.ID != id || !strings.Contains(err.Error(), "this is card 04220203040506") {
		t.Errorf("%v", err)
	}
	if other.value(t) != 500 || b.value(t) != 490 {
		t.Errorf("values %d, %d", other.value(t), b.value(t))
	}
	if r, err := p.Settle(ctx, other.connect(t)); err != nil || r != nil {
		t.Errorf("nothing is open there: %v %+v", err, r)
	}
}

// Under a lease that goes on, the value is known from the last change; without the
// lease nothing begins.
func TestLease(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, true, true, false)
	l := &lease{"first"}
	b.conf.Lease = l
	debit := func(card *desfire.Card, p *purse.Purse) (*purse.Receipt, int, error) {
		before := b.picc.Exchanges()
		r, err := p.Debit(ctx, card, purse.Request{Amount: 10})
		return r, b.picc.Exchanges() - before, err
	}
	open := func() *purse.Purse {
		p, err := purse.Open(b.conf)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	r, first, err := debit(b.connect(t), open())
	if err != nil || r.Entry.Lease != "first" || r.Entry.Values[0].Source != purse.FromSession {
		t.Fatalf("%v %+v", err, r)
	}
	r, next, err := debit(b.connect(t), open())
	if err != nil || r.Entry.Values[0] != (purse.ValueBefore{File: valueNo, Value: 490, Source: purse.FromLease}) || next >= first || b.value(t) != 480 {
		t.Errorf("%v, %d exchanges after %d: %+v", err, next, first, r)
	}
	l.epoch = "second"
	if r, _, err = debit(b.connect(t), open()); err != nil || r.Entry.Values[0].Source != purse.FromSession || r.Entry.Lease != "second" {
		t.Errorf("%v %+v", err, r)
	}
	l.epoch = ""
	var bad *purse.ConfigError
	if _, _, err := debit(b.connect(t), open()); !errors.As(err, &bad) || bad.Field != "Lease" || b.value(t) != 470 {
		t.Errorf("no lease: %v, value %d", err, b.value(t))
	}
	b.conf.Others = purse.OthersAny
	if r, _, err = debit(b.connect(t), open()); err != nil || r.Entry.Lease != "" {
		t.Errorf("others may move it: %v %+v", err, r)
	}
}
