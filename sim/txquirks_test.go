package sim

import (
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Each quirk of transactions, both ways.

func TestQuirksOfDebitZero(t *testing.T) {
	const zero = "dc 03 00000000"
	const spent = free + `
		dc 03 0a000000 < 00
		c7 < 00
	`
	for name, x := range map[string]struct {
		change func(*Quirks)
		rest   string
	}{
		"as ever":          {func(*Quirks) {}, zero + " < 00\na7 < 00\n" + zero + " < 00\nc7 < 00\n1c 03 0a000000 < 00"},
		"pends nothing":    {func(q *Quirks) { q.DebitZeroPends = false }, zero + " < 00\na7 < 0c\n" + zero + " < 00\nc7 < 0c"},
		"refused":          {func(q *Quirks) { q.StatusDebitZero = wire.StatusParameterError }, "dc 03 01000000 < 00\n" + zero + " < 9e\na7 < 0c"},
		"resets the limit": {func(q *Quirks) { q.DebitZeroResetsLimit = true }, zero + " < 00\nc7 < 00\n1c 03 01000000 < be"},
		"credit resets":    {func(q *Quirks) { q.CreditResetsLimit = true }, "0c 03 01000000 < 00\nc7 < 00\n1c 03 01000000 < be"},
		"credit leaves":    {func(*Quirks) {}, "0c 03 01000000 < 00\nc7 < 00\n1c 03 0a000000 < 00"},
	} {
		t.Run(name, func(t *testing.T) { script(t, quirky(t, wire.EV2, x.change).Present(), spent+x.rest) })
	}
}

func TestQuirksOfWhatAborts(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	const keeps, drops = wire.StatusOK, wire.StatusNoChanges
	for name, test := range map[string]struct {
		change  func(*Quirks)
		between func(c *Card, p *pcd)
		ever    wire.Status // what the commit answers by default
		other   wire.Status // and with the quirk
	}{
		"GET CHALLENGE": {func(q *Quirks) { q.ChallengeAborts = true }, func(_ *Card, p *pcd) {
			p.ok(&wire.ISOGetChallenge{Length: 8}, new(wire.Data), 0)
			p.ch = nil
		}, keeps, drops},
		"a begun authentication": {func(q *Quirks) { q.BeginAborts = true }, func(_ *Card, p *pcd) {
			p.in(key.MethodAES, 3, secret(t, x.typ, 3))
		}, keeps, drops},
		"EV2First": {func(q *Quirks) { q.FirstAbortsTransaction = true }, func(_ *Card, p *pcd) {
			p.in(x.method, 3, secret(t, x.typ, 3))
		}, keeps, drops},
		"a failed authentication": {func(q *Quirks) { q.FailedAuthKeeps = true }, func(_ *Card, p *pcd) {
			if st := p.auth(x.method, 3, secret(t, x.typ, 4)); st != wire.StatusAuthenticationError {
				t.Fatal(st)
			}
			p.ch = nil
		}, drops, keeps},
		"PreparePC": {func(q *Quirks) { q.PreparePCAborts = true }, func(c *Card, p *pcd) {
			p.ok(&wire.PreparePC{}, new(wire.PCTimes), 0)
			p.ch = nil
			c.v.proximity = proximity{} // the check over
		}, keeps, drops},
		"a plain commit": {func(q *Quirks) { q.PlainCommitRefused = true }, func(_ *Card, p *pcd) {
			p.ok(&wire.ISOGetChallenge{Length: 8}, new(wire.Data), 0)
			p.ch = nil
		}, keeps, wire.StatusAuthenticationError},
		"a session of another key": {func(q *Quirks) { q.CommitOwnSession = true }, func(_ *Card, p *pcd) {
			p.in(x.method, 4, secret(t, x.typ, 4))
		}, keeps, wire.StatusAuthenticationError},
		"NonFirst with another key": {func(q *Quirks) { q.CommitOwnSession, q.PlainCommitRefused = true, true }, func(_ *Card, p *pcd) {
			p.in(key.MethodEV2NonFirst, 4, secret(t, x.typ, 4))
		}, keeps, keeps},
	} {
		t.Run(name, func(t *testing.T) {
			for _, odd := range []bool{false, true} {
				c, p := personalised(t, x, wire.CommPlain)
				if odd {
					test.change(&c.quirks)
				}
				p.in(x.method, 3, secret(t, x.typ, 3))
				p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
				test.between(c, p)
				want := test.ever
				if odd {
					want = test.other
				}
				if st := p.do(&wire.CommitTransaction{}, new(wire.CommitTransactionResponse), 0); st != want {
					t.Errorf("quirk %v: the commit is answered %v, want %v", odd, st, want)
				}
			}
		})
	}
}

// A NonFirst that a commit breaks off: the commit is not made, what pends is dropped,
// and the session with it; a chip may think otherwise.
func TestQuirkOfABrokenNonFirst(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	for _, resumes := range []bool{false, true} {
		c, p := personalised(t, x, wire.CommPlain)
		c.quirks.BrokenNonFirstResumes = resumes
		p.in(x.method, 3, secret(t, x.typ, 3))
		p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
		session := p.ch
		commit := &wire.Spec{INS: wire.InsCommitTransaction, Exchange: wire.Single}
		if a := p.exchange(&wire.Spec{INS: wire.InsAuthenticateEV2NonFirst, Exchange: wire.Single}, []byte{4}); a.Status != wire.StatusAdditionalFrame {
			t.Fatal(a.Status)
		}
		if a := p.exchange(commit, nil); a.Status != wire.StatusCommandAborted {
			t.Errorf("resumes %v: %v", resumes, a.Status)
		}
		want := map[bool][2]wire.Status{false: {wire.StatusNoChanges, wire.StatusPermissionDenied}, true: {wire.StatusOK, wire.StatusOK}}[resumes]
		if a := p.exchange(commit, nil); a.Status != want[0] {
			t.Errorf("resumes %v: the commit is answered %v, want %v", resumes, a.Status, want[0])
		}
		if p.ch = session; resumes {
			p.in(key.MethodEV2NonFirst, 4, secret(t, x.typ, 4))
			p.ok(&wire.GetKeyVersion{Key: 4}, new(wire.KeyVersions), 0)
		} else if st := p.auth(key.MethodEV2NonFirst, 4, secret(t, x.typ, 4)); st != want[1] {
			t.Errorf("NonFirst again: %v, want %v", st, want[1])
		}
	}
}

func TestQuirksOfTransactionMACs(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	begin := func(t *testing.T, change func(*Quirks), names wire.Access) (*Card, *pcd) {
		c, p, _ := withTMAC(t, wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: names, Change: 0})
		if change != nil {
			change(&c.quirks)
		}
		p.in(x.method, 3, secret(t, x.typ, 3))
		return c, p
	}
	t.Run("reads", func(t *testing.T) {
		_, p := begin(t, nil, wire.Never)
		p.ok(&wire.GetValue{File: 3}, nil, 0)
		p.ok(&wire.AbortTransaction{}, nil, 0)
		_, p = begin(t, func(q *Quirks) { q.ReadsStartTransaction = false }, wire.Never)
		p.ok(&wire.GetValue{File: 3}, nil, 0)
		p.refused(wire.StatusNoChanges, &wire.AbortTransaction{}, 0)
	})
	t.Run("a second reader", func(t *testing.T) {
		_, p := begin(t, func(q *Quirks) { q.SecondReaderIDReplaces = true }, 3)
		p.ok(&wire.CommitReaderID{TMRI: [16]byte{1}}, new(wire.ReaderID), 0)
		p.ok(&wire.CommitReaderID{TMRI: [16]byte{2}}, new(wire.ReaderID), 0)
		p.ok(&wire.CommitTransaction{}, nil, 0)
	})
	t.Run("an aborted reader", func(t *testing.T) {
		for _, remembered := range []bool{false, true} {
			c, p := begin(t, func(q *Quirks) { q.AbortedReaderRemembered = remembered }, 3)
			p.ok(&wire.CommitReaderID{TMRI: [16]byte{1}}, new(wire.ReaderID), 0)
			p.ok(&wire.AbortTransaction{}, nil, 0)
			var again wire.ReaderID
			p.ok(&wire.CommitReaderID{TMRI: [16]byte{2}}, &again, 0)
			got := make([]byte, 16)
			aesBlock(c.v.pending.tmi.enc).Decrypt(got, again.EncTMRI)
			if (got[0] == 1) != remembered {
				t.Errorf("remembered %v: %X", remembered, got)
			}
		}
	})
	t.Run("the highest counter", func(t *testing.T) {
		c, p := begin(t, nil, wire.Never)
		c.nvm.app(farebox).tmacFile().tmac.counter = 1<<32 - 1
		p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
		p.ok(&wire.CommitTransaction{}, nil, 0)
		if n := c.nvm.app(farebox).tmacFile().tmac.counter; n != 0 {
			t.Errorf("counter %X", n)
		}
		c, p = begin(t, func(q *Quirks) { q.TMCStops = true }, wire.Never)
		c.nvm.app(farebox).tmacFile().tmac.counter = 1<<32 - 1
		p.refused(wire.StatusPermissionDenied, &wire.Debit{File: 3, Amount: 1}, 0)
	})
	t.Run("the limit", func(t *testing.T) {
		c, p := begin(t, func(q *Quirks) { q.LimitRefusesCommit = true }, wire.Never)
		m := c.nvm.app(farebox).tmacFile().tmac
		m.limited, m.limit, m.counter = true, 5, 5
		p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
		p.refused(wire.StatusPermissionDenied, &wire.CommitTransaction{}, 0)
	})
	t.Run("a file made anew", func(t *testing.T) {
		for _, kept := range []bool{false, true} {
			c, p := begin(t, func(q *Quirks) { q.TMACKept = kept }, wire.Never)
			p.ok(&wire.Debit{File: 3, Amount: 1}, nil, 0)
			p.ok(&wire.CommitTransaction{}, nil, 0)
			p.in(x.method, 0, secret(t, x.typ, 0))
			p.ok(&wire.DeleteFile{File: 15}, nil, 0)
			p.ok(&wire.CreateTransactionMACFile{
				File: 15, Access: wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: wire.Never, Change: 0},
				KeyOption: wire.TMKeyAES, Key: wire.NewSecret(make([]byte, 16)),
			}, nil, 0)
			if n := c.nvm.app(farebox).tmacFile().tmac.counter; (n == 1) != kept {
				t.Errorf("kept %v: counter %d", kept, n)
			}
		}
	})
}

