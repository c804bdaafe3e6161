package doctor

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/pn532"
)

// pn532 looks at the PN532 at an address; at the ports where one may be, if there is
// no address.
func (x *exam) pn532(address string) {
	if address != "" {
		x.named532(address)
		return
	}
	x.now("the ports of this machine")
	list, err := ask(x, question, func(context.Context) ([]string, error) { return x.m.Candidates() })
	if err != nil {
		x.find("unseen-ports", "", "the ports of this machine could not be listed: "+err.Error(), "")
	}
	if len(list) == 0 {
		if err == nil && !x.brltty() {
			x.find("port-none", "", "", "")
		}
		return
	}
	for _, c := range list {
		if x.config.Probe {
			x.named532(c)
			continue
		}
		x.find("port-there", c, "", "desfire doctor --reader pn532:"+quotedWord(c))
	}
}

// named532 looks at a port, and asks what is behind it.
func (x *exam) named532(address string) {
	x.now("pn532:" + address)
	p := x.portOf(address)
	if !x.usable(p) {
		return
	}
	x.agent(p)
	chip, err := ask(x, talking, func(ctx context.Context) (string, error) { return x.m.Probe(ctx, address) })
	if err != nil {
		x.noChip(p, err)
		return
	}
	x.find("pn532", p.address, chip, "")
	if len(x.config.Schemes) > 0 {
		x.other("pn532:" + address)
	}
}

// silent532 is what to look at on a line on which nothing answers.
var silent532 = map[string]string{
	"HSU": "set the switches of the board to HSU (mostly both off), TX to RX and RX to TX, ground to ground; give it the voltage that the board says, and take that off once",
	"I2C": "set the switches of the board to I2C (mostly 1 on, 2 off), SDA to SDA and SCL to SCL, ground to ground; give it the voltage that the board says, and take that off once",
	"SPI": "set the switches of the board to SPI (mostly 1 off, 2 on), MOSI, MISO, SCK, and SS to CE0 for spi0.0 or CE1 for spi0.1, ground to ground; give it the voltage that the board says, and take that off once",
}

// noChip says what an error of asking a chip means.
func (x *exam) noChip(p port, err error) {
	var line *pn532.LineError
	if errors.Is(err, errSlow) {
		line = &pn532.LineError{Problem: pn532.Silent}
	} else if !errors.As(err, &line) {
		x.find("place-fails", "pn532:"+p.address, err.Error(), nextOf(err))
		return
	}
	switch line.Problem {
	case pn532.Silent:
		x.find("pn532-silent", p.address, "nothing answers on "+p.line, silent532[p.line])
	case pn532.Garbage:
		x.find("pn532-garbage", p.address, "", "")
	case pn532.NotPN532:
		x.find("pn532-other", p.address, "", "")
	case pn532.Gone:
		x.find("pn532-gone", p.address, "", "")
	case pn532.InUse:
		x.find("port-held", p.address, "another program has the port open", "")
	case pn532.NoRight:
		x.noRight(p)
	case pn532.NotThere:
		x.find("port-missing", p.address, "", x.others())
	case pn532.Unsupported:
		x.find("port-unsupported", p.address, "", "")
	default:
		x.find("place-fails", "pn532:"+p.address, err.Error(), nextOf(err))
	}
}
