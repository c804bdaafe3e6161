package pkcs11_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/execkey"
	"github.com/go-desfire/desfire/keystore/pkcs11"
)

// A master key stays in its token, which derives the card's key of it. That key is
// in memory, and can be part of a key change; the master cannot.
func ExampleOpen() {
	use := func(ctx context.Context, card *desfire.Card, prompt keystore.Prompt) error {
		m, err := pkcs11.Open("/usr/lib/softhsm/libsofthsm2.so", &pkcs11.Config{PIN: pkcs11.Ask(prompt)})
		if err != nil {
			return err
		}
		defer m.Close()
		u, err := pkcs11.ParseURI("pkcs11:token=campus;object=master/01")
		if err != nil {
			return err
		}
		master, err := m.Key(ctx, u)
		if err != nil {
			return err
		}
		k, err := an10922.Key(ctx, master, an10922.Input(card.UID(), 0xF48121, "campus purse"))
		if err != nil {
			return err
		}
		defer k.Wipe()
		return card.Authenticate(ctx, 1, k)
	}
	_ = use
}

// A program without a person takes the PIN from a variable, or from a program.
func ExampleFromEnv() {
	for _, pin := range []pkcs11.PIN{
		pkcs11.FromEnv("CAMPUS_PIN"),
		pkcs11.FromExec(execkey.Run, []string{"pass", "show", "campus/pin"}),
	} {
		_ = &pkcs11.Config{PIN: pin}
	}
}

// What a URI says is known without a module, and holds no PIN.
func ExampleParseURI() {
	u, err := pkcs11.ParseURI("pkcs11:token=campus;object=master/01")
	fmt.Println(u.Facts(), err)
	_, err = pkcs11.ParseURI("pkcs11:token=campus;object=master?pin-value=4711")
	fmt.Println(err)
	// Output:
	// key of unknown type version 01 pkcs11:token=campus;object=master/01 <nil>
	// pkcs11: key URI: it has pin-value: a PIN is never part of a name, which ends up in lists and logs; it is typed, or comes from pin-source=env:NAME or pin-source=exec:PROGRAM
}
