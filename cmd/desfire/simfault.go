package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/sim"
	"github.com/spf13/cobra"
)

// readFaults reads the values of --fault, of which each is whole.
func readFaults(cmd *cobra.Command, texts []string) (*sim.Faults, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	wrong := func(text string, err error) error {
		var e *sim.FaultSyntaxError
		if errors.As(err, &e) && len(texts) == 1 {
			return &usageError{cmd, fmt.Errorf("--fault, %w", err)}
		}
		return &usageError{cmd, fmt.Errorf("--fault %.40q, %w", text, err)}
	}
	for _, text := range texts {
		if _, err := sim.ParseFaults(text); err != nil {
			return nil, wrong(text, err)
		}
	}
	all := strings.Join(texts, ";")
	faults, err := sim.ParseFaults(all)
	if err != nil {
		return nil, wrong(all, err)
	}
	return faults, nil
}

// serveFault is a fault that happens.
type serveFault struct {
	Exchange int    `json:"exchange"` // with the readers, from 1
	INS      string `json:"ins"`      // of the command
	Name     string `json:"name"`     // as --fault has it, in its one form
}

// faultCount is how often a fault has happened.
type faultCount struct {
	Name  string `json:"name"`
	Times int    `json:"times"`
}

// spoil puts faults between the card and its readers; nil for none.
func (s *server) spoil(faults *sim.Faults) {
	if faults == nil {
		return
	}
	faults.Observe = func(e sim.FaultEvent) {
		if s.json {
			s.emitEvent(serveEvent{Event: "fault", cardOf: s.card, Address: s.address,
				Fault: &serveFault{e.Exchange, fmt.Sprintf("%02X", e.INS), e.Fault}})
			return
		}
		s.log.Info(fmt.Sprintf("exchange %d, command %02X: %s", e.Exchange, e.INS, e.Fault))
	}
	s.field.Relay = &faults.Relay
}

// sayFaults tells in the end how often each fault has happened.
func (s *server) sayFaults(faults *sim.Faults) error {
	if faults == nil {
		return nil
	}
	if s.json {
		event := serveEvent{Event: "faults", cardOf: s.card, Address: s.address, Faults: []faultCount{}}
		for _, c := range faults.Counts() {
			event.Faults = append(event.Faults, faultCount{c.Fault, c.Times})
		}
		return s.emit(event)
	}
	s.printf("faults in %s:\n", count(faults.Exchanges(), "exchange"))
	for _, c := range faults.Counts() {
		s.printf("%6d  %s\n", c.Times, c.Fault)
	}
	return nil
}

// emitEvent prints an event, whichever goroutine it comes from.
func (s *server) emitEvent(e serveEvent) {
	s.saying.Lock()
	defer s.saying.Unlock()
	_ = s.emit(e)
}
