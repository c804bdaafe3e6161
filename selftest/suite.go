package selftest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// suite is one run.
type suite struct {
	conf    Config
	tap     *tap
	gen     wire.Generation // as which the card is tested
	framing desfire.Framing
	version *wire.Version
	report  *Report

	// With permission to wipe:
	wipe    bool
	method  key.Method  // how the master key authenticates
	master  *key.Secret // the PICC master key, of Light and NTAG 424 DNA that of the application: zeros
	suspect bool        // a step failed: keys and settings may be its own
	lrp     bool        // the card is switched to LRP
	backup  *contents   // of the files of DESFire Light and NTAG 424 DNA
}

// Run goes through the suite on a card. The card is used through its transport,
// and comes back with no application selected and no session, on a new
// activation where the transport can.
//
// The error is for runs that could not begin: a wrong card, a card whose keys
// are not those of delivery, a pattern that names nothing. A card that fails,
// leaves or breaks is a matter of the report. The end of ctx ends the run, and
// what the run has done to the card is undone all the same, as far as it goes.
func Run(ctx context.Context, card *desfire.Card, conf *Config) (*Report, error) {
	s, err := newSuite(card, conf)
	if err != nil {
		return nil, err
	}
	return s.run(ctx, card)
}

// newSuite prepares a run. It asks the card nothing.
func newSuite(card *desfire.Card, conf *Config) (*suite, error) {
	s := &suite{tap: &tap{t: card.Transport(), left: maxExchanges}, gen: card.Generation(), framing: card.Framing()}
	if conf != nil {
		s.conf = *conf
	}
	s.wipe = s.conf.WipeCard != nil
	if s.conf.Lasting && !s.wipe {
		return nil, errors.New("selftest: Lasting needs WipeCard")
	}
	if s.conf.Now == nil {
		s.conf.Now = time.Now
	}
	if s.conf.StepTimeout == 0 {
		s.conf.StepTimeout = defaultStepTimeout
	}
	s.tap.now, s.tap.limit = s.conf.Now, s.conf.ExchangeTimeout
	if s.gen == wire.UnknownGeneration {
		s.gen = wire.EV3 // the newest, as everywhere
	}
	s.report = &Report{
		Format: Format, Version: Version, Time: s.conf.Now().UTC(), Wipe: s.wipe, Lasting: s.conf.Lasting,
		Steps: []Step{}, Facts: []Fact{}, Clean: true, Left: "as it was found",
	}
	return s, checkPatterns(s.conf.Only, stepsOf(s.gen))
}

func (s *suite) run(ctx context.Context, card *desfire.Card) (*Report, error) {
	defer func() {
		if s.tap.reconnects() {
			_ = card.Reconnect(context.WithoutCancel(ctx)) // so that card knows what the card is
		}
	}()
	if err := s.begin(ctx, card); err != nil {
		return nil, err
	}
	s.steps(ctx, stepsOf(s.gen))
	s.end(ctx)
	s.redact()
	return s.report, nil
}

// begin finds out what the card is, and whether it may be wiped.
func (s *suite) begin(ctx context.Context, outer *desfire.Card) error {
	card, err := s.activate(ctx)
	if err != nil {
		return err
	}
	if s.version, err = card.Version(ctx); err != nil {
		return err
	}
	v := s.version
	_, known := v.Generation()
	s.report.Card = CardFacts{
		Generation: s.gen, Known: known, Product: v.Product(), Hardware: chip(v.Hardware), Software: chip(v.Software),
		Production: append(append(Hex{}, v.Batch[:]...), v.Week, v.Year), UID: v.UID.String(),
		ATR: outer.ATR(), Reader: outer.Reader(), Framing: s.framing.String(),
	}
	if v.UID.IsZero() {
		s.report.Card.UID = "random"
	}
	if !s.wipe {
		return nil
	}
	return s.permit(ctx, card)
}

func chip(v wire.ChipVersion) Hex {
	return Hex{v.Vendor, v.Type, v.SubType, v.Major, v.Minor, v.Storage, v.Protocol}
}

