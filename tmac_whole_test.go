package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// Files of the application whose transactions are followed: data and value for
// key 1, a value for everybody, the transaction MAC file for everybody.
const (
	wholeData  desfire.FileNo = 1
	wholeValue desfire.FileNo = 3
	wholeFree  desfire.FileNo = 4
	wholeTMAC  desfire.FileNo = 15
)

// follower is a card whose transactions are followed, by TransactTMAC and by a recorder.
type follower struct {
	t    *testing.T
	ctx  context.Context
	picc *sim.Card
	air  *tamper
	card *desfire.Card
	tm   *key.Secret
	uid  []byte
	seen *tmac.Transaction // by the recorder
}

// follow makes the card: an application with a transaction MAC file of an
// option, and one beside it that has one as well, with the exclusion bit.
func follow(t *testing.T, option wire.FileOption) *follower {
	f := &follower{t: t, ctx: context.Background(), uid: []byte{4, 9, 8, 7, 6, 5, 4}, tm: newKey(t, key.TypeAES, 7)}
	var err error
	f.picc, err = sim.New(&sim.Config{Generation: wire.EV3, UID: f.uid})
	f.must(err)
	card := connect(t, f.picc)
	zero := key.Zero(key.TypeAES)
	keyed := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	for _, aid := range []desfire.AID{testApp, elsewhereApp} {
		f.must(card.SelectApplication(f.ctx, wire.PICC))
		f.must(card.CreateApplication(f.ctx, &wire.CreateApplication{AID: aid, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 3)}))
		f.must(card.SelectApplication(f.ctx, aid))
		f.must(card.Authenticate(f.ctx, 0, zero))
		f.must(card.CreateFile(f.ctx, &wire.CreateStdDataFile{File: wholeData, Option: wire.OptionMAC, Access: keyed, Size: 64}))
		f.must(card.CreateFile(f.ctx, &wire.CreateValueFile{File: wholeValue, Option: wire.OptionMAC, Access: keyed, Upper: 100, Value: 50}))
		f.must(card.CreateFile(f.ctx, &wire.CreateValueFile{File: wholeFree, Access: free, Upper: 100, Value: 50}))
		made := &wire.CreateTransactionMACFile{
			File: wholeTMAC, Option: option, Access: wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: wire.Never, Change: 0},
			KeyOption: wire.TMKeyAES, Key: wire.NewSecret(f.tm.Export()),
		}
		if aid == elsewhereApp {
			made.Option |= wire.OptionTMIExclude
		}
		f.must(card.CreateFile(f.ctx, made))
	}
	f.must(card.Close())
	f.connect()
	return f
}

func (f *follower) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// connect presents the card anew, to a recorder.
func (f *follower) connect() {
	f.t.Helper()
	recorder := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { f.seen = t }}
	f.air = &tamper{Activation: f.picc.Present()}
	var err error
	f.card, err = desfire.Connect(f.ctx, f.air, &desfire.Config{Observe: recorder.Observe})
	f.must(err)
}

// enter selects the application and, with a key, authenticates and asks what its
// files are.
func (f *follower) enter(authenticate bool) {
	f.t.Helper()
	f.must(f.card.SelectApplication(f.ctx, testApp))
	if authenticate {
		f.must(f.card.Authenticate(f.ctx, 1, key.Zero(key.TypeAES)))
		for _, no := range []desfire.FileNo{wholeData, wholeValue, wholeTMAC} {
			_, err := f.card.FileSettings(f.ctx, no)
			f.must(err)
		}
	}
}

func (f *follower) read() { f.t.Helper(); _, err := f.card.Value(f.ctx, wholeValue); f.must(err) }

func (f *follower) readFree() { f.t.Helper(); _, err := f.card.Value(f.ctx, wholeFree); f.must(err) }

func (f *follower) login() {
	f.t.Helper()
	f.must(f.card.Authenticate(f.ctx, 1, key.Zero(key.TypeAES)))
}

