package tmac_test

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// A terminal reports one debit, and the card's receipt proves it.
func Example() {
	appKey, err := key.Parse("aes:00112233445566778899AABBCCDDEEFF")
	if err != nil {
		fmt.Println(err)
		return
	}
	uid := []byte{0x04, 0x78, 0x2E, 0x21, 0x80, 0x1D, 0x80}
	receipt, err := tmac.ParseReceipt([]byte{5, 0, 0, 0, 0x40, 0x1F, 0x31, 0x2A, 0x9D, 0xA5, 0xC6, 0x76})
	if err != nil {
		fmt.Println(err)
		return
	}
	var input tmac.Input
	if err := input.Add(&wire.Debit{File: 3, Amount: 250}, nil); err != nil {
		fmt.Println(err)
		return
	}
	keys, err := tmac.NewKeys(context.Background(), appKey, false, receipt.TMC, uid)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(keys.Verify(input.Bytes(), receipt.TMV))
	// Output: the transaction MAC does not fit what the terminal reports
}
