package desfire_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// badgeRights are those of files that key 1 reads and key 2 writes.
var badgeRights = wire.AccessRights{Read: 1, Write: 2, ReadWrite: 2, Change: 0}

// badge is a connection to an EV2 card with an application of three AES keys,
// and an enciphered file 1 of 32 bytes.
func badge(conf *desfire.Config) (*sim.Card, *desfire.Card) {
	picc, card := aesApplication(wire.EV2, &wire.CreateStdDataFile{File: 1, Option: wire.OptionFull, Access: badgeRights, Size: 32})
	if err := card.Close(); err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(context.Background(), picc.Present(), conf)
	if err != nil {
		log.Fatal(err)
	}
	return picc, card
}

// Select, authenticate, read and write. How a file's data is protected on its
// way the Card asks for itself, in the session, once.
func ExampleCard_Authenticate() {
	ctx := context.Background()
	_, card := badge(nil)
	writer := key.Zero(key.TypeAES)

	if err := card.SelectApplication(ctx, farebox); err != nil {
		log.Fatal(err)
	}
	if err := card.Authenticate(ctx, 2, writer); err != nil {
		log.Fatal(err)
	}
	if err := card.WriteData(ctx, 1, 0, []byte("Ada Lovelace")); err != nil {
		log.Fatal(err)
	}
	data, err := card.ReadData(ctx, 1, 0, 12)
	fmt.Printf("%s, %v\n", data, err)
	session, _ := card.Session()
	fmt.Println("key", session.KeyNo, "by", session.Method)
	// Output:
	// Ada Lovelace, <nil>
	// key 2 by EV2
}

// Personalise a card: an application with two AES keys of its own, and a file
// that key 1 reads. The keys as delivered are zeros. The master key is changed
// last, since it ends the session that it opened.
func ExampleCard_CreateApplication() {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		log.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	if err != nil {
		log.Fatal(err)
	}
	const aid desfire.AID = 0x121314
	zero := key.Zero(key.TypeAES)
	master, err := key.NewAES([]byte("not a good secret"[:16]), 1)
	if err != nil {
		log.Fatal(err)
	}
	reader, err := key.NewAES([]byte("nor is this one."), 1)
	if err != nil {
		log.Fatal(err)
	}
	steps := []func() error{
		func() error {
			return card.CreateApplication(ctx, &wire.CreateApplication{AID: aid, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)})
		},
		func() error { return card.SelectApplication(ctx, aid) },
		func() error { return card.Authenticate(ctx, 0, zero) },
		func() error {
			return card.CreateFile(ctx, &wire.CreateStdDataFile{
				File: 1, Size: 32, Option: wire.OptionFull,
				Access: wire.AccessRights{Read: 1, Write: 0, ReadWrite: wire.Never, Change: 0},
			})
		},
		func() error { return card.WriteData(ctx, 1, 0, []byte("Ada Lovelace")) },
		func() error { return card.ChangeKey(ctx, 1, reader, zero) },
		func() error { return card.ChangeKey(ctx, 0, master, nil) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			log.Fatal(err)
		}
	}

	if err := card.Authenticate(ctx, 1, reader); err != nil {
		log.Fatal(err)
	}
	name, err := card.ReadData(ctx, 1, 0, 12)
	fmt.Printf("%s, %v\n", name, err)
	// Output: Ada Lovelace, <nil>
}

// Observe sees every command and its answer in words, without keys.
func ExampleConfig_observe() {
	ctx := context.Background()
	_, card := badge(&desfire.Config{Observe: func(x *desfire.Exchange) {
		fmt.Println(x.Command.Spec().Name, x.Session, x.Mode, x.Status)
	}})
	if err := card.SelectApplication(ctx, farebox); err != nil {
		log.Fatal(err)
	}
	if err := card.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err != nil {
		log.Fatal(err)
	}
	if _, err := card.ReadData(ctx, 1, 0, 32); err != nil {
		log.Fatal(err)
	}
	// Output:
	// GetVersion none plain OPERATION_OK (9100): done
	// SelectApplication none plain OPERATION_OK (9100): done
	// AuthenticateEV2First none plain ADDITIONAL_FRAME (91AF): more to come
	// AuthenticateEV2FirstPart2 none plain OPERATION_OK (9100): done
	// GetFileSettings ev2 mac OPERATION_OK (9100): done
	// ReadData ev2 full OPERATION_OK (9100): done
}

