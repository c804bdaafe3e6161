package desfire_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// One settlement reads all that a purse may keep, whether the settings of the
// files are known or not.
func TestSettleReadsEverything(t *testing.T) {
	ctx := context.Background()
	for _, known := range []bool{true, false} {
		s := newSettled(t, wire.EV3, key.MethodEV2First, true, true, nil)
		id := [16]byte{0xAB}
		for n := byte(1); n <= 3; n++ {
			_, err := s.card.TransactTMAC(ctx, func() error {
				_, err := s.card.CommitReaderID(ctx, id)
				return errors.Join(err, s.card.WriteData(ctx, settledSlots, 0, []byte{n}), s.card.WriteRecord(ctx, settledLog, 0, []byte{n}),
					s.card.Debit(ctx, settledPurse, 10), s.card.Debit(ctx, settledPoints, 1))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !known {
			s.card = connect(t, s.picc)
		}
		conf := &desfire.SettleConfig{
			Place: s.place, Login: s.login, CardUID: true, Value: &s.purse, Values: []desfire.FileNo{settledPoints, settledPurse},
			TMAC: &desfire.SettleTMAC{File: settledTMAC, ReaderID: &settleID}, Slot: &desfire.SettleData{File: settledSlots, Length: 2},
			Records: &desfire.SettleRecords{File: settledLog, Count: 9, Number: true},
		}
		got, err := s.card.Settle(ctx, conf)
		if err != nil {
			t.Fatalf("settings known %v: %v", known, err)
		}
		if !got.Protected || !got.Fence.RelayExcluded() || *got.Value != 470 || !slices.Equal(got.Values, []int32{4, 470}) || got.Receipt.TMC != 3 || got.EncTMRI == nil ||
			!bytes.Equal(got.Slot, []byte{3, 0}) || *got.Number != 3 || len(got.Records) != 48 || got.Records[0] != 1 || hex.EncodeToString(got.UID) != "04010203040506" {
			t.Errorf("settings known %v: %+v", known, got)
		}
		conf.Records = &desfire.SettleRecords{File: settledLog, First: 1, Number: true}
		if got, err = s.card.Settle(ctx, conf); err != nil || len(got.Records) != 32 || got.Records[16] != 2 {
			t.Errorf("from the second on: %v, %X", err, got.Records)
		}
		conf.Records = &desfire.SettleRecords{File: settledLog, First: 3, Number: true}
		if got, err = s.card.Settle(ctx, conf); err != nil || got.Records != nil || *got.Number != 3 {
			t.Errorf("behind the last: %v, %+v", err, got)
		}
	}
}

// A file without records is no refusal where their number is asked first.
func TestSettleWithoutRecords(t *testing.T) {
	ctx := context.Background()
	for _, number := range []bool{true, false} {
		s := newSettled(t, wire.EV1, key.MethodAES, false, false, nil)
		conf := &desfire.SettleConfig{Place: s.place, Login: s.login, Value: &s.purse, Records: &desfire.SettleRecords{File: settledLog, Count: 1, Number: number}}
		got, err := s.card.Settle(ctx, conf)
		if number && (err != nil || *got.Number != 0 || got.Records != nil) || !number && !errors.Is(err, wire.StatusBoundaryError) {
			t.Errorf("number %v: %v, %+v", number, err, got)
		}
	}
}

// What cannot lead to a fence is found before anything is sent, or before
// anything is changed.
func TestSettleRefuses(t *testing.T) {
	ctx := context.Background()
	refused := func(what string, s *settledCard, conf desfire.SettleConfig, sends bool) {
		t.Helper()
		before := s.picc.Exchanges()
		_, err := s.card.Settle(ctx, &conf)
		var no *desfire.FenceError
		if !errors.As(err, &no) || (s.picc.Exchanges() != before) != sends {
			t.Errorf("%s: %v after %d exchanges", what, err, s.picc.Exchanges()-before)
		}
	}
	s := newSettled(t, wire.EV3, key.MethodEV2First, true, true, nil)
	base := desfire.SettleConfig{Place: s.place, Login: s.login}
	conf := base
	conf.TMAC, conf.Records = &desfire.SettleTMAC{File: settledTMAC}, &desfire.SettleRecords{File: settledLog, Number: true}
	refused("only records that may be none", s, conf, false)
	aes := key.MethodAES
	for what, reader := range map[string]desfire.SettleKey{"a reader without its key": {No: 1}, "a reader in an EV1 session": {No: 1, Key: s.login.Key, Method: &aes}} {
		conf = base
		conf.TMAC = &desfire.SettleTMAC{File: settledTMAC, ReaderID: &settleID, Reader: &reader}
		refused(what, s, conf, false)
	}
	d40 := newSettled(t, wire.D40, key.MethodD40, false, false, nil)
	conf = desfire.SettleConfig{Place: d40.place, Login: d40.login, Value: &d40.purse, Elsewhere: &d40.other, CardUID: true}
	refused("the UID in a D40 session", d40, conf, false)
	ev1 := newSettled(t, wire.EV1, key.MethodAES, false, false, nil)
	if err := ev1.card.CreateFile(ctx, &wire.CreateStdDataFile{File: 9, Option: wire.OptionMAC, Access: wire.AccessRights{}, Size: 8}); err != nil {
		t.Fatal(err)
	}
	if err := ev1.card.WriteData(ctx, 9, 7, []byte{0xEE}); err != nil {
		t.Fatal(err)
	}
	conf = desfire.SettleConfig{Place: ev1.place, Login: ev1.login, Value: &ev1.purse, Spare: &desfire.SettleSpare{File: 9, Offset: 7}}
	refused("a spare byte of a standard file", ev1, conf, true)
	if b, err := ev1.card.ReadData(ctx, 9, 7, 1); err != nil || b[0] != 0xEE {
		t.Errorf("the byte of the standard file: %X, %v", b, err)
	}
}

// Two keys settle together whoever of them reads the counter; where the name is
// refused, what is read without a fence comes with the error.
func TestSettleByTwoKeys(t *testing.T) {
	ctx := context.Background()
	for _, x := range []struct {
		g desfire.Generation
		m key.Method
	}{{wire.EV2, key.MethodEV2First}, {wire.EV3, key.MethodEV2First}, {wire.Light, key.MethodLRPFirst}} {
		for _, read := range []wire.Access{0, 1} {
			for _, known := range []bool{true, false} {
				s := newTwoKeys(t, x.g, x.m, read)
				conf := &desfire.SettleConfig{
					Place: s.place, Login: s.login, CardUID: true, Value: &s.purse,
					TMAC: &desfire.SettleTMAC{File: settledTMAC, ReaderID: &settleID, Reader: &desfire.SettleKey{No: 1, Key: s.login.Key}, ReaderReads: read == 1},
				}
				if !known {
					s.air = &tamper{Activation: s.picc.Present()}
					var err error
					if s.card, err = desfire.Connect(ctx, s.air, nil); err != nil {
						t.Fatal(err)
					}
				}
				got, err := s.card.Settle(ctx, conf)
				if err != nil || got.Fence != desfire.FenceAbort || !got.Protected || got.Receipt == nil || got.EncTMRI == nil || got.Value == nil || !bytes.Equal(got.UID, s.picc.UID()) {
					t.Fatalf("%v, counter read by key %d, settings known %v: %v %+v", x.g, read, known, err, got)
				}
				if session, _ := s.card.Session(); session.KeyNo != s.login.No {
					t.Errorf("%v: left in the session of key %d", x.g, session.KeyNo)
				}
				// A name that a relay refuses: what was read is told, and is no fence.
				refuse := trick{ins: wire.InsCommitReaderID, hide: true, answer: forged("919D")}
				s.air.on(refuse, refuse)
				got, err = s.card.Settle(ctx, conf)
				var no *desfire.FenceError
				if !errors.As(err, &no) || got == nil || got.Fence != 0 || got.Receipt == nil || got.Value == nil {
					t.Errorf("%v, counter read by key %d: a refused name: %v %+v", x.g, read, err, got)
				}
				// And any other answer leaves nothing.
				s.air.on(trick{ins: wire.InsAbortTransaction, hide: true, answer: forged("9100")})
				if got, err = s.card.Settle(ctx, conf); !errors.As(err, &no) || got.Fence != 0 || got.Receipt != nil {
					t.Errorf("%v, counter read by key %d: a forged abort: %v %+v", x.g, read, err, got)
				}
			}
		}
	}
}
