package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// relay lies between reader and card and does what it likes.
type relay struct {
	act  *sim.Activation
	ch   *channel
	held [][]byte
	n    int // commands of the reader so far
	// meet decides about a command of the reader; ok is false for one that
	// passes as it is.
	meet func(n int, ins byte, command []byte) (answer []byte, err error, ok bool)
}

func (r *relay) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

func (r *relay) Reconnect(ctx context.Context) error { return r.act.Reconnect(ctx) }

func (r *relay) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	r.n++
	if r.meet != nil {
		if answer, err, ok := r.meet(r.n, command[1], command); ok {
			return answer, err
		}
	}
	return r.act.Transmit(ctx, command)
}

// hold keeps a command for later.
func (r *relay) hold(command []byte) { r.held = append(r.held, bytes.Clone(command)) }

// tell gives the card a command of the relay's own.
func (r *relay) tell(command ...byte) { _, _ = r.act.Transmit(context.Background(), command) }

var (
	plainCommit  = []byte{0x90, 0xC7, 0, 0, 0}
	optionCommit = []byte{0x90, 0xC7, 0, 0, 1, 1, 0}
	getChallenge = []byte{0x00, 0x84, 0, 0, 8}
)

// intrusions are what a relay slips in to have pending changes committed.
var intrusions = []struct {
	name string
	do   func(r *relay)
}{
	{"commit", func(r *relay) { r.tell(plainCommit...) }},
	{"commit with option", func(r *relay) { r.tell(optionCommit...) }},
	{"GET CHALLENGE, commit", func(r *relay) { r.tell(getChallenge...); r.tell(plainCommit...) }},
	{"what was held back", func(r *relay) {
		for _, c := range r.held {
			r.tell(c...)
		}
	}},
	{"session of another key, commit", func(r *relay) { r.otherCommit() }},
}

// otherCommit commits as somebody who knows key 2 of the application.
func (r *relay) otherCommit() {
	ctx := context.Background()
	other, err := desfire.Connect(ctx, r.act, &desfire.Config{Generation: r.ch.gen})
	if err != nil {
		return
	}
	if r.ch.session() && other.AuthenticateWith(ctx, r.ch.method, 2, r.ch.key(2)) != nil {
		return
	}
	_ = other.Commit(ctx)
}

// relayCase is a channel with a fence.
type relayCase struct {
	name      string
	ch        channel
	kind      kind
	exchanges int
	conf      func(ch *channel, c *desfire.SettleConfig)
	refused   bool // no fence to be had
}

var relayCases = makeRelayCases()

