package purse

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// ledger is all that was reported of an application on one card.
type ledger struct {
	card     CardApp
	accounts []*account // by id
	tm       key.Key
	noKey    string
	known    map[ID]bool // ids of reported transactions and settlements
	lrp      bool
	proved   bool // changes count only where the transaction MAC proves them

	macs    map[macFact]bool      // whether one is trusted: seen in a session with MACs
	readers map[readerFact]bool   // as well
	owners  map[uint32][]*account // whose transaction MAC verifies, by number
	named   map[uint32][]ID       // whom the card names as the reader, by number

	alarms []Alarm
	forked bool // the card has two histories, or its reports contradict
}

// account is an entry, and what is found about it.
type account struct {
	e         *Entry
	contested bool // its own number, or its report, is claimed twice
	twice     bool // it was reported with two contents
	found     []located
	alarms    []Alarm
	rule      Rule // why its terminal does not decide it
	notes     []string
	needs     []string
	word      *Outcome // of a person
	outcome   Outcome
}

// located is a finding and the evidence that it stands on; nil is that of others.
type located struct {
	finding
	evidence *Outcome
	relay    bool // a relay is excluded
}

// macFact is a transaction MAC that somebody saw.
type macFact struct {
	tmc uint32
	tmv TMV
}

// readerFact is what CommitReaderID answered in a transaction that would have had a
// number: the reader before it.
type readerFact struct {
	number uint32
	enc    ID
}

// seenMACs are the transaction MACs by number, in an order of their own.
func (l *ledger) seenMACs() []macFact {
	return slices.SortedFunc(maps.Keys(l.macs), func(a, b macFact) int {
		return cmp.Or(cmp.Compare(a.tmc, b.tmc), bytes.Compare(a.tmv[:], b.tmv[:]))
	})
}

func (l *ledger) seenReaders() []readerFact {
	return slices.SortedFunc(maps.Keys(l.readers), func(a, b readerFact) int {
		return cmp.Or(cmp.Compare(a.number, b.number), bytes.Compare(a.enc[:], b.enc[:]))
	})
}

func newLedger(card CardApp) *ledger {
	return &ledger{
		card: card, known: map[ID]bool{}, macs: map[macFact]bool{}, readers: map[readerFact]bool{},
		owners: map[uint32][]*account{}, named: map[uint32][]ID{},
	}
}

// fork is alarm 14a for the whole card.
func (l *ledger) fork(what string) {
	l.forked = true
	l.alarms = append(l.alarms, Alarm{Rule: RuleOtherHistory, What: what, Block: true})
}

func (l *ledger) count(tmc uint32) uint32 { return tmac.Count(tmc, l.lrp) }

// judge decides all entries.
func (l *ledger) judge(ctx context.Context, c *Centre, until map[string]map[Generation]Time) error {
	slices.SortFunc(l.accounts, func(a, b *account) int { return bytes.Compare(a.e.ID[:], b.e.ID[:]) })
	if err := l.key(ctx, c); err != nil {
		return err
	}
	l.proved = c.Proved != nil && c.Proved(l.card.App)
	l.gather()
	if err := l.own(ctx); err != nil {
		return err
	}
	if err := l.name(ctx); err != nil {
		return err
	}
	if err := l.merged(ctx); err != nil {
		return err
	}
	for _, a := range l.accounts {
		if err := l.terminal(ctx, a); err != nil {
			return err
		}
		l.centre(a)
	}
	for _, a := range l.accounts {
		l.decide(a)
	}
	l.close(c, until)
	return nil
}

