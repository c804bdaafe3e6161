package keystore

import (
	"context"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/key"
)

// Provider gets the keys of one more written form, NAME:ADDRESS, such as those of
// the keyring of the operating system or of PKCS#11 tokens. Packages oskeyring and
// pkcs11 have one each.
type Provider struct {
	// Name is what stands before the colon. It is no type of keys.
	Name string

	// Form is how such a key is written, for people: "os:SERVICE/NAME".
	Form string

	// Parse takes an address apart, which is what stands after the colon. It reads
	// nothing, loads nothing and asks nobody. Errors show nothing of the address
	// that could be secret.
	Parse func(address string) (*Provided, error)
}

// Provided is a key that a Provider has understood the address of. One of Text and
// Key is there.
type Provided struct {
	// Source says where the key is, for people, as in os:desfire/door. It holds no
	// PIN and no key.
	Source string

	// Facts are what is known of the key without asking anybody.
	Facts Facts

	// Code is what of the address is run in this process or beside it, such as the
	// file of a PKCS#11 module or what gives its PIN; empty if it names nothing of
	// that kind. Such a key is had only where Config.Code allows it.
	Code string

	// Text gets the text of the key, as a key file has it. The caller overwrites
	// it. Of the Config it takes Prompt, Exec and Warn.
	Text func(ctx context.Context, c *Config) ([]byte, error)

	// Key gets a handle to a key whose bytes stay where they are. t is the type that
	// stands before the form, nil if none does.
	Key func(ctx context.Context, c *Config, t *key.Type) (key.Key, error)
}

// Providers is a table of providers, which the program fills with those it has.
type Providers []Provider

// Parse reads what ParseSpec reads, and the forms of the providers, with or without
// a type before them. A type must be that of the key.
func (ps Providers) Parse(text string) (*Spec, error) {
	s, err := ps.parse(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("keystore: %w", err)
	}
	return s, nil
}

// find is the provider of a form, nil if the text has none.
func (ps Providers) find(text string) (p *Provider, address string) {
	name, address, ok := strings.Cut(text, ":")
	for i := range ps {
		if ok && ps[i].Name == name {
			return &ps[i], address
		}
	}
	return nil, ""
}

// elsewhere reports whether text says where a key is, in a form of the table or of
// this package.
func (ps Providers) elsewhere(text string) bool {
	p, _ := ps.find(text)
	return p != nil || keytext.Elsewhere(text)
}

// provided gets the key of a provider.
func (s *Spec) provided(ctx context.Context, c *Config) (key.Key, Facts, error) {
	p := s.from
	if p.Code != "" {
		if c.Code == nil {
			return nil, Facts{}, fmt.Errorf("no code is loaded from here: what names a module stands on the command line, in the environment, or in a keyring that nobody else can write, and not elsewhere (%s)", keytext.Harmless(p.Code))
		}
		if err := c.Code(p.Code); err != nil {
			return nil, Facts{}, err
		}
	}
	if c.Exec != nil {
		with := *c
		with.Exec = c.program // as the programs of a Spec are run
		c = &with
	}
	if p.Text != nil {
		text, err := p.Text(ctx, c)
		defer func() { clear(text) }()
		if err != nil {
			return nil, Facts{}, err
		}
		return s.read(text, "what is in "+p.Source)
	}
	var t *key.Type
	if s.typed {
		t = &s.typ
	}
	k, err := p.Key(ctx, c, t)
	if err != nil {
		return nil, Facts{}, err
	}
	if s.typed && !OneType(k.Type().String(), s.typ.String()) {
		return nil, Facts{}, fmt.Errorf("%v is asked for, and a key of type %v is there", s.typ, k.Type())
	}
	f := FactsOf(k, s.Source())
	f.NoVersion = p.Facts.NoVersion
	return k, f, nil
}