func makeRelayCases() (all []relayCase) {
	purseFile := valueFile
	ev1 := func(ch *channel, c *desfire.SettleConfig) {
		c.Value, c.Slot = &purseFile, &desfire.SettleData{File: backupFile, Length: 8}
	}
	spareByte := func(ch *channel, c *desfire.SettleConfig) {
		ev1(ch, c)
		c.Spare = &desfire.SettleSpare{File: backupFile, Offset: 31}
	}
	valueOnly := func(_ *channel, c *desfire.SettleConfig) { c.Value = &purseFile }
	readerID := func(_ *channel, c *desfire.SettleConfig) {
		c.TMAC = &desfire.SettleTMAC{File: tmacFile, ReaderID: &[16]byte{0x5E, 0x77}}
	}
	readerIDAndValue := func(ch *channel, c *desfire.SettleConfig) { readerID(ch, c); valueOnly(ch, c) }
	noReaderID := func(ch *channel, c *desfire.SettleConfig) {
		valueOnly(ch, c)
		c.TMAC = &desfire.SettleTMAC{File: tmacFile}
	}
	elsewhere := func(ch *channel, c *desfire.SettleConfig) {
		ev1(ch, c)
		c.Elsewhere = &desfire.SettleElsewhere{Place: wire.Place{AID: spare}, Login: desfire.SettleKey{Key: ch.key(0x30), Method: &ch.method}}
	}
	cardLevel := func(ch *channel, c *desfire.SettleConfig) {
		ev1(ch, c)
		c.Elsewhere = &desfire.SettleElsewhere{Login: desfire.SettleKey{Key: ch.key(piccKey), Method: &ch.method}}
	}
	add := func(name string, ch channel, k kind, exchanges int, conf func(*channel, *desfire.SettleConfig)) {
		ch.name = name
		all = append(all, relayCase{name: name, ch: ch, kind: k, exchanges: exchanges, conf: conf, refused: exchanges == 0})
	}
	full := wire.CommFull
	d40 := channel{gen: wire.D40, typ: key.Type2K3DES, method: key.MethodD40, scheme: wire.SchemeD40, mode: full}
	add("no session", channel{gen: wire.EV2, typ: key.TypeAES}, simple, 0, valueOnly)
	add("D40", d40, simple, 0, ev1)
	add("D40, elsewhere", d40, simple, 8, elsewhere)
	add("D40, card level", d40, simple, 8, cardLevel)
	for _, x := range []struct {
		name string
		typ  key.Type
		m    key.Method
	}{{"EV1 DES", key.Type2K3DES, key.MethodISO}, {"EV1 3K3DES", key.Type3K3DES, key.MethodISO}, {"EV1 AES", key.TypeAES, key.MethodAES}} {
		for _, g := range []wire.Generation{wire.EV1, wire.EV2, wire.EV3} {
			ch := channel{gen: g, typ: x.typ, method: x.m, scheme: wire.SchemeEV1, mode: full}
			name := fmt.Sprintf("%s on %v", x.name, g)
			add(name, ch, simple, 7, ev1)
			add(name+", spare byte", ch, simple, 7, spareByte)
			if g == wire.EV1 {
				ch.mode = wire.CommMAC
				add(name+", MAC", ch, simple, 7, ev1)
				ch.mode = wire.CommPlain
				add(name+", plain files", ch, simple, 7, ev1)
				add(name+", elsewhere", ch, simple, 8, elsewhere)
			} else {
				add(name+", elsewhere", ch, simple, 0, elsewhere)
				add(name+", card level", ch, simple, 8, cardLevel)
			}
		}
	}
	for _, x := range []struct {
		name string
		g    wire.Generation
		m    key.Method
		s    wire.Scheme
	}{{"EV2", wire.EV2, key.MethodEV2First, wire.SchemeEV2}, {"EV2 on EV3", wire.EV3, key.MethodEV2First, wire.SchemeEV2}, {"LRP", wire.Light, key.MethodLRPFirst, wire.SchemeLRP}} {
		for _, mode := range []wire.CommMode{wire.CommMAC, wire.CommFull} {
			ch := channel{gen: x.g, typ: key.TypeAES, method: x.m, scheme: x.s, mode: mode}
			name := fmt.Sprintf("%s, %v", x.name, mode)
			add(name+", CommitReaderID", ch, withTMAC, 6, readerID)
			add(name+", CommitReaderID and value", ch, withTMAC, 7, readerIDAndValue)
			add(name+", transaction MAC", ch, withPlainTMAC, 6, noReaderID)
			add(name+", debit 0", ch, simple, 6, valueOnly)
		}
		ch := channel{gen: x.g, typ: key.TypeAES, method: x.m, scheme: x.s, mode: wire.CommPlain}
		add(x.name+", plain files, debit 0", ch, simple, 6, valueOnly)
	}
	return all
}

// protects reports whether what is read carries a MAC.
func (ch *channel) protects() bool {
	return ch.scheme == wire.SchemeEV1 || (ch.scheme == wire.SchemeEV2 || ch.scheme == wire.SchemeLRP) && ch.mode != wire.CommPlain
}

// table is a card under a relay, with a job that the relay broke.
type table struct {
	t    *testing.T
	x    *relayCase
	ctx  context.Context
	picc *sim.Card
	air  *relay
	card *desfire.Card
	conf *desfire.SettleConfig
}

func (x *relayCase) sit(t *testing.T) *table { return x.sitWith(t, nil) }

// sitWith is sit with a card that has quirks.
func (x *relayCase) sitWith(t *testing.T, q *sim.Quirks) *table {
	b := &table{t: t, x: x, ctx: context.Background(), picc: newPICCWith(t, x.ch.image(t, x.kind), 1, q)}
	b.air = &relay{act: b.picc.Present(), ch: &x.ch}
	var err error
	if b.card, err = desfire.Connect(b.ctx, b.air, &desfire.Config{Generation: x.ch.gen, Rand: seeded(2)}); err != nil {
		t.Fatal(err)
	}
	b.conf = &desfire.SettleConfig{Place: x.ch.place()}
	if x.ch.session() {
		b.conf.Login = desfire.SettleKey{No: 1, Key: x.ch.key(1), Method: &x.ch.method}
	}
	x.conf(&x.ch, b.conf)
	b.login()
	return b
}

func (ch *channel) place() wire.Place {
	if ch.gen == wire.Light {
		return wire.Place{Fixed: true}
	}
	return wire.Place{AID: ch.app()}
}

func (b *table) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *table) login() {
	b.t.Helper()
	b.must(b.card.Select(b.ctx, b.x.ch.place()))
	stateFiles(b.card, b.x.ch.files(b.x.kind))
	if b.x.ch.session() {
		b.must(b.card.AuthenticateWith(b.ctx, b.x.ch.method, 1, b.x.ch.key(1)))
	}
}

