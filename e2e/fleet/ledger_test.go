package fleet

import (
	"fmt"
	"time"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote/admin"
)

// ledger waits until the centre's ledger says of each card what the card did, neither more nor
// less, and then compares the sums.
func (s *storm) ledger() {
	s.t.Helper()
	books := &admin.Client{Conn: s.admin, Fleet: s.fleet}
	begin := time.Now()
	var sum int64
	for _, p := range s.people {
		value, _ := p.card.truth()
		sum += int64(value) - startsAt
		eventually(s.t, "the ledger agrees with the card", func() error { return s.booked(books, p) })
	}
	eventually(s.t, "the sums of the ledger agree with the cards", func() error {
		page, err := books.Ledger(s.t.Context(), fleet.LedgerQuery{Most: 1})
		if err != nil {
			return err
		}
		if n := len(page.Totals.Sums); n != 1 || page.Totals.Sums[0].Happened != sum || page.Totals.Sums[0].InDoubt != 0 || page.Totals.Open != 0 {
			return fmt.Errorf("cards moved by %d: %+v", sum, page.Totals)
		}
		return nil
	})
	s.t.Logf("the ledger agreed %v after the last order", time.Since(begin).Round(10*time.Millisecond))
}

// booked compares the ledger with one card.
func (s *storm) booked(books *admin.Client, p *person) error {
	uid := fmt.Sprintf("%X", p.card.uid)
	page, err := books.Ledger(s.t.Context(), fleet.LedgerQuery{Text: uid, Most: 500})
	if err != nil {
		return err
	}
	_, moves := p.card.truth()
	missing := map[string]int64{}
	for _, m := range moves {
		missing[m.id.String()] = m.by
	}
	for _, l := range page.Lines {
		by, did := missing[l.ID]
		switch {
		case l.State.IsOpen():
			return fmt.Errorf("%s is %s: %s", l.ID, l.State, l.Words)
		case l.State == fleet.Happened && (!did || by != l.Amount):
			return fmt.Errorf("%s happened for the ledger, by %d, and moved %d", l.ID, l.Amount, by)
		case l.State == fleet.DidNot && did:
			return fmt.Errorf("%s did not happen for the ledger, and moved %d", l.ID, by)
		}
		delete(missing, l.ID)
	}
	if len(missing) > 0 {
		return fmt.Errorf("card %s: %d of %d moves are not in the ledger", uid, len(missing), len(moves))
	}
	return nil
}
