package purse

import "fmt"

// Kind is a kind of change.
type Kind uint8

// Kinds of change.
const (
	Debit         Kind = iota // take
	Credit                    // add
	LimitedCredit             // give back what the last transaction took
)

func (k Kind) String() string {
	names := [...]string{"Debit", "Credit", "LimitedCredit"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Words is what people call it: debit, credit, limited credit.
func (k Kind) Words() string {
	names := [...]string{"debit", "credit", "limited credit"}
	if int(k) < len(names) {
		return names[k]
	}
	return k.String()
}

// Change is one change of a value.
type Change struct {
	Kind   Kind
	Amount int32 // 1 or more
}

// After is the value that a change makes of another, which may be more than a
// card can hold.
func (c Change) After(before int32) int64 { return int64(before) + Move{0, c.Kind, c.Amount}.Signed() }

// Within is the value that a change makes of another, within the limits of a file; a
// *LimitError if it is none. How much LimitedCredit may give back is not
// looked at.
func (c Change) Within(value, lower, upper int32) (after int32, err error) {
	switch after := c.After(value); {
	case after < int64(lower):
		return 0, &LimitError{c, value, lower}
	case after > int64(upper):
		return 0, &LimitError{c, value, upper}
	default:
		return int32(after), nil
	}
}
