package phone

import "time"

// clock is the time; tests have their own.
type clock interface {
	Now() time.Time
	After(d time.Duration) <-chan time.Time
}

type systemClock struct{}

func (systemClock) Now() time.Time                         { return time.Now() }
func (systemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// Times.
const (
	beat        = time.Second     // how often a connection is looked at
	pingEvery   = 2 * time.Second // how often the computer pings
	deadAfter   = 6 * time.Second // how long the other end may be silent
	helloLimit  = 5 * time.Second // for the first message
	writeLimit  = 5 * time.Second // for one message to leave
	lastWords   = time.Second     // for a bye to be read
	pairLimit   = 2 * time.Minute // for the digits to be typed and confirmed
	bookEvery   = 200 * time.Millisecond
	failPeriod  = 10 * time.Minute // in which
	failLimit   = 5                // pairings may fail
	firstRetry  = 250 * time.Millisecond
	lastRetry   = 2 * time.Second
	cardPeriod  = 10 * time.Second // in which
	cardLimit   = 100              // cards may come to a phone
	dialLimit   = 5 * time.Second
	listPatient = 3 * time.Second
)
