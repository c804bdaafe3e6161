package purse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// chain makes entries of one card with a transaction MAC file, and the MACs
// that the card would have given.
type chain struct {
	t   *testing.T
	day time.Time
}

func newChain(t *testing.T) *chain {
	return &chain{t, time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)}
}

func (c *chain) keys(n uint32) *tmac.Keys {
	k, err := tmac.NewKeys(c.t.Context(), key.Zero(key.TypeAES), false, n, []byte{4, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66})
	if err != nil {
		c.t.Fatal(err)
	}
	return k
}

// debit is a debit of 30 of a terminal that saw transaction n-1 as the last, whose
// reader was before.
func (c *chain) debit(terminal byte, seq, n uint32, before ID, tmv0 TMV) *Entry {
	e := debit30()
	withTMAC(e)
	e.ID = NewID(Generation{terminal}, seq, [6]byte{7})
	e.Terminal, e.Fingerprint, e.TMC0, e.TMV0 = string(rune('A'+terminal)), Hex{1}, n-1, tmv0
	enc := c.keys(n).EncipherReader(before)
	e.EncTMRI = enc[:]
	var in tmac.Input
	for _, x := range []struct {
		cmd    wire.Command
		answer wire.Message
	}{
		{&wire.CommitReaderID{TMRI: e.ID}, &wire.ReaderID{EncTMRI: enc[:]}},
		{&wire.Debit{File: 1, Amount: 30}, nil},
	} {
		if err := in.Add(x.cmd, x.answer); err != nil {
			c.t.Fatal(err)
		}
	}
	e.TMI = slices.Clone(in.Bytes())
	e.Began = At(c.day)
	return e
}

// tmv is the card's MAC of an entry.
func (c *chain) tmv(e *Entry) TMV { return c.keys(e.TMC0 + 1).TMV(e.TMI) }

// confirm ends an entry as a commit that was answered.
func (c *chain) confirm(e *Entry) *Entry {
	n, v := e.TMC0+1, c.tmv(e)
	e.Outcomes = append(e.Outcomes, Decide(e, &Evidence{CommitAcked: true, SameCard: true, Protected: true, TMC: &n, TMV: &v}, nil))
	e.Outcomes[len(e.Outcomes)-1].Time = At(c.day.Add(time.Minute))
	return e
}

// look ends an entry as a settlement that saw a number and its MAC, and a value.
func (c *chain) look(e *Entry, hours int, n uint32, v TMV, value int32) *Entry {
	ev := read()
	ev.counted(n, v)
	ev.holds(value)
	o := Decide(e, ev, nil)
	o.Time = At(c.day.Add(time.Duration(hours) * time.Hour))
	e.Outcomes = append(e.Outcomes, o)
	return e
}

