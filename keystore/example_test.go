package keystore_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// A program takes any store; the user says where keys are.
func Example() {
	ctx := context.Background()
	read, err := keystore.ParseRef("*/121314/2")
	if err != nil {
		log.Fatal(err)
	}
	var store keystore.Store = keystore.Map{read: {Key: key.Zero(key.TypeAES), Source: "as delivered"}}

	want := keystore.Ref{UID: "\x04\x11\x22\x33\x44\x55\x66", Place: wire.Place{AID: 0x121314}, Key: keystore.Number(2)}
	facts, ok, err := store.Has(ctx, want) // prompts nobody
	fmt.Println(facts, ok, err)
	k, err := store.Key(ctx, want)
	fmt.Println(k, err)

	want.Key = keystore.RoleTransactionMAC.ID()
	_, err = store.Key(ctx, want)
	fmt.Println(errors.Is(err, keystore.ErrNotFound))
	fmt.Println(err)
	// Output:
	// AES version 00 check 66E94B as delivered true <nil>
	// AES version 00 check 66E94B <nil>
	// true
	// keystore: no key for 04112233445566/121314/tmac, the transaction MAC key of application 121314 on card 04112233445566
}
