package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// sunTag is a card with a file that may show messages, and the session that
// provisions it.
type sunTag struct {
	name string
	gen  desfire.Generation
	lrp  bool
	on   bool // it shows messages already, of another template
}

var sunTags = []sunTag{{"NTAG", wire.NTAG424, false, false}, {"NTAG, again", wire.NTAG424, false, true}, {"NTAG LRP", wire.NTAG424, true, false}, {"EV3", wire.EV3, false, false}, {"EV3, again", wire.EV3, false, true}}

const (
	oldTemplate = "https://old.example/{uid}/{ctr}/{mac}"
	newTemplate = "https://new.example/t?p={picc}&e={from}{enc:16}&m={mac}"
)

// make is a fresh card.
func (x *sunTag) make(t *testing.T) *sim.Card {
	t.Helper()
	ctx := context.Background()
	picc := newPICC(t, x.gen)
	card := connect(t, picc)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if x.gen == wire.EV3 {
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 5) | wire.SettISOFiles, FID: 0xE110, DFName: wire.NDEFName[:]}))
		must(card.SelectApplication(ctx, testApp))
		must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 2, FID: 0xE104, Option: wire.OptionSDM, Size: 256, Access: wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}}))
	}
	must(x.enter(ctx, card))
	if x.lrp {
		must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
		must(x.enter(ctx, card))
	}
	must(card.WriteData(ctx, 2, 0, bytes.Repeat([]byte("old "), 40)))
	if x.on {
		must(card.ProvisionSDM(ctx, x.file(t, oldTemplate, nil)))
	}
	return picc
}

// enter opens the session of key 0.
func (x *sunTag) enter(ctx context.Context, card *desfire.Card) error {
	var err error
	if x.gen == wire.EV3 {
		err = card.SelectApplication(ctx, testApp)
	} else {
		_, err = card.ISOSelectName(ctx, wire.NDEFName[:])
	}
	if err != nil {
		return err
	}
	if err := card.Authenticate(ctx, 0, key.Zero(key.TypeAES)); err != nil {
		return err
	}
	_, err = card.FileSettings(ctx, 2)
	return err
}

func (x *sunTag) file(t *testing.T, template string, reopen func(context.Context, *desfire.Card) error) *desfire.SDMFile {
	t.Helper()
	tp, err := sdm.ParseTemplate(template, x.lrp)
	if err != nil {
		t.Fatal(err)
	}
	content, settings, err := tp.NDEFFile(256, 2, 1, wire.Never)
	if err != nil {
		t.Fatal(err)
	}
	return &desfire.SDMFile{File: 2, Content: content, SDM: settings, Access: &wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}, Reopen: reopen}
}

