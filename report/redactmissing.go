package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// A reason is free text: that of a file is whatever stands there, and that of a
// keyring may name a UID. Words that are known stay, and what a status says is
// said anew.

var parts = []inspect.Part{
	inspect.PartVersion, inspect.PartFreeMemory, inspect.PartKeySettings, inspect.PartKeyVersions, inspect.PartApplications, inspect.PartNames, inspect.PartUID, inspect.PartSignature,
	inspect.PartKeySets, inspect.PartISOFiles, inspect.PartReadCounter, inspect.PartFiles, inspect.PartSettings, inspect.PartContent,
}

var (
	statusDigits = regexp.MustCompile(`^[0-9A-F]{4}$`)
	plainNeeds   = regexp.MustCompile(`^(any key|key \d{1,2}( or \d{1,2})*|the PICC master key|a session with any key)$`)
	plainReason  = regexp.MustCompile(`^(it was not asked for|nobody may (read it|ask for it)|this card cannot tell it|it is not in the file|not all of them are in the file|` +
		`how many keys there are is not known|the card shows a random one, and tells its own in a session only|` +
		`only the first \d{1,8} of \d{1,8} (bytes|records) are in the file)$`)
)

// hiddenReason stands for a reason that could tell something.
const hiddenReason = "the reason is left out of this report"

func (r *redactor) missing(list []inspect.Missing) []inspect.Missing {
	var out []inspect.Missing
	for _, m := range list {
		x := inspect.Missing{What: m.What, Reason: hiddenReason}
		if !slices.Contains(parts, m.What) {
			x.What = "part"
		}
		if plainNeeds.MatchString(m.Needs) {
			x.Needs = m.Needs
		}
		switch {
		case statusDigits.MatchString(m.Status):
			status, _ := strconv.ParseUint(m.Status, 16, 16) // it is four digits
			x.Status = m.Status
			x.Reason = fmt.Sprintf("refused with %v (%s)", wire.Status(status), m.Status)
		case plainReason.MatchString(m.Reason):
			x.Reason = m.Reason
		}
		out = append(out, x)
	}
	return out
}
