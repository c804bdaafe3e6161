package matrix_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// sessions are the relay cases with a session of each kind, whatever the fence.
func sessions() (all []*relayCase) {
	for i := range relayCases {
		if x := &relayCases[i]; x.ch.session() && (x.kind != simple || x.exchanges != 0) {
			all = append(all, x)
		}
	}
	return all
}

// A debit whose answer was lost, a forged selection, and the job repeated on the
// same Card: without a fence the card would lose 200. The reader refuses to go on
// before a selection; if that is forged, the debit goes along, and only Settle
// between the two keeps it out.
func TestRetryAfterForgedSelection(t *testing.T) {
	for _, x := range sessions() {
		if x.refused || x.ch.scheme == wire.SchemeD40 {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			b := x.sit(t)
			b.breakOff(0xDC)
			if err := b.debit(); err == nil || b.value() != 500 {
				t.Fatalf("went on without a selection: %v", err)
			}
			if b.conf.Elsewhere == nil {
				b.forgeSelections(nil)
			}
			if _, err := b.card.Settle(b.ctx, b.conf); err != nil {
				t.Fatal(err)
			}
			if b.conf.Elsewhere != nil || x.kind == withTMAC && b.picc.Truth().Pending {
				b.login()
			}
			b.must(b.debit())
			if b.value() != 400 {
				t.Errorf("the value is %d", b.value())
			}
		})
	}
}

// The debit is acknowledged; the relay commits it; the reader's own commit is
// never answered, or never sent. That is "happened" or unknown, never "not done",
// and Settle reads what the card holds.
func TestRelayCommitsForUs(t *testing.T) {
	for _, x := range sessions() {
		t.Run(x.name, func(t *testing.T) {
			for _, intrusion := range intrusions {
				b := x.sit(t)
				b.air.meet = func(_ int, ins byte, command []byte) ([]byte, error, bool) {
					if ins == 0xC7 {
						b.air.hold(command)
						intrusion.do(b.air)
						return nil, &airError{text: "no answer", sent: true}, true
					}
					return nil, nil, false
				}
				err := b.debit()
				if !errors.As(err, new(*desfire.OutcomeUnknownError)) {
					t.Errorf("%s: %v", intrusion.name, err)
				}
				b.air.meet = nil
				if x.refused {
					continue
				}
				s, err := b.card.Settle(b.ctx, b.conf)
				b.must(err)
				if s.Value != nil && *s.Value != b.value() || s.Receipt != nil && (s.Receipt.TMC&0xFFFF == 7) != (b.value() == 400) {
					t.Errorf("%s: settled at %+v, the card holds %d", intrusion.name, s, b.value())
				}
				b.after(s, intrusion.name)
			}
		})
	}
}

// The value is 0 and the key may only read, which lets it debit; the relay commits
// between the dummy and the abort: no fence, no loss, and once more it works.
func TestSettleAtZeroWithReadKey(t *testing.T) {
	for _, x := range sessions() {
		probe := new(desfire.SettleConfig)
		x.conf(&x.ch, probe)
		if x.refused || x.kind != simple || x.ch.scheme == wire.SchemeD40 || x.ch.gen == wire.Light || probe.Spare != nil || probe.Elsewhere != nil {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			y := *x
			b := y.sit(t)
			img := b.picc.Image()
			for i := range img.Applications {
				for j := range img.Applications[i].Files {
					if f := &img.Applications[i].Files[j]; f.No == int(valueFile) {
						f.Value.Value, f.Rights = 0, sim.Hex{0x1F, 0xF0}
					}
				}
			}
			c := newPICC(t, img.Encode(), 1)
			b.picc, b.air = c, &relay{act: c.Present(), ch: &y.ch}
			card, err := desfire.Connect(b.ctx, b.air, &desfire.Config{Generation: y.ch.gen, Rand: seeded(3)})
			b.must(err)
			b.card = card
			b.must(card.Select(b.ctx, y.ch.place()))
			files := y.ch.files(simple)
			fs := files[valueFile]
			fs.Access = wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: wire.Never, Change: 0}
			files[valueFile] = fs
			stateFiles(card, files)
			before := state(c)
			b.air.meet = func(_ int, ins byte, _ []byte) ([]byte, error, bool) {
				if ins == 0xA7 {
					b.air.tell(plainCommit...)
				}
				return nil, nil, false
			}
			var no *desfire.FenceError
			if _, err := card.Settle(b.ctx, b.conf); !errors.As(err, &no) || no.Err == nil {
				t.Fatalf("a commit before the abort: %v", err)
			}
			b.air.meet = nil
			s, err := card.Settle(b.ctx, b.conf)
			b.must(err)
			if *s.Value != 0 || state(c) != before {
				t.Errorf("%d, and the card has changed", *s.Value)
			}
		})
	}
}

