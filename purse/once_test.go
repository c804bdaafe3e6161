package purse_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// once makes one order with the card of a field.
func (f *field) once(t testing.TB, o *purse.Once) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conf := &desfire.KeepConfig{After: atOnce, Accept: o.Accept, OnChange: func(c desfire.KeepChange) {
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

func order(k purse.Kind, amount int32) purse.Order {
	return purse.Order{Moves: []purse.Move{{File: file, Kind: k, Amount: amount}}}
}

// Each kind of change, with each fault at each exchange: it is made once.
func TestOnceFaults(t *testing.T) {
	for name, l := range layouts {
		for _, x := range []struct {
			kind         purse.Kind
			amount, want int32
		}{{purse.Debit, 5, 25}, {purse.Credit, 5, 35}, {purse.LimitedCredit, 1, 31}} {
			t.Run(fmt.Sprint(name, " ", x.kind), func(t *testing.T) {
				begin := func() (*field, *purse.Discovery) {
					f, p := put(t, l, 31)
					d := &purse.Drain{Find: p.Open, Amount: 1, Debits: 1} // what LimitedCredit may give back
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
						o := &purse.Once{Find: p.Open, Order: order(x.kind, x.amount)}
						err := f.once(t, o)
						lie := kind == sim.FlipAnswerBit && !l.session
						switch now := f.value(); {
						case err == nil && !lie && (now != x.want || o.Receipt.Decision() != purse.Happened || o.Receipt.After[0].Value != x.want):
							t.Errorf("%v at exchange %d: the card holds %d: %+v", kind, at, now, o.Receipt)
						case err != nil && kind != sim.FlipAnswerBit:
							t.Errorf("%v at exchange %d: %v", kind, at, err)
						case err != nil && now != 30 && !o.Doubtful() && !lie:
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
			o := &purse.Once{Find: p.Open, Order: order(purse.Debit, 5)}
			err := f.once(t, o)
			if i >= at && f.value() != 30 {
				open++
				if err == nil || !o.Doubtful() {
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
	try := func(o purse.Order, spoil func(*purse.Config)) error {
		t.Helper()
		f, p := put(t, l, 30)
		once := &purse.Once{Order: o, Find: func(ctx context.Context, card *desfire.Card) (*purse.Purse, error) {
			conf, err := p.Config(ctx, card)
			if err != nil {
				return nil, err
			}
			spoil(conf)
			return purse.Open(*conf)
		}}
		err := f.once(t, once)
		if f.value() != 30 {
			t.Errorf("%v: the card holds %d", err, f.value())
		}
		return err
	}
	nothing := func(*purse.Config) {}
	var limit *purse.LimitError
	if err := try(order(purse.Debit, 31), nothing); !errors.As(err, &limit) || limit.Limit != 0 || limit.Value != 30 {
		t.Error(err)
	}
	if err := try(order(purse.Credit, 71), nothing); !errors.As(err, &limit) || limit.Limit != 100 {
		t.Error(err)
	}
	stop := errors.New("not today")
	if err := try(order(purse.Debit, 5), func(c *purse.Config) {
		c.BeforeCommit = func(context.Context, *desfire.Card) error { return stop }
	}); !errors.Is(err, stop) || !errors.As(err, new(*purse.DidNotError)) {
		t.Error(err)
	}
	if err := try(order(purse.Debit, -1), nothing); !errors.As(err, new(*purse.RequestError)) {
		t.Errorf("an amount of -1: %v", err)
	}
}

// Another program changed the value while the outcome of a debit was open: the drain ends, and
// says that it does not know.
func TestDrainOtherProgram(t *testing.T) {
	f, p := put(t, layouts["EV1 in plain"], 30)
	taken := false
	f.relay = func(command []byte, pass func() ([]byte, error)) ([]byte, error) {
		answer, err := pass()
		if command[1] != wire.InsCommitTransaction || taken {
			return answer, err
		}
		taken = true
		other, err := desfire.Connect(t.Context(), f.picc.Present(), nil)
		if err != nil {
			return nil, err
		}
		if err := other.Select(t.Context(), wire.Place{AID: farebox}); err != nil {
			return nil, err
		}
		if _, err := other.Transact(t.Context(), func() error { return other.Credit(t.Context(), file, 7) }); err != nil {
			return nil, err
		}
		return nil, errors.New("lost")
	}
	d := &purse.Drain{Find: p.Open, Amount: 2}
	err := f.drain(t, d)
	var doubt *purse.InDoubtError
	if !errors.As(err, &doubt) || doubt.Receipt.Rule() != purse.RuleOtherHistory {
		t.Fatalf("%v", err)
	}
	if s := d.Summary; s.Unknown != 1 || s.Debits != 0 || s.End != purse.EndFailed || s.Final != nil || s.Open == nil || f.value() != 35 {
		t.Errorf("%+v, the card holds %d", s, f.value())
	}
}
