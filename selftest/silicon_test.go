package selftest_test

import (
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Whatever a card does of what only silicon can tell, the steps pass, and say what
// it was.
func TestSiliconStepsTellEitherAnswer(t *testing.T) {
	const only = "silicon,value.limited-credit.off,application.two,transaction.ev2-keeps"
	facts := func(t *testing.T, change func(*sim.Quirks)) map[string]string {
		t.Helper()
		q := sim.QuirksOf(wire.EV3)
		change(&q)
		c, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid, Rand: seeded(1), Quirks: &q})
		if err != nil {
			t.Fatal(err)
		}
		r, err := selftest.Run(t.Context(), connect(t, c.Present()), conf(selftest.Config{WipeCard: uid, Only: only}))
		if err != nil {
			t.Fatal(err)
		}
		complain(t, r)
		saw := map[string]string{}
		for _, f := range r.Facts {
			saw[f.ID] = f.Saw
		}
		return saw
	}
	asEver := facts(t, func(*sim.Quirks) {})
	for name, x := range map[string]struct {
		change    func(q *sim.Quirks)
		fact      string
		ever, odd string
	}{
		"Debit 0 refused":                {func(q *sim.Quirks) { q.StatusDebitZero = wire.StatusParameterError }, "debit-zero", "9100", "919E"},
		"Debit 0 pends nothing":          {func(q *sim.Quirks) { q.DebitZeroPends = false }, "debit-zero.pends", "9100", "910C"},
		"Debit 0 resets the limit":       {func(q *sim.Quirks) { q.DebitZeroResetsLimit = true }, "debit-zero.limit", "10", "0"},
		"a credit resets the limit":      {func(q *sim.Quirks) { q.CreditResetsLimit = true }, "limited-credit.after-credit", "10", "0"},
		"the limit where it is off":      {func(q *sim.Quirks) { q.LimitedCreditWhenOff = true }, "limited-credit.off", "0", "97"},
		"GET CHALLENGE aborts":           {func(q *sim.Quirks) { q.ChallengeAborts = true }, "aborts.challenge", "9100", "910C"},
		"a failed authentication keeps":  {func(q *sim.Quirks) { q.FailedAuthKeeps = true }, "aborts.failed", "910C", "9100"},
		"PreparePC aborts":               {func(q *sim.Quirks) { q.PreparePCAborts = true }, "aborts.proximity", "9100", "910C"},
		"a plain commit is refused":      {func(q *sim.Quirks) { q.PlainCommitRefused = true }, "aborts.challenge", "9100", "91AE"},
		"EV2First aborts":                {func(q *sim.Quirks) { q.FirstAbortsTransaction = true }, "C-31", "9100", "910C"},
		"another key may not commit":     {func(q *sim.Quirks) { q.CommitOwnSession = true }, "commit.other-key", "9100", "91AE"},
		"reads are no transaction":       {func(q *sim.Quirks) { q.ReadsStartTransaction = false }, "reads.abort", "9100", "910C"},
		"a second reader replaces":       {func(q *sim.Quirks) { q.SecondReaderIDReplaces = true }, "reader-id.again", "919D", "9100"},
		"an aborted reader is told":      {func(q *sim.Quirks) { q.AbortedReaderRemembered = true }, "reader-id.aborted", "that of the last commit", "that of the aborted transaction"},
		"at the limit only commits stop": {func(q *sim.Quirks) { q.LimitRefusesCommit = true }, "tmc-limit.credit", "919D", "9100"},
		"a file made anew goes on":       {func(q *sim.Quirks) { q.TMACKept = true }, "tmac.anew", "0", "1"},
		"two applications are refused":   {func(q *sim.Quirks) { q.StatusTwoApplications = wire.StatusPermissionDenied }, "select.two", "9100", "919D"},
		"a foreign record is refused":    {func(q *sim.Quirks) { q.StatusForeignRecord = wire.StatusPermissionDenied }, "record.second-session", "9100", "919D"},
	} {
		t.Run(name, func(t *testing.T) {
			if asEver[x.fact] != x.ever {
				t.Errorf("%s: %q, want %q", x.fact, asEver[x.fact], x.ever)
			}
			if saw := facts(t, x.change)[x.fact]; saw != x.odd {
				t.Errorf("%s: %q, want %q", x.fact, saw, x.odd)
			}
		})
	}
	for counts, want := range map[bool][2]string{ // without LRP it is one number; under it sesTMC is the high half
		false: {"[00000001 00000002]", "[00010001 00010002]"}, true: {"[00000001 00000002]", "[00010001 00020002]"},
	} {
		for n, lrp := range []bool{false, true} {
			if saw := lightFacts(t, lrp, func(q *sim.Quirks) { q.SesTMCCountsAborts = counts })["ses-tmc"]; saw != want[n] {
				t.Errorf("LRP %v, aborts count %v: %q, want %q", lrp, counts, saw, want[n])
			}
		}
	}
}

// lightFacts are what the silicon steps tell of a DESFire Light.
func lightFacts(t *testing.T, lrp bool, change func(*sim.Quirks)) map[string]string {
	t.Helper()
	q := sim.QuirksOf(wire.Light)
	change(&q)
	c, err := sim.New(&sim.Config{Generation: wire.Light, UID: uid, Rand: seeded(1), Quirks: &q})
	if err != nil {
		t.Fatal(err)
	}
	card := connect(t, c.Present())
	if lrp {
		_, err := desfire.Do(t.Context(), card, &wire.ISOSelect{By: wire.SelectByName, Name: wire.LightName[:], P2: wire.SelectNoData})
		caps := make([]byte, 10)
		caps[wire.CapPDCap2_1] = wire.CapLRP
		err = errors.Join(err, card.Authenticate(t.Context(), 0, key.Zero(key.TypeAES)), card.SetConfiguration(t.Context(), &wire.Capabilities{Data: caps}))
		if err != nil {
			t.Fatal(err)
		}
	}
	r, err := selftest.Run(t.Context(), card, conf(selftest.Config{WipeCard: uid, Only: "silicon"}))
	if err != nil {
		t.Fatal(err)
	}
	complain(t, r)
	saw := map[string]string{}
	for _, f := range r.Facts {
		saw[f.ID] = f.Saw
	}
	return saw
}
