package matrix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/fuzzair"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// FuzzAir chooses a channel, a program of steps, and what the air does to the
// exchanges. After each step the card's memory is asked: what the reader read is
// there, what it believes done is done and nothing else, what it calls not done
// is not, and where it calls a retry safe nothing changed since the selection.
// What no reader can know is left out, by the rules of limits_test.go, and what
// a command of the air's own did is its own.
func FuzzAir(f *testing.F) {
	for ch := range channels {
		f.Add(byte(ch), []byte{0, 1, 2, 3, 4, 5, 6}, []byte{})
		f.Add(byte(ch), []byte{7, 8, 9, 10, 2, 11}, []byte{6, byte(fuzzair.DropAnswer), 0})
		f.Add(byte(ch), []byte{2, 2, 1, 2}, []byte{4, byte(fuzzair.Hold), 0, 0, byte(fuzzair.FlipAnswer), 3})
	}
	images := map[string][]byte{}
	f.Fuzz(func(t *testing.T, which byte, program, in []byte) {
		ch := channels[int(which&0x7F)%len(channels)]
		k := simple
		if which&0x80 != 0 && withTM(ch) && ch.session() {
			k = withTMAC
		}
		id := fmt.Sprint(ch.name, k)
		if images[id] == nil {
			images[id] = ch.image(t, k)
		}
		play(t, ch, k, images[id], program[:min(len(program), 8)], fuzzair.Moves(in, 8))
	})
}

// played is a program in an air.
type played struct {
	*testing.T
	ch    *channel
	kind  kind
	air   *fuzzair.Air
	picc  *sim.Card
	card  *desfire.Card
	moves []fuzzair.Move
	looks bool // settings are looked up, not stated

	begun string // the memory at the selection
	from  int    // frame of the selection
	alone bool   // a command of the air's own changed the card since the selection
	late  bool   // a command held back changed the card
}

func play(t *testing.T, ch *channel, k kind, image, program []byte, moves []fuzzair.Move) {
	ctx := context.Background()
	picc := newPICC(t, image, 1)
	p := &played{T: t, ch: ch, kind: k, air: fuzzair.New(picc, nil), picc: picc, moves: moves}
	p.air.Alone = func(before *sim.Image, command []byte, late bool) {
		if !bytes.Equal(before.Encode(), picc.Image().Encode()) {
			commit := len(command) > 1 && (command[1] == 0xC7 || command[1] == 0xA7)
			p.alone = p.alone || !late || commit
			p.late = p.late || late && !commit
		}
	}
	card, err := desfire.Connect(ctx, p.air, &desfire.Config{Generation: ch.gen, Rand: seeded(2)})
	if err != nil {
		t.Fatal(err)
	}
	p.card = card
	p.air.Play(moves)
	for n, b := range program {
		p.looks = b&0x80 != 0
		p.step(ctx, n, b&0x7F)
	}
}

// login selects and authenticates anew.
func (p *played) login(ctx context.Context, no wire.KeyNo) error {
	if p.air.Reconnect(ctx) != nil {
		_ = p.card.Reconnect(ctx)
	}
	p.begun, p.from, p.alone, p.late = state(p.picc), len(p.air.Log), false, false
	r := &run{cell: &cell{ch: p.ch}, ctx: ctx, card: p.card}
	if err := r.choose(); err != nil {
		return err
	}
	if !p.looks {
		stateFiles(p.card, p.ch.files(p.kind))
	}
	return r.authenticate(no, byte(no))
}

// action is what a step does; want is the memory where it was done.
type action struct {
	name      string
	key       wire.KeyNo
	immediate bool
	do        func() error
	done      func(now *sim.Image) bool
	part      bool // may be done in part
}

func (p *played) actions(ctx context.Context, n int, before *sim.Image) []action {
	ch, c := p.ch, p.card
	commit := func(body func() error) func() error {
		return func() error {
			if p.kind == withTMAC {
				_, err := c.TransactWith(ctx, &wire.CommitTransaction{ReturnTMAC: true}, func() error {
					if _, err := c.CommitReaderID(ctx, [16]byte{0xD0, byte(n)}); err != nil {
						return err
					}
					return body()
				})
				return err
			}
			_, err := c.Transact(ctx, body)
			return err
		}
	}
	old := p.file(before, valueFile)
	data := bytes.Repeat([]byte{0x40 | byte(n)}, 16)
	list := []action{
		{name: "debit", key: 1, do: commit(func() error { return c.Debit(ctx, valueFile, 5) }),
			done: func(now *sim.Image) bool { return p.file(now, valueFile).Value.Value == old.Value.Value-5 }},
		{name: "credit", key: 1, do: commit(func() error { return c.Credit(ctx, valueFile, 3) }),
			done: func(now *sim.Image) bool { return p.file(now, valueFile).Value.Value == old.Value.Value+3 }},
		{name: "record", key: 1, do: commit(func() error { return c.WriteRecord(ctx, ch.recordFile(), 0, data) }),
			done: func(now *sim.Image) bool {
				r := p.file(now, ch.recordFile()).Records
				return len(r) > 0 && (bytes.Equal(r[len(r)-1], data) || bytes.Equal(r[0], data))
			}},
		{name: "write", key: 1, immediate: true, part: true, do: func() error { return c.WriteData(ctx, ch.standardFile(), 3, data) },
			done: func(now *sim.Image) bool {
				d := p.file(now, ch.standardFile()).Data
				return len(d) >= 19 && bytes.Equal(d[3:19], data)
			}},
		{name: "key change", immediate: true, do: func() error { return c.ChangeKey(ctx, 2, ch.key(newKeys|2), ch.key(2)) },
			done: func(now *sim.Image) bool {
				want := ch.key(newKeys | 2)
				for _, k := range now.Keys {
					if k.Application == ch.app() && k.No == 2 && !k.TMAC && k.Set == 0 {
						return k.Value.Equal(wire.NewSecret(want.Export())) && k.Version == int(want.Version())
					}
				}
				return false
			}},
		{name: "a debit that is dropped", key: 1, do: func() error {
			if err := c.Debit(ctx, valueFile, 7); err != nil {
				return err
			}
			return c.Abort(ctx)
		}, done: func(now *sim.Image) bool { return p.file(now, valueFile).Value.Value == old.Value.Value }},
	}
	if classic(ch) {
		list = append(list, action{name: "backup file", key: 1, do: commit(func() error { return c.WriteData(ctx, backupFile, 8, data) }),
			done: func(now *sim.Image) bool { return bytes.Equal(p.file(now, backupFile).Data[8:24], data) }})
	}
	return list
}

