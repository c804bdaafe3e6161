package purse_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const (
	farebox wire.AID    = 0x121314
	file    wire.FileNo = 1
)

// field is a reader on which one card lies for ever. relay, if set, carries each
// exchange.
type field struct {
	picc  *sim.Card
	relay func(command []byte, pass func() ([]byte, error)) ([]byte, error)
}

func (f *field) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		open := func(context.Context) (desfire.Transport, error) { return &link{f.picc.Present(), f}, nil }
		if yield(desfire.Event{Kind: desfire.CardInserted, Reader: "field", Open: open}, nil) {
			<-ctx.Done()
		}
	}
}

type link struct {
	*sim.Activation
	f *field
}

func (l *link) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	pass := func() ([]byte, error) { return l.Activation.Transmit(ctx, command) }
	if l.f.relay == nil {
		return pass()
	}
	return l.f.relay(command, pass)
}

// layout is how the card of a test is made.
type layout struct {
	generation wire.Generation
	option     wire.FileOption
	session    bool
}

var layouts = map[string]layout{
	"EV1 in plain":      {wire.EV1, wire.OptionPlain, false},
	"EV1 in a session":  {wire.EV1, wire.OptionMAC, true},
	"EV3 in a session":  {wire.EV3, wire.OptionFull, true},
	"EV2, a MACed file": {wire.EV2, wire.OptionMAC, true},
}

// put makes a card with a value file in a field, and the purse of it.
func put(t testing.TB, l layout, credit int32) (*field, *purse.Discovery) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := t.Context()
	picc, err := sim.New(&sim.Config{Generation: l.generation})
	must(err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(err)
	p := &purse.Discovery{Place: wire.Place{AID: farebox}, File: file, Policy: purse.Accidents, Others: purse.OthersNothing, ValueOnly: true, Journal: purse.Memory(nil)}
	rights := wire.AccessRightsFromUint16(0xEEEE)
	if l.session {
		p.KeyNo, rights = 1, wire.AccessRightsFromUint16(0x1110)
		p.Keys = keystore.Map{{Place: p.Place, Key: keystore.Number(1)}: {Key: key.Zero(key.TypeAES)}}
	}
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: farebox, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(card.SelectApplication(ctx, farebox))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: file, Option: l.option, Access: rights, Upper: 100, Value: credit, Flags: wire.ValueLimitedCredit}))
	must(card.Close())
	return &field{picc: picc}, p
}

// value is what the card itself says.
func (f *field) value() int32 {
	for _, app := range f.picc.Image().Applications {
		for _, x := range app.Files {
			if app.AID == farebox && x.No == int(file) {
				return x.Value.Value
			}
		}
	}
	panic("no value file")
}

// atOnce is a clock on which nothing takes time.
func atOnce(time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- time.Time{}
	return c
}

// drain drains the card of a field. It stops waiting when the card has become
// another one.
func (f *field) drain(t testing.TB, d *purse.Drain) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tell := d.OnEvent
	d.OnEvent = func(e purse.Event) {
		if e.Kind == desfire.KeepOther.String() {
			cancel()
		}
		if tell != nil {
			tell(e)
		}
	}
	err := d.Keep(ctx, f, &desfire.KeepConfig{After: atOnce})
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the drain hangs: %+v", d.Summary)
	}
	return err
}

// check compares what is gone from the card with what the ledger says.
func check(t testing.TB, f *field, start int32, d *purse.Drain) {
	t.Helper()
	s, gone := &d.Summary, start-f.value()
	most, least := d.Amount*int32(s.Debits+s.Unknown), d.Amount*int32(s.Debits)
	if gone > most || gone < least {
		t.Errorf("%d are gone from the card, the ledger says %+v", gone, *s)
	}
	if s.Final != nil && *s.Final != f.value() {
		t.Errorf("the card holds %d, the ledger says %d: %+v", f.value(), *s.Final, *s)
	}
}

// exchanges counts those of a drain that nothing disturbs.
func exchanges(t testing.TB, l layout, credit, amount int32) int {
	t.Helper()
	f, p := put(t, l, credit)
	before := f.picc.Exchanges()
	d := &purse.Drain{Find: p.Open, Amount: amount}
	if err := f.drain(t, d); err != nil {
		t.Fatal(err)
	}
	check(t, f, credit, d)
	if d.Summary.End != purse.EndLeftOver || *d.Summary.Start != credit || *d.Summary.Final != credit%amount {
		t.Fatalf("%+v", d.Summary)
	}
	return f.picc.Exchanges() - before
}

