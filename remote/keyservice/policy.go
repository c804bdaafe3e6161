package keyservice

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/wire"
)

// Policy says what agents may have keys do. The zero Policy allows nothing.
type Policy struct {
	// Agents are rules by the names of agents. A name that ends with * is for all
	// that begin so and have no longer one; * alone is for all that have none.
	Agents map[string]*Rules

	// Pending is how many handshakes of an agent may wait for the card's proof; 0 is
	// DefaultPending.
	Pending int
	// Patience is how long one waits; 0 is DefaultPatience.
	Patience time.Duration
}

// Rules are what one agent may do.
type Rules struct {
	// Keys are those that it may authenticate with.
	Keys map[wire.Place][]keystore.ID

	// Methods are the ways to authenticate; nil are DefaultMethods. MethodISO7816 is
	// allowed by no rule.
	Methods []key.Method

	// Rate is how many handshakes it may begin in a minute; 0 is DefaultRate.
	Rate int

	// Shared allows keys that are the same on every card: with one card at hand, or
	// one that somebody else has, the session of every card can be opened.
	Shared bool

	// Change allows the centre to change keys of cards on this agent's readers. The
	// agent gets no more keys for it.
	Change bool

	// Keep is how long the agent may keep what it was told of keys, types and
	// versions, to save a question; 0: not at all.
	Keep time.Duration
}

// Defaults of a Policy.
const (
	DefaultPending  = 32
	DefaultPatience = 10 * time.Second
	DefaultRate     = 120
)

// DefaultMethods are those in which an agent learns no block that a key has ciphered
// together with its plaintext.
var DefaultMethods = []key.Method{key.MethodEV2First, key.MethodEV2NonFirst, key.MethodLRPFirst, key.MethodLRPNonFirst}

// RuleError says which rule does not allow what an agent asks for.
type RuleError struct {
	Rule  string // agents.gate7.keys
	Text  string
	Never bool // no rule could allow it
}

func (e *RuleError) Error() string { return fmt.Sprintf("refused by %s: %s", e.Rule, e.Text) }

// Check is an error if the policy makes no sense.
func (p *Policy) Check() error {
	if p.Pending < 0 || p.Pending > 1024 {
		return fmt.Errorf("key policy: pending %d: want 1 to 1024", p.Pending)
	}
	if p.Patience < 0 || p.Patience > time.Minute {
		return fmt.Errorf("key policy: patience %v: want a minute at most", p.Patience)
	}
	for name, r := range p.Agents {
		if err := checkPattern(name); err != nil {
			return fmt.Errorf("key policy: %w", err)
		}
		if err := r.check(); err != nil {
			return fmt.Errorf("key policy: agents.%s: %w", name, err)
		}
	}
	return nil
}

// checkPattern is an error if a text is no name of an agent and no beginning of one.
func checkPattern(name string) error {
	begin, all := strings.CutSuffix(name, "*")
	if all && begin == "" {
		return nil
	}
	if err := remote.CheckName(begin); err != nil {
		return fmt.Errorf("agent: %w; or the beginning of names and *", err)
	}
	return nil
}

func (r *Rules) check() error {
	switch {
	case r == nil:
		return fmt.Errorf("no rules")
	case r.Rate < 0 || r.Rate > 1_000_000:
		return fmt.Errorf("rate %d: want 1 to 1000000 a minute", r.Rate)
	case r.Keep < 0 || r.Keep > 24*time.Hour:
		return fmt.Errorf("keep %v: want a day at most", r.Keep)
	}
	for _, m := range r.Methods {
		if m >= key.MethodISO7816 {
			return fmt.Errorf("methods: %v: %s", m, whyNotISO7816)
		}
	}
	return nil
}

const whyNotISO7816 = "its answers are blocks that the key has enciphered, and the answer to one challenge is the proof for another: no policy allows it"

// rules are those of an agent, and the name they stand under; nil if there are none.
func (p *Policy) rules(agent string) (r *Rules, name string) {
	if r, ok := p.Agents[agent]; ok {
		return r, agent
	}
	for pattern, rules := range p.Agents {
		begin, all := strings.CutSuffix(pattern, "*")
		if all && strings.HasPrefix(agent, begin) && (r == nil || len(pattern) > len(name)) {
			r, name = rules, pattern
		}
	}
	return r, name
}

// mayUse is a *RuleError if an agent may not use a key at all.
func (p *Policy) mayUse(agent string, ref keystore.Ref) (*Rules, error) {
	r, name := p.rules(agent)
	if r == nil {
		return nil, &RuleError{Rule: "agents", Text: fmt.Sprintf("%s is not named there, so it may use no key", agent)}
	}
	if !slices.Contains(r.Keys[ref.Place], ref.Key) {
		return nil, &RuleError{Rule: "agents." + name + ".keys", Text: ref.Key.Words() + " of " + placeWords(ref.Place) + " is not listed"}
	}
	return r, nil
}

// mayAuthenticate is a *RuleError if an agent may not authenticate so.
func (p *Policy) mayAuthenticate(agent string, ref keystore.Ref, m key.Method) (*Rules, error) {
	if m >= key.MethodISO7816 {
		return nil, &RuleError{Rule: "the method", Text: fmt.Sprintf("%v: %s", m, whyNotISO7816), Never: true}
	}
	r, err := p.mayUse(agent, ref)
	if err != nil {
		return nil, err
	}
	allowed := r.Methods
	if allowed == nil {
		allowed = DefaultMethods
	}
	if !slices.Contains(allowed, m) {
		_, name := p.rules(agent)
		return nil, &RuleError{Rule: "agents." + name + ".methods", Text: m.String() + " is not among them"}
	}
	return r, nil
}

func placeWords(p wire.Place) string {
	if p.IsCard() {
		return "the card level"
	}
	return p.Words()
}
