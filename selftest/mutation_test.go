package selftest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A step that no wrong answer makes fail is worth nothing. Here the answers of
// the simulated card are changed one by one, and the step must notice.

var testUID = []byte{0x04, 0x5E, 0x1F, 0x7E, 0x57, 0xCA, 0x4D}

// mutant changes one answer of the step.
type mutant struct {
	desfire.Transport
	tap *tap
	// at is which answer of the step, change how; false: this one cannot be
	// changed so.
	at     int
	change func(answer []byte, wrapped bool) ([]byte, bool)
	seen   int
	done   bool
}

func (m *mutant) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	answer, err := m.Transport.Transmit(ctx, command)
	if err != nil || !m.tap.listen {
		return answer, err
	}
	m.seen++
	if m.seen-1 == m.at && m.change != nil {
		if changed, ok := m.change(slices.Clone(answer), isWrapped(command)); ok {
			m.done = true
			return changed, nil
		}
	}
	return answer, nil
}

func (m *mutant) Reconnect(ctx context.Context) error {
	return m.Transport.(interface{ Reconnect(context.Context) error }).Reconnect(ctx)
}

func (m *mutant) Unwrap() desfire.Transport { return m.Transport }

// setStatus answers st, without data.
func setStatus(st wire.Status) func([]byte, bool) ([]byte, bool) {
	return func(answer []byte, wrapped bool) ([]byte, bool) {
		if statusText(answer, wrapped) == fmt.Sprintf("%04X", uint16(st)) {
			return nil, false
		}
		if wrapped {
			return []byte{byte(st >> 8), byte(st)}, true
		}
		return []byte{byte(st)}, true
	}
}

// success is the status of a success where the answer is a refusal.
func success(answer []byte, wrapped bool) ([]byte, bool) {
	text := statusText(answer, wrapped)
	if slices.Contains([]string{"9100", "91AF", "9190", "9000", "9150"}, text) {
		return nil, false
	}
	if !wrapped {
		return []byte{0}, true
	}
	if answer[len(answer)-2] == 0x91 {
		return []byte{0x91, 0}, true
	}
	return []byte{0x90, 0}, true
}

// flipFirst changes a bit of the first byte of data.
func flipFirst(answer []byte, wrapped bool) ([]byte, bool) {
	at := 1
	if wrapped {
		at = 0
	}
	if dataLen(answer, wrapped) == 0 {
		return nil, false
	}
	answer[at] ^= 0x04
	return answer, true
}

// runMutant runs one step on a fresh card.
func runMutant(t *testing.T, g wire.Generation, id string, at int, change func([]byte, bool) ([]byte, bool)) (*Report, *mutant) {
	t.Helper()
	c, err := sim.New(&sim.Config{Generation: g, UID: testUID, Rand: rand.NewChaCha8([32]byte{1})})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), c.Present(), &desfire.Config{Generation: g, Unguarded: true})
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSuite(card, &Config{WipeCard: testUID, Lasting: classic(g), Only: id, Rand: rand.NewChaCha8([32]byte{2})})
	if err != nil {
		t.Fatal(err)
	}
	m := &mutant{Transport: card.Transport(), tap: s.tap, at: at, change: change}
	s.tap.t = m
	r, err := s.run(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	return r, m
}

// result is that of the step with the ID itself.
func result(r *Report, id string) Step {
	for _, s := range r.Steps {
		if s.ID == id {
			return s
		}
	}
	return Step{}
}

func TestEveryStepCanFail(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of runs")
	}
	stride := 7
	if os.Getenv("SELFTEST_MUTATIONS") == "all" {
		stride = 1
	}
	kinds := []struct {
		name   string
		change func([]byte, bool) ([]byte, bool)
	}{
		{"F1", setStatus(wire.StatusFileIntegrityError)},
		{"1C", setStatus(wire.StatusIllegalCommand)},
		{"success", success},
		{"bit", flipFirst},
	}
	began := time.Now()
	for _, g := range wire.Generations {
		tried, killed := 0, 0
		for _, info := range List(g) {
			r, m := runMutant(t, g, info.ID, -1, nil)
			clean := result(r, info.ID)
			if clean.Result == Skip {
				continue
			}
			if clean.Result != Pass {
				t.Errorf("%v: %v", g, clean)
				continue
			}
			n, kills := m.seen, 0
			for _, kind := range kinds {
				for at := int(kind.name[0]) % min(stride, n); at < n; at += stride {
					r, m := runMutant(t, g, info.ID, at, kind.change)
					if !m.done {
						continue
					}
					tried++
					if result(r, info.ID).Result != Pass {
						killed++
						kills++
					} else if stride == 1 {
						x := clean.Exchanges[at]
						t.Logf("%v %s: %s at %d (%s %s) goes unnoticed", g, info.ID, kind.name, at, x.Command, x.Status)
					}
				}
			}
			if kills == 0 {
				t.Errorf("%v: no change of an answer makes %s fail", g, info.ID)
			}
		}
		t.Logf("%v: %d of %d changes were noticed, %v", g, killed, tried, time.Since(began))
		if killed*100 < tried*85 {
			t.Errorf("%v: only %d of %d changes were noticed", g, killed, tried)
		}
	}
}