// Under LRP an aborted transaction may use up a sesTMC.
func TestQuirkSesTMC(t *testing.T) {
	for _, counts := range []bool{false, true} {
		c := newCard(t, wire.Light)
		c.quirks.SesTMCCountsAborts = counts
		p := newPCD(t, c)
		zero := key.Zero(key.TypeAES)
		p.ok(&wire.ISOSelect{By: wire.SelectByName, Name: wire.LightName[:], P2: wire.SelectNoData}, nil, 0)
		p.in(key.MethodEV2First, 0, zero)
		turnLRPOn(t, p)
		p.in(key.MethodLRPFirst, 3, zero)
		for _, want := range []uint16{1, 3, 1} { // sesTMC of three commits, two aborts before the second
			if want == 3 {
				for range 2 {
					p.ok(&wire.Credit{File: 3, Amount: 1}, nil, wire.CommFull)
					p.ok(&wire.AbortTransaction{}, nil, 0)
				}
			}
			p.ok(&wire.Credit{File: 3, Amount: 1}, nil, wire.CommFull)
			p.in(key.MethodLRPNonFirst, 1, zero)
			p.ok(&wire.CommitReaderID{}, new(wire.ReaderID), 0)
			var r wire.CommitTransactionResponse
			p.ok(&wire.CommitTransaction{ReturnTMAC: true}, &r, 0)
			if !counts {
				want = 1
			}
			if _, session := r.TMC.Split(); session != want {
				t.Errorf("aborts count %v: sesTMC %d, want %d", counts, session, want)
			}
			p.in(key.MethodLRPNonFirst, 3, zero)
		}
	}
}

