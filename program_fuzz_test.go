package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// FuzzProgram runs a program of the reader's methods, that the input chooses, on a
// card that it chooses. What the reader gets is what the card's memory holds, what
// was written is there, and what the card refused has changed nothing.
func FuzzProgram(f *testing.F) {
	steps := byte(len(programSteps))
	for i := range byte(72) {
		var all []byte
		for s := range steps {
			if i&4 != 0 {
				s = steps - 1 - s
			}
			all = append(all, s, s*(37+2*i)+i, s*(11+6*i)+i/4)
		}
		f.Add(i%4, i/8%3|i<<4&0x80, all)
	}
	f.Fuzz(func(t *testing.T, gen, typ byte, in []byte) {
		p := newProgram(t, gen, typ)
		for n := 0; len(in) >= 3 && n < 200; n++ {
			p.step(in[0], in[1], in[2])
			in = in[3:]
		}
	})
}

// program is a run: a card, its reader, and what both should agree on.
type program struct {
	*testing.T
	ctx      context.Context
	picc     *sim.Card
	card     *desfire.Card
	recorder *desfire.TMACRecorder
	seen     []*tmac.Transaction
	typ      key.Type
	a, b     byte // of the present step
	before   *sim.Image
}

const (
	programApp   desfire.AID = 0xABCDEF
	programOther desfire.AID = 0x00F00D
)

var (
	programTM  = bytes.Repeat([]byte{0x5A}, 16)
	programDAM = [3]byte{1, 2, 3}
	programVC  = newKey(nil, key.TypeAES, 1)
)

func (p *program) must(errs ...error) {
	p.Helper()
	for _, err := range errs {
		if err != nil {
			p.Fatal(err)
		}
	}
}

func newProgram(t *testing.T, gen, typ byte) *program {
	g := []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3}[gen%4]
	types := []key.Type{key.TypeAES, key.Type2K3DES, key.Type3K3DES}
	p := &program{T: t, ctx: context.Background(), typ: types[typ&3%3]}
	if g == wire.D40 {
		p.typ = key.Type2K3DES
	}
	var err error
	p.picc, err = sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	p.must(err)
	conf := &desfire.Config{}
	if typ&0x80 != 0 && g != wire.D40 {
		conf.Framing = wire.FramingNative
	}
	p.recorder = &desfire.TMACRecorder{OnCommit: func(x *tmac.Transaction) { p.seen = append(p.seen, x) }}
	conf.Observe = p.recorder.Observe
	p.card, err = desfire.Connect(p.ctx, p.picc.Present(), conf)
	p.must(err)
	c, ctx := p.card, p.ctx
	p.must(c.SelectApplication(ctx, 0), c.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
	if g >= wire.EV2 {
		for i, no := range []desfire.KeyNo{desfire.KeyDAMAuth, desfire.KeyDAMMAC, desfire.KeyDAMEnc} {
			p.must(c.ChangeKey(ctx, no, keyOf(t, key.TypeAES, programDAM[i]), key.Zero(key.TypeAES)))
		}
		p.must(c.ChangeKey(ctx, desfire.KeyVCConfig, programVC, key.Zero(key.TypeAES)), c.Authenticate(ctx, desfire.KeyVCConfig, programVC))
		for _, no := range []desfire.KeyNo{desfire.KeyVCProximity, desfire.KeyVCSelectMAC, desfire.KeyVCSelectEnc} {
			p.must(c.ChangeKey(ctx, no, programVC, key.Zero(key.TypeAES)))
		}
		p.must(c.Authenticate(ctx, 0, key.Zero(key.TypeDES)))
	}
	app := &wire.CreateApplication{AID: programApp, KS1: 0x0F, KS2: wire.NewKeySett2(p.typ.Wire(), 4)}
	iso := g != wire.D40
	if iso {
		app.KS2, app.FID, app.DFName = app.KS2|wire.SettISOFiles, 0xDF01, []byte("program")
	}
	if g >= wire.EV2 {
		app.KS3 = wire.SettKeySets
		app.KeySetConfig = wire.KeySetConfig{AKSVersion: 1, NoKeySets: 3, MaxKeySize: 24, AppKeySetSett: 2}
	}
	p.must(c.CreateApplication(ctx, app), c.SelectApplication(ctx, programApp), c.Authenticate(ctx, 0, p.zero()))
	p.files(iso)
	return p
}

