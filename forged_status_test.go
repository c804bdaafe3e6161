package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// statuses that were believed once.
var statuses = []string{"910C", "911E", "91AE", "919D", "91EE", "9000", "6F00", "0000", "9142", "D100", "9190", "6300"}

// commits are the ways to take 5 and commit it.
var commits = map[string]func(x *target, c *desfire.Card) error{
	"Commit": func(x *target, c *desfire.Card) error {
		if err := c.Debit(context.Background(), x.value, 5); err != nil {
			return err
		}
		return c.Commit(context.Background())
	},
	"Transact": func(x *target, c *desfire.Card) error {
		_, err := c.Transact(context.Background(), func() error { return c.Debit(context.Background(), x.value, 5) })
		return err
	},
	"TransactWith": func(x *target, c *desfire.Card) error {
		_, err := c.TransactWith(context.Background(), new(wire.CommitTransaction), func() error { return c.Debit(context.Background(), x.value, 5) })
		return err
	},
	"TransactTMAC": func(x *target, c *desfire.Card) error {
		_, err := c.TransactTMAC(context.Background(), func() error { return c.Debit(context.Background(), x.value, 5) })
		return err
	},
}

// No status proves what became of a commit: whether the card has done it or not,
// the outcome is unknown.
func TestForgedRefusalOfACommit(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for _, status := range statuses {
			for _, hide := range []bool{false, true} {
				for name, commit := range commits {
					t.Run(fmt.Sprintf("%s %s %s hidden %v", x.name, name, status, hide), func(t *testing.T) {
						picc := x.card(t, wire.CommMAC)
						card, air := x.open(t, picc, nil)
						if name == "TransactTMAC" && !x.gen.Has(wire.FeatureTMAC) {
							return
						}
						air.on(trick{ins: wire.InsCommitTransaction, hide: hide, answer: forged(status)})
						err := commit(x, card)
						var refused *desfire.CommandError
						switch {
						case !as[*desfire.OutcomeUnknownError](err):
							t.Fatalf("the card holds %d, the reader says %v", x.held(picc), err)
						case !strings.Contains(err.Error(), status):
							t.Errorf("the status is not told: %v", err)
						case errors.As(err, &refused) != exists(t, status) || refused != nil && refused.Proven():
							t.Errorf("what is no status is a refusal, or a refusal counts as proof: %v", err)
						case desfire.SafeToRetry(err):
							t.Errorf("safe to retry: %v", err)
						}
						// What may pend does not ride along with the next.
						if err := x.login(card); err != nil && !as[*desfire.BrokenError](err) {
							t.Fatal(err)
						}
						air.sent = nil
						if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, 1) }); !as[*desfire.BrokenError](err) || len(air.sent) > 0 {
							t.Errorf("the next transaction: %v, sent %X", err, air.sent)
						}
						if err := errors.Join(x.enter(card), x.login(card)); err != nil {
							t.Fatalf("from a selection on: %v", err)
						}
						want := x.held(picc) - 1
						if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, 1) }); err != nil || x.held(picc) != want {
							t.Errorf("after a selection the card holds %d instead of %d: %v", x.held(picc), want, err)
						}
					})
				}
			}
		}
	}
}

// With nothing pending the same refusals are what they say.
func TestCommitOfNothing(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		card, _ := x.open(t, x.card(t, wire.CommMAC), nil)
		if _, err := card.Transact(ctx, func() error { return nil }); err != nil {
			t.Errorf("%s: an empty transaction: %v", x.name, err)
		}
		card, _ = x.open(t, x.card(t, wire.CommMAC), nil)
		if err := card.Commit(ctx); !errors.Is(err, wire.StatusNoChanges) || as[*desfire.OutcomeUnknownError](err) {
			t.Errorf("%s: a commit of nothing: %v", x.name, err)
		}
	}
}

// A status that the card can give is a refusal of an immediate command, unproven.
// One that it cannot is none: the outcome is unknown, and for a command that
// changes nothing the answer cannot be trusted.
func TestForgedRefusalOfOtherCommands(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for _, status := range statuses {
			native := status[:2] == "91"
			t.Run(x.name+" "+status, func(t *testing.T) {
				card, air := x.open(t, x.card(t, wire.CommFull), nil)
				if err := card.WriteData(ctx, x.data, 0, []byte{1}); err != nil { // it knows the settings now
					t.Fatal(err)
				}
				air.on(trick{ins: wire.InsWriteData, answer: forged(status)}, trick{ins: wire.InsWriteDataISO, answer: forged(status)})
				err := card.WriteData(ctx, x.data, 0, []byte{2})
				if unknown := as[*desfire.OutcomeUnknownError](err); err == nil || !native && !unknown || unknown && desfire.SafeToRetry(err) {
					t.Errorf("a write: %v", err)
				}
				card, air = x.open(t, x.card(t, wire.CommFull), nil)
				air.on(trick{ins: wire.InsGetFileIDs, answer: forged(status)})
				_, err = card.Files(ctx)
				if broken := as[*desfire.IntegrityError](err); err == nil || !native && !broken || as[*desfire.OutcomeUnknownError](err) {
					t.Errorf("a query: %v", err)
				}
				if as[*desfire.IntegrityError](err) {
					if _, err := card.Value(ctx, x.value); !as[*desfire.BrokenError](err) {
						t.Errorf("after an answer that cannot be trusted: %v", err)
					}
				}
			})
		}
	}
}

// A status that no card gives to an authentication is no refusal of the key.
func TestForgedRefusalOfAnAuthentication(t *testing.T) {
	for _, x := range targets[1:] {
		first := map[key.Method]byte{key.MethodD40: wire.InsAuthenticate, key.MethodISO: wire.InsAuthenticateISO, key.MethodAES: wire.InsAuthenticateAES,
			key.MethodEV2First: wire.InsAuthenticateEV2First, key.MethodLRPFirst: wire.InsAuthenticateEV2First}[x.method]
		for _, ins := range []byte{first, 0xAF} {
			for _, status := range []string{"9000", "6F00", "0000", "D100", "6300"} {
				card, air := x.open(t, x.card(t, wire.CommMAC), nil)
				air.on(trick{ins: ins, answer: forged(status)})
				if err := x.login(card); !as[*desfire.IntegrityError](err) {
					t.Errorf("%s %02X %s: %v", x.name, ins, status, err)
				}
				if err := x.login(card); !as[*desfire.BrokenError](err) {
					t.Errorf("%s %02X %s, once more: %v", x.name, ins, status, err)
				}
			}
		}
	}
}

// exists reports whether cards know a status.
func exists(t *testing.T, status string) bool {
	t.Helper()
	n, err := strconv.ParseUint(status, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return desfire.Status(n).Known()
}
