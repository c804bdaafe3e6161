package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// script is a Source whose events a test sends.
type script chan desfire.Event

func (s script) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for {
			select {
			case ev, ok := <-s:
				if !ok {
					yield(desfire.Event{}, errors.New("the source has ended"))
					return
				}
				if !yield(ev, nil) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

func hostileEvents(name string) []desfire.Event {
	return []desfire.Event{
		{Kind: desfire.ReaderAdded, Reader: name},
		{Kind: desfire.ReaderAdded, Reader: name + "2", Ignored: name},
	}
}

// desk is a page with a card on a reader, which it has read.
func desk(t *testing.T, g wire.Generation, change ...func(*Config)) (*client, *simreader.Reader) {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	field := simreader.New("desk", card)
	conf := Config{Source: field}
	for _, f := range change {
		f(&conf)
	}
	c := open(t, conf)
	c.read()
	return c, field
}

// only is the one reader that is not the simulated one of the page.
func (c *client) only() *reader {
	c.Helper()
	var rd *reader
	wait(c.T, "a reader", func() bool {
		for _, r := range c.server.hub.of(false) {
			rd = r
		}
		return rd != nil
	})
	return rd
}

// read waits until the page has read the card.
func (c *client) read() *stay {
	c.Helper()
	rd := c.only()
	var st *stay
	wait(c.T, "the card is read", func() bool {
		l := rd.look()
		rd.mu.Lock()
		defer rd.mu.Unlock()
		st = l.stay
		return st != nil && !st.reading && (st.card != nil || st.err != nil) && rd.job == nil && !rd.wants
	})
	return st
}

// A key that a card has refused is not tried again, however often the page reads the
// card: it may count.
func TestThreatRefusedKey(t *testing.T) {
	wrong, err := key.NewDES([]byte{2, 4, 6, 8, 10, 12, 14, 16}) // version 0, as the card's
	if err != nil {
		t.Fatal(err)
	}
	c, _ := desk(t, wire.EV3, func(conf *Config) {
		conf.Keys = keystore.Map{{Key: keystore.Number(0)}: {Key: wrong}}
	})
	rd := c.only()
	tried := func() (n int) {
		rd.traffic.mu.Lock()
		defer rd.traffic.mu.Unlock()
		for _, l := range rd.traffic.lines {
			if strings.HasPrefix(l.name, "Authenticate") {
				n++
			}
		}
		return n
	}
	st := c.read()
	if len(st.keys) != 1 || !strings.HasPrefix(st.keys[0].Title, "The card refused key 0") || len(st.keys[0].Causes) == 0 {
		t.Fatalf("%d tries: %+v", tried(), st.keys)
	}
	before := tried()
	if body := c.get("/v/card?reader=" + rd.id); before == 0 || !strings.Contains(body, "was not tried again") {
		t.Errorf("%d tries, the page: %s", before, body)
	}
	for range 3 {
		c.server.lookAt(rd)
		c.read()
	}
	if n := tried(); n != before {
		t.Errorf("%d tries by the page itself, at first %d", n, before)
	}
	c.do("POST", "/do/card-read?reader="+rd.id, "")
	wait(t, "the job has ended", func() bool { return rd.look().job == nil })
	if n := tried(); n <= before {
		t.Error("the key is not tried again when somebody asks")
	}
}

// listed is a store that lists its keys.
type listed struct{ keystore.Map }

func (l listed) Refs() (refs []keystore.Ref) {
	for r := range l.Map {
		refs = append(refs, r)
	}
	return refs
}

// A card that shows a random identifier is known by its real one, where a key tells
// that; jobs for it find it again.
func TestRandomIdentifier(t *testing.T) {
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
	if err != nil {
		t.Fatal(err)
	}
	made, err := desfire.Connect(t.Context(), card.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	master, app := key.Zero(key.Type2K3DES), wire.AID(0xF48121)
	for _, err := range []error{
		made.CreateApplication(t.Context(), &wire.CreateApplication{AID: app, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		made.Authenticate(t.Context(), 0, master),
		made.SetConfiguration(t.Context(), &wire.PICCConfig{Flags: wire.PICCRandomID}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	card.Lift()
	if err := card.Return(); err != nil {
		t.Fatal(err)
	}
	store := keystore.Map{
		{UID: keystore.UID(uid)}:                               {Key: master},
		{Place: wire.Place{AID: app}, Key: keystore.Number(0)}: {Key: key.Zero(key.TypeAES)},
	}
	field := simreader.New("desk", card)
	for _, keys := range []keystore.Store{store, listed{store}} {
		c := open(t, Config{Source: field, Keys: keys})
		st := c.read()
		if !st.random || !bytes.Equal(st.uid, uid) {
			t.Fatalf("random %v, identifier %X, %v", st.random, st.uid, st.err)
		}
		rd := c.only()
		for _, keep := range []bool{false, true} {
			runs := 0
			j, err := c.server.start(rd, work{title: "Try", uid: uid, keep: keep, run: func(ctx context.Context, _ *job, card *desfire.Card) error {
				if runs++; keep && runs == 1 {
					field.Lift()
					go func() { _ = field.Return() }()
				}
				_, err := card.Applications(ctx)
				return err
			}})
			if err != nil {
				t.Fatal(err)
			}
			<-j.ended
			if v := j.view(); v.State != jobDone || keep && runs < 2 {
				t.Errorf("keep %v: %d runs, %v %v", keep, runs, v.State, v.Err)
			}
			c.read()
		}
	}
}

// Two cards on two readers are two cards, and a job with one leaves the other alone.
func TestTwoReaders(t *testing.T) {
	source := make(script)
	c := open(t, Config{Source: source})
	for n, name := range []string{"left", "right"} {
		card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, byte(n), 2, 3, 4, 5, 6}})
		if err != nil {
			t.Fatal(err)
		}
		source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: name}
		source <- desfire.Event{Kind: desfire.CardInserted, Reader: name, Open: func(context.Context) (desfire.Transport, error) { return card.Present(), nil }}
	}
	readers := func() []*reader { return c.server.hub.of(false) }
	wait(t, "both cards are read", func() bool {
		n := 0
		for _, rd := range readers() {
			if l := rd.look(); l.stay != nil && l.stay.card != nil && !l.stay.reading && l.job == nil {
				n++
			}
		}
		return n == 2
	})
	both := make(chan bool)
	var jobs []*job
	for n, rd := range readers() {
		if uid := rd.look().stay.uid; uid[1] != byte(n) {
			t.Errorf("card %X lies on %s", uid, rd.name)
		}
		j, err := c.server.start(rd, work{title: "Meet", uid: rd.look().stay.uid, run: func(context.Context, *job, *desfire.Card) error {
			select { // each waits for the other
			case both <- true:
			case <-both:
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	for _, j := range jobs {
		if <-j.ended; j.view().State != jobDone {
			t.Error(j.view().Err)
		}
	}
	source <- desfire.Event{Kind: desfire.CardRemoved, Reader: "left"}
	c.until("/v/card?reader="+readers()[0].id, "Lay a card on the reader")
	c.until("/v/card?reader="+readers()[1].id, "04 01 02 03 04 05 06")
}

// A reader, a service and a source come and go; what is asked of the page meanwhile
// says so, and a reader that comes back is the same one.
func TestReadersComeAndGo(t *testing.T) {
	source := make(script)
	s, err := New(Config{Source: source})
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- s.Run(t.Context()) }()
	c := on(t, s)
	c.until("/v/card", "No reader")
	source <- desfire.Event{Kind: desfire.ServiceLost, Err: errors.New("the PC/SC service does not run")}
	c.until("/v/card", "No reader can be seen")
	c.until("/v/card", "The PC/SC service does not run")
	c.until("/v/rail", `data-live="No service"`)
	source <- desfire.Event{Kind: desfire.ServiceBack}
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "SAM", Ignored: "it is a contact reader"}
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "desk"}
	c.until("/v/rail", "it is a contact reader")
	c.until("/v/card?reader=r2", "Lay a card on the reader")
	c.until("/v/card?reader=r1", "takes no part")
	source <- desfire.Event{Kind: desfire.CardInserted, Reader: "desk", Ignored: "it is not contactless"}
	c.until("/v/card?reader=r2", "it is not contactless")
	source <- desfire.Event{Kind: desfire.CardRemoved, Reader: "desk"}
	c.until("/v/card?reader=r2", "Lay a card on the reader")
	source <- desfire.Event{Kind: desfire.ReaderRemoved, Reader: "desk"}
	c.until("/v/card?reader=r2", "not there any more")
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "desk"}
	c.until("/v/card?reader=r2", "Lay a card on the reader")
	source <- desfire.Event{Kind: desfire.ServiceLost}
	c.until("/v/card?reader=r2", "The service of the readers is gone")
	source <- desfire.Event{Kind: desfire.ServiceBack}
	for i := range 3 * mostAbsent {
		name := strings.Repeat("x", i+1)
		source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: name}
		source <- desfire.Event{Kind: desfire.ReaderRemoved, Reader: name}
	}
	if n := len(s.hub.of(false)); n > mostAbsent+1 {
		t.Errorf("%d readers are remembered that have gone", n)
	}
	close(source)
	if err := <-ran; err == nil || err.Error() != "the source has ended" {
		t.Errorf("Run: %v", err)
	}
	c.until("/v/card", "The source has ended")
}

// A card that leaves while the page reads it, at any moment, and another one that
// comes, are never mixed.
func TestCardsChangeWhileRead(t *testing.T) {
	source := make(script)
	c := open(t, Config{Source: source})
	uids := [][]byte{{4, 1, 1, 1, 1, 1, 1}, {4, 2, 2, 2, 2, 2, 2}}
	var fields []*sim.Card
	for _, uid := range uids {
		card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: uid})
		if err != nil {
			t.Fatal(err)
		}
		fields = append(fields, card)
	}
	source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "desk"}
	for n := range 40 {
		card, uid := fields[n%2], uids[n%2]
		left := n // exchanges after which it leaves
		source <- desfire.Event{Kind: desfire.CardInserted, Reader: "desk", Open: func(context.Context) (desfire.Transport, error) {
			return &leaves{Transport: card.Present(), after: left}, nil
		}}
		rd := c.only()
		for range n % 5 {
			if st := rd.look().stay; st != nil && len(st.uid) > 0 && !bytes.Equal(st.uid, uid) {
				t.Fatalf("card %X is taken for %X", uid, st.uid)
			}
			time.Sleep(100 * time.Microsecond)
		}
		source <- desfire.Event{Kind: desfire.CardRemoved, Reader: "desk"}
		wait(t, "the card has left", func() bool { return rd.look().stay == nil })
	}
	source <- desfire.Event{Kind: desfire.CardInserted, Reader: "desk", Open: func(context.Context) (desfire.Transport, error) { return fields[0].Present(), nil }}
	if st := c.read(); st.err != nil || !bytes.Equal(st.uid, uids[0]) || st.card == nil {
		t.Errorf("the last card: %+v", st)
	}
}

