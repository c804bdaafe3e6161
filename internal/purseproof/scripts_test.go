package purseproof

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// scripts says how the link of terminals carries scripts.
type scripts string

const (
	noScripts scripts = ""
	byFrame   scripts = "by frame" // an honest agent sends them frame by frame, through what lies between it and the card
	atOnce    scripts = "at once"  // whoever lies between has all frames at once, and answers for the agent
)

// link is what a terminal has of its transport.
func (tm *terminal) link() desfire.Transport {
	if tm.w.lay.scripts == noScripts {
		return tm
	}
	return scripting{tm}
}

type scripting struct{ *terminal }

// scripted is a script at which a job stands.
type scripted struct {
	j       *job
	script  *desfire.Script
	frames  []*frame
	answers [][]byte
	err     error
}

// kept is told the frames of a script before any of them reaches a card.
func (w *world) keep(frames []*frame) {
	if w.kept != nil {
		w.kept(frames)
	}
}

func (tm scripting) Script(_ context.Context, s *desfire.Script) ([][]byte, error) {
	x := &scripted{j: tm.job, script: s}
	for _, step := range s.Steps {
		x.frames = append(x.frames, tm.frame(step.Command))
	}
	tm.w.keep(x.frames)
	if tm.w.lay.scripts == atOnce {
		x.j.s = x
		x.j.n++
		if !x.j.yield(struct{}{}) {
			return nil, errStopped
		}
		x.j.s = nil
		return x.answers, x.err
	}
	for i, f := range x.frames {
		answer, err := tm.exchange(f)
		if err != nil {
			return x.answers, err
		}
		if x.answers = append(x.answers, bytes.Clone(answer)); !s.GoesOn(i, answer) {
			break
		}
	}
	return x.answers, nil
}

// pass gives the card the first n frames as an honest agent does.
func (x *scripted) pass(p *plastic, n int) ([][]byte, error) {
	var answers [][]byte
	for i, f := range x.frames[:n] {
		answer, err := p.deliver(f)
		if err != nil {
			return answers, err
		}
		if answers = append(answers, answer); !x.script.GoesOn(i, answer) {
			break
		}
	}
	return answers, nil
}

// force gives the card frames whatever it answers.
func force(p *plastic, frames ...*frame) (answers [][]byte) {
	for _, f := range frames {
		answer, _ := p.deliver(f)
		answers = append(answers, answer)
	}
	return answers
}

func (x *scripted) give(answers [][]byte, err error) {
	x.j.tm.w.tell("%v script of %d > %X %v", x.j.tm, len(x.frames), answers, errText(err))
	x.answers, x.err = answers, err
	x.j.step()
}

// openRead counts in a session, and has no MAC.
func openRead() *frame {
	return &frame{bytes: []byte{0x90, wire.InsReadData, 0, 0, 7, byte(openNo), 0, 0, 0, 1, 0, 0, 0}}
}

// trick is what becomes of a script, at its frame k.
type trick struct {
	name string
	do   func(s *scene, x *scripted, k int)
}

var ok9100 = []byte{0x91, 0}

// accidents are the first tricks; all others are those of a relay.
const accidents = 3

