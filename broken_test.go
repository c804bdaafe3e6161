package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// breaks are the ways in which a debit is done and the reader does not know.
var breaks = map[string]trick{
	"answer lost":      {lose: true},
	"answer cut":       {answer: func(a []byte) []byte { return a[:1] }},
	"answer empty":     {answer: func([]byte) []byte { return nil }},
	"success in plain": {answer: forged("9100")},
	"odd status":       {answer: forged("9000")},
	"unknown status":   {answer: forged("9142")},
	"surplus":          {answer: forged("0102030405060708090A0B0C0D0E0F109100")},
	"refused":          {answer: forged("919D")},
	"refused by BE":    {answer: forged("91BE")},
	"wait":             {answer: forged("91AF")},
}

// A debit that the reader knows nothing of does not ride along with the next
// one: only a selection, a new activation or a settlement goes on.
func TestNothingOldSlipsThrough(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for name, how := range breaks {
			t.Run(x.name+" "+name, func(t *testing.T) {
				picc := x.card(t, wire.CommMAC)
				card, air := x.open(t, picc, nil)
				how.ins = wire.InsDebit
				air.on(how)
				if err := card.Debit(ctx, x.value, 5); err == nil {
					if x.scheme != wire.SchemeNone && x.scheme != wire.SchemeD40 || name != "success in plain" {
						t.Fatal("no error")
					}
					return // these channels prove no success
				}
				if err := x.login(card); err != nil && !as[*desfire.BrokenError](err) {
					t.Fatal(err)
				}
				card.AllowPlain()
				air.sent = nil
				_, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, 1) })
				if !as[*desfire.BrokenError](err) || air.count(wire.InsDebit)+air.count(wire.InsCommitTransaction) > 0 {
					t.Errorf("the next debit: %v", err)
				}
				for how, run := range map[string]func() error{
					"credit": func() error { return card.Credit(ctx, x.value, 1) },
					"record": func() error { return card.WriteRecord(ctx, x.log, 0, []byte{1}) },
					"commit": func() error { return card.Commit(ctx) },
					"commit with a MAC": func() error {
						_, err := desfire.Do(ctx, card, &wire.CommitTransaction{ReturnTMAC: true})
						return err
					},
				} {
					air.sent = nil
					err := run()
					if err == nil || air.count(wire.InsCredit)+air.count(wire.InsWriteRecord)+air.count(wire.InsCommitTransaction) > 0 {
						t.Errorf("%s: %v", how, err)
					}
				}
				if x.held(picc) != 500 {
					t.Fatalf("the card holds %d", x.held(picc))
				}
				if err := errors.Join(x.enter(card), x.login(card)); err != nil {
					t.Fatalf("selecting: %v", err)
				}
				if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, 1) }); err != nil || x.held(picc) != 499 {
					t.Errorf("after a selection the card holds %d: %v", x.held(picc), err)
				}
			})
		}
	}
}

// A transport or integrity error of any command leaves nothing but a selection
// and a new activation.
func TestOnlyASelectionGoesOn(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for name, back := range map[string]func(card *desfire.Card) error{
			"select":    x.enter,
			"reconnect": func(card *desfire.Card) error { return errors.Join(card.Reconnect(ctx), x.enter(card)) },
		} {
			card, air := x.open(t, x.card(t, wire.CommMAC), nil)
			air.on(trick{ins: wire.InsGetValue, lose: true})
			if _, err := card.Value(ctx, x.value); !as[*desfire.TransportError](err) {
				t.Fatal(err)
			}
			air.sent = nil
			var zero key.Key = key.Zero(key.TypeDES)
			if x.typ == key.TypeAES {
				zero = x.zero()
			}
			for what, run := range map[string]func() error{
				"Version":      func() error { _, err := card.Version(ctx); return err },
				"Value":        func() error { _, err := card.Value(ctx, x.value); return err },
				"Authenticate": func() error { return card.Authenticate(ctx, 0, zero) },
				"ISO 7816":     func() error { return card.AuthenticateWith(ctx, key.MethodISO7816, 0, zero) },
				"Do":           func() error { _, err := desfire.Do(ctx, card, &wire.Authenticate{}); return err },
				"Abort":        func() error { return card.Abort(ctx) },
				"Commit":       func() error { return card.Commit(ctx) },
				"ReadData":     func() error { _, err := card.ReadData(ctx, x.data, 0, 0); return err },
				"ISO read":     func() error { _, err := card.ISOReadBinary(ctx, x.data, 0, 1); return err },
				"ISO file":     func() error { return card.ISOSelectFile(ctx, 0xE101) },
				"proximity":    func() error { _, err := card.CheckProximity(ctx, key.Zero(key.TypeAES), nil); return err },
			} {
				if err := run(); !as[*desfire.BrokenError](err) && !errors.Is(err, errors.ErrUnsupported) || len(air.sent) > 0 {
					t.Errorf("%s %s: %v, sent %X", x.name, what, err, air.sent)
				}
			}
			if err := errors.Join(back(card), x.login(card)); err != nil {
				t.Fatalf("%s %s: %v", x.name, name, err)
			}
			if v, err := card.Value(ctx, x.value); err != nil || v != 500 {
				t.Errorf("%s %s: %d, %v", x.name, name, v, err)
			}
		}
	}
}

// An authentication in the middle of a transaction keeps what is pending, and
// the reader knows it.
func TestAuthenticationKeepsWhatIsPending(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		picc := x.card(t, wire.CommMAC)
		card, air := x.open(t, picc, nil)
		if err := errors.Join(card.Debit(ctx, x.value, 5), x.login(card)); err != nil {
			t.Fatal(err)
		}
		air.on(trick{ins: wire.InsCommitTransaction, answer: forged("910C")})
		if err := card.Commit(ctx); !as[*desfire.OutcomeUnknownError](err) || x.held(picc) != 495 {
			t.Errorf("%s: %d, %v", x.name, x.held(picc), err)
		}
	}
}

// A transaction whose body fails, and whose abort fails as well, leaves nothing
// for the next.
func TestGivenUpTransaction(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for _, answer := range []string{"910C", "919D", "9000", "lost"} {
			for _, hide := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s hidden %v", x.name, answer, hide), func(t *testing.T) {
					picc := x.card(t, wire.CommMAC)
					card, air := x.open(t, picc, nil)
					stop := errors.New("no")
					how := trick{ins: wire.InsAbortTransaction, hide: hide, lose: answer == "lost"}
					if !how.lose {
						how.answer = forged(answer)
					}
					air.on(how)
					_, err := card.Transact(ctx, func() error { return errors.Join(card.Debit(ctx, x.value, 5), stop) })
					if !errors.Is(err, stop) {
						t.Fatal(err)
					}
					if err := x.login(card); err != nil && !as[*desfire.BrokenError](err) {
						t.Fatal(err)
					}
					if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, 1) }); err == nil || x.held(picc) != 500 {
						t.Errorf("the card holds %d: %v", x.held(picc), err)
					}
				})
			}
		}
	}
}
