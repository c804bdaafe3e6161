package main

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// eachOf is each with verbs, without a place, and what it prints.
func eachOf(t *testing.T, flags eachFlags, verbs ...string) (*eacher, *lockedBuffer) {
	t.Helper()
	out := new(lockedBuffer)
	a := newApp(strings.NewReader(""), out, io.Discard)
	a.json, a.wait = true, time.Second
	cmd := &cobra.Command{Use: "desfire"}
	cmd.SetContext(t.Context())
	e := &eacher{app: a, eachFlags: flags, in: &tape{in: a.stdin}}
	for _, v := range verbs {
		if err := e.rehearse(cmd, v); err != nil {
			t.Fatal(err)
		}
	}
	return e, out
}

func eachCard(t *testing.T, uid byte, transit bool) *sim.Card {
	t.Helper()
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 0, 0, 0, 0, 0, uid}})
	if err != nil {
		t.Fatal(err)
	}
	if transit {
		if err := newApp(nil, io.Discard, io.Discard).makeTransit(t.Context(), card, 5); err != nil {
			t.Fatal(err)
		}
	}
	return card
}

// inserts presents a card on a reader, removes takes it away.
func inserts(card *sim.Card, reader string) func(func(desfire.Event, error) bool) bool {
	return event(desfire.Event{Kind: desfire.CardInserted, Reader: reader, Open: func(context.Context) (desfire.Transport, error) { return card.Present(), nil }})
}

func removes(reader string) func(func(desfire.Event, error) bool) bool {
	return event(desfire.Event{Kind: desfire.CardRemoved, Reader: reader})
}

// results are the lines of cards.
func results(t *testing.T, out *lockedBuffer) (all []eachResult) {
	t.Helper()
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(line, `"verbs":`) {
			continue
		}
		var r eachResult
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// Every presentation is worked with once, also of a card that was there before,
// and two at once one after the other; the worst gives the code.
func TestEachCard(t *testing.T) {
	one, other := eachCard(t, 1, true), eachCard(t, 2, false)
	e, out := eachOf(t, eachFlags{}, "value debit 121314 1 1", "value get 121314 1")
	source := script{
		inserts(one, "A"), until(t, out, `(?s)"exit":0,"ms"`),
		removes("A"),
		inserts(other, "B"), inserts(one, "A"), until(t, out, `(?s)"outcome":"refused".*"exit":0,"ms"|"exit":0,"ms".*"exit":0,"ms".*"outcome":"refused"`),
		removes("A"), removes("B"),
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "C", Open: func(context.Context) (desfire.Transport, error) { return badCard{0x6D, 0x00}, nil }}),
		until(t, out, `"outcome":"no-card"`),
	}
	err := e.run(t.Context(), &place.Place{Source: source, Name: "script"})
	if code := exitCode(t.Context(), err); code != exitNoCard || !strings.Contains(err.Error(), "2 of 4 cards failed") {
		t.Errorf("code %d: %v", code, err)
	}
	codes := make(map[string][]int)
	for _, r := range results(t, out) {
		codes[r.Reader] = append(codes[r.Reader], r.Exit)
		if (r.Exit == exitDone) != (len(r.Verbs) == 2) {
			t.Errorf("%+v", r)
		}
	}
	if len(codes["A"]) != 2 || len(codes["B"]) != 1 || codes["B"][0] != exitRefused || len(codes["C"]) != 1 {
		t.Errorf("%v\n%s", codes, out)
	}
	if strings.Count(out.String(), `"before":`) != 2 || strings.Count(out.String(), `"before":4,"value":3}`) != 1 {
		t.Errorf("two presentations, two debits:\n%s", out)
	}
}

// A count of cards ends it, and a card that came meanwhile is not touched.
func TestEachCount(t *testing.T) {
	one, other := eachCard(t, 1, true), eachCard(t, 2, true)
	e, out := eachOf(t, eachFlags{count: 1}, "value debit 121314 1 1")
	source := script{inserts(one, "A"), inserts(other, "B"), until(t, out, `"ms"`), func(func(desfire.Event, error) bool) bool {
		time.Sleep(50 * time.Millisecond)
		return true
	}}
	if err := e.run(t.Context(), &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if r := results(t, out); len(r) != 1 {
		t.Errorf("%+v", r)
	}
}

// dying executes so many commands, and does not answer the last one.
type dying struct {
	desfire.Transport
	left int
}

func (d *dying) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if d.left <= 0 {
		return nil, io.ErrUnexpectedEOF
	}
	rsp, err := d.Transport.Transmit(ctx, command)
	if d.left--; d.left == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return rsp, err
}

func (d *dying) Reconnect(context.Context) error { return io.ErrUnexpectedEOF }

// mute answers so many commands, and the next not until its context ends.
type mute struct {
	desfire.Transport
	left   int
	silent chan struct{} // closed when that comes
}

func (m *mute) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if m.left--; m.left >= 0 {
		return m.Transport.Transmit(ctx, command)
	}
	if m.left == -1 {
		close(m.silent)
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// A card that leaves in the middle is its own error, and another one goes on. A
// commit without an answer leaves open what happened, unless the card is still
// there to be asked.
func TestEachLeaves(t *testing.T) {
	const commit = 2 + 4 // select, settings; then select, get, debit, commit
	torn, blinks, later, held := eachCard(t, 1, true), eachCard(t, 2, true), eachCard(t, 3, true), eachCard(t, 4, true)
	e, out := eachOf(t, eachFlags{keepGoing: true}, "value debit 121314 1 1", "info")
	silent := make(chan struct{})
	source := script{
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", Open: func(context.Context) (desfire.Transport, error) {
			return &dying{torn.Present(), 3 + commit}, nil
		}}), until(t, out, `"outcome":"unknown-outcome"`), removes("A"),
		func(func(desfire.Event, error) bool) bool {
			blinks.TearAfter(3 + commit)
			return true
		},
		inserts(blinks, "B"), until(t, out, `000002","product":"[^"]*","reader":"B","verbs":.*"outcome":"done"`),
		func(func(desfire.Event, error) bool) bool { // it comes again, and is asked what it is
			before := blinks.Exchanges()
			return waitFor(func() bool { return blinks.Exchanges() >= before+3 })
		},
		removes("B"),
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "D", Open: func(context.Context) (desfire.Transport, error) {
			return &mute{held.Present(), 4, silent}, nil
		}}),
		func(func(desfire.Event, error) bool) bool { <-silent; return true },
		removes("D"), until(t, out, `000004","product":"[^"]*","reader":"D","verbs":.*"outcome":"no-card"`),
		inserts(later, "C"), until(t, out, `000003","product":"[^"]*","reader":"C","verbs":.*"outcome":"done"`),
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := e.run(ctx, &place.Place{Source: source, Name: "script"})
	if code := exitCode(t.Context(), err); code != exitUnknown || !strings.Contains(err.Error(), "2 of 4 cards failed") {
		t.Errorf("code %d: %v", code, err)
	}
	if v := strings.Count(out.String(), `000002","product":"MIFARE DESFire EV2","reader":"B","verbs"`); v != 1 {
		t.Errorf("worked with %d times in one presentation", v)
	}
	if !strings.Contains(out.String(), `"before":5,"value":4}`) || !strings.Contains(out.String(), "the card left before value debit was done") {
		t.Errorf("%s", out)
	}
}
