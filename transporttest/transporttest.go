// Package transporttest is what every transport must pass: the contract of
// desfire.Transport as tests.
package transporttest

import (
	"context"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
)

// Transport is a desfire.Transport.
type Transport = frame.Transmitter

// Card is what Run puts at the far end: one activation of a card. Its Close is
// the end of the field.
type Card interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
	Close() error
	ATR() []byte
}

// Config says what a transport cannot do. The zero value: it can do all.
type Config struct {
	// MaxCommand and MaxResponse are the longest frames to try; zero is 65535.
	MaxCommand, MaxResponse int
	// NoEmpty says that an answer without a byte cannot be carried.
	NoEmpty bool
	// KeepsField says that Close may leave the card powered.
	KeepsField bool
	// Reserved reports commands that mean something else on the way.
	Reserved func(command []byte) bool
}

// Run tests a transport against cards that the tests supply. open makes a fresh
// transport that is connected to a card of present, calls present for each
// activation, and registers its clean-up with t.
//
// Optional methods (Close, Reconnect, Script, ATR, Limits, String, Unwrap) are tested
// where they exist, those that a wrapper leaves to what it wraps as well.
func Run(t *testing.T, open func(t *testing.T, present func(ctx context.Context) (Card, error)) Transport, c *Config) {
	cfg := Config{}
	if c != nil {
		cfg = *c
	}
	if cfg.MaxCommand == 0 {
		cfg.MaxCommand = 0xFFFF
	}
	if cfg.MaxResponse == 0 {
		cfg.MaxResponse = 0xFFFF
	}
	if cfg.Reserved == nil {
		cfg.Reserved = func([]byte) bool { return false }
	}
	for _, test := range []struct {
		name string
		run  func(t *testing.T, f *fixture)
	}{
		{"native and wrapped bytes pass unchanged", testUnchanged},
		{"every length passes", testLengths},
		{"empty answer", testEmptyAnswer},
		{"command is not kept", testCommandNotKept},
		{"command is not kept after a given-up exchange", testCommandNotKeptWhenGivenUp},
		{"command is not changed", testCommandNotChanged},
		{"response is valid until the next call", testResponseValid},
		{"response belongs to the caller until the next call", testResponseWritable},
		{"context that has ended", testEndedContext},
		{"cancel returns at once and finishes", testCancel},
		{"deadline returns at once and finishes", testDeadline},
		{"reconnect is a new activation", testReconnect},
		{"reconnect after a given-up exchange", testReconnectAfterCancel},
		{"close while an exchange hangs", testCloseWhileHanging},
		{"close by many", testCloseByMany},
		{"close ends the field", testCloseEndsField},
		{"use after close", testUseAfterClose},
		{"card that fails", testCardFails},
		{"script", testScript},
		{"script stops at an unexpected status", testScriptStops},
		{"script that breaks off gives the answers that came", testScriptBreaks},
		{"script with a context that has ended", testScriptEndedContext},
		{"cancel of a script returns at once and finishes", testScriptCancel},
		{"script after close", testScriptAfterClose},
		{"many exchanges", testMany},
		{"descriptions", testDescriptions},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fixture{cfg: cfg, answer: echo, hung: make(chan struct{}, 16)}
			f.tr = open(t, f.present)
			test.run(t, f)
		})
	}
}

// RunFixed tests a transport whose card is given, such as a simulated one.
// command is any that the card answers, the same way each time.
func RunFixed(t *testing.T, open func(t *testing.T) Transport, command []byte) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, tr Transport, command []byte)
	}{
		{"command is neither kept nor changed", fixedCommand},
		{"response is valid until the next call", fixedResponse},
		{"context that has ended", fixedEndedContext},
		{"close by many", func(t *testing.T, tr Transport, _ []byte) { closeByMany(t, tr) }},
		{"use after close", fixedUseAfterClose},
		{"reconnect", fixedReconnect},
		{"descriptions", func(t *testing.T, tr Transport, _ []byte) { describe(t, tr) }},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t), command) })
	}
}

// patience is how long a test waits before it calls a transport hung.
const patience = 20 * time.Second
