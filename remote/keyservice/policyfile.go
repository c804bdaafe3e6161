package keyservice

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

const policyFormat = "key-policy/v1"

// policyWords are what errors say of policies.
var policyWords = yamlnode.Words{
	Empty: "desfire: " + policyFormat + ", and agents",
	Deep:  "a policy has agents, rules in agents, and keys in rules",
	At:    "text that begins with @ must be in quotes; no key stands here",
}

// PolicyError says what is wrong in a policy file, and where.
type PolicyError struct {
	File         string
	Line, Column int // from 1; 0 is the whole file
	Reason       string
}

func (e *PolicyError) Error() string {
	at := e.File
	if at == "" {
		at = "key policy"
	}
	if e.Line == 0 {
		return at + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d:%d: %s", at, e.Line, e.Column, e.Reason)
}

// LoadPolicy reads a policy file. warn is told if others may write it; nil drops that.
// Errors in the text are a *PolicyError.
//
//	desfire: key-policy/v1
//	pending: 32                    # handshakes of an agent that wait for their card
//	patience: 10                   # for so many seconds
//	agents:
//	  gate7:
//	    keys: {F48121: [1, 2]}     # places, and the keys there
//	    rate: 600                  # handshakes a minute; 120 if it does not stand here
//	  "bus-*":                     # agents whose names begin so
//	    keys:
//	      F48121: [1]
//	      df:D2760000850101: [0, 3]
//	    methods: [EV2, AES]        # EV2, EV2NonFirst, LRP, LRPNonFirst if it does not stand here
//	    shared: true               # keys that are the same on every card as well
//	    keep: 300                  # they may remember types and versions for so many seconds
//	    change: true               # the centre may change keys of cards on its readers
//
// What is not allowed there is refused: an empty policy allows nothing. JSON is read as
// well. Nothing in it is ignored.
func LoadPolicy(ctx context.Context, path string, warn func(string)) (*Policy, error) {
	text, info, err := keytext.ReadFile(ctx, path, yamlnode.MaxFile)
	if err != nil {
		return nil, fmt.Errorf("key policy: %w", err)
	}
	if a, ok := keytext.AccessOf(info); ok && a.Write && warn != nil {
		warn(fmt.Sprintf("the key policy %s can be changed by others than its owner: chmod 600 takes that from them", keytext.Harmless(path)))
	}
	p, err := ParsePolicy(text)
	var e *PolicyError
	if errors.As(err, &e) {
		e.File = path
	}
	return p, err
}

// ParsePolicy reads the text of a policy file.
func ParsePolicy(text []byte) (*Policy, error) {
	root, err := yamlnode.Parse(text, policyWords)
	var p *Policy
	if err == nil {
		p, err = decodePolicy(root)
	}
	var f *yamlnode.Fault
	if errors.As(err, &f) {
		return nil, &PolicyError{Line: f.Line, Column: f.Column, Reason: f.Reason}
	}
	return p, err
}

func members(n *yamlnode.Node, what, want string, names ...string) (map[string]*yamlnode.Node, error) {
	if err := n.WantMembers(want); err != nil {
		return nil, err
	}
	f, faults := n.Fields(what, names...)
	if len(faults) > 0 {
		return nil, faults[0]
	}
	return f, nil
}

func decodePolicy(root *yamlnode.Node) (*Policy, error) {
	f, err := members(root, "a key policy", policyWords.Empty, "desfire", "pending", "patience", "agents")
	if err != nil {
		return nil, err
	}
	switch version, ok := f["desfire"]; {
	case !ok:
		return nil, root.Fault("the member desfire is missing: want desfire: %s", policyFormat)
	case version.Text != policyFormat:
		return nil, version.Fault("desfire is %s: this program reads %s", version.Describe(), policyFormat)
	}
	p := &Policy{Agents: map[string]*Rules{}}
	if p.Pending, err = number(f["pending"], "pending", 1, 1024); err != nil {
		return nil, err
	}
	seconds, err := number(f["patience"], "patience", 1, 60)
	if err != nil {
		return nil, err
	}
	p.Patience = time.Duration(seconds) * time.Second
	n, ok := f["agents"]
	if !ok || n.Empty() {
		return p, nil
	}
	if err := n.WantMembers("AGENT: {keys: ...} of each agent"); err != nil {
		return nil, err
	}
	for _, m := range n.Members {
		name := m.Name.Text
		if err := checkPattern(name); err != nil {
			return nil, m.Name.Fault("%v", err)
		}
		if p.Agents[name] != nil {
			return nil, m.Name.Fault("the agent %s stands here a second time", name)
		}
		if p.Agents[name], err = decodeRules(m.Value); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func decodeRules(n *yamlnode.Node) (*Rules, error) {
	f, err := members(n, "an agent", "keys, and what else it may do", "keys", "methods", "rate", "shared", "change", "keep")
	if err != nil {
		return nil, err
	}
	r := new(Rules)
	keys, ok := f["keys"]
	if !ok {
		return nil, n.Fault("the member keys is missing: want PLACE: [KEY, ...], or keys: {} for none")
	}
	if r.Keys, err = decodeKeys(keys); err != nil {
		return nil, err
	}
	if m, ok := f["methods"]; ok {
		if r.Methods, err = decodeMethods(m); err != nil {
			return nil, err
		}
	}
	if r.Rate, err = number(f["rate"], "rate", 1, 1_000_000); err != nil {
		return nil, err
	}
	keep, err := number(f["keep"], "keep", 0, 24*3600)
	if err != nil {
		return nil, err
	}
	r.Keep = time.Duration(keep) * time.Second
	for name, to := range map[string]*bool{"shared": &r.Shared, "change": &r.Change} {
		if b, ok := f[name]; ok {
			if *to, err = b.Bool(name); err != nil {
				return nil, err
			}
		}
	}
	return r, nil
}

func decodeKeys(n *yamlnode.Node) (map[wire.Place][]keystore.ID, error) {
	const want = "PLACE: [KEY, ...] of each place"
	keys := map[wire.Place][]keystore.ID{}
	if err := n.WantMembers(want); err != nil {
		return nil, err
	}
	for _, m := range n.Members {
		place, err := wire.ParsePlace(m.Name.Text)
		if err != nil {
			return nil, m.Name.Fault("%s is no place: want card, app, an AID of six hexadecimal digits, or df: and a DF name in hexadecimal", yamlnode.Shown(m.Name.Text))
		}
		if _, twice := keys[place]; twice {
			return nil, m.Name.Fault("%v stands here a second time", place)
		}
		if m.Value.Kind != yamlnode.Sequence {
			return nil, m.Value.Fault("want a list of keys as [0, 1], not %s", m.Value.Describe())
		}
		ids := []keystore.ID{}
		for _, k := range m.Value.Items {
			id, err := keystore.ParseID(k.Text)
			if err != nil || k.Kind != yamlnode.Scalar {
				return nil, k.Fault("%s names no key: want a number from 0 to 63, SET:NUMBER, or a role such as proximity", k.Describe())
			}
			if slices.Contains(ids, id) {
				return nil, k.Fault("%s stands here a second time", id.Words())
			}
			ids = append(ids, id)
		}
		keys[place] = ids
	}
	return keys, nil
}

func decodeMethods(n *yamlnode.Node) ([]key.Method, error) {
	if n.Kind != yamlnode.Sequence {
		return nil, n.Fault("methods: want a list as [EV2, LRP], not %s", n.Describe())
	}
	methods := []key.Method{}
	for _, k := range n.Items {
		m, err := parseMethod(k.Text)
		switch {
		case err != nil || k.Kind != yamlnode.Scalar:
			return nil, k.Fault("%s is no method: want %s", k.Describe(), strings.Join(methodNames(), ", "))
		case m == key.MethodISO7816:
			return nil, k.Fault("%v: %s", m, whyNotISO7816)
		case slices.Contains(methods, m):
			return nil, k.Fault("%v stands here a second time", m)
		}
		methods = append(methods, m)
	}
	return methods, nil
}

// methodNames are those that a policy may have.
func methodNames() (names []string) {
	for m := range key.MethodISO7816 {
		names = append(names, m.String())
	}
	return names
}

// number reads a decimal number; 0 if it does not stand there.
func number(n *yamlnode.Node, what string, least, most int) (int, error) {
	if n == nil {
		return 0, nil
	}
	v, err := strconv.ParseUint(n.Text, 10, 31)
	if n.Kind != yamlnode.Scalar || n.Quoted || err != nil || len(n.Text) > 1 && n.Text[0] == '0' || int(v) < least || int(v) > most {
		return 0, n.Fault("%s is %s: want a number, %d to %d", what, n.Describe(), least, most)
	}
	return int(v), nil
}
