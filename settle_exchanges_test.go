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
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Files of the settled application.
const (
	settledPurse  desfire.FileNo = 3
	settledSlots  desfire.FileNo = 4
	settledLog    desfire.FileNo = 5
	settledPoints desfire.FileNo = 6
	settledTMAC   desfire.FileNo = 15

	elsewhereApp desfire.AID = 0xE15E
)

// settledCard is a card whose application may hold a transaction MAC file.
type settledCard struct {
	picc  *sim.Card
	air   *tamper
	card  *desfire.Card
	login desfire.SettleKey
	place desfire.Place
	purse desfire.FileNo
	other desfire.SettleElsewhere
}

// newSettled makes a card with files of mode MAC. named tells that commits need
// CommitReaderID, by key 0; else nobody may.
func newSettled(t *testing.T, g desfire.Generation, m key.Method, withTMAC, named bool, quirks func(*sim.Quirks)) *settledCard {
	t.Helper()
	ctx := context.Background()
	q := sim.QuirksOf(g)
	if quirks != nil {
		quirks(&q)
	}
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}, Quirks: &q})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	air := &tamper{Activation: picc.Present()}
	card, err := desfire.Connect(ctx, air, nil)
	must(err)
	typ := key.TypeAES
	if m.Scheme() == wire.SchemeD40 {
		typ = key.TypeDES
	}
	zero := key.Zero(typ)
	s := &settledCard{picc: picc, air: air, card: card, place: desfire.Place{AID: testApp}, purse: settledPurse}
	s.login = desfire.SettleKey{No: 0, Key: zero, Method: &m}
	rights := wire.AccessRights{Read: 0, Write: 0, ReadWrite: 0, Change: 0}
	if g == wire.Light {
		s.place = desfire.Place{Fixed: true}
		must(card.Select(ctx, s.place))
		must(card.Authenticate(ctx, 0, zero))
		must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
		must(card.AuthenticateWith(ctx, m, 0, zero))
		must(card.DeleteFile(ctx, settledTMAC))
		must(card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: settledPurse, Option: wire.OptionMAC, Access: rights}))
		_, err = card.FileSettings(ctx, settledPurse)
		must(err)
	} else {
		other := newKey(t, typ, 9)
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: elsewhereApp, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 1)}))
		must(card.SelectApplication(ctx, elsewhereApp))
		must(card.AuthenticateWith(ctx, m, 0, zero))
		must(card.ChangeKey(ctx, 0, other, nil))
		s.other = desfire.SettleElsewhere{Place: desfire.Place{AID: elsewhereApp}, Login: desfire.SettleKey{Key: other, Method: &m}}
		must(card.SelectApplication(ctx, wire.PICC))
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(typ.Wire(), 4)}))
		must(card.SelectApplication(ctx, testApp))
		must(card.AuthenticateWith(ctx, m, 0, zero))
		must(card.CreateFile(ctx, &wire.CreateValueFile{File: settledPurse, Option: wire.OptionMAC, Access: rights, Upper: 1000, Value: 500}))
		must(card.CreateFile(ctx, &wire.CreateValueFile{File: settledPoints, Option: wire.OptionMAC, Access: rights, Upper: 1000, Value: 7}))
		must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: settledSlots, Option: wire.OptionMAC, Access: rights, Size: 32}))
		must(card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: settledLog, Option: wire.OptionMAC, Access: rights, RecordSize: 16, MaxRecords: 5}))
	}
	if withTMAC {
		names := wire.Never
		if named {
			names = 0
		}
		s.createTMAC(t, 0, names)
	}
	return s
}

// createTMAC makes the transaction MAC file, of which one key reads and one names.
func (s *settledCard) createTMAC(t *testing.T, read, names wire.Access) {
	t.Helper()
	if err := s.card.CreateFile(context.Background(), &wire.CreateTransactionMACFile{
		File: settledTMAC, Option: wire.OptionMAC, Access: wire.AccessRights{Read: read, Write: wire.Never, ReadWrite: names, Change: 0},
		KeyOption: wire.TMKeyAES, Key: wire.NewSecret(newKey(t, key.TypeAES, 7).Export()),
	}); err != nil {
		t.Fatal(err)
	}
}

