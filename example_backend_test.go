package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/originality"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// exampleDo runs commands that must work.
func exampleDo(card *desfire.Card, cmds ...wire.Request[*wire.Empty]) {
	for _, cmd := range cmds {
		if _, err := desfire.Do(context.Background(), card, cmd); err != nil {
			panic(err)
		}
	}
}

// aesApplication is a card with an application of AES keys, selected, and a
// session of its master key.
func aesApplication(g desfire.Generation, cmds ...wire.Request[*wire.Empty]) (*sim.Card, *desfire.Card) {
	picc, err := sim.New(&sim.Config{Generation: g, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		panic(err)
	}
	card := connect(exampleFatal{}, picc)
	exampleDo(card, &wire.CreateApplication{
		AID: farebox, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 3), KS3: wire.SettKeySets,
		KeySetConfig: wire.KeySetConfig{AKSVersion: 1, NoKeySets: 2, MaxKeySize: 16, AppKeySetSett: 2},
	}, &wire.SelectApplication{AID: farebox})
	if err := card.Authenticate(context.Background(), 0, key.Zero(key.TypeAES)); err != nil {
		panic(err)
	}
	exampleDo(card, cmds...)
	return picc, card
}

// A terminal debits and sends what it did to the back end, which has the key and
// believes the card alone.
func ExampleCard_TransactTMAC() {
	ctx := context.Background()
	secret := key.Zero(key.TypeAES) // of the back end
	_, card := aesApplication(wire.EV3,
		&wire.CreateValueFile{File: purse, Option: wire.OptionMAC, Access: wire.AccessRights{Read: 0, Write: 0, ReadWrite: 0, Change: 0}, Upper: 100, Value: 50},
		&wire.CreateTransactionMACFile{
			File: 15, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(secret.Export()),
			Access: wire.AccessRights{Read: wire.Free, Write: wire.Never, ReadWrite: 0, Change: 0},
		})
	if _, err := card.FileSettings(ctx, purse); err != nil {
		fmt.Println(err)
		return
	}
	report, err := card.TransactTMAC(ctx, func() error {
		if err := card.Debit(ctx, purse, fare); err != nil {
			return err
		}
		_, err := card.CommitReaderID(ctx, [16]byte{0xB0, 0x55})
		return err
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// The back end:
	previous, err := report.Verify(ctx, secret)
	fmt.Println("transaction", report.Receipt.TMC, err)
	fmt.Printf("the reader before: %X\n", *previous)
	// Output:
	// transaction 1 <nil>
	// the reader before: 00000000000000000000000000000000
}

// A tag shows a URL that proves itself to a web server.
func ExampleCard_ProvisionSDM() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.NTAG424, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		fmt.Println(err)
		return
	}
	provision := func(card *desfire.Card, template *sdm.Template) error {
		content, settings, err := template.NDEFFile(256, 2, 1, wire.Never)
		if err != nil {
			return err
		}
		if _, err := card.ISOSelectName(ctx, wire.NDEFName[:]); err != nil {
			return err
		}
		if err := card.Authenticate(ctx, 0, key.Zero(key.TypeAES)); err != nil {
			return err
		}
		if _, err := card.FileSettings(ctx, 2); err != nil {
			return err
		}
		rights := wire.AccessRights{Read: wire.Free, Write: 0, ReadWrite: 0, Change: 0}
		return card.ProvisionSDM(ctx, &desfire.SDMFile{File: 2, Content: content, SDM: settings, Access: &rights})
	}
	template, err := sdm.ParseTemplate("https://example.com/t?p={picc}&m={mac}", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(provision(connect(exampleFatal{}, picc), template))
	// Output: <nil>
}

func ExampleCard_Originality() {
	ctx := context.Background()
	card := connect(exampleFatal{}, transitCard(exampleFatal{}, wire.EV3, 25))
	o, err := card.Originality(ctx)
	switch {
	case errors.Is(err, originality.ErrNotSigned):
		fmt.Printf("NXP has not signed %X\n", o.UID) // it is simulated
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println("signed by the key of", o.Key.Products)
	}
	// Output: NXP has not signed 04010203040506
}

// New keys for a whole application: filled in advance, active at once.
func ExampleCard_LoadKeySet() {
	ctx := context.Background()
	_, card := aesApplication(wire.EV3)
	set := &desfire.KeySet{Set: 1, Version: 2, Type: key.TypeAES}
	for no := range byte(3) {
		set.Keys = append(set.Keys, newKey(exampleFatal{}, key.TypeAES, no+1))
	}
	fmt.Println(card.LoadKeySet(ctx, set))
	fmt.Println(card.Authenticate(ctx, 2, key.Zero(key.TypeAES))) // the roll key
	fmt.Println(card.RollKeySet(ctx, 1))
	fmt.Println(card.Authenticate(ctx, 0, set.Keys[0]))
	// Output:
	// <nil>
	// <nil>
	// <nil>
	// <nil>
}

// The card's issuer signs what somebody else may create on the card.
func ExampleCard_CreateDelegatedApplication() {
	create := func(ctx context.Context, card *desfire.Card, auth key.Key, issuer *dam.Signer, first *key.Secret) error {
		app := &wire.CreateDelegatedApplication{
			AID: 0x3042F5, Slot: 1, Quota: 32, KS1: 0x0F, KS2: wire.NewKeySett2(wire.KeyAES, 2),
		}
		if err := issuer.Sign(ctx, app, first); err != nil { // without the card
			return err
		}
		return card.CreateDelegatedApplication(ctx, auth, app)
	}
	_ = create
}

func ExampleCard_CheckProximity() {
	check := func(ctx context.Context, card *desfire.Card, k key.Key) error {
		p, err := card.CheckProximity(ctx, k, &desfire.ProximityConfig{Limit: 15 * time.Millisecond})
		var far *desfire.TooFarError
		if errors.As(err, &far) {
			fmt.Println("too slow for a card on this reader:", p.Rounds)
		}
		return err
	}
	_ = check
}
