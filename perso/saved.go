package perso

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/strictjson"
)

// planVersion is what a saved plan begins with.
const planVersion = "plan/v1"

// maxPlan is more than any plan of a card takes, in bytes of JSON.
const maxPlan = 8 << 20

// choices are what of a Config decides what a plan has.
type choices struct {
	Values       bool     `json:"values"`
	Prune        bool     `json:"prune"`
	Irreversible []string `json:"irreversible"`
	Rotate       bool     `json:"rotate,omitempty"`
}

func choicesOf(c *Config) choices {
	names := slices.Clone(c.Irreversible)
	slices.Sort(names)
	return choices{c.Values, c.Prune, append([]string{}, slices.Compact(names)...), c.Rotate}
}

func (c choices) String() string {
	words := "values and records are left"
	if c.Values {
		words = "values and records are set"
	}
	if c.Rotate {
		words = "keys only are changed"
	}
	if c.Prune {
		words += ", what the layout does not have is deleted"
	}
	if len(c.Irreversible) > 0 {
		words += ", never to be undone: " + strings.Join(c.Irreversible, ", ")
	}
	return words
}

// check reports whether a configuration makes the same choices.
func (c choices) check(conf *Config) error {
	if now := choicesOf(conf); c.String() != now.String() {
		return &StaleError{"choices", c.String(), now.String()}
	}
	return nil
}

// Choose makes the choices of conf those that the plan was made with: Values, Prune,
// Irreversible, and Rotate.
func (p *Plan) Choose(conf *Config) {
	conf.Values, conf.Prune, conf.Irreversible = p.choices.Values, p.choices.Prune, slices.Clone(p.choices.Irreversible)
	conf.Rotate = p.choices.Rotate
}

// StaleError means that a plan was made of something else than what it is to be
// applied with.
type StaleError struct {
	What     string // layout, choices; done: it was carried out already
	Want, Is string // what the plan was made of, and what there is now
}

func (e *StaleError) Error() string {
	switch e.What {
	case "done":
		return "perso: this plan was carried out already: make a new one"
	case "layout":
		return fmt.Sprintf("perso: the layout is not the one that the plan was made of (hash %s, now %s): make a new plan", e.Want, e.Is)
	}
	return fmt.Sprintf("perso: the plan was made with other choices (%s; now %s): make a new plan, or choose the same", e.Want, e.Is)
}

// savedPlan is a plan in a file.
type savedPlan struct {
	Desfire   string      `json:"desfire"`
	UID       inspect.Hex `json:"uid"`
	Product   string      `json:"product"`
	Reader    string      `json:"reader"`
	Layout    string      `json:"layout"`
	Structure string      `json:"structure"`
	choices
	State      planState `json:"state"`
	Steps      []Step    `json:"steps"`
	Keep       []Note    `json:"keep"`
	Extra      []Note    `json:"extra"`
	Impossible []Note    `json:"impossible"`
	Held       []Note    `json:"held"`
	Warnings   []Note    `json:"warnings"`
	Parts      []part    `json:"parts"`
}

// Encode writes a plan as JSON that ReadPlan takes, in another process or later. It
// holds no key and no content. Plan.Layout must be set: a hash of what the layout is
// made from, of at least 16 hexadecimal digits.
func (p *Plan) Encode() ([]byte, error) {
	if !hexDigits.MatchString(p.Layout) {
		return nil, errors.New("perso: a plan is saved together with a hash of its layout: set Plan.Layout to at least 16 hexadecimal digits")
	}
	b, err := json.MarshalIndent(savedPlan{
		planVersion, p.UID, p.Product, p.Reader, p.Layout, p.Structure, p.choices, p.state,
		p.Steps, p.Keep, p.Extra, p.Impossible, p.Held, p.Warnings, p.parts,
	}, "", "  ")
	return append(b, '\n'), err
}

var hexDigits = regexp.MustCompile(`^[0-9A-Fa-f]{16,128}$`)

// ReadPlan reads a plan that Encode wrote. It is applied after Bind has given it its
// layout. Whatever the text says, Apply does no step that a new plan of the layout
// would not have.
func ReadPlan(text []byte) (*Plan, error) {
	if len(text) > maxPlan {
		return nil, fmt.Errorf("perso: a plan of %d bytes: at most %d are read", len(text), maxPlan)
	}
	var head struct {
		Desfire string `json:"desfire"`
	}
	if json.Unmarshal(text, &head) == nil && head.Desfire != planVersion {
		return nil, fmt.Errorf("perso: this is no saved plan of this version: its member desfire is %.40q, want %q", head.Desfire, planVersion)
	}
	var s savedPlan
	if err := strictjson.Check(text, &s); err != nil {
		return nil, fmt.Errorf("perso: saved plan: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("perso: saved plan: %w", err)
	}
	p := &Plan{
		UID: s.UID, Product: s.Product, Reader: s.Reader, Structure: s.Structure, Layout: s.Layout,
		Steps: s.Steps, Keep: s.Keep, Extra: s.Extra, Impossible: s.Impossible, Held: s.Held, Warnings: s.Warnings,
		parts: s.Parts, choices: s.choices, state: s.State, wasDone: s.State == planDone,
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("perso: saved plan: %w", err)
	}
	p.choices = choicesOf(&Config{Values: s.Values, Prune: s.Prune, Irreversible: s.Irreversible, Rotate: s.Rotate})
	return p, nil
}

// check finds what Encode never writes.
func (p *Plan) check() error {
	switch {
	case len(p.UID) < 4 || len(p.UID) > 10:
		return fmt.Errorf("uid has %d bytes: want 4 to 10", len(p.UID))
	case !hexDigits.MatchString(p.Layout):
		return errors.New("layout is no hash: want at least 16 hexadecimal digits")
	case p.state != planNew && p.state != planBegun && p.state != planDone:
		return fmt.Errorf("state is %.20q: want new, begun or done", p.state)
	case len(p.parts) == 0 || structureOf(p.parts) != p.Structure:
		return errors.New("structure is not the hash of the parts: the file was changed")
	}
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Exchanges < 0 || s.Bytes < 0 {
			return fmt.Errorf("steps[%d]: exchanges and bytes are numbers from 0 on", i)
		}
	}
	return checkNames(p.choices.Irreversible)
}

// Bind gives a plan that was read its layout, and the hash of that as Plan.Layout is
// made. It is a *StaleError if the plan was made of another, or was carried out.
func (p *Plan) Bind(layout *Layout, hash string) error {
	if err := layout.Check(); err != nil {
		return err
	}
	if !strings.EqualFold(p.Layout, hash) {
		return &StaleError{"layout", p.Layout, hash}
	}
	if p.wasDone {
		return &StaleError{What: "done"}
	}
	p.layout = layout
	return nil
}
