package purseproof

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// scene is a world for one scenario: terminals A and B, one card.
type scene struct {
	*testing.T
	w    *world
	y    *relay
	a, b *terminal
	p    *plastic
}

// scenario is one of the numbered list, with what has to come of A's first change.
type scenario struct {
	no      int
	name    string
	on      [][2]string // channels and receipts
	set     func(l *layout)
	edit    func(img *sim.Image) // of the card, before
	play    func(s *scene)
	want    purse.Decision // of A's first change; 0: play says it
	rule    purse.Rule
	alarm   purse.Rule
	blocked bool
}

func (x *scenario) run(t *testing.T, l *layout) {
	if x.set != nil {
		x.set(l)
	}
	w := newWorld(t, l, uint64(x.no), 2, 2)
	s := &scene{T: t, w: w, a: w.terms[0], b: w.terms[1], p: w.cards[0]}
	if x.edit != nil {
		s.p.remake(t, x.edit)
		s.p.started = s.p.value()
	}
	s.y = &relay{w: w, at: map[*terminal]*plastic{}}
	x.play(s)
	w.check()
	w.report()
	if x.want == 0 {
		return
	}
	all := s.a.entries()
	if len(all) == 0 {
		t.Fatal("nothing was begun")
	}
	o := all[0].Outcome()
	switch {
	case o == nil:
		t.Fatal("no outcome")
	case o.Decision != x.want || o.Rule != x.rule:
		t.Errorf("%v by rule %s (%s), want %v by rule %s", o.Decision, o.Rule, o.Why, x.want, x.rule)
	case x.want == purse.InDoubt && len(o.Needs) == 0:
		t.Error("it does not say what would decide it")
	}
	found := x.alarm == ""
	for _, a := range o.Alarms {
		found = found || a.Rule == x.alarm
	}
	if !found {
		t.Errorf("alarms %+v, want one of rule %s", o.Alarms, x.alarm)
	}
	if x.blocked {
		s.a.present()
		if j := s.a.debit("another", 1).run(s.p); !errors.As(j.failed, new(*purse.BlockedError)) && !errors.As(j.failed, new(*purse.OpenEntryError)) {
			t.Errorf("the card is not blocked: %v", j.failed)
		}
	}
	if t.Failed() {
		for _, l := range w.story {
			t.Log(l)
		}
	}
}

// remake changes what a card holds behind everybody's back.
func (p *plastic) remake(t testing.TB, edit func(img *sim.Image)) {
	img := p.picc.Image()
	edit(img)
	q := plasticOf(t, p.lay, p.uid, img.Encode(), 77, nil)
	p.picc, p.act, p.pending = q.picc, q.act, nil
}

// fileOf is a file of an image.
func fileOf(img *sim.Image, no wire.FileNo) *sim.ImageFile {
	for i := range img.Applications {
		for j := range img.Applications[i].Files {
			if f := &img.Applications[i].Files[j]; f.No == int(no) {
				return f
			}
		}
	}
	return nil
}

// forged runs a job with an honest card, but for its selections, which the card
// does not see.
func (s *scene) forged(j *job) *job {
	for !j.done && !j.hangs() {
		switch {
		case j.f != nil && j.f.ins() == wire.InsSelectApplication:
			j.give([]byte{0x91, 0}, nil)
		case j.f != nil && j.f.ins() == 0xA4:
			j.give([]byte{0x90, 0}, nil)
		default:
			j.pass(s.p)
		}
	}
	return j
}

// torn debits until the commit, which the card does not get.
func (s *scene) torn(tm *terminal, id string, amount int32) *frame {
	tm.present()
	j := tm.debit(id, amount).until(s.p, wire.InsCommitTransaction)
	f := j.lose()
	s.y.held = append(s.y.held, f)
	j.run(s.p)
	tm.present()
	return f
}

// unheard debits so that the card commits and nobody hears it.
func (s *scene) unheard(tm *terminal, id string, amount int32) {
	tm.present()
	s.unheardIn(tm, id, amount)
}

// unheardIn is unheard in the session that there is.
func (s *scene) unheardIn(tm *terminal, id string, amount int32) {
	j := tm.debit(id, amount).until(s.p, wire.InsCommitTransaction)
	_, _ = s.p.deliver(j.f)
	j.give(nil, lostFrame)
	j.run(s.p)
	tm.present()
}

// killed ends the program of a terminal in the middle.
func (s *scene) killed(j *job) {
	j.stop()
	j.done = true
	j.tm.open()
}

// settled settles with an honest card.
func (s *scene) settled(tm *terminal) *job {
	tm.present()
	return tm.settle().run(s.p)
}

// paid is a debit that works.
func (s *scene) paid(tm *terminal, id string, amount int32) {
	s.Helper()
	tm.present()
	if j := tm.debit(id, amount).run(s.p); j.failed != nil {
		s.Errorf("%v: debit of %d: %v", tm, amount, j.failed)
	}
}

// otherCommits has a session of key 2 commit what pends.
func (s *scene) otherCommits() {
	if c := s.y.session(s.p, false); c != nil {
		s.w.tell("relay: commit by key 2, %v", c.Commit(context.Background()))
	}
}

// holds compares the value of the card.
func (s *scene) holds(want int32) {
	s.Helper()
	if v := s.p.value(); v != want {
		s.Errorf("the card holds %d, want %d", v, want)
	}
}

// refused opens a purse with a configuration that has to be refused.
func (s *scene) refused(field string, change func(c *purse.Config)) {
	s.Helper()
	c := s.w.lay.conf(0, purse.Memory(seeded(1, "refused")), s.a.keys)
	change(&c)
	_, err := purse.Open(c)
	var bad *purse.ConfigError
	if !errors.As(err, &bad) || bad.Field != field {
		s.Errorf("%v, want an error of %s", err, field)
	}
}

// direct is a session with the purse's own key, of somebody who has it.
func (s *scene) direct(do func(ctx context.Context, c *desfire.Card) error) {
	s.Helper()
	ctx, l := context.Background(), s.w.lay
	c, err := desfire.Connect(ctx, direct{s.p}, &desfire.Config{Generation: l.gen, Rand: seeded(3, "direct")})
	if err == nil {
		err = c.Select(ctx, l.place())
	}
	if err == nil {
		err = c.AuthenticateWith(ctx, l.method, 1, l.keyNo(1, s.p.uid))
	}
	if err == nil {
		for no, fs := range l.files() {
			err = errors.Join(err, c.AssumeFileSettings(no, fs))
		}
	}
	if err == nil {
		err = do(ctx, c)
	}
	if err != nil {
		s.Error(err)
	}
}

// TestScenarios plays the numbered list.
func TestScenarios(t *testing.T) {
	numbers := map[int]bool{}
	for _, list := range [][]scenario{faultScenarios, relayScenarios, receiptScenarios, cardScenarios, centreScenarios} {
		for i := range list {
			x := &list[i]
			numbers[x.no] = true
			for _, on := range x.on {
				t.Run(scenarioName(x, on), func(t *testing.T) {
					t.Parallel()
					x.run(t, layoutOf(on[0], on[1]))
				})
			}
		}
	}
	for no := 1; no <= 32; no++ {
		if !numbers[no] && no != 30 { // TestRandom
			t.Errorf("scenario %d is missing", no)
		}
	}
}
