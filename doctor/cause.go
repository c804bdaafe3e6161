package doctor

import "slices"

// Cause is something that an examination can find.
type Cause struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	What     string   `json:"what"`   // in words that fit every machine
	Next     string   `json:"next"`   // the line that mends it, with words in capitals for what differs
	Source   string   `json:"source"` // where this is known from, may be empty
}

// Causes is all that an examination can find, in a slice of the caller's.
func Causes() []Cause {
	return slices.Concat(serviceCauses, readerCauses, systemCauses, cardCauses, portCauses, chipCauses, placeCauses, unseenCauses)
}

// causeOf is the cause with an ID. That there is one is a matter of this package.
func causeOf(id string) Cause {
	all := Causes()
	return all[slices.IndexFunc(all, func(c Cause) bool { return c.ID == id })]
}