// debit takes 100 in a transaction of its own.
func (b *table) debit() error {
	_, err := b.card.Transact(b.ctx, func() error {
		if b.x.kind == withTMAC {
			if _, err := b.card.CommitReaderID(b.ctx, [16]byte{0xD0}); err != nil {
				return err
			}
		}
		return b.card.Debit(b.ctx, valueFile, 100)
	})
	return err
}

func (b *table) value() int32 {
	v, _ := value(b.picc)
	return v
}

// breakOff makes the card hold a debit of 100 pending, and the reader not know:
// the answer to the debit is lost, or the commit is held back.
func (b *table) breakOff(ins byte) {
	b.t.Helper()
	b.air.meet = func(_ int, got byte, command []byte) ([]byte, error, bool) {
		if got != ins {
			return nil, nil, false
		}
		if ins == 0xC7 {
			b.air.hold(command)
		} else {
			_, _ = b.air.act.Transmit(b.ctx, command)
		}
		return nil, &airError{text: "no answer", sent: true}, true
	}
	if err := b.debit(); err == nil {
		b.t.Fatal("the debit worked")
	}
	b.air.meet, b.air.n = nil, 0
	if !b.picc.Truth().Pending || b.value() != 500 {
		b.t.Fatal("nothing is pending")
	}
}

// selection reports whether a command selects an application.
func selection(ins byte) bool { return ins == 0x5A || ins == 0xA4 }

// after checks that what Settle returned stays so, whatever is delivered.
func (b *table) after(s *desfire.Settlement, what string) {
	b.t.Helper()
	v := b.value()
	if s.Value != nil && *s.Value != v {
		b.t.Errorf("%s: settled at %d, the card holds %d", what, *s.Value, v)
	}
	if !s.Fence.RelayExcluded() {
		b.t.Errorf("%s: fence %v", what, s.Fence)
	}
	b.air.meet = nil
	for _, i := range intrusions {
		i.do(b.air)
		if now := b.value(); now != v {
			b.t.Fatalf("%s: settled at %d, then %s: %d", what, v, i.name, now)
		}
	}
	// Our own next transaction takes nothing old along.
	b.air.meet, b.air.held = nil, nil
	b.login()
	b.must(b.debit())
	if now := b.value(); now != v-100 {
		b.t.Fatalf("%s: a debit of 100 took %d", what, v-now)
	}
}

// forgeSelections answers selections without the card.
func (b *table) forgeSelections(then func(n int, ins byte, command []byte) ([]byte, error, bool)) {
	b.air.meet = func(n int, ins byte, command []byte) ([]byte, error, bool) {
		if then != nil {
			if answer, err, ok := then(n, ins, command); ok {
				return answer, err, ok
			}
		}
		switch ins {
		case 0x5A:
			return []byte{0x91, 0x00}, nil, true
		case 0xA4:
			return []byte{0x90, 0x00}, nil, true
		}
		return nil, nil, false
	}
}

// A relay forges the selection and does nothing else: the fence holds.
func TestSettleDespiteForgedSelection(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		for _, ins := range []byte{0xDC, 0xC7} {
			t.Run(fmt.Sprintf("%s/%02X lost", x.name, ins), func(t *testing.T) {
				b := x.sit(t)
				b.breakOff(ins)
				b.forgeSelections(nil)
				if b.conf.Elsewhere != nil {
					b.air.meet = nil // forged, the session elsewhere fails: below
				}
				before := b.air.n
				s, err := b.card.Settle(b.ctx, b.conf)
				if x.refused {
					var no *desfire.FenceError
					if !errors.As(err, &no) || no.Err != nil || b.air.n != before {
						t.Fatalf("%v after %d exchanges", err, b.air.n-before)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				again := 0
				if x.kind == withTMAC {
					again = 5 // the pending transaction had named its reader: once more
				}
				if n := b.air.n - before; n != x.exchanges+again {
					t.Errorf("%d exchanges, want %d", n, x.exchanges+again)
				}
				if b.value() != 500 {
					t.Errorf("the value is %d", b.value())
				}
				if x.kind == withTMAC && s.EncTMRI == nil || x.kind != simple && (s.Receipt == nil || s.Receipt.TMC != 6) {
					t.Errorf("%+v", s)
				}
				if s.Protected != x.ch.protects() {
					t.Errorf("protected %v", s.Protected)
				}
				b.after(s, "no intrusion")
			})
		}
	}
}

// At every point of a settlement under a forged selection the relay slips in what would
// commit: either Settle fails, or nothing moves any more.
func TestSettleAgainstIntrusion(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		if x.refused {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			fenced := 0
			for at := 1; at <= x.exchanges+5; at++ {
				for _, intrusion := range intrusions {
					for _, real := range []bool{false, true} {
						b := x.sit(t)
						b.breakOff(0xC7)
						b.air.n = 0
						slip := func(n int, _ byte, _ []byte) ([]byte, error, bool) {
							if n == at {
								intrusion.do(b.air)
							}
							return nil, nil, false
						}
						if real {
							b.air.meet = slip
						} else {
							b.forgeSelections(slip)
						}
						s, err := b.card.Settle(b.ctx, b.conf)
						if err != nil {
							if !errors.As(err, new(*desfire.FenceError)) {
								t.Errorf("%v", err)
							}
							continue
						}
						fenced++
						b.after(s, fmt.Sprintf("%s before exchange %d, selection real: %v", intrusion.name, at, real))
					}
				}
			}
			if fenced == 0 {
				t.Error("no fence at all")
			}
		})
	}
}

