package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

var tmacCards = []struct {
	g    desfire.Generation
	lrp  bool
	file desfire.FileNo // the transaction MAC file
	data desfire.FileNo // a standard file, a cyclic one, a purse
	log  desfire.FileNo
	fund desfire.FileNo
	key  desfire.KeyNo // reads and writes them all
	name desfire.KeyNo // commits the reader
}{
	{g: wire.EV2, file: 15, data: 1, log: 2, fund: 3, key: 1, name: 2},
	{g: wire.EV3, file: 15, data: 1, log: 2, fund: 3, key: 1, name: 2},
	{g: wire.Light, file: 15, data: 4, log: 1, fund: 3, key: 3, name: 1},
	{g: wire.Light, lrp: true, file: 15, data: 4, log: 1, fund: 3, key: 3, name: 1},
}

// tmacApp selects an application with a transaction MAC file, the key of which
// is returned, and asks for the settings of its files.
func tmacApp(t *testing.T, card *desfire.Card, i int) *key.Secret {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x, zero := tmacCards[i], key.Zero(key.TypeAES)
	tm := newKey(t, key.TypeAES, 7)
	if x.g == wire.Light {
		_, err := card.ISOSelectName(ctx, []byte{0xA0, 0, 0, 3, 0x96, 0x56, 0x43, 0x41, 3, 0xF0, 0x15, 0x40, 0, 0, 0, 0x0B})
		must(err)
		must(card.Authenticate(ctx, 0, zero))
		if x.lrp {
			must(card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{0, 0, 0, 0, 2, 0, 0, 0, 0, 0}}))
			must(card.Authenticate(ctx, 0, zero))
		}
		must(card.DeleteFile(ctx, x.file))
	} else {
		must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 4)}))
		must(card.SelectApplication(ctx, testApp))
		must(card.Authenticate(ctx, 0, zero))
		all := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
		must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: x.data, Option: wire.OptionFull, Access: all, Size: 600}))
		must(card.CreateFile(ctx, &wire.CreateCyclicRecordFile{File: x.log, Option: wire.OptionMAC, Access: all, RecordSize: 20, MaxRecords: 4}))
		must(card.CreateFile(ctx, &wire.CreateValueFile{File: x.fund, Access: all, Upper: 1000}))
	}
	must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{
		File: x.file, Access: wire.AccessRights{Read: wire.Access(x.key), Write: wire.Never, ReadWrite: wire.Access(x.name), Change: 0},
		KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm.Export()),
	}))
	for _, no := range []desfire.FileNo{x.file, x.data, x.log, x.fund} {
		_, err := card.FileSettings(ctx, no)
		must(err)
	}
	return tm
}

