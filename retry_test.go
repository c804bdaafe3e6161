package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// foreign is an error of another package, which has its own mind.
type foreign struct {
	safe bool
	err  error
}

func (e *foreign) Error() string     { return "foreign" }
func (e *foreign) Unwrap() error     { return e.err }
func (e *foreign) SafeToRetry() bool { return e.safe }

// crowd is a foreign error with several causes.
type crowd struct {
	safe bool
	errs []error
}

func (e *crowd) Error() string     { return "crowd" }
func (e *crowd) Unwrap() []error   { return e.errs }
func (e *crowd) SafeToRetry() bool { return e.safe }

func TestSafeToRetryOfErrors(t *testing.T) {
	plain := errors.New("plain")
	link := func(changed bool) error {
		return &desfire.TransportError{Command: "GetValue", Err: plain, Changed: changed}
	}
	broken := func(changed bool) error {
		return &desfire.IntegrityError{Command: "GetValue", Err: plain, Changed: changed}
	}
	behind := func(changed bool) error {
		return &desfire.BrokenError{Command: "GetValue", Why: "why", Changed: changed}
	}
	refused := &desfire.CommandError{Command: "GetValue", Status: wire.StatusPermissionDenied}
	unknown := &desfire.OutcomeUnknownError{Command: "CommitTransaction", Err: link(false)}
	partial := &desfire.PartialWriteError{File: 1, Written: 5, Err: link(false)}
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"plain", plain, false},
		{"link", link(false), true},
		{"link, changed", link(true), false},
		{"integrity", broken(false), true},
		{"integrity, changed", broken(true), false},
		{"not sent after a break", behind(false), true},
		{"not sent after a break, changed", behind(true), false},
		{"refusal", refused, false},
		{"unknown", unknown, false},
		{"partial", partial, false},
		{"argument", &desfire.ArgumentError{Command: "GetValue", Err: plain}, false},
		{"lost session", &desfire.SessionLostError{Command: "GetValue"}, false},
		{"protection", &desfire.ProtectionError{Command: "WriteData"}, false},
		{"right", &desfire.NoRightError{Command: "WriteData"}, false},
		{"weak", &desfire.WeakMethodError{}, false},
		{"settings refused", &desfire.FileSettingsError{File: 1, Err: refused}, false},
		{"settings, link", &desfire.FileSettingsError{File: 1, Err: link(false)}, true},
		{"busy", desfire.ErrBusy, false},
		{"closed", desfire.ErrClosed, false},

		{"wrapped link", fmt.Errorf("job: %w", link(false)), true},
		{"wrapped twice", fmt.Errorf("job: %w", fmt.Errorf("step: %w", link(true))), false},
		{"link and plain", errors.Join(plain, link(false)), true},
		{"two links", errors.Join(link(false), link(false)), true},
		{"two links, the second changed", errors.Join(link(false), link(true)), false},
		{"two links, the first changed", errors.Join(link(true), link(false)), false},
		{"link and unknown", errors.Join(link(false), unknown), false},
		{"unknown and link", errors.Join(unknown, link(false)), false},
		{"link and partial", fmt.Errorf("%w, %w", link(false), partial), false},
		{"partial inside unknown", &desfire.OutcomeUnknownError{Err: partial}, false},

		{"foreign yes alone", &foreign{true, plain}, false},
		{"foreign yes, nothing inside", &foreign{true, nil}, false},
		{"foreign yes around a link", &foreign{true, link(false)}, true},
		{"foreign no around a link", &foreign{false, link(false)}, false},
		{"foreign yes around a changed link", &foreign{true, link(true)}, false},
		{"foreign yes around unknown", &foreign{true, unknown}, false},
		{"foreign yes around partial", &foreign{true, partial}, false},
		{"foreign yes around a refusal", &foreign{true, refused}, false},
		{"foreign no beside a link", errors.Join(link(false), &foreign{false, nil}), false},
		{"foreign no deep inside a link", &desfire.TransportError{Err: fmt.Errorf("x: %w", &foreign{false, nil})}, false},
		{"foreign yes inside a changed link", &desfire.TransportError{Err: &foreign{true, nil}, Changed: true}, false},
		{"foreign no inside a foreign yes", &foreign{true, &foreign{false, link(false)}}, false},
		{"foreign yes inside a foreign no", &foreign{false, &foreign{true, link(false)}}, false},
		{"crowd yes", &crowd{true, []error{plain, link(false)}}, true},
		{"crowd yes, one unknown", &crowd{true, []error{link(false), unknown}}, false},
		{"crowd no", &crowd{false, []error{link(false)}}, false},
		{"crowd of none", &crowd{true, nil}, false},
	} {
		if got := desfire.SafeToRetry(tc.err); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
		if got := desfire.SafeToRetry(&foreign{true, tc.err}); got != tc.want {
			t.Errorf("%s, inside a foreign yes: %v", tc.name, got)
		}
		if desfire.SafeToRetry(errors.Join(tc.err, &foreign{false, nil})) {
			t.Errorf("%s, beside a foreign no: safe", tc.name)
		}
	}
}

