package play

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// money is a card with a purse, and the terminal that debits it.
type money struct {
	st      *stage
	journal purse.Journal
	purse   *purse.Purse
	uid     []byte
}

// Files of the purse.
const (
	valueFile wire.FileNo = 2
	tmacFile  wire.FileNo = 3
)

// newMoney makes the card and its terminal.
func newMoney(ctx context.Context, st *stage) (*money, error) {
	m := &money{st: st, journal: purse.Memory(st.random("journal"))}
	keys := []*key.Secret{st.key(key.TypeAES, "master key", 1), st.key(key.TypeAES, "purse key", 1)}
	tm := st.key(key.TypeAES, "transaction MAC key", 1)
	value := wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1), Upper: 100000}
	receipts := wire.FileSettings{Type: wire.FileTransactionMAC, Option: wire.OptionMAC,
		Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: 1, Change: 0}}
	picc, err := st.make(ctx, wire.EV3, "purse", func(card *desfire.Card) error {
		if err := application(ctx, card, keys...); err != nil {
			return err
		}
		if err := card.CreateFile(ctx, &wire.CreateValueFile{File: valueFile, Option: value.Option, Access: value.Access, Upper: value.Upper, Value: st.startsAt()}); err != nil {
			return err
		}
		return card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: tmacFile, Option: receipts.Option, Access: receipts.Access,
			KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm.Export()), KeyVersion: 1})
	})
	if err != nil {
		return nil, err
	}
	m.uid = picc.UID()
	place, uid := wire.Place{AID: demo}, keystore.UID(m.uid)
	m.purse, err = purse.Open(purse.Config{
		Place: place, Generation: wire.EV3, Values: []purse.File{{No: valueFile, Settings: value}},
		TMAC: &purse.TMAC{File: purse.File{No: tmacFile, Settings: receipts}, NamesReader: true},
		Keys: keystore.Map{
			{UID: uid, Place: place, Key: keystore.Number(1)}:               {Key: keys[1]},
			{UID: uid, Place: place, Key: keystore.RoleTransactionMAC.ID()}: {Key: tm},
		},
		KeyNo: 1, Diversified: true, Others: purse.OthersAny, Journal: m.journal, Terminal: "gate 3",
	})
	if err != nil {
		return nil, err
	}
	st.asks = true
	return m, st.put(ctx, picc)
}

// holds is what the card holds.
func (m *money) holds(words ...string) Side {
	counted := m.st.file(demo, int(tmacFile)).TMAC.Counter
	s := Side{Big: visible.Number(m.st.value(int(valueFile))), Words: []string{fmt.Sprintf("Transactions counted by the card: %d.", counted)}}
	s.Words = append(s.Words, words...)
	return s
}

// tell says what the journal has of a change.
func (m *money) tell(e *purse.Entry) {
	o := e.Outcome()
	if o == nil {
		m.st.line(ToneUnknown, "journal: %s begun, outcome not known; waiting for card %s", e.Request, e.UID)
		return
	}
	tone := ToneNotice
	if o.Decision == purse.InDoubt {
		tone = ToneUnknown
	}
	m.st.line(tone, "journal: %s: %s, rule %s: %s", e.Request, decided(o.Decision), o.Rule, o.Why)
	for _, n := range o.Needs {
		m.st.line(tone, "journal: would be decided by %s", n)
	}
}

// decided is a decision in a sentence.
func decided(d purse.Decision) string {
	switch d {
	case purse.Happened:
		return "it happened"
	case purse.DidNot:
		return "it did not happen"
	}
	return "it is in doubt"
}

// standing is how a change stands: what the journal decided, or that it is open.
func standing(e *purse.Entry) string {
	if o := e.Outcome(); o != nil {
		return decided(o.Decision)
	}
	return "open, it may have happened or not"
}

// ticket is a request.
func (m *money) ticket(no int) purse.Request {
	return purse.Request{ID: fmt.Sprintf("ticket %d", no), Amount: m.st.price()}
}

// startsAt is what is in a purse, and price what a ride costs, in this run.
func (st *stage) startsAt() int32 { return 10*int32(st.random("value").Uint64()%1000) + 20000 }

func (st *stage) price() int32 { return 10*int32(st.random("price").Uint64()%20) + 150 }

// transactions is a number of them.
func transactions(n uint32) string {
	if n == 1 {
		return "1 transaction"
	}
	return visible.Number(n) + " transactions"
}

// whether are the two values that there may be.
func whether(e *purse.Entry) Side {
	before := e.Values[0].Value
	return Side{Big: visible.Number(before + int32(e.Signed(valueFile))), Or: visible.Number(before), Doubt: true}
}
