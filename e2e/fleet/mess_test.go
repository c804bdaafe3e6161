package fleet

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/natstest"
)

// mess harms what goes through proxies, by chance.
type mess struct {
	mu sync.Mutex
	r  *rand.Rand
	on bool

	drop, double, swap, cut, late float64 // of each message
	delay                         time.Duration

	harmed map[string]int
}

func newMess(seed, stream uint64) *mess {
	return &mess{r: rand.New(rand.NewPCG(seed, stream)), on: true, harmed: map[string]int{},
		drop: 0.004, double: 0.01, swap: 0.01, cut: 0.002, late: 0.01, delay: 300 * time.Millisecond}
}

// rule is for a proxy.
func (m *mess) rule(f *natstest.Frame) (do natstest.Do) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.on || !f.Message() {
		return do
	}
	for _, harm := range []struct {
		name string
		p    float64
		do   natstest.Do
	}{
		{"dropped", m.drop, natstest.Do{Drop: true}},
		{"doubled", m.double, natstest.Do{Double: true}},
		{"swapped", m.swap, natstest.Do{Swap: true}},
		{"cut behind", m.cut, natstest.Do{Cut: true}},
		{"cut before", m.cut, natstest.Do{Cut: true, Drop: true}},
		{"late", m.late, natstest.Do{Delay: time.Duration(m.r.Int64N(int64(m.delay) + 1))}},
	} {
		if m.r.Float64() < harm.p {
			m.harmed[harm.name]++
			return harm.do
		}
	}
	return do
}

func (m *mess) chance(p float64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.r.Float64() < p
}

func (m *mess) upTo(d time.Duration) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.r.Int64N(int64(d)))
}

func (m *mess) pick(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.r.IntN(n)
}

// calm ends it.
func (m *mess) calm() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.on = false
}
