package doctor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire/place"
)

// Config says what is examined. The zero value, and nil, is for PC/SC.
type Config struct {
	// Place is where cards are presented, as place.Parse reads it; empty is "pcsc".
	Place string
	// Schemes open places other than those of PC/SC.
	Schemes place.Schemes
	// Probe asks at every serial port for a PN532, and not only at one that Place
	// names.
	Probe bool
	// Explain knows what an error of a scheme of the caller's means, and returns nil
	// for one that it does not know. Its ID is then not one of Causes.
	Explain func(error) *Finding
}

const (
	all      = Limit - time.Second // for everything, so that a slow machine ends within Limit
	question = 2 * time.Second     // for one question to a service or program
	talking  = 3 * time.Second     // for one talk with a chip or a card
)

// Examine looks at a machine. config may be nil. The findings are in the order in
// which a person should read them: what is wrong first is what most of what follows
// depends on. An end of ctx ends it early.
func Examine(ctx context.Context, m Machine, config *Config) []Finding {
	ctx, cancel := context.WithTimeout(ctx, all)
	defer cancel()
	x := &exam{m: m, ctx: ctx, files: timely{ctx, m.Files()}}
	if config != nil {
		x.config = *config
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.user = m.User()
		x.place()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	return x.end()
}

// exam is one examination.
type exam struct {
	m      Machine
	ctx    context.Context
	files  timely
	user   User
	config Config

	processes *processes // once they were asked for

	mu    sync.Mutex
	at    string // what is being looked at
	found []Finding
	over  bool // nobody waits any more
}

// place looks at the place that is examined.
func (x *exam) place() {
	scheme, address, _ := strings.Cut(x.config.Place, ":")
	switch scheme {
	case "", "pcsc":
		x.pcsc(address)
	case "pn532":
		x.pn532(address)
	case "vpcd":
		x.vpcd(address)
	default:
		x.other(x.config.Place)
	}
	if x.config.Probe && scheme != "pn532" {
		x.pn532("")
	}
	x.now("")
}

// now notes what is being looked at.
func (x *exam) now(what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() == nil { // or it is what was cut short
		x.at = what
	}
}

// end is all that was found.
func (x *exam) end() []Finding {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.over = true
	if x.at != "" {
		f := findingOf("unseen-slow")
		f.Where = x.at
		x.found = append(x.found, f)
	}
	return x.found
}

// find notes a finding. Empty words are those of the cause.
func (x *exam) find(id, where, what, next string) {
	f := findingOf(id)
	f.Where = where
	if what != "" {
		f.What = what
	}
	if next != "" {
		f.Next = next
	}
	x.add(f)
}

func findingOf(id string) Finding {
	c := causeOf(id)
	return Finding{ID: c.ID, Severity: c.Severity, What: c.What, Next: c.Next}
}

// add notes a finding, once.
func (x *exam) add(f Finding) {
	if x.user.Root {
		f.Next = strings.TrimPrefix(strings.NewReplacer("| sudo ", "| ", "&& sudo ", "&& ", "; sudo ", "; ").Replace(f.Next), "sudo ")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, other := range x.found {
		if other == f {
			return
		}
	}
	if !x.over && x.ctx.Err() == nil { // or it was only cut short
		x.found = append(x.found, f)
	}
}

// errSlow is what a question comes to that is not answered in time.
var errSlow = errors.New("no answer in time")

// ask calls f and waits no longer than limit for it, whether it heeds its context or
// not.
func ask[T any](x *exam, limit time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(x.ctx, limit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		v, err := f(ctx)
		got <- answer{v, err}
	}()
	select {
	case a := <-got:
		if a.err != nil && ctx.Err() != nil {
			a.err = errSlow
		}
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, errSlow
	}
}