// activate gives the card a new activation where the transport can, and else
// leaves what is open and selects the card level.
func (s *suite) activate(ctx context.Context) (*desfire.Card, error) {
	if err := s.tap.Reconnect(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	card, err := s.connect(ctx, s.framing)
	if err != nil || s.tap.reconnects() {
		return card, err
	}
	for range 2 { // a chain that is open makes the card refuse the first
		if err = s.selectCard(ctx, card); err == nil || lostCard(err) {
			break
		}
	}
	return card, err
}

func (s *suite) connect(ctx context.Context, f desfire.Framing) (*desfire.Card, error) {
	return desfire.Connect(ctx, s.tap, &desfire.Config{
		Generation: s.gen, Framing: f, ExchangeTimeout: s.conf.ExchangeTimeout,
		Rand: s.conf.Rand, Observe: s.conf.Observe, Unguarded: true,
	})
}

// fixed reports whether the card has one application and no way to make more.
func (s *suite) fixed() bool { return !s.gen.Has(wire.FeatureApplications) }

func (s *suite) selectCard(ctx context.Context, card *desfire.Card) error {
	if s.fixed() {
		_, err := desfire.Do(ctx, card, &wire.ISOSelect{By: wire.SelectByName, Name: wire.PICCName[:], P2: wire.SelectNoData})
		return err
	}
	return card.SelectApplication(ctx, wire.PICC)
}

// steps goes through the steps.
func (s *suite) steps(ctx context.Context, steps []step) {
	for _, st := range steps {
		if !selected(s.conf.Only, st.id) {
			continue
		}
		out := Step{ID: st.id, Title: st.title, Source: st.source, Result: Skip}
		switch {
		case s.report.Interrupted != "":
			out.Reason = s.report.Interrupted
		case ctx.Err() != nil:
			s.report.Interrupted = "interrupted"
			out.Reason = s.report.Interrupted
		case st.wipe && !s.wipe:
			out.Reason = "changes the card: not without permission to wipe it"
		case st.lasting && !s.conf.Lasting:
			out.Reason = "leaves keys set that a format does not clear: only if wanted"
		default:
			s.step(ctx, st, &out)
		}
		s.report.Steps = append(s.report.Steps, out)
		if s.conf.OnStep != nil {
			s.conf.OnStep(out)
		}
	}
}

// step does one step and says how it ended.
func (s *suite) step(ctx context.Context, st step, out *Step) {
	ctx, cancel := context.WithTimeout(ctx, s.conf.StepTimeout)
	defer cancel()
	s.tap.left, s.tap.listen, s.tap.exchanges, s.tap.forge = maxExchanges, false, nil, nil
	t := &trial{ctx: ctx, s: s, gen: s.gen, id: st.id}
	began := s.conf.Now()
	v := t.run(st, &began)
	s.tap.listen = false
	out.Result, out.Reason = v.result, v.reason
	out.Milliseconds = milliseconds(s.conf.Now().Sub(began))
	out.Exchanges = s.tap.exchanges
	s.suspect = s.suspect || st.wipe && v.result == Fail
	if v.result == Pass || !v.lost && ctx.Err() == nil {
		return
	}
	// The card may be gone. Without it the rest makes no sense.
	s.tap.left = maxExchanges
	alive, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	card, err := s.activate(alive)
	if err == nil {
		_, err = card.Version(alive)
	}
	if err != nil {
		s.report.Interrupted = fmt.Sprintf("the card was lost in step %s", st.id)
	}
}

// run prepares the card, runs the step and catches how it ends.
func (t *trial) run(st step, began *time.Time) (v verdict) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case verdict:
			v = r
		default:
			v = verdict{result: Fail, reason: fmt.Sprintf("this program failed: %v", r)}
		}
		if v.result == Fail && t.ctx.Err() != nil {
			v.reason += " (" + t.ctx.Err().Error() + ")"
		}
	}()
	t.prepare(st)
	*began = t.s.conf.Now()
	t.s.tap.listen = true
	st.run(t)
	return verdict{result: Pass}
}

// prepare brings the card into the state that every step begins with: a new
// activation; and if the step may wipe, formatted.
func (t *trial) prepare(st step) {
	t.anew()
	if st.wipe {
		if err := t.s.clear(t.ctx, t.card); err != nil {
			panic(verdict{Fail, "prepare the card: " + err.Error(), lostCard(err)})
		}
	}
}

func (s *suite) fact(f Fact) {
	for i, old := range s.report.Facts {
		if old.ID == f.ID {
			s.report.Facts[i] = f
			return
		}
	}
	s.report.Facts = append(s.report.Facts, f)
}