// holds is what the file holds, and how it is set up.
func (x *sunTag) holds(t *testing.T, picc *sim.Card) (content []byte, settings string) {
	t.Helper()
	ctx := context.Background()
	card := connect(t, picc)
	if err := x.enter(ctx, card); err != nil {
		t.Fatal(err)
	}
	content, err := card.ReadData(ctx, 2, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := card.FileSettings(ctx, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := fmt.Sprintf("%v %+v", fs.Option, fs.Access)
	if fs.SDM != nil {
		s += fmt.Sprintf(" %+v", *fs.SDM)
	}
	return content, s
}

// spoiler lets one exchange go wrong.
type spoiler struct {
	*sim.Activation
	n, at int
	how   func(r *spoiler, ctx context.Context, command []byte) ([]byte, error)
	gone  bool
}

func (r *spoiler) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if r.gone {
		return nil, errAir
	}
	r.n++
	if r.n == r.at {
		return r.how(r, ctx, command)
	}
	return r.Activation.Transmit(ctx, command)
}

// spoils are what goes wrong. Where the card stays, all can be undone.
var spoils = []struct {
	name string
	how  func(r *spoiler, ctx context.Context, command []byte) ([]byte, error)
}{
	{"answer lost", func(r *spoiler, ctx context.Context, c []byte) ([]byte, error) {
		_, _ = r.Activation.Transmit(ctx, c)
		return nil, errAir
	}},
	{"command lost", func(*spoiler, context.Context, []byte) ([]byte, error) { return nil, errAir }},
	{"refused", func(*spoiler, context.Context, []byte) ([]byte, error) { return []byte{0x91, 0x9D}, nil }},
	{"done and refused", func(r *spoiler, ctx context.Context, c []byte) ([]byte, error) {
		_, _ = r.Activation.Transmit(ctx, c)
		return []byte{0x91, 0x9E}, nil
	}},
	{"forged success", func(*spoiler, context.Context, []byte) ([]byte, error) { return []byte{0x91, 0x00}, nil }},
	{"forged success with a MAC", func(*spoiler, context.Context, []byte) ([]byte, error) {
		return []byte{1, 2, 3, 4, 5, 6, 7, 8, 0x91, 0x00}, nil
	}},
	{"one bit", func(r *spoiler, ctx context.Context, c []byte) ([]byte, error) {
		b, err := r.Activation.Transmit(ctx, c)
		if len(b) > 2 {
			b = bytes.Clone(b)
			b[0] ^= 1
		}
		return b, err
	}},
	{"gone before", func(r *spoiler, _ context.Context, _ []byte) ([]byte, error) { r.gone = true; return nil, errAir }},
	{"gone after", func(r *spoiler, ctx context.Context, c []byte) ([]byte, error) {
		_, _ = r.Activation.Transmit(ctx, c)
		r.gone = true
		return nil, errAir
	}},
}

// Whatever goes wrong with whichever exchange: what the error says of the file is
// what the card holds.
func TestProvisionSDMGoesWrong(t *testing.T) {
	ctx := context.Background()
	for _, x := range sunTags {
		states := map[desfire.ProvisionState]int{}
		for _, spoil := range spoils {
			for at := 1; ; at++ {
				picc := x.make(t)
				oldContent, oldSettings := x.holds(t, picc)
				air := &spoiler{Activation: picc.Present()}
				card, err := desfire.Connect(ctx, air, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := x.enter(ctx, card); err != nil {
					t.Fatal(err)
				}
				f := x.file(t, newTemplate, x.enter)
				air.n, air.at, air.how = 0, at, spoil.how
				err = card.ProvisionSDM(ctx, f)
				if air.n < at { // all went well without it
					if err != nil {
						t.Fatal(err)
					}
					break
				}
				content, settings := x.holds(t, picc)
				where := fmt.Sprintf("%s, %s in exchange %d: %v", x.name, spoil.name, at, err)
				isOld, isNew := bytes.Equal(content, oldContent), bytes.Equal(content[:len(f.Content)], f.Content)
				var e *desfire.ProvisionError
				switch {
				case err == nil:
					if !isNew || settings == oldSettings {
						t.Errorf("%s: the file was not provisioned", where)
					}
				case !errors.As(err, &e):
					if !isOld || settings != oldSettings {
						t.Errorf("%s: the file was touched", where)
					}
				default:
					states[e.State]++
					switch e.State {
					case desfire.ProvisionUndone:
						if !isOld || settings != oldSettings {
							t.Errorf("%s: it is not undone", where)
						}
						if errors.As(err, new(*desfire.OutcomeUnknownError)) {
							t.Errorf("%s: undone, and unknown", where)
						}
					case desfire.ProvisionContent:
						if settings != oldSettings {
							t.Errorf("%s: the settings are new", where)
						}
					case desfire.ProvisionSettings:
						if !isNew {
							t.Errorf("%s: the content is not new", where)
						}
					}
					if e.State != desfire.ProvisionUndone && !air.gone {
						t.Errorf("%s: the card is there, and it was not undone", where)
					}
				}
				// It is taken up again, whatever was done.
				again := connect(t, picc)
				if err := x.enter(ctx, again); err != nil {
					t.Fatal(err)
				}
				if err := again.ProvisionSDM(ctx, x.file(t, newTemplate, nil)); err != nil {
					t.Errorf("%s; again: %v", where, err)
				}
			}
		}
		if states[desfire.ProvisionUndone] == 0 || states[desfire.ProvisionContent] == 0 || states[desfire.ProvisionSettings] == 0 {
			t.Errorf("%s: states %v: not all were reached", x.name, states)
		}
	}
}

// A card that leaves while all is undone: the error says that each may be old or
// new.
func TestProvisionSDMUndoGoesWrong(t *testing.T) {
	ctx := context.Background()
	x := sunTags[1]
	half := 0
	for leaves := 1; leaves < 20; leaves++ {
		picc := x.make(t)
		air := &spoiler{Activation: picc.Present()}
		card, err := desfire.Connect(ctx, air, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.enter(ctx, card); err != nil {
			t.Fatal(err)
		}
		n := 0
		f := x.file(t, newTemplate, func(ctx context.Context, c *desfire.Card) error {
			err := x.enter(ctx, c)
			air.n, air.at, air.how = 0, leaves, spoils[8].how
			n++
			return err
		})
		air.n, air.at, air.how = 0, 3, spoils[0].how // the answer to ChangeFileSettings
		err = card.ProvisionSDM(ctx, f)
		var e *desfire.ProvisionError
		if !errors.As(err, &e) || n != 1 {
			t.Fatalf("%v, opened again %d times", err, n)
		}
		if e.State == desfire.ProvisionUndone {
			break
		}
		if e.Undo == nil {
			t.Errorf("leaves %d: %v", leaves, err)
		}
		if e.State == desfire.ProvisionHalf {
			half++
		}
	}
	if half == 0 {
		t.Error("no case was half undone")
	}
}