func (c *chain) reconcile(conf Centre, reports ...Report) *Books {
	if conf.Keys == nil {
		conf.Keys = oneKey{key.Zero(key.TypeAES)}
	}
	b, err := Reconcile(c.t.Context(), &conf, reports)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// of is a report of a terminal, complete up to some hours after the day began, -1: not.
func (c *chain) of(terminal byte, hours int, entries ...*Entry) Report {
	r := Report{Format: ReportFormat, Terminal: string(rune('A' + terminal)), Generation: Generation{terminal}}
	if hours >= 0 {
		r.Until = At(c.day.Add(time.Duration(hours) * time.Hour))
	}
	for _, e := range entries {
		r.Entries = append(r.Entries, *e)
	}
	return r
}

func (c *chain) want(b *Books, e *Entry, d Decision, r Rule) {
	c.t.Helper()
	if j := judgedBy(c.t, b, e.ID); j.Outcome.Decision != d || j.Outcome.Rule != r {
		c.t.Errorf("%v by %s (%s; needs %q; alarms %v), want %v by %s", j.Outcome.Decision, j.Outcome.Rule, j.Outcome.Why, j.Outcome.Needs, j.Outcome.Alarms, d, r)
	}
}

// A debit whose commit answer was lost, after which somebody used the card: each
// report of the number, or of the one after, decides it.
func TestLateReports(t *testing.T) {
	c := newChain(t)
	lost := func() *Entry { return c.debit(0, 1, 5, oldID, TMV{4}) }
	t.Run("nobody reports", func(t *testing.T) {
		e := c.look(lost(), 1, 9, TMV{9}, 40)
		b := c.reconcile(Centre{}, c.of(0, -1, e))
		c.want(b, e, InDoubt, RuleNoKey)
		if j := judgedBy(t, b, e.ID); j.Changed || !slices.ContainsFunc(j.Outcome.Needs, func(s string) bool { return strings.Contains(s, "number 5 or 6") }) {
			t.Errorf("changed %t, needs %q", j.Changed, j.Outcome.Needs)
		}
	})
	t.Run("the report of its number", func(t *testing.T) {
		e := c.look(lost(), 1, 9, TMV{9}, 40)
		other := c.confirm(c.debit(1, 1, 5, oldID, TMV{4}))
		b := c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, other))
		c.want(b, e, DidNot, RuleOtherOwner)
		c.want(b, other, Happened, RuleCommit)
		if !judgedBy(t, b, e.ID).Changed {
			t.Error("not changed")
		}
	})
	t.Run("the report of the next number names another", func(t *testing.T) {
		e := c.look(lost(), 1, 9, TMV{9}, 40)
		unseen := NewID(Generation{2}, 1, [6]byte{})
		next := c.confirm(c.debit(1, 1, 6, unseen, TMV{5}))
		b := c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
		c.want(b, e, InDoubt, RuleNoKey) // that id is nobody's
		known := c.debit(2, 1, 50, ID{}, TMV{})
		known.ID = unseen
		b = c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next), c.of(2, -1, known))
		c.want(b, e, DidNot, RuleOtherOwner)
	})
	t.Run("the report of the next number names it", func(t *testing.T) {
		e := c.look(lost(), 1, 9, TMV{9}, 40)
		next := c.confirm(c.debit(1, 1, 6, e.ID, TMV{5}))
		b := c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
		c.want(b, e, Happened, RuleReaderID)
		e.Progress.Acked = 0
		b = c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
		c.want(b, e, InDoubt, RuleReceipt)
	})
	t.Run("the next terminal saw its MAC", func(t *testing.T) {
		e := c.look(lost(), 1, 9, TMV{9}, 40)
		next := c.debit(1, 1, 6, e.ID, c.tmv(e))
		b := c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
		c.want(b, e, Happened, RuleTMV)
		c.want(b, next, InDoubt, RuleNone)
	})
	t.Run("its terminal saw its MAC, and had no key", func(t *testing.T) {
		e := lost()
		c.look(e, 1, 5, c.tmv(e), 70)
		if e.Outcome().Decision != InDoubt {
			t.Fatalf("%v", e.Outcome().Decision)
		}
		c.want(c.reconcile(Centre{}, c.of(0, -1, e)), e, Happened, RuleTMV)
	})
	t.Run("never settled", func(t *testing.T) {
		e := lost()
		c.want(c.reconcile(Centre{}, c.of(0, -1, e)), e, InDoubt, RuleNone)
	})
}

// Whatever a person said, evidence that comes later counts for more.
func TestRefundThenEvidence(t *testing.T) {
	c := newChain(t)
	e := c.look(c.debit(0, 1, 5, oldID, TMV{4}), 1, 9, TMV{9}, 40)
	e.Outcomes = append(e.Outcomes, Outcome{Decision: DidNot, Rule: RuleOperator, Why: "refunded", Time: At(c.day.Add(2 * time.Hour))})
	b := c.reconcile(Centre{}, c.of(0, -1, e))
	c.want(b, e, DidNot, RuleOperator)
	if judgedBy(t, b, e.ID).Changed {
		t.Error("changed without evidence")
	}
	b = c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, c.debit(1, 1, 6, e.ID, c.tmv(e))))
	c.want(b, e, Happened, RuleTMV)
	if !judgedBy(t, b, e.ID).Changed {
		t.Error("not changed")
	}
}

