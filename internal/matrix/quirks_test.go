package matrix_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// oddities are cards that answer otherwise what only silicon can tell.
var oddities = []struct {
	name string
	do   func(q *sim.Quirks)
	// unsettled reports whether a fence cannot be had then where nothing pends.
	unsettled func(x *relayCase, c *desfire.SettleConfig) bool
}{
	{"Debit 0 pends nothing", func(q *sim.Quirks) { q.DebitZeroPends = false }, debitsZero},
	{"Debit 0 refused", func(q *sim.Quirks) { q.StatusDebitZero = wire.StatusParameterError }, debitsZero},
	{"Debit 0 resets the limit", func(q *sim.Quirks) { q.DebitZeroResetsLimit, q.CreditResetsLimit = true, true }, nil},
	{"GET CHALLENGE aborts", func(q *sim.Quirks) { q.ChallengeAborts = true }, nil},
	{"a begun authentication aborts", func(q *sim.Quirks) { q.BeginAborts = true }, nil},
	{"EV2First aborts", func(q *sim.Quirks) { q.FirstAbortsTransaction = true }, nil},
	{"a failed authentication keeps", func(q *sim.Quirks) { q.FailedAuthKeeps = true }, nil},
	{"PreparePC aborts", func(q *sim.Quirks) { q.PreparePCAborts = true }, nil},
	{"plain commit refused", func(q *sim.Quirks) { q.PlainCommitRefused = true }, nil},
	{"own session commits", func(q *sim.Quirks) { q.CommitOwnSession = true }, nil},
	{"reads start nothing", func(q *sim.Quirks) { q.ReadsStartTransaction = false }, func(_ *relayCase, c *desfire.SettleConfig) bool {
		return c.TMAC != nil && c.TMAC.ReaderID == nil && c.Spare == nil
	}},
	{"a second reader replaces", func(q *sim.Quirks) { q.SecondReaderIDReplaces = true }, nil},
	{"an aborted reader is remembered", func(q *sim.Quirks) { q.AbortedReaderRemembered = true }, nil},
	{"TMC stops", func(q *sim.Quirks) { q.TMCStops, q.LimitRefusesCommit = true, true }, nil},
	{"sesTMC counts aborts", func(q *sim.Quirks) { q.SesTMCCountsAborts = true }, nil},
	{"TMAC kept", func(q *sim.Quirks) { q.TMACKept = true }, nil},
	{"one application only", func(q *sim.Quirks) { q.StatusTwoApplications = wire.StatusPermissionDenied }, nil},
	{"a foreign record is refused", func(q *sim.Quirks) { q.StatusForeignRecord = wire.StatusPermissionDenied }, nil},
	{"limited credit when off", func(q *sim.Quirks) { q.LimitedCreditWhenOff = !q.LimitedCreditWhenOff }, nil},
}

func debitsZero(_ *relayCase, c *desfire.SettleConfig) bool {
	return c.TMAC == nil && c.Spare == nil && c.Elsewhere == nil
}

// Whatever only silicon can tell: a settlement that succeeds is right, against a
// relay too, and one that cannot be had is an error. Without a relay it can be had,
// but for what the list says, and there a spare byte helps.
func TestSettleWhateverSiliconDoes(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		if x.refused || x.ch.mode == wire.CommFull && !strings.Contains(x.name, "elsewhere") && !strings.Contains(x.name, "card level") && !strings.Contains(x.name, "spare") {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			for _, o := range oddities {
				q := sim.QuirksOf(x.ch.gen)
				o.do(&q)
				honest := x.sitWith(t, &q)
				odd := o.unsettled != nil && o.unsettled(x, honest.conf)
				s, err := honest.card.Settle(honest.ctx, honest.conf)
				if (err != nil) != odd || err != nil && !errors.As(err, new(*desfire.FenceError)) {
					t.Errorf("%s, nothing pends: %v", o.name, err)
				}
				if err == nil {
					honest.after(s, o.name+", nothing pends")
				}
				if odd && x.ch.gen != wire.Light { // which has no backup file
					b := x.sitWith(t, &q)
					b.conf.Spare = &desfire.SettleSpare{File: backupFile, Offset: 31}
					if s, err := b.card.Settle(b.ctx, b.conf); err != nil || !s.Fence.RelayExcluded() {
						t.Errorf("%s, spare byte: %v", o.name, err)
					}
				}
				for n, intrusion := range intrusions {
					b := x.sitWith(t, &q)
					b.breakOff(0xC7)
					b.air.n = 0
					at := 1 + (n+len(o.name))%(x.exchanges+1)
					slip := func(n int, _ byte, _ []byte) ([]byte, error, bool) {
						if n == at {
							intrusion.do(b.air)
						}
						return nil, nil, false
					}
					if b.conf.Elsewhere != nil {
						b.air.meet = slip
					} else {
						b.forgeSelections(slip)
					}
					s, err := b.card.Settle(b.ctx, b.conf)
					switch {
					case err == nil:
						b.after(s, o.name+", "+intrusion.name)
					case !errors.As(err, new(*desfire.FenceError)):
						t.Errorf("%s, %s: %v", o.name, intrusion.name, err)
					}
				}
			}
		})
	}
}
