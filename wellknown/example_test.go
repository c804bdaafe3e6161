package wellknown_test

import (
	"fmt"

	"github.com/go-desfire/desfire/wellknown"
)

// Names for what a card lists, and AIDs for what people type.
func Example() {
	e, ok := wellknown.Name(0xF21190)
	fmt.Println(e, ok, e.Function)
	e, ok = wellknown.Name(0xF48121)
	fmt.Println(e, ok)
	for _, e := range wellknown.Find("opal") {
		fmt.Println(e.AID, e)
	}
	// Output:
	// Clipper (MTC, San Francisco) true multi-modal transit
	// access control and security true
	// 534531 Opal (Transport for NSW, Sydney)
}
