package play

import (
	"context"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// access gives a key the right to read and write, and key 0 the right to change the rights.
func access(no wire.Access) wire.AccessRights {
	return wire.AccessRights{Read: no, Write: no, ReadWrite: no, Change: 0}
}

// application makes the demo application, with these keys from number 0 on, and leaves a
// session of key 0.
func application(ctx context.Context, card *desfire.Card, keys ...*key.Secret) error {
	typ := keys[0].Type()
	if err := card.SelectApplication(ctx, wire.PICC); err != nil {
		return err
	}
	made := &wire.CreateApplication{AID: demo, KS1: wire.SettDefault, KS2: wire.NewKeySett2(typ.Wire(), len(keys))}
	if err := card.CreateApplication(ctx, made); err != nil {
		return err
	}
	if err := card.SelectApplication(ctx, demo); err != nil {
		return err
	}
	if err := card.Authenticate(ctx, 0, key.Zero(typ)); err != nil {
		return err
	}
	for no := len(keys) - 1; no >= 0; no-- { // changing key 0 ends the session
		if err := card.ChangeKey(ctx, wire.KeyNo(no), keys[no], key.Zero(typ)); err != nil {
			return err
		}
	}
	return card.Authenticate(ctx, 0, keys[0])
}

// fill makes a standard file and writes it.
func fill(ctx context.Context, card *desfire.Card, no wire.FileNo, o wire.FileOption, a wire.AccessRights, text string) error {
	a.ReadWrite = 0 // key 0 writes what it holds
	f := &wire.CreateStdDataFile{File: no, Option: o, Access: a, Size: uint32(len(text))}
	if err := card.CreateFile(ctx, f); err != nil {
		return err
	}
	return card.WriteData(ctx, no, 0, []byte(text))
}
