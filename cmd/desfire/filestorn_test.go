package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// leaving is a card that does what a command says and is taken away before it
// answers.
type leaving struct {
	desfire.Transport
	ins byte
}

func (l *leaving) Transmit(ctx context.Context, frame []byte) ([]byte, error) {
	answer, err := l.Transport.Transmit(ctx, frame)
	if frame[0] == l.ins || len(frame) > 1 && frame[0] == 0x90 && frame[1] == l.ins {
		return nil, errors.New("the card was taken away")
	}
	return answer, err
}

// What may have been done to a card that left is said, and ends with the code
// for that.
func TestFilesTorn(t *testing.T) {
	const aid = wire.AID(0xF48121)
	at := target{wire.Place{AID: aid}, 1}
	cmd := &cobra.Command{}
	records := wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: 1, MaxRecords: 1, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free}}
	for name, tc := range map[string]struct {
		ins byte
		do  func(ctx context.Context, a *app, card *desfire.Card) error
	}{
		"app create": {wire.InsCreateApplication, func(ctx context.Context, a *app, card *desfire.Card) error {
			a.key = nil
			return a.createApp(ctx, card, &wire.CreateApplication{AID: 0xF48122, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)})
		}},
		"app delete": {wire.InsDeleteApplication, func(ctx context.Context, a *app, card *desfire.Card) error {
			return a.deleteApp(ctx, cmd, card, aid, true)
		}},
		"file create": {wire.InsCreateLinearRecordFile, func(ctx context.Context, a *app, card *desfire.Card) error {
			return a.createFile(ctx, card, target{at.app, 2}, &newFile{settings: records})
		}},
		"file delete": {wire.InsDeleteFile, func(ctx context.Context, a *app, card *desfire.Card) error { return a.deleteFile(ctx, cmd, card, at) }},
		"file settings": {wire.InsChangeFileSettings, func(ctx context.Context, a *app, card *desfire.Card) error {
			c := &fileChange{said: inspect.WrittenAccess{inspect.RightWrite: 0}}
			return c.run(ctx, a, cmd, card, at)
		}},
		"file clear": {wire.InsCommitTransaction, func(ctx context.Context, a *app, card *desfire.Card) error { return a.clearFile(ctx, cmd, card, at) }},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			picc, err := sim.New(&sim.Config{Generation: wire.EV2})
			if err != nil {
				t.Fatal(err)
			}
			link := &leaving{Transport: picc.Present()}
			card, err := desfire.Connect(ctx, link, nil)
			if err != nil {
				t.Fatal(err)
			}
			zero := key.Zero(key.TypeAES)
			for _, err := range []error{
				card.CreateApplication(ctx, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 1)}),
				card.SelectApplication(ctx, aid), card.Authenticate(ctx, 0, zero),
				card.CreateFile(ctx, (&newFile{settings: records}).command(at.file)),
				card.WriteRecord(ctx, at.file, 0, []byte{1}), card.Commit(ctx), card.SelectApplication(ctx, wire.PICC),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			var out bytes.Buffer
			a := newApp(strings.NewReader(""), &out, io.Discard)
			a.key, a.yes = zero, true
			a.saw(card)
			link.ins = tc.ins
			err = tc.do(ctx, a, card)
			if code := exitCode(context.Background(), err); code != exitUnknown {
				t.Errorf("code %d: %v", code, err)
			}
			if out.Len() > 0 {
				t.Errorf("a result: %s", &out)
			}
			if d := a.detail(exitUnknown, err); !strings.Contains(d.Next+d.What, "resent the card again") {
				t.Errorf("%+v", d)
			}
		})
	}
}
