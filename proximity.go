package desfire

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-desfire/desfire/internal/cmac"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Keys of the card for virtual cards and the proximity check (EV2, EV3).
const (
	KeyVCConfig    = wire.KeyVCConfig
	KeyVCProximity = wire.KeyVCProximity
	KeyVCSelectMAC = wire.KeyVCSelectMAC
	KeyVCSelectEnc = wire.KeyVCSelectEnc
)

// ProximityConfig adjusts CheckProximity.
type ProximityConfig struct {
	Rounds int // 1, 2, 4 or 8; 0 means 8

	// Limit is how long a round may take; the check fails if the fastest one
	// took longer. 0 measures only. It must leave room for what the reader and
	// its driver add to the card's PubRespTime, several milliseconds over
	// PC/SC: with such readers the check tells relays over slow links only.
	Limit time.Duration

	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Proximity is what a proximity check found.
type Proximity struct {
	Published time.Duration // how long the card says it needs for an answer
	PPS1      byte          // the speed of the link as the card saw it, if HasPPS1
	HasPPS1   bool
	Rounds    []time.Duration // how long each round took, as the host measured it
}

// Fastest is the shortest round, which the delays of the host disturb least.
func (p *Proximity) Fastest() time.Duration {
	var best time.Duration
	for i, d := range p.Rounds {
		if i == 0 || d < best {
			best = d
		}
	}
	return best
}

// TooFarError says that the card answered, and proved that it was itself, but
// too late: it may be far away, behind a relay.
type TooFarError struct {
	Fastest, Limit time.Duration
}

func (e *TooFarError) Error() string {
	return fmt.Sprintf("desfire: proximity check: the fastest answer took %v, more than the limit of %v: the card may be behind a relay", e.Fastest, e.Limit)
}

const proximityRandom = 8 // bytes of either side

// CheckProximity finds out whether the card itself answers, and how fast: it
// exchanges random numbers against the clock, then both sides prove with a MAC
// that the numbers were theirs. k is the card's KeyVCProximity, an AES key; conf
// may be nil. It ends the session. What was measured comes with
// a *TooFarError as well.
//
// An *IntegrityError means that the card's MAC is wrong; wire.StatusIntegrityError
// that the card did not accept the reader's, wire.StatusStateError that it has no
// proximity key. Unverified: no card's MAC with its key is public, and recorded
// ones could not be reproduced with guessed keys.
func (c *Card) CheckProximity(ctx context.Context, k key.Key, conf *ProximityConfig) (*Proximity, error) {
	if conf == nil {
		conf = new(ProximityConfig)
	}
	rounds := conf.Rounds
	if rounds == 0 {
		rounds = proximityRandom
	}
	switch {
	case k == nil || k.Type() != key.TypeAES:
		return nil, &ArgumentError{"CheckProximity", errors.New("the proximity key must be an AES key")}
	case rounds < 0 || rounds > proximityRandom || proximityRandom%rounds != 0:
		return nil, &ArgumentError{"CheckProximity", fmt.Errorf("%d rounds: want 1, 2, 4 or 8", rounds)}
	}
	now := conf.Now
	if now == nil {
		now = time.Now
	}
	mac, err := cmac.NewHandle(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("desfire: proximity key: %w", err)
	}
	var mine [proximityRandom]byte
	if _, err := io.ReadFull(c.random(), mine[:]); err != nil {
		return nil, fmt.Errorf("desfire: random: %w", err)
	}
	times, err := Do(ctx, c, &wire.PreparePC{})
	if err != nil {
		return nil, err
	}
	p := &Proximity{Published: time.Duration(times.PubRespTime) * time.Microsecond, PPS1: times.PPS1, HasPPS1: times.HasPPS1()}
	input := []byte{times.Option, byte(times.PubRespTime >> 8), byte(times.PubRespTime)}
	if times.HasPPS1() {
		input = append(input, times.PPS1)
	}
	n := proximityRandom / rounds
	cmd, rsp := new(wire.ProximityCheck), new(wire.Data)
	for i := range rounds {
		cmd.RndC = mine[i*n : i*n+n]
		began := now()
		err := c.Run(ctx, cmd, rsp)
		p.Rounds = append(p.Rounds, now().Sub(began))
		if err != nil {
			return nil, err
		}
		if len(rsp.Data) != n {
			return nil, &IntegrityError{"ProximityCheck", fmt.Errorf("%d bytes instead of %d", len(rsp.Data), n), c.hasChanged()}
		}
		// The card's part comes first (hardware notes 9).
		input = append(append(input, rsp.Data...), cmd.RndC...)
	}
	if err := c.verifyPC(ctx, mac, input); err != nil {
		return nil, err
	}
	if fastest := p.Fastest(); conf.Limit > 0 && fastest > conf.Limit {
		return p, &TooFarError{fastest, conf.Limit}
	}
	return p, nil
}

// verifyPC exchanges the MACs over what was exchanged.
func (c *Card) verifyPC(ctx context.Context, mac *cmac.Handle, input []byte) error {
	cmd := new(wire.VerifyPC)
	sum := func(code byte) ([8]byte, error) {
		full, err := mac.Sum(ctx, []byte{code}, input)
		if err != nil {
			return [8]byte{}, fmt.Errorf("desfire: proximity key: %w", err)
		}
		return cmac.Truncated(full), nil
	}
	var err error
	if cmd.MAC, err = sum(cmd.Spec().INS); err != nil {
		return err
	}
	want, err := sum(wire.StatusSignatureOK.Byte())
	if err != nil {
		return err
	}
	rsp, err := Do(ctx, c, cmd)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(rsp.MAC[:], want[:]) != 1 {
		return &IntegrityError{"VerifyPC", errors.New("the card's MAC is wrong: another key, or another card answered"), c.hasChanged()}
	}
	return nil
}
