package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// DESFire Light and NTAG 424 DNA come with one application, which can be
// neither deleted nor made anew: what steps do to it is undone.

var lightName = []byte{0xA0, 0x00, 0x00, 0x03, 0x96, 0x56, 0x43, 0x41, 0x03, 0xF0, 0x15, 0x40, 0x00, 0x00, 0x00, 0x0B}

// Files of DESFire Light.
const (
	lightData0  wire.FileNo = 0x00
	lightRecord wire.FileNo = 0x01
	lightValue  wire.FileNo = 0x03
	lightData4  wire.FileNo = 0x04
	lightTMAC   wire.FileNo = 0x0F
	lightFCI    wire.FileNo = 0x1F
)

// Files of NTAG 424 DNA.
const (
	ntagCC   wire.FileNo = 1
	ntagNDEF wire.FileNo = 2
	ntagOwn  wire.FileNo = 3
)

func fixedFiles(g wire.Generation) []wire.FileNo {
	if g == wire.Light {
		return []wire.FileNo{lightData0, lightRecord, lightValue, lightData4, lightTMAC, lightFCI}
	}
	return []wire.FileNo{ntagCC, ntagNDEF, ntagOwn}
}

// enterFixed selects the application.
func (s *suite) enterFixed(ctx context.Context, card *desfire.Card) error {
	name := wire.NDEFName[:]
	if s.gen == wire.Light {
		name = lightName
	}
	_, err := desfire.Do(ctx, card, &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData})
	return err
}

// in selects the application and opens a session with a key, which is of zeros
// unless given. The reader knows the settings of the files.
func (t *trial) in(no wire.KeyNo, k *key.Secret) {
	t.ok(t.s.enterFixed(t.ctx, t.card), "select the application")
	for _, f := range fixedFiles(t.gen) {
		_, err := t.card.FileSettings(t.ctx, f)
		t.ok(err, "GetFileSettings of file "+f.String())
	}
	if k == nil {
		k = key.Zero(key.TypeAES)
	}
	t.login(t.s.method, no, k)
}

// out selects the application without a session.
func (t *trial) out() { t.ok(t.s.enterFixed(t.ctx, t.card), "select the application") }

// application selects the application of a card that has its keys there only.
func (t *trial) application() {
	if t.s.fixed() {
		t.out()
	}
}

// contents is what putBack restores.
type contents struct {
	settings map[wire.FileNo]wire.FileSettings
	data     map[wire.FileNo][]byte
	value    int32
	records  []byte // 16 bytes each, oldest first
}

// save reads all files, with keys of zeros. Nothing is changed.
func (s *suite) save(ctx context.Context, card *desfire.Card) error {
	b := &contents{settings: map[wire.FileNo]wire.FileSettings{}, data: map[wire.FileNo][]byte{}}
	for no := range wire.KeyNo(5) {
		v, err := card.KeyVersion(ctx, no)
		if err != nil {
			return err
		}
		if v != 0 {
			return &NotDeliveredError{fmt.Sprintf("key %v has version %02X", no, v)}
		}
	}
	if err := s.enterFixed(ctx, card); err != nil {
		return err
	}
	for _, no := range fixedFiles(s.gen) {
		fs, err := card.FileSettings(ctx, no)
		if err != nil {
			return &NotDeliveredError{fmt.Sprintf("file %v: %v", no, err)}
		}
		if fs.SDM != nil {
			return &NotDeliveredError{fmt.Sprintf("file %v has secure dynamic messaging", no)}
		}
		fs.Additional = nil
		b.settings[no] = *fs
	}
	if err := card.AuthenticateWith(ctx, s.method, 3, key.Zero(key.TypeAES)); err != nil {
		return &NotDeliveredError{fmt.Sprintf("key 3 is not of zeros: %v", err)}
	}
	if err := s.readAll(ctx, card, b); err != nil {
		return &NotDeliveredError{fmt.Sprintf("its files cannot be read with key 3: %v", err)}
	}
	s.backup = b
	return nil
}

// readAll reads the files into b, whose settings say which.
func (s *suite) readAll(ctx context.Context, card *desfire.Card, b *contents) error {
	for no, fs := range b.settings {
		switch fs.Type {
		case wire.FileStandard:
			data, err := readISO(ctx, card, no, fs.Size)
			if err != nil {
				return err
			}
			b.data[no] = data
		case wire.FileValue:
			v, err := card.Value(ctx, no)
			if err != nil {
				return err
			}
			b.value = v
		case wire.FileCyclicRecord:
			b.records = nil
			if fs.Records == 0 {
				continue
			}
			r, err := desfire.Do(ctx, card, &wire.ReadRecordsISO{ReadRecords: wire.ReadRecords{File: no}})
			if err != nil {
				return err
			}
			b.records = bytes.Clone(r.Data)
		}
	}
	return nil
}

// readISO reads in parts that fit a short APDU in every mode.
func readISO(ctx context.Context, card *desfire.Card, no wire.FileNo, size uint32) ([]byte, error) {
	var data []byte
	for n := uint32(len(data)); n < size; n = uint32(len(data)) {
		r, err := desfire.Do(ctx, card, &wire.ReadDataISO{ReadData: wire.ReadData{File: no, Offset: n, Length: min(size-n, 128)}})
		if err != nil {
			return nil, err
		}
		data = append(data, r.Data...)
	}
	return data, nil
}

