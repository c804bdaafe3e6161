package batch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Cards get rows in the order in which they come, each once, also after the program
// was started again.
func TestIssue(t *testing.T) {
	b := newBench(t, 3)
	b.open()
	one, two, three, four := picc(t, wire.EV1, 1), picc(t, wire.EV2, 2), picc(t, wire.EV3, 3), picc(t, wire.EV3, 4)
	r := b.want(one, batch.Done, "1")
	if len(r.Keys) != 3 || !r.Proved || len(r.Reasons) > 0 {
		t.Errorf("%+v", r)
	}
	b.want(one, batch.Already, "1")
	b.want(two, batch.Done, "2")
	b.close()
	b.open()
	b.want(two, batch.Already, "2")
	b.want(one, batch.Already, "1")
	b.want(three, batch.Done, "3")
	b.want(four, batch.NoRow, "")
	if s := b.batch.Status(); s.Made != 3 || s.Free != 0 || s.Rows != 3 || s.Here != 1 {
		t.Errorf("%+v", s)
	}
	for i, c := range []*sim.Card{one, two, three} {
		holds(t, c, b.conf.Table.Values(b.conf.Table.Row(i)))
	}
	if got := b.results(); len(got) != 4 || !strings.HasPrefix(got[3], uidOf(three).String()+",3,done,true,") {
		t.Errorf("%q", got)
	}
}

// Without a table all cards are the same, and each is made once.
func TestNoTable(t *testing.T) {
	b := newBench(t, 0)
	l := layouts()
	b.conf.Table, b.conf.Layouts = nil, l
	if _, err := batch.Open(context.Background(), b.conf); err == nil || !strings.Contains(err.Error(), `"number", "name"`) {
		t.Errorf("a layout with columns: %v", err)
	}
	l.columns = nil
	b.open()
	one := picc(t, wire.EV3, 1)
	b.want(one, batch.Done, "")
	b.want(picc(t, wire.EV3, 2), batch.Done, "")
	b.want(one, batch.Already, "")
	if s := b.batch.Status(); s.Made != 2 || s.Rows != 0 {
		t.Errorf("%+v", s)
	}
}

