package purse

import (
	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

var (
	ourID   = NewID(Generation{1, 2, 3, 4, 5, 6}, 7, [6]byte{9, 9, 9})
	otherID = NewID(Generation{8}, 7, [6]byte{3})
	oldID   = NewID(Generation{8}, 6, [6]byte{4})
	askID   = NewID(Generation{1, 2, 3, 4, 5, 6}, 8, [6]byte{1})
)

// debit30 is a debit of 30 of 100 in an EV2 session of a hostile world, all
// confirmed up to the commit; others may do anything.
func debit30() *Entry {
	no := wire.KeyNo(2)
	return &Entry{
		ID: ourID, Attempt: 1, Policy: Hostile, CardApp: CardApp{"04112233445566", "F48121"},
		UIDProof: UIDByKey, KeyNo: &no, Scheme: wire.SchemeEV2.String(),
		Moves: []Move{{1, Debit, 30}}, Values: []ValueBefore{{1, 100, FromSession}},
		Progress: Progress{Acked: 9, CommitSent: true},
	}
}

func withTMAC(e *Entry) {
	e.HasTMAC, e.TMC0, e.TMV0, e.NamesReader, e.BeginFence = true, 4, TMV{4}, true, true
}

func withSlot(e *Entry) {
	no := wire.FileNo(3)
	e.SlotFile, e.Slot0 = &no, oldID.Slot(16)
}

func withRecord(e *Entry) {
	no := wire.FileNo(4)
	e.RecordFile, e.RecordNo, e.Records, e.Capacity, e.Cyclic, e.BeginFence = &no, 12, 5, 7, true, true
	e.Marker = recordOf(oldID, -1, 11, 24)
}

// read is what a settlement reads that changes nothing and fences.
func read() *Evidence {
	return &Evidence{Fence: Fence(desfire.FenceAbort), Protected: true, SameCard: true}
}

func (e *Evidence) counted(tmc uint32, tmv TMV) { e.TMC, e.TMV = &tmc, &tmv }

func (e *Evidence) holds(v int32) { e.Values = []ValueBefore{{1, v, FromSession}} }

func (e *Evidence) named(id ID, known bool) {
	e.SettlementID, e.EncTMRI, e.Previous, e.PreviousKnown = &askID, make(Hex, 16), &id, known
}

// shows sets the records, the newest first: pairs of id and number, amount -1.
func (e *Evidence) shows(all bool, records ...Hex) {
	e.HasRecords, e.AllRecords, e.Records = true, all, records
}

func rec(id ID, amount int64, no uint32) Hex { return recordOf(id, amount, no, 24) }

// rest are records of others, the newest number first.
func rest(from, to uint32) (r []Hex) {
	for n := from; n >= to; n-- {
		r = append(r, rec(NewID(Generation{5}, n, [6]byte{}), -1, n))
	}
	return r
}

type row struct {
	name     string
	e        func(*Entry)
	ev       func(*Evidence)
	state    *CardState
	want     Decision
	rule     Rule
	alarm    Rule // empty: none
	accident bool // decided, but a relay is not excluded
}

func tmacState(tmc uint32, tmv TMV) *CardState { return &CardState{HasTMC: true, TMC: tmc, TMV: tmv} }

func many(f ...func(*Entry)) func(*Entry) {
	return func(e *Entry) {
		for _, f := range f {
			f(e)
		}
	}
}

func unacked(e *Entry) { e.Progress.Acked = 0 }
func exclusive(e *Entry) {
	e.Others = OthersNothing
}
func accidents(e *Entry) { e.Policy = Accidents }
func d40(e *Entry)       { e.Scheme = wire.SchemeD40.String() }
func lrp(e *Entry)       { e.Scheme, e.LRP = wire.SchemeLRP.String(), true }

// rows has one row per sentence of the rules, and those that must not decide.
var rows = []row{
	// 0
	{name: "0: commit confirmed", ev: func(v *Evidence) { v.CommitAcked = true }, want: Happened, rule: RuleCommit},
	{name: "0: commit confirmed with our number", e: withTMAC, ev: func(v *Evidence) { v.CommitAcked = true; v.counted(5, TMV{5}) }, want: Happened, rule: RuleCommit},
	{name: "0: commit confirmed with another number", e: withTMAC, ev: func(v *Evidence) { v.CommitAcked = true; v.counted(6, TMV{5}) }, want: InDoubt, rule: RuleNoKey},
	{name: "0: a movement was not confirmed", e: unacked, ev: func(v *Evidence) { v.CommitAcked = true }, want: InDoubt, rule: RuleNone},
	{name: "0: D40, hostile", e: d40, ev: func(v *Evidence) { v.CommitAcked, v.Protected = true, false }, want: InDoubt, rule: RuleNone},
	{name: "0: D40, accidents", e: many(d40, accidents, unacked), ev: func(v *Evidence) { v.CommitAcked, v.Protected = true, false }, want: Happened, rule: RuleCommit, accident: true},
	{name: "0: no session, accidents", e: func(e *Entry) {
		accidents(e)
		unacked(e)
		e.KeyNo, e.Scheme, e.UIDProof = nil, wire.SchemeNone.String(), UIDClear
	}, ev: func(v *Evidence) { v.CommitAcked, v.Protected = true, false }, want: Happened, rule: RuleCommit, accident: true},
	{name: "0: no proof which card it was", e: func(e *Entry) { e.UIDProof = UIDClear }, ev: func(v *Evidence) { v.CommitAcked = true }, want: InDoubt, rule: RuleNone},
	{name: "0: LRP counts the low half", e: many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x0001FFFF }), ev: func(v *Evidence) { v.CommitAcked = true; v.counted(0x00010000, TMV{5}) }, want: Happened, rule: RuleCommit},
	{name: "0: a higher number was seen before", e: withTMAC, ev: func(v *Evidence) { v.CommitAcked = true; v.counted(5, TMV{5}) }, state: tmacState(9, TMV{9}), want: Happened, rule: RuleCommit, alarm: RuleOtherHistory},
	{name: "0: EV2 under accidents, a plain file", e: func(e *Entry) { accidents(e); e.Values[0].Source = FromClear }, ev: func(v *Evidence) { v.CommitAcked = true }, want: Happened, rule: RuleCommit, accident: true},
	{name: "0: EV2 under accidents is as good as hostile", e: accidents, ev: func(v *Evidence) { v.CommitAcked = true }, want: Happened, rule: RuleCommit},

	// 1
	{name: "1: counter stood still", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}) }, want: DidNot, rule: RuleCounter},
	{name: "1: no fence", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.Fence = 0 }, want: InDoubt, rule: RuleNone},
	{name: "1: a selection is no fence against a relay", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.Fence = Fence(desfire.FenceSelection) }, want: InDoubt, rule: RuleNone},
	{name: "1: a selection is a fence against accidents", e: many(withTMAC, accidents), ev: func(v *Evidence) { v.counted(4, TMV{4}); v.Fence = Fence(desfire.FenceSelection) }, want: DidNot, rule: RuleCounter, accident: true},
	{name: "1: under accidents with an abort", e: many(withTMAC, accidents), ev: func(v *Evidence) { v.counted(4, TMV{4}) }, want: DidNot, rule: RuleCounter},
	{name: "1: without a TMV", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.TMV = nil }, want: InDoubt, rule: RuleNone},
	{name: "1: TMC0 = 0 wants the value", e: many(withTMAC, func(e *Entry) { e.TMC0, e.TMV0 = 0, TMV{} }), ev: func(v *Evidence) { v.counted(0, TMV{}) }, want: InDoubt, rule: RuleNone},
	{name: "1: TMC0 = 0 with the value", e: many(withTMAC, func(e *Entry) { e.TMC0, e.TMV0 = 0, TMV{} }), ev: func(v *Evidence) { v.counted(0, TMV{}); v.holds(100) }, want: DidNot, rule: RuleCounter},
	{name: "1: TMC0 = 0 with another value", e: many(withTMAC, func(e *Entry) { e.TMC0, e.TMV0 = 0, TMV{} }), ev: func(v *Evidence) { v.counted(0, TMV{}); v.holds(70) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "1: another TMV", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{5}) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "1: another value", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.holds(99) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "1: movement outside the input", e: many(withTMAC, accidents, func(e *Entry) { e.Excluded, e.KeyNo = true, nil }), ev: func(v *Evidence) { v.counted(4, TMV{4}) }, want: InDoubt, rule: RuleNone},
	{name: "1: others move without a session, we do not", e: many(withTMAC, func(e *Entry) { e.Excluded = true }), ev: func(v *Evidence) { v.counted(4, TMV{4}); v.holds(99) }, want: DidNot, rule: RuleCounter},
	{name: "1: begun in D40, hostile", e: many(withTMAC, d40), ev: func(v *Evidence) { v.counted(4, TMV{4}) }, want: InDoubt, rule: RuleNone},
	{name: "1: read without a MAC", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.Protected = false }, want: InDoubt, rule: RuleNone},
	{name: "1: not the same card", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.SameCard = false }, want: InDoubt, rule: RuleNone},
	{name: "1: LRP, the high half counts sessions", e: many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x00010004 }), ev: func(v *Evidence) { v.counted(0x00030004, TMV{4}) }, want: DidNot, rule: RuleCounter},
	{name: "1: not LRP, all four bytes count", e: many(withTMAC, func(e *Entry) { e.TMC0 = 0x00010004 }), ev: func(v *Evidence) { v.counted(0x00030004, TMV{4}) }, want: InDoubt, rule: RuleNoKey},

	// 2
	{name: "2: TMV covers our id", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = Fits }, want: Happened, rule: RuleTMV},
	{name: "2: no fence", e: many(withTMAC, unacked), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits, v.Fence = Fits, 0 }, want: Happened, rule: RuleTMV},
	{name: "2: read in D40", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits, v.Protected = Fits, false }, want: Happened, rule: RuleTMV},
	{name: "2: begun in D40, whose counter may be a lie", e: many(withTMAC, d40), ev: func(v *Evidence) { v.counted(8, TMV{5}); v.TMVFits, v.Protected = Fits, false }, want: Happened, rule: RuleTMV},
	{name: "2: no id in the input", e: many(withTMAC, func(e *Entry) { e.NamesReader = false }), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = Fits }, want: InDoubt, rule: RuleNoKey},
	{name: "2: the slot is the id in the input", e: many(withTMAC, withSlot, func(e *Entry) { e.NamesReader = false }), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = Fits }, want: Happened, rule: RuleTMV},
	{name: "2: a TMV that does not fit is no evidence", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = DoesNotFit }, want: InDoubt, rule: RuleNoKey},
	{name: "2: our TMV at another number", e: withTMAC, ev: func(v *Evidence) { v.counted(6, TMV{5}); v.TMVFits = Fits }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "2: not the same card", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits, v.SameCard = Fits, false }, want: InDoubt, rule: RuleNone},
	{name: "2: outside the input", e: many(withTMAC, accidents, func(e *Entry) { e.Excluded, e.KeyNo = true, nil }), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = Fits }, want: InDoubt, rule: RuleNone},
	{name: "2: below what was seen of the card", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.TMVFits = Fits }, state: tmacState(9, TMV{9}), want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},

	// 3
	{name: "3: the card names another", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, true) }, want: DidNot, rule: RuleOtherOwner},
	{name: "3: no fence", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, true); v.Fence = 0 }, want: DidNot, rule: RuleOtherOwner},
	{name: "3: an unknown id", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, false) }, want: InDoubt, rule: RuleNoKey},
	{name: "3: at another number", e: withTMAC, ev: func(v *Evidence) { v.counted(6, TMV{5}); v.named(otherID, true) }, want: InDoubt, rule: RuleNoKey},
	{name: "3: at the number before", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.named(oldID, true); v.Fence = 0 }, want: InDoubt, rule: RuleNone},
	{name: "3: we name no reader", e: many(withTMAC, func(e *Entry) { e.NamesReader = false }), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, true) }, want: InDoubt, rule: RuleNoKey},
	{name: "3: begun in D40, hostile", e: many(withTMAC, d40), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, true) }, want: InDoubt, rule: RuleNone},
	{name: "3: LRP", e: many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x0001FFFF }), ev: func(v *Evidence) { v.counted(0x00010000, TMV{5}); v.named(otherID, true) }, want: DidNot, rule: RuleOtherOwner},
	{name: "3: the TMV is ours, the reader another", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(otherID, true); v.TMVFits = Fits }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},

	// 4
	{name: "4: the card names us", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(ourID, true) }, want: Happened, rule: RuleReaderID},
	{name: "4: movements not confirmed", e: many(withTMAC, unacked), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(ourID, true) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "4: not confirmed, the value fits and nobody else moves it", e: many(withTMAC, unacked, exclusive), ev: func(v *Evidence) {
		v.counted(5, TMV{5})
		v.named(ourID, true)
		v.holds(70)
		v.LeaseHeld = true
	}, want: Happened, rule: RuleReaderID},
	{name: "4: not confirmed, the value fits and others move it", e: many(withTMAC, unacked), ev: func(v *Evidence) { v.counted(5, TMV{5}); v.named(ourID, true); v.holds(70) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},

	// 5
	{name: "5: the counter moved on and nobody tells by whom", e: withTMAC, ev: func(v *Evidence) { v.counted(7, TMV{7}) }, want: InDoubt, rule: RuleNoKey},
	{name: "5: values that close are no evidence", e: withTMAC, ev: func(v *Evidence) { v.counted(5, TMV{5}); v.holds(70) }, want: InDoubt, rule: RuleNoKey},

	// 7
	{name: "7: our record", e: withRecord, ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 12)) }, want: Happened, rule: RuleRecord},
	{name: "7: no fence", e: withRecord, ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 12)); v.Fence = 0 }, want: Happened, rule: RuleRecord},
	{name: "7: not confirmed", e: many(withRecord, unacked), ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 12)) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: not confirmed, the value fits with the newer records", e: many(withRecord, unacked), ev: func(v *Evidence) {
		v.shows(false, rec(otherID, -5, 13), rec(ourID, -30, 12), rec(oldID, -1, 11))
		v.holds(65)
	}, want: Happened, rule: RuleRecord},
	{name: "7: not confirmed, and part of the newer records fits without ours", e: many(withRecord, unacked), ev: func(v *Evidence) {
		v.shows(false, rec(otherID, 30, 14), rec(otherID, -30, 13), rec(ourID, -30, 12), rec(oldID, -1, 11))
		v.holds(70)
	}, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: not confirmed, the value fits without ours", e: many(withRecord, unacked), ev: func(v *Evidence) {
		v.shows(false, rec(otherID, -5, 13), rec(ourID, -30, 12), rec(oldID, -1, 11))
		v.holds(95)
	}, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: not confirmed, a newer record is missing", e: many(withRecord, unacked), ev: func(v *Evidence) {
		v.shows(false, rec(otherID, -5, 14), rec(ourID, -30, 12), rec(oldID, -1, 11))
		v.holds(65)
	}, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: not confirmed, and commits may be merged", e: many(withRecord, unacked, func(e *Entry) { e.BeginFence = false }), ev: func(v *Evidence) {
		v.shows(false, rec(ourID, -30, 12), rec(oldID, -1, 11))
		v.holds(70)
	}, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: marker still shown", e: withRecord, ev: func(v *Evidence) { v.shows(false, rec(otherID, -5, 12), rec(oldID, -1, 11)) }, want: DidNot, rule: RuleRecord},
	{name: "7: marker still shown, no fence", e: withRecord, ev: func(v *Evidence) { v.shows(false, rec(oldID, -1, 11)); v.Fence = 0 }, want: InDoubt, rule: RuleNone},
	{name: "7: others do not make the begin fence", e: many(withRecord, func(e *Entry) { e.BeginFence = false }), ev: func(v *Evidence) { v.shows(false, rec(oldID, -1, 11)) }, want: InDoubt, rule: RuleNone},
	{name: "7: others name themselves", e: many(withTMAC, withRecord, func(e *Entry) { e.BeginFence = false }), ev: func(v *Evidence) { v.shows(false, rec(oldID, -1, 11)) }, want: DidNot, rule: RuleRecord},
	{name: "7: marker rolled out, numbers without a gap", e: withRecord, ev: func(v *Evidence) { v.shows(true, rest(18, 12)...) }, want: DidNot, rule: RuleRecord},
	{name: "7: marker rolled out, more rolled out", e: withRecord, ev: func(v *Evidence) { v.shows(true, rest(19, 13)...) }, want: InDoubt, rule: RuleNone},
	{name: "7: marker rolled out, a number missing", e: withRecord, ev: func(v *Evidence) { v.shows(true, append(rest(19, 15), rest(13, 12)...)...) }, want: InDoubt, rule: RuleNone},
	{name: "7: marker stands twice", e: withRecord, ev: func(v *Evidence) { v.shows(false, rec(oldID, -1, 11), rec(otherID, -5, 12), rec(oldID, -1, 11)) }, want: InDoubt, rule: RuleNone},
	{name: "7: cleared", e: withRecord, ev: func(v *Evidence) { v.shows(true) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: cleared, and used again", e: withRecord, ev: func(v *Evidence) { v.shows(true, rest(12, 12)...) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: the newest ones only, not the marker", e: withRecord, ev: func(v *Evidence) { v.shows(false, rest(14, 13)...) }, want: InDoubt, rule: RuleNone},
	{name: "7: was empty, is not full", e: many(withRecord, func(e *Entry) { e.Records, e.Marker, e.RecordNo, e.NeverCleared = 0, nil, 0, true }), ev: func(v *Evidence) { v.shows(true, rest(3, 1)...) }, want: DidNot, rule: RuleRecord},
	{name: "7: was empty, still is", e: many(withRecord, func(e *Entry) { e.Records, e.Marker, e.RecordNo, e.NeverCleared = 0, nil, 0, true }), ev: func(v *Evidence) { v.shows(true) }, want: DidNot, rule: RuleRecord},
	{name: "7: was empty, others can clear it", e: many(withRecord, func(e *Entry) { e.Records, e.Marker = 0, nil }), ev: func(v *Evidence) { v.shows(true) }, want: InDoubt, rule: RuleNone},
	{name: "7: was empty, is full", e: many(withRecord, func(e *Entry) { e.Records, e.Marker, e.RecordNo, e.NeverCleared = 0, nil, 0, true }), ev: func(v *Evidence) { v.shows(true, rest(7, 1)...) }, want: InDoubt, rule: RuleNone},
	{name: "7: was empty, only the newest were read", e: many(withRecord, func(e *Entry) { e.Records, e.Marker, e.RecordNo, e.NeverCleared = 0, nil, 0, true }), ev: func(v *Evidence) { v.shows(false, rest(3, 2)...) }, want: InDoubt, rule: RuleNone},
	{name: "7: linear and full", e: many(withRecord, func(e *Entry) { e.Cyclic, e.Records = false, 7 }), ev: func(v *Evidence) { v.shows(true, append([]Hex{rec(oldID, -1, 11)}, rest(10, 5)...)...) }, want: DidNot, rule: RuleRecord},
	{name: "7: not read", e: withRecord, want: InDoubt, rule: RuleNone},
	{name: "7: our id before we began", e: many(withRecord, func(e *Entry) { e.Marker = rec(ourID, -30, 11) }), ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 11)) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "7: D40, hostile", e: many(withRecord, d40), ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 12)); v.Protected = false }, want: InDoubt, rule: RuleNone},
	{name: "7: D40, accidents", e: many(withRecord, d40, accidents, unacked), ev: func(v *Evidence) { v.shows(false, rec(ourID, -30, 12)); v.Protected = false }, want: Happened, rule: RuleRecord, accident: true},

	// 8
	{name: "8: our slot", e: withSlot, ev: func(v *Evidence) { v.Slot = ourID.Slot(16) }, want: Happened, rule: RuleSlot},
	{name: "8: a short slot", e: many(withSlot, func(e *Entry) { e.Slot0 = oldID.Slot(8) }), ev: func(v *Evidence) { v.Slot = ourID.Slot(8) }, want: Happened, rule: RuleSlot},
	{name: "8: no fence", e: withSlot, ev: func(v *Evidence) { v.Slot, v.Fence = ourID.Slot(16), 0 }, want: Happened, rule: RuleSlot},
	{name: "8: not confirmed", e: many(withSlot, unacked), ev: func(v *Evidence) { v.Slot = ourID.Slot(16) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "8: not confirmed, the value fits", e: many(withSlot, unacked, exclusive), ev: func(v *Evidence) { v.Slot, v.LeaseHeld = ourID.Slot(16), true; v.holds(70) }, want: Happened, rule: RuleSlot},
	{name: "8: not confirmed, the value says no", e: many(withSlot, unacked, exclusive), ev: func(v *Evidence) { v.Slot, v.LeaseHeld = ourID.Slot(16), true; v.holds(100) }, want: DidNot, rule: RuleValue, alarm: RuleReceipt},
	{name: "8: the slot as it was", e: withSlot, ev: func(v *Evidence) { v.Slot = oldID.Slot(16) }, want: DidNot, rule: RuleSlot},
	{name: "8: the slot as it was, no fence", e: withSlot, ev: func(v *Evidence) { v.Slot, v.Fence = oldID.Slot(16), 0 }, want: InDoubt, rule: RuleNone},
	{name: "8: the slot as it was, accidents, selection", e: many(withSlot, accidents), ev: func(v *Evidence) { v.Slot, v.Fence = oldID.Slot(16), Fence(desfire.FenceSelection) }, want: DidNot, rule: RuleSlot, accident: true},
	{name: "8: neither", e: withSlot, ev: func(v *Evidence) { v.Slot = otherID.Slot(16) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "8: neither, and the counter tells", e: many(withTMAC, withSlot), ev: func(v *Evidence) { v.Slot = otherID.Slot(16); v.counted(5, TMV{5}); v.named(otherID, true) }, want: DidNot, rule: RuleOtherOwner, alarm: RuleReceipt},
	{name: "8: what was before is not known", e: many(withSlot, func(e *Entry) { e.Slot0 = nil }), ev: func(v *Evidence) { v.Slot = oldID.Slot(16) }, want: InDoubt, rule: RuleNone},
	{name: "8: our id before we began", e: many(withSlot, func(e *Entry) { e.Slot0 = ourID.Slot(16) }), ev: func(v *Evidence) { v.Slot = ourID.Slot(16) }, want: InDoubt, rule: RuleReceipt, alarm: RuleReceipt},
	{name: "8: a counter moved by others does not matter", e: many(withTMAC, withSlot), ev: func(v *Evidence) { v.Slot = ourID.Slot(16); v.counted(19, TMV{5}) }, want: Happened, rule: RuleSlot},
	{name: "8: our slot and the counter as it was", e: many(withTMAC, withSlot), ev: func(v *Evidence) { v.Slot = ourID.Slot(16); v.counted(4, TMV{4}); v.Fence = 0 }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "8: the slot as it was, and the TMV is ours", e: many(withTMAC, withSlot), ev: func(v *Evidence) { v.Slot = oldID.Slot(16); v.counted(5, TMV{5}); v.TMVFits = Fits }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},

	// 9
	{name: "9: the value moved", e: exclusive, ev: func(v *Evidence) { v.LeaseHeld, v.Fence = true, 0; v.holds(70) }, want: Happened, rule: RuleValue},
	{name: "9: the value did not move", e: exclusive, ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(100) }, want: DidNot, rule: RuleValue},
	{name: "9: the value did not move, no fence", e: exclusive, ev: func(v *Evidence) { v.LeaseHeld, v.Fence = true, 0; v.holds(100) }, want: InDoubt, rule: RuleNone},
	{name: "9: the value is another", e: exclusive, ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(90) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "9: the lease was lost", e: exclusive, ev: func(v *Evidence) { v.holds(70) }, want: InDoubt, rule: RuleNone},
	{name: "9: a lease, and another's change may have pended", e: many(exclusive, func(e *Entry) { e.Lease = "1" }), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: InDoubt, rule: RuleNone},
	{name: "9: a lease, and nothing pended", e: many(exclusive, func(e *Entry) { e.Lease, e.BeginFence = "1", true }), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: Happened, rule: RuleValue},
	{name: "9: others can move it", ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: InDoubt, rule: RuleBothWays},
	{name: "9: a value of the lease's last result", e: many(exclusive, func(e *Entry) { e.Values[0].Source = FromLease }), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: Happened, rule: RuleValue},
	{name: "9: a value read in clear", e: many(exclusive, func(e *Entry) { e.Values[0].Source = FromClear }), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: InDoubt, rule: RuleNone},
	{name: "9: a value read in clear, accidents", e: many(exclusive, accidents, d40, func(e *Entry) { e.Values[0].Source = FromClear }), ev: func(v *Evidence) { v.LeaseHeld, v.Protected = true, false; v.holds(70) }, want: Happened, rule: RuleValue, accident: true},
	{name: "9: several files, all moved", e: many(exclusive, two), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70); v.and(2, 55) }, want: Happened, rule: RuleValue},
	{name: "9: several files, none moved", e: many(exclusive, two), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(100); v.and(2, 50) }, want: DidNot, rule: RuleValue},
	{name: "9: several files, mixed", e: many(exclusive, two), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70); v.and(2, 50) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "9: several files, one not read", e: many(exclusive, two), ev: func(v *Evidence) { v.LeaseHeld = true; v.holds(70) }, want: InDoubt, rule: RuleNone},
	{name: "9: the counter counts others' reads too", e: many(exclusive, withTMAC), ev: func(v *Evidence) { v.LeaseHeld = true; v.counted(6, TMV{5}); v.holds(100) }, want: DidNot, rule: RuleValue},
	{name: "9: the counter contradicts", e: many(exclusive, withTMAC), ev: func(v *Evidence) { v.LeaseHeld = true; v.counted(4, TMV{4}); v.holds(70) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},

	// 10
	{name: "10: too high for ours", e: debitors, ev: func(v *Evidence) { v.holds(71) }, want: DidNot, rule: RuleDebitOnly},
	{name: "10: as ours would leave it", e: debitors, ev: func(v *Evidence) { v.holds(70) }, want: InDoubt, rule: RuleNone},
	{name: "10: lower", e: debitors, ev: func(v *Evidence) { v.holds(3) }, want: InDoubt, rule: RuleNone},
	{name: "10: too high for ours, no fence", e: debitors, ev: func(v *Evidence) { v.Fence = 0; v.holds(71) }, want: InDoubt, rule: RuleNone},
	{name: "10: several files, all too high", e: many(debitors, two, func(e *Entry) { e.Moves[1].Kind = Debit }), ev: func(v *Evidence) { v.holds(71); v.and(2, 46) }, want: DidNot, rule: RuleDebitOnly},
	{name: "10: several files, one low enough", e: many(debitors, two, func(e *Entry) { e.Moves[1].Kind = Debit }), ev: func(v *Evidence) { v.holds(70); v.and(2, 46) }, want: InDoubt, rule: RuleNone},
	{name: "10: our credit is not for this rule", e: many(debitors, func(e *Entry) { e.Moves[0].Kind = Credit }), ev: func(v *Evidence) { v.holds(131) }, want: InDoubt, rule: RuleNone},

	// 11
	{name: "11: the value as it was proves nothing", ev: func(v *Evidence) { v.holds(100) }, want: InDoubt, rule: RuleBothWays},
	{name: "11: the value that fits proves nothing", ev: func(v *Evidence) { v.holds(70) }, want: InDoubt, rule: RuleBothWays},

	// 12
	{name: "12: used up", e: giveBack, ev: func(v *Evidence) { v.LeaseHeld = true; v.left(0) }, want: Happened, rule: RuleLimited},
	{name: "12: as it was", e: giveBack, ev: func(v *Evidence) { v.LeaseHeld = true; v.left(40) }, want: DidNot, rule: RuleLimited},
	{name: "12: as it was, no fence", e: giveBack, ev: func(v *Evidence) { v.LeaseHeld, v.Fence = true, 0; v.left(40) }, want: InDoubt, rule: RuleNone},
	{name: "12: it was 0", e: many(giveBack, func(e *Entry) { *e.Limited0 = 0 }), ev: func(v *Evidence) { v.LeaseHeld = true; v.left(0) }, want: InDoubt, rule: RuleNone},
	{name: "12: neither", e: giveBack, ev: func(v *Evidence) { v.LeaseHeld = true; v.left(30) }, want: InDoubt, rule: RuleNone},
	{name: "12: others may use it", e: giveBack, ev: func(v *Evidence) { v.left(0) }, want: InDoubt, rule: RuleNone},
	{name: "12: a debit decides nothing", e: many(giveBack, func(e *Entry) { e.Moves[0].Kind = Debit }), ev: func(v *Evidence) { v.LeaseHeld = true; v.left(30) }, want: InDoubt, rule: RuleNone},

	// 14a
	{name: "14a: the counter went back", e: withTMAC, ev: func(v *Evidence) { v.counted(3, TMV{3}) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: below the highest seen", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}) }, state: tmacState(9, TMV{9}), want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: seen with another TMV", e: withTMAC, ev: func(v *Evidence) { v.counted(9, TMV{1}) }, state: tmacState(9, TMV{9}), want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: seen with the same TMV", e: withTMAC, ev: func(v *Evidence) { v.counted(9, TMV{9}) }, state: tmacState(9, TMV{9}), want: InDoubt, rule: RuleNoKey},
	{name: "14a: LRP beyond FFFF is no step back", e: many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x0001FFFF }), ev: func(v *Evidence) { v.counted(0x00010001, TMV{5}) }, want: InDoubt, rule: RuleNoKey},
	{name: "14a: LRP back", e: many(withTMAC, lrp), ev: func(v *Evidence) { v.counted(0x00090003, TMV{5}) }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: LRP, highest seen at the wrap", e: many(withTMAC, lrp, func(e *Entry) { e.TMC0 = 0x0001FFFF }), ev: func(v *Evidence) { v.counted(0x00010000, TMV{5}); v.TMVFits = Fits }, state: &CardState{HasTMC: true, LRP: true, TMC: 0x0001FFFF, TMV: TMV{4}}, want: Happened, rule: RuleTMV},
	{name: "14a: the key's version went back", e: withTMAC, ev: func(v *Evidence) { v.counted(4, TMV{4}); v.KeyVersion = new(byte) }, state: &CardState{KeyVer: &[]byte{1}[0]}, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: the MAC key's version went back", e: withTMAC, ev: func(v *Evidence) { v.counted(9, TMV{4}); v.TMKeyVersion = new(byte) }, state: &CardState{TMKeyVer: &[]byte{1}[0]}, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: the MAC key is another one", e: withTMAC, ev: func(v *Evidence) { v.counted(9, TMV{4}); v.TMKeyVersion = &[]byte{1}[0] }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: the reader before us is another one", e: many(withTMAC, func(e *Entry) { e.EncTMRI = Hex{1} }), ev: func(v *Evidence) { v.counted(4, TMV{4}); v.SettlementID, v.EncTMRI = &askID, Hex{2} }, want: InDoubt, rule: RuleOtherHistory, alarm: RuleOtherHistory},
	{name: "14a: the reader before us is the same", e: many(withTMAC, func(e *Entry) { e.Progress.EncTMRI = Hex{1} }), ev: func(v *Evidence) { v.counted(4, TMV{4}); v.SettlementID, v.EncTMRI = &askID, Hex{1} }, want: DidNot, rule: RuleCounter},
	{name: "14a: under LRP it is enciphered anew", e: many(withTMAC, lrp, func(e *Entry) { e.EncTMRI = Hex{1} }), ev: func(v *Evidence) { v.counted(4, TMV{4}); v.SettlementID, v.EncTMRI = &askID, Hex{2} }, want: DidNot, rule: RuleCounter},
	{name: "14a: a relay cannot raise it in D40", e: many(withTMAC, d40), ev: func(v *Evidence) { v.counted(3, TMV{3}); v.Protected = false }, want: InDoubt, rule: RuleNone},
	{name: "14a: nor with another card", e: withTMAC, ev: func(v *Evidence) { v.counted(3, TMV{3}); v.SameCard = false }, want: InDoubt, rule: RuleNone},

	{name: "nothing was read", want: InDoubt, rule: RuleNone},
}

func two(e *Entry) {
	e.Moves = append(e.Moves, Move{2, Credit, 5})
	e.Values = append(e.Values, ValueBefore{2, 50, FromSession})
}

func debitors(e *Entry) { e.Others = OthersDebit }

func giveBack(e *Entry) {
	e.Others = OthersNothing
	e.Moves[0].Kind = LimitedCredit
	n := int32(40)
	e.Limited0 = &n
}

func (e *Evidence) and(no wire.FileNo, v int32) {
	e.Values = append(e.Values, ValueBefore{no, v, FromSession})
}

func (e *Evidence) left(n int32) { e.Limited = &n }
