package sim

import (
	"time"

	"github.com/go-desfire/desfire/wire"
)

// mishap is one exchange of Faults.
type mishap struct {
	f   *Faults
	x   *Exchange
	due []int
}

// each calls do for the due faults of some names. It stops where do is false.
func (m *mishap) each(do func(i int, p *faultPart) bool, names ...string) {
	for _, i := range m.due {
		p := m.f.parts[i]
		for _, n := range names {
			if p.kind.name == n && !do(i, p) {
				return
			}
		}
	}
}

// first is the first due fault of some names.
func (m *mishap) first(names ...string) (at int, part *faultPart) {
	m.each(func(i int, p *faultPart) bool {
		at, part = i, p
		return false
	}, names...)
	return at, part
}

func (m *mishap) happens(i int) { m.f.happens(m.x, i) }

func (m *mishap) play() ([]byte, error) {
	if err := m.wait("delay"); err != nil {
		return nil, err
	}
	m.slipIn(false)
	begin, written := time.Now(), m.written()
	answer, err, passed := m.command()
	m.slipIn(true)
	if err == nil && passed {
		m.remember(answer)
	}
	if err := m.readerTime(begin, answer, m.written()-written); err != nil {
		return nil, err
	}
	if err == nil {
		if err := m.wait("late"); err != nil {
			return nil, err
		}
	}
	return m.answer(answer, err)
}

// wait lets the times of a kind pass.
func (m *mishap) wait(name string) (err error) {
	m.each(func(i int, p *faultPart) bool {
		if p.value != nil {
			m.happens(i)
			err = m.x.Wait(p.value.d)
		}
		return err == nil
	}, name)
	return err
}

// slipIn gives the card what the reader did not send.
func (m *mishap) slipIn(after bool) {
	m.each(func(i int, p *faultPart) bool {
		switch {
		case p.has("after") != after:
		case p.kind.name == "insert":
			m.happens(i)
			_, _ = m.x.Tell(p.value.b...)
		case len(m.x.Air.relay.Held()) > 0:
			m.happens(i)
			m.x.Deliver()
		}
		return true
	}, "insert", "deliver")
}

// command does what becomes of the command; passed says whether the card answered.
func (m *mishap) command() (answer []byte, err error, passed bool) {
	if i, p := m.first("hold"); p != nil {
		m.happens(i)
		m.x.Hold()
		if s := p.option("answer"); s != nil {
			return m.frame(s.b), nil, false
		}
		return nil, NoAnswer("the card does not answer"), false
	}
	if i, p := m.first("lose-command"); p != nil {
		m.happens(i)
		return nil, NoAnswer("the card does not answer"), false
	}
	if i, p := m.first("cut-command"); p != nil {
		keep := len(m.x.Command) / 2
		if s := p.option("keep"); s != nil {
			keep = int(min(s.n, uint64(len(m.x.Command))))
		}
		if keep < len(m.x.Command) {
			m.happens(i)
			if !p.has("taken") {
				return nil, NoAnswer("the card does not answer"), false
			}
			m.x.Command = m.x.Command[:keep]
		}
	}
	m.each(func(i int, p *faultPart) bool {
		if len(m.x.Command) > 0 {
			m.happens(i)
			m.flip(i, p, m.x.Command)
		}
		return true
	}, "flip-command")
	if m.unseen() {
		return nil, NoAnswer("the card does not answer"), false
	}
	answer, err = m.pass()
	return answer, err, err == nil
}

// unseen reports whether a forged answer is all there is.
func (m *mishap) unseen() (is bool) {
	m.each(func(_ int, p *faultPart) bool {
		is = is || p.has("unseen") && (p.kind.name != "repeat" || m.f.last != nil)
		return true
	}, "forge", "repeat", "foreign")
	return is
}

// pass gives the card the command, with the fault that it has.
func (m *mishap) pass() ([]byte, error) {
	at, p := m.first("power-before", "power-after")
	var fault Fault
	if p != nil {
		if m.x.Air.activation() != nil {
			m.happens(at)
		}
		fault.Kind = LosePowerBefore
		if p.kind.name == "power-after" {
			fault.Kind = LosePowerAfter
		}
	}
	if _, tear := m.first("tear", "fail-write"); tear == nil {
		if p == nil {
			return m.x.Pass()
		}
		return m.x.PassWith(fault)
	}
	return m.x.passWith(&airFault{fault, m.atWrite})
}

// atWrite is asked by the card at each write to its memory.
func (m *mishap) atWrite() (d disturbance) {
	m.f.state.Lock()
	m.f.writes++
	n := m.f.writes
	m.f.state.Unlock()
	m.each(func(i int, p *faultPart) bool {
		if w := p.when.write; w.set() && !w.has(n) {
			return true
		}
		m.happens(i)
		d = disturbance{kind: FailWrite}
		if p.kind.name == "tear" {
			d = disturbance{TearWrite, p.cells(), p.has("finish")}
		}
		return false
	}, "tear", "fail-write")
	return d
}

// halfCells is a number of cells that depends on the write.
const halfCells = 1 << 30