// An input that is not all that the card counts says so: its MAC does not fit,
// and that means nothing. What is whole verifies.
func TestTransactionInputIsWhole(t *testing.T) {
	type outcome int
	const (
		whole outcome = iota
		incomplete
		fits // marked as incomplete, yet all there is
	)
	for name, test := range map[string]struct {
		option   wire.FileOption
		before   func(f *follower)
		body     func(f *follower) // before a debit
		transact outcome           // of TransactTMAC
		recorded outcome           // of a recorder that sees all
	}{
		"nothing before": {before: func(f *follower) { f.enter(true) }},
		"a read before":  {before: func(f *follower) { f.enter(true); f.read() }, transact: incomplete},
		"a write before": {before: func(f *follower) {
			f.enter(true)
			f.must(f.card.WriteData(f.ctx, wholeData, 0, []byte{1, 2}))
		}, transact: incomplete},
		"a debit before": {before: func(f *follower) { f.enter(true); f.must(f.card.Debit(f.ctx, wholeValue, 2)) }, transact: incomplete},
		"a read before the authentication": {before: func(f *follower) {
			f.enter(true)
			f.read()
			f.must(f.card.AuthenticateWith(f.ctx, key.MethodEV2NonFirst, 1, key.Zero(key.TypeAES)))
		}, transact: incomplete},
		"a read before, aborted":   {before: func(f *follower) { f.enter(true); f.read(); f.must(f.card.Abort(f.ctx)) }},
		"a read before, committed": {before: func(f *follower) { f.enter(true); f.read(); f.must(f.card.Commit(f.ctx)) }},
		"a read before, aborted inside": {before: func(f *follower) { f.enter(true); f.read() }, body: func(f *follower) {
			f.must(f.card.Abort(f.ctx))
		}},
		"a read before the selection": {before: func(f *follower) { f.enter(true); f.read(); f.enter(true) }},
		"the receipt before": {before: func(f *follower) {
			f.enter(true)
			_, err := f.card.ReadReceipt(f.ctx, wholeTMAC)
			f.must(err)
		}},
		"the receipt inside": {before: func(f *follower) { f.enter(true) }, body: func(f *follower) {
			_, err := f.card.ReadReceipt(f.ctx, wholeTMAC)
			f.must(err)
		}},
		"a selection inside": {before: func(f *follower) { f.enter(true); f.read() }, body: func(f *follower) {
			f.must(f.card.SelectApplication(f.ctx, testApp))
			f.login()
			_, err := f.card.ReadReceipt(f.ctx, wholeTMAC)
			f.must(err)
			f.read()
		}},
		"a free read before": {before: func(f *follower) { f.enter(true); f.enter(false); f.readFree(); f.login() }, transact: incomplete, recorded: fits},
		"a free read before, excluded": {option: wire.OptionTMIExclude, before: func(f *follower) {
			f.enter(true)
			f.enter(false)
			f.readFree()
			f.login()
		}},
		"a refusal that was none": {before: func(f *follower) {
			f.enter(true)
			f.air.on(trick{ins: wire.InsGetValue, answer: forged("919D")})
			_, err := f.card.Value(f.ctx, wholeValue)
			if !errors.Is(err, wire.StatusPermissionDenied) {
				f.t.Fatal(err)
			}
			f.login()
		}, transact: incomplete, recorded: incomplete},
		"a refusal before which something was read": {before: func(f *follower) {
			f.enter(true)
			f.read()
			f.air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("919D")})
			_, _ = f.card.FileSettings(f.ctx, wholeData)
			f.login()
		}, transact: incomplete, recorded: incomplete},
		"a commit that was held back": {before: func(f *follower) {
			f.enter(true)
			f.read()
			f.air.on(trick{ins: wire.InsCommitTransaction, hide: true, answer: forged("910C")})
			if err := f.card.Commit(f.ctx); !errors.Is(err, wire.StatusNoChanges) {
				f.t.Fatal(err)
			}
			f.login()
		}, transact: incomplete, recorded: incomplete},
		"an answer before which it was sent twice": {before: func(f *follower) {
			f.enter(true)
			f.air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("919D")}) // so that the card may wait for something
			_, _ = f.card.FileSettings(f.ctx, wholeData)
			f.enter(false)
			f.air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged("919D")})
			_, _ = f.card.FileSettings(f.ctx, wholeFree)
			f.air.on(trick{ins: wire.InsGetValue, answer: forged("91CA")})
			f.readFree()
			f.login()
		}, transact: incomplete, recorded: incomplete},
		"an authentication in the middle": {before: func(f *follower) { f.enter(true) }, body: func(f *follower) { f.read(); f.login() }, transact: fits, recorded: fits},
		"a raw commit": {before: func(f *follower) { f.enter(false); f.enter(true) }, body: func(f *follower) {
			f.read()
			_, err := desfire.Do(f.ctx, f.card, &wire.Raw{Class: wire.ClassNative, INS: wire.InsCommitTransaction, Rule: wire.RuleManage})
			f.must(err)
		}, transact: incomplete, recorded: incomplete},
		"a raw read before": {before: func(f *follower) {
			f.enter(true)
			f.enter(false)
			_, err := desfire.Do(f.ctx, f.card, &wire.Raw{Class: wire.ClassNative, INS: wire.InsGetValue, Data: []byte{byte(wholeFree)}})
			f.must(err)
			f.login()
		}, transact: incomplete, recorded: fits},
		"two applications": {before: func(f *follower) {
			f.enter(true)
			_, err := desfire.Do(f.ctx, f.card, &wire.SelectApplication{AID: testApp, Second: elsewhereApp})
			f.must(err)
			f.login()
			for _, no := range []desfire.FileNo{wholeValue, wholeTMAC, wholeTMAC | 0x80} {
				_, err := f.card.FileSettings(f.ctx, no)
				f.must(err)
			}
		}, body: func(f *follower) {
			f.must(f.card.Debit(f.ctx, wholeFree|0x80, 1))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := follow(t, wire.OptionMAC|test.option)
			test.before(f)
			f.seen = nil
			got, err := f.card.TransactTMAC(f.ctx, func() error {
				if test.body != nil {
					test.body(f)
				}
				return f.card.Debit(f.ctx, wholeValue, 1)
			})
			f.must(err)
			check := func(who string, x *tmac.Transaction, want outcome) {
				t.Helper()
				if x == nil || !x.HasReceipt {
					t.Fatalf("%s: %+v", who, x)
				}
				_, err := x.Verify(f.ctx, f.tm)
				if (x.Incomplete != "") != (want != whole) || (err != nil) != (want == incomplete) || errors.Is(err, tmac.ErrMismatch) {
					t.Errorf("%s: incomplete %q, %v", who, x.Incomplete, err)
				}
			}
			check("TransactTMAC", got, test.transact)
			check("the recorder", f.seen, test.recorded)
		})
	}
}

