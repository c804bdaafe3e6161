package libnfc

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
)

// Statuses of the PN532 (user manual, 7.1).
const (
	chipOK         = 0x00
	chipTimeout    = 0x01 // the target does not answer
	chipNotAllowed = 0x27 // not acceptable in this context
)

// field is what the antenna sees.
type field interface {
	// activate wakes and selects the card. A UID picks one card; nil picks any.
	// It returns nil if there is none.
	activate(uid []byte) *target
	// off takes the power away from the card.
	off()
}

// target is an activated card.
type target struct {
	atqa     [2]byte // most significant byte first
	sak      byte
	uid, ats []byte // the ATS begins with its length
	transmit func(ctx context.Context, command []byte) ([]byte, error)
}

// pn532 is the chip. It executes one command at a time.
type pn532 struct {
	field field

	mu        sync.Mutex
	registers map[uint16]byte
	target    *target
	contacts  int
	pending   []byte // of a command that comes in pieces
	log       []string
}

func newPN532(f field) *pn532 { return &pn532{field: f, registers: make(map[uint16]byte)} }

// touched is how many times the chip turned to a card.
func (p *pn532) touched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.contacts
}

// history is the last commands, for the report of a failed test.
func (p *pn532) history() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.log[max(0, len(p.log)-40):], "\n")
}

// execute is the handler of serveHSU.
func (p *pn532) execute(c []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	answer := p.run(c[0], c[1:])
	if answer != nil {
		answer = append([]byte{c[0] + 1}, answer...)
	}
	p.log = append(p.log, fmt.Sprintf("%s %X -> %X", command(c[0]), c[1:], answer))
	return answer
}

// run returns the answer's data, nil for an unknown command.
func (p *pn532) run(code byte, in []byte) []byte {
	switch code {
	case 0x00: // Diagnose
		return p.diagnose(in)
	case 0x02: // GetFirmwareVersion: PN532 v1.6, ISO 14443 A and B, ISO 18092
		return []byte{0x32, 0x01, 0x06, 0x07}
	case 0x06: // ReadRegister
		out := []byte{}
		for ; len(in) >= 2; in = in[2:] {
			out = append(out, p.registers[uint16(in[0])<<8|uint16(in[1])])
		}
		return out
	case 0x08: // WriteRegister
		for ; len(in) >= 3; in = in[3:] {
			p.registers[uint16(in[0])<<8|uint16(in[1])] = in[2]
		}
		return []byte{}
	case 0x12, 0x14: // SetParameters, SAMConfiguration
		return []byte{}
	case 0x16: // PowerDown
		p.fieldOff()
		return []byte{chipOK}
	case 0x32: // RFConfiguration: item 1, bit 0 is the field
		if len(in) == 2 && in[0] == 1 && in[1]&1 == 0 {
			p.fieldOff()
		}
		return []byte{}
	case 0x40:
		return p.dataExchange(in)
	case 0x42: // InCommunicateThru: libnfc looks for other kinds of cards with it
		return []byte{chipTimeout}
	case 0x44, 0x52: // InDeselect, InRelease
		p.target = nil
		return []byte{chipOK}
	case 0x4A:
		return p.listPassiveTarget(in)
	case 0x4E, 0x54: // InPSL, InSelect
		if p.target == nil {
			return []byte{chipNotAllowed}
		}
		return []byte{chipOK}
	}
	return nil
}

func (p *pn532) fieldOff() {
	p.target = nil
	p.field.off()
}

func (p *pn532) diagnose(in []byte) []byte {
	switch {
	case len(in) > 0 && in[0] == 0: // communication line
		return in
	case len(in) > 0 && in[0] == 6: // is the ISO 14443-4 card still there
		if p.target == nil {
			return []byte{chipNotAllowed}
		}
		return []byte{chipOK}
	}
	return []byte{chipOK}
}

// listPassiveTarget activates a card: number of targets wanted, modulation,
// and data, for type A the UID with its cascade tags.
func (p *pn532) listPassiveTarget(in []byte) []byte {
	p.target = nil
	if len(in) < 2 || in[1] != 0 { // 106 kbit/s type A only
		return []byte{0}
	}
	uid := in[2:]
	if len(uid) == 8 && uid[0] == 0x88 { // cascade tag
		uid = uid[1:]
	}
	p.contacts++
	t := p.field.activate(uid)
	if t == nil {
		return []byte{0}
	}
	p.target, p.pending = t, nil
	out := []byte{1, 1, t.atqa[0], t.atqa[1], t.sak, byte(len(t.uid))}
	out = append(out, t.uid...)
	return append(out, t.ats...)
}

// moreInformation in the target number says that a command goes on.
const moreInformation = 0x40

func (p *pn532) dataExchange(in []byte) []byte {
	if p.target == nil || len(in) < 1 || in[0]&^moreInformation != 1 {
		return []byte{chipNotAllowed}
	}
	p.pending = append(p.pending, in[1:]...)
	if in[0]&moreInformation != 0 {
		return []byte{chipOK}
	}
	frame := p.pending
	p.pending = nil
	p.contacts++
	response, err := p.target.transmit(context.Background(), frame)
	if err != nil {
		p.log = append(p.log, "   "+err.Error())
		return []byte{chipTimeout}
	}
	return append([]byte{chipOK}, bytes.Clone(response)...)
}