// Settings that are known beforehand spare the question for them, one exchange
// for each file and connection.
func ExampleCard_AssumeFileSettings() {
	ctx := context.Background()
	picc, card := badge(nil)
	if err := card.SelectApplication(ctx, farebox); err != nil {
		log.Fatal(err)
	}
	if err := card.AssumeFileSettings(1, wire.FileSettings{
		Type: wire.FileStandard, Option: wire.OptionFull, Access: badgeRights, Size: 32,
	}); err != nil {
		log.Fatal(err)
	}
	if err := card.Authenticate(ctx, 1, key.Zero(key.TypeAES)); err != nil {
		log.Fatal(err)
	}
	before := picc.Exchanges()
	_, err := card.ReadData(ctx, 1, 0, 32)
	fmt.Println(picc.Exchanges()-before, "exchange,", err)
	// Output: 1 exchange, <nil>
}

// The commit's answer is lost: the debit was done, or it was not, or it is done
// later by somebody who held the commit back. Settle excludes the last, and
// tells what the card holds.
func ExampleCard_Settle() {
	ctx := context.Background()
	picc, card := aesApplication(wire.EV2, &wire.CreateValueFile{
		File: purse, Option: wire.OptionFull, Access: badgeRights, Upper: 100, Value: 50,
	})
	login := desfire.SettleKey{No: 2, Key: key.Zero(key.TypeAES)}
	if err := card.Authenticate(ctx, login.No, login.Key); err != nil {
		log.Fatal(err)
	}
	_, err := card.Transact(ctx, func() error {
		err := card.Debit(ctx, purse, fare)
		picc.Inject(sim.Fault{Exchange: 1, Kind: sim.LosePowerAfter}) // of the commit
		return err
	})
	var unknown *desfire.OutcomeUnknownError
	fmt.Println("unknown:", errors.As(err, &unknown), "safe to retry:", desfire.SafeToRetry(err))

	if err := picc.Return(); err != nil {
		log.Fatal(err)
	}
	if card, err = desfire.Connect(ctx, picc.Present(), nil); err != nil {
		log.Fatal(err)
	}
	file := purse
	s, err := card.Settle(ctx, &desfire.SettleConfig{Place: desfire.Place{AID: farebox}, Login: login, Value: &file})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("value:", *s.Value, "protected:", s.Protected, "fence:", s.Fence)
	// Output:
	// unknown: true safe to retry: false
	// value: 47 protected: true fence: abort
}

// notBooked is an error of a program whose books say that something was done.
type notBooked struct{ error }

func (notBooked) SafeToRetry() bool { return false }
func (e notBooked) Unwrap() error   { return e.error }

// A program that did something of its own in the job says no to a repeat. Nobody
// can say yes where the reader says no.
func ExampleSafeToRetry() {
	ctx := context.Background()
	picc, card := badge(nil)
	picc.TearAfter(1) // power is gone in the next exchange
	err := card.SelectApplication(ctx, farebox)
	fmt.Println(desfire.SafeToRetry(err))
	fmt.Println(desfire.SafeToRetry(notBooked{err}))
	fmt.Println(desfire.SafeToRetry(errors.New("the printer is on fire")))
	// Output:
	// true
	// false
	// false
}

// Select, authenticate, look, debit and commit: in four round trips at most over a reader that carries
// scripts, and frame by frame over any other.
func ExampleCard_Sequence() {
	ctx := context.Background()
	_, card := aesApplication(wire.EV3, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: badgeRights, Upper: 100, Value: 50})

	if err := card.Enter(ctx, desfire.Place{AID: farebox}, 2, key.Zero(key.TypeAES)); err != nil {
		log.Fatal(err)
	}
	balance := desfire.Cmd(&wire.GetValue{File: 1})
	commit := desfire.Cmd(&wire.CommitTransaction{})
	err := card.Sequence(ctx, balance, desfire.Cmd(&wire.Debit{File: 1, Amount: 5}), commit)
	var unknown *desfire.OutcomeUnknownError
	switch {
	case errors.As(err, &unknown):
		fmt.Println("look at the card:", unknown.Command, "may have happened")
	case err != nil:
		fmt.Println("not paid:", err)
	default:
		fmt.Println("paid 5 of", balance.Response.Value)
	}
	// Output: paid 5 of 50
}