// Every fault of an honest card at every exchange: each debit is accounted for,
// and made once.
func TestDrainFaults(t *testing.T) {
	const credit, amount = 5, 2
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			n := exchanges(t, l, credit, amount)
			for kind := sim.LosePowerBefore; kind <= sim.FailWrite; kind++ {
				for at := 1; at <= n; at++ {
					f, p := put(t, l, credit)
					f.picc.Inject(sim.Fault{Exchange: at, Kind: kind, Bit: 7 * at})
					d := &purse.Drain{Find: p.Open, Amount: amount}
					err := f.drain(t, d)
					check(t, f, credit, d)
					s := d.Summary
					// A bit error where nothing is protected can be a wrong value, or a
					// refusal, that nobody notices. Then the drain ends early.
					lie := kind == sim.FlipAnswerBit && (!l.session || s.Start == nil || refusedBeforehand(err))
					if !lie && (err != nil || s.Unknown != 0 || s.Debits != credit/amount || f.value() != credit%amount) {
						t.Errorf("%v at exchange %d: %v, the card holds %d: %+v", kind, at, err, f.value(), s)
					}
				}
			}
		})
	}
}

// refusedBeforehand reports a refusal of a command that changes nothing. It ends
// a drain.
func refusedBeforehand(err error) bool {
	var no *desfire.CommandError
	return errors.As(err, &no) && !slices.Contains([]string{"Debit", "CommitTransaction"}, no.Command)
}

// A relay answers an exchange, or all from one on, with a refusal, and lets the
// card do the command or keeps it back. What is gone from the card is what the
// ledger says, or the ledger says that it does not know.
func TestDrainForgedRefusals(t *testing.T) {
	const credit, amount = 5, 2
	sure, unsure := 0, 0
	for name, l := range layouts {
		t.Run(name, func(t *testing.T) {
			n := exchanges(t, l, credit, amount)
			for _, status := range []uint16{0x910C, 0x919D, 0x91BE, 0x91EE, 0x911E, 0x9140, 0x91AE, 0x91CA, 0x6F00} {
				for _, executed := range []bool{false, true} {
					for _, ever := range []bool{false, true} {
						for at := 1; at <= n; at++ {
							f, p := put(t, l, credit)
							i := 0
							f.relay = func(_ []byte, pass func() ([]byte, error)) ([]byte, error) {
								if i++; i < at || i > at && !ever {
									return pass()
								}
								if executed {
									if _, err := pass(); err != nil {
										return nil, err
									}
								}
								return []byte{byte(status >> 8), byte(status)}, nil
							}
							d := &purse.Drain{Find: p.Open, Amount: amount}
							err := f.drain(t, d)
							check(t, f, credit, d)
							if s := d.Summary; s.Unknown == 0 && err == nil {
								sure++
							} else if s.Unknown > 0 {
								unsure++
							}
							if !ever && d.Summary.Unknown > 0 {
								t.Errorf("one refusal left something unknown: %+v, %v", d.Summary, err)
							}
							if t.Failed() {
								t.Fatalf("status %04X at exchange %d, executed %t, ever %t: %v", status, at, executed, ever, err)
							}
						}
					}
				}
			}
		})
	}
	if sure == 0 || unsure == 0 {
		t.Errorf("%d drains ended well and %d in doubt: the test tests nothing", sure, unsure)
	}
}

