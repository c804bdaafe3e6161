package sdm

import (
	"context"
	"errors"
	"fmt"
)

// CoverageError means that a MAC is right, though over another text than the
// template says. A holder of the key made it: the UID, the counter and what it
// covers are genuine, the rest of the text is not proved. It is no accepted
// message, and no counter was noted. errors.Is finds ErrMAC.
type CoverageError struct {
	Tag      PICCData // whose message it is
	Want     *Coverage
	Coverage *Coverage // what it covers
}

func (e *CoverageError) Error() string {
	return fmt.Sprintf("the MAC is right over another text than the template says: it covers %v; the template wants %v", e.Coverage, e.Want)
}

func (e *CoverageError) Unwrap() error { return ErrMAC }

// VerifyReading checks a message in the text that a tag showed, as Verify does,
// and says what the MAC covers. With a template that was given, it must cover what
// that says: if it covers another part it is a *CoverageError. With one that was
// assumed, the part is searched for, and whatever it is accepted: the caller
// decides if that is enough.
//
// The search is bounded: some megabytes of text go through the MAC at most, with
// LRP less.
func (v *Verifier) VerifyReading(ctx context.Context, r *Reading) (*Tag, *Coverage, error) {
	by := *v
	by.LRP = r.Template.lrp
	list, err := by.open(ctx, &r.Message)
	if err != nil {
		return nil, nil, err
	}
	stated := r.stated()
	if !r.Assumed {
		for _, o := range list {
			if o.fits(r.Message.MACInput, r.Message.MAC) {
				t, err := by.accept(ctx, o, &r.Message)
				return t, stated, err
			}
		}
	}
	o, x, err := search(ctx, list, r)
	switch {
	case err != nil:
		return nil, nil, err
	case x == nil:
		return nil, nil, ErrMAC
	case !r.Assumed:
		return nil, nil, &CoverageError{o.p, stated, x.coverage()}
	case x.note != "":
		r.Notes = append(r.Notes, x.note)
	}
	t, err := by.accept(ctx, *o, &r.Message)
	return t, x.coverage(), err
}

// stated is what the template of a reading says that the MAC covers.
func (r *Reading) stated() *Coverage {
	x := input{r.filled(), r.Template.at["mac"].offset, nil}
	if from, ok := r.Template.at["from"]; ok {
		x.from, x.header = from.offset, r.Template.covered()
	}
	return x.coverage()
}

// Bytes that a search puts through the MAC, at most.
const (
	searchAES = 4 << 20
	searchLRP = 128 << 10
)

// search finds what a MAC covers; nil if nothing fits.
func search(ctx context.Context, list []opened, r *Reading) (by *opened, found *input, err error) {
	budget := searchAES
	if r.Template.lrp {
		budget = searchLRP
	}
	visit := func(x input) bool {
		if ctx.Err() != nil {
			err = ctx.Err()
			return true
		}
		if enc, ok := x.t.at["enc"]; ok && r.Assumed && x.from > enc.offset {
			return false // no card leaves that out, and it would not be proved
		}
		b := x.bytes()
		for i := range list {
			if list[i].fits(b, r.Message.MAC) {
				by, found = &list[i], &x
				return true
			}
		}
		return false
	}
	if r.filled().inputs(true, &budget, visit) {
		return by, found, err
	}
	for _, l := range r.more {
		if l.inputs(false, &budget, visit) {
			return by, found, err
		}
	}
	return nil, nil, errors.Join(err, ctx.Err())
}