// What the reader reports verifies under the card's MAC, transaction by
// transaction, and names the reader of the one before.
func TestTransactTMAC(t *testing.T) {
	for i, x := range tmacCards {
		t.Run(fmt.Sprintf("%v lrp %v", x.g, x.lrp), func(t *testing.T) {
			ctx := context.Background()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			picc, err := sim.New(&sim.Config{Generation: x.g})
			must(err)
			var seen []*tmac.Transaction
			recorder := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { seen = append(seen, t) }}
			card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Observe: recorder.Observe})
			must(err)
			tm := tmacApp(t, card, i)
			zero := key.Zero(key.TypeAES)
			data := make([]byte, 100)
			record := make([]byte, 16)
			nonFirst := key.MethodEV2NonFirst
			if x.lrp {
				nonFirst = key.MethodLRPNonFirst
			}
			var last [16]byte
			for n := byte(1); n <= 3; n++ {
				must(card.Authenticate(ctx, x.key, zero))
				id := [16]byte{0xD0, n}
				tx, err := card.TransactTMAC(ctx, func() error {
					data[0], record[0] = n, n
					must(card.WriteData(ctx, x.data, 3, data))
					must(card.Credit(ctx, x.fund, 10))
					must(card.Debit(ctx, x.fund, int32(n)))
					must(card.WriteRecord(ctx, x.log, 0, record))
					if _, err := card.Value(ctx, x.fund); err != nil {
						return err
					}
					if _, err := card.ReadData(ctx, x.data, 0, 0); err != nil {
						return err
					}
					if n > 1 {
						if _, err := card.ReadRecords(ctx, x.log, 0, 0); err != nil {
							return err
						}
					}
					must(card.AuthenticateWith(ctx, nonFirst, x.name, zero))
					_, err := card.CommitReaderID(ctx, id)
					return err
				})
				must(err)
				if tx == nil || !tx.HasReceipt || tx.Unanswered || *tx.ReaderID != id || tx.LRP != x.lrp {
					t.Fatalf("%+v", tx)
				}
				previous, err := tx.Verify(ctx, tm)
				must(err)
				if previous == nil || *previous != last {
					t.Errorf("previous reader %X, want %X", previous, last)
				}
				last = id
				if len(seen) != int(n) {
					t.Fatalf("the recorder saw %d transactions", len(seen))
				}
				if _, err := seen[n-1].Verify(ctx, tm); err != nil || seen[n-1].Receipt != tx.Receipt {
					t.Errorf("the recorder's report: %v", err)
				}
				must(card.Authenticate(ctx, x.key, zero))
				r, err := card.ReadReceipt(ctx, x.file) // not part of the next input
				must(err)
				if r != tx.Receipt {
					t.Errorf("the file has %v, the commit said %v", r, tx.Receipt)
				}
				bad := *tx
				bad.Input = append([]byte(nil), tx.Input...)
				bad.Input[1] ^= 1
				if _, err := bad.Verify(ctx, tm); !errors.Is(err, tmac.ErrMismatch) {
					t.Errorf("another file in the report: %v", err)
				}
				if _, err := tx.Verify(ctx, zero); !errors.Is(err, tmac.ErrMismatch) {
					t.Errorf("another key: %v", err)
				}
			}
		})
	}
}

// The commit's answer is lost: the file tells that it happened.
func TestTransactTMACUnanswered(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x, zero := tmacCards[1], key.Zero(key.TypeAES)
	for _, happened := range []bool{true, false} {
		picc, err := sim.New(&sim.Config{Generation: x.g})
		must(err)
		card := connect(t, picc)
		tm := tmacApp(t, card, 1)
		must(card.Authenticate(ctx, x.name, zero))
		tx, err := card.TransactTMAC(ctx, func() error {
			if _, err := card.CommitReaderID(ctx, [16]byte{1}); err != nil {
				return err
			}
			if err := card.AuthenticateWith(ctx, key.MethodEV2NonFirst, x.key, zero); err != nil {
				return err
			}
			err := card.Credit(ctx, x.fund, 5)
			if happened {
				picc.TearAfter(1)
			} else {
				picc.TearBefore(1)
			}
			return err
		})
		if !errors.As(err, new(*desfire.OutcomeUnknownError)) || tx == nil || !tx.Unanswered || tx.HasReceipt {
			t.Fatalf("%v, %+v", err, tx)
		}
		if _, err := tx.Verify(ctx, tm); err == nil {
			t.Error("verified without a receipt")
		}
		card = connect(t, picc)
		must(card.SelectApplication(ctx, testApp))
		_, err = card.FileSettings(ctx, x.file)
		must(err)
		must(card.Authenticate(ctx, x.key, zero))
		tx.Receipt, err = card.ReadReceipt(ctx, x.file)
		must(err)
		tx.HasReceipt = true
		if _, err := tx.Verify(ctx, tm); (err == nil) != happened {
			t.Errorf("happened %v: %v", happened, err)
		}
	}
}