func (p *program) files(iso bool) {
	fid := func(i int) wire.ISOFID {
		if !iso {
			return 0
		}
		return wire.ISOFID(0xE100 + i)
	}
	c, ctx := p.card, p.ctx
	for i, mode := range []wire.FileOption{wire.OptionPlain, wire.OptionMAC, wire.OptionFull} {
		n := 5 * i
		no := func(k int) desfire.FileNo { return desfire.FileNo(n + k) }
		keyed := wire.AccessRights{Read: wire.Access(i), Write: 1, ReadWrite: 0, Change: 0}
		if i == 0 {
			keyed = wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
		}
		p.must(
			c.CreateFile(ctx, &wire.CreateStdDataFile{File: no(0), FID: fid(n), Option: mode, Access: keyed, Size: 300}),
			c.CreateFile(ctx, &wire.CreateBackupDataFile{File: no(1), FID: fid(n + 1), Option: mode, Access: keyed, Size: 64}),
			c.CreateFile(ctx, &wire.CreateValueFile{File: no(2), Option: mode, Access: keyed, Lower: -10, Upper: 1000, Value: 100, Flags: wire.ValueFlags(1)}),
			c.CreateFile(ctx, &wire.CreateLinearRecordFile{File: no(3), FID: fid(n + 3), Option: mode, Access: keyed, RecordSize: 12, MaxRecords: 3}),
			c.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: no(4), FID: fid(n + 4), Option: mode, Access: keyed, RecordSize: 12, MaxRecords: 4}),
		)
	}
}

func (p *program) zero() *key.Secret { return key.Zero(p.typ) }

// login authenticates where the card is, with a method that the step chooses.
func (p *program) login(no desfire.KeyNo) error {
	if p.card.Application() == wire.PICC {
		return p.card.Authenticate(p.ctx, 0, key.Zero(key.TypeDES))
	}
	k := p.zero()
	if p.a&0x80 == 0 {
		return p.card.Authenticate(p.ctx, no, k)
	}
	methods := []key.Method{key.MethodD40, key.MethodISO, key.MethodAES, key.MethodEV2First, key.MethodEV2NonFirst, key.MethodLRPFirst}
	return p.card.AuthenticateWith(p.ctx, methods[int(p.a&0x7F)%len(methods)], no, k)
}

// enter is the application with a session of key no.
func (p *program) enter(no desfire.KeyNo) error {
	if err := p.card.SelectApplication(p.ctx, programApp); err != nil {
		return err
	}
	return p.card.Authenticate(p.ctx, no, p.zero())
}

// file is what the card's memory holds of a file of the application, nil if none.
func file(im *sim.Image, no desfire.FileNo) *sim.ImageFile {
	for i := range im.Applications {
		if app := &im.Applications[i]; app.AID == programApp {
			for j := range app.Files {
				if app.Files[j].No == int(no) {
					return &app.Files[j]
				}
			}
		}
	}
	return nil
}

// data are the bytes of a data file, with the zeros at the end.
func data(x *sim.ImageFile) []byte {
	return append(bytes.Clone(x.Data), make([]byte, x.Size-len(x.Data))...)
}

