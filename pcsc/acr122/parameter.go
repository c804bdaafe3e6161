package acr122

import "strings"

// Parameter is the PICC operating parameter: what the reader looks for, and how.
type Parameter byte

// The bits of a Parameter. A reader begins with all of them.
const (
	TypeA       Parameter = 1 << iota // ISO 14443 type A
	TypeB                             // ISO 14443 type B
	Topaz                             // NFC Forum type 1
	FeliCa212                         // at 212 kbit/s
	FeliCa424                         // at 424 kbit/s
	Fast                              // every 250 ms, else every 500 ms
	AutoATS                           // activates ISO 14443-4, as DESFire needs it
	AutoPolling                       // looks for cards by itself
)

// DESFire is all that DESFire cards need.
const DESFire = AutoPolling | AutoATS | TypeA

var parameterNames = [...]string{"type A", "type B", "Topaz", "FeliCa 212", "FeliCa 424", "every 250 ms", "ATS", "polling"}

func (p Parameter) String() string {
	var names []string
	for i, name := range parameterNames {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}
