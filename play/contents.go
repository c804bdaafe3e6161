package play

import (
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// Empty is the name of no content: a card as it is delivered.
const Empty = "empty"

// Content is what a card can be made with: nothing, or a layout of examples/layouts.
type Content struct {
	Name        string // of the layout, or Empty
	Title       string // a few words
	Words       string // a sentence
	Generations []wire.Generation
	Purse       *Purse // nil: it holds no value

	des bool // its master keys are of the DES family
}

// Purse is the value file of a content, and who may do what with it.
type Purse struct {
	Place     wire.Place
	File      wire.FileNo
	Pay, Load wire.KeyNo
	Value     int32 // what it is loaded with
	Step      int32 // what a person may try to pay

	slot, loads *wire.FileNo // receipts of who pays and of who loads
	value       bool         // it has no room for receipts
	policy      purse.Policy
	others      purse.Others
}

// Discovery is how to pay with the purse, or to load it; keys and journal are the
// caller's to add.
func (p *Purse) Discovery(load bool) purse.Discovery {
	d := purse.Discovery{Place: p.Place, File: p.File, KeyNo: p.Pay, Slot: p.slot, ValueOnly: p.value, Policy: p.policy, Others: p.others}
	if load {
		d.KeyNo, d.Slot = p.Load, p.loads
	}
	return d
}

// Contents are all there are, the ones that people try first in front.
func Contents() []Content {
	file := func(no wire.FileNo) *wire.FileNo { return &no }
	return []Content{
		{
			Name: "transit", Title: "Transit: purse with transaction MAC", Generations: []wire.Generation{wire.EV2, wire.EV3},
			Words: "A purse, and the card itself confirms each change by a MAC.",
			Purse: &Purse{Place: wire.Place{AID: 0xF58401}, File: 2, Pay: 1, Load: 2, Value: 5000, Step: 250},
		},
		{
			Name: "campus", Title: "Campus: doors, purse, library", Generations: []wire.Generation{wire.EV1, wire.EV2, wire.EV3},
			Words: "Three applications with keys of their own, and a purse with receipts.",
			Purse: &Purse{Place: wire.Place{AID: 0xF48122}, File: 1, Pay: 1, Load: 2, Value: 25000, Step: 250, slot: file(2), loads: file(4), policy: purse.Accidents},
		},
		{
			Name: "visitor", Title: "Visitor badge", Generations: []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3},
			Words: "One file under keys of the DES family, which every card has.", des: true,
		},
		{
			Name: "sun-ev3", Title: "NDEF with SUN, DESFire", Generations: []wire.Generation{wire.EV3},
			Words: "A web address that is another one at each tap, and that a server can check.",
		},
		{
			Name: "sun-ntag424", Title: "NDEF with SUN, NTAG 424 DNA", Generations: []wire.Generation{wire.NTAG424},
			Words: "A web address that is another one at each tap, and that a server can check.",
		},
		{
			Name: "light", Title: "Purse on DESFire Light", Generations: []wire.Generation{wire.Light},
			Words: "The application that these cards have from the start, with keys of its own.",
			Purse: &Purse{Place: wire.Place{Fixed: true}, File: 3, Pay: 1, Load: 2, Value: 5000, Step: 250},
		},
		{
			Name: "delegated", Title: "Application of somebody else", Generations: []wire.Generation{wire.EV2, wire.EV3},
			Words: "A café counts stamps in memory that the issuer of the card has given away.",
			Purse: &Purse{Place: wire.Place{AID: 0xF70001}, File: 1, Pay: 0, Load: 1, Value: 8, Step: 1, value: true, policy: purse.Accidents, others: purse.OthersNothing},
		},
		{
			Name: Empty, Title: "Empty", Generations: []wire.Generation{wire.D40, wire.EV1, wire.EV2, wire.EV3, wire.Light, wire.NTAG424},
			Words: "As it is delivered: every key is zero.",
		},
	}
}

// Find is the content of a name.
func Find(name string) (Content, bool) {
	for _, c := range Contents() {
		if c.Name == name {
			return c, true
		}
	}
	return Content{}, false
}
