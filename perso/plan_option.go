package perso

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// optionPlan plans what SetConfiguration sets.
type optionPlan struct {
	*planner
	place wire.Place // whose master key sets it
	here  Where

	plain   []settable     // each by itself, and can be undone
	picc    wire.PICCFlags // switches that can be undone and that shall be on
	named   []string       // of picc, those that the layout names
	unnamed []string       // of picc, those that it does not
	forever []settable     // in the order in which they are made
}

// settable is an option of this card.
type settable struct {
	OptionInfo
	setting wire.Setting
}

// options sorts the options of the layout. What is visible and is so already is
// kept, what this card does not have is impossible, and what can never be undone is
// held unless it is asked for.
func (p *planner) options(ctx context.Context) (*optionPlan, error) {
	g := p.is.Generation
	x := &optionPlan{planner: p, place: wire.Place{Fixed: g.FixedName() != nil}}
	x.here = at(x.place)
	if p.layout.Card == nil || len(p.layout.Card.Options) == 0 {
		return x, nil
	}
	x.unnamed = Unnamed(p.layout.Card.Options, g)
	for _, info := range Options() {
		o := find(p.layout.Card.Options, func(o *Option) bool { return o.Name == info.Name })
		switch {
		case o == nil:
			continue
		case !info.Has(g) && isOff(o.Setting):
			p.keep(x.here, "%s: off, a card of type %v has no such setting", info.Name, g)
			continue
		case !info.Has(g):
			p.impossible(x.here, "a card of type %v has no setting %s", g, info.Name)
			continue
		}
		s := settable{info, o.Setting}
		if err := x.add(ctx, s); err != nil {
			return nil, err
		}
	}
	if len(x.plain)+len(x.named)+len(x.forever) == 0 {
		return x, nil
	}
	hand, err := p.atHand(ctx, slot{x.place, 0})
	if err == nil && !hand {
		p.impossible(x.here, "its settings (%s) are changed with the master key only, which is not at hand", strings.Join(x.names(), ", "))
		x.plain, x.named, x.forever = nil, nil, nil
	}
	return x, err
}

// isOff reports whether a switch is off.
func isOff(s wire.Setting) bool {
	switch s := s.(type) {
	case *wire.PICCConfig:
		return s.Flags == 0
	case *wire.HardwareConfig:
		return s.Flags == 0
	}
	return false
}

func (x *optionPlan) names() (names []string) {
	for _, s := range x.plain {
		names = append(names, s.Name)
	}
	names = append(names, x.named...)
	for _, s := range x.forever {
		names = append(names, s.Name)
	}
	return names
}

func (x *optionPlan) add(ctx context.Context, s settable) error {
	switch {
	case s.Option == wire.ConfigPICC && !s.Forever:
		x.picc |= s.setting.(*wire.PICCConfig).Flags
		x.named = append(x.named, s.Name)
		return nil
	case s.Forever:
		on, _, err := x.seen(ctx, &s)
		switch {
		case err != nil:
			return err
		case on:
			x.keep(x.here, "%s: it is so, for ever", s.Name)
		case !x.asked(s.Name):
			x.hold(x.here, s.Name, "%s: it can never be undone", s.What)
		default:
			x.forever = append(x.forever, s)
		}
		return nil
	case s.Option == wire.ConfigDefaultKey:
		return x.defaultKey(ctx, s)
	}
	if m, ok := s.setting.(*wire.SecureMessagingConfig); ok {
		if risk, err := x.messagingRisk(ctx, m); err != nil || risk != "" {
			x.impossible(x.here, "%s: %s", s.Name, risk)
			return err
		}
	}
	if risk := OptionRisk(s.setting); risk != "" {
		x.warn(x.here, "%s: %s", s.Name, risk)
	}
	x.plain = append(x.plain, s)
	return nil
}

// seen reports whether a card shows that an option which is for ever is set; proved says
// that a session has shown it.
func (r *runner) seen(ctx context.Context, o *settable) (on, proved bool, err error) {
	switch o.Name {
	case OptionRandomUID:
		return r.hidesUID(ctx)
	case OptionLRP:
		on, err = r.speaksLRP(ctx)
		return on, on, err
	}
	return false, false, nil
}

