package dissect

import (
	"time"

	"github.com/go-desfire/desfire/trace"
)

// What travels at 106 kbit/s (ISO 14443-3 and -4): a bit takes 128 periods of
// 13.56 MHz, a byte has a parity bit, and a block has a byte before and two
// behind the frame.
const (
	airByte   = 9 * 128 * time.Second / 13560000
	airAround = 3
)

// timesOf splits the time that a message took, nil if the recording has none.
func timesOf(t *trace.Message, exchange func(int) *trace.Exchange) *Times {
	times := new(Times)
	for _, f := range t.Frames {
		e := exchange(f.Exchange)
		if e == nil || e.Took <= 0 {
			continue
		}
		times.Took += time.Duration(e.Took) * time.Microsecond
		from, to := bounds(f.Command, len(e.Command))
		times.Command += OnAir(to - from)
		if from, to = bounds(f.Response, len(e.Response)); to > from {
			times.Answer += OnAir(to - from)
		}
	}
	if times.Took == 0 {
		return nil
	}
	times.Card = times.Took - times.Command - times.Answer
	if times.Reckoned = times.Card > 0; !times.Reckoned || t.Lines[0].Whose != "" {
		*times = Times{Took: times.Took}
	}
	return times
}

// OnAir is how long a frame of n bytes takes on the air at 106 kbit/s, with what goes
// around it. What the card computes meanwhile is not in it.
func OnAir(n int) time.Duration { return time.Duration(n+airAround) * airByte }
