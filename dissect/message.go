package dissect

import (
	"time"

	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Config says what may be used besides the recording. The zero value uses the
// keys of the recording alone.
type Config struct {
	Keys        []trace.Key // their Note is the name that people know a key by
	DefaultKeys bool        // try the keys of zeros that cards are delivered with

	// Cut hides what would tell a key to whoever has the key before it, as
	// trace.Recording.Cut does: for what leaves this computer.
	Cut bool
}

// Message is one command and its answer.
type Message struct {
	No, Last int    // its first and last exchange
	Name     string // of the command
	About    string // what it is about, short: "file 2, 250"; empty if nothing
	Did      string // what it did, a sentence
	More     string // what else there is to know about that; may be empty

	Protection Protection // of the half that has more
	Scheme     wire.Scheme
	Mode       string // how data travelled and why, in words; empty outside of sessions

	Status   wire.Status // 0 if none came
	Words    string      // the status, or what came in its place
	Good     bool        // nothing was refused
	Answered bool

	Frames   []Frame
	State    []Fact // the session after it, and what the reader believes
	Times    *Times // nil if the recording has none
	Verdicts []Verdict

	Before  []Mark // what happened before it: the card was activated anew
	After   []Mark // and after it: the session ended
	Session Session
	At      time.Duration // since the first exchange of the recording
	Foreign string        // whom the command is for, if not a DESFire card: "reader"
}

// Protection is how an exchange is protected, as a whole.
type Protection uint8

// Protections.
const (
	Clear     Protection = iota
	MACed                // with a MAC, or an answer that carries one
	Full                 // enciphered
	Handshake            // an authentication
)

var protections = [...]struct{ words, name string }{{"in clear", "clear"}, {"with MAC", "mac"}, {"enciphered", "full"}, {"handshake", "auth"}}

// String is the protection in words.
func (p Protection) String() string { return protections[p].words }

// Name is a short name that does not change: clear, mac, full, auth.
func (p Protection) Name() string { return protections[p].name }

// Session is where a message stands among sessions.
type Session struct {
	No    int  // of the session that it belongs to, from 1; 0: none
	First bool // it opened it
	Last  bool // it is the last one, as far as is known
	Cut   bool // and the session was cut off there: no answer, or the card went away
}

// Frame is one frame, as the reader's driver saw it.
type Frame struct {
	Exchange   int
	Answer     bool // from the card
	Len        int
	Protection Protection
	Words      string // the protection of this half, exactly; empty if it has none
	Parts      []Part
	Inner      *Inner // what is enciphered in this half, opened; with its last frame
}

// Inner is the enciphered part of a command or an answer, deciphered.
type Inner struct {
	Title string
	Parts []Part
}

// Fact is one line of the state after a message.
type Fact struct {
	Name    string
	Before  string // if it changed from something
	Value   string
	Changed bool
	Bytes   bool // Value is hexadecimal
}

// Times are how long a message took, and of what that consisted: reckoned for
// 106 kbit/s, since only Took is measured.
type Times struct {
	Took                  time.Duration
	Command, Card, Answer time.Duration // zero where the bytes alone would have taken longer than Took
	Reckoned              bool          // there is such a split
}

// Outcome is what a check found.
type Outcome uint8

// Outcomes.
const (
	Unchecked Outcome = iota // it should have been checked, and could not
	Proved                   // it is right
	Refused                  // it is wrong
)

// String is the outcome as a name that does not change.
func (o Outcome) String() string { return [...]string{"unchecked", "proved", "refused"}[o] }

// Verdict is one thing that was checked, or one reason for a refusal.
type Verdict struct {
	Outcome   Outcome
	Check     trace.Check // empty: it is no check, but an explanation
	Words     string
	Want, Got []byte // what bytes were expected and which came; nil if there is nothing to compare
	Causes    []Cause
}

// Cause is one explanation of what is wrong, the surest first.
type Cause struct {
	Sure diagnose.Sureness
	Text string
	Next string // what to do; may be empty
}

// Mark is something that happened between exchanges.
type Mark struct {
	Kind  MarkKind
	Words string
	Bad   bool
	At    time.Duration
}

// MarkKind is what a Mark is about. The names do not change.
type MarkKind string

// Kinds of marks.
const (
	Activated    MarkKind = "activated"     // the card was activated anew
	SessionBegan MarkKind = "session began" //
	SessionEnded MarkKind = "session ended" // and why
	SessionCut   MarkKind = "session cut"   // nobody knows how far the card got
	Presented    MarkKind = "presented"     // the same card again, or another one
)
