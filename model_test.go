package desfire

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Random command sequences: after every step the reader's belief (state.go)
// and the card's truth (sim/state.go), which share no code, agree.
func TestBeliefAgreesWithTruth(t *testing.T) {
	for _, g := range wire.Generations {
		t.Run(g.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { runModel(t, g) })
		})
	}
}

// FuzzBelief is that with sequences that inputs choose. What an input lacks is
// made of it.
func FuzzBelief(f *testing.F) {
	for i := range byte(24) {
		f.Add([]byte{i})
	}
	run := rapid.MakeFuzz(func(t *rapid.T) { runModel(t, rapid.SampledFrom(wire.Generations[:]).Draw(t, "generation")) })
	f.Fuzz(func(t *testing.T, in []byte) {
		rest := make([]byte, 1<<16)
		_, _ = rand.NewChaCha8(sha256.Sum256(in)).Read(rest)
		run(t, append(in, rest...))
	})
}

const (
	modelApp   AID = 0x0A0B0C
	modelOther AID = 0x010203
)

type model struct {
	*rapid.T
	ctx  context.Context
	picc *sim.Card
	card *Card
	typ  key.Type

	untyped bool // a write went to a file whose type the reader does not know
}

func runModel(t *rapid.T, g Generation) {
	ctx := context.Background()
	types := []key.Type{key.TypeDES, key.Type3K3DES, key.TypeAES}
	switch {
	case g == wire.D40:
		types = types[:1]
	case fixedFiles(g):
		types = types[2:]
	}
	m := &model{T: t, ctx: ctx, typ: rapid.SampledFrom(types).Draw(t, "key type")}
	var err error
	if m.picc, err = sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}}); err != nil {
		t.Fatal(err)
	}
	if m.card, err = Connect(ctx, m.picc.Present(), nil); err != nil {
		t.Fatal(err)
	}
	if fixedFiles(g) {
		m.must(m.selectApplication(modelApp))
	} else {
		m.prepare()
	}
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		if rapid.Bool().Draw(t, "trust refusals") {
			m.trust()
		}
		what, err := m.step()
		m.compare(what, err)
	}
}

func (m *model) must(err error) {
	if err != nil {
		m.Fatalf("%v", err)
	}
}

func (m *model) prepare() {
	for _, aid := range []AID{modelApp, modelOther} {
		m.must(m.card.SelectApplication(m.ctx, wire.PICC))
		m.must(m.card.CreateApplication(m.ctx, &wire.CreateApplication{AID: aid, KS1: 0x0F, KS2: wire.NewKeySett2(m.typ.Wire(), 3)}))
		m.must(m.card.SelectApplication(m.ctx, aid))
		for i, mode := range []wire.FileOption{wire.OptionPlain, wire.OptionMAC, wire.OptionFull} {
			// Rights that are partly free, partly keyed, so that modes vary.
			access := wire.AccessRights{Read: wire.Free, Write: 1, ReadWrite: 2, Change: 0}
			if i == 1 {
				access.Read, access.Write = 1, wire.Free
			}
			base := FileNo(4 * i)
			m.must(m.card.CreateFile(m.ctx, &wire.CreateStdDataFile{File: base, Option: mode, Access: access, Size: 40}))
			m.must(m.card.CreateFile(m.ctx, &wire.CreateBackupDataFile{File: base + 1, Option: mode, Access: access, Size: 40}))
			m.must(m.card.CreateFile(m.ctx, &wire.CreateValueFile{File: base + 2, Option: mode, Access: access, Upper: 100, Value: 50, Flags: 1}))
			m.must(m.card.CreateFile(m.ctx, &wire.CreateCyclicRecordFile{File: base + 3, Option: mode, Access: access, RecordSize: 8, MaxRecords: 3}))
		}
	}
	m.must(m.selectApplication(modelApp))
}

// trust takes refusals for what an honest card means by them.
func (m *model) trust() {
	m.card.AllowPlain()
	m.card.AllowSecretsInClear()
	m.card.state.unsettled = ""
}

// selectApplication learns the type of each file as well.
func (m *model) selectApplication(aid AID) error {
	if !fixedFiles(m.card.Generation()) {
		err := m.card.SelectApplication(m.ctx, aid)
		for no := FileNo(0); err == nil && aid != wire.PICC && no < 12; no++ {
			_, err = m.card.FileSettings(m.ctx, no)
		}
		return err
	}
	name, files := wire.LightName[:], []FileNo{0, 1, 3, 4, 15, 31}
	if m.card.Generation() == wire.NTAG424 {
		name, files = wire.NDEFName[:], []FileNo{1, 2, 3}
	}
	if aid == wire.PICC {
		name, files = wire.PICCName[:], nil
	}
	_, err := Do(m.ctx, m.card, &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData})
	for _, no := range files {
		if _, e := m.card.FileSettings(m.ctx, no); e != nil {
			return e
		}
	}
	return err
}

