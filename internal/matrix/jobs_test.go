package matrix_test

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// job is what a program does with a card, from the selection on. It calls did
// after each step that it believes done.
type job struct {
	name  string
	kind  kind
	can   func(ch *channel) bool
	steps int
	// immediate: the steps change the card at once and not by a commit.
	immediate bool
	run       func(r *run) error
	// partial reports whether the image is what is left of a step that was
	// done in part; nil where that cannot be.
	partial func(ch *channel, now *sim.Image, least, most int) bool
}

func all(*channel) bool            { return true }
func withSession(ch *channel) bool { return ch.session() }
func classic(ch *channel) bool     { return ch.gen != wire.Light }
func managed(ch *channel) bool     { return ch.session() && classic(ch) }
func withTM(ch *channel) bool      { return ch.gen.Has(wire.FeatureTMAC) }

var jobs = []*job{
	{name: "debit", can: all, steps: 1, run: debit},
	{name: "debit, and the value again", can: all, steps: 1, run: func(r *run) error {
		if err := debit(r); err != nil {
			return err
		}
		return r.readValue()
	}},
	{name: "debit, settings looked up", can: withSession, steps: 1, run: func(r *run) error {
		if err := r.choose(); err != nil {
			return err
		}
		return debitChosen(r)
	}},
	{name: "debit, settings asked in clear", can: withSession, steps: 1, run: func(r *run) error {
		if err := r.choose(); err != nil {
			return err
		}
		if _, err := r.card.FileSettings(r.ctx, valueFile); err != nil {
			return err
		}
		return debitChosen(r)
	}},
	{name: "credit", can: all, steps: 1, run: func(r *run) error {
		return r.transact(1, func() error { return r.card.Credit(r.ctx, valueFile, 7) })
	}},
	{name: "two debits", can: all, steps: 2, run: func(r *run) error {
		if err := r.transact(1, func() error { return r.card.Debit(r.ctx, valueFile, 5) }); err != nil {
			return err
		}
		return r.commit(func() error { return r.card.Debit(r.ctx, valueFile, 11) })
	}},
	{name: "debit after a query that may fail", can: all, steps: 1, run: func(r *run) error {
		if err := r.login(1); err != nil {
			return err
		}
		if _, err := r.card.KeyVersion(r.ctx, 1); err != nil && !errors.As(err, new(*desfire.CommandError)) {
			return err
		}
		if err := r.readValue(); err != nil {
			return err
		}
		return r.commit(func() error { return r.card.Debit(r.ctx, valueFile, 5) })
	}},
	{name: "key change, own", immediate: true, can: withSession, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		if err := r.last(r.card.ChangeKey(r.ctx, 0, r.ch.key(newKeys), nil)); err != nil {
			return err
		}
		return r.authenticate(0, newKeys)
	}},
	{name: "key change, other", immediate: true, can: withSession, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		if err := r.step(r.card.ChangeKey(r.ctx, 2, r.ch.key(newKeys|2), r.ch.key(2))); err != nil {
			return err
		}
		_, err := r.card.KeyVersion(r.ctx, 2)
		return err
	}},
	{name: "key change, PICC", immediate: true, can: managed, steps: 1, run: func(r *run) error {
		if err := r.loginPICC(); err != nil {
			return err
		}
		if err := r.last(r.card.ChangeKey(r.ctx, 0, r.ch.key(newKeys|piccKey), nil)); err != nil {
			return err
		}
		return r.authenticate(0, newKeys|piccKey)
	}},
	{name: "record", can: all, steps: 1, run: func(r *run) error {
		return r.transact(1, func() error { return r.card.WriteRecord(r.ctx, r.ch.recordFile(), 0, pattern(16)) })
	}},
	{name: "backup file", can: classic, steps: 1, run: func(r *run) error {
		return r.transact(1, func() error { return r.card.WriteData(r.ctx, backupFile, 0, pattern(32)) })
	}},
	{name: "chained write", immediate: true, can: all, steps: 1, partial: partialWrite, run: func(r *run) error {
		if err := r.login(1); err != nil {
			return err
		}
		return r.step(r.card.WriteData(r.ctx, r.ch.standardFile(), 0, pattern(written)))
	}},
	{name: "create files", immediate: true, can: classic, steps: 2, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		o := wire.FileOption(r.ch.mode)
		if err := r.step(r.card.CreateFile(r.ctx, &wire.CreateStdDataFile{File: newFile, Option: o, Access: r.ch.rights(), Size: 32})); err != nil {
			return err
		}
		return r.step(r.card.CreateFile(r.ctx, &wire.CreateValueFile{File: otherFile, Option: o, Access: r.ch.rights(), Upper: 10}))
	}},
	{name: "create application", immediate: true, can: classic, steps: 1, run: func(r *run) error {
		if err := r.loginPICC(); err != nil {
			return err
		}
		return r.step(r.card.CreateApplication(r.ctx, &wire.CreateApplication{AID: 0xF48123, KS1: 0x0B, KS2: wire.NewKeySett2(r.ch.typ.Wire(), 2)}))
	}},
	{name: "delete file", immediate: true, can: classic, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		return r.step(r.card.DeleteFile(r.ctx, backupFile))
	}},
	{name: "delete application", immediate: true, can: managed, steps: 1, run: func(r *run) error {
		if err := r.loginPICC(); err != nil {
			return err
		}
		return r.step(r.card.DeleteApplication(r.ctx, spare))
	}},
	{name: "format", immediate: true, can: managed, steps: 1, run: func(r *run) error {
		if err := r.loginPICC(); err != nil {
			return err
		}
		return r.step(r.card.Format(r.ctx))
	}},
	{name: "transaction MAC", kind: withTMAC, can: func(ch *channel) bool { return withSession(ch) && withTM(ch) }, steps: 1, run: macTransaction},
	{name: "transaction MAC file", immediate: true, can: func(ch *channel) bool { return withSession(ch) && withTM(ch) }, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		return r.step(r.card.CreateFile(r.ctx, &wire.CreateTransactionMACFile{
			File: tmacFile, Option: wire.FileOption(r.ch.mode), Access: r.ch.tmacRights(withTMAC), KeyOption: wire.TMKeyAES,
			Key: wire.NewSecret(secret(key.TypeAES, 0x71).Export()), KeyVersion: 3,
		}))
	}},
	{name: "settings", immediate: true, can: all, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		access := r.ch.rights()
		access.Read = 2
		_, err := desfire.Do(r.ctx, r.card, &wire.ChangeFileSettings{File: valueFile, Option: wire.FileOption(r.ch.mode), Access: access})
		return r.step(err)
	}},
	{name: "key settings", immediate: true, can: managed, steps: 1, run: func(r *run) error {
		if err := r.login(0); err != nil {
			return err
		}
		return r.step(r.card.ChangeKeySettings(r.ctx, 0x0B))
	}},
	{name: "card settings", immediate: true, can: func(ch *channel) bool { return ch.session() && ch.gen.Has(wire.FeatureCardUID) }, steps: 1, run: func(r *run) error {
		var setting wire.Setting = &wire.DefaultKey{Key: wire.NewSecret(append([]byte{1, 2, 3}, make([]byte, 21)...)), Version: 5}
		login := r.loginPICC
		if r.ch.gen == wire.Light {
			setting = &wire.PICCConfig{Flags: wire.PICCRandomID}
			login = func() error { return r.login(0) }
		}
		if err := login(); err != nil {
			return err
		}
		return r.step(r.card.SetConfiguration(r.ctx, setting))
	}},
	{name: "key set", immediate: true, kind: withKeySets, can: func(ch *channel) bool { return withSession(ch) && ch.gen.Has(wire.FeatureKeySets) }, steps: 4, run: keySet},
}