// A body that gives up leaves nothing for the next transaction, even if it has
// only read.
func TestTransactTMACGivesUp(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x, zero := tmacCards[1], key.Zero(key.TypeAES)
	picc, err := sim.New(&sim.Config{Generation: x.g})
	must(err)
	card := connect(t, picc)
	tm := tmacApp(t, card, 1)
	must(card.Authenticate(ctx, x.key, zero))
	enough := errors.New("enough")
	for _, body := range []func() error{
		func() error { _, err := card.ReadData(ctx, x.data, 0, 20); return errors.Join(err, enough) },
		func() error { return errors.Join(card.Credit(ctx, x.fund, 1), enough) },
		func() error { return enough },
	} {
		if tx, err := card.TransactTMAC(ctx, body); !errors.Is(err, enough) || tx != nil {
			t.Errorf("%v, %+v", err, tx)
		}
		if _, ok := card.Session(); !ok {
			t.Fatal("the session is gone")
		}
	}
	tx, err := card.TransactTMAC(ctx, func() error {
		must(card.Credit(ctx, x.fund, 1))
		must(card.AuthenticateWith(ctx, key.MethodEV2NonFirst, x.name, zero))
		_, err := card.CommitReaderID(ctx, [16]byte{1})
		return err
	})
	must(err)
	if _, err := tx.Verify(ctx, tm); err != nil {
		t.Error(err)
	}
}

// What ends or spoils the input of the recorder.
func TestTMACRecorderFollowsTheCard(t *testing.T) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	x, zero := tmacCards[1], key.Zero(key.TypeAES)
	picc, err := sim.New(&sim.Config{Generation: x.g})
	must(err)
	var last *tmac.Transaction
	recorder := &desfire.TMACRecorder{OnCommit: func(t *tmac.Transaction) { last = t }}
	card, err := desfire.Connect(ctx, picc.Present(), &desfire.Config{Observe: recorder.Observe})
	must(err)
	tm := tmacApp(t, card, 1)
	must(card.Authenticate(ctx, 0, zero))
	must(card.DeleteFile(ctx, x.file))
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 4, Access: free, Upper: 100, Value: 50}))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 5, Access: free, Upper: 100}))
	must(card.CreateFile(ctx, &wire.CreateTransactionMACFile{
		File: x.file, Option: wire.OptionTMIExclude, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm.Export()),
		Access: wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: wire.Never, Change: 0},
	}))
	_, err = card.FileSettings(ctx, 4)
	must(err)
	commit := func(what string) {
		t.Helper()
		last = nil
		_, err := desfire.Do(ctx, card, &wire.CommitTransaction{ReturnTMAC: true})
		must(err)
		if _, err := last.Verify(ctx, tm); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	debit := func() { t.Helper(); must(card.Debit(ctx, 4, 1)) }

	debit()
	commit("a debit")
	debit()
	must(card.Abort(ctx))
	debit()
	commit("after an abort")
	debit()
	if err := card.Debit(ctx, 4, 99); !errors.Is(err, wire.StatusBoundaryError) {
		t.Fatal(err)
	}
	must(card.SelectApplication(ctx, testApp))
	_, err = card.FileSettings(ctx, x.file)
	must(err)
	must(card.Authenticate(ctx, x.key, zero))
	debit()
	commit("after a refusal")
	debit()
	must(card.SelectApplication(ctx, testApp))
	_, err = card.FileSettings(ctx, x.file)
	must(err)
	debit() // without authentication: excluded
	_, err = card.FileSettings(ctx, 4)
	must(err)
	must(card.Authenticate(ctx, x.key, zero))
	debit()
	commit("with a part that is excluded")
	must(card.SelectApplication(ctx, testApp))
	_, err = desfire.Do(ctx, card, &wire.RestoreTransfer{Target: 5, Source: 4})
	must(err)
	_, err = desfire.Do(ctx, card, &wire.CommitTransaction{})
	must(err)
	if _, err := last.Verify(ctx, tm); err == nil || errors.Is(err, tmac.ErrMismatch) {
		t.Errorf("a command whose input is not public: %v", err)
	}
}
