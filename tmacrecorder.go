package desfire

import (
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// TMACRecorder collects the input of transaction MACs while transactions run:
// make its Observe the Observe of a card's Config, or call it from there. One
// recorder belongs to one card at a time; another card begins it anew. The zero
// value is ready.
//
// An input that may not be all that the card has is marked Incomplete: the
// recorder came late, a refusal proves nothing of what came before it, or what
// counts is not known.
type TMACRecorder struct {
	// OnCommit is called for each transaction that was committed, or may have
	// been (Unanswered). t is its own.
	OnCommit func(t *tmac.Transaction)

	card     *Card // the last one that was observed
	app      AID
	begun    bool // since a selection, commit or abort nothing was missed
	two      bool // a secondary application is selected, whose files do not count
	uid      []byte
	proven   bool // uid came with a MAC
	lrp      bool
	exclude  bool // the transaction MAC file leaves out what is done without authentication
	input    tmac.Input
	types    map[FileNo]wire.FileType
	coder    wire.Coder
	readerID *[16]byte
	encTMRI  *[16]byte
	broken   error // why the input may not be what the card has
}

// SetFileSettings tells the settings of a file of the selected application, as
// Card.AssumeFileSettings does: which file is the transaction MAC file, and how
// long records are. Answers of GetFileSettings are noticed, and what the Card
// itself knows.
func (r *TMACRecorder) SetFileSettings(no FileNo, fs wire.FileSettings) {
	if r.types == nil {
		r.types = make(map[FileNo]wire.FileType)
	}
	r.types[no] = fs.Type
	switch fs.Type {
	case wire.FileTransactionMAC:
		if no.Secondary() {
			return // of an application whose files do not count
		}
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
	if r.card != nil && e.card != r.card {
		*r = TMACRecorder{OnCommit: r.OnCommit}
	}
	r.card = e.card
	if e.again { // the card had dropped all, or it has done this twice
		r.refused(e)
	}
	switch m := e.Command.(type) {
	case *wire.SelectApplication:
		if e.Err == nil {
			r.begin(m.AID, m.Second != wire.PICC)
			return
		}
	case *wire.ISOSelect:
		if m.SelectsDF() && (e.Err == nil || e.Status == wire.StatusISOLimitReached) {
			unknown := r.uncertain()
			r.begin(wire.PICC, false) // which application is not known
			if unknown && !isFence(m) {
				r.spoil(errors.New("it is not known whether ISO SELECT selected an application, or a file, which drops nothing"))
			}
			return
		}
	case *wire.CommitTransaction:
		r.commit(e)
		return
	}
	switch {
	case e.Err == nil && e.Response == nil:
		r.authenticated(e.Command)
	case e.Err == nil:
		r.add(e)
	case errors.As(e.Err, new(*CommandError)):
		r.refused(e)
	default:
		r.input.Reset()
		r.spoil(fmt.Errorf("%s broke off: %w", e.Command.Spec().Name, e.Err))
	}
}

// begin begins anew in an application.
func (r *TMACRecorder) begin(app AID, two bool) {
	r.clear()
	r.app, r.two, r.exclude = app, two, false
	r.input.Exclude, r.input.RecordSizes, r.types = nil, nil, nil
}

// clear empties the input where the card surely has none.
func (r *TMACRecorder) clear() {
	r.input.Reset()
	r.readerID, r.encTMRI, r.broken, r.begun = nil, nil, nil, true
}

// spoil notes why the input is not surely what the card has; the first reason
// stays.
func (r *TMACRecorder) spoil(why error) {
	if r.broken == nil {
		r.broken = why
	}
}

// uncertain reports whether the card may have an input.
func (r *TMACRecorder) uncertain() bool {
	return !r.begun || r.broken != nil || len(r.input.Bytes()) > 0
}

// refused is for a refusal. An honest card has dropped what was pending; a
// forged one proves nothing.
func (r *TMACRecorder) refused(e *Exchange) {
	if counts(e.Command) || len(r.input.Bytes()) > 0 {
		r.input.Reset()
		r.readerID, r.encTMRI = nil, nil
		r.spoil(fmt.Errorf("%s was refused, which proves nothing: what came before may still count", e.Command.Spec().Name))
	}
}

// authenticated is for a frame of an authentication. Those keep what is pending
// on a D40 and EV1, as does AuthenticateEV2NonFirst; of others no public source
// tells for every card.
func (r *TMACRecorder) authenticated(cmd wire.Command) {
	switch cmd.(type) {
	case *wire.AuthenticateEV2FirstPart2, *wire.AuthenticateLRPFirstPart2:
		r.between(cmd)
	}
}

// between is for a command in the middle of a transaction that may drop it.
func (r *TMACRecorder) between(cmd wire.Command) {
	if len(r.input.Bytes()) > 0 {
		r.spoil(fmt.Errorf("%s came in the middle, and whether every card keeps a transaction then is not known", cmd.Spec().Name))
	}
}

// counts reports whether a command may enter the input of a transaction MAC.
func counts(cmd wire.Command) bool {
	if _, ok := cmd.(*wire.Raw); ok {
		return true // for all anybody knows
	}
	spec := cmd.Spec()
	if spec.Class != wire.ClassNative {
		return isoReads(cmd) != nil || isoWrites(cmd) != nil
	}
	return tmac.Enters(spec.INS)
}

func (r *TMACRecorder) commit(e *Exchange) {
	unanswered := errors.As(e.Err, new(*OutcomeUnknownError)) || r.reads(e.Err)
	if e.Err == nil || unanswered {
		r.report(e, unanswered)
	}
	switch {
	case e.Err == nil:
		r.clear()
	case r.uncertain() || unanswered:
		r.input.Reset()
		r.readerID, r.encTMRI = nil, nil
		r.spoil(errors.New("it is not known whether the commit before took everything along"))
	}
}

func (r *TMACRecorder) report(e *Exchange, unanswered bool) {
	t := &tmac.Transaction{
		App: r.app, UID: r.identity(), Input: slices.Clone(r.input.Bytes()), LRP: r.lrp,
		Unanswered: unanswered, ReaderID: r.readerID, EncTMRI: r.encTMRI,
	}
	switch {
	case r.broken != nil:
		t.Incomplete = r.broken.Error()
	case !r.begun:
		t.Incomplete = "the recorder came late: neither a selection nor a commit or abort was seen before"
	}
	if rsp, ok := e.Response.(*wire.CommitTransactionResponse); ok && rsp.HasTMAC {
		t.Receipt, t.HasReceipt = tmac.Receipt{TMC: uint32(rsp.TMC), TMV: rsp.TMV}, true
	}
	if r.OnCommit != nil {
		r.OnCommit(t)
	}
}

// identity is the card's identifier as far as it is known.
func (r *TMACRecorder) identity() []byte {
	if r.card != nil && !r.proven {
		if uid := r.card.identity(); uid != nil {
			return uid
		}
	}
	return slices.Clone(r.uid)
}

// reads reports whether a commit that was refused may have had reads to commit,
// which count where there is a transaction MAC file. The refusal then proves nothing.
func (r *TMACRecorder) reads(err error) bool {
	return Refusal(err) != nil && len(r.input.Exclude) > 0 && r.uncertain()
}

// add takes note of a command that succeeded.
func (r *TMACRecorder) add(e *Exchange) {
	if e.Session == wire.SchemeLRP {
		r.lrp = true
	}
	switch m := e.Command.(type) {
	case *wire.AbortTransaction:
		r.clear()
		return
	case *wire.GetFileSettings:
		r.SetFileSettings(m.File, *e.Response.(*wire.FileSettings))
		return
	case *wire.GetVersion:
		if v := e.Response.(*wire.Version); !v.UID.IsZero() && !r.proven {
			r.uid = append(r.uid[:0], v.UID[:]...)
		}
		return
	case *wire.GetCardUID:
		r.uid = append(r.uid[:0], e.Response.(*wire.CardUID).UID...)
		r.proven = proves(e.Session)
		return
	case *wire.CreateTransactionMACFile:
		r.clear() // the card drops its transaction
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileTransactionMAC, Option: m.Option})
		return
	case *wire.CreateLinearRecordFile:
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: m.RecordSize})
		return
	case *wire.CreateCyclicRecordFile:
		r.SetFileSettings(m.File, wire.FileSettings{Type: wire.FileCyclicRecord, RecordSize: m.RecordSize})
		return
	case *wire.ChangeFileSettings:
		r.changed(m)
		return
	case *wire.DeleteFile:
		r.deleted(m.File)
		return
	case *wire.CommitReaderID:
		r.named(m, e.Response.(*wire.ReaderID))
	case *wire.PreparePC, *wire.ISOGetChallenge, *wire.ISOExternalAuthenticate, *wire.ISOInternalAuthenticate, *wire.SetConfiguration:
		r.between(e.Command)
		return
	}
	if !counts(e.Command) {
		return
	}
	r.recall()
	if r.exclude && e.Session == wire.SchemeNone {
		return
	}
	if err := r.feed(e); err != nil {
		r.spoil(err)
	}
}

