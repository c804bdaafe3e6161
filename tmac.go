package desfire

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// TMACRecorder collects the input of transaction MACs while transactions run:
// make its Observe the Observe of a card's Config, or call it from there. One
// recorder belongs to one card. The zero value is ready.
type TMACRecorder struct {
	// OnCommit is called for each transaction that was committed, or may have
	// been (Unanswered). t is its own.
	OnCommit func(t *tmac.Transaction)

	app      AID
	two      bool // a secondary application is selected, whose files do not count
	uid      []byte
	lrp      bool
	exclude  bool // the transaction MAC file leaves out what is done without authentication
	input    tmac.Input
	coder    wire.Coder
	readerID *[16]byte
	encTMRI  *[16]byte
	broken   error // why the input is not what the card has
}

// SetFileSettings tells the settings of a file of the selected application, as
// Card.AssumeFileSettings does: which file is the transaction MAC file, and how
// long records are. Answers of GetFileSettings are noticed.
func (r *TMACRecorder) SetFileSettings(no FileNo, fs wire.FileSettings) {
	switch fs.Type {
	case wire.FileTransactionMAC:
		r.exclude = fs.Option.Has(wire.OptionTMIExclude)
		if !slices.Contains(r.input.Exclude, no) {
			r.input.Exclude = append(r.input.Exclude, no)
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		if r.input.RecordSizes == nil {
			r.input.RecordSizes = make(map[FileNo]int)
		}
		r.input.RecordSizes[no] = int(fs.RecordSize)
	}
}

// Observe takes note of a command.
func (r *TMACRecorder) Observe(e *Exchange) {
	switch m := e.Command.(type) {
	case *wire.SelectApplication:
		if e.Err == nil {
			r.begin(m.AID, m.Second != wire.PICC)
			return
		}
	case *wire.ISOSelect:
		if m.SelectsDF() && (e.Err == nil || e.Status == wire.StatusISOLimitReached) {
			r.begin(wire.PICC, false) // which application is not known
			return
		}
	case *wire.CommitTransaction:
		r.commit(e)
		return
	}
	switch {
	case e.Err == nil && e.Response == nil: // authentications keep what is pending
	case e.Err == nil:
		r.add(e)
	case errors.As(e.Err, new(*CommandError)):
		r.reset() // a refusal drops what is pending
	default:
		r.reset()
		r.broken = fmt.Errorf("%s broke off: %w", e.Command.Spec().Name, e.Err)
	}
}

// begin begins anew in an application.
func (r *TMACRecorder) begin(app AID, two bool) {
	r.reset()
	r.app, r.two, r.exclude, r.broken = app, two, false, nil
	r.input.Exclude, r.input.RecordSizes = nil, nil
}

// reset empties the input, as the card does.
func (r *TMACRecorder) reset() {
	r.input.Reset()
	r.readerID, r.encTMRI = nil, nil
}

func (r *TMACRecorder) commit(e *Exchange) {
	unanswered := errors.As(e.Err, new(*OutcomeUnknownError))
	if e.Err == nil || unanswered {
		t := &tmac.Transaction{
			App: r.app, UID: slices.Clone(r.uid), Input: slices.Clone(r.input.Bytes()), LRP: r.lrp,
			Unanswered: unanswered, ReaderID: r.readerID, EncTMRI: r.encTMRI,
		}
		if r.broken != nil {
			t.Incomplete = r.broken.Error()
		}
		if rsp, ok := e.Response.(*wire.CommitTransactionResponse); ok && rsp.HasTMAC {
			t.Receipt, t.HasReceipt = tmac.Receipt{TMC: uint32(rsp.TMC), TMV: rsp.TMV}, true
		}
		if r.OnCommit != nil {
			r.OnCommit(t)
		}
	}
	r.reset()
	r.broken = nil
}

// add takes note of a command that succeeded.
func (r *TMACRecorder) add(e *Exchange) {
	if e.Session == wire.SchemeLRP {
		r.lrp = true
	}
	switch m := e.Command.(type) {
	case *wire.AbortTransaction:
		r.reset()
		r.broken = nil
		return
	case *wire.GetFileSettings:
		r.SetFileSettings(m.File, *e.Response.(*wire.FileSettings))
		return
	case *wire.GetVersion:
		if v := e.Response.(*wire.Version); !v.UID.IsZero() {
			r.uid = append(r.uid[:0], v.UID[:]...)
		}
		return
	case *wire.GetCardUID:
		r.uid = append(r.uid[:0], e.Response.(*wire.CardUID).UID...)
		return
	case *wire.CreateTransactionMACFile:
		r.reset()
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileTransactionMAC, Option: m.Option})
		return
	case *wire.CreateLinearRecordFile:
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: m.RecordSize})
		return
	case *wire.CreateCyclicRecordFile:
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: m.RecordSize})
		return
	case *wire.DeleteFile:
		r.deleted(m.File)
		return
	case *wire.CommitReaderID:
		r.named(m, e.Response.(*wire.ReaderID))
	}
	if r.exclude && e.Session == wire.SchemeNone || e.Command.Spec().Class != wire.ClassNative {
		return
	}
	if err := r.feed(e); err != nil && r.broken == nil {
		r.broken = err
	}
}

