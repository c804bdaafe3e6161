package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/wire"
)

// Verdict is what Verify says of a whole recording.
type Verdict uint8

// Verdicts.
const (
	Unverifiable Verdict = iota // nothing could be checked, or something that should have been could not
	Verified                    // everything that is protected was checked and is right
	Failed                      // a check failed under keys that fit
)

func (v Verdict) String() string {
	switch v {
	case Verified:
		return "verified"
	case Failed:
		return "failed"
	}
	return "unverifiable"
}

// MarshalText writes the name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Result is what Verify found.
type Result struct {
	File            string    `json:"file"`
	ID              string    `json:"id"`
	Verdict         Verdict   `json:"result"`
	Authentications int       `json:"authentications"` // proven by the card's answer
	MACs            int       `json:"macs"`            // right ones, MAC and CMAC, in either direction
	CRCs            int       `json:"crcs"`            // right ones, of enciphered payloads
	Cut             []Failure `json:"cut"`             // what could not be checked, since the recorder cut it
	Failures        []Failure `json:"failures"`        // of an unverifiable recording: the reasons
	Skipped         []Skipped `json:"skipped"`         // lines of a log that may be traffic and were not taken

	Messages []Opened `json:"-"` // plain content

	// Used are the keys, of those in the recording and of those given, without
	// which this would not have been found. Keys that the session taught are not
	// among them.
	Used []Key `json:"-"`
}

// Failure is a check that failed, or one that should have been done and could
// not.
type Failure struct {
	Exchange int    `json:"exchange"` // index in the recording; -1: the recording as a whole
	Check    Check  `json:"check"`
	What     string `json:"what"` // the command and what is wrong, for people

	// Open tells that nothing was found wrong: it could not be checked.
	Open bool `json:"-"`
}

// String is the failure as one line: where, what, and in brackets which check.
func (f Failure) String() string {
	if f.Exchange < 0 {
		return f.What
	}
	return fmt.Sprintf("exchange %d: %s [%s]", f.Exchange, f.What, f.Check)
}

// Check names what is checked. The names do not change.
type Check string

// Checks of a message, first those of the reader's half.
const (
	CheckCommandMAC     Check = "command MAC" // MAC or CMAC
	CheckCommandCRC     Check = "command CRC" // of enciphered data
	CheckCommandPadding Check = "command padding"
	CheckCommandLength  Check = "command length" // fits the frame and a communication mode
	CheckAnswerMAC      Check = "answer MAC"
	CheckAnswerCRC      Check = "answer CRC"
	CheckAnswerPadding  Check = "answer padding"
	CheckAnswerLength   Check = "answer length"
	CheckStatus         Check = "status" // is not the one that the rest of the answer is right for
	CheckFrames         Check = "frames" // their order
)

// ofCard reports whether a check is not of what the reader sent.
func (c Check) ofCard() bool {
	switch c {
	case CheckCommandMAC, CheckCommandCRC, CheckCommandPadding, CheckCommandLength, CheckToken, CheckSession:
		return false
	}
	return true
}

// Checks of an authentication.
const (
	CheckChallenge Check = "challenge" // of the card
	CheckToken     Check = "token"     // of the reader
	CheckProof     Check = "proof"     // the card's answer to the token
)

// Checks of what a recording needs to be checked at all.
const (
	CheckKeys       Check = "keys"       // of an authentication, or session keys
	CheckProtection Check = "protection" // there is something that is protected
	CheckSession    Check = "session"    // that a message belongs to is open
	CheckFollowing  Check = "following"  // the state of the session is known
	CheckWhole      Check = "whole"      // no more was cut than carries keys
	CheckReadable   Check = "readable"   // the file
)

// Reason joins the failures.
func (r *Result) Reason() string {
	var s []string
	for _, f := range r.Failures {
		s = append(s, f.String())
	}
	return strings.Join(s, "; ")
}

// Mistakes reports whether all that is wrong, or could not be checked, are
// commands that the card refused or left unanswered: what it did carry out was
// checked and is right.
func (r *Result) Mistakes() bool {
	return r.Verdict != Verified && !slices.ContainsFunc(r.Failures, r.Grave)
}

// Grave reports whether a failure is more than a command of the reader that the
// card refused or left unanswered.
func (r *Result) Grave(f Failure) bool {
	o := r.At(f.Exchange)
	return o == nil || o.OK() || f.Check.ofCard()
}

// At is the message that an exchange belongs to, nil if there is none.
func (r *Result) At(exchange int) *Opened {
	i, _ := slices.BinarySearchFunc(r.Messages, exchange, func(o Opened, at int) int { return cmp.Compare(o.Last, at) })
	if i == len(r.Messages) || r.Messages[i].First > exchange {
		return nil
	}
	return &r.Messages[i]
}

// Opened is one message with its protection taken off. It shares nothing with the
// recording.
type Opened struct {
	First, Last int // exchanges
	Name        string
	Spec        *wire.Spec   // declaration of the command, nil if it has none
	Fields      []wire.Field // of the command, key bytes hidden
	Status      wire.Status
	Words       string // the status by its name, or what came in its place
	Answered    bool
	Answer      []wire.Field // of the answer
	Scheme      wire.Scheme
	Mode        wire.CommMode
	Note        string // what was checked, or why not
	Plain       []byte // command after INS, nil if it could not be opened or holds a key
	PlainAnswer []byte

	// Command and Response are the two halves as values, nil where they could
	// not be opened or fit no layout. Response is nil, too, if the command was
	// not carried out. They are the caller's. Where the command carries a key,
	// Command has zeros in its place, or is nil.
	Command  wire.Command
	Response wire.Message
}

// OK reports whether the card says that it carried the command out.
func (o *Opened) OK() bool {
	switch o.Status {
	case wire.StatusOK, wire.StatusISOOK, wire.StatusSignatureOK:
		return o.Answered
	}
	return false
}

// Lines are the command and the answer as lines of text.
func (o *Opened) Lines() []string {
	at := fmt.Sprintf("%4d ", o.First)
	command := at + "-> " + joinFields(o.Name, o.Fields, 0)
	if o.Scheme != wire.SchemeNone {
		command += fmt.Sprintf("   %v %v", o.Scheme, o.Mode)
	}
	answer := "     <- " + joinFields(o.Words, o.Answer, 0)
	if o.Note != "" {
		answer += "   [" + o.Note + "]"
	}
	return []string{command, answer}
}

// joinFields writes a name and fields. Values longer than limit are cut, 0 for
// no limit.
func joinFields(name string, fields []wire.Field, limit int) string {
	var b strings.Builder
	b.WriteString(name)
	sep := "  "
	for _, f := range fields {
		b.WriteString(sep)
		sep = " "
		value := f.Value
		switch {
		case strings.ContainsAny(value, " \t"):
			value = "{" + value + "}"
		case limit > 0 && len(value) > limit:
			value = fmt.Sprintf("%s..(%d bytes)", value[:limit], f.Len)
		}
		fmt.Fprintf(&b, "%s=%s", f.Name, value)
	}
	return b.String()
}
