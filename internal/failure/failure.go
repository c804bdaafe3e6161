// Package failure says what an error of this module comes down to, in one code: the tool makes its exit
// codes of it, and the library for phones tells it to apps.
//
// It knows the errors that every program may meet. What one program alone has, such as those of its readers,
// that program adds.
package failure

// Code names what an error comes down to.
type Code string

// Codes. They are documented, and do not change.
const (
	None         Code = ""                // it says nothing by itself
	Refused      Code = "refused"         // the card refused
	Usage        Code = "usage"           // what was asked for makes no sense
	NoCard       Code = "no-card"         // no card or reader, the wrong one, or in use
	Auth         Code = "authentication"  // the authentication failed
	Right        Code = "right"           // a right or a key is missing
	NotAuthentic Code = "not-authentic"   // not authentic, or a verification failed
	Unknown      Code = "unknown-outcome" // it may have happened, or in part: look at the card
	NotPossible  Code = "not-possible"    // not possible with this card
	Input        Code = "input"           // an input or a file is bad
	Differs      Code = "differs"         // what was compared differs
	Replay       Code = "replay"          // genuine, but seen before
	Interrupted  Code = "interrupted"     // by whoever asked for it
)

// ranked are the codes of which the first wins where several errors came together.
var ranked = []Code{Unknown, Usage, NotAuthentic, Interrupted, Replay, Differs, Input, NotPossible, Right, Auth, NoCard, Refused}

// Worst is the code that wins; None if there is none.
func Worst(codes ...Code) Code {
	for _, r := range ranked {
		for _, c := range codes {
			if c == r {
				return r
			}
		}
	}
	return None
}

// In are the codes of an error and of those that it wraps. own is asked first about each of them, for what
// a program knows better; if it says that this is all, those below are not looked at.
func In(err error, own func(error) (code Code, all bool)) (codes []Code) {
	if err == nil {
		return nil
	}
	c, all := own(err)
	if c == None && !all {
		c = Of(err)
	}
	if c != None {
		codes = append(codes, c)
	}
	if all {
		return codes
	}
	for _, inner := range Wrapped(err) {
		codes = append(codes, In(inner, own)...)
	}
	return codes
}

// Wrapped are the errors that an error wraps directly.
func Wrapped(err error) []error {
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}