func (r *TMACRecorder) feed(e *Exchange) error {
	spec := e.Command.Spec()
	cmd, err := r.coder.Encode(nil, e.Command)
	if err != nil {
		return err
	}
	if no, ok := wire.FileOf(e.Command); ok && r.two && no.Secondary() {
		return nil
	}
	rsp, err := r.coder.Encode(nil, e.Response)
	if err != nil {
		return err
	}
	if err := r.input.AddBytes(spec.INS, cmd.Bytes, rsp.Bytes); err != nil {
		return fmt.Errorf("%s: %w", spec.Name, err)
	}
	return nil
}

func (r *TMACRecorder) named(m *wire.CommitReaderID, rsp *wire.ReaderID) {
	id := m.TMRI
	r.readerID = &id
	if len(rsp.EncTMRI) == len(id) {
		enc := [16]byte(rsp.EncTMRI)
		r.encTMRI = &enc
	}
}

// deleted forgets a file. Deleting the transaction MAC file aborts the
// transaction.
func (r *TMACRecorder) deleted(no FileNo) {
	delete(r.input.RecordSizes, no)
	if i := slices.Index(r.input.Exclude, no); i >= 0 {
		r.input.Exclude = slices.Delete(r.input.Exclude, i, i+1)
		r.exclude = false
		r.reset()
	}
}

// TransactTMAC is Transact in an application with a transaction MAC file. It
// returns what a back end needs to check the card's MAC; nil if there was
// nothing to commit. With an *OutcomeUnknownError it returns it as well,
// Unanswered: read the receipt from the file when the card is back. It is the
// caller's own.
//
// Reading counts. What was read since the application was selected, or since
// the last commit or abort, must have been read inside body.
func (c *Card) TransactTMAC(ctx context.Context, body func() error) (*tmac.Transaction, error) {
	if !c.nested.CompareAndSwap(false, true) {
		return nil, ErrNested
	}
	defer c.nested.Store(false)
	var done *tmac.Transaction
	var unproven error
	r := &TMACRecorder{OnCommit: func(t *tmac.Transaction) { done = t }}
	stop, err := c.watch(func(x *Exchange) {
		if _, ok := x.Command.(*wire.CommitTransaction); ok && r.reads(x.Err) {
			told := *x
			told.Err = &OutcomeUnknownError{x.Command.Spec().Name, false, x.Err}
			unproven, x = told.Err, &told
		}
		r.Observe(x)
	}, func() {
		r.uid, r.app = c.UID(), c.state.app
		for no, f := range c.known[c.state.place] {
			r.SetFileSettings(no, f.FileSettings)
		}
	})
	if err != nil {
		return nil, err
	}
	defer stop()
	_, err = c.transact(ctx, &wire.CommitTransaction{ReturnTMAC: true}, body)
	if unproven != nil {
		return done, unproven
	}
	if err != nil && done == nil && r.broken == nil && len(r.input.Bytes()) > 0 {
		// What was only read is a transaction, too, and would be part of the next.
		err = errors.Join(err, ignoreNoChanges(c.Abort(ctx)))
	}
	return done, err
}

// reads reports whether a commit that was refused had reads to commit, which
// count where there is a transaction MAC file. The refusal then proves nothing.
func (r *TMACRecorder) reads(err error) bool {
	return Refusal(err) != nil && r.broken == nil && len(r.input.Exclude) > 0 && len(r.input.Bytes()) > 0
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
