package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/perso"
)

// restoreResult is what restore prints last with --json.
type restoreResult struct {
	cardOf
	Dump        string             `json:"dump"`
	Done        int                `json:"done"` // steps
	Differences []perso.Difference `json:"differences"`
	NotCompared []perso.Difference `json:"not_compared"`
}

// result says how the card compares with the dump.
func (v *restoreVerb) result(list []perso.Difference) error {
	r := restoreResult{cardOf: v.card, Dump: v.path, Done: v.done}
	r.Differences, r.NotCompared = parted(list)
	var err error
	if v.json {
		err = v.emit(r)
	} else {
		v.printResult(&r)
	}
	switch n := len(r.Differences); {
	case n > 0 && len(v.plan.Impossible) > 0:
		err = errors.Join(err, withCode(exitDiffers, fmt.Errorf("the card is not what %s says: %s; what was impossible is among them", v.path, count(n, "difference"))))
	case n > 0:
		err = errors.Join(err, withCode(exitDiffers, fmt.Errorf("the card is not what %s says: %s", v.path, count(n, "difference"))))
	}
	return err
}

func (v *restoreVerb) printResult(r *restoreResult) {
	p := v.out
	for _, d := range r.Differences {
		v.printf("%s\n", p.Bad.Render(d.String()))
	}
	keys := 0
	for _, d := range r.NotCompared {
		if d.What == "key" && d.Key != nil {
			keys++ // the plan warns of each that should have another version
			continue
		}
		v.remarks().wrapped("", fmt.Sprintf("Not compared: %s of %v: %s", d.What, d.Where, d.Unproven))
	}
	if keys > 0 {
		v.sayf("Not compared: %s that no keyring has\n", count(keys, "key"))
	}
	if len(r.Differences) > 0 {
		return
	}
	did := "Restored " + count(r.Done, "step")
	if r.Done == 0 {
		did = "Nothing was to do"
	}
	v.printf("%s on %s; read back, %s\n", p.Good.Render(did), v.cardName(), "and found as "+v.path+" says")
}
