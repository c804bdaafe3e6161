package desfire_test

import (
	"bytes"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// programSteps are what a program of FuzzProgram can do. A single one is one
// command that changes something: refused, it has changed nothing.
var programSteps = []struct {
	name   string
	single bool
	run    func(p *program) error
}{
	{"enter", false, func(p *program) error { return p.enter(desfire.KeyNo(p.b % 4)) }},
	{"read data", false, (*program).read},
	{"write data", false, (*program).write},
	{"transact", false, (*program).transact},
	{"read records", false, (*program).records},
	{"value", false, (*program).value},
	{"settings", false, func(p *program) error {
		no := p.no(p.a % 5)
		fs, err := p.card.FileSettings(p.ctx, no)
		if x := file(p.picc.Image(), no); err == nil && p.here() && x != nil {
			want := x.Settings()
			if fs.Type != want.Type || fs.Size != want.Size || fs.Access != want.Access || fs.Records != want.Records || fs.Upper != want.Upper {
				p.differs("settings %v, want %v", fs, want)
			}
		}
		return err
	}},
	{"files", false, func(p *program) error {
		list, err := p.card.Files(p.ctx)
		for _, no := range list {
			if p.here() && file(p.picc.Image(), no) == nil {
				p.differs("there is no file %v", no)
			}
		}
		return err
	}},
	{"applications", false, func(p *program) error {
		list, err := p.card.Applications(p.ctx)
		if err != nil {
			return err
		}
		if all := p.picc.Image().Applications; len(all) != len(list) {
			p.differs("applications %v, the card has %d", list, len(all))
		}
		return nil
	}},
	{"select", false, func(p *program) error {
		places := []desfire.Place{{}, {AID: programApp}, {Name: "program"}, {AID: programOther}, {Fixed: true}}
		place := places[int(p.b)%len(places)]
		if err := p.card.Select(p.ctx, place); err != nil {
			return err
		}
		if got := p.picc.Truth().App; place.Name == "" && !place.Fixed && got != place.AID {
			p.differs("%v is selected, the card is in %v", place, got)
		}
		_ = p.card.Path().String()
		return p.login(desfire.KeyNo(p.a % 4))
	}},
	{"authenticate", false, func(p *program) error { return p.login(desfire.KeyNo(p.b % 5)) }},
	{"identity", false, func(p *program) error {
		uid, err := p.card.CardUID(p.ctx)
		if err == nil && !bytes.Equal(uid, p.picc.UID()) {
			p.differs("UID %X, it has %X", uid, p.picc.UID())
		}
		if proven := p.card.ProvenUID(); proven != nil && !bytes.Equal(proven, p.picc.UID()) {
			p.differs("proven UID %X", proven)
		}
		return err
	}},
	{"version", false, func(p *program) error {
		v, err := p.card.Version(p.ctx)
		if err == nil && (p.card.KnownVersion() == nil || !bytes.Equal(v.UID[:], p.picc.UID())) {
			p.differs("version %+v", v)
		}
		if err == nil {
			_, err = p.card.FreeMemory(p.ctx)
		}
		return err
	}},
	{"key settings", false, func(p *program) error {
		ks, err := p.card.KeySettings(p.ctx)
		if err == nil && p.here() && ks.KS2.Keys() != 4 {
			p.differs("key settings %+v", ks)
		}
		if err == nil {
			_, err = p.card.KeyVersion(p.ctx, desfire.KeyNo(p.b%4))
		}
		return err
	}},
	{"change a key and back", false, (*program).changeKey},
	{"change key settings", true, func(p *program) error { return p.card.ChangeKeySettings(p.ctx, wire.KeySett1(0x0F)) }},
	{"key set", false, (*program).keySet},
	{"transaction MAC", false, (*program).tmac},
	{"settle", false, (*program).settle},
	{"change file settings", true, func(p *program) error {
		c := &wire.ChangeFileSettings{File: p.no(p.a % 5), Option: wire.FileOption(p.b & 3), Access: wire.AccessRights{Read: wire.Access(p.a % 4), Write: 1, ReadWrite: 0, Change: 0}}
		err := p.card.ChangeFileSettings(p.ctx, c)
		if x := file(p.picc.Image(), c.File); err == nil && p.here() && (x == nil || x.Settings().Access != c.Access) {
			p.differs("rights %v, it has %+v", c.Access, x)
		}
		return err
	}},
	{"create and delete a file", false, func(p *program) error {
		no := desfire.FileNo(16 + p.b%4)
		had := file(p.picc.Image(), no) != nil
		cmd := &wire.CreateStdDataFile{File: no, Access: wire.AccessRights{}, Size: uint32(p.a) + 1}
		if p.card.Generation() != wire.D40 {
			cmd.FID = 0xE200 + wire.ISOFID(no)
		}
		err := p.card.CreateFile(p.ctx, cmd)
		if has := file(p.picc.Image(), no) != nil; p.here() && has != (had || err == nil) {
			p.differs("file %v: %v, had %v, has %v", no, err, had, has)
		}
		if err != nil || p.a&1 != 0 {
			return err
		}
		return p.card.DeleteFile(p.ctx, no)
	}},
	{"create and delete an application", false, func(p *program) error {
		if err := errors.Join(p.card.SelectApplication(p.ctx, 0), p.card.Authenticate(p.ctx, 0, key.Zero(key.TypeDES))); err != nil {
			return err
		}
		app := &wire.CreateApplication{AID: programOther, KS1: 0x0F, KS2: wire.NewKeySett2(p.typ.Wire(), 2)}
		create := p.card.CreateApplication
		if p.a&2 != 0 {
			create = p.card.CreateFrozenApplication
		}
		if err := create(p.ctx, app); err != nil || p.a&1 != 0 {
			return err
		}
		return p.card.DeleteApplication(p.ctx, programOther)
	}},
	{"delegated application", false, (*program).delegate},
	{"ISO files", false, (*program).iso},
	{"configuration", false, func(p *program) error {
		if err := errors.Join(p.card.SelectApplication(p.ctx, 0), p.card.Authenticate(p.ctx, 0, key.Zero(key.TypeDES))); err != nil {
			return err
		}
		name := &wire.VCName{Length: 6}
		copy(name.Name[:], []byte{0xA0, 0, 0, 3, 0x96, p.b})
		settings := []wire.Setting{&wire.PICCConfig{}, &wire.RawSetting{Opt: wire.ConfigATS, Data: []byte{6, 0x75, 0x77, 0x81, 2, 0x80}}, name}
		return p.card.SetConfiguration(p.ctx, settings[int(p.a)%len(settings)])
	}},
	{"virtual card", false, func(p *program) error {
		if err := errors.Join(p.card.SelectApplication(p.ctx, 0), p.card.Authenticate(p.ctx, 0, key.Zero(key.TypeDES))); err != nil {
			return err
		}
		name := &wire.VCName{Length: 6}
		copy(name.Name[:], []byte{0xA0, 0, 0, 3, 0x96, 1})
		if err := p.card.SetConfiguration(p.ctx, name); err != nil {
			return err
		}
		v, err := p.card.SelectVirtualCard(p.ctx, name.Name[:6], programVC, programVC)
		if err == nil && !bytes.Equal(v.UID(), p.picc.UID()) {
			p.differs("virtual card %X", v.UID())
		}
		return err
	}},
	{"proximity", false, func(p *program) error {
		k := []key.Key{programVC, key.Zero(key.TypeAES)}[p.a&1]
		near, err := p.card.CheckProximity(p.ctx, k, &desfire.ProximityConfig{Rounds: []int{0, 1, 2, 4, 8, 3}[p.b%6]})
		if err == nil && (near.Fastest() < 0 || p.a&1 != 0) {
			p.differs("near by %v with a key that is not the card's: %v", near.Fastest(), p.a&1 != 0)
		}
		return err
	}},
	{"originality", false, func(p *program) error {
		_, err := p.card.Originality(p.ctx)
		if err == nil {
			p.differs("a simulated card is original")
		}
		return nil
	}},
	{"format", false, func(p *program) error {
		if p.a&0x70 != 0x70 {
			return nil
		}
		if err := errors.Join(p.card.SelectApplication(p.ctx, 0), p.card.Authenticate(p.ctx, 0, key.Zero(key.TypeDES))); err != nil {
			return err
		}
		err := p.card.Format(p.ctx)
		if n := len(p.picc.Image().Applications); err == nil && n != 0 {
			p.differs("%d applications after a format", n)
		}
		return err
	}},
	{"ISO 7816", false, func(p *program) error {
		err := p.card.SelectApplication(p.ctx, programApp)
		if err == nil {
			err = p.card.AuthenticateWith(p.ctx, key.MethodISO7816, desfire.KeyNo(p.b%4), p.zero())
		}
		if s, ok := p.card.Session(); err == nil && (!ok || s.KeyNo != desfire.KeyNo(p.b%4)) {
			p.differs("session %+v", s)
		}
		return err
	}},
	{"a wrong key", false, func(p *program) error {
		if err := p.card.SelectApplication(p.ctx, programApp); err != nil {
			return err
		}
		err := p.card.Authenticate(p.ctx, desfire.KeyNo(p.b%4), keyOf(p.T, p.typ, p.a|0x80))
		if _, ok := p.card.Session(); err == nil || ok {
			p.differs("a wrong key opens a session")
		}
		return err
	}},
	{"assume settings", false, func(p *program) error {
		no := p.no(p.a % 5)
		x := file(p.picc.Image(), no)
		if x == nil || x.Type == "tmac" {
			return nil
		}
		if p.a&1 != 0 {
			return p.card.AssumeSettingsOf(desfire.Place{AID: programApp}, no, *x.Settings())
		}
		return p.card.AssumeFileSettings(no, *x.Settings())
	}},
	{"SDM", false, (*program).sdm},
	{"clear records", true, func(p *program) error { return p.card.ClearRecordFile(p.ctx, p.no(3+p.a%2)) }},
	{"abort", false, func(p *program) error {
		err := p.card.Abort(p.ctx)
		if err == nil && p.picc.Truth().Pending {
			p.differs("a change is pending after an abort")
		}
		return err
	}},
	{"commit", false, func(p *program) error {
		err := p.card.Commit(p.ctx)
		if err == nil && p.picc.Truth().Pending {
			p.differs("a change is pending after a commit")
		}
		return err
	}},
	{"reconnect", false, func(p *program) error {
		if err := p.card.Reconnect(p.ctx); err != nil {
			p.differs("reconnect: %v", err)
		}
		_, ok := p.card.Session()
		if ok || p.picc.Truth().Pending || p.card.Application() != 0 || p.card.Sent() == 0 {
			p.differs("after Reconnect a session %v, pending %v", ok, p.picc.Truth().Pending)
		}
		_, _ = p.card.TryExtended(p.ctx)
		return p.enter(desfire.KeyNo(p.b % 4))
	}},
}

func (p *program) read() error {
	no, offset, length := p.no(p.a&1), uint32(p.a>>3), uint32(p.b&0x3C)
	got, err := p.card.ReadData(p.ctx, no, offset, length)
	if err == nil {
		p.same("a read", no, int(offset), int(length), got)
	}
	return err
}

func (p *program) write() error {
	no, offset, text := p.no(p.a&1), uint32(p.b>>3), p.text(250)
	err := p.card.WriteData(p.ctx, no, offset, text)
	if err == nil && p.picc.Truth().Pending {
		err = p.card.Commit(p.ctx)
	}
	if err != nil {
		return err
	}
	if x := file(p.picc.Image(), no); p.here() && x != nil && !bytes.Equal(data(x)[offset:int(offset)+len(text)], text) {
		p.differs("file %v was written at %d with %X, it holds %X", no, offset, text, data(x))
	}
	return nil
}

// transact changes a backup file, a value and records at once.
func (p *program) transact() error {
	if err := p.enter(desfire.KeyNo(p.a & 1)); err != nil {
		return err
	}
	ctx, c := p.ctx, p.card
	amount, text := int32(p.a), p.text(12)
	no := 5 * desfire.FileNo(p.b%3)
	fails := errors.New("the body fails")
	before := p.picc.Image()
	_, err := c.TransactWith(ctx, &wire.CommitTransaction{ReturnTMAC: p.b&4 != 0, WithOption: p.b&4 != 0}, func() error {
		steps := []error{c.WriteData(ctx, no+1, 3, text), c.Debit(ctx, no+2, amount), c.Credit(ctx, no+2, amount/2)}
		if p.b&8 != 0 {
			steps = append(steps, c.LimitedCredit(ctx, no+2, amount/4))
		}
		if p.b&0x30 != 0 {
			steps = append(steps, c.WriteRecord(ctx, no+3, 0, text), c.WriteRecord(ctx, no+4, 0, text))
		}
		if p.b&0x80 != 0 {
			steps = append(steps, fails)
		}
		return errors.Join(steps...)
	})
	after := p.picc.Image()
	if x, y := file(before, no+2), file(after, no+2); err == nil && x != nil && y != nil && y.Value != nil && x.Value != nil {
		back := int32(0)
		if p.b&8 != 0 {
			back = amount / 4
		}
		if want := x.Value.Value - amount + amount/2 + back; y.Value.Value != want {
			p.differs("%d after the transaction, want %d", y.Value.Value, want)
		}
		if z := file(after, no+1); z != nil && !bytes.Equal(data(z)[3:3+len(text)], text) {
			p.differs("file %v holds %X", no+1, data(z))
		}
	}
	if err != nil {
		if x, y := file(before, no+2), file(after, no+2); x != nil && y != nil && x.Value != nil && y.Value != nil && x.Value.Value != y.Value.Value {
			p.differs("a transaction that failed changed the value: %v", err)
		}
		_ = p.card.Abort(ctx)
	}
	return err
}

func (p *program) records() error {
	no := p.no(3 + p.a&1)
	got, err := p.card.ReadRecords(p.ctx, no, 0, 0)
	if err == nil {
		p.same("records", no, 0, 0, got)
	}
	return err
}

func (p *program) value() error {
	no := p.no(2)
	v, err := p.card.Value(p.ctx, no)
	if x := file(p.picc.Image(), no); err == nil && p.here() && x != nil && x.Value != nil && !p.picc.Truth().Pending && v != x.Value.Value {
		p.differs("value %d of file %v, it has %d", v, no, x.Value.Value)
	}
	return err
}
