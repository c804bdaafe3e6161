package main

import (
	"errors"
	"fmt"
	"slices"

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
	r.Differences, r.NotCompared = perso.Parted(list)
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
	// The plan warns of each key that should have another version.
	others := slices.DeleteFunc(slices.Clone(r.NotCompared), func(d perso.Difference) bool { return d.What == "key" && d.Key != nil })
	v.remarks().unproven("Not compared", others)
	if keys := len(r.NotCompared) - len(others); keys > 0 {
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
