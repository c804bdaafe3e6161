package pn532

import "fmt"

// Problem is what is wrong with a line, for programs that help people.
type Problem uint8

// Problems.
const (
	NotThere    Problem = iota + 1 // no such device
	NoRight                        // this user may not open it
	InUse                          // another program, or another connection of this one, has it
	Silent                         // opened, and nothing answers
	Garbage                        // bytes come, and no frame that makes sense
	NotPN532                       // frames come, of another chip
	Gone                           // it worked, and then the device left
	Unsupported                    // this system has no such line
	Failed                         // the system's error says more
	Several                        // more than one chip is there, and none was named
)

func (p Problem) String() string {
	names := [...]string{
		"", "there is no such device", "this user may not use the device", "another program uses the device",
		"nothing answers", "what answers makes no sense", "what answers is no PN532", "the device has left",
		"this system has no such line", "the device cannot be used", "there are several",
	}
	if int(p) < len(names) && p > 0 {
		return names[p]
	}
	return fmt.Sprintf("problem %d", uint8(p))
}

// LineError says why the chip at an address cannot be reached.
type LineError struct {
	Address string // as it was written, without "pn532:"; empty if none was named
	Problem Problem
	Err     error // the system's, or what was received; may be nil
}

func (e *LineError) Error() string {
	s := named(e.Address) + ": " + e.reason()
	if next := e.Next(); next != "" {
		s += ": " + next
	}
	return s
}

// Next is what to do about it, empty where the problem says all.
func (e *LineError) Next() string {
	switch e.Problem {
	case NoRight:
		return "add this user to the group of the device, on many systems dialout, i2c or spi, and log in again"
	case InUse:
		return "end that program"
	case Silent:
		return "look at its power, its wires (TX goes to RX) and the switches that choose between serial port, I2C and SPI"
	case Garbage:
		return "is a PN532 there, and does it use this line and speed?"
	}
	return ""
}

// named is an address as a place, of which the chip that is there has none.
func named(address string) string {
	if address == "" {
		return "pn532"
	}
	return "pn532:" + address
}

func (e *LineError) reason() string {
	s := e.Problem.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *LineError) Unwrap() error { return e.Err }

// InUse reports whether another program has the device, which passes.
func (e *LineError) InUse() bool { return e.Problem == InUse }
