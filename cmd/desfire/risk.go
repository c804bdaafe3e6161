package main

import (
	"fmt"
	"strings"
)

// risky refuses what has risks, unless --force; then it tells them.
func (a *app) risky(risks []string) error {
	switch {
	case len(risks) == 0:
		return nil
	case !a.force:
		return advise(withCode(exitRefused, fmt.Errorf("refused, and nothing was done: %s", strings.Join(risks, "; "))), "--force does it all the same.")
	}
	for _, r := range risks {
		a.sayf("%s %s\n", a.err.Bad.Render("risk:"), r)
	}
	return nil
}

// did says what was done, or with --dry-run would be.
func (a *app) did(done, do string) string {
	if a.dryRun {
		return "Would " + do
	}
	return done
}