// hidesUID reports whether the card shows a random identifier: in a session, where
// one can be had, it says none.
func (r *runner) hidesUID(ctx context.Context) (hides, proved bool, err error) {
	p := wire.Place{Fixed: r.card.Generation().FixedName() != nil}
	if err := r.as(ctx, p, who{free: true}, true); err != nil {
		return false, false, err
	}
	s, ok := r.card.Session()
	v, err := r.card.Version(ctx)
	if inspect.Refused(err) {
		r.forget()
		return r.card.UID() == nil, false, nil
	}
	if err != nil {
		return false, false, err
	}
	return v.UID.IsZero(), ok && s.Scheme != wire.SchemeD40, nil
}

// speaksLRP reports whether the card is in LRP mode, as a session with it shows.
func (r *runner) speaksLRP(ctx context.Context) (bool, error) {
	if hand, err := r.atHand(ctx, slot{wire.Place{Fixed: true}, 0}); err != nil || !hand {
		return false, err
	}
	if err := r.enter(ctx, wire.Place{Fixed: true}, 0); err != nil {
		if isKeyError(err) {
			r.forget()
			return false, nil
		}
		return false, err
	}
	s, ok := r.card.Session()
	return ok && s.Scheme == wire.SchemeLRP, nil
}

// defaultKey plans the key that keys of new applications begin with.
func (x *optionPlan) defaultKey(ctx context.Context, s settable) error {
	k, source, ok, err := take(ctx, x.conf.Want, x.defaultRef())
	switch {
	case err != nil:
		return err
	case !ok:
		x.impossible(x.here, "%s: the key store has none: %v", s.Name, x.defaultRef())
		return nil
	}
	e, ok := k.(key.Exporter)
	if !ok {
		x.impossible(x.here, "%s: a card is given its bytes, and the key of %s does not give them away", s.Name, source)
		return nil
	}
	secret := make([]byte, wire.DefaultKeySize)
	b := e.Export()
	copy(secret, b)
	clear(b)
	s.setting = &wire.DefaultKey{Key: wire.NewSecret(secret), Version: wire.KeyVersion(k.Version())}
	clear(secret)
	s.What += fmt.Sprintf(": %v, version %02X", k.Type(), k.Version())
	x.plain = append(x.plain, s)
	return nil
}

func (r *ring) defaultRef() keystore.Ref {
	return keystore.Ref{UID: r.uid, Key: keystore.RoleDefault.ID()}
}

// messagingRisk is that a session with the master key would become impossible.
func (x *optionPlan) messagingRisk(ctx context.Context, m *wire.SecureMessagingConfig) (string, error) {
	list, err := x.candidates(ctx, slot{x.place, 0})
	if err != nil {
		return "", err
	}
	want, ok, err := x.want(ctx, slot{x.place, 0})
	if ok {
		list = append(list, want)
	}
	for _, h := range list {
		if risk := MessagingRisk(m, h.key.Type().Wire()); risk != "" {
			return risk, err
		}
	}
	return "", err
}

// set plans one SetConfiguration.
func (x *optionPlan) set(name, words, forever string, setting wire.Setting) {
	place := x.place
	x.step(Step{
		Where: x.here, Kind: SetOption, Name: name, Words: words, Exchanges: 1, Forever: forever,
		do: func(ctx context.Context, r *runner) error { return r.setOption(ctx, place, setting) },
	}, who{no: 0})
}

// each plans the options that are set by themselves. Cards do not tell most of them.
func (x *optionPlan) each() {
	for _, s := range x.plain {
		x.set(s.Name, fmt.Sprintf("set %s: %s", s.Name, settingWords(s)), "", s.setting)
	}
}

// settingWords says what becomes of an option.
func settingWords(s settable) string {
	switch v := s.setting.(type) {
	case *wire.ATS:
		return fmt.Sprintf("%X", v.ATS)
	case *wire.SAK:
		return fmt.Sprintf("%02X%02X", v.SAK1, v.SAK2)
	case *wire.ATQA:
		return fmt.Sprintf("%04X", v.ATQA)
	case *wire.SecureMessagingConfig:
		return v.Flags.String()
	case *wire.FailedAuthConfig:
		if !v.Enabled {
			return "off"
		}
		return fmt.Sprintf("limit %d, minus %d for each that succeeds", v.Limit, v.Decrement)
	case *wire.HardwareConfig:
		if v.Flags == 0 {
			return "off"
		}
		return "on"
	}
	return s.What
}