var tricks = []trick{
	{"all lost behind frame k", func(s *scene, x *scripted, k int) {
		_, _ = x.pass(s.p, k+1)
		x.give(nil, lostFrame)
	}},
	{"cut behind frame k", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, k+1)
		x.give(answers, lostFrame)
	}},
	{"done, and the answers from k on are lost", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, len(x.frames))
		x.give(answers[:min(k, len(answers))], lostFrame)
	}},
	{"done, and k told to be refused", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, len(x.frames))
		x.give(append(slices.Clone(answers[:min(k, len(answers))]), []byte{0x91, 0xAE}), nil)
	}},
	{"done, and the card told to have left at k", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, len(x.frames))
		x.give(answers[:min(k, len(answers))], &gone{true})
	}},
	{"too few answers", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, len(x.frames))
		x.give(answers[:min(k, len(answers))], nil)
	}},
	{"too many answers", func(s *scene, x *scripted, k int) {
		answers, _ := x.pass(s.p, len(x.frames))
		x.give(append(slices.Clone(answers), ok9100), nil)
	}},
	{"k told to be refused, and answers behind it", func(s *scene, x *scripted, k int) {
		answers := slices.Clone(force(s.p, x.frames...))
		answers[k] = []byte{0x91, 0xAE}
		x.give(answers, nil)
	}},
	{"k skipped", func(s *scene, x *scripted, k int) {
		answers := slices.Concat(force(s.p, x.frames[:k]...), [][]byte{ok9100}, force(s.p, x.frames[k+1:]...))
		x.give(answers, nil)
	}},
	{"k replaced by what counts", func(s *scene, x *scripted, k int) {
		x.give(force(s.p, slices.Concat(x.frames[:k], []*frame{openRead()}, x.frames[k+1:])...), nil)
	}},
	{"k replaced by what counts, all lost", func(s *scene, x *scripted, k int) {
		force(s.p, slices.Concat(x.frames[:k], []*frame{openRead()}, x.frames[k+1:])...)
		x.give(nil, lostFrame)
	}},
	{"k replaced by what counts, and another key commits", func(s *scene, x *scripted, k int) {
		force(s.p, slices.Concat(x.frames[:k], []*frame{openRead()}, x.frames[k+1:])...)
		s.otherCommits()
		x.give(nil, lostFrame)
	}},
	{"up to k, and another key commits", func(s *scene, x *scripted, k int) {
		force(s.p, x.frames[:k+1]...)
		s.otherCommits()
		x.give(nil, lostFrame)
	}},
	{"what counts before k", func(s *scene, x *scripted, k int) {
		x.give(force(s.p, slices.Concat(x.frames[:k], []*frame{openRead()}, x.frames[k:])...)[:len(x.frames)], nil)
	}},
	{"a commit before k", func(s *scene, x *scripted, k int) {
		answers := force(s.p, x.frames[:k]...)
		s.y.tell(s.p, plainCommit)
		x.give(append(answers, force(s.p, x.frames[k:]...)...), nil)
	}},
	{"k and the next one change places", func(s *scene, x *scripted, k int) {
		frames := slices.Clone(x.frames)
		next := (k + 1) % len(frames)
		frames[k], frames[next] = frames[next], frames[k]
		x.give(force(s.p, frames...), nil)
	}},
	{"answers k and the next one change places", func(s *scene, x *scripted, k int) {
		answers := force(s.p, x.frames...)
		next := (k + 1) % len(answers)
		answers[k], answers[next] = answers[next], answers[k]
		x.give(answers, nil)
	}},
	{"k twice", func(s *scene, x *scripted, k int) {
		x.give(force(s.p, slices.Concat(x.frames[:k+1], x.frames[k:])...)[:len(x.frames)], nil)
	}},
	{"from k on kept, to come late", func(s *scene, x *scripted, k int) {
		answers := force(s.p, x.frames[:k]...)
		s.y.held = append(s.y.held, x.frames[k:]...)
		x.give(append(answers, []byte{0x91, 0xAE}), nil)
	}},
	{"a bit of answer k wrong", func(s *scene, x *scripted, k int) {
		answers := force(s.p, x.frames...)
		answers[k][0] ^= 0x80
		x.give(answers, nil)
	}},
	{"all told to be done, and nothing is", func(_ *scene, x *scripted, _ int) {
		answers := make([][]byte, len(x.frames))
		for i := range answers {
			answers[i] = ok9100
		}
		x.give(answers, nil)
	}},
}

// scriptLayouts are those whose commands go out together.
func scriptLayouts(how scripts) (all []*layout) {
	for _, l := range layouts() {
		if l.method.Scheme() != wire.SchemeEV2 && l.method.Scheme() != wire.SchemeLRP {
			continue
		}
		for _, along := range []bool{false, true} {
			for _, p := range []purse.Policy{purse.Hostile, purse.Accidents} {
				x := *l
				x.scripts, x.along, x.policy = how, along, p
				if p == purse.Accidents && (along || x.names || x.gen == wire.Light) {
					continue
				}
				all = append(all, &x)
			}
		}
	}
	return all
}

