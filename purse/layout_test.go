package purse_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// A layout that is written and read says the same, and makes a purse that works.
func TestLayoutReadBack(t *testing.T) {
	b := newBench(t, wire.EV3, true, true, true)
	ev2, spare := key.MethodEV2First, uint32(40)
	b.conf.Method, b.conf.Slot.Spare, b.conf.Record.Newest, b.conf.Policy = &ev2, &spare, 3, purse.Hostile
	l, err := purse.LayoutOf(&b.conf)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	read, err := purse.ParseLayout(text)
	if err != nil {
		t.Fatal(err)
	}
	c, err := read.Config()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	c.Keys, c.Journal = b.conf.Keys, b.conf.Journal
	if again, err := purse.LayoutOf(c); err != nil || !reflect.DeepEqual(again, l) {
		t.Errorf("%v: %+v, want %+v", err, again, l)
	}
	if c.Slot.Number != 1 || *c.Slot.Spare != 40 || c.Record.Newest != 3 || !c.TMAC.NamesReader || *c.Method != ev2 || c.KeyNo != 1 || c.NoKey {
		t.Errorf("%+v", c)
	}
	p, err := purse.Open(*c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Debit(context.Background(), b.connect(t), purse.Request{ID: "a", Amount: 10}); err != nil || b.value(t) != 490 {
		t.Errorf("%v, value %d", err, b.value(t))
	}
	if c.Policy, c.Others, c.Slot, c.Record, c.TMAC = "", purse.OthersAny, nil, nil, nil; c.Check() == nil {
		t.Error("a value that others move proves something")
	}
}

// What a layout cannot say is not left out of it, and what it says wrong is refused.
func TestLayoutRefuses(t *testing.T) {
	conf := newBench(t, wire.EV3, true, false, false).conf
	for field, edit := range map[string]func(*purse.Config){
		"Lease":     func(c *purse.Config) { c.Lease = &lease{} },
		"Elsewhere": func(c *purse.Config) { c.Elsewhere = &purse.Elsewhere{} },
	} {
		c := conf
		edit(&c)
		var bad *purse.ConfigError
		if _, err := purse.LayoutOf(&c); !errors.As(err, &bad) || bad.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	l, err := purse.LayoutOf(&conf)
	if err != nil {
		t.Fatal(err)
	}
	for what, edit := range map[string]func(*purse.Layout){
		"is no method":       func(l *purse.Layout) { l.Method = "by hand" },
		"settings of file 1": func(l *purse.Layout) { l.Values[0].Settings = "02" },
		"settings of file 2": func(l *purse.Layout) { l.TMAC.Settings = "xy" },
	} {
		wrong := *l
		tmac := *l.TMAC
		wrong.Values, wrong.TMAC = append([]purse.LayoutFile(nil), l.Values...), &tmac
		edit(&wrong)
		if c, err := wrong.Config(); err == nil || c != nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	text, _ := json.Marshal(l)
	for _, x := range []struct{ old, new string }{
		{"purse/v1", "purse/v2"}, {`"generation"`, `"generatoin"`}, {`"values":[`, `"values":3,"more":[`},
	} {
		if l, err := purse.ParseLayout([]byte(strings.Replace(string(text), x.old, x.new, 1))); err == nil || l != nil {
			t.Errorf("%s is taken", x.new)
		}
	}
}

// A free file needs no key, in the layout too.
func TestLayoutFree(t *testing.T) {
	conf := newBench(t, wire.EV1, false, false, false).conf
	conf.NoKey, conf.Policy = true, purse.Accidents
	l, err := purse.LayoutOf(&conf)
	if err != nil || l.KeyNo != nil {
		t.Fatalf("%v %+v", err, l)
	}
	if c, err := l.Config(); err != nil || !c.NoKey {
		t.Errorf("%v %+v", err, c)
	}
}

// Discovery takes the receipts it is told to, fences where records need it, and says
// which files could hold receipts.
func TestDiscover(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, false, true, true)
	slot, record := slotNo, recordNo
	d := &purse.Discovery{Place: b.conf.Place, File: valueNo, Keys: b.conf.Keys, KeyNo: 1, Slot: &slot, SlotNumber: 2, Record: &record, Journal: purse.Memory(nil)}
	c, err := d.Config(ctx, b.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if c.Policy != purse.Hostile || c.Slot == nil || c.Slot.Number != 2 || c.Slot.Settings.Size != 64 || c.Record == nil || !c.BeginFence || c.TMAC != nil || c.Generation != wire.EV3 {
		t.Errorf("%+v", c)
	}
	p, err := d.Open(ctx, b.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := p.Debit(ctx, b.connect(t), purse.Request{ID: "a", Amount: 1}); err != nil || r.Entry.SlotNo != 2 || r.Entry.RecordFile == nil {
		t.Errorf("%v %+v", err, r)
	}

	card := b.connect(t)
	if c, err = d.Config(ctx, card); err != nil {
		t.Fatal(err)
	}
	slots, records, err := d.Candidates(ctx, card, c)
	if err != nil || len(slots) != 1 || slots[0] != (purse.Candidate{File: slotNo, Slots: 4}) || len(records) != 1 || records[0] != (purse.Candidate{File: recordNo, Records: 4}) {
		t.Errorf("%v: %+v %+v", err, slots, records)
	}
	c.KeyNo = 2 // which has no right to the files
	if slots, records, err = d.Candidates(ctx, card, c); err != nil || !strings.Contains(slots[0].Why, "key 2 has no right") || !strings.Contains(records[0].Why, "key 2 has no right") {
		t.Errorf("%v: %+v %+v", err, slots, records)
	}

	named := newBench(t, wire.EV3, true, false, true)
	d = &purse.Discovery{Place: named.conf.Place, File: valueNo, Keys: named.conf.Keys, KeyNo: 1, Record: &record}
	if c, err := d.Config(ctx, named.connect(t)); err != nil || c.TMAC == nil || !c.TMAC.NamesReader || c.BeginFence {
		t.Errorf("%v %+v", err, c)
	}
}

// What is not there is said, with the file that is missing.
func TestDiscoverRefuses(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, wire.EV3, false, true, false)
	nine, slot := wire.FileNo(9), slotNo
	base := purse.Discovery{Place: b.conf.Place, File: valueNo, Keys: b.conf.Keys, KeyNo: 1}
	for name, edit := range map[string]func(*purse.Discovery){
		"value":  func(d *purse.Discovery) { d.File = nine },
		"slot":   func(d *purse.Discovery) { d.Slot = &nine },
		"record": func(d *purse.Discovery) { d.Record = &nine },
	} {
		d := base
		edit(&d)
		var missing *purse.NoFileError
		if c, err := d.Config(ctx, b.connect(t)); !errors.As(err, &missing) || missing.File != 9 || c != nil || !strings.Contains(err.Error(), "no file 9") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := base
	d.File = slot
	var other *purse.TypeError
	if _, err := d.Config(ctx, b.connect(t)); !errors.As(err, &other) || other.Type != wire.FileBackup || !strings.Contains(err.Error(), "not a value file") {
		t.Errorf("%v", err)
	}
	d = base
	d.Keys = keystore.Map{}
	if _, err := d.Config(ctx, b.connect(t)); err == nil {
		t.Error("without the key")
	}
	d.Place = wire.Place{AID: 0x999999}
	if _, err := d.Open(ctx, b.connect(t)); !errors.Is(err, wire.StatusApplicationNotFound) {
		t.Errorf("no application: %v", err)
	}
}
