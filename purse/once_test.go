package purse_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// once makes one change of the card of a field.
func (f *field) once(t testing.TB, o *purse.Once) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conf := &desfire.KeepConfig{After: atOnce, Accept: o.Purse.Find, OnChange: func(c desfire.KeepChange) {
		if c.State == desfire.KeepOther {
			cancel()
		}
	}}
	err := desfire.Keep(ctx, f, conf, o.Step)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatal("the change hangs")
	}
	return err
}

// Each kind of change, with each fault at each exchange: it is made once.
func TestOnceFaults(t *testing.T) {
	for name, l := range layouts {
		for c, want := range map[purse.Change]int32{{Kind: purse.Debit, Amount: 5}: 25, {Kind: purse.Credit, Amount: 5}: 35, {Kind: purse.LimitedCredit, Amount: 1}: 31} {
			t.Run(name+" "+c.Kind.String(), func(t *testing.T) {
				begin := func() (*field, *purse.Loose) {
					f, p := put(t, l, 31)
					d := &purse.Drain{Purse: p, Amount: 1, Debits: 1} // what LimitedCredit may give back
					if err := f.drain(t, d); err != nil {
						t.Fatal(err)
					}
					return f, p
				}
				for kind := sim.LosePowerBefore; kind <= sim.FailWrite; kind++ {
					for at := 1; ; at++ {
						f, p := begin()
						before := f.picc.Exchanges()
						f.picc.Inject(sim.Fault{Exchange: at, Kind: kind, Bit: 3 * at})
						o := &purse.Once{Purse: p, Change: c}
						err := f.once(t, o)
						switch now := f.value(); {
						case err == nil && (now != want || o.Before != 30 || o.After != want) && (l.session || kind != sim.FlipAnswerBit):
							t.Errorf("%v at exchange %d: %d became %d, the card holds %d", kind, at, o.Before, o.After, now)
						case err != nil && kind != sim.FlipAnswerBit:
							t.Errorf("%v at exchange %d: %v", kind, at, err)
						case err != nil && now != 30 && !p.Open.Doubtful():
							t.Errorf("%v at exchange %d: %v, but the card holds %d", kind, at, err, now)
						}
						if f.picc.Exchanges()-before < at {
							break
						}
					}
				}
			})
		}
	}
}

// All that a relay says from one exchange on is a refusal: either the card holds
// what it held, or the error says that it may not.
func TestOnceForgedRefusals(t *testing.T) {
	open := 0
	for at := 1; at <= 20; at++ {
		for _, executed := range []bool{false, true} {
			f, p := put(t, layouts["EV3 in a session"], 30)
			i := 0
			f.relay = func(_ []byte, pass func() ([]byte, error)) ([]byte, error) {
				if i++; i < at {
					return pass()
				}
				if executed {
					if _, err := pass(); err != nil {
						return nil, err
					}
				}
				return []byte{0x91, 0x9D}, nil
			}
			err := f.once(t, &purse.Once{Purse: p, Change: purse.Change{Amount: 5}})
			if i >= at && f.value() != 30 {
				open++
				if err == nil || !p.Open.Doubtful() {
					t.Errorf("from exchange %d: %v, and the card holds %d", at, err, f.value())
				}
			}
		}
	}
	if open == 0 {
		t.Error("no commit was hidden: the test tests nothing")
	}
}

func TestOnceErrors(t *testing.T) {
	l := layouts["EV1 in plain"]
	try := func(o *purse.Once, spoil func(p *purse.Loose)) error {
		t.Helper()
		f, p := put(t, l, 30)
		spoil(p)
		o.Purse = p
		err := f.once(t, o)
		if f.value() != 30 {
			t.Errorf("%v: the card holds %d", err, f.value())
		}
		return err
	}
	nothing := func(*purse.Loose) {}
	var limit *purse.LimitError
	if err := try(&purse.Once{Change: purse.Change{Amount: 31}}, nothing); !errors.As(err, &limit) || limit.Limit != 0 || limit.Value != 30 {
		t.Error(err)
	}
	if err := try(&purse.Once{Change: purse.Change{Kind: purse.Credit, Amount: 71}}, nothing); !errors.As(err, &limit) || limit.Limit != 100 {
		t.Error(err)
	}
	var unknown *purse.UnknownError
	open := purse.Pending{Change: purse.Change{Amount: 5}, Before: 40, Sent: true}
	if err := try(&purse.Once{Change: open.Change}, func(p *purse.Loose) { o := open; p.Open = &o }); !errors.As(err, &unknown) || unknown.Was != open || unknown.Value != 30 {
		t.Error(err)
	}
	for before, outcome := range map[int32]purse.Result{30: purse.NotDone, 35: purse.Done} {
		f, p := put(t, l, 30)
		p.Open = &purse.Pending{Change: open.Change, Before: before, Sent: true}
		var looked []purse.Look
		o := &purse.Once{Purse: p, Change: open.Change, OnLook: func(l purse.Look) { looked = append(looked, l) }}
		if err := f.once(t, o); err != nil || len(looked) != 1 || looked[0].Outcome != outcome || f.value() != before-5 || o.Before != before || o.After != before-5 {
			t.Errorf("%v: %v, %+v, the card holds %d", outcome, err, looked, f.value())
		}
	}
	stop := errors.New("not today")
	if err := try(&purse.Once{Change: open.Change}, func(p *purse.Loose) {
		p.BeforeCommit = func(context.Context, *desfire.Card) error { return stop }
	}); !errors.Is(err, stop) {
		t.Error(err)
	}
	if err := try(&purse.Once{Change: purse.Change{Amount: -1}}, nothing); err == nil {
		t.Error("an amount of -1 was taken")
	}
}

func TestFind(t *testing.T) {
	f, p := put(t, layouts["EV1 in plain"], 30)
	card, err := desfire.Connect(t.Context(), f.picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Find(t.Context(), card); err != nil || p.Lower != 0 || p.Upper != 100 {
		t.Errorf("%v, %d to %d", err, p.Lower, p.Upper)
	}
	if err := card.CreateFile(t.Context(), &wire.CreateStdDataFile{File: 2, Access: wire.AccessRightsFromUint16(0xEEEE), Size: 8}); err != nil {
		t.Fatal(err)
	}
	p.File = 2
	var typ *purse.TypeError
	if err := p.Find(t.Context(), card); !errors.As(err, &typ) || typ.Type != wire.FileStandard {
		t.Error(err)
	}
	p.File = 3
	if err := p.Find(t.Context(), card); !errors.As(err, new(*purse.NoFileError)) || !errors.Is(err, wire.StatusFileNotFound) {
		t.Error(err)
	}
	p.Place.AID++
	if err := p.Find(t.Context(), card); !errors.Is(err, wire.StatusApplicationNotFound) {
		t.Error(err)
	}
}
