package main

import (
	"testing"

	"github.com/go-desfire/desfire/perso"
)

// TestSettingFlags: each option of a card has a flag that says what it does.
func TestSettingFlags(t *testing.T) {
	for _, o := range perso.Options() {
		if settingHelp[o.Name] == "" {
			t.Errorf("--%s has no help", settingFlag(&o))
		}
	}
	if len(settingHelp) != len(perso.Options()) {
		t.Errorf("help for %d settings, of %d", len(settingHelp), len(perso.Options()))
	}
}
