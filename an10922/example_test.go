package an10922_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/key"
)

// Each card's key comes from one master key and the card's UID.
func Example() {
	master, err := key.Parse("aes:00112233445566778899AABBCCDDEEFF/01")
	if err != nil {
		fmt.Println(err)
		return
	}
	uid := []byte{0x04, 0x78, 0x2E, 0x21, 0x80, 0x1D, 0x80}
	k, err := an10922.Key(context.Background(), master, an10922.Input(uid, 0x3042F5, "NXP Abu"))
	fmt.Println(k, err)
	// Output: AES version 01 check C098FE <nil>
}
