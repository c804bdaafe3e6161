package purseproof

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
)

// mishap is what becomes of one exchange.
type mishap struct {
	name    string
	hostile bool // nobody but a relay does that
	do      func(s *scene, j *job)
}

// shown gives the card the command, and the terminal what change makes of the answer.
func shown(change func(answer []byte) []byte) func(*scene, *job) {
	return func(s *scene, j *job) {
		answer, err := s.p.deliver(j.f)
		j.give(change(answer), err)
	}
}

// forgedAnswer answers without the card, which gets the command late or never.
func forgedAnswer(late bool, b ...byte) func(*scene, *job) {
	return func(s *scene, j *job) {
		if late {
			s.y.held = append(s.y.held, j.f)
		}
		j.give(slices.Clone(b), nil)
	}
}

var mishaps = []mishap{
	{"command lost", false, func(_ *scene, j *job) { j.lose() }},
	{"answer lost", false, func(s *scene, j *job) {
		_, _ = s.p.deliver(j.f)
		j.give(nil, lostFrame)
	}},
	{"power lost before", false, func(s *scene, j *job) {
		s.p.powerCycle()
		j.give(nil, &gone{true})
	}},
	{"power lost after", false, func(s *scene, j *job) {
		_, _ = s.p.deliver(j.f)
		s.p.powerCycle()
		j.give(nil, &gone{true})
	}},
	{"memory fails", false, func(s *scene, j *job) {
		s.p.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.FailWrite})
		j.pass(s.p)
		s.p.picc.ClearFaults()
	}},
	{"answer cut by a byte", false, shown(func(b []byte) []byte { return b[:max(len(b)-1, 0)] })},
	{"answer cut to its status", true, shown(func(b []byte) []byte { return b[max(len(b)-2, 0):] })},
	{"first bit wrong", true, shown(func(b []byte) []byte { b[0] ^= 0x80; return b })},
	{"last bit wrong", true, shown(func(b []byte) []byte { b[len(b)-1] ^= 1; return b })},
	{"command kept, no answer", true, func(s *scene, j *job) { s.y.held = append(s.y.held, j.lose()) }},
	{"done, 91AE told", true, shown(func([]byte) []byte { return []byte{0x91, 0xAE} })},
	{"done, 910C told", true, shown(func([]byte) []byte { return []byte{0x91, 0x0C} })},
	{"done, 9100 told", true, shown(func([]byte) []byte { return []byte{0x91, 0} })},
	{"never done, 9100 told", true, forgedAnswer(false, 0x91, 0)},
	{"done late, 9100 told", true, forgedAnswer(true, 0x91, 0)},
	{"done late, 919D told", true, forgedAnswer(true, 0x91, 0x9D)},
	{"done late, 91AE told", true, forgedAnswer(true, 0x91, 0xAE)},
	{"done twice", true, func(s *scene, j *job) {
		_, _ = s.p.deliver(&frame{bytes: bytes.Clone(j.f.bytes), moves: j.f.moves})
		j.pass(s.p)
	}},
	{"a commit of the relay before", true, func(s *scene, j *job) {
		s.y.tell(s.p, plainCommit)
		j.pass(s.p)
	}},
	{"a commit of another key before", true, func(s *scene, j *job) {
		s.otherCommits()
		j.pass(s.p)
	}},
	{"a commit of another key after", true, func(s *scene, j *job) {
		answer, err := s.p.deliver(j.f)
		s.otherCommits()
		j.give(answer, err)
	}},
}

// purseJob is a row of the matrix.
type purseJob struct {
	name string
	do   func(s *scene) *job
}

var purseJobs = []purseJob{
	{"debit", func(s *scene) *job { return s.a.debit("x", 5) }},
	{"settlement of what did not happen", func(s *scene) *job {
		s.torn(s.a, "x", 5)
		return s.a.settle()
	}},
	{"settlement of what happened", func(s *scene) *job {
		s.unheard(s.a, "x", 5)
		return s.a.settle()
	}},
}

// play plays a job with a mishap in one exchange, 0 for none, and returns how
// many exchanges it had. Afterwards everything that was kept is delivered, what is
// open settled, and the debit asked for again.
func (m *mishap) play(t *testing.T, l *layout, x *purseJob, at int) int {
	w := newWorld(t, l, uint64(at), 1, 2)
	s := &scene{T: t, w: w, a: w.terms[0], b: w.terms[1], p: w.cards[0]}
	s.y = &relay{w: w, at: map[*terminal]*plastic{}, r: seededRand(uint64(at))}
	if l.lease {
		s.leased(s.a)
	}
	j := x.do(s)
	n := 0
	for !j.done && !j.hangs() {
		if n++; n == at && j.f != nil {
			m.do(s, j)
			continue
		}
		j.pass(s.p)
	}
	if at == 0 {
		return n
	}
	again := func() {
		s.y.late(s.p, len(s.y.held))
		if l.policy == purse.Hostile {
			s.y.tell(s.p, plainCommit)
		}
		s.a.present()
		s.a.debit("x", 5).run(s.p)
	}
	again()
	again()
	w.check()
	in := s.a.entries()
	open := len(in) > 0 && in[len(in)-1].IsOpen()
	if v := s.p.value(); !open && v != startsAt-5 {
		w.fault("the card holds %d, want %d", v, startsAt-5)
	}
	if len(w.wrong) > 0 {
		w.story = append([]string{fmt.Sprintf("%s, exchange %d, %s", x.name, at, m.name)}, w.story...)
	}
	w.report()
	return n
}

// purseMatrix plays purse jobs with each mishap in each exchange.
func purseMatrix(t *testing.T, res *results) {
	eachLayout(t, func(t *testing.T, l *layout) {
		cases := 0
		for _, x := range purseJobs {
			n := new(mishap).play(t, l, &x, 0)
			for at := 1; at <= n; at++ {
				for _, m := range mishaps {
					if m.hostile && l.policy != purse.Hostile || !sampledCase(l, &x, at, &m) {
						continue
					}
					cases++
					if m.play(t, l, &x, at); t.Failed() {
						return
					}
				}
			}
		}
		res.mu.Lock()
		res.cases += cases
		res.mu.Unlock()
	})
}

// sampledCase picks one in forty cases, always the same.
func sampledCase(l *layout, x *purseJob, at int, m *mishap) bool {
	h := fnv.New32a()
	fmt.Fprintf(h, "%v %s %d %s", l, x.name, at, m.name)
	return all() || h.Sum32()%40 == 0
}
