package desfire

import (
	"context"

	"github.com/go-desfire/desfire/wire"
)

// Value reads a value file: the committed value, whatever is pending.
func (c *Card) Value(ctx context.Context, file FileNo) (int32, error) {
	v, err := Do(ctx, c, &wire.GetValue{File: file})
	return v.Value, err
}

// Credit adds amount to a value file. It is pending until CommitTransaction;
// see Transact. After a refusal, which may be forged, it may be pending all the
// same: transactions go on after a selection, or Settle.
func (c *Card) Credit(ctx context.Context, file FileNo, amount int32) error {
	_, err := Do(ctx, c, &wire.Credit{File: file, Amount: amount})
	return err
}

// Debit takes amount from a value file. It is pending until CommitTransaction;
// see Transact. wire.StatusBoundaryError means that there is not enough. A refusal
// is as in Credit.
func (c *Card) Debit(ctx context.Context, file FileNo, amount int32) error {
	_, err := Do(ctx, c, &wire.Debit{File: file, Amount: amount})
	return err
}

// LimitedCredit gives back at most what the last committed transaction took,
// with less right than Credit. It is pending until CommitTransaction. A refusal
// is as in Credit.
func (c *Card) LimitedCredit(ctx context.Context, file FileNo, amount int32) error {
	_, err := Do(ctx, c, &wire.LimitedCredit{File: file, Amount: amount})
	return err
}
