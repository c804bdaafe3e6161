package pn532

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Tried is a candidate, and why it is not the one.
type Tried struct {
	Candidate
	Err error // nil if a PN532 answered there
}

// SeekError says why "pn532:" without an address led to no chip.
type SeekError struct {
	Tried []Tried
	Err   error // what could not be listed; may be nil
}

func (e *SeekError) Error() string {
	var found, tried []string
	for _, t := range e.Tried {
		if t.Err == nil {
			found = append(found, "pn532:"+t.Address)
			continue
		}
		why := t.Err.Error()
		var line *LineError
		if errors.As(t.Err, &line) {
			why = line.reason()
		}
		tried = append(tried, t.Candidate.String()+": "+why)
	}
	if len(found) > 1 {
		return "more than one PN532 is there: name one, " + strings.Join(found, " or ")
	}
	s := "tried " + strings.Join(tried, ", ")
	if len(tried) == 0 {
		s = "this machine shows no I2C or SPI bus and no USB serial adapter"
	}
	if e.Err != nil {
		s += "; " + e.Err.Error()
	}
	return s + "; one at the serial pins of a board is not looked for: name it, such as pn532:/dev/serial0"
}

func (e *SeekError) Unwrap() []error {
	var all []error
	for _, t := range e.Tried {
		if t.Err != nil {
			all = append(all, t.Err)
		}
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// errHeld is why nothing was written to a device.
var errHeld = errors.New("not tried")

// maxSeeks is how often a candidate that has never answered is written to.
const maxSeeks = 3

// seeker finds the chip that is there, again and again. It writes nothing to a device
// that another program has open, and does not bother one that never answered for ever.
type seeker struct {
	list  func() ([]Candidate, error)
	probe func(ctx context.Context, c Candidate) error

	mu     sync.Mutex
	seeks  map[string]int
	silent map[string]error // what came of the last
}

func newSeeker() *seeker {
	return &seeker{list: Candidates, probe: probeCandidate, seeks: map[string]int{}, silent: map[string]error{}}
}

// seek returns the address of the one chip that is there.
func (s *seeker) seek(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list, err := s.list()
	s.forget(list)
	tried := make([]Tried, len(list))
	var probes sync.WaitGroup
	for i, c := range list {
		tried[i] = Tried{c, s.silent[c.Address]}
		switch {
		case len(c.Holders) > 0:
			tried[i].Err = &LineError{Address: c.Address, Problem: InUse, Err: fmt.Errorf("%w, %s has it open", errHeld, strings.Join(c.Holders, " and "))}
		case s.seeks[c.Address] < maxSeeks:
			probes.Go(func() { tried[i].Err = s.probe(ctx, c) })
		}
	}
	probes.Wait()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	found := []string{}
	for _, t := range tried {
		switch {
		case t.Err == nil:
			found = append(found, t.Address)
			s.seeks[t.Address] = -1 << 30 // this one is worth it
		case !errors.Is(t.Err, errHeld):
			s.seeks[t.Address]++
			s.silent[t.Address] = t.Err
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	problem := NotThere
	if len(found) > 1 {
		problem = Several
	}
	return "", &LineError{Problem: problem, Err: &SeekError{tried, err}}
}

// forget forgets what is no longer there: it may come back as another.
func (s *seeker) forget(list []Candidate) {
	for address := range s.seeks {
		if !slices.ContainsFunc(list, func(c Candidate) bool { return c.Address == address }) {
			delete(s.seeks, address)
			delete(s.silent, address)
		}
	}
}

// probeCandidate asks whether a PN532 is there.
func probeCandidate(ctx context.Context, c Candidate) error {
	at, err := parseAddress(c.Address)
	if err != nil {
		return err
	}
	if at.line == "I2C" {
		if err := peek(ctx, at); err != nil {
			return err
		}
	}
	_, err = Probe(ctx, c.Address)
	return err
}

// peek reads what is at the chip's address, and writes nothing: other chips have that
// address too, some of which would switch things.
func peek(ctx context.Context, at address) error {
	l, err := openI2C(ctx, at)
	if err != nil {
		return err
	}
	defer l.Close()
	return l.(*busLine).peek(ctx)
}

func (l *busLine) peek(ctx context.Context) error {
	if err := l.listen(ctx); err != nil {
		return err
	}
	s, err := l.status(ctx)
	if err == nil && s > ready {
		err = l.problem(NotPN532, fmt.Errorf("its first byte is %02X", s))
	}
	return err
}
