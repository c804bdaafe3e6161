package bench_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

const (
	application = desfire.AID(0xF48121)
	keyNo       = 1

	freeValue  = desfire.FileNo(3)
	keyedValue = desfire.FileNo(4)
)

var modes = []wire.CommMode{wire.CommPlain, wire.CommMAC, wire.CommFull}

// meter carries frames and adds up how long the card has them.
type meter struct {
	desfire.Transport
	card time.Duration
}

func (m *meter) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	begin := time.Now()
	answer, err := m.Transport.Transmit(ctx, command)
	m.card += time.Since(begin)
	return answer, err
}

func (m *meter) Unwrap() desfire.Transport { return m.Transport }

// session is a way to authenticate.
type session struct {
	name   string
	g      desfire.Generation
	method key.Method
	typ    key.Type
}

var ways = []session{
	{"D40 DES", wire.EV1, key.MethodD40, key.TypeDES},
	{"EV1 2K3DES", wire.EV1, key.MethodISO, key.Type2K3DES},
	{"EV1 3K3DES", wire.EV1, key.MethodISO, key.Type3K3DES},
	{"EV1 AES", wire.EV2, key.MethodAES, key.TypeAES},
	{"EV2 AES", wire.EV3, key.MethodEV2First, key.TypeAES},
	{"LRP", wire.NTAG424, key.MethodLRPFirst, key.TypeAES},
}

// card is a card of the session's kind, with the application selected and the
// settings of its files known.
func (w session) card(t testing.TB) (*desfire.Card, *meter) {
	t.Helper()
	ctx := context.Background()
	if w.g == wire.NTAG424 {
		return w.light(t)
	}
	picc, err := sim.New(&sim.Config{Generation: w.g})
	must(t, err)
	must(t, personalise(ctx, picc, w.typ))
	m := &meter{Transport: picc.Present()}
	card, err := desfire.Connect(ctx, m, nil)
	must(t, err)
	must(t, card.SelectApplication(ctx, application))
	for i := range desfire.FileNo(5) {
		_, err := card.FileSettings(ctx, i)
		must(t, err)
	}
	return card, m
}

// light is card for LRP, which the chips without applications have.
func (w session) light(t testing.TB) (*desfire.Card, *meter) {
	ctx := context.Background()
	picc, err := sim.New(&sim.Config{Generation: w.g})
	must(t, err)
	m := &meter{Transport: picc.Present()}
	card, err := desfire.Connect(ctx, m, nil)
	must(t, err)
	_, err = card.ISOSelectName(ctx, wire.NDEFName[:])
	must(t, err)
	must(t, card.AuthenticateWith(ctx, key.MethodEV2First, 0, key.Zero(w.typ)))
	must(t, card.SetConfiguration(ctx, &wire.Capabilities{Data: []byte{wire.CapPDCap2_1: wire.CapLRP, 9: 0}}))
	return card, m
}

func (w session) authenticate(t testing.TB, card *desfire.Card) {
	t.Helper()
	no := desfire.KeyNo(keyNo)
	if w.g == wire.NTAG424 {
		no = 0
	}
	must(t, card.AuthenticateWith(context.Background(), w.method, no, key.Zero(w.typ)))
}

// read is a command that reads 64 bytes in a mode.
func (w session) read(t testing.TB, card *desfire.Card, mode wire.CommMode) wire.Command {
	t.Helper()
	ctx := context.Background()
	if w.g != wire.NTAG424 {
		return &wire.ReadData{File: desfire.FileNo(slices.Index(modes, mode)), Length: 64}
	}
	_, err := desfire.Do(ctx, card, &wire.ChangeFileSettings{File: 3, Option: wire.FileOption(mode)})
	must(t, err)
	_, err = card.FileSettings(ctx, 3)
	must(t, err)
	return &wire.ReadDataISO{ReadData: wire.ReadData{File: 3, Length: 64}}
}

// sessions are reads of 64 bytes in each channel and mode.
func sessions(t testing.TB, s size) []row {
	ctx := context.Background()
	var lanes []*lane
	for _, w := range ways {
		for _, mode := range modes {
			card, m := w.card(t)
			defer card.Close()
			w.authenticate(t, card)
			cmd, rsp := w.read(t, card, mode), new(wire.Data)
			left := perCounter
			lanes = append(lanes, &lane{what: fmt.Sprintf("%s %v", w.name, mode), meter: m, once: func() {
				if left--; left == 0 {
					w.authenticate(t, card)
					left = perCounter
				}
				if err := card.Run(ctx, cmd, rsp); err != nil {
					t.Fatal(err)
				}
			}})
		}
	}
	return s.alone("reader and simulated card in one process: a read of 64 bytes", lanes...)
}

// perCounter is how many commands a session has whose counter ends.
const perCounter = 0xFF00

// handshakes are authentications.
func handshakes(t testing.TB, s size) []row {
	var lanes []*lane
	for _, w := range ways {
		card, m := w.card(t)
		defer card.Close()
		lanes = append(lanes, &lane{what: w.name, meter: m, once: func() { w.authenticate(t, card) }})
	}
	return s.alone("the same: authentication", lanes...)
}