func (p *played) file(i *sim.Image, no wire.FileNo) *sim.ImageFile {
	for _, a := range i.Applications {
		if a.AID != p.ch.app() {
			continue
		}
		for f := range a.Files {
			if a.Files[f].No == int(no) {
				return &a.Files[f]
			}
		}
	}
	return &sim.ImageFile{Value: &sim.ImageValue{}}
}

// lied reports whether the reader saw something since the selection that is not
// the card's answer to what it sent, and success and refusal among that.
func (p *played) lied() (any, refused bool) {
	for i := range p.air.Log[p.from:] {
		if s := &p.air.Log[p.from+i]; s.Lie() {
			any = true
			refused = refused || s.Answer != nil && refusal(s.Answer)
		}
	}
	return any, refused
}

func (p *played) step(ctx context.Context, n int, which byte) {
	before := p.picc.Image()
	was := state(p.picc)
	if which%16 > 8 {
		p.read(ctx, n, which, before)
		return
	}
	list := p.actions(ctx, n, before)
	a := list[int(which)%len(list)]
	if err := p.login(ctx, a.key); err != nil {
		p.retry(a.name, err, false)
		p.unchanged(n, "a login before "+a.name, was, err)
		return
	}
	err := a.do()
	p.air.Late(ctx)
	now := state(p.picc)
	lied, refused := p.lied()
	unprotected := !p.ch.session() || p.ch.plainFiles() || p.ch.scheme == wire.SchemeD40
	forgiven := p.alone || lied && unprotected
	switch claimOf(err) {
	case claimDone:
		if !forgiven && !a.done(p.picc.Image()) {
			p.Errorf("%s: step %d, %s: believed done, is not: %+v", p.ch.name, n, a.name, p.moves)
		}
	case claimNot:
		if now != was && !forgiven && !(a.immediate && refused && errors.As(err, new(*desfire.CommandError))) {
			p.Errorf("%s: step %d, %s: said not done, is: %v, %+v", p.ch.name, n, a.name, err, p.moves)
		}
	case claimUnknown:
		if now != was && !forgiven && !a.part && !a.done(p.picc.Image()) {
			p.Errorf("%s: step %d, %s: neither old nor new: %v, %+v", p.ch.name, n, a.name, err, p.moves)
		}
	}
	p.retry(a.name, err, a.immediate && refused)
}

// retry holds SafeToRetry against the memory.
func (p *played) retry(name string, err error, refused bool) {
	lied, _ := p.lied()
	if err == nil || !desfire.SafeToRetry(err) || p.alone || refused || lied && p.ch.scheme <= wire.SchemeD40 || lied && p.ch.plainFiles() {
		return
	}
	if now := state(p.picc); now != p.begun {
		p.Errorf("%s: %s: %v is called safe to retry, and the card changed: %+v", p.ch.name, name, err, p.moves)
	}
}

func (p *played) unchanged(n int, name, was string, err error) {
	if state(p.picc) != was && !p.alone && !p.late {
		p.Errorf("%s: step %d, %s changed the card: %v, %+v", p.ch.name, n, name, err, p.moves)
	}
}

// read reads what is there.
func (p *played) read(ctx context.Context, n int, which byte, before *sim.Image) {
	was := state(p.picc)
	if err := p.login(ctx, 1); err != nil {
		p.unchanged(n, "a login before a read", was, err)
		return
	}
	var got, truth any
	var err error
	switch which % 4 {
	case 0:
		got, err = p.card.Value(ctx, valueFile)
		truth = p.file(before, valueFile).Value.Value
	case 1:
		var b []byte
		b, err = p.card.ReadData(ctx, p.ch.standardFile(), 3, 16)
		full := make([]byte, 256)
		copy(full, p.file(before, p.ch.standardFile()).Data)
		got, truth = string(b), string(full[3:19])
	case 2:
		var fs *wire.FileSettings
		if fs, err = p.card.FileSettings(ctx, valueFile); err == nil {
			got, truth = fs.Upper, int32(1000)
		}
	default:
		got, err = p.card.KeyVersion(ctx, 2)
		for _, k := range before.Keys {
			if k.Application == p.ch.app() && k.No == 2 && !k.TMAC && k.Set == 0 {
				truth = byte(k.Version)
			}
		}
	}
	lied, _ := p.lied()
	if err == nil && got != truth && !p.alone && !(lied && (!p.ch.session() || p.ch.scheme == wire.SchemeD40 || p.ch.plainFiles())) {
		p.Errorf("%s: step %d: read %v where the card holds %v: %+v", p.ch.name, n, got, truth, p.moves)
	}
	p.retry("a read", err, false)
	p.unchanged(n, "a read", was, err)
}
