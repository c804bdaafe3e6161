//go:build unix

package execkey_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/execkey"
)

// What the user wrote on the command line may name a program.
func Example() {
	spec, err := keystore.ParseSpec("aes:exec:echo 00112233445566778899AABBCCDDEEFF/01")
	if err != nil {
		fmt.Println(err)
		return
	}
	k, err := spec.Key(context.Background(), &keystore.Config{Exec: execkey.Run})
	fmt.Println(k, err)
	// Output: AES version 01 check FDE4FB <nil>
}