func TestQuirksOfRecordsAndSelections(t *testing.T) {
	x := channelCase{key.MethodEV2First, key.TypeAES, wire.EV3}
	for _, st := range []wire.Status{wire.StatusOK, wire.StatusPermissionDenied} {
		c, p := personalised(t, x, wire.CommPlain)
		c.quirks.StatusForeignRecord, c.quirks.StatusTwoApplications = st, st
		p.in(x.method, 3, secret(t, x.typ, 3))
		write := &wire.WriteRecord{File: 5, Data: []byte{1}}
		p.ok(write, nil, 0)
		p.ok(write, nil, 0) // within the session it is one record in any case
		p.in(x.method, 3, secret(t, x.typ, 3))
		if got := p.do(write, new(wire.Empty), 0); got != st {
			t.Errorf("WriteRecord of another session: %v, want %v", got, st)
		}
		p.ch = nil
		p.ok(&wire.SelectApplication{}, nil, 0)
		p.ok(&wire.CreateApplication{AID: farebox + 1, KS1: wire.SettDefault, KS2: 1}, nil, 0)
		if got := p.do(&wire.SelectApplication{AID: farebox, Second: farebox + 1, Two: true}, new(wire.Empty), 0); got != st {
			t.Errorf("SelectApplication of two: %v, want %v", got, st)
		}
	}
}
