package sim

import "strings"

// valueType is what stands behind the = of a fault or an option.
type valueType uint8

const (
	noValue   valueType = iota // nothing may stand there
	number                     // 0 to 1000000000
	duration                   // as 200ms
	perhaps                    // a duration, or nothing
	hexBytes                   // hexadecimal digits
	moment                     // before, inside or after
	bitRate                    // 106, 212, 424 or 848
	bigNumber                  // 0 to 2^64-1
)

// faultKind is one word of the language.
type faultKind struct {
	name    string
	value   valueType
	options []faultOption
	global  bool // a setting of the whole, with no condition
	writes  bool // it meets a write to the memory
}

type faultOption struct {
	name  string
	value valueType
}

var (
	optBit    = faultOption{"bit", number}
	optBits   = faultOption{"bits", number}
	optKeep   = faultOption{"keep", number}
	optUnseen = faultOption{"unseen", noValue}
	optAfter  = faultOption{"after", noValue}
)

// faultKinds are the words of the language, in the order of the documentation.
var faultKinds = []faultKind{
	{name: "power-before"},
	{name: "power-after"},
	{name: "tear", value: moment, writes: true, options: []faultOption{{"cells", number}, {"finish", noValue}}},
	{name: "fail-write", writes: true},
	{name: "delay", value: duration},
	{name: "lose-command"},
	{name: "cut-command", options: []faultOption{optKeep, {"taken", noValue}}},
	{name: "flip-command", options: []faultOption{optBit, optBits}},
	{name: "lose-answer"},
	{name: "cut-answer", options: []faultOption{optKeep, {"drop", number}}},
	{name: "flip", options: []faultOption{optBit, optBits}},
	{name: "late", value: perhaps},
	{name: "repeat", options: []faultOption{optUnseen}},
	{name: "foreign", options: []faultOption{optUnseen}},
	{name: "forge", value: hexBytes, options: []faultOption{optUnseen}},
	{name: "hold", options: []faultOption{{"answer", hexBytes}}},
	{name: "deliver", options: []faultOption{optAfter}},
	{name: "insert", value: hexBytes, options: []faultOption{optAfter}},
	{name: "reader", value: bitRate, options: []faultOption{{"card", duration}, {"write", duration}, {"host", duration}}},
	{name: "keep-power", global: true},
	{name: "seed", value: bigNumber, global: true},
}

func kindOf(name string) *faultKind {
	for i := range faultKinds {
		if faultKinds[i].name == name {
			return &faultKinds[i]
		}
	}
	return nil
}

func (k *faultKind) option(name string) *faultOption {
	for i := range k.options {
		if k.options[i].name == name {
			return &k.options[i]
		}
	}
	return nil
}

// FaultNames are the faults of the language, in the order of its documentation.
func FaultNames() []string {
	var names []string
	for _, k := range faultKinds {
		names = append(names, k.name)
	}
	return names
}

// near is the name that was perhaps meant: it has the same beginning, or most
// letters in common; empty for none.
func near(word string, names []string) string {
	best, score := "", 2
	for _, n := range names {
		d := edits(word, n)
		if strings.HasPrefix(n, word) && len(word) > 2 {
			d = 1
		}
		if d <= score && d < len(n) {
			best, score = n, d-1
		}
	}
	return best
}

// edits is how many letters must be added, dropped or replaced.
func edits(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := last
			if a[i] != b[j] {
				next = min(last, row[j], row[j+1]) + 1
			}
			last, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}