// newTwoKeys is newSettled where key 1 names the reader, and key 0 has the other files.
func newTwoKeys(t *testing.T, g desfire.Generation, m key.Method, read wire.Access) *settledCard {
	t.Helper()
	s := newSettled(t, g, m, false, false, nil)
	s.createTMAC(t, read, 1)
	return s
}

// settlement is one row of the table.
type settlement struct {
	name   string
	g      desfire.Generation
	m      key.Method
	tmac   bool // the application has a transaction MAC file
	named  bool // whose ReadWrite right the key has
	two    bool // or key 1 has it
	conf   func(s *settledCard, c *desfire.SettleConfig)
	before func(t *testing.T, s *settledCard)
	frames string // that it cannot do without
	fence  desfire.Fence
}

// floor counts the frames; authentications have two.
func (x *settlement) floor() int {
	return strings.Count(x.frames, ",") + 1 + strings.Count(x.frames, "(2)")
}

var settleID = [16]byte{0x5E, 0x77, 0x1E}

func makeSettlements() (all []settlement) {
	value := func(s *settledCard, c *desfire.SettleConfig) { c.Value = &s.purse }
	slot := func(s *settledCard, c *desfire.SettleConfig) {
		value(s, c)
		c.Slot = &desfire.SettleData{File: settledSlots, Length: 8}
	}
	spare := func(s *settledCard, c *desfire.SettleConfig) {
		slot(s, c)
		c.Spare = &desfire.SettleSpare{File: settledSlots, Offset: 31}
	}
	accidents := func(s *settledCard, c *desfire.SettleConfig) { value(s, c); c.Accidents = true }
	away := func(s *settledCard, c *desfire.SettleConfig) { slot(s, c); c.Elsewhere = &s.other }
	named := func(_ *settledCard, c *desfire.SettleConfig) {
		c.TMAC = &desfire.SettleTMAC{File: settledTMAC, ReaderID: &settleID}
	}
	byAnother := func(s *settledCard, c *desfire.SettleConfig) {
		slot(s, c)
		named(s, c)
		c.TMAC.Reader = &desfire.SettleKey{No: 1, Key: s.login.Key}
	}
	namedSlot := func(s *settledCard, c *desfire.SettleConfig) { slot(s, c); named(s, c) }
	read := func(s *settledCard, c *desfire.SettleConfig) {
		value(s, c)
		c.TMAC = &desfire.SettleTMAC{File: settledTMAC}
	}
	everything := func(s *settledCard, c *desfire.SettleConfig) {
		namedSlot(s, c)
		c.Values = []desfire.FileNo{settledPoints}
		c.Records = &desfire.SettleRecords{File: settledLog, Count: 2, Number: true}
		c.CardUID = true
	}
	pendingName := func(t *testing.T, s *settledCard) {
		if _, err := s.card.CommitReaderID(context.Background(), [16]byte{1}); err != nil {
			t.Fatal(err)
		}
		s.air.on(trick{ins: wire.InsSelectApplication, hide: true, answer: forged("9100")})
	}
	record := func(t *testing.T, s *settledCard) {
		_, err := s.card.Transact(context.Background(), func() error {
			_, err := s.card.CommitReaderID(context.Background(), [16]byte{1})
			return errors.Join(err, s.card.WriteRecord(context.Background(), settledLog, 0, []byte{1}))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const in = "select, authenticate (2), "
	const tmacIn = in + "TMAC file, CommitReaderID, "
	all = append(
		all,
		settlement{name: "accidents only", g: wire.EV1, m: key.MethodAES, conf: accidents, frames: in + "GetValue", fence: desfire.FenceSelection},
		settlement{name: "elsewhere", g: wire.D40, m: key.MethodD40, conf: away, frames: in + in + "slot, GetValue", fence: desfire.FenceElsewhere},
	)
	for _, g := range []desfire.Generation{wire.EV1, wire.EV3} {
		all = append(
			all,
			settlement{name: "slot, value, Debit 0", g: g, m: key.MethodAES, conf: slot, frames: in + "slot, GetValue, Debit, Abort", fence: desfire.FenceAbort},
			settlement{name: "slot, value, spare byte", g: g, m: key.MethodAES, conf: spare, frames: in + "slot, GetValue, WriteData, Abort", fence: desfire.FenceAbort},
		)
	}
	for _, g := range []desfire.Generation{wire.EV2, wire.EV3} {
		all = append(
			all,
			settlement{name: "slot, value, Debit 0", g: g, m: key.MethodEV2First, conf: slot, frames: in + "slot, GetValue, Debit, Abort", fence: desfire.FenceAbort},
			settlement{name: "CommitReaderID", g: g, m: key.MethodEV2First, tmac: true, named: true, conf: named, frames: tmacIn + "Abort", fence: desfire.FenceAbort},
			settlement{name: "CommitReaderID, slot, value", g: g, m: key.MethodEV2First, tmac: true, named: true, conf: namedSlot, frames: tmacIn + "slot, GetValue, Abort", fence: desfire.FenceAbort},
			settlement{name: "CommitReaderID by another key, slot, value", g: g, m: key.MethodEV2First, tmac: true, two: true, conf: byAnother, frames: in + "CommitReaderID, Abort, authenticate (2), TMAC file, slot, GetValue", fence: desfire.FenceAbort},
			settlement{name: "CommitReaderID, once more after its refusal", g: g, m: key.MethodEV2First, tmac: true, named: true, conf: named, before: pendingName, frames: tmacIn + tmacIn + "Abort", fence: desfire.FenceAbort},
			settlement{name: "value, no right to CommitReaderID", g: g, m: key.MethodEV2First, tmac: true, conf: read, frames: in + "TMAC file, GetValue, Abort", fence: desfire.FenceAbort},
			settlement{name: "everything there is", g: g, m: key.MethodEV2First, tmac: true, named: true, conf: everything, before: record, frames: in + "GetCardUID, GetFileSettings of the records, TMAC file, CommitReaderID, slot, records, GetValue, GetValue, Abort", fence: desfire.FenceAbort},
		)
	}
	return append(
		all,
		settlement{name: "CommitReaderID", g: wire.Light, m: key.MethodLRPFirst, tmac: true, named: true, conf: named, frames: tmacIn + "Abort", fence: desfire.FenceAbort},
		settlement{name: "CommitReaderID by another key", g: wire.Light, m: key.MethodLRPFirst, tmac: true, two: true, conf: func(s *settledCard, c *desfire.SettleConfig) {
			byAnother(s, c)
			c.Slot = nil
		}, frames: in + "CommitReaderID, Abort, authenticate (2), TMAC file, GetValue", fence: desfire.FenceAbort},
		settlement{name: "value, no right to CommitReaderID", g: wire.Light, m: key.MethodLRPFirst, tmac: true, conf: read, frames: in + "TMAC file, GetValue, Abort", fence: desfire.FenceAbort},
	)
}

// settlements writes the table of Card.Settle. What one costs must be its floor.
func settlements(t *testing.T, out *bytes.Buffer) {
	t.Helper()
	out.WriteString(`
## Settlements

What Card.Settle takes to make sure that nothing pends, and to read what the card holds then. Settings of files are stated; where they are
not, each file costs a GetFileSettings. Files are of mode MAC. "accidents only" and "elsewhere" are fences of other kinds: see Fence. "once more" is after
a refusal because the transaction that pended has a name; the receipt is read again, since such a refusal may be forged.

| settlement | card | session | transaction MAC | exchanges | floor | the frames of the floor |
|---|---|---|---|---|---|---|
`)
	for _, x := range makeSettlements() {
		s := newSettled(t, x.g, x.m, x.tmac && !x.two, x.named, nil)
		if x.two {
			s.createTMAC(t, 0, 1)
		}
		if x.before != nil {
			x.before(t, s)
		}
		conf := &desfire.SettleConfig{Place: s.place, Login: s.login}
		x.conf(s, conf)
		s.air.sent = nil
		got, err := s.card.Settle(context.Background(), conf)
		if err != nil {
			t.Errorf("%s on %v: %v", x.name, x.g, err)
			continue
		}
		n := len(s.air.sent)
		if n != x.floor() || got.Fence != x.fence {
			t.Errorf("%s on %v: %d exchanges, floor %d, fence %v", x.name, x.g, n, x.floor(), got.Fence)
		}
		yes := map[bool]string{true: "yes", false: "-"}
		fmt.Fprintf(out, "| %s | %v | %v | %s | %d | %d | %s |\n", x.name, x.g, x.m.Scheme(), yes[x.tmac], n, x.floor(), x.frames)
	}
}