func debitChosen(r *run) error {
	if err := r.authenticate(1, 1); err != nil {
		return err
	}
	if err := r.readValue(); err != nil {
		return err
	}
	return r.commit(func() error { return r.card.Debit(r.ctx, valueFile, 5) })
}

func debit(r *run) error {
	if err := r.login(1); err != nil {
		return err
	}
	if err := r.readValue(); err != nil {
		return err
	}
	return r.commit(func() error { return r.card.Debit(r.ctx, valueFile, 5) })
}

func macTransaction(r *run) error {
	if err := r.login(1); err != nil {
		return err
	}
	_, err := r.card.TransactWith(r.ctx, &wire.CommitTransaction{ReturnTMAC: true}, func() error {
		if _, err := r.card.CommitReaderID(r.ctx, [16]byte{0xD0, 1}); err != nil {
			return err
		}
		return r.card.Debit(r.ctx, valueFile, 5)
	})
	return r.step(err)
}

func keySet(r *run) error {
	if err := r.login(0); err != nil {
		return err
	}
	_, err := desfire.Do(r.ctx, r.card, &wire.InitializeKeySet{Set: 1, Type: wire.KeySetType(wire.KeyAES)})
	if r.step(err) != nil {
		return err
	}
	if err := r.step(r.card.ChangeKeyInSet(r.ctx, 1, 0, secret(key.TypeAES, otherSet), key.Zero(key.TypeAES))); err != nil {
		return err
	}
	_, err = desfire.Do(r.ctx, r.card, &wire.FinalizeKeySet{Set: 1, Version: 9})
	if r.step(err) != nil {
		return err
	}
	if err := r.last(r.card.RollKeySet(r.ctx, 1)); err != nil {
		return err
	}
	return r.authenticate(0, otherSet)
}