// putBack restores keys, settings and contents.
func (s *suite) putBack(ctx context.Context, card *desfire.Card) error {
	if err := s.enterFixed(ctx, card); err != nil {
		return err
	}
	for no := range wire.KeyNo(5) {
		if err := s.putBackKey(ctx, card, no); err != nil {
			return fmt.Errorf("key %v: %w", no, err)
		}
	}
	if err := s.putBackSettings(ctx, card); err != nil {
		return err
	}
	if err := s.enterFixed(ctx, card); err != nil {
		return err
	}
	for no, fs := range s.backup.settings {
		card.AssumeFileSettings(no, fs)
	}
	now := &contents{settings: maps.Clone(s.backup.settings), data: map[wire.FileNo][]byte{}}
	if s.gen == wire.Light {
		fs, err := card.FileSettings(ctx, lightRecord)
		if err != nil {
			return err
		}
		now.settings[lightRecord] = *fs
	}
	if err := card.AuthenticateWith(ctx, s.method, 3, key.Zero(key.TypeAES)); err != nil {
		return err
	}
	if err := s.readAll(ctx, card, now); err != nil {
		return err
	}
	return s.putBackContents(ctx, card, now)
}

// putBackKey finds keys of steps by their versions, which none has zero.
func (s *suite) putBackKey(ctx context.Context, card *desfire.Card, no wire.KeyNo) error {
	v, err := card.KeyVersion(ctx, no)
	if err != nil || v == 0 {
		return err
	}
	left := testKey(key.TypeAES, int(v)-0x20)
	if v < 0x20 || v > 0x2F {
		return fmt.Errorf("its version %02X is none that a step leaves", v)
	}
	if no == 0 {
		if err := card.AuthenticateWith(ctx, s.method, 0, left); err != nil {
			return err
		}
		if err := card.ChangeKey(ctx, 0, s.master, nil); err != nil {
			return err
		}
		return s.enterFixed(ctx, card)
	}
	if err := card.AuthenticateWith(ctx, s.method, 0, s.master); err != nil {
		return err
	}
	if err := card.ChangeKey(ctx, no, key.Zero(key.TypeAES), left); err != nil {
		return err
	}
	return s.enterFixed(ctx, card)
}

func (s *suite) putBackSettings(ctx context.Context, card *desfire.Card) error {
	for _, no := range fixedFiles(s.gen) {
		want := s.backup.settings[no]
		fs, err := card.FileSettings(ctx, no)
		missing := errors.Is(err, wire.StatusFileNotFound)
		if err != nil && !missing {
			return err
		}
		if !missing && fs.Option == want.Option && fs.Access == want.Access {
			continue
		}
		if err := card.AuthenticateWith(ctx, s.method, 0, s.master); err != nil {
			return err
		}
		if missing && want.Type == wire.FileTransactionMAC {
			err = card.CreateFile(ctx, &wire.CreateTransactionMACFile{File: no, Option: want.Option, Access: want.Access, KeyOption: wire.TMKeyAES, Key: zeroTMKey(), KeyVersion: want.TMKeyVersion})
		} else {
			_, err = desfire.Do(ctx, card, &wire.ChangeFileSettings{File: no, Option: want.Option, Access: want.Access})
		}
		if err != nil {
			return fmt.Errorf("settings of file %v: %w", no, err)
		}
		if err := s.enterFixed(ctx, card); err != nil {
			return err
		}
	}
	return nil
}

func (s *suite) putBackContents(ctx context.Context, card *desfire.Card, now *contents) error {
	for _, no := range slices.Sorted(maps.Keys(s.backup.data)) {
		want := s.backup.data[no]
		if bytes.Equal(now.data[no], want) || no == ntagCC && s.gen == wire.NTAG424 {
			continue
		}
		for at := 0; at < len(want); at += 128 {
			part := want[at:min(at+128, len(want))]
			if _, err := desfire.Do(ctx, card, &wire.WriteDataISO{WriteData: wire.WriteData{File: no, Offset: uint32(at), Data: part}}); err != nil {
				return fmt.Errorf("content of file %v: %w", no, err)
			}
		}
	}
	if s.gen != wire.Light {
		return nil
	}
	commit := func() error { return s.commitLight(ctx, card) }
	var err error
	switch d := s.backup.value - now.value; {
	case d > 0:
		err = errors.Join(card.Credit(ctx, lightValue, d), commit())
	case d < 0:
		err = errors.Join(card.Debit(ctx, lightValue, -d), commit())
	}
	if err != nil || bytes.Equal(now.records, s.backup.records) {
		return err
	}
	if err := errors.Join(card.ClearRecordFile(ctx, lightRecord), commit()); err != nil {
		return err
	}
	for r := range slices.Chunk(s.backup.records, 16) {
		_, err := desfire.Do(ctx, card, &wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: lightRecord, Data: r}})
		if err := errors.Join(err, commit()); err != nil {
			return err
		}
	}
	return nil
}

// commitLight commits, naming a reader where the transaction MAC file wants one,
// which takes the session of key 1.
func (s *suite) commitLight(ctx context.Context, card *desfire.Card) error {
	if s.backup.settings[lightTMAC].Access.ReadWrite != wire.Never {
		if err := card.AuthenticateWith(ctx, s.nonFirst(), 1, key.Zero(key.TypeAES)); err != nil {
			return err
		}
		if _, err := desfire.Do(ctx, card, &wire.CommitReaderID{}); err != nil {
			return err
		}
	}
	if err := card.Commit(ctx); err != nil {
		return err
	}
	return card.AuthenticateWith(ctx, s.nonFirst(), 3, key.Zero(key.TypeAES))
}

// nonFirst is the method that goes on in a session.
func (s *suite) nonFirst() key.Method {
	if s.lrp {
		return key.MethodLRPNonFirst
	}
	return key.MethodEV2NonFirst
}
