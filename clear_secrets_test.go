package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// hearing keeps everything that went to the card.
type hearing struct {
	*sim.Activation
	heard bytes.Buffer
}

func (h *hearing) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	h.heard.Write(command)
	return h.Activation.Transmit(ctx, command)
}

var keyBytes = []byte{0x5A, 0xC3, 0x18, 0x77, 0x9E, 0x04, 0xD2, 0x6B, 0x31, 0xF8, 0x40, 0xAD, 0x95, 0x2E, 0xB6, 0x09}

// tellers are the commands that carry a secret.
func tellers(t *testing.T) map[string]func(card *desfire.Card) error {
	ctx := context.Background()
	tm := &wire.CreateTransactionMACFile{File: 15, Access: wire.AccessRights{Read: 1, Write: wire.Never, ReadWrite: wire.Never}, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(keyBytes)}
	long := append(bytes.Clone(keyBytes), make([]byte, 8)...)
	def := &wire.DefaultKey{Key: wire.NewSecret(long)}
	secret, err := key.New(key.TypeAES, keyBytes, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw := func(cmd wire.Command) func(card *desfire.Card) error {
		return func(card *desfire.Card) error { return card.Run(ctx, cmd, new(wire.Empty)) }
	}
	data := append(bytes.Clone(keyBytes), 0)
	return map[string]func(card *desfire.Card) error{
		"CreateTransactionMACFile": func(card *desfire.Card) error { return card.CreateFile(ctx, tm) },
		"DefaultKey":               func(card *desfire.Card) error { return card.SetConfiguration(ctx, def) },
		"DefaultKey by number": func(card *desfire.Card) error {
			return card.SetConfiguration(ctx, &wire.RawSetting{Opt: wire.ConfigDefaultKey, Data: long})
		},
		"ChangeKey":       func(card *desfire.Card) error { return card.ChangeKey(ctx, 1, secret, key.Zero(key.TypeAES)) },
		"ChangeKeyInSet":  func(card *desfire.Card) error { return card.ChangeKeyInSet(ctx, 1, 1, secret, key.Zero(key.TypeAES)) },
		"WriteData":       func(card *desfire.Card) error { return card.WriteData(ctx, 1, 0, keyBytes) },
		"long WriteData":  func(card *desfire.Card) error { return card.WriteData(ctx, 1, 0, bytes.Repeat(keyBytes, 30)) },
		"backup":          func(card *desfire.Card) error { return card.WriteData(ctx, 2, 0, keyBytes) },
		"WriteRecord":     func(card *desfire.Card) error { return card.WriteRecord(ctx, 4, 0, keyBytes) },
		"ISOUpdateBinary": func(card *desfire.Card) error { return card.ISOUpdateBinary(ctx, 1, 0, keyBytes) },
		"ISOAppendRecord": func(card *desfire.Card) error { return card.ISOAppendRecord(ctx, 4, keyBytes) },

		"Do ChangeKey":          raw(&wire.ChangeKey{Key: 1, Data: wire.NewSecret(keyBytes)}),
		"Do ChangeKeyEV2":       raw(&wire.ChangeKeyEV2{Set: 1, Key: 1, Data: wire.NewSecret(keyBytes)}),
		"Raw ChangeKey":         raw(&wire.Raw{Class: wire.ClassNative, INS: wire.InsChangeKey, Data: keyBytes}),
		"Raw DefaultKey":        raw(&wire.Raw{Class: wire.ClassNative, INS: wire.InsSetConfiguration, Data: append([]byte{byte(wire.ConfigDefaultKey)}, long...)}),
		"Do WriteData":          raw(&wire.WriteData{File: 1, Data: data}),
		"Do WriteDataISO":       raw(&wire.WriteDataISO{WriteData: wire.WriteData{File: 1, Data: data}}),
		"Do WriteRecord":        raw(&wire.WriteRecord{File: 4, Data: keyBytes}),
		"Do WriteRecordISO":     raw(&wire.WriteRecordISO{WriteRecord: wire.WriteRecord{File: 4, Data: keyBytes}}),
		"Do UpdateRecord":       raw(&wire.UpdateRecord{File: 4, Data: keyBytes}),
		"Do UpdateRecordISO":    raw(&wire.UpdateRecordISO{UpdateRecord: wire.UpdateRecord{File: 4, Data: keyBytes}}),
		"Do ISOUpdateBinary":    raw(&wire.ISOUpdateBinary{EF: wire.ShortEF{ID: 1, InP1: true}, Data: keyBytes}),
		"Do ISOAppendRecord":    raw(&wire.ISOAppendRecord{EF: 4, Data: keyBytes}),
		"Do ISOUpdateRecord":    raw(&wire.ISOUpdateRecord{EF: 4, Data: keyBytes}),
		"Do ISOUpdateRecordOdd": raw(&wire.ISOUpdateRecordOdd{ISOUpdateRecord: wire.ISOUpdateRecord{EF: 4, Data: keyBytes}}),
	}
}

// secretCard is an application whose files are enciphered and want key 1.
func secretCard(t *testing.T) *sim.Card {
	t.Helper()
	picc := newPICC(t, wire.EV3)
	ctx, card := context.Background(), connect(t, picc)
	keyed := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	if err := errors.Join(
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2) | wire.SettISOFiles, FID: 0xDF01}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, FID: 0xE101, Option: wire.OptionFull, Access: keyed, Size: 600}),
		card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 2, FID: 0xE102, Option: wire.OptionFull, Access: keyed, Size: 100}),
		card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: 4, FID: 0xE104, Option: wire.OptionFull, Access: keyed, RecordSize: 16, MaxRecords: 3}),
		card.Close(),
	); err != nil {
		t.Fatal(err)
	}
	return picc
}