// A Card that did not select the application does not know what was done in it.
func TestTransactionOfAnotherCardsSelection(t *testing.T) {
	f := follow(t, wire.OptionMAC)
	f.enter(false)
	f.readFree()
	other, err := desfire.Connect(f.ctx, f.air, &desfire.Config{Generation: wire.EV3})
	f.must(err)
	got, err := other.TransactTMAC(f.ctx, func() error { return other.Debit(f.ctx, wholeFree, 1) })
	f.must(err)
	got.UID = f.uid
	if _, err := got.Verify(f.ctx, f.tm); err == nil || errors.Is(err, tmac.ErrMismatch) || got.Incomplete == "" {
		t.Errorf("%q, %v", got.Incomplete, err)
	}
}

// A recorder that comes late does not know what was done before.
func TestLateRecorder(t *testing.T) {
	f := follow(t, wire.OptionMAC)
	var seen *tmac.Transaction
	late := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { seen = t }}
	on := false
	card, err := desfire.Connect(f.ctx, f.picc.Present(), &desfire.Config{Observe: func(e *desfire.Exchange) {
		if on {
			late.Observe(e)
		}
	}})
	f.must(err)
	f.card = card
	f.enter(true)
	f.read()
	on = true
	for i, want := range []bool{true, false} { // from the first commit on it has missed nothing
		f.must(f.card.Debit(f.ctx, wholeValue, 1))
		_, err = desfire.Do(f.ctx, f.card, &wire.CommitTransaction{ReturnTMAC: true})
		f.must(err)
		seen.UID = f.uid // GetVersion came before
		if _, err := seen.Verify(f.ctx, f.tm); (seen.Incomplete != "") != want || (err != nil) != want || errors.Is(err, tmac.ErrMismatch) {
			t.Errorf("commit %d: %q, %v", i, seen.Incomplete, err)
		}
	}
}

