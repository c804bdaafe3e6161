package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	ledger "github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// purses writes the table of debits of package purse. What one costs must be its
// floor.
func purses(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	out.WriteString(`
## Debits of a purse, and their settlement

What Debit and Settle of package purse take, with keys that are not derived from the UID, so that each new session asks for it. "first" is in a
new session, "next" follows in the same one, "settle" is with the card back after the answer to a commit was lost. With "two keys" another key has
the right to CommitReaderID: it comes first, and the key that moves the value goes on from its session.

| job | receipts | card | exchanges | floor | the frames of the floor |
|---|---|---|---|---|---|
`)
	const in = "select, authenticate (2), GetCardUID, "
	for _, x := range []struct {
		name            string
		tmac, slot, two bool
	}{
		{"none", false, false, false}, {"slot", false, true, false}, {"TMAC", true, false, false}, {"TMAC and slot", true, true, false},
		{"TMAC, two keys", true, false, true}, {"TMAC and slot, two keys", true, true, true},
	} {
		for _, g := range []desfire.Generation{wire.EV1, wire.EV2, wire.EV3} {
			if x.tmac && g == wire.EV1 {
				continue
			}
			known, write, settle := "GetValue, ", "Debit, Commit", "GetValue, "
			if x.slot {
				known, write, settle = "slot, "+known, "WriteData, "+write, "slot, "+settle
			}
			if x.tmac {
				known, write, settle = "TMAC file, "+known, "CommitReaderID, "+write, "TMAC file, CommitReaderID, "+settle
			} else {
				settle += "Debit, "
			}
			rows := []struct{ name, frames string }{{"first", in + known + write}, {"next", write}, {"settle", in + settle + "Abort"}}
			if x.two {
				const name, other = "CommitReaderID, ", "the other key (2), "
				write = strings.TrimPrefix(write, name)
				rows[0].frames = in + name + other + known + write
				rows[1].frames = other + name + other + write
				rows[2].frames = "select, authenticate (2), " + name + "Abort, GetCardUID, " + other + strings.TrimSuffix(strings.Replace(settle, name, "", 1), ", ")
			}
			for i, n := range purseCosts(t, g, x.tmac, x.slot, x.two) {
				floor := strings.Count(rows[i].frames, ",") + 1 + strings.Count(rows[i].frames, "(2)")
				if n != floor {
					t.Errorf("%s, %s, %v: %d exchanges, floor %d", rows[i].name, x.name, g, n, floor)
				}
				fmt.Fprintf(out, "| %s | %s | %v | %d | %d | %s |\n", rows[i].name, x.name, g, n, floor, rows[i].frames)
			}
		}
	}
}

// purseCosts counts the first debit, the next, and a settlement.
func purseCosts(t *testing.T, g desfire.Generation, withTMAC, slot, two bool) (counts [3]int) {
	t.Helper()
	ctx := context.Background()
	m := key.MethodEV2First
	if g == wire.EV1 {
		m = key.MethodAES
	}
	s := newSettled(t, g, m, withTMAC && !two, true, nil)
	if two {
		s.createTMAC(t, 0, 1)
	}
	file := func(no desfire.FileNo) ledger.File {
		fs, err := s.card.FileSettings(ctx, no)
		if err != nil {
			t.Fatal(err)
		}
		return ledger.File{No: no, Settings: *fs}
	}
	conf := ledger.Config{
		Place: s.place, Generation: g, KeyNo: 0, Others: ledger.OthersNothing, Journal: ledger.Memory(nil),
		Keys:   keystore.Map{{Place: s.place, Key: keystore.Number(0)}: {Key: s.login.Key}},
		Values: []ledger.File{file(settledPurse)},
	}
	if slot {
		conf.Slot = &ledger.Slot{File: file(settledSlots)}
	}
	if withTMAC {
		conf.TMAC = &ledger.TMAC{File: file(settledTMAC), NamesReader: true}
	}
	if no := desfire.KeyNo(1); two {
		conf.TMAC.Reader = &no
		conf.Keys = keystore.Map{
			{Place: s.place, Key: keystore.Number(0)}: {Key: s.login.Key}, {Place: s.place, Key: keystore.Number(1)}: {Key: s.login.Key},
		}
	}
	p, err := ledger.Open(conf)
	if err != nil {
		t.Fatal(err)
	}
	debit := func() error {
		_, err := p.Debit(ctx, s.card, ledger.Request{Amount: 1})
		return err
	}
	count := func(f func() error) int {
		before := s.picc.Exchanges()
		if err := f(); err != nil {
			t.Fatal(err)
		}
		return s.picc.Exchanges() - before
	}
	counts[0], counts[1] = count(debit), count(debit)
	s.picc.Inject(sim.Fault{Exchange: counts[1], Kind: sim.LoseAnswer})
	if err := debit(); !errors.As(err, new(*ledger.InDoubtError)) {
		t.Fatalf("a lost commit: %v", err)
	}
	s.picc.ClearFaults()
	counts[2] = count(func() error {
		r, err := p.Settle(ctx, s.card)
		if err == nil && (r == nil || r.Decision() != ledger.Happened) {
			err = fmt.Errorf("settled as %+v", r)
		}
		return err
	})
	return counts
}