// key finds the transaction MAC key.
func (l *ledger) key(ctx context.Context, c *Centre) error {
	if !slices.ContainsFunc(l.accounts, func(a *account) bool { return a.e.HasTMAC }) {
		return nil
	}
	place, err := wire.ParsePlace(l.card.App)
	if err != nil {
		l.noKey = err.Error()
		return nil
	}
	uid := l.accounts[0].e.uid()
	switch {
	case len(uid) != 7:
		l.noKey = fmt.Sprintf("the identifier has %d bytes, and transaction MACs are made with one of 7", len(uid))
		return nil
	case c.Keys == nil:
		l.noKey = "there is no key store"
		return nil
	}
	versions := map[byte]bool{}
	for _, a := range l.accounts {
		if a.e.HasTMAC {
			versions[a.e.TMKeyVer] = true
		}
	}
	seen := slices.Sorted(maps.Keys(versions))
	if len(seen) > 1 {
		l.fork(fmt.Sprintf("the transaction MAC key had version %02X and version %02X: the file was made anew", seen[0], seen[1]))
	}
	r := keystore.Ref{UID: keystore.UID(uid), Place: place, Key: keystore.RoleTransactionMAC.ID()}
	k, err := oneOf(ctx, c.Keys, r, seen[0])
	switch {
	case errors.Is(err, keystore.ErrNotFound):
		l.noKey = err.Error()
	case err != nil:
		return fmt.Errorf("card %s, %s: %w", l.card.UID, l.card.App, err)
	case k.Type() != key.TypeAES:
		l.noKey = "the key store has a key for it that is no AES key"
	default:
		l.tm = k
	}
	return nil
}

// oneOf is the only key that a store has, or of several the one of a version.
func oneOf(ctx context.Context, s keystore.Store, r keystore.Ref, version byte) (key.Key, error) {
	slots, err := keystore.Slots(ctx, s, r)
	if err != nil {
		return nil, err
	}
	for _, x := range slots {
		if len(slots) == 1 || x.Facts.Version == version && !x.Facts.NoVersion {
			return x.Key(ctx)
		}
	}
	return nil, &keystore.NotFoundError{Ref: r}
}

// trusted reports whether what an entry read before it began is the card's.
func (e *Entry) trusted() bool {
	j := judge{e: e}
	return e.Policy == Accidents || j.macs() && (e.UIDProof == UIDByKey || e.UIDProof == UIDBySession)
}

// gather collects what all saw of the card, and finds what contradicts.
func (l *ledger) gather() {
	for _, a := range l.accounts {
		e := a.e
		l.lrp = l.lrp || e.LRP
		l.known[e.ID] = true
		for _, id := range e.Progress.Settlements {
			l.known[id] = true
		}
		if e.HasTMAC {
			l.mac(e.TMC0, e.TMV0, e.trusted())
			if enc := e.encTMRI(); len(enc) == len(ID{}) {
				l.reader(e.TMC0+1, ID(enc), e.trusted())
			}
		}
		for i := range e.Outcomes {
			ev := &e.Outcomes[i].Evidence
			if ev.TMC == nil || !ev.SameCard {
				continue
			}
			trusted := e.Policy == Accidents || ev.Protected
			if ev.TMV != nil {
				l.mac(*ev.TMC, *ev.TMV, trusted)
			}
			if ev.SettlementID != nil {
				l.known[*ev.SettlementID] = true
				if len(ev.EncTMRI) == len(ID{}) {
					l.reader(*ev.TMC+1, ID(ev.EncTMRI), trusted)
				}
			}
		}
	}
	l.contradictions()
}

func (l *ledger) mac(tmc uint32, tmv TMV, trusted bool) {
	f := macFact{tmc, tmv}
	l.macs[f] = l.macs[f] || trusted
}

func (l *ledger) reader(number uint32, enc ID, trusted bool) {
	f := readerFact{number, enc}
	l.readers[f] = l.readers[f] || trusted
}

// contradictions finds what one card cannot have said.
func (l *ledger) contradictions() {
	tmv := map[uint32]TMV{}
	for _, f := range l.seenMACs() {
		n := l.count(f.tmc)
		if v, ok := tmv[n]; ok && l.macs[f] && v != f.tmv {
			l.fork(fmt.Sprintf("transaction %d was seen with transaction MAC %v and with %v: the card was copied, or its transaction MAC file was made anew", n, v, f.tmv))
		} else if l.macs[f] {
			tmv[n] = f.tmv
		}
	}
	if l.lrp {
		return // enciphered anew each time
	}
	enc := map[uint32]ID{}
	for _, f := range l.seenReaders() {
		if v, ok := enc[f.number]; ok && l.readers[f] && v != f.enc {
			l.fork(fmt.Sprintf("the reader before transaction %d was enciphered in two ways: the card was copied, or its transaction MAC file was made anew", f.number))
		} else if l.readers[f] {
			enc[f.number] = f.enc
		}
	}
}

