package sim

import (
	"slices"

	"github.com/go-desfire/desfire/wire"
)

func transactionCommands() []*command {
	return []*command{
		on((*Card).commitTransaction),
		on((*Card).abortTransaction),
	}
}

// transaction is what Commit would do: one entry for each file that has
// pending changes. It lives in the volatile memory, so loss of power, and
// forgetting it, is an abort.
type transaction struct {
	files   []pendingFile
	tmi     tmi
	session uint64 // that began it, 0 for none: see session.first
}

// pendingFile is the shadow of one file.
type pendingFile struct {
	aid  wire.AID
	no   wire.FileNo
	data []byte // backup file: its next content

	valued  bool
	value   int32
	debited int32 // sum of debits, which LimitedCredit may give back
	// a debit of 0 was among them
	debitedNothing bool
	limitedUsed    bool

	cleared bool   // record file: the old records go
	record  []byte // the new record
	// session that began it
	recordBy uint64
	updated  int // number of the record, newest first, that update replaces
	update   []byte
}

// pendingOf is the shadow of a file of the command's application, made when first
// asked for.
func (c *Card) pendingOf(f *file) *pendingFile {
	t, aid := &c.v.pending, c.call.app.aid
	if p := t.find(aid, f.no); p != nil {
		return p
	}
	t.began(c.v.session.first)
	t.files = append(t.files, pendingFile{aid: aid, no: f.no})
	return &t.files[len(t.files)-1]
}

// began remembers who began the transaction.
func (t *transaction) began(session uint64) {
	if len(t.files) == 0 && t.tmi.mac == nil {
		t.session = session
	}
}

func (t *transaction) find(aid wire.AID, no wire.FileNo) *pendingFile {
	for i := range t.files {
		if t.files[i].no == no && t.files[i].aid == aid {
			return &t.files[i]
		}
	}
	return nil
}

// started reports whether there is something to commit or abort.
func (t *transaction) started(q *Quirks) bool {
	return len(t.files) > 0 || t.tmi.readerID != nil || t.tmi.mac != nil && q.ReadsStartTransaction
}

func (t *transaction) clear() { *t = transaction{files: t.files[:0]} }

// apply puts the pending changes into a file of a memory that is being edited.
func (p *pendingFile) apply(f *file, q *Quirks) {
	if p.data != nil {
		f.data = p.data
	}
	if p.valued {
		f.value = p.value
	}
	// The amount is set to 0 by a limited credit of any amount (command reference
	// 10.6).
	switch {
	case p.debited > 0 && (f.limitedOn || q.LimitedCreditWhenOff):
		f.limited = p.debited
	case p.limitedUsed, p.valued && p.debited == 0 && p.limitReset(q):
		f.limited = 0
	}
	switch {
	case p.cleared:
		f.records = nil
	case p.update != nil:
		f.records = slices.Clone(f.records)
		f.records[len(f.records)-1-p.updated] = p.update
	case p.record != nil:
		kept := f.records
		if f.typ == wire.FileCyclicRecord && len(kept) == f.visible() {
			kept = kept[1:]
		}
		f.records = append(slices.Clone(kept), p.record)
	}
}

// limitReset reports whether a value that was changed without an amount debited
// leaves nothing to give back.
func (p *pendingFile) limitReset(q *Quirks) bool {
	if p.debitedNothing {
		return q.DebitZeroResetsLimit
	}
	return q.CreditResetsLimit
}

// commitTransaction makes the pending changes happen, all or none.
func (c *Card) commitTransaction(m *wire.CommitTransaction, rsp *wire.CommitTransactionResponse) wire.Status {
	*rsp = wire.CommitTransactionResponse{}
	switch {
	case m.WithOption && !c.gen.Has(wire.FeatureTMAC):
		return wire.StatusLengthError
	case m.ReturnTMAC && c.call.app.tmacFile() == nil:
		return wire.StatusParameterError // hardware notes 3
	case !c.v.pending.started(&c.quirks):
		return wire.StatusNoChanges
	}
	if st := c.mayCommit(); st != wire.StatusOK {
		return st
	}
	next := c.nvm.edit()
	app := next.editApp(c.call.app.aid)
	for i := range c.v.pending.files {
		p := &c.v.pending.files[i]
		owner := app
		if p.aid != app.aid {
			owner = next.editApp(p.aid)
		}
		p.apply(owner.editFile(p.no), &c.quirks)
	}
	made, st := c.commitTMAC(app, rsp)
	if st != wire.StatusOK {
		return st
	}
	if m.ReturnTMAC && !made {
		return wire.StatusParameterError
	}
	rsp.HasTMAC = m.ReturnTMAC
	if st := c.commit(next); st != wire.StatusOK {
		return st
	}
	c.v.pending.clear()
	return wire.StatusOK
}

// abortTransaction drops the pending changes; the session goes on.
func (c *Card) abortTransaction(*wire.AbortTransaction, *wire.Empty) wire.Status {
	if !c.v.pending.started(&c.quirks) {
		return wire.StatusNoChanges
	}
	if st := c.abortTMAC(); st != wire.StatusOK {
		return st
	}
	c.v.pending.clear()
	return wire.StatusOK
}

// mayCommit judges who commits.
func (c *Card) mayCommit() wire.Status {
	began, now := c.v.pending.session, c.v.session.first
	switch {
	case c.quirks.PlainCommitRefused && began != 0 && now == 0, c.quirks.CommitOwnSession && began != now:
		return wire.StatusAuthenticationError
	}
	if t := c.call.app.tmacFile(); t != nil && c.quirks.LimitRefusesCommit && c.exhausted(t.tmac) {
		return wire.StatusPermissionDenied
	}
	return wire.StatusOK
}

// forget drops the shadow of a deleted file.
func (t *transaction) forget(aid wire.AID, no wire.FileNo) {
	t.files = slices.DeleteFunc(t.files, func(p pendingFile) bool { return p.no == no && p.aid == aid })
}
