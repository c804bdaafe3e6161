package pcsc

import "strings"

// profile is what must be known about a kind of reader.
type profile struct {
	name    string
	matches []string // parts of the reader's name in lower case, empty for all

	anyATR    bool // a reader for simulations: every card takes part
	noGetData bool // no reader to answer GET DATA (FF CA): it would go to the card

	// pollingOff and pollingOn stop and start the reader's own search for
	// cards, which otherwise goes on between our exchanges. While it is off,
	// the reader notices no removal.
	pollingOff, pollingOn []byte

	// commands: it keeps commands that begin with FF 00 for itself, with a card
	// and as escape commands without.
	commands bool

	// direct carries native frames, which are no ISO 7816-4 commands, as a
	// command of the reader's chip. The first that the chip does not refuse
	// is kept.
	direct []carrier

	// frame is the longest command and response, where the reader does not say.
	frame int

	// lost: an answer that is 6300 alone means that the card did not answer.
	lost bool
}

// profiles: the first that matches counts. Rows about hardware come from
// manuals; none was verified on hardware.
var profiles = [...]profile{
	{
		name: "virtual", matches: []string{"virtual pcd", "vsmartcard"},
		anyATR: true, noGetData: true,
		frame: 1<<16 - 1, // the driver's length is 16 bits
	},
	{
		// ACS, ACR122U API 2.04: PICC operating parameter 6.5 (bit 7 is
		// auto-polling, the others the kinds of card), direct transmit 6.1,
		// error 6300 of 5 and 6.
		name:       "acr122",
		matches:    []string{"acr122", "acr 122", "touchatag", "tikitag"},
		pollingOff: []byte{0xFF, 0x00, 0x51, 0x7F, 0x00},
		pollingOn:  []byte{0xFF, 0x00, 0x51, 0xFF, 0x00},
		commands:   true,
		direct:     []carrier{inCommunicateThru, inDataExchange},
		lost:       true,
	},
	{name: "standard", matches: []string{""}},
}

func profileOf(reader string) *profile {
	reader = strings.ToLower(reader)
	for i := range profiles {
		for _, part := range profiles[i].matches {
			if strings.Contains(reader, part) {
				return &profiles[i]
			}
		}
	}
	return &profiles[len(profiles)-1]
}