// play plays a job with a trick at frame k of its script number at, 0 for none; it returns the
// frames of each script.
func (x *trick) play(t *testing.T, l *layout, y *purseJob, at, k int) (scripts []int) {
	w := newWorld(t, l, uint64(at), 1, 2)
	s := &scene{T: t, w: w, a: w.terms[0], b: w.terms[1], p: w.cards[0]}
	s.y = &relay{w: w, at: map[*terminal]*plastic{}, r: seededRand(uint64(at))}
	if l.lease {
		s.leased(s.a)
	}
	j := y.do(s)
	for !j.done && !j.hangs() {
		if j.s == nil {
			j.pass(s.p)
			continue
		}
		if scripts = append(scripts, len(j.s.frames)); len(scripts) == at {
			w.tell("script %d of %d frames, %s, k = %d", at, len(j.s.frames), x.name, k)
			x.do(s, j.s, k)
			continue
		}
		j.pass(s.p)
	}
	if at == 0 {
		return scripts
	}
	for range 2 {
		s.y.late(s.p, len(s.y.held))
		if l.policy == purse.Hostile {
			s.y.tell(s.p, plainCommit)
		}
		s.a.present()
		s.a.debit("x", 5).run(s.p)
	}
	w.check()
	if !l.along && slices.ContainsFunc(tricks[:accidents], func(y trick) bool { return y.name == x.name }) {
		w.needless() // no script costs certainty
	}
	in := s.a.entries()
	open := len(in) > 0 && in[len(in)-1].IsOpen()
	if v := s.p.value(); !open && v != startsAt-5 {
		w.fault("the card holds %d, want %d", v, startsAt-5)
	}
	if len(w.wrong) > 0 {
		w.story = append([]string{fmt.Sprintf("%s, script %d, frame %d, %s", y.name, at, k, x.name)}, w.story...)
	}
	w.report()
	return scripts
}

// Whatever becomes of a script, a change is made exactly once, or in doubt.
func TestScripts(t *testing.T) {
	cases := 0
	job := &purseJobs[0]
	for _, l := range scriptLayouts(atOnce) {
		for at, n := range new(trick).play(t, l, job, 0, 0) {
			for k := range n {
				for i, x := range tricks {
					if i >= accidents && l.policy != purse.Hostile || !sampled(16, l, at, k, i) {
						continue
					}
					cases++
					if x.play(t, l, job, at+1, k); t.Failed() {
						return
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// The matrix of mishaps, for each frame of scripts that an honest agent sends.
func TestScriptFrames(t *testing.T) {
	cases := 0
	for _, l := range scriptLayouts(byFrame) {
		for _, x := range purseJobs {
			n := new(mishap).play(t, l, &x, 0)
			for at := 1; at <= n; at++ {
				for _, m := range mishaps {
					if m.hostile && l.policy != purse.Hostile || !sampled(120, l, x.name, at, m.name) {
						continue
					}
					cases++
					if m.play(t, l, &x, at); t.Failed() {
						return
					}
				}
			}
		}
	}
	t.Logf("%d cases", cases)
}

// Random worlds, whose agents are honest; the relay behind them may see all frames of a script
// before the first goes.
func TestScriptWorlds(t *testing.T) {
	runs := uint64(1)
	if all() {
		runs = 60
	}
	var worlds, changes int
	for n, l := range scriptLayouts(byFrame) {
		if !sampled(3, l) {
			continue
		}
		for seed := range runs {
			h := honest(t, l, 1000*uint64(n)+seed)
			h.report()
			worlds, changes = worlds+1, changes+h.changes()
			if l.policy == purse.Hostile {
				if w := hostile(t, l, 1000*uint64(n)+seed); w != nil {
					w.report()
					worlds, changes = worlds+1, changes+w.changes()
				}
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("%d worlds, %d changes", worlds, changes)
}

// changes is how many were begun.
func (w *world) changes() (n int) {
	for _, tm := range w.terms {
		n += len(tm.entries())
	}
	return n
}

// sampled picks one in n cases, always the same.
func sampled(n uint32, what ...any) bool {
	h := fnv.New32a()
	fmt.Fprintln(h, what...)
	return all() || h.Sum32()%n == 0
}
