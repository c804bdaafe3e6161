package tmac

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Transaction is what a terminal reports of one transaction, and what a back end
// needs to check its MAC. It holds no key, and shares no memory with the reader. It may travel as JSON.
type Transaction struct {
	App   wire.AID
	UID   []byte // 7 bytes; nil if the card has not told it: ErrNoUID
	Input []byte // TMI: what the commands of the transaction were
	LRP   bool   // the application uses LRP

	// Receipt is what the card answered to the commit, if HasReceipt. Else the
	// transaction MAC file holds it, until the next transaction.
	Receipt    Receipt
	HasReceipt bool
	// Unanswered: the commit's answer was lost. If the transaction MAC file
	// verifies, it happened.
	Unanswered bool

	ReaderID *[16]byte // of CommitReaderID; nil if there was none
	EncTMRI  *[16]byte // the previous reader, enciphered; nil if the card told none

	// Incomplete is why Input may not be all that the card has; empty if it is.
	// Only a MAC that fits proves then that it is.
	Incomplete string
}

// Verify checks the card's MAC with the application's transaction MAC key, and
// tells the reader of the transaction before, where the card told it: nil if
// not, zeros if there was none. ErrMismatch means that the report, the UID or
// the key is wrong; where the input is Incomplete, a MAC that does not fit means
// nothing and is another error. ErrNoUID: the report does not say which card it
// is of. The caller has yet to see that the counter is the one after
// the last.
func (t *Transaction) Verify(ctx context.Context, k key.Key) (previous *[16]byte, err error) {
	switch {
	case !t.HasReceipt:
		return nil, errors.New("transaction MAC: the transaction has no receipt: read the transaction MAC file (ReadReceipt) and set Receipt and HasReceipt")
	}
	keys, err := NewKeys(ctx, k, t.LRP, t.Receipt.TMC, t.UID)
	if err != nil {
		return nil, err
	}
	switch err := keys.Verify(t.Input, t.Receipt.TMV); {
	case err != nil && t.Incomplete != "":
		return nil, fmt.Errorf("transaction MAC: the transaction's input is not complete: %s", t.Incomplete)
	case err != nil:
		return nil, err
	}
	if t.EncTMRI != nil {
		id := keys.PreviousReader(*t.EncTMRI)
		previous = &id
	}
	return previous, nil
}