// proves reports whether answers of a session carry MACs.
func proves(s wire.Scheme) bool { return s != wire.SchemeNone && s != wire.SchemeD40 }

// recall takes over what the Card knows of its files.
func (r *TMACRecorder) recall() {
	if r.card == nil {
		return
	}
	for no, f := range r.card.known[r.card.state.place] {
		if f.origin != fromNowhere {
			r.SetFileSettings(no, f.FileSettings)
		}
	}
}

func (r *TMACRecorder) feed(e *Exchange) error {
	spec := e.Command.Spec()
	if spec.Class != wire.ClassNative {
		return fmt.Errorf("how %s enters the transaction MAC is not public", spec.Name)
	}
	cmd, err := r.coder.Encode(nil, e.Command)
	if err != nil {
		return err
	}
	no, onFile := wire.FileOf(e.Command)
	if onFile && r.two && no.Secondary() {
		return nil
	}
	rsp, err := r.coder.Encode(nil, e.Response)
	if err != nil {
		return err
	}
	if err := r.input.AddBytes(spec.INS, cmd.Bytes, rsp.Bytes); err != nil {
		return fmt.Errorf("%s: %w", spec.Name, err)
	}
	if _, ok := e.Command.(*wire.Raw); ok {
		return fmt.Errorf("%s was sent as bytes, and what it does to the transaction is not known", spec.Name)
	}
	switch {
	case len(r.input.Exclude) > 0: // there is one such file, and it is known
	case e.Session == wire.SchemeNone:
		return fmt.Errorf("%s ran without a session, and whether that counts is not known: the settings of the transaction MAC file tell", spec.Name)
	case onFile && mayBeReceipt(e) && r.types[no] == wire.FileUnknown:
		return fmt.Errorf("%s: whether file %v is the transaction MAC file, which does not count, is not known", spec.Name, no)
	}
	return nil
}

