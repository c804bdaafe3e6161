package selftest

import (
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// step is one step of the suite. It begins on a new activation; if wipe is set,
// on a card that was formatted just before.
type step struct {
	id, title, source string
	wipe              bool // changes the card
	lasting           bool // leaves what a format does not undo
	run               func(t *trial)
}

// stepsOf are the steps for cards of a generation: first those that change
// nothing.
func stepsOf(g wire.Generation) []step {
	steps := append(identifySteps(g), listSteps(g)...)
	steps = append(steps, refusalSteps(g)...)
	wiping := [][]step{
		piccSteps(g), applicationSteps(g), authSteps(g), keySteps(g), keySetSteps(g), fileSteps(g), fileSettingsSteps(g),
		commSteps(g), dataSteps(g), valueSteps(g), recordSteps(g), transactionSteps(g), tmacSteps(g), isoSteps(g),
		frameSteps(g), integritySteps(g), sdmSteps(g), delegatedSteps(g), proximitySteps(g), siliconSteps(g), lightSteps(g), ntag424Steps(g),
	}
	for _, list := range wiping {
		for _, s := range list {
			s.wipe = true
			steps = append(steps, s)
		}
	}
	return steps
}

// Info is what is known of a step before it is done.
type Info struct {
	ID      string `json:"id"`
	Title   string `json:"title"`
	Source  string `json:"source,omitempty"`
	Wipes   bool   `json:"wipes"`
	Lasting bool   `json:"lasting"`
}

// List tells the steps for cards of a generation, in their order.
func List(g wire.Generation) []Info {
	if g == wire.UnknownGeneration {
		g = wire.EV3
	}
	var list []Info
	for _, s := range stepsOf(g) {
		list = append(list, Info{s.id, s.title, s.source, s.wipe, s.lasting})
	}
	return list
}

// when is the steps if the generation has the feature.
func when(g wire.Generation, f wire.Feature, steps ...step) []step {
	if g.Has(f) {
		return steps
	}
	return nil
}

// classic reports whether cards of the generation have applications that can
// be created.
func classic(g wire.Generation) bool { return g.Has(wire.FeatureApplications) }

// mask takes identifiers out of what the report says.
func (r *Report) mask(uids ...[]byte) {
	var pairs []string
	for _, u := range uids {
		if len(u) == 0 {
			continue
		}
		digits := Hex(u)
		text, _ := digits.MarshalText()
		pairs = append(pairs, string(text), "(UID)", strings.ToLower(string(text)), "(UID)")
	}
	m := strings.NewReplacer(pairs...)
	for i := range r.Steps {
		r.Steps[i].Reason = m.Replace(r.Steps[i].Reason)
	}
	for i := range r.Facts {
		r.Facts[i].Saw = m.Replace(r.Facts[i].Saw)
	}
	r.Left, r.Interrupted = m.Replace(r.Left), m.Replace(r.Interrupted)
}
