package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// errNotOpened is why the input of a transaction cannot be found.
var errNotOpened = errors.New("it is enciphered and no key of the session fits: give it with --key")

// tmacSession finds the transactions of a recorded session.
type tmacSession struct {
	// settings are those of files that the session does not show.
	settings map[wire.FileNo]wire.FileSettings
	list     []*tmac.Transaction

	recorder desfire.TMACRecorder
	files    map[wire.FileNo]bool // transaction MAC files of the selected application
}

// find shows the messages of a verified recording to a recorder, as a card
// would have.
func (s *tmacSession) find(res *trace.Result) error {
	if res.Verdict == trace.Failed {
		return fmt.Errorf("the recorded session does not verify: %s", res.Reason())
	}
	s.recorder.OnCommit = func(t *tmac.Transaction) { s.list = append(s.list, t) }
	s.selected()
	for i := range res.Messages {
		e := exchangeOf(&res.Messages[i])
		if e == nil {
			continue
		}
		s.recorder.Observe(e)
		switch m := e.Command.(type) {
		case *wire.SelectApplication, *wire.ISOSelect:
			s.selected()
		case *wire.GetFileSettings:
			if fs, ok := e.Response.(*wire.FileSettings); ok && e.Err == nil {
				s.files[m.File] = fs.Type == wire.FileTransactionMAC
			}
		case *wire.ReadData:
			s.read(m, e)
		case *wire.ReadDataISO:
			s.read(&m.ReadData, e)
		}
	}
	return nil
}

// selected tells the recorder what the recording does not show.
func (s *tmacSession) selected() {
	s.files = make(map[wire.FileNo]bool)
	for no, fs := range s.settings {
		s.recorder.SetFileSettings(no, fs)
		s.files[no] = fs.Type == wire.FileTransactionMAC
	}
}

// read takes the receipt of the last transaction from the transaction MAC file.
func (s *tmacSession) read(m *wire.ReadData, e *desfire.Exchange) {
	data, ok := e.Response.(*wire.Data)
	if !ok || e.Err != nil || !s.files[m.File] || m.Offset != 0 || len(s.list) == 0 {
		return
	}
	last := s.list[len(s.list)-1]
	if r, err := tmac.ParseReceipt(data.Data); err == nil && !last.HasReceipt {
		last.Receipt, last.HasReceipt = r, true
	}
}

// exchangeOf makes of a deciphered message what an observer of the card would
// have seen, nil for what concerns no transaction.
func exchangeOf(o *trace.Opened) *desfire.Exchange {
	e := &desfire.Exchange{Command: o.Command, Status: o.Status, Session: o.Scheme, Mode: o.Mode}
	if o.Spec == nil {
		return nil
	}
	if e.Command == nil {
		e.Command = o.Spec.New()
	}
	_, commits := e.Command.(*wire.CommitTransaction)
	noAnswer := errors.New("the recording has no answer")
	switch {
	case !o.Answered && commits:
		e.Err = &desfire.OutcomeUnknownError{Command: o.Name, Err: noAnswer}
	case !o.Answered:
		e.Err = &desfire.TransportError{Command: o.Name, Err: noAnswer}
	case !o.OK() && o.Status != wire.StatusAdditionalFrame:
		e.Err = &desfire.CommandError{Command: o.Name, Status: o.Status}
	case o.Command != nil && o.Response != nil:
		e.Response = o.Response
	case countsForTMAC(e.Command):
		e.Err = errNotOpened
	default:
		return nil
	}
	return e
}

// countsForTMAC reports whether a command matters to a transaction MAC.
func countsForTMAC(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.SelectApplication, *wire.ISOSelect, *wire.AbortTransaction, *wire.CommitTransaction, *wire.CommitReaderID:
		return true
	}
	return cmd.Spec().Class == wire.ClassNative && tmac.Enters(cmd.Spec().INS)
}
