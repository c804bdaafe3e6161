package mobile

import "github.com/go-desfire/desfire/purse"

// purseReceipt is what became of one change, as desfire purse debit prints it.
type purseReceipt struct {
	cardOf
	purse.Statement
}

// receiptOf is a receipt in JSON; c may be nil.
func receiptOf(c *Card, r *purse.Receipt) purseReceipt {
	out := purseReceipt{Statement: r.Statement()}
	if c != nil {
		out.cardOf = c.of()
	}
	return out
}
