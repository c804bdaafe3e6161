package place

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Scheme is one way to say where cards are presented.
type Scheme struct {
	// Name is what stands before the colon.
	Name string
	// Forms are the ways to write such a place, for people: "tcp:HOST:PORT".
	// One that is Name alone, without a colon, allows just that.
	Forms []string
	// Open makes the place of an address, which is what stands after the colon,
	// empty without one. It connects to nothing yet. ErrAddress, which may be
	// wrapped, says that an address cannot be understood.
	Open func(address string) (*Place, error)
}

// Schemes is a table of schemes, in the order in which people should read them.
type Schemes []Scheme

// ErrAddress is what Scheme.Open returns for an address that it cannot
// understand.
var ErrAddress = errors.New("the address is not understood")

// SpecError is a place that cannot be understood. Nothing was opened.
type SpecError struct {
	Spec string
	Want []string // how it could be written
	Err  error    // ErrAddress, or nil if no scheme is meant
}

func (e *SpecError) Error() string {
	want := strings.Join(e.Want, ", ")
	if last := len(e.Want) - 1; last > 0 {
		want = strings.Join(e.Want[:last], ", ") + " or " + e.Want[last]
	}
	if want == "" {
		return fmt.Sprintf("%s: there are no schemes to choose from", e.Spec)
	}
	return fmt.Sprintf("%s: want %s", e.Spec, want)
}

// Unwrap returns what was wrong with the address.
func (e *SpecError) Unwrap() error { return e.Err }

// Parse makes the place that spec names by one of the schemes. The error is a
// *SpecError, or what Scheme.Open had to say.
func Parse(spec string, schemes Schemes) (*Place, error) {
	name, address, colon := strings.Cut(spec, ":")
	var all []string
	for _, s := range schemes {
		if s.Name != name {
			all = append(all, s.Forms...)
			continue
		}
		p, err := (*Place)(nil), ErrAddress
		if colon || slices.Contains(s.Forms, name) {
			p, err = s.Open(address)
		}
		if errors.Is(err, ErrAddress) {
			return nil, &SpecError{spec, s.Forms, err}
		}
		return p, err
	}
	return nil, &SpecError{spec, all, nil}
}
