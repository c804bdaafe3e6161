package pn532

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fieldTime is how long the field is off, and then on before the card is
// called: ISO/IEC 14443-3 asks for 5 ms each.
const fieldTime = 10 * time.Millisecond

// setup wakes the chip and makes it a reader, whatever it was before: fresh
// from its reset, in the middle of a command, in the hands of another program.
func (h *host) setup(ctx context.Context) (*Chip, error) {
	if err := h.line.wake(ctx); err != nil {
		return nil, err
	}
	h.used = time.Now()
	// After a reset it heeds nothing before this.
	if _, _, err := h.command(ctx, resyncTime, cmdSAMConfiguration, normalMode); isSilence(err) || h.lost {
		err = h.resync(ctx)
		if err == nil {
			_, err = h.ask(ctx, answerTime, cmdSAMConfiguration, normalMode)
		}
		if err != nil {
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	if err := h.resync(ctx); err != nil {
		return nil, err
	}
	firmware, err := h.ask(ctx, answerTime, cmdGetFirmwareVersion)
	switch {
	case err != nil:
		return nil, err
	case len(firmware) < 4 || firmware[0] != icPN532:
		return nil, &notPN532{fmt.Errorf("its firmware is % X", firmware)}
	}
	chip := &Chip{IC: firmware[0], Version: firmware[1], Revision: firmware[2], Support: firmware[3]}
	return chip, h.configure(ctx)
}

const icPN532 = 0x32

// normalMode: no SAM, its timeout without meaning, the pin for interrupts used.
var normalMode = []byte{1, 0x14, 1}

// configure sets what a reset forgets.
func (h *host) configure(ctx context.Context) error {
	for _, c := range []struct {
		code byte
		data []byte
	}{
		{cmdSAMConfiguration, normalMode},
		{cmdSetParameters, []byte{0x14}},                   // ATS by itself; ATR_RES, as after a reset
		{cmdRFConfiguration, []byte{rfTimings, 0, 11, 10}}, // 102.4 and 51.2 ms, as after a reset
		// The chip sends nothing twice by itself but what ISO/IEC 14443-4 says.
		{cmdRFConfiguration, []byte{rfRetriesCOM, 0}},
		// A card is called three times; after a reset it would be for ever.
		{cmdRFConfiguration, []byte{rfRetries, 0xFF, 1, 2}},
	} {
		if _, err := h.ask(ctx, answerTime, c.code, c.data); err != nil {
			return err
		}
	}
	return h.field(ctx, false)
}

// field switches the power of the card.
func (h *host) field(ctx context.Context, on bool) error {
	item := []byte{rfField, 0}
	if on {
		item[1] = 1
	}
	_, err := h.ask(ctx, answerTime, cmdRFConfiguration, item)
	if err == nil {
		err = sleep(ctx, fieldTime)
	}
	return err
}

// sleep waits, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isSilence(err error) bool { return errors.As(err, new(*silence)) }

// notPN532 is what answers as another chip would.
type notPN532 struct{ err error }

func (e *notPN532) Error() string { return e.err.Error() }
func (e *notPN532) Unwrap() error { return e.err }

// judge makes a LineError of what went wrong between host and chip. Errors of a
// context are left as they are.
func judge(at address, err error) error {
	var s *silence
	var no *notPN532
	problem := Failed
	switch {
	case err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(*LineError)):
		return err
	case errors.As(err, &no) || errors.Is(err, errSyntax):
		problem = NotPN532
	case errors.As(err, &s) && (errors.Is(s.err, errNoFrame) || errors.Is(s.err, errNotAnswered) || errors.Is(s.err, ErrTwice)):
		problem = Garbage
	case errors.As(err, &s):
		problem = Silent
	}
	return &LineError{Address: at.text, Problem: problem, Err: err}
}
