package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/wire"
)

// ErrNested reports a Transact inside a Transact.
var ErrNested = errors.New("desfire: Transact inside Transact: a card has one transaction at a time")

// Commit makes all pending changes of the selected application happen, or
// none. If its answer is lost, or a refusal while changes were pending, which
// proves nothing, the error is an *OutcomeUnknownError. With nothing pending the
// card refuses with wire.StatusNoChanges. Outside a session a success is no proof
// either.
func (c *Card) Commit(ctx context.Context) error {
	_, err := Do(ctx, c, &wire.CommitTransaction{})
	return err
}

// Abort drops all pending changes. With nothing pending the card refuses with
// wire.StatusNoChanges. After another refusal something may still be pending:
// transactions go on after a selection, or Settle.
func (c *Card) Abort(ctx context.Context) error {
	_, err := Do(ctx, c, &wire.AbortTransaction{})
	return err
}

// Transact runs body and commits what it left pending. It returns the commit's
// answer, which has the transaction MAC's counter and value if commit asked
// for them (see TransactWith).
//
// If body fails, what is still pending is aborted and body's error returned; an
// honest card that refused a command has dropped it already. A refusal may be
// forged, so that the next transaction is a *BrokenError until a selection, or
// Settle. A body that changed nothing is no error. The answer is the caller's own.
func (c *Card) Transact(ctx context.Context, body func() error) (*wire.CommitTransactionResponse, error) {
	return c.TransactWith(ctx, &wire.CommitTransaction{}, body)
}

// TransactWith is Transact with a commit command of the caller's, for example
// one that asks for the transaction MAC.
func (c *Card) TransactWith(ctx context.Context, commit *wire.CommitTransaction, body func() error) (*wire.CommitTransactionResponse, error) {
	if !c.nested.CompareAndSwap(false, true) {
		return nil, ErrNested
	}
	defer c.nested.Store(false)
	return c.transact(ctx, commit, body)
}

func (c *Card) transact(ctx context.Context, commit *wire.CommitTransaction, body func() error) (rsp *wire.CommitTransactionResponse, err error) {
	if err = body(); err == nil {
		rsp, err = Do(ctx, c, commit)
		err = ignoreNoChanges(err)
	} else if c.leaves("") {
		err = errors.Join(err, ignoreNoChanges(c.Abort(ctx)))
	}
	if err != nil {
		c.leaves("a transaction was given up with changes pending")
	}
	return rsp, err
}

// leaves reports whether changes are pending, and notes what that means for what
// comes next.
func (c *Card) leaves(unsettled string) bool {
	if c.acquire() != nil {
		return false // another goroutine's business
	}
	defer c.release()
	if c.state.pending && unsettled != "" {
		c.state.unsettled = unsettled
	}
	return c.state.pending
}

// ignoreNoChanges takes a refusal for want of changes for a success, where
// nothing was pending.
func ignoreNoChanges(err error) error {
	if errors.Is(err, wire.StatusNoChanges) && !errors.As(err, new(*OutcomeUnknownError)) {
		return nil
	}
	return err
}
