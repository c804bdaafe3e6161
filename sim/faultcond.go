package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// countRange is a range of counts, from 1. A last of 0 is no end.
type countRange struct{ first, last int }

func (n countRange) set() bool { return n.first > 0 }

func (n countRange) has(i int) bool { return i >= n.first && (n.last == 0 || i <= n.last) }

func (n countRange) String() string {
	switch {
	case n.last == 0:
		return fmt.Sprintf("%d..", n.first)
	case n.first == n.last:
		return strconv.Itoa(n.first)
	case n.first == 1:
		return fmt.Sprintf("..%d", n.last)
	}
	return fmt.Sprintf("%d..%d", n.first, n.last)
}

// condition is when a fault happens: always, unless something is set.
type condition struct {
	exchange countRange // of the exchanges through the relay
	byINS    bool
	ins      byte
	nth      countRange // of those with the INS
	write    countRange // of the writes to the memory
	every    int        // of what meets the conditions above, each so many-th; 0 for each
	p        float64    // probability; 0 for certain
	times    int        // at most so often; 0 for any
}

// terms are the conditions as they are written.
func (c *condition) terms() (all []string) {
	add := func(is bool, format string, v any) {
		if is {
			all = append(all, fmt.Sprintf(format, v))
		}
	}
	add(c.exchange.set(), "#%v", c.exchange)
	if c.byINS {
		ins := fmt.Sprintf("%02X", c.ins)
		if c.ins>>4 <= 9 && c.ins&15 <= 9 { // else it reads as a number
			ins = "0x" + ins
		}
		if c.nth.set() {
			ins += "#" + c.nth.String()
		}
		all = append(all, ins)
	}
	add(c.write.set(), "write=%v", c.write)
	add(c.every > 0, "every=%d", c.every)
	add(c.p > 0, "p=%s", strconv.FormatFloat(c.p, 'g', -1, 64))
	switch {
	case c.times == 1:
		all = append(all, "once")
	default:
		add(c.times > 1, "times=%d", c.times)
	}
	return all
}

// chance is what a condition remembers.
type chance struct {
	met      int // exchanges that met what the condition says of them
	happened int
	rand     *rand.Rand
}

// meets reports whether an exchange meets the condition, that of writes apart.
func (c *condition) meets(x *Exchange, s *chance) bool {
	switch {
	case c.times > 0 && s.happened >= c.times,
		c.exchange.set() && !c.exchange.has(x.N),
		c.byINS && x.INS != c.ins,
		c.nth.set() && !c.nth.has(x.Nth):
		return false
	}
	s.met++
	if c.every > 0 && s.met%c.every != 0 {
		return false
	}
	return c.p == 0 || s.rand.Float64() < c.p
}