// One refusal of a debit or a commit, forged or not, ends no drain.
func TestDrainGoesOnAfterARefusal(t *testing.T) {
	for _, ins := range []byte{wire.InsDebit, wire.InsCommitTransaction} {
		for _, executed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%02X executed %t", ins, executed), func(t *testing.T) {
				f, p := put(t, layouts["EV1 in plain"], 3)
				forged := false
				f.relay = func(command []byte, pass func() ([]byte, error)) ([]byte, error) {
					if forged || command[1] != ins {
						return pass()
					}
					forged = true
					if executed {
						if _, err := pass(); err != nil {
							return nil, err
						}
					}
					return []byte{0x91, 0x9D}, nil
				}
				d := &purse.Drain{Find: p.Open, Amount: 1}
				if err := f.drain(t, d); err != nil || !forged {
					t.Fatalf("%v, %+v", err, d.Summary)
				}
				check(t, f, 3, d)
				s := d.Summary
				commit := ins == wire.InsCommitTransaction
				if s.Debits != 3 || s.Unknown != 0 || s.Losses != 0 || (s.Resolved == 1) != (commit && executed) || (s.NotDone == 1) != (commit && !executed) {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// A card that refuses each debit, or each commit, ends a drain with its refusal,
// and nothing was debited.
func TestDrainRefused(t *testing.T) {
	for _, ins := range []byte{wire.InsDebit, wire.InsCommitTransaction} {
		f, p := put(t, layouts["EV3 in a session"], 3)
		f.relay = func(command []byte, pass func() ([]byte, error)) ([]byte, error) {
			if command[1] == ins {
				return []byte{0x91, 0x9D}, nil
			}
			return pass()
		}
		d := &purse.Drain{Find: p.Open, Amount: 1}
		err := f.drain(t, d)
		if !errors.Is(err, wire.StatusPermissionDenied) || desfire.Lost(err) {
			t.Errorf("%02X: %v", ins, err)
		}
		check(t, f, 3, d)
		if s := d.Summary; s.Debits != 0 || s.Unknown != 0 || s.End != purse.EndFailed || *s.Final != 3 {
			t.Errorf("%02X: %+v", ins, s)
		}
	}
}

func TestDrainEnds(t *testing.T) {
	l := layouts["EV1 in plain"]
	for name, test := range map[string]struct {
		credit int32
		drain  *purse.Drain
		want   purse.End
		left   int32
	}{
		"empty":     {4, &purse.Drain{Amount: 2}, purse.EndEmpty, 0},
		"left over": {5, &purse.Drain{Amount: 2}, purse.EndLeftOver, 1},
		"enough":    {5, &purse.Drain{Amount: 1, Debits: 3}, purse.EndEnough, 2},
		"nothing":   {0, &purse.Drain{Amount: 1}, purse.EndEmpty, 0},
		"too much":  {5, &purse.Drain{Amount: 6}, purse.EndFailed, 5},
	} {
		f, p := put(t, l, test.credit)
		d := test.drain
		d.Find = p.Open
		err := f.drain(t, d)
		if little := new(purse.TooLittleError); errors.As(err, &little) != (name == "too much") || err != nil && little.Have != 5 {
			t.Errorf("%s: %v", name, err)
		}
		if d.Summary.End != test.want || *d.Summary.Final != test.left || f.value() != test.left {
			t.Errorf("%s: %+v, the card holds %d", name, d.Summary, f.value())
		}
	}
}

// The end of the context ends a drain after the debit under way.
func TestDrainInterrupted(t *testing.T) {
	for at := 1; at <= 14; at++ {
		f, p := put(t, layouts["EV1 in plain"], 50)
		ctx, cancel := context.WithCancel(t.Context())
		i := 0
		f.relay = func(_ []byte, pass func() ([]byte, error)) ([]byte, error) {
			if i++; i == at {
				cancel()
			}
			return pass()
		}
		d := &purse.Drain{Find: p.Open, Amount: 1}
		err := d.Keep(ctx, f, nil)
		if !errors.Is(err, context.Canceled) || d.Summary.End != purse.EndInterrupted || d.Summary.Unknown != 0 {
			t.Errorf("at exchange %d: %v, %+v", at, err, d.Summary)
		}
		check(t, f, 50, d)
	}
}

// A commit that was done and the selection after it are both refused, as it
// seems: the debit stays open, and the next look settles it.
func TestDrainRefusedLook(t *testing.T) {
	f, p := put(t, layouts["EV3 in a session"], 3)
	committed, selected := false, false
	f.relay = func(command []byte, pass func() ([]byte, error)) ([]byte, error) {
		answer, err := pass()
		switch {
		case err != nil || selected:
			return answer, err
		case command[1] == wire.InsCommitTransaction:
			committed = true
			answer = []byte{0x91, 0x9D}
		case committed && command[1] == wire.InsSelectApplication:
			selected = true
			answer = []byte{0x91, 0xA0}
		}
		return answer, nil
	}
	d := &purse.Drain{Find: p.Open, Amount: 1}
	if err := f.drain(t, d); err != nil || !selected {
		t.Fatalf("%v, %+v", err, d.Summary)
	}
	check(t, f, 3, d)
	if s := d.Summary; s.Debits != 3 || s.Resolved != 1 || s.Unknown != 0 {
		t.Errorf("%+v", s)
	}
}