// leaves is a card that does not answer any more after some exchanges.
type leaves struct {
	desfire.Transport
	after int
}

func (l *leaves) Unwrap() desfire.Transport { return l.Transport }

func (l *leaves) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if l.after--; l.after < 0 {
		return nil, errors.New("it left")
	}
	return l.Transport.Transmit(ctx, command)
}

// A reading that a weak field spoils is done again, a few times and no more.
func TestReadingIsTriedAgain(t *testing.T) {
	for _, fails := range []int{1, 2, 100} {
		t.Run(fmt.Sprint(fails), func(t *testing.T) {
			t.Parallel()
			source := make(script)
			c := open(t, Config{Source: source})
			card, err := sim.New(&sim.Config{Generation: wire.EV2})
			if err != nil {
				t.Fatal(err)
			}
			source <- desfire.Event{Kind: desfire.ReaderAdded, Reader: "desk"}
			opened := 0
			source <- desfire.Event{Kind: desfire.CardInserted, Reader: "desk", Open: func(context.Context) (desfire.Transport, error) {
				if opened++; opened <= fails {
					return nil, errors.New("the field is weak")
				}
				return card.Present(), nil
			}}
			rd := c.only()
			if fails < mostTries {
				wait(t, "the card is read", func() bool { st := rd.look().stay; return st != nil && st.card != nil && !st.reading && st.err == nil })
				return
			}
			wait(t, "the page gives up", func() bool {
				rd.mu.Lock()
				defer rd.mu.Unlock()
				return rd.lies != nil && rd.lies.tries == mostTries && rd.job == nil
			})
			if body := c.get("/v/card?reader=" + rd.id); !strings.Contains(body, "The card does not answer") || !strings.Contains(body, "the field is weak") {
				t.Error(body)
			}
		})
	}
}