// What a terminal learned from the centre holds without the reports it came from,
// and not against evidence.
func TestLearned(t *testing.T) {
	c := newChain(t)
	e := c.look(c.debit(0, 1, 5, oldID, TMV{4}), 1, 9, TMV{9}, 40)
	other := c.confirm(c.debit(1, 1, 5, oldID, TMV{4}))
	o := judgedBy(t, c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, other)), e.ID).Outcome
	o.Time = At(c.day.Add(3 * time.Hour))
	e.Outcomes = append(e.Outcomes, o)
	b := c.reconcile(Centre{}, c.of(0, -1, e))
	if c.want(b, e, DidNot, RuleOtherOwner); judgedBy(t, b, e.ID).Changed {
		t.Error("changed")
	}
	c.want(c.reconcile(Centre{}, c.of(0, -1, e), c.of(2, -1, c.debit(2, 1, 6, e.ID, c.tmv(e)))), e, InDoubt, RuleOtherHistory)
}

// A number with two owners is a card that was copied: nothing is decided by numbers, a
// person is told, and what cards have confirmed stays.
func TestCopiedCard(t *testing.T) {
	c := newChain(t)
	a, b := c.debit(0, 1, 5, oldID, TMV{4}), c.confirm(c.debit(1, 1, 5, oldID, TMV{4}))
	c.look(a, 1, 5, c.tmv(a), 70)
	third := c.look(c.debit(2, 1, 5, oldID, TMV{4}), 2, 9, TMV{9}, 40)
	books := c.reconcile(Centre{}, c.of(0, -1, a), c.of(1, -1, b), c.of(2, -1, third))
	c.want(books, a, InDoubt, RuleOtherHistory)
	c.want(books, b, Happened, RuleCommit)
	c.want(books, third, InDoubt, RuleNoKey)
	if !slices.ContainsFunc(books.Cards[0].Alarms, func(x Alarm) bool { return x.Block && strings.Contains(x.What, "copied") }) {
		t.Errorf("alarms %v", books.Cards[0].Alarms)
	}
}

// The other ways in which reports contradict.
func TestContradictions(t *testing.T) {
	c := newChain(t)
	for name, test := range map[string]struct {
		reports func() []Report
		want    string
	}{
		"one number with two MACs": {func() []Report {
			return []Report{c.of(0, -1, c.debit(0, 1, 5, oldID, TMV{4})), c.of(1, -1, c.debit(1, 1, 5, oldID, TMV{3}))}
		}, "transaction 4 was seen with transaction MAC 0300000000000000 and with 0400000000000000"},
		"one number after two readers": {func() []Report {
			return []Report{c.of(0, -1, c.debit(0, 1, 5, oldID, TMV{4})), c.of(1, -1, c.debit(1, 1, 5, otherID, TMV{4}))}
		}, "the reader before transaction 5 was enciphered in two ways"},
		"an owner whom the card does not name": {func() []Report {
			e := c.confirm(c.debit(0, 1, 5, oldID, TMV{4}))
			return []Report{c.of(0, -1, e), c.of(1, -1, c.debit(1, 1, 6, NewID(Generation{1}, 1, [6]byte{7}), c.tmv(e)))}
		}, "by its transaction MAC, and the card names"},
		"one id with two contents": {func() []Report {
			a, b := c.debit(0, 1, 5, oldID, TMV{4}), c.debit(0, 1, 5, oldID, TMV{4})
			b.Moves[0].Amount++
			return []Report{c.of(0, -1, a, b)}
		}, "was reported with two contents"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := test.reports()
			b := c.reconcile(Centre{}, reports...)
			if !slices.ContainsFunc(b.Cards[0].Alarms, func(x Alarm) bool { return x.Block && strings.Contains(x.What, test.want) }) {
				t.Errorf("alarms %v", b.Cards[0].Alarms)
			}
			slices.Reverse(reports)
			if again := c.reconcile(Centre{}, reports...); asJSON(t, again) != asJSON(t, b) {
				t.Error("another order, another result")
			}
		})
	}
}