// step makes one of the steps, and looks at what came of it.
func (p *program) step(which, a, b byte) {
	s := programSteps[int(which)%len(programSteps)]
	p.a, p.b = a, b
	if a%3 != 0 && p.picc.Truth().Scheme == 0 {
		_ = p.enter(0)
	}
	p.before = p.picc.Image()
	pending := p.picc.Truth().Pending
	err := s.run(p)
	if err == nil {
		return
	}
	if err.Error() == "" {
		p.Errorf("%s: an error without a word", s.name)
	}
	if errors.As(err, new(*desfire.IntegrityError)) || errors.As(err, new(*desfire.TransportError)) {
		p.Errorf("%s %X %X: between an honest card and its reader: %v", s.name, a, b, err)
	}
	if errors.As(err, new(*desfire.OutcomeUnknownError)) && !errors.As(err, new(*desfire.CommandError)) {
		p.Errorf("%s %X %X: the card answered, and %v", s.name, a, b, err)
	}
	refused := desfire.Refusal(err)
	argument := errors.As(err, new(*desfire.ArgumentError)) || errors.Is(err, errors.ErrUnsupported)
	if s.single && !pending && (refused != nil || argument) && !bytes.Equal(p.before.Encode(), p.picc.Image().Encode()) {
		p.Errorf("%s %X %X: %v, and the card has changed", s.name, a, b, err)
	}
}

// differs is an error that fails the test.
func (p *program) differs(format string, args ...any) {
	p.Helper()
	p.Errorf("%X %X, %v: %s", p.a, p.b, p.card, fmt.Sprintf(format, args...))
}

// no is a file of the step: of a kind (0 to 4 as files made them), or any.
func (p *program) no(kind byte) desfire.FileNo {
	if p.b&0xC0 == 0xC0 {
		return desfire.FileNo(p.b % 17)
	}
	return desfire.FileNo(5*(p.b%3) + kind)
}

// text is what the step writes.
func (p *program) text(most int) []byte {
	out := make([]byte, 1+int(p.a)%most)
	for i := range out {
		out[i] = p.a ^ byte(i*7)
	}
	return out
}

// here reports whether the application of the program is selected.
func (p *program) here() bool { return p.card.Application() == programApp }

// same looks at what a read gave, by what the memory holds.
func (p *program) same(what string, no desfire.FileNo, offset, length int, got []byte) {
	p.Helper()
	x := file(p.picc.Image(), no)
	if x == nil || !p.here() {
		return
	}
	var want []byte
	switch x.Type {
	case "standard", "backup":
		want = data(x)
	case "linear", "cyclic":
		for _, r := range x.Records {
			want = append(want, append(bytes.Clone(r), make([]byte, x.RecordSize-len(r))...)...)
		}
	default:
		return
	}
	if want = want[min(offset, len(want)):]; length > 0 {
		want = want[:min(length, len(want))]
	}
	if !bytes.Equal(got, want) {
		p.differs("%s of file %v gives %X, it holds %X", what, no, got, want)
	}
}

// programSDM makes the SDM of the steps.
func programSDM(t *testing.T) (content []byte, settings wire.SDM) {
	tp, err := sdm.ParseTemplate("https://e.example/?p={picc}&m={mac}", false)
	if err != nil {
		t.Fatal(err)
	}
	content, settings, err = tp.NDEFFile(300, 2, 1, wire.Never)
	if err != nil {
		t.Fatal(err)
	}
	return content, settings
}

func (p *program) delegated() *wire.CreateDelegatedApplication {
	cmd := &wire.CreateDelegatedApplication{AID: 0x100 + desfire.AID(p.b%2), Slot: uint16(p.b % 2), SlotVersion: 1, Quota: 10, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2)}
	if p.a&1 != 0 {
		cmd.FID, cmd.DFName = 0xDF30+wire.ISOFID(p.b%2), []byte{'d', p.b % 2}
	}
	signer := &dam.Signer{MAC: keyOf(p.T, key.TypeAES, programDAM[1]), Enc: keyOf(p.T, key.TypeAES, programDAM[2])}
	p.must(signer.Sign(p.ctx, cmd, keyOf(p.T, key.TypeAES, 0x40).(*key.Secret)))
	return cmd
}
