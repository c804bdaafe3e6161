package pn532

import "fmt"

// Commands (user manual, 7).
const (
	cmdDiagnose            = 0x00
	cmdGetFirmwareVersion  = 0x02
	cmdSetParameters       = 0x12
	cmdSAMConfiguration    = 0x14
	cmdRFConfiguration     = 0x32
	cmdInDataExchange      = 0x40
	cmdInListPassiveTarget = 0x4A
	cmdInPSL               = 0x4E
	cmdInRelease           = 0x52
)

// Parts of commands.
const (
	diagnoseLine     = 0x00 // gives back what it was given
	diagnosePresence = 0x06 // R(NAK) to an ISO 14443-4 card: no command of the card

	rfField      = 0x01
	rfTimings    = 0x02
	rfRetriesCOM = 0x04
	rfRetries    = 0x05

	moreInformation = 0x40 // in the number of a target and in a status
	statusMask      = 0x3F
	target1         = 1
)

// Status is what the chip says of a command (user manual, 7.1). Zero is success.
type Status byte

// statuses are those that a reader of cards can meet.
var statuses = map[Status]string{
	0x01: "the card did not answer in time",
	0x02: "checksum error on the air",
	0x03: "parity error on the air",
	0x04: "wrong bit count in the anticollision",
	0x05: "framing error on the air",
	0x06: "collision on the air",
	0x07: "the chip's buffer is too small",
	0x09: "the chip's buffer for the air overflowed",
	0x0A: "the field was not switched on in time",
	0x0B: "protocol error on the air",
	0x0D: "the chip is too hot",
	0x0E: "the chip's buffer overflowed",
	0x10: "invalid parameter",
	0x13: "the card's answer has not the form that was expected",
	0x23: "wrong check byte of the UID",
	0x26: "not allowed in this configuration",
	0x27: "not acceptable in this state: no card is activated",
	0x29: "the card was released",
	0x2A: "another card lies there",
	0x2B: "the card has left",
	0x2D: "too much current",
}

func (s Status) String() string {
	if text, ok := statuses[s]; ok {
		return fmt.Sprintf("status %02X, %s", byte(s), text)
	}
	return fmt.Sprintf("status %02X", byte(s))
}

// StatusError is a status of the chip that is no success. What became of the
// card's command it does not tell.
type StatusError struct{ Status Status }

func (e *StatusError) Error() string { return "the PN532 says " + e.Status.String() }