// Answers that a relay makes up for the commands of the fence are no fence.
func TestSettleAgainstForgedAnswers(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		if x.refused || x.ch.scheme == wire.SchemeD40 || x.conf == nil {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			for _, ins := range []byte{0xA7, 0xC8, 0xDC, 0x3D, 0x8D, 0x6C, 0xAD, 0xBD, 0x71, 0xAF} {
				for _, answer := range [][]byte{{0x91, 0}, {0x91, 0x0C}, {0x91, 0x9D}, {0x91, 0xAF}, append(make([]byte, 8), 0x91, 0), append(make([]byte, 16), 0x91, 0)} {
					for _, done := range []bool{false, true} {
						b := x.sit(t)
						b.breakOff(0xC7)
						met := false
						b.forgeSelections(func(_ int, got byte, command []byte) ([]byte, error, bool) {
							if got != ins {
								return nil, nil, false
							}
							met = true
							if done {
								_, _ = b.air.act.Transmit(b.ctx, command)
							} else {
								b.air.hold(command)
							}
							return bytes.Clone(answer), nil, true
						})
						if b.conf.Elsewhere != nil {
							continue
						}
						s, err := b.card.Settle(b.ctx, b.conf)
						// A plain file's 9100 without data is all that the card itself says.
						own := done && !x.ch.protects() && len(answer) == 2 && answer[1] == 0
						if met && err == nil && !own {
							t.Errorf("%02X answered %X, done %v: settled", ins, answer, done)
						}
						if err == nil {
							b.after(s, "unmet")
						}
					}
				}
			}
		})
	}
}

// The session elsewhere cannot be had by a relay that forges the selection.
func TestSettleElsewhereAgainstForgedSelection(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		b := x.sit(t)
		if x.refused || b.conf.Elsewhere == nil {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			for k := 1; k <= 2; k++ { // the first selection, or the second
				b := x.sit(t)
				b.breakOff(0xC7)
				n := 0
				b.air.meet = func(_ int, ins byte, _ []byte) ([]byte, error, bool) {
					if selection(ins) {
						if n++; n == k {
							return []byte{0x91, 0}, nil, true
						}
					}
					return nil, nil, false
				}
				if _, err := b.card.Settle(b.ctx, b.conf); err == nil {
					t.Errorf("selection %d forged: settled", k)
				}
			}
			b := x.sit(t)
			b.breakOff(0xC7)
			b.conf.Elsewhere.Login.Key = b.conf.Login.Key
			var no *desfire.FenceError
			if _, err := b.card.Settle(b.ctx, b.conf); !errors.As(err, &no) || no.Err != nil {
				t.Errorf("the same key elsewhere: %v", err)
			}
		})
	}
}

// Accidents: a real selection drops what is pending, in every channel.
func TestSettleAfterAccident(t *testing.T) {
	for i := range relayCases {
		x := &relayCases[i]
		t.Run(x.name, func(t *testing.T) {
			b := x.sit(t)
			b.breakOff(0xDC)
			b.conf.Accidents = true
			s, err := b.card.Settle(b.ctx, b.conf)
			if err != nil {
				t.Fatal(err)
			}
			if s.Fence != desfire.FenceSelection || s.Fence.RelayExcluded() || b.picc.Truth().Pending && x.kind == simple {
				t.Errorf("%+v", s)
			}
			if s.Protected != x.ch.protects() {
				t.Errorf("protected: %v", s.Protected)
			}
			b.login()
			b.must(b.debit())
			if b.value() != 400 {
				t.Errorf("the value is %d", b.value())
			}
		})
	}
}