// mayBeReceipt reports whether a command read what may be a transaction MAC
// file, which has 12 bytes.
func mayBeReceipt(e *Exchange) bool {
	m, ok := e.Command.(*wire.ReadData)
	if iso, isISO := e.Command.(*wire.ReadDataISO); isISO {
		m, ok = &iso.ReadData, true
	}
	data, holds := e.Response.(*wire.Data)
	return ok && holds && int(m.Offset)+len(data.Data) <= receiptSize
}

func (r *TMACRecorder) named(m *wire.CommitReaderID, rsp *wire.ReaderID) {
	id := m.TMRI
	r.readerID = &id
	if len(rsp.EncTMRI) == len(id) {
		enc := [16]byte(rsp.EncTMRI)
		r.encTMRI = &enc
	}
}

// changed follows new settings. Those of the transaction MAC file that switch
// something on abort the transaction.
func (r *TMACRecorder) changed(m *wire.ChangeFileSettings) {
	if !slices.Contains(r.input.Exclude, m.File) {
		return
	}
	r.exclude = m.Option.Has(wire.OptionTMIExclude)
	if r.exclude || m.Option.Has(wire.OptionTMCLimit) {
		r.clear()
	}
}

// deleted forgets a file. Deleting the transaction MAC file aborts the
// transaction.
func (r *TMACRecorder) deleted(no FileNo) {
	delete(r.input.RecordSizes, no)
	delete(r.types, no)
	if i := slices.Index(r.input.Exclude, no); i >= 0 {
		r.input.Exclude = slices.Delete(r.input.Exclude, i, i+1)
		r.exclude = false
		r.clear()
	}
}
