package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// long is longer than anything takes on a loaded machine.
const long = time.Minute

const fleet = "main"

const (
	valueNo wire.FileNo = 1
	tmacNo  wire.FileNo = 2
	slotNo  wire.FileNo = 3
)

var app = wire.Place{AID: 0xF48121}

var testKey = func() key.Key {
	k, err := key.NewAES([]byte("0123456789abcdef"), 7)
	if err != nil {
		panic(err)
	}
	return k
}()

// centreKeys has the transaction MAC key alone, gateKeys not even that.
var (
	centreKeys = keystore.Map{{Place: app, Key: keystore.RoleTransactionMAC.ID()}: {Key: testKey}}
	gateKeys   = keystore.Map{{Place: app, Key: keystore.Number(1)}: {Key: testKey}}
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// plastic is a simulated card with value file, transaction MAC file and slots.
type plastic struct {
	picc *sim.Card
	conf purse.Config // of its purses, without journal and slot number
}

func newPlastic(t testing.TB, n byte) *plastic {
	t.Helper()
	return newPlasticOf(t, n, true)
}

func newPlasticOf(t testing.TB, n byte, tmac bool) *plastic {
	t.Helper()
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, n, 2, 3, 4, 5, 6}})
	must(t, err)
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must(t, err)
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	must(t, card.CreateApplication(ctx, &wire.CreateApplication{AID: app.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 3)}))
	must(t, card.SelectApplication(ctx, app.AID))
	must(t, card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(t, card.ChangeKey(ctx, 1, testKey, key.Zero(key.TypeAES)))
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		must(t, err)
		return purse.File{No: no, Settings: *fs}
	}
	must(t, card.CreateFile(ctx, &wire.CreateValueFile{File: valueNo, Option: wire.OptionFull, Access: access, Upper: 100_000, Value: 50_000}))
	must(t, card.CreateFile(ctx, &wire.CreateBackupDataFile{File: slotNo, Option: wire.OptionFull, Access: access, Size: 256}))
	p := &plastic{picc: picc, conf: purse.Config{
		Place: app, Generation: wire.EV3, KeyNo: 1, Others: purse.OthersAny, Keys: gateKeys,
		Values: []purse.File{file(valueNo)}, Slot: &purse.Slot{File: file(slotNo)},
	}}
	if !tmac {
		return p
	}
	access.Write = wire.Never
	must(t, card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: tmacNo, Option: wire.OptionFull, Access: access, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(testKey.(interface{ Export() []byte }).Export()), KeyVersion: 7}))
	p.conf.TMAC = &purse.TMAC{File: file(tmacNo), NamesReader: true}
	return p
}

func (p *plastic) present(t testing.TB) *desfire.Card {
	t.Helper()
	card, err := desfire.Connect(context.Background(), p.picc.Present(), nil)
	must(t, err)
	return card
}

func (p *plastic) value(t testing.TB) int32 {
	t.Helper()
	for _, a := range p.picc.Image().Applications {
		for _, f := range a.Files {
			if f.No == int(valueNo) {
				return f.Value.Value
			}
		}
	}
	t.Fatal("no value file")
	return 0
}

// gate is a terminal with a journal on disk and an outbox.
type gate struct {
	t       testing.TB
	name    string
	slot    int
	path    string
	journal purse.Journal
	purse   *purse.Purse
	outbox  *ledger.Outbox
	stop    func()
}

func newGate(t testing.TB, name string, slot int) *gate {
	t.Helper()
	return &gate{t: t, name: name, slot: slot, path: filepath.Join(t.TempDir(), name+".db"), stop: func() {}}
}

func (g *gate) open(p *plastic) {
	g.t.Helper()
	j, err := boltjournal.Open(g.path, boltjournal.Options{NoSync: true})
	must(g.t, err)
	g.journal = j
	conf := p.conf
	s := *conf.Slot
	s.Number = g.slot
	conf.Journal, conf.Terminal, conf.Slot = j, g.name, &s
	g.purse, err = purse.Open(conf)
	must(g.t, err)
}

func (g *gate) close() {
	g.t.Helper()
	g.stop()
	g.stop = func() {}
	must(g.t, g.journal.Close())
}

// ship starts the outbox.
func (g *gate) ship(conn *nats.Conn) {
	g.t.Helper()
	var err error
	g.outbox, err = ledger.NewOutbox(ledger.OutboxConfig{Conn: conn, Fleet: fleet, Agent: g.name, Journal: g.journal, Linger: time.Millisecond, Logger: logger()})
	must(g.t, err)
	g.stop = running(g.t, g.outbox.Run)
}

// running runs something until the returned function is called, or the test ends.
func running(t testing.TB, run func(ctx context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func logger() *slog.Logger {
	if os.Getenv("LEDGER_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// agentConn is a connection as an agent has it: answers go to its own inbox.
func agentConn(s *natstest.Server, name string) *nats.Conn {
	return s.Connect(nats.CustomInboxPrefix("_INBOX." + name))
}

// centre runs a centre until the test ends or stop is called.
func startCentre(t testing.TB, s *natstest.Server, change func(*ledger.Config)) (c *ledger.Centre, stop func()) {
	t.Helper()
	conf := ledger.Config{Conn: s.Connect(), Fleet: fleet, Keys: centreKeys, Logger: logger()}
	if change != nil {
		change(&conf)
	}
	c, err := ledger.NewCentre(conf)
	must(t, err)
	stop = running(t, c.Run)
	select {
	case <-c.Ready():
	case <-time.After(long):
		t.Fatal("the centre does not start")
	}
	return c, stop
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(long); ; time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v: not %s", long, what)
		}
	}
}

// uid is the card's identifier.
func (p *plastic) uid() string { return fmt.Sprintf("%X", []byte(p.picc.Image().UID)) }
