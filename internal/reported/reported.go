// Package reported has cards that answer as those of public bug reports did. For
// tests only.
package reported

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Card is a scripted card, in both framings. It implements a transport.
type Card struct {
	d        *script
	selected string // AID as on the wire, hexadecimal
	asked    int    // frames of GetVersion so far
	naming   bool   // GetDFNames is open
	dead     bool
	refusals int // what was refused for the first time, in all activations

	Sent       []string // every frame
	Activation int      // how often the card was activated anew
}

// script is what a card answers to native commands. Keys are INS and data in
// hexadecimal, or INS alone, behind the AID and a colon where they are of an
// application; values are a status byte and data.
type script struct {
	version [3]string
	answers map[string]string
	refuse  string // a status for every command
	iso     string // what ISO 7816-4 commands answer, and with wrapped also class 90
	wrapped bool
	// AF in GetVersion is refused with 1C: always (-1), or so often; GetVersion
	// itself with CA so often; and GetDFNames leaves the card dead.
	midway, aborts int
	killed         bool
}

const (
	uid      = "04112233445580"
	produced = uid + "21207130304025"
)

var (
	ev3  = [3]string{"04010133001605", "04010103001605", produced}
	card = map[string]string{"5A": "00", "45": "000F01", "64": "0000", "6E": "00000800", "6F": "00", "61": "00", "6D": "00", "6A": "00"}
)

// scripts are the cards, by the name of what they do.
var scripts = map[string]script{
	"refuses GetVersion":                  {refuse: "1C"},
	"disabled":                            {refuse: "CD"},
	"wants authentication for GetVersion": {version: ev3, answers: with(card, "60", "AE")},
	"aborts once":                         {version: ev3, answers: card, aborts: 1},
	"refuses midway once":                 {version: ev3, answers: card, midway: 1},
	"refuses midway":                      {version: ev3, answers: card, midway: -1},
	"phone":                               {iso: "6800", wrapped: true},
	"payment card":                        {iso: "6E00", wrapped: true},
	"names kill it":                       {version: ev3, answers: with(card, "6A", "00010000"), killed: true},
	"transaction MAC": {version: ev3, answers: with(card,
		"6A", "00D71CF5563412AABBCC", "45", "000F81", "BD", "AE", "AD", "AE",
		"D71CF5:45", "00EB8A", "D71CF5:6F", "000205", "D71CF5:F502", "000083001F90000007FF2FFF3FFF4FFF5FFF6FFF7FFF8F", "D71CF5:F505", "000500EF000200",
		"563412:45", "000F80", "563412:64", "40",
		"AABBCC:45", "AE", "AABBCC:6F", "AE")},
	"DUOX":        {version: [3]string{"040101A0001625", "04010700011625", produced}, answers: card},
	"MIFARE 2GO":  {version: [3]string{"04A100F2001A05", "04A100F2001A05", "0000000000000000000000002817"}, answers: card},
	"P71":         {version: [3]string{"04810043011A05", "04814603001A05", produced}, answers: card},
	"EV2 16K":     {version: [3]string{"04010212001A05", "04010102011A05", uid + "CF5D1455404021"}, answers: card},
	"EV1 2K":      {version: [3]string{"04010101001605", "04010101041605", uid + "BA5490DB802114"}, answers: card},
	"no calendar": {version: [3]string{"04010100011805", "04010100011805", uid + "7B9839DC4F8A44"}, answers: card},
}

func with(base map[string]string, pairs ...string) map[string]string {
	m := map[string]string{}
	for k, v := range base {
		m[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// Names are those of all cards.
func Names() (names []string) {
	for name := range scripts {
		names = append(names, name)
	}
	return names
}

// New returns a card by its name, nil if there is none.
func New(name string) *Card {
	s, ok := scripts[name]
	if !ok {
		return nil
	}
	return &Card{d: &s, selected: "000000"}
}

func (c *Card) String() string { return "a card of a report" }

// Reconnect activates the card anew.
func (c *Card) Reconnect(context.Context) error {
	c.selected, c.asked, c.naming, c.dead = "000000", 0, false, false
	c.Activation++
	return nil
}

// Transmit answers a frame.
func (c *Card) Transmit(_ context.Context, frame []byte) ([]byte, error) {
	c.Sent = append(c.Sent, strings.ToUpper(hex.EncodeToString(frame)))
	f, status := wire.ParseCommand(frame)
	switch {
	case f.Framing == wire.FramingNative:
		return unhex(c.native(f.INS, f.Data)), nil
	case c.d.iso != "":
		if f.Class == wire.ClassISO {
			return unhex("6A82"), nil
		}
		return unhex(c.d.iso), nil
	case f.Class == wire.ClassISO:
		return unhex("6A82"), nil
	case status != wire.StatusOK:
		return unhex("917E"), nil
	}
	a := c.native(f.INS, f.Data)
	return unhex(a[2:] + "91" + a[:2]), nil
}

// native is a status byte and data, in hexadecimal.
func (c *Card) native(ins byte, data []byte) string {
	switch {
	case c.d.refuse != "":
		return c.d.refuse
	case c.d.iso != "":
		return c.d.iso
	case c.dead:
		return "CD"
	}
	command := strings.ToUpper(hex.EncodeToString(append([]byte{ins}, data...)))
	switch ins {
	case wire.InsSelectApplication:
		c.selected = command[2:]
	case wire.InsGetVersion:
		if a, ok := c.d.answers["60"]; ok {
			return a
		}
		if c.refusals < c.d.aborts {
			c.refusals++
			return "CA"
		}
		c.asked = 1
		return "AF" + c.d.version[0]
	case wire.InsGetDFNames:
		if c.d.killed {
			c.naming = true
			return "AF010000341266616B6531"
		}
	case wire.InsAdditionalFrame:
		return c.more()
	}
	for _, key := range [...]string{c.selected + ":" + command, c.selected + ":" + command[:2], command, command[:2]} {
		if a, ok := c.d.answers[key]; ok {
			return a
		}
	}
	return "1C"
}

// more answers a further frame.
func (c *Card) more() string {
	switch {
	case c.naming:
		c.naming, c.dead = false, true
		return "C1"
	case c.asked == 0, c.asked > 2:
		return "1C"
	case c.d.midway < 0, c.refusals < c.d.midway:
		c.refusals++
		c.asked = 0
		return "1C"
	}
	c.asked++
	if c.asked == 3 {
		return "00" + c.d.version[2]
	}
	return "AF" + c.d.version[1]
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
