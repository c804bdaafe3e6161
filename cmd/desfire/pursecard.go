package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// The card that sim new --purse makes: the layout that docs/purse.md recommends.
const (
	purseApp    wire.AID    = 0xF48121
	purseValue  wire.FileNo = 1
	purseSlots  wire.FileNo = 2
	purseTMAC   wire.FileNo = 3
	purseKeyNo  wire.KeyNo  = 1
	purseCredit             = 100
	purseHelp               = "application F48121 with value file 1, slots in file 2, transaction MAC file 3; its keys are for tests and known to everybody"
)

// Keys of the card, which are for tests only.
const (
	purseTestKey = "000102030405060708090A0B0C0D0E0F"
	purseTestTM  = "101112131415161718191A1B1C1D1E1F"
)

// makePurseCard puts the application of a purse on a card that is fresh.
func (a *app) makePurseCard(ctx context.Context, c *sim.Card) error {
	card, err := desfire.Connect(ctx, c.Present(), &desfire.Config{Logger: a.log})
	if err != nil {
		return err
	}
	defer card.Close()
	missing := ""
	switch g := card.Generation(); {
	case !g.Has(wire.FeatureTMAC):
		missing = "transaction MAC"
	case !g.Has(wire.FeatureApplications):
		missing = "applications to make"
	}
	if missing != "" {
		return withCode(exitImpossible, fmt.Errorf("%s has no %s: a purse needs ev2 or ev3", productOf(c), missing))
	}
	mover, err := testAES(purseTestKey)
	if err != nil {
		return err
	}
	tm, err := hex.DecodeString(purseTestTM)
	if err != nil {
		return err
	}
	// Key 1 moves the value, writes slots and names the reader; key 0 rules.
	access := wire.AccessRights{Read: wire.Access(purseKeyNo), Write: wire.Access(purseKeyNo), ReadWrite: wire.Access(purseKeyNo), Change: 0}
	counter := access
	counter.Write = wire.Never
	b := builder{ctx: ctx, card: card}
	b.do(func() error { return card.SelectApplication(ctx, wire.PICC) })
	b.do(func() error {
		return card.CreateApplication(ctx, &wire.CreateApplication{AID: purseApp, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
	})
	b.do(func() error { return card.SelectApplication(ctx, purseApp) })
	b.do(func() error { return card.Authenticate(ctx, 0, key.Zero(key.TypeAES)) })
	b.do(func() error { return card.ChangeKey(ctx, purseKeyNo, mover, key.Zero(key.TypeAES)) })
	b.file(&wire.CreateValueFile{File: purseValue, Option: wire.OptionFull, Access: access, Upper: 1000, Value: purseCredit, Flags: wire.ValueLimitedCredit})
	b.file(&wire.CreateBackupDataFile{File: purseSlots, Option: wire.OptionFull, Access: access, Size: 64})
	b.file(&wire.CreateTransactionMACFile{File: purseTMAC, Option: wire.OptionFull, Access: counter, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(tm), KeyVersion: 1})
	return b.err
}

func testAES(digits string) (key.Key, error) {
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, err
	}
	return key.NewAES(b, 1)
}

// purseKeysName is where the keys of a card for tests are written.
func purseKeysName(image string) string { return strings.TrimSuffix(image, ".json") + ".keys.yaml" }

// writePurseKeys writes a keyring for the card. It is never overwritten.
func writePurseKeys(image string) (string, error) {
	name := purseKeysName(image)
	switch _, err := os.Lstat(name); {
	case err == nil:
		return "", withCode(exitInput, fmt.Errorf("%s exists already: remove it first, or take another name for the card", name))
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	text := fmt.Sprintf(`# Keys of a simulated card, for tests. Everybody knows them: never put them on a card of value.
desfire: keys/v1
keys:
  "%v": {0: "aes:00000000000000000000000000000000", 1: "aes:%s/01", tmac: "aes:%s/01"}
`, purseApp, purseTestKey, purseTestTM)
	return name, wholefile.Write(name, ".keys-", bytesOf([]byte(text)))
}
