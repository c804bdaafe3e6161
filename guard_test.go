package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// heldLink stops in the middle of an exchange with an INS, the first time, until it
// may go on.
type heldLink struct {
	sharedLink
	ins         byte
	entered, on chan struct{}
	armed       bool
}

func (h *heldLink) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if command[1] == h.ins && h.armed {
		h.armed = false
		close(h.entered)
		<-h.on
	}
	return h.sharedLink.Transmit(ctx, command)
}

func hold(t *testing.T, x *target, ins byte) (*desfire.Card, *heldLink) {
	t.Helper()
	h := &heldLink{sharedLink: sharedLink{Activation: x.card(t, wire.CommMAC).Present()}, ins: ins, entered: make(chan struct{}), on: make(chan struct{})}
	card, err := desfire.Connect(context.Background(), h, nil)
	if err == nil {
		err = x.enter(card)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.armed = true
	return card, h
}

// Whatever a second goroutine calls while an exchange is under way, it is told,
// and touches nothing: run with -race.
func TestSecondGoroutineIsTold(t *testing.T) {
	ctx := context.Background()
	x := targets[4]
	card, h := hold(t, x, wire.InsGetValue)
	if err := x.login(card); err != nil {
		t.Fatal(err)
	}
	other := make(chan error)
	go func() { _, err := card.Value(ctx, x.value); other <- err }()
	<-h.entered
	zero, no := x.zero(), x.value
	nothing := func() error { return nil }
	failing := func() error { return errors.New("no") }
	for name, run := range map[string]func() error{
		"Do":                 func() error { _, err := desfire.Do(ctx, card, &wire.GetFileIDs{}); return err },
		"AssumeFileSettings": func() error { return card.AssumeFileSettings(1, wire.FileSettings{}) },
		"FileSettings":       func() error { _, err := card.FileSettings(ctx, 1); return err },
		"Transact":           func() error { _, err := card.Transact(ctx, nothing); return err },
		"TransactWith":       func() error { _, err := card.TransactWith(ctx, &wire.CommitTransaction{}, nothing); return err },
		"TransactTMAC":       func() error { _, err := card.TransactTMAC(ctx, nothing); return err },
		"Settle": func() error {
			_, err := card.Settle(ctx, &desfire.SettleConfig{Place: desfire.Place{AID: testApp}, Login: desfire.SettleKey{No: 1, Key: zero}, Value: &no})
			return err
		},
		"Authenticate":   func() error { return card.Authenticate(ctx, 1, zero) },
		"ISO 7816":       func() error { return card.AuthenticateWith(ctx, key.MethodISO7816, 1, zero) },
		"ReadData":       func() error { _, err := card.ReadData(ctx, 1, 0, 0); return err },
		"WriteData":      func() error { return card.WriteData(ctx, 1, 0, []byte{1}) },
		"WriteRecord":    func() error { return card.WriteRecord(ctx, 4, 0, []byte{1}) },
		"ReadRecords":    func() error { _, err := card.ReadRecords(ctx, 4, 0, 1); return err },
		"ISOReadBinary":  func() error { _, err := card.ISOReadBinary(ctx, 1, 0, 1); return err },
		"ISOReadRecords": func() error { _, err := card.ISOReadRecords(ctx, 4, 0, wire.RecordOne); return err },
		"ISOUpdate":      func() error { return card.ISOUpdateBinary(ctx, 1, 0, []byte{1}) },
		"ISOAppend":      func() error { return card.ISOAppendRecord(ctx, 4, []byte{1}) },
		"ISOSelectName":  func() error { _, err := card.ISOSelectName(ctx, []byte("x")); return err },
		"ChangeKey":      func() error { return card.ChangeKey(ctx, 1, zero, zero) },
		"ChangeKeyInSet": func() error { return card.ChangeKeyInSet(ctx, 1, 1, zero, zero) },
		"LoadKeySet":     func() error { return card.LoadKeySet(ctx, &desfire.KeySet{Set: 1, Version: 1, Type: key.TypeAES}) },
		"KeyVersion":     func() error { _, err := card.KeyVersion(ctx, 1); return err },
		"CardUID":        func() error { _, err := card.CardUID(ctx); return err },
		"Version":        func() error { _, err := card.Version(ctx); return err },
		"ReadReceipt":    func() error { _, err := card.ReadReceipt(ctx, 15); return err },
		"CommitReaderID": func() error { _, err := card.CommitReaderID(ctx, [16]byte{1}); return err },
		"ProvisionSDM":   func() error { return card.ProvisionSDM(ctx, &desfire.SDMFile{File: 1}) },
		"CheckProximity": func() error { _, err := card.CheckProximity(ctx, zero, nil); return err },
		"virtual card":   func() error { _, err := card.SelectVirtualCard(ctx, []byte("x"), zero, zero); return err },
		"Originality":    func() error { _, err := card.Originality(ctx); return err },
		"TryExtended":    func() error { _, err := card.TryExtended(ctx); return err },
		"Reconnect":      func() error { return card.Reconnect(ctx) },
	} {
		if err := run(); !errors.Is(err, desfire.ErrBusy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A body that fails, or commits nothing, looks at no state of the other's.
	if _, err := card.Transact(ctx, failing); err == nil {
		t.Error("a failing body")
	}
	close(h.on)
	if err := <-other; err != nil {
		t.Errorf("the first goroutine: %v", err)
	}
	if v, err := card.Value(ctx, x.value); err != nil || v != 500 {
		t.Errorf("afterwards: %d, %v", v, err)
	}
}

// Close during an authentication never leaves an authenticated card behind.
func TestCloseDuringAuthenticate(t *testing.T) {
	for _, x := range targets[1:] {
		for _, ins := range []byte{wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First, wire.InsAdditionalFrame} {
			card, h := hold(t, x, ins)
			done := make(chan error, 1)
			go func() { done <- x.login(card) }()
			select {
			case <-h.entered:
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				_ = card.Close()
				continue // another method's
			}
			if err := card.Close(); err != nil {
				t.Error(err)
			}
			close(h.on)
			<-done
			if !h.reset {
				t.Errorf("%s, during %02X: the card was not left reset", x.name, ins)
			}
		}
	}
}

// What a method returns is the caller's own: editing it changes nothing.
func TestResultsAreTheCallersOwn(t *testing.T) {
	ctx := context.Background()
	for _, x := range targets[1:] {
		card, air := x.open(t, x.card(t, wire.CommMAC), nil)
		fs, err := card.FileSettings(ctx, x.value)
		if err != nil {
			t.Fatal(err)
		}
		fs.Option, fs.Access, fs.Type, fs.Size = wire.OptionFull, wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}, wire.FileStandard, 9999
		fs.Additional = append(fs.Additional, wire.AccessRights{Read: wire.Free})
		air.sent = nil
		if v, err := card.Value(ctx, x.value); err != nil || v != 500 || len(air.sent) != 1 {
			t.Errorf("%s: after an edit of settings: %d, %v, sent %X", x.name, v, err, air.sent)
		}
		own := wire.FileSettings{Type: wire.FileValue, Option: wire.OptionMAC, Access: wire.AccessRights{Read: wire.Access(x.key)}, Additional: []wire.AccessRights{{Read: wire.Access(x.key)}}, SDM: &wire.SDM{}}
		if err := card.AssumeFileSettings(x.value, own); err != nil {
			t.Fatal(err)
		}
		own.Additional[0].Read, own.SDM.Options = 9, 0xFF
		if _, err := card.Value(ctx, x.value); err != nil {
			t.Errorf("%s: after an edit of stated settings: %v", x.name, err)
		}
		if err := x.enter(card); err != nil {
			t.Fatal(err)
		}
		v, err := card.Version(ctx)
		if err != nil {
			t.Fatal(err)
		}
		uid, name := card.UID(), card.String()
		card.UID()[0] ^= 0xFF
		*v = wire.Version{}
		*card.KnownVersion() = wire.Version{}
		if !bytes.Equal(card.UID(), uid) || card.String() != name || card.Generation() != x.gen {
			t.Errorf("%s: %X, %s, %v after edits", x.name, card.UID(), card, card.Generation())
		}
	}
}
