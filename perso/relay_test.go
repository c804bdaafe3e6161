package perso_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// relay stands between reader and card. Once it holds back a commit, it lets no
// selection through any more, so that what is pending stays pending: what is said
// in clear it says itself, from what it has heard.
type relay struct {
	*sim.Activation
	heard   map[string][]byte // answers in clear, by place and command, or what it continues
	chain   string
	place   string // what the reader believes
	session bool
	holding bool
	held    int
}

const (
	insSelect = 0x5A
	insCommit = 0xC7
	insEV2    = 0x71
	insMore   = 0xAF
)

func (x *relay) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	ins := cmd[1]
	if ins == insSelect {
		x.place, x.session = string(cmd[5:8]), false
		if x.holding {
			return []byte{0x91, 0x00}, nil
		}
	}
	if ins == insCommit && x.held == 0 {
		x.held++
		x.holding = true
		return nil, errLifted
	}
	handshake := ins == insEV2 || ins == insMore && len(cmd) > 5
	if ins != insMore {
		x.chain = x.place
	}
	x.chain += string(cmd)
	if x.holding && !x.session && !handshake {
		return x.heard[x.chain], nil
	}
	rsp, err := x.Activation.Transmit(ctx, cmd)
	if !x.session && !handshake {
		x.heard[x.chain] = bytes.Clone(rsp)
	}
	x.session = x.session || handshake && ins == insMore
	return rsp, err
}

// A credit whose commit was held back is pending when the next Apply looks. It must
// not happen together with the second one.
func TestHeldCommit(t *testing.T) {
	ctx := context.Background()
	layout := func(v int32) *perso.Layout {
		return small(func(_ *perso.Layout, _ *perso.Application, f *perso.File) {
			f.Data, f.Value = nil, &v
			f.Settings = wire.FileSettings{Type: wire.FileValue, Option: wire.OptionFull, Access: access(1, wire.Never, 2, 0), Upper: 1000}
		})
	}
	picc := newPICC(t, wire.EV2)
	conf := &perso.Config{Values: true}
	apply(t, picc, layout(100), conf)

	air := &relay{Activation: picc.Present(), heard: map[string][]byte{}}
	card, err := desfire.Connect(ctx, air, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := perso.Apply(ctx, card, layout(150), conf); err == nil || air.held != 1 {
		t.Fatalf("nothing was held back: %v", err)
	}
	if !picc.Truth().Pending {
		t.Fatal("nothing is pending")
	}
	air.place, air.session = "", false
	again, err := desfire.Connect(ctx, air, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := perso.Apply(ctx, again, layout(150), conf); err != nil {
		t.Fatal(err)
	}
	if !air.holding {
		t.Error("the relay let go")
	}
	look := connect(t, picc)
	if err := look.SelectApplication(ctx, appA); err != nil {
		t.Fatal(err)
	}
	if err := look.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err != nil {
		t.Fatal(err)
	}
	if v, err := look.Value(ctx, 1); v != 150 || err != nil {
		t.Errorf("value %d, %v", v, err)
	}
}

// impostor says of itself in clear that it is another card.
type impostor struct {
	*sim.Activation
	other   *sim.Activation
	version bool
}

func (x *impostor) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	const insVersion = 0x60
	x.version = cmd[1] == insVersion || x.version && cmd[1] == insMore
	if x.version {
		return x.other.Transmit(ctx, cmd)
	}
	return x.Activation.Transmit(ctx, cmd)
}

// A card that is another one in its first session is left alone from there.
func TestImpostor(t *testing.T) {
	ctx := context.Background()
	ours := newPICC(t, wire.EV2)
	theirs, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 6, 6, 6, 6, 6, 6}})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, &impostor{Activation: theirs.Present(), other: ours.Present()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	layout := small(nil)
	journal := new(memJournal)
	_, err = perso.Apply(ctx, card, layout, &perso.Config{Want: keysFor(t, layout, 1), Journal: journal})
	var wrong *perso.WrongCardError
	if !errors.As(err, &wrong) || wrong.Want != "04010203040506" || wrong.Is != "04060606060606" {
		t.Errorf("%v", err)
	}
	if len(*journal) > 0 {
		t.Error("keys were changed")
	}
	look, err := inspect.Read(ctx, connect(t, theirs), nil)
	if err != nil || len(look.Applications) != 1 || len(look.Applications[0].Files) > 0 {
		t.Errorf("%+v, %v", look, err)
	}
}
