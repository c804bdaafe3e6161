package fleet

// KeyChange is what an operator asks the centre to do with a key of the card that lies on
// a reader: the centre authenticates and changes it, the agent carries frames.
type KeyChange struct {
	Agent       string `json:"agent"`
	Reader      string `json:"reader"`            // its id
	UID         string `json:"uid,omitempty"`     // of the card, in hexadecimal; empty: whichever lies there
	Application string `json:"application"`       // card, app, an AID, or df: and a DF name
	Key         string `json:"key"`               // its number
	To          *byte  `json:"to,omitempty"`      // the version that it shall have; nil: the newest that the centre has
	DryRun      bool   `json:"dry_run,omitempty"` // nothing is changed
	Force       bool   `json:"force,omitempty"`   // also where it would lock somebody out
	Trace       string `json:"trace,omitempty"`
}

// KeyChanged is what became of it.
type KeyChanged struct {
	UID         string   `json:"uid"`
	Application string   `json:"application"`
	Key         string   `json:"key"`
	Outcome     string   `json:"outcome"` // changed, already, unchanged, unknown, possible: as package rekey has them
	Old         KeyFacts `json:"old"`
	New         KeyFacts `json:"new"`
	Steps       []string `json:"steps"`
	Why         string   `json:"why,omitempty"` // it ended otherwise than it was meant to
}

// KeyFacts tell keys of one place apart.
type KeyFacts struct {
	Type    string `json:"type"`
	Version byte   `json:"version"`
}
