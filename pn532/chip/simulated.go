package chip

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// What a DESFire shows in anticollision, unless it was configured otherwise.
var (
	factoryATQA = [2]byte{0x03, 0x44}
	factoryATS  = []byte{0x06, 0x75, 0x77, 0x81, 0x02, 0x80}
)

const factorySAK = 0x20

// SimulatedConfig is what can be said about a simulated card in a field.
type SimulatedConfig struct {
	// Wrap is put around each activation, for example that of a recorder. It has to have Unwrap.
	Wrap func(desfire.Transport) desfire.Transport
	// Rand is where random UIDs come from; nil is crypto/rand.
	Rand io.Reader
}

// Simulated is a field in which the card of a reader lies; it is lifted and put back there, and has
// the relay of the reader.
func Simulated(r *simreader.Reader, conf *SimulatedConfig) Field {
	f := &simulated{reader: r}
	if conf != nil {
		f.SimulatedConfig = *conf
	}
	if f.Rand == nil {
		f.Rand = rand.Reader
	}
	return f
}

type simulated struct {
	SimulatedConfig
	reader *simreader.Reader
	last   desfire.Transport // the last activation
	uid    []byte            // random, as long as the card has power
}

func (f *simulated) Activate(ctx context.Context, uid []byte, wait bool) *Target {
	for present := range f.reader.Card.Presence(ctx) {
		if present {
			if t := f.activate(ctx, uid); t != nil {
				return t
			}
		}
		if !wait {
			break
		}
	}
	return nil
}

func (f *simulated) activate(ctx context.Context, uid []byte) *Target {
	t := &Target{ATQA: factoryATQA, SAK: factorySAK, UID: f.reader.Card.UID(), ATS: factoryATS}
	config := f.reader.Card.Image().Config
	if len(config.ATQA) == 2 {
		t.ATQA = [2]byte(config.ATQA)
	}
	if len(config.SAK) == 2 {
		t.SAK = config.SAK[1]
	}
	if len(config.ATS) > 0 {
		t.ATS = slices.Clone([]byte(config.ATS))
	}
	if len(config.Flags) > 0 && wire.PICCFlags(config.Flags[0])&wire.PICCRandomID != 0 {
		t.UID = f.random()
	}
	if len(uid) > 0 && !bytes.Equal(uid, t.UID) {
		return nil
	}
	air, err := f.reader.Open(ctx)
	if err != nil {
		return nil
	}
	f.last = air
	if f.Wrap != nil {
		air = f.Wrap(air)
	}
	t.Transmit = air.Transmit
	t.Here = func() bool { return alive(air) }
	return t
}

// random is the identifier that a card with random ID shows as long as it has power: 08 and three bytes.
func (f *simulated) random() []byte {
	if f.uid == nil || !alive(f.last) {
		f.uid = []byte{0x08, 0, 0, 0}
		_, _ = io.ReadFull(f.Rand, f.uid[1:])
	}
	return f.uid
}

func (f *simulated) Off() {
	f.uid = nil
	if f.last == nil {
		return
	}
	if c, ok := desfire.Ability[io.Closer](f.last); ok {
		_ = c.Close()
	}
	f.last = nil
}

// alive reports whether the card still has the power of an activation.
func alive(t desfire.Transport) bool {
	if t == nil {
		return false
	}
	a, ok := desfire.Ability[interface{ Alive() bool }](t)
	return ok && a.Alive()
}

var _ interface{ Alive() bool } = (*sim.Activation)(nil)