// written is how many bytes the chained write writes.
const written = 250

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(0x80 | i)
	}
	return b
}

// partialWrite reports whether the first bytes are the new ones, as many as
// said, and the rest old.
func partialWrite(ch *channel, now *sim.Image, least, most int) bool {
	for _, a := range now.Applications {
		for _, f := range a.Files {
			if a.AID != ch.app() || f.No != int(ch.standardFile()) {
				continue
			}
			data := make([]byte, f.Size)
			copy(data, f.Data)
			if least < 0 {
				return bytes.Equal(data[written:], bytes.Repeat([]byte{0x0D}, f.Size-written))
			}
			m := 0
			for m < written && data[m] == pattern(written)[m] {
				m++
			}
			return least <= m && m <= most && bytes.Equal(data[m:], bytes.Repeat([]byte{0x0D}, f.Size-m))
		}
	}
	return false
}

// choose selects the application.
func (r *run) choose() error {
	if r.ch.gen == wire.Light {
		_, err := desfire.Do(r.ctx, r.card, &wire.ISOSelect{By: wire.SelectByName, Name: wire.LightName[:], P2: wire.SelectNoData})
		return err
	}
	return r.card.SelectApplication(r.ctx, r.ch.app())
}

// login selects the application, states the settings of its files, and
// authenticates where the channel has sessions.
func (r *run) login(no wire.KeyNo) error {
	if err := r.choose(); err != nil {
		return err
	}
	stateFiles(r.card, r.ch.files(r.job.kind))
	return r.authenticate(no, byte(no))
}

func (r *run) loginPICC() error {
	if err := r.card.SelectApplication(r.ctx, wire.PICC); err != nil {
		return err
	}
	return r.authenticate(0, piccKey)
}

func (r *run) authenticate(no wire.KeyNo, mark byte) error {
	if !r.ch.session() {
		return nil
	}
	err := r.card.AuthenticateWith(r.ctx, r.ch.method, no, r.ch.key(mark))
	if err == nil {
		r.authenticated = true
		r.keyNo, r.keyMark = no, mark
	}
	return err
}

func (r *run) transact(no wire.KeyNo, body func() error) error {
	if err := r.login(no); err != nil {
		return err
	}
	return r.commit(body)
}

func (r *run) commit(body func() error) error {
	_, err := r.card.Transact(r.ctx, body)
	return r.step(err)
}

// readValue reads the purse, which must be what the card holds.
func (r *run) readValue() error {
	v, err := r.card.Value(r.ctx, valueFile)
	if err != nil {
		return err
	}
	if truth, _ := value(r.picc); v != truth {
		r.fooled[believedData] = fmt.Sprintf("read %d where the card holds %d", v, truth)
	}
	return nil
}

// step ends a step; nil means that the reader believes it done.
func (r *run) step(err error) error {
	if err == nil {
		r.done++
		if r.believed != nil {
			r.believed(r.done)
		}
	}
	return err
}

// last ends a step that ends the session as well, as the caller knows.
func (r *run) last(err error) error {
	if err == nil {
		r.authenticated = false
	}
	return r.step(err)
}