// No command tells a secret to whoever listens, in no state of the Card, unless
// the caller says so by name.
func TestSecretsStayOutOfTheAir(t *testing.T) {
	ctx := context.Background()
	zero := key.Zero(key.TypeAES)
	for name, tell := range tellers(t) {
		for state, prepare := range map[string]func(card *desfire.Card) error{
			"no session": func(card *desfire.Card) error { return nil },
			"settings known": func(card *desfire.Card) error {
				_, e1 := card.FileSettings(ctx, 1)
				_, e2 := card.FileSettings(ctx, 2)
				_, e3 := card.FileSettings(ctx, 4)
				return errors.Join(e1, e2, e3)
			},
			"AllowPlain": func(card *desfire.Card) error { card.AllowPlain(); return nil },
			"session lost": func(card *desfire.Card) error {
				err := card.Authenticate(ctx, 1, zero)
				_, _ = desfire.Do(ctx, card, &wire.GetKeyVersion{Key: 9}) // refused
				return err
			},
			"session lost, AllowPlain": func(card *desfire.Card) error {
				err := card.Authenticate(ctx, 1, zero)
				_, _ = desfire.Do(ctx, card, &wire.GetKeyVersion{Key: 9})
				card.AllowPlain()
				return err
			},
			"another key's session": func(card *desfire.Card) error { return card.Authenticate(ctx, 0, zero) },
			"an EV1 session":        func(card *desfire.Card) error { return card.AuthenticateWith(ctx, key.MethodAES, 0, zero) },
		} {
			t.Run(name+" "+state, func(t *testing.T) {
				air := &hearing{Activation: secretCard(t).Present()}
				card, err := desfire.Connect(ctx, air, nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := errors.Join(card.SelectApplication(ctx, testApp), prepare(card)); err != nil {
					t.Fatal(err)
				}
				air.heard.Reset()
				err = tell(card)
				if bytes.Contains(air.heard.Bytes(), keyBytes[:8]) {
					t.Errorf("it went out in clear (%v)", err)
				}
			})
		}
	}
}

// The caller may say that a secret goes out in clear, until the next selection.
func TestSecretsInClearOnRequest(t *testing.T) {
	ctx := context.Background()
	for name, tell := range tellers(t) {
		if name == "ChangeKey" || name == "ChangeKeyInSet" {
			continue // a cryptogram, or nothing
		}
		for _, unguarded := range []bool{false, true} {
			air := &hearing{Activation: secretCard(t).Present()}
			card, err := desfire.Connect(ctx, air, &desfire.Config{Unguarded: unguarded})
			if err != nil {
				t.Fatal(err)
			}
			if err := card.SelectApplication(ctx, testApp); err != nil {
				t.Fatal(err)
			}
			if !unguarded {
				card.AllowSecretsInClear()
			}
			err = tell(card)
			if !bytes.Contains(air.heard.Bytes(), keyBytes[:8]) {
				t.Errorf("%s: refused, though allowed: %v", name, err)
			}
			if unguarded {
				continue
			}
			if err := card.SelectApplication(ctx, testApp); err != nil {
				t.Fatal(err)
			}
			air.heard.Reset()
			what := desfire.ClearData
			if strings.Contains(name, "Key") || name == "CreateTransactionMACFile" {
				what = desfire.ClearKey
			}
			if err := tell(card); !unprotected(err, what) || bytes.Contains(air.heard.Bytes(), keyBytes[:8]) {
				t.Errorf("%s: allowed after a selection: %v", name, err)
			}
		}
	}
}

// A file that anybody may write has no secrets; nor has one that is not
// enciphered.
func TestFreeFilesGoInClear(t *testing.T) {
	ctx := context.Background()
	picc := newPICC(t, wire.EV3)
	card := connect(t, picc)
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2)}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: wire.AccessRights{Read: 1, Write: wire.Free, ReadWrite: 1}, Size: 32}),
		card.WriteData(ctx, 1, 0, keyBytes),
		card.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	card = connect(t, picc)
	if err := errors.Join(card.SelectApplication(ctx, testApp), card.WriteData(ctx, 1, 0, keyBytes)); err != nil {
		t.Error(err)
	}
}

// A look-up whose answer cannot be trusted is no permission to write.
func TestNoWriteAfterABrokenLookUp(t *testing.T) {
	ctx := context.Background()
	for _, answer := range []string{"9000", "9142", "00", "6A82"} {
		air := &tamper{Activation: secretCard(t).Present()}
		card, err := desfire.Connect(ctx, air, nil)
		if err == nil {
			err = card.SelectApplication(ctx, testApp)
		}
		if err != nil {
			t.Fatal(err)
		}
		air.on(trick{ins: wire.InsGetFileSettings, hide: true, answer: forged(answer)})
		air.sent = nil
		if err := card.WriteData(ctx, 1, 0, keyBytes); err == nil || len(air.sent) != 1 {
			t.Errorf("%s: %v, sent %X", answer, err, air.sent)
		}
	}
}