// What cannot be made what its row says gets none.
func TestUnfit(t *testing.T) {
	b := newBench(t, 2)
	big := layouts()
	big.size = 1500
	b.conf.Layouts = big
	b.open()
	full := picc(t, wire.EV1, 3)
	card := on(t, full)
	for _, err := range []error{
		card.CreateApplication(context.Background(), &wire.CreateApplication{AID: 1, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(context.Background(), 1),
		card.CreateFile(context.Background(), &wire.CreateStdDataFile{File: 1, Size: 7000}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		picc *sim.Card
		want string
	}{
		"another generation":         {picc(t, wire.D40, 1), "it is for EV1, EV2, EV3"},
		"an application in the way":  {occupied(t, 2), "only deleting it would help"},
		"not enough memory":          {full, "not enough memory"},
		"a card of another key":      {foreign(t, 4), "not at hand"},
		"made under another book":    {made(t, b, 5), "is not in the book"},
		"a card of this application": {fitting(t, 6), "is not in the book"},
	} {
		before := test.picc.Image().Encode()
		r := b.want(test.picc, batch.Unfit, "")
		if !strings.Contains(strings.Join(r.Reasons, "; "), test.want) {
			t.Errorf("%s: %q", name, r.Reasons)
		}
		if string(before) != string(test.picc.Image().Encode()) {
			t.Errorf("%s: the card was changed", name)
		}
	}
	if s := b.batch.Status(); s.Free != 2 || s.Bound+s.Made+s.Failed != 0 {
		t.Errorf("%+v", s)
	}
	b.close()
	b.conf.Used = true
	b.open()
	b.want(fitting(t, 6), batch.Done, "1")
}

func on(t *testing.T, c *sim.Card) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), c.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// foreign is a card whose master key nobody here has, which makes applications only.
func foreign(t *testing.T, n int) *sim.Card {
	t.Helper()
	ctx := context.Background()
	c := picc(t, wire.EV2, n)
	card := on(t, c)
	theirs, err := key.NewAES([]byte("a key of theirs!"), 9)
	for _, err := range []error{
		err, card.Authenticate(ctx, 0, key.Zero(key.TypeDES)), card.ChangeKeySettings(ctx, 0x0B), card.ChangeKey(ctx, 0, theirs, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// made is a card of a batch with another book.
func made(t *testing.T, b *bench, n int) *sim.Card {
	t.Helper()
	other := newBench(t, 1)
	other.conf.Layouts = b.conf.Layouts
	other.open()
	c := picc(t, wire.EV2, n)
	other.want(c, batch.Done, "1")
	return c
}

// fitting is a card that has the application already, with the keys that cards are
// delivered with.
func fitting(t *testing.T, n int) *sim.Card {
	t.Helper()
	c := picc(t, wire.EV2, n)
	err := on(t, c).CreateApplication(context.Background(), &wire.CreateApplication{AID: place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A column says which card a row is for.
func TestByUID(t *testing.T) {
	b := newBench(t, 0)
	one, two, three := picc(t, wire.EV2, 1), fitting(t, 2), picc(t, wire.EV3, 3)
	b.conf.Table = table(t, fmt.Sprintf("uid;number;name\n%v;7;Ann\n%v;8;Bob\n", uidOf(two), uidOf(one)), &batch.TableConfig{UID: "uid", Name: "number"})
	b.open()
	b.want(three, batch.NoRow, "")
	b.want(one, batch.Done, "8")
	b.want(two, batch.Done, "7") // the table says so, whatever it has
	holds(t, one, map[string]string{"number": "8", "name": "Bob"})
	b.want(one, batch.Already, "8")
	b.close()
	b.conf.Table = table(t, fmt.Sprintf("uid;number;name\n%v;8;Bob\n%v;7;Ann\n%v;9;Eve\n", uidOf(three), uidOf(two), uidOf(one)), &batch.TableConfig{UID: "uid", Name: "number"})
	var changed *batch.RowChangedError
	if _, err := batch.Open(context.Background(), b.conf); !errors.As(err, &changed) || changed.Row != "8" || changed.Column != "uid" || changed.UID != uidOf(one) {
		t.Errorf("a row for another card: %v", err)
	}
}

// Nothing happens to a card that OnRow declines, and OnRow is told what it must know.
func TestOffer(t *testing.T) {
	b := newBench(t, 2)
	var offers []batch.Offer
	answer := errors.New("not this one")
	b.conf.OnRow = func(o batch.Offer) error { offers = append(offers, o); return answer }
	var steps []batch.Step
	b.conf.OnStep = func(s batch.Step) { steps = append(steps, s) }
	b.open()
	c := picc(t, wire.EV2, 1)
	before := c.Image().Encode()
	r := b.want(c, batch.Declined, "1")
	if string(before) != string(c.Image().Encode()) || len(r.Reasons) != 1 || r.Reasons[0] != answer.Error() {
		t.Errorf("%+v", r)
	}
	if o := offers[0]; o.UID != uidOf(c) || o.Proved || o.Row != "1" || o.Values["name"] != "Person 0" || o.Begun || len(o.Plan.Steps) == 0 || o.Reader != "reader" {
		t.Errorf("%+v", o)
	}
	answer = nil
	c.TearAfter(50)
	b.want(c, batch.HalfDone, "1")
	b.want(c, batch.Done, "1")
	if o := offers[2]; !o.Begun || o.Row != "1" {
		t.Errorf("%+v", o)
	}
	if s := steps[0]; s.UID != uidOf(c) || s.Row != "1" || s.N != 1 || s.Of < 3 || s.Step.Words == "" {
		t.Errorf("%+v", s)
	}
}

// The same identifier on two readers at once is one card and somebody's else.
func TestBusy(t *testing.T) {
	b := newBench(t, 2)
	c, twin := picc(t, wire.EV2, 1), picc(t, wire.EV2, 1)
	reached, goOn := make(chan bool), make(chan bool)
	b.conf.OnRow = func(batch.Offer) error { reached <- true; <-goOn; return nil }
	b.open()
	done := make(chan bool)
	go func() {
		defer close(done)
		b.want(c, batch.Done, "1")
	}()
	<-reached
	b.want(twin, batch.Busy, "")
	close(goOn)
	<-done
	b.want(twin, batch.Already, "1")
}

// A row that is released is free for another card, and the released card is a stranger.
func TestRelease(t *testing.T) {
	b := newBench(t, 2)
	b.open()
	one, two := picc(t, wire.EV2, 1), picc(t, wire.EV2, 2)
	one.TearAfter(60)
	b.want(one, batch.HalfDone, "1")
	b.want(two, batch.Done, "2")
	if err := errors.Join(b.batch.Release("3", "x"), b.batch.Release("1", "")); err == nil || !strings.Contains(err.Error(), `no card has row "3"`) || !strings.Contains(err.Error(), "say why") {
		t.Errorf("%v", err)
	}
	if err := b.batch.Release("1", "the card broke"); err != nil {
		t.Fatal(err)
	}
	if err := b.batch.Release("2", "lost"); err != nil {
		t.Fatal(err)
	}
	if got := b.results(); len(got) != 1 {
		t.Errorf("%q", got)
	}
	b.want(one, batch.Unfit, "")
	b.want(picc(t, wire.EV3, 3), batch.Done, "1")
	b.close()
	b.open()
	b.want(two, batch.Unfit, "")
	b.want(picc(t, wire.EV3, 4), batch.Done, "2")
	if got := b.results(); len(got) != 3 || len(b.entries()) != 2 {
		t.Errorf("%q, %+v", got, b.entries())
	}
}

// A card that turns out to be impossible after it got its row keeps it, and is tried
// again.
func TestFailed(t *testing.T) {
	b := newBench(t, 2)
	c := picc(t, wire.EV2, 1)
	lift := true
	b.conf.OnStep = func(s batch.Step) {
		if lift && s.Step.Kind == perso.WriteData {
			lift = false
			c.TearBefore(1)
		}
	}
	b.open()
	b.want(c, batch.HalfDone, "1")
	// Somebody else has frozen the settings of the file.
	ctx := context.Background()
	settle := on(t, c)
	master, err := derived{1}.Key(ctx, keystore.Ref{UID: uidOf(c), Place: place, Key: keystore.Number(0)})
	if err := errors.Join(err, settle.SelectApplication(ctx, place.AID), settle.Authenticate(ctx, 0, master)); err != nil {
		t.Fatal(err)
	}
	if err := settle.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: 1, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: wire.Never, Change: wire.Never}}); err != nil {
		t.Fatal(err)
	}
	r := b.want(c, batch.Failed, "1")
	if len(r.Reasons) == 0 || !strings.Contains(r.Reasons[0], "file 1") {
		t.Errorf("%+v", r)
	}
	before := read(t, b.conf.Book)
	b.want(c, batch.Failed, "1")
	if read(t, b.conf.Book) != before {
		t.Error("the same is in the book twice")
	}
	if got := b.results(); len(got) != 2 || !strings.Contains(got[1], "1,failed,false,,,") {
		t.Errorf("%q", got)
	}
	b.want(picc(t, wire.EV2, 2), batch.Done, "2")
	b.close()
	b.open()
	b.want(c, batch.Failed, "1")
	if s := b.batch.Status(); s.Failed != 1 || s.Made != 1 {
		t.Errorf("%+v", s)
	}
}

// The rate is of late, and tells how long the free rows take.
func TestStatus(t *testing.T) {
	b := newBench(t, 30)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.conf.Now = func() time.Time { return now }
	b.open()
	for n := range 25 {
		now = now.Add(time.Minute)
		if n < 5 {
			now = now.Add(time.Hour)
		}
		b.want(picc(t, wire.EV2, n), batch.Done, fmt.Sprint(n+1))
	}
	s := b.batch.Status()
	if s.Free != 5 || s.PerHour < 60 || s.PerHour > 64 || s.Left < 4*time.Minute || s.Left > 6*time.Minute {
		t.Errorf("%+v", s)
	}
}

// A card with a random identifier is known by the one that it tells in a session.
func TestRandomUID(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, 2)
	b.conf.Perso.Want = keystore.Chain{keystore.Map{{}: {Key: cardKey(t), Source: "same on all"}}, derived{1}}
	b.open()
	c := picc(t, wire.EV3, 1)
	b.want(c, batch.Done, "1")
	card := on(t, c)
	for _, err := range []error{
		card.SelectApplication(ctx, wire.PICC), card.Authenticate(ctx, 0, cardKey(t)), card.SetConfiguration(ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if r := b.want(c, batch.Already, "1"); r.UID != uidOf(c) {
		t.Errorf("%+v", r)
	}
	b.conf.Perso.Want = derived{1}
	b.close()
	b.open()
	r, err := b.present(c)
	if r.Outcome != batch.Untouched || !errors.As(err, new(*perso.KeyError)) {
		t.Errorf("%+v, %v", r, err)
	}
}

func cardKey(t *testing.T) key.Key {
	t.Helper()
	k, err := key.NewAES([]byte("same on allcards"), 1)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (b *bench) entries() []batch.Entry {
	b.t.Helper()
	book, err := batch.ReadBook(b.conf.Book)
	if err != nil {
		b.t.Fatal(err)
	}
	return book.Entries()
}

// What can never be undone is asked for before the first card, not left out on all.
func TestHeld(t *testing.T) {
	b := newBench(t, 1)
	l := layouts()
	l.settings = wire.SettDefault &^ wire.SettChangeable
	b.conf.Layouts = l
	b.open()
	c := picc(t, wire.EV2, 1)
	if r := b.want(c, batch.Unfit, ""); len(r.Reasons) != 1 {
		t.Errorf("%q", r.Reasons)
	}
	b.close()
	b.conf.Perso.Irreversible = perso.Irreversible()
	b.open()
	c.TearAfter(60)
	b.want(c, batch.HalfDone, "1")
	b.close()
	b.conf.Perso.Irreversible = nil
	b.open()
	b.want(c, batch.Unfit, "1")
	b.close()
	b.conf.Perso.Irreversible = perso.Irreversible()
	b.open()
	b.want(c, batch.Done, "1")
}
