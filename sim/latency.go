package sim

import (
	"time"

	"github.com/go-desfire/desfire/wire"
)

// Latency is how long exchanges take at a reader with a field: what ISO/IEC 14443
// says of the frames, and assumptions about card and host. The zero value is 106
// kbit/s and no time for card and host; see ReaderLatency.
//
// From the standard: a bit lasts 128 carrier periods at 106 kbit/s (fc = 13.56 MHz;
// 9.44 us), and half of it at each next rate (ISO/IEC 14443-3, 14443-2). A frame of n bytes has
// 9n+2 bits: start bit, eight bits and parity for each, end. The card answers 1236
// carrier periods (91 us) after the command at the earliest, and the reader sends
// 1172 (86 us) after the answer (14443-3, 6.2.1). A block carries PCB and CRC around its
// data, 3 bytes; of 64 bytes (FSD and FSC of every DESFire) 61 are data, and each
// block but the last is confirmed by one of 3 bytes (14443-4).
//
// Assumed, since no public document says so: SOF and EOF of the higher rates cost as much as
// start and end bit; nobody asks for more time in blocks of their own; no CID.
type Latency struct {
	Rate  int           // kbit/s, both ways: 106, 212, 424, 848; 0 is 106
	Card  time.Duration // of a command on the card
	Write time.Duration // of a write to the card's memory, on top
	Host  time.Duration // of driver, USB and reader, both ways together
}

// ReaderLatency is a Latency with assumptions for card and host: a command takes the card 1 ms,
// a write to its memory 5 ms, the way through driver and USB 2 ms. None is measured: take
// your own where they matter.
func ReaderLatency(rate int) Latency {
	return Latency{Rate: rate, Card: time.Millisecond, Write: 5 * time.Millisecond, Host: 2 * time.Millisecond}
}

func isBitRate(n int) bool { return n == 106 || n == 212 || n == 424 || n == 848 }

// Bytes and times of ISO/IEC 14443.
const (
	carrier      = 13_560_000 // Hz
	blockAround  = 3          // PCB, CRC
	blockData    = 64 - blockAround
	answerPause  = 1236 // carrier periods, after a command
	commandPause = 1172 // after an answer
)

// Exchange is how long one takes whose frames have so many bytes, and in which the
// card writes so many times.
func (l Latency) Exchange(command, answer, writes int) time.Duration {
	return l.air(command) + l.air(answer) + l.Card + time.Duration(writes)*l.Write + l.Host
}

// air is the time of a message and of the pause after it.
func (l Latency) air(n int) time.Duration {
	bit := 128
	for rate := 106; rate < l.Rate; rate *= 2 {
		bit /= 2
	}
	const both = answerPause + commandPause
	periods := both / 2
	for first := true; first || n > 0; first = false {
		part := min(n, blockData)
		n -= part
		periods += bit * (9*(part+blockAround) + 2)
		if n > 0 { // the other side confirms
			periods += bit*(9*blockAround+2) + both
		}
	}
	return time.Duration(periods) * time.Second / carrier
}

// of is Exchange for one that has happened, and longer for commands that erase.
func (l Latency) of(x *Exchange, answer []byte, writes int) time.Duration {
	d := l.Exchange(len(x.Command), len(answer), writes)
	if s := wire.Find(wire.ClassNative, x.INS, ""); s != nil && s.Slow {
		d += slowCommand
	}
	return d
}

// slowCommand is what commands take that erase: an assumption.
const slowCommand = 100 * time.Millisecond
