package remote

import "fmt"

// Version is the version of messages that this package writes. It counts up when one
// that only knows the version before would misunderstand; new members alone, which
// others ignore, change nothing.
const Version = 1

// Versioned is what every header begins with.
type Versioned struct {
	V int `json:"v"`
}

// VersionError says that a message is of a version that is not known here.
type VersionError struct{ Theirs, Ours int }

func (e *VersionError) Error() string {
	if e.Theirs > e.Ours {
		return fmt.Sprintf("a message of version %d, and this program knows versions up to %d: update this program", e.Theirs, e.Ours)
	}
	return fmt.Sprintf("a message of version %d, which this program, of version %d, does not know: update the other side", e.Theirs, e.Ours)
}
