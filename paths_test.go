package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// without is a card that lacks the ISO-chaining commands, or answers long APDUs
// with a status.
type without struct {
	*sim.Activation
	iso      bool
	extended []byte // answer to extended APDUs, nil to let them pass
	refused  int
}

func (w *without) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	switch {
	case w.iso && len(cmd) > 1 && (cmd[1] == 0xAD || cmd[1] == 0x8D || cmd[1] == 0xAB || cmd[1] == 0x8B):
		w.refused++
		return []byte{0x91, 0x1C}, nil
	case w.extended != nil && len(cmd) > 6 && cmd[4] == 0:
		w.refused++
		return w.extended, nil
	}
	return w.Activation.Transmit(ctx, cmd)
}

// Where a path does not work, the data takes another one, and it is not tried
// again.
func TestPathsThatDoNotWork(t *testing.T) {
	ctx := context.Background()
	for name, w := range map[string]*without{
		"no ISO-chaining commands": {iso: true},
		"extended: wrong length":   {extended: []byte{0x67, 0x00}},
		"extended: not supported":  {extended: []byte{0x6D, 0x00}},
	} {
		t.Run(name, func(t *testing.T) {
			picc, err := sim.New(&sim.Config{Generation: wire.EV2})
			if err != nil {
				t.Fatal(err)
			}
			w.Activation = picc.Present()
			card, err := desfire.Connect(ctx, w, nil)
			if err != nil {
				t.Fatal(err)
			}
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			must(card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 1)}))
			must(card.SelectApplication(ctx, testApp))
			free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
			must(card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: free, Size: 1000}))
			must(card.CreateFile(ctx, &wire.CreateLinearRecordFile{File: 2, Access: free, RecordSize: 100, MaxRecords: 5}))
			for no := desfire.FileNo(1); no <= 2; no++ {
				_, err := card.FileSettings(ctx, no)
				must(err)
			}
			data := bytes.Repeat([]byte{1, 2, 3, 4, 5}, 200)
			must(card.WriteData(ctx, 1, 0, data))
			got, err := card.ReadData(ctx, 1, 0, 0)
			must(err)
			if !bytes.Equal(got, data) {
				t.Error("the data differs")
			}
			for i := range byte(3) {
				_, err := card.Transact(ctx, func() error { return card.WriteRecord(ctx, 2, 0, bytes.Repeat([]byte{i}, 100)) })
				must(err)
			}
			got, err = card.ReadRecords(ctx, 2, 0, 3)
			must(err)
			if want := slicesOf(100, 0, 1, 2); !bytes.Equal(got, want) {
				t.Errorf("records %X", got)
			}
			if w.refused == 0 || w.refused > 1 {
				t.Errorf("the path that does not work was tried %d times, now %v", w.refused, card.Path())
			}
			ok, err := card.TryExtended(ctx)
			must(err)
			if ok {
				t.Error("extended APDUs are said to work")
			}
		})
	}
}

func slicesOf(n int, values ...byte) (out []byte) {
	for _, v := range values {
		out = append(out, bytes.Repeat([]byte{v}, n)...)
	}
	return out
}

// In a session a path that fails costs the session: the error says to repeat,
// and the next attempt takes the other path.
func TestPathFailsInASession(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	personalise(t, picc, key.TypeAES)
	w := &without{Activation: picc.Present(), iso: true}
	card, err := desfire.Connect(ctx, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	job := func() error {
		if err := card.SelectApplication(ctx, testApp); err != nil {
			return err
		}
		if _, err := card.FileSettings(ctx, 10); err != nil {
			return err
		}
		if err := card.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err != nil {
			return err
		}
		return card.WriteData(ctx, 10, 0, make([]byte, 200))
	}
	if err := job(); !errors.Is(err, wire.StatusIllegalCommand) {
		t.Fatalf("%v", err)
	}
	if err := job(); err != nil || w.refused != 1 {
		t.Errorf("%v, %d refused", err, w.refused)
	}
}

// The first transfer of all may be a read, which tries extended APDUs as well.
func TestPathFailsAtTheFirstRead(t *testing.T) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3})
	if err != nil {
		t.Fatal(err)
	}
	w := &without{Activation: picc.Present(), iso: true}
	card, err := desfire.Connect(ctx, w, nil)
	if err != nil {
		t.Fatal(err)
	}
	free := wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: 0}
	for _, err := range []error{
		card.CreateApplication(ctx, &wire.CreateApplication{AID: testApp, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
		card.SelectApplication(ctx, testApp),
		card.CreateFile(ctx, &wire.CreateStdDataFile{File: 1, Access: free, Size: 1000}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := card.ReadData(ctx, 1, 0, 1000)
	if err != nil || !bytes.Equal(got, make([]byte, 1000)) || w.refused != 1 {
		t.Errorf("%d bytes, %v, refused %d times, now %v", len(got), err, w.refused, card.Path())
	}
}
