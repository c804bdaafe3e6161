package desfire_test

import (
	"context"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// tamper lies between the reader and a simulated card and does what its plan
// says to the next commands.
type tamper struct {
	*sim.Activation
	plan []trick
	sent []byte // the INS of every command that the reader sent
}

// trick is what happens to the next command with an INS.
type trick struct {
	ins    byte
	skip   int                        // let so many pass before
	hide   bool                       // the card does not see the command
	lose   bool                       // the reader sees no answer
	answer func(answer []byte) []byte // what the reader sees instead of it
	always bool                       // to all further ones as well
}

// forged is an answer in place of the card's.
func forged(answer string) func([]byte) []byte {
	b, err := hex.DecodeString(answer)
	if err != nil {
		panic(err)
	}
	return func([]byte) []byte { return b }
}

func (r *tamper) on(tricks ...trick) { r.plan = append(r.plan, tricks...) }

var errAir = errors.New("nothing came back")

func (r *tamper) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	ins := command[1]
	r.sent = append(r.sent, ins)
	for i, x := range r.plan {
		if x.ins != ins {
			continue
		}
		if x.skip > 0 {
			r.plan[i].skip--
			break
		}
		if !x.always {
			r.plan = append(r.plan[:i:i], r.plan[i+1:]...)
		}
		var answer []byte
		if !x.hide {
			var err error
			if answer, err = r.Activation.Transmit(ctx, command); err != nil {
				return nil, err
			}
		}
		switch {
		case x.lose:
			return nil, errAir
		case x.answer != nil:
			return x.answer(answer), nil
		}
		return answer, nil
	}
	return r.Activation.Transmit(ctx, command)
}

// count is how often an INS was sent since the last call.
func (r *tamper) count(ins byte) (n int) {
	for _, x := range r.sent {
		if x == ins {
			n++
		}
	}
	r.sent = r.sent[:0]
	return n
}

// target is a card and the channel to its files.
type target struct {
	name   string
	gen    desfire.Generation
	typ    key.Type
	method key.Method // meaningless without a session
	scheme wire.Scheme

	data, backup, value, log desfire.FileNo
	key                      desfire.KeyNo // reads and writes them all
}

var targets = []*target{
	{"none", wire.EV2, key.TypeAES, 0, wire.SchemeNone, 1, 2, 3, 4, 1},
	{"D40", wire.D40, key.Type2K3DES, key.MethodD40, wire.SchemeD40, 1, 2, 3, 4, 1},
	{"EV1 ISO", wire.EV1, key.Type3K3DES, key.MethodISO, wire.SchemeEV1, 1, 2, 3, 4, 1},
	{"EV1 AES", wire.EV1, key.TypeAES, key.MethodAES, wire.SchemeEV1, 1, 2, 3, 4, 1},
	{"EV2", wire.EV3, key.TypeAES, key.MethodEV2First, wire.SchemeEV2, 1, 2, 3, 4, 1},
	{"LRP", wire.Light, key.TypeAES, key.MethodLRPFirst, wire.SchemeLRP, 4, 0, 3, 1, 3}, // it has no backup file
}

// proven are the channels whose answers carry MACs.
var proven = targets[2:]

func (x *target) zero() key.Key { return key.Zero(x.typ) }

// card is a fresh card of the target, made without the tamper: files of a mode
// that only the key opens (without a session they are plain and free), 500 in
// the value file.
func (x *target) card(t *testing.T, mode wire.CommMode) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc := newPICC(t, x.gen)
	card := connect(t, picc)
	option, access := wire.FileOption(mode), wire.AccessRights{Read: wire.Access(x.key), Write: wire.Access(x.key), ReadWrite: wire.Access(x.key), Change: 0}
	if x.scheme == wire.SchemeNone {
		access = wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}
	}
	var errs []error
	must := func(err error) { errs = append(errs, err) }
	if x.gen == wire.Light {
		must(x.enter(card))
		must(card.AuthenticateWith(ctx, key.MethodEV2First, 0, x.zero()))
		must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
		must(card.Authenticate(ctx, 0, x.zero()))
		must(card.DeleteFile(ctx, 15)) // else every debit wants a reader's name
		for _, no := range []desfire.FileNo{x.data, x.value, x.log} {
			must(card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: no, Option: option, Access: access}))
		}
		must(card.Authenticate(ctx, x.key, x.zero()))
		_, err := card.Transact(ctx, func() error { return card.Credit(ctx, x.value, 500) })
		must(err)
	} else {
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(x.typ.Wire(), 4)}))
		must(card.SelectApplication(ctx, testApp))
		must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: x.data, Option: option, Access: access, Size: 700}))
		must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: x.backup, Option: option, Access: access, Size: 100}))
		must(card.CreateFile(ctx, &wire.CreateValueFile{File: x.value, Option: option, Access: access, Upper: 1000, Value: 500, Flags: wire.ValueLimitedCredit}))
		must(card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: x.log, Option: option, Access: access, RecordSize: 16, MaxRecords: 4}))
	}
	must(card.Close())
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return picc
}

// enter selects the application.
func (x *target) enter(card *desfire.Card) error {
	if x.gen == wire.Light {
		_, err := card.ISOSelectName(context.Background(), wire.LightName[:])
		return err
	}
	return card.SelectApplication(context.Background(), testApp)
}

// login authenticates, where the target has a session.
func (x *target) login(card *desfire.Card) error {
	if x.scheme == wire.SchemeNone {
		return nil
	}
	return card.AuthenticateWith(context.Background(), x.method, x.key, x.zero())
}

// open connects to a card through a tamper, selects and authenticates. The
// reader knows no settings yet.
func (x *target) open(t *testing.T, picc *sim.Card, conf *desfire.Config) (*desfire.Card, *tamper) {
	t.Helper()
	air := &tamper{Activation: picc.Present()}
	card, err := desfire.Connect(context.Background(), air, conf)
	if err == nil {
		err = x.enter(card)
	}
	if err == nil {
		err = x.login(card)
	}
	if err != nil {
		t.Fatal(err)
	}
	air.sent = air.sent[:0]
	t.Cleanup(func() { _ = card.Close() })
	return card, air
}

// held is what the value file holds, as the card's image has it.
func (x *target) held(picc *sim.Card) int32 {
	for _, app := range picc.Image().Applications {
		for _, f := range app.Files {
			if f.No == int(x.value) && f.Value != nil {
				return f.Value.Value
			}
		}
	}
	return -1
}

// as reports whether an error is one of type E.
func as[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}