// last plans what comes after everything was compared: the switches that a card
// takes together, which may shut out who does not know them, and what can never be
// undone, a random identifier last of all.
func (x *optionPlan) last(ctx context.Context) error {
	writes := len(x.named) > 0 || slices.ContainsFunc(x.forever, func(s settable) bool { return s.Flags != 0 })
	if writes && len(x.unnamed) > 0 {
		x.impossible(x.here, "%s: a card takes it together with %s, and tells none of them: the layout must say what those are to be, true or false", strings.Join(x.piccNames(), ", "), strings.Join(x.unnamed, ", "))
		x.named = nil
		x.forever = slices.DeleteFunc(x.forever, func(s settable) bool { return s.Flags != 0 })
	}
	if len(x.forever) > 0 {
		x.verifyFirst()
	}
	if len(x.named) > 0 {
		x.set(strings.Join(x.named, ", "), fmt.Sprintf("set what a card takes together: %s", x.piccWords(x.picc)), "", &wire.PICCConfig{Flags: x.picc})
	}
	flags := x.picc
	slices.SortStableFunc(x.forever, func(a, b settable) int { return lateness(a.Name) - lateness(b.Name) })
	for _, s := range x.forever {
		setting, words := s.setting, s.What
		if s.Flags != 0 {
			flags |= s.Flags
			setting = &wire.PICCConfig{Flags: flags}
		}
		if s.Name == OptionRandomUID {
			if ok, err := x.findable(ctx); err != nil || !ok {
				return err
			}
		}
		x.set(s.Name, "set for ever: "+words, "it can never be undone", setting)
		switch last := &x.plan.Steps[len(x.plan.Steps)-1]; s.Name {
		case OptionRandomUID:
			last.Exchanges++ // it says which card it is
		case OptionLRP:
			x.at = wire.Place{Name: "nowhere"} // the session is gone
		}
	}
	return nil
}

// lateness orders what can never be undone: a random identifier is the last.
func lateness(name string) int {
	if name == OptionRandomUID {
		return 1
	}
	return 0
}

func (x *optionPlan) piccNames() []string {
	names := slices.Clone(x.named)
	for _, s := range x.forever {
		if s.Flags != 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// piccWords says of each named switch what it becomes.
func (x *optionPlan) piccWords(on wire.PICCFlags) string {
	var words []string
	for _, o := range Options() {
		if slices.Contains(x.named, o.Name) {
			state := "off"
			if on&o.Flags != 0 {
				state = "on"
			}
			words = append(words, o.Name+" "+state)
		}
	}
	return strings.Join(words, ", ")
}

// findable reports whether a card with a random identifier could still be told from
// others: it says which it is only to who has a key, so one key must be at hand that
// is not made of the identifier.
func (x *optionPlan) findable(ctx context.Context) (bool, error) {
	blind := *x.ring
	blind.uid, blind.proved = "", map[slot]held{}
	places := []slot{{x.place, 0}}
	for i := range x.layout.Applications {
		a := &x.layout.Applications[i]
		for no := range a.KeyCount {
			places = append(places, slot{a.Place, wire.KeyNo(no)})
		}
	}
	for _, s := range places {
		now, ok, err := x.want(ctx, s)
		if err != nil {
			return false, err
		}
		list, err := blind.explicit(ctx, s)
		if err != nil {
			return false, err
		}
		if ok { // it will be this one
			list = slices.DeleteFunc(list, func(h held) bool { return !h.same(now) })
		}
		if len(list) > 0 {
			return true, nil
		}
	}
	x.impossible(x.here, "%s: every key of the card is made of its identifier, which it would tell to who has a key only: give one place a key that is the same on all cards", OptionRandomUID)
	return false, nil
}

// verifyFirst plans a comparison of all that was made before what can never be
// undone.
func (x *optionPlan) verifyFirst() {
	n := 0
	for i := range x.layout.Applications {
		a := &x.layout.Applications[i]
		n += 4*a.KeyCount + 6*len(a.Files)
	}
	held := slices.Clone(x.plan.Held)
	x.step(Step{
		Where: at(wire.Place{}), Kind: VerifyAll, Words: "read everything back before what can never be undone", Exchanges: 8 + n,
		do: func(ctx context.Context, r *runner) error { return r.verifyAll(ctx, held) },
	}, who{free: true})
}
