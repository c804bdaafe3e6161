package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// script is a source that reports what it is told.
type script []func(yield func(desfire.Event, error) bool) bool

func (s script) Events(context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for _, step := range s {
			if !step(yield) {
				return
			}
		}
	}
}

func event(ev desfire.Event) func(func(desfire.Event, error) bool) bool {
	return func(yield func(desfire.Event, error) bool) bool { return yield(ev, nil) }
}

// until lets a report be made before the script goes on: on stdout or stderr,
// whichever it is written to.
func until(t *testing.T, out *lockedBuffer, pattern string) func(func(desfire.Event, error) bool) bool {
	return func(func(desfire.Event, error) bool) bool {
		out.await(t, pattern)
		return true
	}
}

// TestWatchEvents walks through everything a source can report.
func TestWatchEvents(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV1, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	if err := newApp(nil, io.Discard, io.Discard).makeTransit(t.Context(), card, 1); err != nil {
		t.Fatal(err)
	}
	open := func(context.Context) (desfire.Transport, error) { return card.Present(), nil }
	none := func(context.Context) (desfire.Transport, error) { return nil, errors.New("the reader is busy") }
	var out, log lockedBuffer
	both := &lockedBuffer{}
	source := script{
		event(desfire.Event{Kind: desfire.ServiceLost, Err: errors.New("no service yet")}),
		event(desfire.Event{Kind: desfire.ServiceBack}),
		event(desfire.Event{Kind: desfire.ReaderAdded, Reader: "A"}),
		event(desfire.Event{Kind: desfire.ReaderAdded, Reader: "SAM", Ignored: "a SAM slot"}),
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "SAM", ATR: []byte{0x3B}, Ignored: "a SAM slot"}),
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", ATR: []byte{0x3B, 0x81}, Open: open}),
		until(t, both, "5A5A01"),
		event(desfire.Event{Kind: desfire.CardRemoved, Reader: "A", Err: errors.New("pulled")}),
		event(desfire.Event{Kind: desfire.CardRemoved, Reader: "A"}), // of which nobody knew
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", ATR: []byte{0x3B, 0x82}, Open: none}),
		until(t, both, "reader is busy"),
		event(desfire.Event{Kind: desfire.CardInserted, Reader: "B", ATR: []byte{0x3B, 0x83}, Open: func(context.Context) (desfire.Transport, error) { return badCard{0x6D, 0x00}, nil }}),
		until(t, both, "not a DESFire card"),
		event(desfire.Event{Kind: desfire.ReaderRemoved, Reader: "A", Err: errors.New("unplugged")}),
		event(desfire.Event{Kind: desfire.ServiceLost, Err: errors.New("stopped")}),
	}
	a := newApp(nil, io.MultiWriter(&out, both), io.MultiWriter(&log, both))
	a.json = true
	if err := (&watcher{app: a}).watch(t.Context(), &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if log.String() != "" {
		t.Errorf("log lines with --json:\n%s", log.String())
	}
	got := make(map[string][]watchEvent)
	for line := range strings.Lines(out.String()) {
		var e watchEvent
		var all map[string]any
		if err := errors.Join(json.Unmarshal([]byte(line), &all), json.Unmarshal([]byte(line), &e)); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, name := range []string{"time", "event", "reader", "atr", "uid", "product", "applications", "exit", "reason"} {
			if _, ok := all[name]; !ok || len(all) != 9 {
				t.Errorf("no %s, or too much, in %s", name, line)
			}
		}
		got[e.Event+" "+e.Reader] = append(got[e.Event+" "+e.Reader], e)
	}
	one := func(name string) watchEvent {
		t.Helper()
		if len(got[name]) == 0 {
			t.Fatalf("no %s in\n%s", name, out.String())
		}
		return got[name][0]
	}
	if e := one("inserted A"); len(e.Applications) != 2 || e.Applications[0].AID != transitApp || e.Reason != "" {
		t.Errorf("inserted: %+v", e)
	}
	if e := one("inserted SAM"); e.Applications != nil || !strings.Contains(e.Reason, "left out: a SAM slot") {
		t.Errorf("ignored card: %+v", e)
	}
	if e := one("reader-added SAM"); !strings.Contains(e.Reason, "a SAM slot") {
		t.Errorf("ignored reader: %+v", e)
	}
	if e := one("removed A"); len(got["removed A"]) != 1 || e.Reason != "pulled" {
		t.Errorf("removed: %+v", got["removed A"])
	}
	if e := got["inserted A"][1]; e.Applications != nil || !strings.HasSuffix(e.Reason, "the reader is busy") {
		t.Errorf("busy: %+v", e)
	}
	if e := one("inserted B"); !strings.Contains(e.Reason, "not a DESFire card") {
		t.Errorf("another card: %+v", e)
	}
	if one("reader-removed A").Reason != "unplugged" || len(got["service-lost "]) != 2 || len(got["service-back "]) != 1 {
		t.Errorf("readers and service:\n%s", out.String())
	}

	// The same for people.
	out.reset()
	both.reset()
	a.json = false
	if err := (&watcher{app: a}).watch(t.Context(), &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"The smart card service is gone", "no service yet", "service is back", "+ Reader added", "left out: a SAM slot",
		"+ Inserted: 3B 81", "Found application 121314", "Card: MIFARE DESFire EV1 04010203040506 reader=A", "- Removed: MIFARE DESFire EV1 04010203040506 reader=A", "Could not list the applications: connect to the card on A",
		"Not a DESFire card", "- Reader removed",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in\n%s", want, log.String())
		}
	}
	for line := range strings.Lines(log.String()) {
		if !strings.Contains(line, " reader=") && !strings.Contains(line, "smart card service") {
			t.Errorf("which reader? %s", line)
		}
	}
	if out.String() != "" {
		t.Errorf("stdout: %s", out.String())
	}
}

// TestWatchExecOnce: a card that loses its power for a moment, and is served
// again without an insertion, is no new presentation.
func TestWatchExecOnce(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	var out, log lockedBuffer
	insert := event(desfire.Event{Kind: desfire.CardInserted, Reader: "A", Open: func(context.Context) (desfire.Transport, error) { return card.Present(), nil }})
	card.TearAfter(4) // behind GetVersion
	source := script{
		insert, until(t, &log, "(?s)Program ended.*No applications on the card"),
		event(desfire.Event{Kind: desfire.CardRemoved, Reader: "A"}),
		insert, until(t, &log, "(?s)Program ended.*Program ended"),
	}
	w := &watcher{app: newApp(nil, &out, &log), program: &program{sh, []string{"sh", "-c", "echo ran $DESFIRE_READER"}}}
	if err := w.watch(t.Context(), &place.Place{Source: source, Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "04010203040506: ran A\n"); got != 2 {
		t.Errorf("ran %d times in two presentations:\n%s%s", got, out.String(), log.String())
	}
	if !strings.Contains(log.String(), "Could not list the applications") {
		t.Errorf("the card did not lose its power:\n%s", log.String())
	}
}