// An entry that was reported with two contents is in doubt whatever it says, and all
// cards that it names are told.
func TestTwoContents(t *testing.T) {
	c := newChain(t)
	a := c.confirm(c.debit(0, 1, 5, oldID, TMV{4}))
	for name, change := range map[string]func(*Entry){
		"amount": func(e *Entry) { e.Moves = []Move{{1, Debit, 31}} },
		"card":   func(e *Entry) { e.UID = "04AABBCCDDEEFF" },
		"input":  func(e *Entry) { e.TMI = Hex{1} },
	} {
		b := *a
		change(&b)
		books := c.reconcile(Centre{}, c.of(0, -1, a), c.of(0, -1, &b))
		c.want(books, a, InDoubt, RuleOtherHistory)
		for _, card := range books.Cards {
			if len(card.Alarms) == 0 || !card.Alarms[0].Block {
				t.Errorf("%s: card %s: alarms %v", name, card.UID, card.Alarms)
			}
		}
		if again := c.reconcile(Centre{}, c.of(0, -1, &b), c.of(0, -1, a)); asJSON(t, again) != asJSON(t, books) {
			t.Errorf("%s: another order, another result", name)
		}
	}
}

// A terminal's alarm that the card has another history holds until it finds
// something else.
func TestTerminalBlocked(t *testing.T) {
	c := newChain(t)
	e := c.debit(0, 1, 5, oldID, TMV{4})
	c.look(e, 1, 3, TMV{3}, 70)
	next := c.debit(1, 1, 6, e.ID, c.tmv(e))
	b := c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
	c.want(b, e, InDoubt, RuleOtherHistory)
	c.look(e, 2, 9, TMV{9}, 40)
	b = c.reconcile(Centre{}, c.of(0, -1, e), c.of(1, -1, next))
	c.want(b, e, Happened, RuleTMV)
}

// A relay had part of a transaction committed, or two together.
func TestMerged(t *testing.T) {
	c := newChain(t)
	slots := func(terminal byte) *Entry {
		e := c.debit(terminal, 1, 5, oldID, TMV{4})
		e.NamesReader, e.EncTMRI = false, nil
		withSlot(e)
		var in tmac.Input
		for _, cmd := range []wire.Command{&wire.WriteDataISO{WriteData: wire.WriteData{File: 3, Offset: 16 * uint32(terminal), Data: e.ID[:]}}, &wire.Debit{File: 1, Amount: 30}} {
			if err := in.Add(cmd, nil); err != nil {
				t.Fatal(err)
			}
		}
		e.TMI, e.Progress.Acked = slices.Clone(in.Bytes()), 0
		return e
	}
	for _, tt := range []struct {
		name string
		tmi  func(a, b *Entry) []byte
		a, b Decision
	}{
		{"the receipt alone", func(a, _ *Entry) []byte { return a.TMI[:32] }, DidNot, InDoubt},
		{"both, one after the other", func(a, b *Entry) []byte { return slices.Concat(a.TMI, b.TMI) }, Happened, Happened},
		{"both, the first in part", func(a, b *Entry) []byte { return slices.Concat(a.TMI[:32], b.TMI) }, DidNot, Happened},
		{"both, the second in part", func(a, b *Entry) []byte { return slices.Concat(a.TMI, b.TMI[:32]) }, Happened, DidNot},
		{"neither", func(a, b *Entry) []byte { return slices.Concat(a.TMI[:16], b.TMI[16:]) }, InDoubt, InDoubt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := slots(0), slots(1)
			seen := c.debit(2, 1, 6, oldID, c.keys(5).TMV(tt.tmi(a, b)))
			books := c.reconcile(Centre{}, c.of(0, -1, a), c.of(1, -1, b), c.of(2, -1, seen))
			for _, x := range []struct {
				e *Entry
				d Decision
			}{{a, tt.a}, {b, tt.b}} {
				rule := RuleMerged
				if x.d == InDoubt {
					rule = RuleNone
				}
				c.want(books, x.e, x.d, rule)
			}
			if alarm := slices.ContainsFunc(books.Cards[0].Alarms, func(x Alarm) bool { return x.Rule == RuleMerged }); alarm != (tt.a != InDoubt) {
				t.Errorf("alarms %v", books.Cards[0].Alarms)
			}
		})
	}
}
