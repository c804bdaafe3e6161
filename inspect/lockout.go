package inspect

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/wire"
)

// AbsentKeys are the keys that the rights of a file name and an application with
// so many keys does not have, in ascending order. Cards refuse such rights.
func AbsentKeys(fs *wire.FileSettings, keys int) []wire.KeyNo {
	var absent []wire.KeyNo
	for _, r := range append([]wire.AccessRights{fs.Access}, fs.Additional...) {
		for _, a := range [...]wire.Access{r.Read, r.Write, r.ReadWrite, r.Change} {
			if no := wire.KeyNo(a); a != wire.Free && a != wire.Never && int(a) >= keys && !slices.Contains(absent, no) {
				absent = append(absent, no)
			}
		}
	}
	slices.Sort(absent)
	return absent
}

// LockOuts are the ways in which settings of a file lock everybody out: of the
// settings themselves for ever, or of all that the file is for. before is what the
// file has now, nil for a new one; what was so already is no risk.
func LockOuts(before, after *wire.FileSettings) (risks []string) {
	rights := RightsOf(after)
	used := func(r Rights) bool {
		return slices.ContainsFunc(r, func(g Grant) bool { return g.Act != ActChange && g.Possible() })
	}
	if c, _ := rights.Of(ActChange); !c.Possible() && before != nil && before.Access.Change != wire.Never {
		risks = append(risks, "nobody could ever change these settings again")
	}
	shown := after.SDM != nil && after.SDM.Access.FileRead() != wire.Never
	if !used(rights) && !shown && (before == nil || used(RightsOf(before))) {
		risks = append(risks, "nobody could do anything with the file")
	}
	return risks
}

// Remarks are what about the settings of a file may surprise: nothing in them is
// refused by cards.
func Remarks(fs *wire.FileSettings) (remarks []string) {
	rights := RightsOf(fs)
	possible := func(act Act) bool { g, known := rights.Of(act); return !known || g.Possible() }
	for _, act := range []Act{ActRead, ActGetValue} {
		if !possible(act) && (fs.SDM == nil || act != ActRead) {
			remarks = append(remarks, fmt.Sprintf("nobody can %s it", act))
		}
	}
	for _, act := range []Act{ActWrite, ActAppend, ActCredit} {
		if !possible(act) && fs.Type != wire.FileTransactionMAC {
			remarks = append(remarks, fmt.Sprintf("nobody can %s", act))
		}
	}
	if fs.Comm() != wire.CommPlain {
		for _, g := range rights {
			if g.Free && g.Act != ActChange {
				remarks = append(remarks, fmt.Sprintf("%s is free: without a session it goes in plain, whatever the mode", g.Act))
			}
		}
	}
	if g, _ := rights.Of(ActChange); g.Free {
		remarks = append(remarks, "everybody may change these rights")
	}
	return remarks
}