func (m *model) step() (string, error) {
	c, ctx := m.card, m.ctx
	file := FileNo(rapid.IntRange(0, 13).Draw(m.T, "file")) // 12 and 13 do not exist
	n := uint32(rapid.IntRange(0, 45).Draw(m.T, "n"))
	no := KeyNo(rapid.IntRange(0, 3).Draw(m.T, "key")) // 3 does not exist
	switch what := rapid.SampledFrom([]string{
		"select", "auth", "auth", "auth", "wrong key", "read", "write", "write", "value", "credit", "debit", "limited credit",
		"write record", "read records", "clear", "commit", "commit", "abort", "settings", "version", "list", "files", "key settings",
		"change own key", "change other key", "uid", "free", "nonfirst", "delete app", "other method", "raw auth",
	}).Draw(m.T, "command"); what {
	case "select":
		aid := rapid.SampledFrom([]AID{wire.PICC, modelApp, modelOther, 0xFFEEDD}).Draw(m.T, "aid")
		return what, m.selectApplication(aid)
	case "auth":
		return what, c.Authenticate(ctx, no, m.key())
	case "other method":
		method := rapid.SampledFrom([]key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First}).Draw(m.T, "method")
		return what, c.AuthenticateWith(ctx, method, no, m.key())
	case "raw auth": // its first frame only
		cmd := rapid.SampledFrom([]wire.Command{
			&wire.Authenticate{Key: no}, &wire.AuthenticateISO{Key: no}, &wire.AuthenticateAES{Key: no},
			&wire.AuthenticateEV2First{Key: no}, &wire.AuthenticateEV2NonFirst{Key: no},
		}).Draw(m.T, "frame")
		return what, c.Run(ctx, cmd, new(wire.Data))
	case "nonfirst":
		return what, c.AuthenticateWith(ctx, key.MethodEV2NonFirst, no, key.Zero(key.TypeAES))
	case "wrong key":
		k, err := key.New(m.typ, bytes.Repeat([]byte{0x12}, m.typ.Size()), 0)
		m.must(err)
		return what, c.Authenticate(ctx, no, k)
	case "read":
		_, err := c.ReadData(ctx, file, 0, n)
		return what, err
	case "write":
		m.untyped = m.card.settingsOf(file) == nil
		return what, c.WriteData(ctx, file, 3, make([]byte, n))
	case "value":
		_, err := c.Value(ctx, file)
		return what, err
	case "credit":
		return what, c.Credit(ctx, file, int32(n))
	case "debit":
		return what, c.Debit(ctx, file, int32(n))
	case "limited credit":
		return what, c.LimitedCredit(ctx, file, int32(n))
	case "write record":
		return what, c.WriteRecord(ctx, file, 0, make([]byte, n/5))
	case "read records":
		_, err := c.ReadRecords(ctx, file, 0, n/20)
		return what, err
	case "clear":
		return what, c.ClearRecordFile(ctx, file)
	case "commit":
		return what, c.Commit(ctx)
	case "abort":
		return what, c.Abort(ctx)
	case "settings":
		_, err := c.FileSettings(ctx, file)
		return what, err
	case "version":
		_, err := c.Version(ctx)
		return what, err
	case "list":
		_, err := c.Applications(ctx)
		return what, err
	case "files":
		_, err := c.Files(ctx)
		return what, err
	case "key settings":
		_, err := c.KeySettings(ctx)
		return what, err
	case "change own key", "change other key": // to itself, so that it stays known
		if s, ok := c.Session(); ok && what == "change own key" {
			no = s.KeyNo
		}
		return what, c.ChangeKey(ctx, no, m.key(), m.key())
	case "uid":
		_, err := c.CardUID(ctx)
		return what, err
	case "free":
		_, err := c.FreeMemory(ctx)
		return what, err
	case "delete app":
		return what, c.DeleteApplication(ctx, modelOther)
	}
	panic("unreachable")
}

// key is the key of every number at the present level.
func (m *model) key() key.Key {
	if m.card.Application() == wire.PICC && !fixedFiles(m.card.Generation()) {
		return key.Zero(key.TypeDES)
	}
	return key.Zero(m.typ)
}

func (m *model) compare(what string, err error) {
	var integrity *IntegrityError
	if errors.As(err, &integrity) {
		m.Fatalf("%s: %v", what, err)
	}
	s, truth := m.card.state, m.picc.Truth()
	belief := sim.Truth{App: s.app, Pending: s.pending}
	if s.channel != nil {
		info := s.channel.Info()
		belief.Scheme, belief.KeyNo, belief.Counter = info.Scheme, info.KeyNo, info.Counter
	}
	if fixedFiles(m.card.Generation()) {
		belief.App, truth.App = 0, 0 // it has no AID
		// With a transaction MAC file, as on DESFire Light, reads and writes to
		// standard files begin a transaction as well. The reader only believes
		// in changes that wait.
		truth.Pending = truth.Pending && belief.Pending
	}
	if m.untyped && belief.Pending && !truth.Pending {
		// A write to a file of unknown type may be pending.
		belief.Pending, m.card.state.pending = false, false
	}
	m.untyped = false
	if belief != truth {
		m.Fatalf("after %s (%v): the reader believes %s, the card is in %s", what, err, show(belief), show(truth))
	}
}

func show(t sim.Truth) string {
	return fmt.Sprintf("%v session %v key %d counter %d pending %v", t.App, t.Scheme, t.KeyNo, t.Counter, t.Pending)
}

// Random tests repeat themselves; DESFIRE_FRESH=1 or -rapid.seed varies them.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" && os.Getenv("DESFIRE_FRESH") == "" {
		_ = seed.Value.Set("20261124")
	}
	goleak.VerifyTestMain(m)
}