// A job of two commits that breaks off at any exchange and any way: where it is
// safe to retry, repeating it takes nothing twice.
func TestSafeToRetryOfJobs(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		job := func(card *desfire.Card) error {
			if err := errors.Join(x.enter(card), x.login(card)); err != nil {
				return err
			}
			for _, amount := range []int32{5, 7} {
				if _, err := card.Transact(ctx, func() error { return card.Debit(ctx, x.value, amount) }); err != nil {
					return err
				}
			}
			return nil
		}
		for _, how := range []trick{{lose: true}, {hide: true, lose: true}, {answer: func(a []byte) []byte { return a[:1] }}, {answer: forged("9000")}} {
			safe := 0
			for at := 0; ; at++ {
				picc := x.card(t, wire.CommMAC)
				air := &nth{tamper: tamper{Activation: picc.Present()}, at: -1, how: how}
				card, err := desfire.Connect(ctx, air, nil)
				if err != nil {
					t.Fatal(err)
				}
				air.at = at
				err = job(card)
				if err == nil && air.at >= 0 {
					break // it has fewer exchanges
				}
				if desfire.SafeToRetry(err) {
					safe++
					if x.held(picc) != 500 {
						t.Errorf("%s, exchange %d: safe to retry, yet the card holds %d: %v", x.name, at, x.held(picc), err)
					}
					if err := job(card); err != nil || x.held(picc) != 488 {
						t.Errorf("%s, exchange %d: repeated, the card holds %d: %v", x.name, at, x.held(picc), err)
					}
				}
			}
			if safe < 2 {
				t.Errorf("%s: only %d breaks are safe to retry", x.name, safe)
			}
		}
	}
}

// nth does its trick at an exchange, counted from 0.
type nth struct {
	tamper
	at  int
	how trick
}

func (n *nth) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if n.at--; n.at == -1 {
		n.how.ins = command[1]
		n.on(n.how)
	}
	return n.tamper.Transmit(ctx, command)
}

// An immediate change counts as one, answered or not.
func TestSafeToRetryAfterImmediateChanges(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets {
		for name, how := range map[string]*trick{
			"answered":   nil,
			"refused":    {answer: forged("91F0")},
			"unanswered": {lose: true},
		} {
			card, air := x.open(t, x.card(t, wire.CommMAC), nil)
			if _, err := card.FileSettings(ctx, x.data); err != nil {
				t.Fatal(err)
			}
			if how != nil {
				for _, ins := range []byte{wire.InsWriteData, wire.InsWriteDataISO} {
					h := *how
					h.ins = ins
					air.on(h)
				}
			}
			err := card.WriteData(ctx, x.data, 0, []byte{1})
			if (err == nil) != (how == nil) || desfire.SafeToRetry(err) {
				t.Errorf("%s %s: the write: %v", x.name, name, err)
			}
			air.plan = nil
			air.on(trick{ins: wire.InsGetFileIDs, lose: true})
			card.AllowPlain()
			_, err = card.Files(ctx)
			if err == nil || desfire.SafeToRetry(err) {
				t.Errorf("%s %s: what broke off after the write is safe to retry: %v", x.name, name, err)
			}
			if err := x.enter(card); err != nil {
				t.Fatal(err)
			}
			air.on(trick{ins: wire.InsGetFileIDs, lose: true})
			if _, err = card.Files(ctx); !desfire.SafeToRetry(err) {
				t.Errorf("%s %s: after a selection: %v", x.name, name, err)
			}
		}
	}
}