// D40: the debit swallowed and its commit answered 9100: the reader cannot know,
// and Settle says so instead of settling.
func TestD40CannotKnow(t *testing.T) {
	x := &relayCase{name: "D40", ch: channel{gen: wire.D40, typ: key.Type2K3DES, method: key.MethodD40, scheme: wire.SchemeD40, mode: wire.CommFull},
		conf: func(_ *channel, c *desfire.SettleConfig) { f := valueFile; c.Value = &f }}
	b := x.sit(t)
	b.air.meet = func(_ int, ins byte, _ []byte) ([]byte, error, bool) {
		return []byte{0x91, 0}, nil, ins == 0xDC || ins == 0xC7
	}
	if err := b.debit(); err != nil || b.value() != 500 {
		t.Fatalf("%v; the card holds %d", err, b.value())
	}
	n := b.air.n
	var no *desfire.FenceError
	if _, err := b.card.Settle(b.ctx, b.conf); !errors.As(err, &no) || no.Err != nil || b.air.n != n {
		t.Errorf("%v", err)
	}
	b.conf.Accidents = true
	s, err := b.card.Settle(b.ctx, b.conf)
	if err != nil || s.Fence != desfire.FenceSelection || s.Protected {
		t.Errorf("%+v %v", s, err)
	}
}

// The relay commits between the mark that a transaction writes first and the
// movement: the mark is there and the value is not. Settle shows both as they are.
func TestCommitBetweenMarkAndMovement(t *testing.T) {
	for _, x := range sessions() {
		if x.refused || x.kind != simple || x.ch.gen == wire.Light {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			for _, intrusion := range intrusions {
				b := x.sit(t)
				b.conf.Slot = &desfire.SettleData{File: backupFile, Length: 8}
				b.air.meet = func(_ int, ins byte, _ []byte) ([]byte, error, bool) {
					if ins == 0xDC {
						intrusion.do(b.air)
					}
					return nil, nil, false
				}
				_, err := b.card.Transact(b.ctx, func() error {
					if err := b.card.WriteData(b.ctx, backupFile, 0, pattern(8)); err != nil {
						return err
					}
					return b.card.Debit(b.ctx, valueFile, 100)
				})
				if moved := b.value() != 500; err == nil && !moved {
					t.Errorf("%s: the reader says done, the card holds %d", intrusion.name, b.value())
				} else if moved && claimOf(err) == claimNot {
					t.Errorf("%s: the reader says not done, the card holds %d: %v", intrusion.name, b.value(), err)
				}
				b.air.meet = nil
				s, err := b.card.Settle(b.ctx, b.conf)
				b.must(err)
				if s.Value == nil || *s.Value != b.value() || fmt.Sprintf("%X", s.Slot) != slot(b.picc) {
					t.Errorf("%s: %+v; the card holds %d and %s", intrusion.name, s, b.value(), slot(b.picc))
				}
				b.after(s, intrusion.name)
			}
		})
	}
}

// slot is the first 8 bytes of the backup file.
func slot(c *sim.Card) string {
	for _, a := range c.Image().Applications {
		for _, f := range a.Files {
			if f.No == int(backupFile) && a.AID == purse {
				return fmt.Sprintf("%X", []byte(f.Data[:8]))
			}
		}
	}
	return ""
}
