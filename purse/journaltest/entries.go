package journaltest

import (
	"fmt"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// card is one of many.
func card(n int) purse.CardApp {
	return purse.CardApp{UID: fmt.Sprintf("04%012X", n), App: "F00F01"}
}

// entry makes an entry that begins, with every kind of field.
func (s *suite) entry(c purse.CardApp, request string, attempt int) *purse.Entry {
	s.Helper()
	id, err := s.NewID(s.ctx)
	s.must(err)
	no, file, limited := wire.KeyNo(0), wire.FileNo(3), int32(7)
	return &purse.Entry{
		ID: id, Request: request, Attempt: attempt, Fingerprint: purse.Hex{1, 2, 3},
		Meta:  map[string]string{"gate": "7", "": "empty"},
		Began: purse.At(time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)), Terminal: "gate 7", Reader: "reader",
		Policy: purse.Hostile, Others: purse.OthersDebit,
		CardApp: c, UIDProof: purse.UIDBySession, KeyNo: &no, ReaderKeyNo: &no,
		Key:    keystore.Facts{Type: "AES", Version: 3, Check: key.CheckValue{1, 2, 3}, Source: "a safe"},
		TMKey:  &keystore.Facts{Type: "AES", NoVersion: true},
		Scheme: wire.SchemeEV2.String(), Method: "EV2First", LRP: true,
		Moves:  []purse.Move{{File: 1, Kind: purse.Debit, Amount: 250}, {File: 2, Kind: purse.LimitedCredit, Amount: 1}},
		Values: []purse.ValueBefore{{File: 1, Value: -5, Source: purse.FromLease}}, Lease: "epoch 4", Limited0: &limited,
		HasTMAC: true, TMC0: 41, TMV0: purse.TMV{1, 2, 3, 4, 5, 6, 7, 8}, NamesReader: true, EncTMRI: purse.Hex{9, 8}, TMI: purse.Hex{7, 6},
		SlotFile: &file, SlotNo: 2, Slot0: purse.Hex(id.Slot(16)),
		RecordFile: &file, RecordNo: 12, Marker: purse.Hex{5}, Records: 3, Capacity: 4, Cyclic: true, BeginFence: true,
	}
}

// outcome makes an outcome with every kind of field.
func (s *suite) outcome(d purse.Decision, rule purse.Rule) purse.Outcome {
	s.Helper()
	id, err := s.NewID(s.ctx)
	s.must(err)
	tmc, limited, tmv := uint32(42), int32(100), purse.TMV{8, 7, 6}
	return purse.Outcome{
		Decision: d, Rule: rule, Why: "why", Needs: []string{"a report"}, Alarms: []purse.Alarm{{Rule: purse.RuleReceipt, What: "what", Block: true}},
		RelayExcluded: true, Time: purse.At(time.Date(2026, 3, 1, 12, 0, 1, 0, time.UTC)),
		Evidence: purse.Evidence{
			Protected: true, SameCard: true, CommitAcked: true, TMC: &tmc, TMV: &tmv, TMVFits: purse.DoesNotFit,
			SettlementID: &id, EncTMRI: purse.Hex{1}, Previous: &id, Slot: purse.Hex{2}, Records: []purse.Hex{{3}, {4, 5}}, HasRecords: true,
			Values: []purse.ValueBefore{{File: 1, Value: 7, Source: purse.FromSession}}, Limited: &limited,
		},
	}
}

// state makes what is kept of a card.
func (s *suite) state(c purse.CardApp, tmc uint32) *purse.CardState {
	version := byte(3)
	return &purse.CardState{
		CardApp: c, HasTMC: true, TMC: tmc, TMV: purse.TMV{byte(tmc)}, KeyVer: &version, TMKeyVer: &version,
		Slot: purse.Hex{1, 2}, RecordNo: tmc, Values: []purse.ValueBefore{{File: 1, Value: 3, Source: purse.FromClear}}, Lease: "epoch 4", Blocked: "no",
	}
}

// begin begins and remembers that it did.
func (s *suite) begin(e *purse.Entry) {
	s.Helper()
	if err := s.Begin(s.ctx, e); err != nil {
		s.Fatalf("Begin: %v", err)
	}
	s.model.calls = append(s.model.calls, call{begin: travelled(e), id: e.ID})
	s.model.durable = len(s.model.calls)
}

func (s *suite) note(id purse.ID, p purse.Progress) {
	s.Helper()
	if err := s.Note(s.ctx, id, p); err != nil {
		s.Fatalf("Note: %v", err)
	}
	s.model.calls = append(s.model.calls, call{id: id, note: travelled(&p)})
}

func (s *suite) end(id purse.ID, o purse.Outcome, state *purse.CardState) {
	s.Helper()
	if err := s.End(s.ctx, id, o, state); err != nil {
		s.Fatalf("End: %v", err)
	}
	c := call{id: id, end: travelled(&o)}
	if state != nil {
		c.state = travelled(state)
	}
	s.model.calls = append(s.model.calls, c)
}

func (s *suite) keep(state *purse.CardState) {
	s.Helper()
	if err := s.Keep(s.ctx, state); err != nil {
		s.Fatalf("Keep: %v", err)
	}
	s.model.calls = append(s.model.calls, call{state: travelled(state)})
}
