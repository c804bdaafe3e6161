package desfire

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// TransactTMAC is Transact in an application with a transaction MAC file. It
// returns what a back end needs to check the card's MAC; nil if there was
// nothing to commit. With an *OutcomeUnknownError it returns it as well,
// Unanswered: read the receipt from the file when the card is back. It is the
// caller's own.
//
// Reading counts. What was read since the application was selected, or since
// the last commit or abort, must have been read inside body; else the
// transaction is marked Incomplete. A card that shows a random identifier must
// have told its real one before the commit (CardUID in a session), else the
// transaction has no UID and its MAC cannot be checked (tmac.ErrNoUID).
func (c *Card) TransactTMAC(ctx context.Context, body func() error) (*tmac.Transaction, error) {
	if !c.nested.CompareAndSwap(false, true) {
		return nil, ErrNested
	}
	defer c.nested.Store(false)
	var done *tmac.Transaction
	var unproven error
	r := &TMACRecorder{OnCommit: func(t *tmac.Transaction) { done = t }, card: c}
	stop, err := c.watch(func(x *Exchange) {
		if _, ok := x.Command.(*wire.CommitTransaction); ok && r.reads(x.Err) {
			unproven = &OutcomeUnknownError{x.Command.Spec().Name, false, x.Err}
		}
		r.Observe(x)
	}, func() { r.join(c) })
	if err != nil {
		return nil, err
	}
	defer stop()
	_, err = c.transact(ctx, &wire.CommitTransaction{ReturnTMAC: true}, body)
	if unproven != nil {
		return done, unproven
	}
	if err != nil && done == nil && len(r.input.Bytes()) > 0 {
		// What was only read is a transaction, too, and would be part of the next.
		err = errors.Join(err, ignoreNoChanges(c.Abort(ctx)))
	}
	return done, err
}

// join begins where a Card is.
func (r *TMACRecorder) join(c *Card) {
	r.app, r.two, r.begun = c.state.app, c.state.second != wire.PICC, true
	r.recall()
	switch s := &c.state; {
	case s.atPICC():
		r.broken = errors.New("the application was not selected by this Card, so that what was done in it before is not known")
	case s.entered.refused != "":
		r.broken = fmt.Errorf("%s was refused before the transaction, which proves nothing: what came before it may still count; select the application again", s.entered.refused)
	case s.entered.secured != "":
		r.broken = fmt.Errorf("%s came before the transaction and counts as well: call it inside, or commit or abort before", s.entered.secured)
	case s.entered.plain != "" && !r.exclude:
		r.broken = fmt.Errorf("%s came before the transaction, without a session, and may count as well: call it inside, or commit or abort before", s.entered.plain)
	}
}

// entered is what would be part of a transaction that begins now, without being
// seen by it: names of commands.
type entered struct {
	secured, plain string // that count, in a session and without one
	refused        string // the refusal of which proves nothing
}

// enter takes note of a command that may enter the input of a transaction MAC.
func (s *state) enter(cmd wire.Command, t wire.FileType, ok bool) {
	no, _ := wire.FileOf(cmd)
	may := counts(cmd) && t != wire.FileTransactionMAC && !(no.Secondary() && s.second != wire.PICC)
	name := cmd.Spec().Name
	switch {
	case !ok && (may || s.entered != entered{}):
		s.entered.refused = name
	case !ok || !may:
	case s.channel != nil:
		s.entered.secured = name
	default:
		s.entered.plain = name
	}
}

// identity is the card's real identifier as far as a session with MACs has told
// it, else what GetVersion told; nil if neither.
func (c *Card) identity() []byte {
	if c.cardUID != nil {
		return bytes.Clone(c.cardUID)
	}
	return c.UID()
}

// CommitReaderID names the reader in the running transaction. The answer is the
// reader of the transaction before, enciphered for the back end, nil outside a
// session. Once per transaction; where the transaction MAC file's ReadWrite
// right is not Never, each transaction needs it.
func (c *Card) CommitReaderID(ctx context.Context, id [16]byte) (encTMRI *[16]byte, err error) {
	rsp, err := Do(ctx, c, &wire.CommitReaderID{TMRI: id})
	if err != nil || len(rsp.EncTMRI) == 0 {
		return nil, err
	}
	if len(rsp.EncTMRI) != 16 {
		return nil, &IntegrityError{"CommitReaderID", fmt.Errorf("%d bytes instead of 16", len(rsp.EncTMRI)), c.hasChanged()}
	}
	return (*[16]byte)(rsp.EncTMRI), nil
}

// ReadReceipt reads a transaction MAC file: counter and MAC of the last
// transaction.
func (c *Card) ReadReceipt(ctx context.Context, file FileNo) (tmac.Receipt, error) {
	b, err := c.ReadData(ctx, file, 0, receiptSize)
	if err != nil {
		return tmac.Receipt{}, err
	}
	r, err := tmac.ParseReceipt(b)
	if err != nil {
		return r, &IntegrityError{"ReadData", err, c.hasChanged()}
	}
	return r, nil
}

const receiptSize = 12