// own finds whose transaction MACs were seen.
func (l *ledger) own(ctx context.Context) error {
	if l.tm == nil {
		return nil
	}
	byNumber := map[uint32][]*account{}
	var anywhere []*account // their numbers are not known
	for _, a := range l.accounts {
		switch n := l.count(a.e.TMC0 + 1); {
		case !a.e.HasTMAC || len(a.e.tmi()) == 0:
		case a.e.trusted():
			byNumber[n] = append(byNumber[n], a)
		default:
			anywhere = append(anywhere, a)
		}
	}
	for _, f := range l.seenMACs() {
		n := l.count(f.tmc)
		if len(byNumber[n])+len(anywhere) == 0 {
			continue
		}
		keys, err := tmac.NewKeys(ctx, l.tm, l.lrp, f.tmc, l.accounts[0].e.uid())
		if err != nil {
			return fmt.Errorf("card %s, %s: %w", l.card.UID, l.card.App, err)
		}
		for _, a := range slices.Concat(byNumber[n], anywhere) {
			if !slices.Contains(l.owners[n], a) && l.verifies(keys, a.e, f.tmv) {
				l.owners[n] = append(l.owners[n], a)
			}
		}
	}
	for n, all := range l.owners {
		if len(all) < 2 {
			continue
		}
		l.fork(fmt.Sprintf("transaction %d belongs to %v and to %v, and the transaction MACs of both are right: the card was copied", n, all[0].e.ID, all[1].e.ID))
		for _, a := range all {
			a.contested = true
		}
	}
	return nil
}

// verifies reports whether a transaction MAC is that of the entry. Where the answer to CommitReaderID
// was lost, the reader before is one that is known.
func (l *ledger) verifies(keys *tmac.Keys, e *Entry, tmv TMV) bool {
	tmi := e.tmi()
	if keys.Verify(tmi, tmv) == nil {
		return true
	}
	if !e.NamesReader || len(e.encTMRI()) > 0 {
		return false
	}
	for _, id := range l.candidates() {
		if again := withReader(tmi, e.ID, keys.EncipherReader(id)); again != nil && keys.Verify(again, tmv) == nil {
			return true
		}
	}
	return false
}

// candidates are all ids that the reader before may have: none, or a known one.
func (l *ledger) candidates() []ID {
	return append([]ID{{}}, slices.SortedFunc(maps.Keys(l.known), func(a, b ID) int { return bytes.Compare(a[:], b[:]) })...)
}

// name finds whom the card named as its reader, by number.
func (l *ledger) name(ctx context.Context) error {
	if l.tm == nil {
		return nil
	}
	uid := l.accounts[0].e.uid()
	for _, f := range l.seenReaders() {
		ids, err := readers(ctx, l.tm, l.lrp, f.number, uid, f.enc[:])
		if err != nil {
			return fmt.Errorf("card %s, %s: %w", l.card.UID, l.card.App, err)
		}
		n := l.count(f.number - 1)
		for _, id := range ids {
			if l.known[id] && !slices.Contains(l.named[n], id) {
				l.named[n] = append(l.named[n], id)
			}
		}
	}
	for n, ids := range l.named {
		if len(ids) > 1 {
			l.fork(fmt.Sprintf("the card names %v and %v as the reader of transaction %d: it was copied, or its transaction MAC file was made anew", ids[0], ids[1], n))
		}
		for _, a := range l.owners[n] {
			if a.e.NamesReader && !slices.Contains(ids, a.e.ID) {
				l.fork(fmt.Sprintf("transaction %d is that of %v by its transaction MAC, and the card names %v", n, a.e.ID, ids[0]))
			}
		}
	}
	return nil
}
