// Package diagnose finds out why a card refuses a key or a command.
//
//	Card        asks a card what is free to ask
//	Recording   looks at what passed: a recording, or the log of another program
//
// For a command that runs just now, wrap the transport in a trace.Recorder, and
// give Recording what it has when the card refuses. Both take what a status may
// mean from one table. Neither prints or keeps bytes of keys.
//
// # How Recording works
//
// trace.Follow takes the recording apart and gives the session's state before
// each message. Where one is refused, what the frame, the order of commands
// and the card's own answers tell comes first: it needs no key. Then the token,
// MAC or cryptogram is computed in the ways in which readers make it, right
// and wrong, at most two mistakes at a time and a bounded number for a
// recording, until one gives the bytes that were sent. It is proved if chance
// would give as many equal bits in less than one of 2^24 recordings.
package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Trouble is what Card is asked about.
type Trouble struct {
	Status wire.Status // what the card answered: AE, 1E, 7E, 9D, 40 or AD
	Place  wire.Place  // where the key is; zero is the card itself
	No     wire.KeyNo
	Type   key.Type // of the key that was tried
	Method key.Method
	// Version of the key that was tried, if HasVersion.
	Version    byte
	HasVersion bool
	// Risky allows probes that a card may count as failed authentications:
	// beginning one and leaving it, on EV3, DESFire Light and NTAG 424 DNA.
	Risky bool
}

// Diagnosis is what safe probes showed, and what that makes likely.
type Diagnosis struct {
	Card   string  `json:"-"` // product and UID
	Probes []Probe `json:"probes"`
	Causes []Cause `json:"causes"` // the likeliest first
}

// Probe is a question to the card and its answer, or why it was not asked.
type Probe struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Cause explains a refusal.
type Cause struct {
	Weight int    `json:"weight"` // 100: the probes prove it; small: possible
	Text   string `json:"text"`
	Advice string `json:"advice"`
}

// Card asks the card only what is free to ask and finds out why an
// authentication or a key change was refused. It ends a session. It never
// begins an authentication on a card that may count failures, unless Risky.
// What the card says in clear may be forged: a Diagnosis advises, and proves
// nothing to anybody.
func Card(ctx context.Context, c *desfire.Card, t Trouble) (*Diagnosis, error) {
	d := &diagnosis{Diagnosis: Diagnosis{Card: c.String()}, c: c, t: t}
	if err := d.ask(ctx); err != nil {
		return nil, err
	}
	d.judge()
	slices.SortStableFunc(d.Causes, func(a, b Cause) int { return cmp.Compare(b.Weight, a.Weight) })
	return &d.Diagnosis, nil
}

type diagnosis struct {
	Diagnosis
	c *desfire.Card
	t Trouble

	noApp    bool
	settings *wire.KeySettings // nil if not free to read
	version  int               // of the key on the card, -1 if unknown
	noKey    bool
	begins   map[key.Method]wire.Status // answer to the first frame
}

func (d *diagnosis) probe(question, format string, args ...any) {
	d.Probes = append(d.Probes, Probe{question, fmt.Sprintf(format, args...)})
}

func (d *diagnosis) cause(weight int, advice, format string, args ...any) {
	d.Causes = append(d.Causes, Cause{weight, fmt.Sprintf(format, args...), advice})
}

// ask runs the probes. A refusal is an answer; anything else is an error.
func (d *diagnosis) ask(ctx context.Context) error {
	var refused *desfire.CommandError
	d.version = -1
	question := "select " + d.t.Place.Words()
	switch err := d.c.Select(ctx, d.t.Place); {
	case errors.As(err, &refused):
		d.noApp = true
		d.probe(question, "%v", refused.Status)
		return nil
	case err != nil:
		return err
	default:
		d.probe(question, "there")
	}
	switch s, err := d.c.KeySettings(ctx); {
	case err == nil:
		d.settings = s
		d.probe("key settings", "%v; %v", s.KS1, s.KS2)
	case errors.As(err, &refused):
		d.probe("key settings", "not free to read (%v)", refused.Status)
	case !errors.Is(err, errors.ErrUnsupported):
		return err
	}
	switch v, err := d.c.KeyVersion(ctx, d.t.No); {
	case err == nil:
		d.version = int(v)
		d.probe(fmt.Sprintf("version of key %d", d.t.No), "%02X", v)
	case errors.As(err, &refused):
		d.noKey = refused.Status == wire.StatusNoSuchKey
		d.probe(fmt.Sprintf("version of key %d", d.t.No), "%v", refused.Status)
	case !errors.Is(err, errors.ErrUnsupported):
		return err
	}
	return d.askMethods(ctx)
}

// beginnings are the first frames of the ways to authenticate.
var beginnings = []struct {
	method key.Method
	begin  func(wire.KeyNo) wire.Command
}{
	{key.MethodD40, func(no wire.KeyNo) wire.Command { return &wire.Authenticate{Key: no} }},
	{key.MethodISO, func(no wire.KeyNo) wire.Command { return &wire.AuthenticateISO{Key: no} }},
	{key.MethodAES, func(no wire.KeyNo) wire.Command { return &wire.AuthenticateAES{Key: no} }},
	{key.MethodEV2First, func(no wire.KeyNo) wire.Command { return &wire.AuthenticateEV2First{Key: no} }},
}

// askMethods begins each kind of authentication and leaves it. No session is
// open then: the place was selected before.
func (d *diagnosis) askMethods(ctx context.Context) error {
	const question = "which authentications the card begins"
	if d.c.Generation().Has(wire.FeatureFailureCounter) && !d.t.Risky {
		d.probe(question, "not asked: %v cards may count this as a failed attempt", d.c.Generation())
		return nil
	}
	d.begins = make(map[key.Method]wire.Status)
	for _, b := range beginnings {
		cmd := b.begin(d.t.No)
		if !d.c.Generation().Has(cmd.Spec().Needs) {
			continue
		}
		status := cmd.Spec().Success
		var refused *desfire.CommandError
		switch err := d.c.Run(ctx, cmd, cmd.Spec().NewResponse()); {
		case errors.As(err, &refused):
			status = refused.Status
		case err != nil:
			return err
		}
		d.begins[b.method] = status
		d.probe(question, "%v: %v", b.method, status)
	}
	return d.c.Select(ctx, d.t.Place) // leaves the last one
}
