package report

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Level is how much something should worry the owner of a card.
type Level string

// Levels. The words are stable.
const (
	Bad   Level = "bad"   // somebody without a key can take or destroy something
	Doubt Level = "doubt" // it is weak, or may be as delivered
	Note  Level = "note"  // worth knowing
)

// Worry is something that should worry the owner of a card, or is worth knowing.
type Worry struct {
	Level       Level        `json:"level"`
	Application *wire.Place  `json:"application,omitempty"` // nil: the card itself
	File        *wire.FileNo `json:"file,omitempty"`
	What        string       `json:"what"`
	Why         string       `json:"why"`

	// Topic is what would mend it, for pages that can: keys or rights that are set.
	// Empty: nothing of that.
	Topic Topic `json:"-"`
}

// Topic is what a worry is about.
type Topic string

// Topics.
const (
	TopicKeys   Topic = "keys"
	TopicRights Topic = "rights"
)

// worries are all that rules find, the worst first and else in the order of the
// card. The rules look at settings alone: a redacted card has the same.
func worries(r *Report) []Worry {
	w := &worrier{list: []Worry{}}
	w.card(r)
	for i := range r.Applications {
		w.application(r.Card.Generation, &r.Applications[i])
	}
	slices.SortStableFunc(w.list, func(a, b Worry) int { return slices.Index(levels, a.Level) - slices.Index(levels, b.Level) })
	return w.list
}

var levels = []Level{Bad, Doubt, Note}

type worrier struct {
	list  []Worry
	place *wire.Place
	file  *wire.FileNo
}

func (w *worrier) add(l Level, what, why string) {
	w.list = append(w.list, Worry{Level: l, Application: w.place, File: w.file, What: what, Why: why})
}

// about is add for what can be mended.
func (w *worrier) about(t Topic, l Level, what, why string) {
	w.add(l, what, why)
	w.list[len(w.list)-1].Topic = t
}

func (w *worrier) card(r *Report) {
	c := r.Card
	for _, k := range r.Keys {
		if k.Key == 0 && k.Delivered {
			w.about(TopicKeys, Doubt, fmt.Sprintf("The card's master key may be as delivered (%sversion 00).", typed(k.Type)), "Whoever knows it can delete all applications. A key can be set without a version, too: desfire key check tells.")
		}
	}
	if c.Generation == wire.D40 {
		w.add(Doubt, "The card is of the first generation (D40).", "Its keys were read out of chips by measuring their power (2011), and its sessions protect no commands. NXP has ended it.")
	}
	switch r.Originality.State {
	case NotSigned:
		w.add(Doubt, "The signature is by none of NXP's known keys.", "Expected of a simulated card. Else it is no chip of NXP, or one of a later key.")
	case Unchecked:
		if c.Generation.Has(wire.FeatureSignature) {
			w.add(Note, "Whether NXP made the chip was not checked.", r.Originality.Words)
		}
	case Signed:
	}
	if k := c.KeySettings; k != nil && len(k.Settings) == 1 {
		s := wire.KeySett1(k.Settings[0])
		if s.Has(wire.SettFreeCreate) {
			w.add(Note, "Anyone can make applications on the card.", "They fill its memory; what is there already, they cannot delete without its master key.")
		}
		if s.Has(wire.SettFreeDirectory) && len(c.Applications) > 0 {
			w.add(Note, "Anyone can list the applications.", "That tells which systems the card is of.")
		}
		w.frozen(s)
	}
	if !c.RandomID && c.Generation.Has(wire.FeatureCardUID) {
		w.add(Note, "The card shows its UID to every reader.", "It can be recognised wherever it is held. A random identifier can be switched on, for ever.")
	}
	if m := c.MissingPart(inspect.PartApplications); m != nil {
		w.add(Note, "The applications could not be listed.", m.Reason+": nothing below says anything of them.")
	}
	if len(r.Delegated) > 0 {
		w.add(Note, fmt.Sprintf("%s of delegated applications in use.", counted(len(r.Delegated), "slot")), "Others than the issuer of the card may have applications on it.")
	}
	unproven := false
	for i := range c.Applications {
		for _, f := range c.Applications[i].Files {
			unproven = unproven || f.Settings != nil && !f.Proven
		}
	}
	if unproven && r.Source.Kind == "card" {
		w.add(Note, "What was read without a session may be forged.", "No MAC comes with it: a relay, or a copy, can answer anything. Keys prove it.")
	}
}

// typed is a type of keys before more words; empty if it is not known.
func typed(t string) string {
	if t == "" {
		return ""
	}
	return t + ", "
}

func (w *worrier) frozen(s wire.KeySett1) {
	if !s.Has(wire.SettMasterChangeable) {
		w.add(Note, "The master key can never be changed.", "If it becomes known, nothing helps.")
	}
	if !s.Has(wire.SettChangeable) {
		w.add(Note, "The key settings can never be changed.", "What they allow, they allow for ever.")
	}
}

func (w *worrier) application(g wire.Generation, x *Application) {
	a := x.card
	w.place, w.file = &x.Place, nil
	defer func() { w.place, w.file = nil, nil }()
	if k := a.KeySettings; k != nil && len(k.Settings) == 1 {
		s := wire.KeySett1(k.Settings[0])
		if s.Has(wire.SettFreeCreate) && k.Keys > 0 {
			w.about(TopicRights, Bad, "Anyone can make and delete files of the application.", "Key settings: files are made and deleted without the master key.")
		}
		if k.KeyType == wire.KeyDES.String() && g != wire.D40 {
			w.add(Doubt, "The keys are of type DES or 2K3DES.", "If they are single DES, they can be searched for; the card can do AES.")
		}
		w.frozen(s)
	}
	w.keys(x)
	for i := range x.Files {
		w.file = &x.Files[i].File
		w.files(x, &x.Files[i])
	}
}

// keys looks at their versions.
func (w *worrier) keys(x *Application) {
	var numbers []string
	for _, k := range x.Keys {
		if k.Delivered {
			numbers = append(numbers, fmt.Sprint(k.Key))
		}
	}
	switch n := len(numbers); {
	case n == 0:
	case n == len(x.Keys):
		w.about(TopicKeys, Doubt, "All keys may be as delivered (version 00).", "A key that nobody has set is zeros, and known to everybody. desfire key check tells.")
	default:
		w.about(TopicKeys, Doubt, fmt.Sprintf("%s %s may be as delivered (version 00).", map[bool]string{true: "Key", false: "Keys"}[n == 1], list(numbers)), "A key that nobody has set is zeros, and known to everybody. desfire key check tells.")
	}
}