func (p *faultPart) cells() int {
	switch p.value.word {
	case "before":
		return 0
	case "after":
		return -1
	}
	if s := p.option("cells"); s != nil {
		return int(s.n)
	}
	return halfCells
}

// written is how many writes the card has made.
func (m *mishap) written() int {
	if c := m.x.Air.Card(); c != nil {
		return c.Writes()
	}
	return 0
}

// readerTime waits for what an exchange takes at a reader.
func (m *mishap) readerTime(begin time.Time, answer []byte, writes int) (err error) {
	m.each(func(i int, p *faultPart) bool {
		l := ReaderLatency(int(p.value.n))
		for name, d := range map[string]*time.Duration{"card": &l.Card, "write": &l.Write, "host": &l.Host} {
			if s := p.option(name); s != nil {
				*d = s.d
			}
		}
		m.f.counts(i)
		err = m.x.Wait(l.of(m.x, answer, writes) - time.Since(begin))
		return false
	}, "reader")
	return err
}

// remember keeps an answer of the card for other sessions.
func (m *mishap) remember(answer []byte) {
	f := m.f
	f.state.Lock()
	defer f.state.Unlock()
	session := f.sessions<<20 + m.x.Air.number
	if was, ok := f.answers[m.x.INS]; ok && was.session != session {
		f.past[m.x.INS] = was.answer
	}
	f.answers[m.x.INS] = pastSight{session, append([]byte(nil), answer...)}
}

// foreign is an answer of an earlier session, or one by chance.
func (m *mishap) foreign(i int, answer []byte) []byte {
	f := m.f
	f.state.Lock()
	defer f.state.Unlock()
	if past := f.past[m.x.INS]; past != nil {
		return append([]byte(nil), past...)
	}
	if len(answer) == 0 {
		return m.frame([]byte{0x91, 0x00})
	}
	fake := append([]byte(nil), answer...)
	data := fake[:max(0, len(fake)-2)]
	if m.x.Framing == wire.FramingNative {
		data = fake[1:]
	}
	for k := range data {
		data[k] = byte(f.chances[i].rand.Uint32())
	}
	return fake
}

// frame is an answer, data and status, in the form that the reader expects.
func (m *mishap) frame(b []byte) []byte {
	n := len(b) - 2
	return m.x.Forge(wire.Status(b[n])<<8|wire.Status(b[n+1]), b[:n]...)
}

// answer does what becomes of the answer.
func (m *mishap) answer(answer []byte, err error) ([]byte, error) {
	f := m.f
	m.each(func(i int, p *faultPart) bool {
		switch p.kind.name {
		case "forge":
			answer, err = m.frame(p.value.b), nil
		case "repeat":
			if f.last == nil {
				return true
			}
			answer, err = append([]byte(nil), f.last...), nil
		case "foreign":
			answer, err = m.foreign(i, answer), nil
		}
		m.happens(i)
		return true
	}, "forge", "repeat", "foreign")
	if err == nil {
		owed := f.owed
		f.owed = nil
		if i := m.late(); i >= 0 {
			m.happens(i)
			if f.owed = answer; owed == nil {
				return nil, NoAnswer("the answer was late")
			}
		}
		if owed != nil {
			answer = owed
		}
	}
	m.each(func(i int, p *faultPart) bool {
		if err != nil || len(answer) == 0 {
			return false
		}
		m.happens(i)
		m.flip(i, p, answer)
		return true
	}, "flip")
	m.each(func(i int, p *faultPart) bool {
		if err != nil {
			return false
		}
		n := max(0, len(answer)-1)
		if s := p.option("drop"); s != nil {
			n = max(0, len(answer)-int(s.n))
		}
		if s := p.option("keep"); s != nil {
			n = int(s.n)
		}
		if n < len(answer) {
			m.happens(i)
			answer = answer[:n]
		}
		return true
	}, "cut-answer")
	if i, p := m.first("lose-answer"); p != nil && err == nil {
		m.happens(i)
		return nil, NoAnswer("the answer was lost")
	}
	return answer, err
}

// late is the first due fault by which the answer comes with the next command; -1 for
// none.
func (m *mishap) late() (at int) {
	at = -1
	m.each(func(i int, p *faultPart) bool {
		if p.value == nil {
			at = i
		}
		return at < 0
	}, "late")
	return at
}

// flip turns bits of a frame, the first bit being the most significant one of the
// first byte.
func (m *mishap) flip(i int, p *faultPart, frame []byte) {
	total := uint64(8 * len(frame))
	turn := func(bit uint64) { frame[bit/8] ^= 0x80 >> (bit % 8) }
	if s := p.option("bit"); s != nil {
		turn(s.n % total)
		return
	}
	count := uint64(1)
	if s := p.option("bits"); s != nil {
		count = min(s.n, total)
	}
	r := m.f.chances[i].rand
	for turned := map[uint64]bool{}; uint64(len(turned)) < count; {
		if bit := r.Uint64N(total); !turned[bit] {
			turned[bit] = true
			turn(bit)
		}
	}
}