// A recorder that goes to the next card takes nothing of the last one along, not
// even its identifier.
func TestRecorderOfTwoCards(t *testing.T) {
	f, g := follow(t, wire.OptionMAC), follow(t, wire.OptionMAC)
	randomID(t, g)
	var seen *tmac.Transaction
	recorder := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { seen = t }}
	for _, x := range []*follower{f, g} {
		var err error
		x.card, err = desfire.Connect(x.ctx, x.picc.Present(), &desfire.Config{Observe: recorder.Observe})
		x.must(err)
		x.enter(true)
	}
	f.read()
	g.must(g.card.Debit(g.ctx, wholeValue, 1))
	_, err := desfire.Do(g.ctx, g.card, &wire.CommitTransaction{ReturnTMAC: true})
	g.must(err)
	if seen.Incomplete == "" || seen.UID != nil {
		t.Errorf("between two cards: %+v", seen)
	}
}

// randomID makes a card show random identifiers.
func randomID(t *testing.T, f *follower) {
	t.Helper()
	f.must(f.card.SelectApplication(f.ctx, wire.PICC))
	f.must(f.card.Authenticate(f.ctx, 0, key.Zero(key.TypeDES)))
	f.must(f.card.SetConfiguration(f.ctx, &wire.PICCConfig{Flags: wire.PICCRandomID}))
	f.connect()
}

// Under random ID the identifier is the one that a session told, and a
// transaction without one says what to do.
func TestTransactionUnderRandomID(t *testing.T) {
	f := follow(t, wire.OptionMAC)
	randomID(t, f)
	debit := func() error { return f.card.Debit(f.ctx, wholeValue, 1) }
	f.enter(true)
	got, err := f.card.TransactTMAC(f.ctx, debit)
	f.must(err)
	for who, x := range map[string]*tmac.Transaction{"TransactTMAC": got, "the recorder": f.seen} {
		if _, err := x.Verify(f.ctx, f.tm); x.UID != nil || !errors.Is(err, tmac.ErrNoUID) {
			t.Errorf("%s, not asked: UID %X, %v", who, x.UID, err)
		}
	}
	for name, body := range map[string]func() error{
		"asked inside": func() error { _, err := f.card.CardUID(f.ctx); return errors.Join(err, debit()) },
		"asked before": debit,
	} {
		f.connect()
		f.enter(true)
		if name == "asked before" {
			_, err := f.card.CardUID(f.ctx)
			f.must(err)
			f.enter(true)
		}
		got, err = f.card.TransactTMAC(f.ctx, body)
		f.must(err)
		for who, x := range map[string]*tmac.Transaction{"TransactTMAC": got, "the recorder": f.seen} {
			if _, err := x.Verify(f.ctx, f.tm); err != nil || !bytes.Equal(x.UID, f.uid) {
				t.Errorf("%s, %s: UID %X, %v", who, name, x.UID, err)
			}
		}
		if !bytes.Equal(f.card.ProvenUID(), f.uid) || f.card.UID() != nil {
			t.Errorf("%X, %X", f.card.ProvenUID(), f.card.UID())
		}
	}
	f.card.ProvenUID()[0] ^= 1
	if !bytes.Equal(f.card.ProvenUID(), f.uid) {
		t.Error("what ProvenUID returns is the Card's own")
	}
	f.must(f.card.Reconnect(f.ctx))
	if f.card.ProvenUID() != nil {
		t.Error("the identifier outlived the activation")
	}
}

// What an answer in clear tells is not proved.
func TestProvenUIDNeedsMACs(t *testing.T) {
	ctx := context.Background()
	for _, m := range []key.Method{key.MethodD40, key.MethodISO} {
		picc := newPICC(t, wire.EV1)
		card := connect(t, picc)
		if err := card.AuthenticateWith(ctx, m, 0, key.Zero(key.TypeDES)); err != nil {
			t.Fatal(err)
		}
		uid, err := card.CardUID(ctx)
		if err != nil || (card.ProvenUID() != nil) != (m != key.MethodD40) {
			t.Errorf("%v: %X, %v, proven %X", m, uid, err, card.ProvenUID())
		}
	}
}
