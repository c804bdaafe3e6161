package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// links are round trip times of links.
var links = []time.Duration{time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 150 * time.Millisecond}

// tripped is a card behind an agent, whose round trips are noted by what they carry.
type tripped struct {
	*settledCard
	card  *desfire.Card
	sizes []int    // frames of each round trip
	names []string // of the commands, in order
	files map[desfire.FileNo]wire.FileSettings
}

// bareAgent carries no scripts.
type bareAgent struct{ *agent }

func (bareAgent) Script(context.Context, *desfire.Script) ([][]byte, error) { return nil, errNoScripts }

var errNoScripts = fmt.Errorf("no scripts: %w", errors.ErrUnsupported)

func newTripped(t *testing.T, m key.Method, withTMAC, scripts bool) *tripped {
	t.Helper()
	g := wire.EV3
	s := &tripped{settledCard: newSettled(t, g, m, withTMAC, withTMAC, nil), files: map[desfire.FileNo]wire.FileSettings{}}
	for _, no := range []desfire.FileNo{settledPurse, settledSlots, settledTMAC} {
		if no != settledTMAC || withTMAC {
			fs, err := s.settledCard.card.FileSettings(t.Context(), no)
			if err != nil {
				t.Fatal(err)
			}
			s.files[no] = *fs
		}
	}
	far := &agent{Transport: &counted{Transport: s.picc.Present(), s: s}}
	far.meet = func(ctx context.Context, x *desfire.Script) ([][]byte, error) {
		answers, err := desfire.RunScript(ctx, far.Transport, x)
		s.sizes = append(s.sizes[:len(s.sizes)-len(answers)], len(answers))
		return answers, err
	}
	var link desfire.Transport = far
	if !scripts {
		link = bareAgent{far}
	}
	card, err := desfire.Connect(t.Context(), link, &desfire.Config{Generation: g, Observe: func(x *desfire.Exchange) {
		s.names = append(s.names, shortName(x.Command))
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.card = card
	return s
}

// shortName names a command in the document.
func shortName(cmd wire.Command) string {
	name := cmd.Spec().Name
	switch {
	case strings.HasPrefix(name, "Authenticate"):
		return "authenticate"
	case name == "SelectApplication":
		return "select"
	case name == "ReadData":
		if no, _ := wire.FileOf(cmd); no == settledTMAC {
			return "TMAC file"
		}
		return "slot"
	case name == "CommitTransaction":
		return "Commit"
	}
	return name
}

// counted notes each frame as a round trip of its own.
type counted struct {
	desfire.Transport
	s *tripped
}

func (c *counted) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.s.sizes = append(c.s.sizes, 1)
	return c.Transport.Transmit(ctx, command)
}

// trips are the round trips of a job, and what goes out with each.
func (s *tripped) trips(t *testing.T, job func() error) (n int, together string) {
	t.Helper()
	s.sizes, s.names = nil, nil
	if err := job(); err != nil {
		t.Fatal(err)
	}
	var parts []string
	names := s.names
	for _, k := range s.sizes {
		if k > len(names) {
			t.Fatalf("round trips %v, commands %q", s.sizes, s.names)
		}
		parts = append(parts, strings.Join(names[:k], ", "))
		names = names[k:]
	}
	if len(names) > 0 {
		t.Fatalf("round trips %v, commands %q", s.sizes, s.names)
	}
	return len(s.sizes), strings.Join(parts, " · ")
}

// roundTrips writes the table of round trips with scripts and without.
func roundTrips(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	out.WriteString(`
## Round trips

Over a transport that carries scripts (desfire.Script), such as a reader of a fleet, commands of Card.Sequence and Card.Enter go out together, in EV2 and LRP
sessions. "by frame" are the round trips without scripts, which are the exchanges. What goes out together stands between the points. The times are what the round trips
take of a link, so many times its round trip time: nothing is timed, and the time of card and reader, which is the same either way, is not in them.

Purses are with keys that are not derived from the UID; "first" is in a new session, "next" follows in the same one. Against a relay (policy hostile) a
receipt goes out alone, before the movement, and the commit goes out alone where the answers to the movements are evidence (docs/purse.md); "commit along" is Config.CommitAlong.

| job | by frame | scripts | 1 ms | 10 ms | 50 ms | 150 ms | what goes out together |
|---|---|---|---|---|---|---|---|
`)
	row := func(name string, want int, job func(t *testing.T, scripts bool) (int, string)) {
		t.Helper()
		frames, _ := job(t, false)
		n, together := job(t, true)
		if n != want {
			t.Errorf("%s: %d round trips, want %d: %s", name, n, want, together)
		}
		fmt.Fprintf(out, "| %s | %d | %d |", name, frames, n)
		for _, l := range links {
			fmt.Fprintf(out, " %v → %v |", time.Duration(frames)*l, time.Duration(n)*l)
		}
		fmt.Fprintf(out, " %s |\n", together)
	}
	for _, x := range []struct {
		name string
		want int
		job  func(ctx context.Context, s *tripped) error
	}{
		{"select and authenticate", 2, func(ctx context.Context, s *tripped) error { return s.card.Enter(ctx, s.place, 0, s.login.Key) }},
		{"select, authenticate, debit, commit", 3, func(ctx context.Context, s *tripped) error {
			if err := s.card.Enter(ctx, s.place, 0, s.login.Key); err != nil {
				return err
			}
			return s.card.Sequence(ctx, desfire.Cmd(&wire.Debit{File: settledPurse, Amount: 1}), desfire.Cmd(&wire.CommitTransaction{}))
		}},
		{"select, authenticate, slot, debit, commit", 3, func(ctx context.Context, s *tripped) error {
			if err := s.card.Enter(ctx, s.place, 0, s.login.Key); err != nil {
				return err
			}
			return s.card.Sequence(ctx, desfire.Cmd(&wire.WriteData{File: settledSlots, Data: make([]byte, 16)}), desfire.Cmd(&wire.Debit{File: settledPurse, Amount: 1}), desfire.Cmd(&wire.CommitTransaction{}))
		}},
		{"10 values in a session", 1, func(ctx context.Context, s *tripped) error {
			var calls []desfire.Sequenced
			for range 10 {
				calls = append(calls, desfire.Cmd(&wire.GetValue{File: settledPurse}))
			}
			return s.card.Sequence(ctx, calls...)
		}},
	} {
		row(x.name, x.want, func(t *testing.T, scripts bool) (int, string) {
			s := newTripped(t, key.MethodEV2First, false, scripts)
			if err := s.card.Enter(t.Context(), s.place, 0, s.login.Key); err != nil {
				t.Fatal(err)
			}
			for _, no := range []desfire.FileNo{settledPurse, settledSlots} {
				if _, err := s.card.FileSettings(t.Context(), no); err != nil {
					t.Fatal(err)
				}
			}
			return s.trips(t, func() error { return x.job(t.Context(), s) })
		})
	}
	for _, x := range []struct {
		name        string
		tmac, slot  bool
		policy      ledger.Policy
		others      ledger.Others
		along       bool
		first, next int
	}{
		{"value alone", false, false, ledger.Hostile, ledger.OthersNothing, false, 4, 1},
		{"slot, nobody else moves the value", false, true, ledger.Hostile, ledger.OthersNothing, false, 5, 2},
		{"slot", false, true, ledger.Hostile, ledger.OthersAny, false, 6, 4},
		{"slot, commit along", false, true, ledger.Hostile, ledger.OthersAny, true, 5, 3},
		{"slot, policy accidents", false, true, ledger.Accidents, ledger.OthersAny, false, 4, 1},
		{"TMAC", true, false, ledger.Hostile, ledger.OthersAny, false, 6, 3},
		{"TMAC, commit along", true, false, ledger.Hostile, ledger.OthersAny, true, 5, 2},
		{"TMAC and slot", true, true, ledger.Hostile, ledger.OthersAny, false, 7, 4},
		{"TMAC and slot, commit along", true, true, ledger.Hostile, ledger.OthersAny, true, 6, 3},
	} {
		for i, want := range []int{x.first, x.next} {
			row([]string{"first debit: ", "next debit: "}[i]+x.name, want, func(t *testing.T, scripts bool) (int, string) {
				s := newTripped(t, key.MethodEV2First, x.tmac, scripts)
				conf := s.purse(x.tmac, x.slot)
				conf.Policy, conf.Others, conf.CommitAlong = x.policy, x.others, x.along
				p, err := ledger.Open(conf)
				if err != nil {
					t.Fatal(err)
				}
				debit := func() error {
					_, err := p.Debit(t.Context(), s.card, ledger.Request{Amount: 1})
					return err
				}
				n, together := s.trips(t, debit)
				if i == 1 {
					n, together = s.trips(t, debit)
				}
				return n, together
			})
		}
	}
}

// purse is the configuration of a purse of the card.
func (s *tripped) purse(withTMAC, slot bool) ledger.Config {
	file := func(no desfire.FileNo) ledger.File { return ledger.File{No: no, Settings: s.files[no]} }
	conf := ledger.Config{
		Place: s.place, Generation: wire.EV3, KeyNo: 0, Journal: ledger.Memory(nil),
		Keys: keystore.Map{{Place: s.place, Key: keystore.Number(0)}: {Key: s.login.Key}},
	}
	conf.Values = []ledger.File{file(settledPurse)}
	if slot {
		conf.Slot = &ledger.Slot{File: file(settledSlots)}
	}
	if withTMAC {
		conf.TMAC = &ledger.TMAC{File: file(settledTMAC), NamesReader: true}
	}
	return conf
}
