package perso

import (
	"context"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Plan is what is to be done with a card so that it becomes what a layout says.
type Plan struct {
	UID       inspect.Hex `json:"uid"`       // of the card
	Product   string      `json:"product"`   // of the card
	Reader    string      `json:"reader"`    //
	Structure string      `json:"structure"` // hash of places, settings and key versions
	// Layout is a hash of the layout, in hexadecimal, which whoever saves the plan
	// sets; see Encode.
	Layout string `json:"layout,omitempty"`

	Steps      []Step `json:"steps"`
	Keep       []Note `json:"keep"`       // is so already
	Extra      []Note `json:"extra"`      // on the card, not in the layout; left alone
	Impossible []Note `json:"impossible"` // and why
	Held       []Note `json:"held"`       // can never be undone, and was not asked for by name
	Warnings   []Note `json:"warnings"`

	layout  *Layout
	parts   []part // of Structure
	choices choices
	state   planState
	wasDone bool // when it was read
}

// planState is how far a plan is.
type planState string

const (
	planNew   planState = "new"
	planBegun planState = "begun" // some of it may be done
	planDone  planState = "done"
)

// Begun reports whether some of the plan may be done.
func (p *Plan) Begun() bool { return p.state == planBegun }

// Done reports whether it was carried out.
func (p *Plan) Done() bool { return p.state == planDone }

// Exchanges is about how many the plan takes.
func (p *Plan) Exchanges() (n int) {
	for _, s := range p.Steps {
		n += s.Exchanges
	}
	return n
}

// Bytes is about how much memory of the card the plan takes.
func (p *Plan) Bytes() (n int) {
	for _, s := range p.Steps {
		n += s.Bytes
	}
	return n
}

// NewPlan looks at a card and says what is to be done. It changes nothing. It
// authenticates where keys are at hand, to read what may be read; the session
// is gone afterwards.
func NewPlan(ctx context.Context, card *desfire.Card, layout *Layout, conf *Config) (*Plan, error) {
	if err := layout.Check(); err != nil {
		return nil, err
	}
	r := newRunner(card, layout, conf)
	if err := checkNames(r.conf.Irreversible); err != nil {
		return nil, err
	}
	return r.plan(ctx)
}

// planner makes a plan.
type planner struct {
	*runner
	is   *inspect.Card
	plan *Plan
	free int // bytes; -1 if not known
	// quota is what is left of the memory of delegated applications, in bytes.
	quota map[wire.Place]int
	apps  int // on the card
	last  who // session of the step before, to count exchanges
	at    wire.Place
	gone  map[string]bool // applications and files that prune has decided about
}

func (r *runner) plan(ctx context.Context) (*Plan, error) {
	if r.uid == "" {
		if err := r.identify(ctx); err != nil {
			return nil, err
		}
	}
	is, err := r.structure(ctx)
	if err != nil {
		return nil, err
	}
	is.UID = inspect.Hex(r.uid)
	parts := partsOf(is)
	p := &planner{runner: r, is: is, free: -1, quota: map[wire.Place]int{}, apps: len(is.Applications), gone: map[string]bool{}, plan: &Plan{
		UID: is.UID, Product: is.Product, Reader: is.Reader, Structure: structureOf(parts), layout: r.layout, parts: parts, choices: choicesOf(&r.conf), state: planNew,
		Steps: []Step{}, Keep: []Note{}, Extra: []Note{}, Impossible: []Note{}, Held: []Note{}, Warnings: []Note{}, // lists in JSON
	}}
	if is.FreeMemory != nil {
		p.free = *is.FreeMemory
	}
	if err := p.all(ctx); err != nil {
		return nil, err
	}
	return p.plan, nil
}

func (p *planner) all(ctx context.Context) error {
	g := p.is.Generation
	if !p.layout.Fits(g) {
		names := make([]string, len(p.layout.Generations))
		for i, x := range p.layout.Generations {
			names[i] = x.String()
		}
		p.impossible(at(wire.Place{}), "it is for %s, and this is %v", strings.Join(names, ", "), g)
		return nil
	}
	if p.conf.Rotate {
		return p.rotate(ctx)
	}
	if err := p.pruneApplications(ctx, true); err != nil {
		return err
	}
	lv, err := p.levelKeys(ctx)
	if err != nil {
		return err
	}
	for i := range p.layout.Applications {
		if err := p.application(ctx, &p.layout.Applications[i]); err != nil {
			return err
		}
	}
	if err := p.pruneApplications(ctx, false); err != nil {
		return err
	}
	if err := p.level(ctx, lv); err != nil {
		return err
	}
	options, err := p.options(ctx)
	if err != nil {
		return err
	}
	options.each()
	p.extra()
	return options.last(ctx)
}

// authExchanges is what an authentication takes.
const authExchanges = 2

// login is what it takes to become somebody: an authentication, and the identifier in
// its session where a card tells it there.
func (p *planner) login() int {
	if p.is.Generation.Has(wire.FeatureCardUID) {
		return authExchanges + 1
	}
	return authExchanges
}

// step adds a step that is done as somebody, and what it takes to become that.
func (p *planner) step(s Step, as who) { p.stepIn(s.Place, s, as) }

// stepIn adds a step that is done in another place than the one that it is about.
func (p *planner) stepIn(place wire.Place, s Step, as who) {
	if stays := as.free && place == p.at; !stays && (as != p.last || place != p.at) || len(p.plan.Steps) == 0 {
		s.Exchanges++ // select
		if !as.free {
			s.Exchanges += p.login()
		}
		p.last, p.at = as, place
	}
	if s.Kind == ChangeKey || s.Kind == VerifyAll { // the session is gone
		p.at = wire.Place{Name: "nowhere"}
	}
	p.plan.Steps = append(p.plan.Steps, s)
}

func (p *planner) keep(w Where, format string, args ...any) {
	p.plan.Keep = append(p.plan.Keep, note(w, format, args...))
}

func (p *planner) impossible(w Where, format string, args ...any) {
	p.plan.Impossible = append(p.plan.Impossible, note(w, format, args...))
}

func (p *planner) warn(w Where, format string, args ...any) {
	p.plan.Warnings = append(p.plan.Warnings, note(w, format, args...))
}

// allocate takes memory; false if the card has not as much.
func (p *planner) allocate(w Where, n int) bool {
	quota, delegated := p.quota[w.Place]
	switch {
	case delegated && n > quota:
		p.impossible(w, "not enough memory: it takes about %d bytes, %d are left of the quota of its application", n, quota)
		return false
	case delegated:
		p.quota[w.Place] -= n
		return true
	case p.free < 0:
		return true
	case n > p.free:
		p.impossible(w, "not enough memory: it takes about %d bytes, %d are free", n, p.free)
		return false
	}
	p.free -= n
	return true
}

// extra lists what the layout does not know, and stays.
func (p *planner) extra() {
	for _, a := range p.extraApplications() {
		if w := at(a.Place); !p.deleted(w) {
			p.plan.Extra = append(p.plan.Extra, note(w, "it is not in the layout (%s)", plural(len(a.Files), "file")))
		}
	}
	for i := range p.layout.Applications {
		want := &p.layout.Applications[i]
		is := applicationAt(p.is, want.Place)
		if is == nil {
			continue
		}
		for _, f := range extraFiles(want, is) {
			if w := at(want.Place).file(f.No); !p.deleted(w) {
				p.plan.Extra = append(p.plan.Extra, note(w, "it is not in the layout"))
			}
		}
	}
}

// applicationAt is the application of a card at a place, nil if it has none there.
func applicationAt(is *inspect.Card, p wire.Place) *inspect.Application {
	return find(is.Applications, func(a *inspect.Application) bool { return a.Place == p })
}

// find is the first that is, nil if none is.
func find[T any](list []T, is func(*T) bool) *T {
	for i := range list {
		if is(&list[i]) {
			return &list[i]
		}
	}
	return nil
}
