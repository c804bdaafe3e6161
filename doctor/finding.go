package doctor

import (
	"slices"
	"strings"
	"time"
)

// Limit is the longest that an examination takes.
const Limit = 10 * time.Second

// Severity is how bad a finding is.
type Severity string

// Severities.
const (
	Good   Severity = "good"   // it works
	Doubt  Severity = "doubt"  // it may be in the way
	Bad    Severity = "bad"    // it is in the way
	Unseen Severity = "unseen" // it could not be looked at
)

// Finding is one thing that an examination found.
type Finding struct {
	ID       string   `json:"id"` // that of its Cause; it does not change
	Severity Severity `json:"severity"`
	What     string   `json:"what"`  // what is so, or wrong, in words
	Where    string   `json:"where"` // a file, program, device or reader, may be empty
	Next     string   `json:"next"`  // the one line that mends it, or what to do; may be empty
}

// Sick reports whether any of the findings is Bad.
func Sick(findings []Finding) bool {
	for _, f := range findings {
		if f.Severity == Bad {
			return true
		}
	}
	return false
}

// programs are with what the lines begin that are for a shell.
var programs = []string{
	"apk", "apt", "desfire", "dnf", "docker", "echo", "emerge", "flatpak", "gpgconf", "journalctl", "kill", "killall", "modprobe", "mount", "pacman", "pcscd", "printf",
	"raspi-config", "rc-service", "rm", "sc", "snap", "sudo", "systemctl", "unset", "usermod", "xbps-install", "zypper", "defaults", "chmod",
}

// Command reports whether Next is a line for a shell, to be shown in one piece, and
// not what a person does with hands.
func (f Finding) Command() bool {
	word, _, _ := strings.Cut(f.Next, " ")
	return slices.Contains(programs, word)
}
