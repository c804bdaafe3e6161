package desfire_test

import (
	"bytes"
	"errors"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

func (p *program) changeKey() error {
	if err := p.enter(0); err != nil {
		return err
	}
	no, k := desfire.KeyNo(p.b%3+1), newKey(p.T, p.typ, p.a)
	if err := p.card.ChangeKey(p.ctx, no, k, p.zero()); err != nil {
		p.differs("change key %v: %v", no, err)
		return err
	}
	err := p.card.Authenticate(p.ctx, no, k)
	if err == nil {
		err = p.card.Authenticate(p.ctx, 0, p.zero())
	}
	if err == nil {
		err = p.card.ChangeKey(p.ctx, no, p.zero(), k)
	}
	if err != nil {
		p.differs("key %v and back: %v", no, err)
	}
	return err
}

// keySet loads a set with the same keys, and sometimes rolls to it.
func (p *program) keySet() error {
	if err := p.enter(0); err != nil {
		return err
	}
	versions, err := p.card.KeySetVersions(p.ctx)
	if err != nil || len(versions) < 2 {
		return err
	}
	set := &desfire.KeySet{Set: 1 + wire.KeySetNo(p.b%2), Version: versions[0] + 1, Type: p.typ, Keys: []key.Key{p.zero(), nil, p.zero()}}
	if err := p.card.LoadKeySet(p.ctx, set); err != nil || p.a&1 == 0 {
		return err
	}
	if err := p.card.Authenticate(p.ctx, 2, p.zero()); err != nil {
		return err
	}
	if err := p.card.RollKeySet(p.ctx, set.Set); err != nil {
		return err
	}
	if _, ok := p.card.Session(); ok {
		p.differs("the session survives a roll")
	}
	if err := p.card.Authenticate(p.ctx, 0, p.zero()); err != nil {
		p.differs("after a roll: %v", err)
	}
	return nil
}

// tmac makes the transaction MAC file where there is none, and a transaction that
// the holder of its key believes.
func (p *program) tmac() error {
	if err := p.enter(0); err != nil {
		return err
	}
	ctx, c := p.ctx, p.card
	const no = desfire.FileNo(15)
	if file(p.picc.Image(), no) == nil {
		named := wire.Never
		if p.a&1 != 0 {
			named = 0
		}
		err := c.CreateFile(ctx, &wire.CreateTransactionMACFile{File: no, Option: wire.OptionMAC, Access: wire.AccessRights{Read: 0, Write: wire.Never, ReadWrite: named, Change: 0},
			KeyOption: wire.TMKeyAES, Key: wire.NewSecret(bytes.Clone(programTM)), KeyVersion: 1})
		if err != nil {
			return err
		}
	}
	if _, err := c.CardUID(ctx); err != nil {
		return err
	}
	settings, err := c.FileSettings(ctx, no)
	if err != nil {
		return err
	}
	if settings.Type != wire.FileTransactionMAC {
		return nil
	}
	p.recorder.SetFileSettings(no, *settings)
	tx, err := c.TransactTMAC(ctx, func() error {
		if err := c.Debit(ctx, 7, int32(p.b%4)); err != nil {
			return err
		}
		if settings.Access.ReadWrite == 0 {
			if _, err := c.CommitReaderID(ctx, [16]byte{p.a, p.b}); err != nil {
				return err
			}
		}
		_, err := c.Value(ctx, 12)
		return err
	})
	if err != nil {
		return err
	}
	k, err := key.NewAES(bytes.Clone(programTM), 1)
	p.must(err)
	if _, err := tx.Verify(ctx, k); err != nil && tx.Incomplete == "" {
		p.differs("the MAC of a transaction: %v, %+v", err, tx)
	}
	r, err := c.ReadReceipt(ctx, no)
	if err == nil && r != tx.Receipt {
		p.differs("receipt %+v, the commit said %+v", r, tx.Receipt)
	}
	return err
}

// settle leaves nothing pending, and reads what the memory holds.
func (p *program) settle() error {
	if err := p.enter(0); err != nil {
		return err
	}
	purse := desfire.FileNo(7)
	begun := p.card.Debit(p.ctx, purse, 1)
	conf := &desfire.SettleConfig{
		Place: desfire.Place{AID: programApp}, Login: desfire.SettleKey{No: 0, Key: p.zero()}, Value: &purse, Accidents: p.a&1 != 0,
		Records: &desfire.SettleRecords{File: 9, Count: 2, Number: true}, Slot: &desfire.SettleData{File: 6, Length: 8}, CardUID: p.a&2 != 0,
	}
	if p.a&4 != 0 {
		conf.Spare = &desfire.SettleSpare{File: 6, Offset: 60}
	}
	if p.a&8 != 0 {
		conf.Elsewhere = &desfire.SettleElsewhere{Login: desfire.SettleKey{Key: key.Zero(key.TypeDES)}}
	}
	if x := file(p.picc.Image(), 15); x != nil && x.Type == "tmac" {
		conf.TMAC = &desfire.SettleTMAC{File: 15}
		if x.Settings().Access.ReadWrite == 0 {
			conf.TMAC.ReaderID = &[16]byte{9, p.a, p.b}
		}
	}
	got, err := p.card.Settle(p.ctx, conf)
	if err != nil {
		return err
	}
	_ = p.card.Commit(p.ctx) // of what was read, at most
	im := p.picc.Image()
	x, y := file(im, purse).Value, file(p.before, purse).Value
	if got.Value == nil || *got.Value != x.Value || x.Value != y.Value {
		p.differs("settled after %v from %d to %d, and it says %+v", begun, y.Value, x.Value, got.Value)
	}
	if n := len(file(im, 9).Records); got.Number == nil || int(*got.Number) != n {
		p.differs("settled, and there are %d records of %d", *got.Number, n)
	}
	if got.Slot != nil && !bytes.Equal(got.Slot, data(file(im, 6))[:8]) {
		p.differs("slot %X", got.Slot)
	}
	return nil
}

func (p *program) delegate() error {
	if err := p.card.SelectApplication(p.ctx, 0); err != nil {
		return err
	}
	auth := keyOf(p.T, key.TypeAES, programDAM[0])
	cmd := p.delegated()
	if err := p.card.CreateDelegatedApplication(p.ctx, auth, cmd); err != nil {
		return err
	}
	info, err := p.card.DelegatedInfo(p.ctx, cmd.Slot)
	if err != nil {
		return err
	}
	has := slices.ContainsFunc(p.picc.Image().Applications, func(x sim.ImageApplication) bool { return x.AID == cmd.AID })
	if info.AID != cmd.AID || info.Quota != cmd.Quota || !has {
		p.differs("slot %+v, there %v", info, has)
	}
	mac, err := dam.DeleteMAC(p.ctx, keyOf(p.T, key.TypeAES, programDAM[1]), cmd.AID)
	p.must(err)
	return p.card.DeleteDelegatedApplication(p.ctx, auth, cmd.AID, mac)
}

// iso reads and writes by the commands of ISO 7816-4.
func (p *program) iso() error {
	ctx, c := p.ctx, p.card
	if p.a&0xC0 == 0xC0 {
		if err := c.ISOSelectFID(ctx, 0xDF01); err != nil {
			return err
		}
	} else if _, err := c.ISOSelectName(ctx, []byte("program")); err != nil {
		return err
	}
	no := 5 * desfire.FileNo(p.b%3)
	if p.a&0x20 != 0 {
		if err := c.Authenticate(ctx, 0, p.zero()); err != nil {
			return err
		}
	} else if err := c.ISOSelectFile(ctx, 0xE100+wire.ISOFID(no)); err != nil {
		return err
	}
	text := p.text(200)
	if p.b&0x10 != 0 {
		text = text[:min(len(text), 12)]
		if err := c.ISOAppendRecord(ctx, no+3, text); err != nil {
			return err
		}
		_ = c.Commit(ctx)
		_, err := c.ISOReadRecords(ctx, no+3, 1, wire.RecordsMode(0))
		return err
	}
	if err := c.ISOUpdateBinary(ctx, no, uint32(p.b>>2), text); err != nil {
		return err
	}
	got, err := c.ISOReadBinary(ctx, no, uint32(p.b>>2), uint32(len(text)))
	if x := file(p.picc.Image(), no); err == nil && x != nil && (!bytes.Equal(got, text) || !bytes.Equal(data(x)[p.b>>2:int(p.b>>2)+len(text)], text)) {
		p.differs("file %v was written with %X, gives %X and holds %X", no, text, got, data(x))
	}
	return err
}

// sdm lets a file show messages.
func (p *program) sdm() error {
	if err := p.enter(0); err != nil {
		return err
	}
	const no = desfire.FileNo(25)
	if file(p.picc.Image(), no) == nil {
		err := p.card.CreateFile(p.ctx, &wire.CreateStdDataFile{File: no, FID: 0xE104 + 0x1000, Option: wire.OptionSDM, Size: 300, Access: wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}})
		if err != nil {
			return err
		}
	}
	content, settings := programSDM(p.T)
	f := &desfire.SDMFile{File: no, Content: content, SDM: settings}
	if err := errors.Join(p.card.CanShowSDM(no), p.card.CheckSDM(p.ctx, f)); err != nil {
		return err
	}
	if err := p.card.ProvisionSDM(p.ctx, f); err != nil {
		return err
	}
	x := file(p.picc.Image(), no)
	if x == nil || x.SDM == nil || !bytes.HasPrefix(data(x), content) {
		p.differs("after ProvisionSDM: %+v", x)
	}
	_, err := p.card.SDMReadCounter(p.ctx, no)
	return err
}
