// Package framelog finds the frames that a reader and a card exchanged in the
// text of a log, whichever program wrote it.
//
// There is one reader for all logs. A line is cut into tokens; a table tells
// which words and arrows say a direction (labels.go), another how bytes are
// written (notation.go). What wraps the frames on their way to the card is taken
// off (link.go). The resynchroniser (sync.go) joins lines that were continued,
// finds the direction of lines that have no mark, and pairs commands and answers.
//
// Every byte of a frame stands in the text, in the order of the frame but for a
// status that a program says first (Frame.StatusFirst). What
// looked like traffic and was not taken is named with its reason.
package framelog

import (
	"fmt"
	"slices"
	"strings"
)

// Direction is where a frame goes.
type Direction uint8

// Directions.
const (
	Unknown Direction = iota
	ToCard
	ToReader
)

func (d Direction) String() string {
	return [...]string{"unknown", "to the card", "to the reader"}[d]
}

// opposite is the other direction.
func (d Direction) opposite() Direction {
	switch d {
	case ToCard:
		return ToReader
	case ToReader:
		return ToCard
	}
	return Unknown
}

// Frame is a command or an answer.
type Frame struct {
	Line  int // where it begins, from 1
	Bytes []byte
	At    []int // for each byte, where its first character stands in the text

	// StatusFirst tells that the log says the last two bytes, the status, before
	// the others.
	StatusFirst bool

	// Comment is what stands behind the bytes on their line.
	Comment string

	marked bool // its line begins with an arrow
	shape  string
	time   int64 // in microseconds, if the log says it
}

// Exchange is a command and the answer to it, nil if there is none.
type Exchange struct {
	Command, Answer *Frame
	Reset           bool   // the card was activated anew before it
	Failed          string // what the log says instead of an answer
	Sent, Took      int64  // microseconds since the first one, and until the answer, if known
}

// Skipped is a line that looked like traffic and was not taken.
type Skipped struct {
	Line    int
	Text    string // the line, digits left out: they may be of a key
	Reason  string
	Control bool // something between programs, readers and cards that is no command and no answer
}

// Log is what was found.
type Log struct {
	Exchanges []Exchange
	Skipped   []Skipped
	Kinds     []Kind // what wrote it, the surest first
	Reader    string // its name, if the log says it
	Notes     []string
}

// Limits of what is read.
const (
	maxLine    = 1 << 20  // characters; a frame has 65 KiB at most
	maxSkipped = 1000     // lines named one by one
	maxFrame   = 66 << 10 // bytes
	maxItems   = 1 << 19
)

// ErrLong says that a log has more frames than are read at once.
var ErrLong = fmt.Errorf("the log has more than %d lines with frames: cut it into parts", maxItems)

// Read finds the frames in a text. See Decode for what is no text yet. A Log
// without exchanges says in Skipped why. It fails with ErrLong only.
func Read(text string) (*Log, error) {
	s, err := scan(text)
	if err != nil {
		return nil, err
	}
	s.sync()
	return s.finish(), nil
}

// scanner holds what was found in the lines so far.
type scanner struct {
	items []item
	now   int64 // microseconds, by the lines that say it
	fails []failure
	lost  []int // lines of commands that could not be read

	exchanges []Exchange
	kinds     kindCount
	reader    string
	dropped   []Skipped
	more      int // lines that were not named, since there were too many
	notes     []string
}

func (s *scanner) skip(it *item, reason string, args ...any) {
	s.skipAs(it, false, reason, args...)
}

func (s *scanner) control(it *item, reason string, args ...any) {
	s.skipAs(it, true, reason, args...)
}

func (s *scanner) skipAs(it *item, control bool, reason string, args ...any) {
	if len(s.dropped) >= maxSkipped {
		s.more++
		return
	}
	s.dropped = append(s.dropped, Skipped{Line: it.line, Text: hideDigits(it.text, it.dir == Unknown && it.kind == itemFrame && len(it.b) > 2), Reason: fmt.Sprintf(reason, args...), Control: control})
}

// note says something about the log, once.
func (s *scanner) note(format string, args ...any) {
	n := fmt.Sprintf(format, args...)
	for _, have := range s.notes {
		if have == n {
			return
		}
	}
	s.notes = append(s.notes, n)
}

// shownText is how much of a line is shown, and shownBytes how many of its
// bytes: as many as tell which command it is.
const (
	shownText  = 100
	shownBytes = 5
)

// hideDigits shortens a line and leaves out all bytes but the first, or all of
// them where they may be a key.
func hideDigits(line string, secret bool) string {
	line = strings.TrimSpace(line[:min(len(line), 4*shownText)])
	var b strings.Builder
	shown, hidden := 0, false
	secret = secret || mentionsSecret(line)
	for _, t := range tokens(line) {
		if b.Len() > shownText {
			b.WriteString(" ...")
			break
		}
		text := line[t.from:t.to]
		gap := ""
		if t.from > 0 && strings.IndexByte(" \t", line[t.from-1]) >= 0 {
			gap = " "
		}
		n := (t.to - t.from + 1) / 2
		switch {
		case !t.digits():
			if t.kind == tokWord || t.kind == tokMark || t.kind == tokOpen {
				shown = 0
			}
			b.WriteString(gap + text)
			hidden = false
		case !secret && shown+n <= shownBytes:
			shown += n
			b.WriteString(gap + text)
			hidden = false
		case !secret && shown < shownBytes && t.kind == tokBytes:
			b.WriteString(gap + text[:2*(shownBytes-shown)] + "..")
			shown, hidden = shownBytes, true
		case !hidden:
			b.WriteString(gap + "..")
			hidden = true
		}
	}
	return strings.TrimSpace(b.String())
}

// finish makes the log.
func (s *scanner) finish() *Log {
	if !s.believable() {
		for i := range s.exchanges {
			s.skip(&item{line: s.exchanges[i].Command.Line}, "too little in the file looks like commands and answers")
		}
		s.exchanges = nil
	}
	if len(s.exchanges) == 0 {
		s.notes = nil
	}
	l := &Log{Exchanges: s.exchanges, Skipped: s.dropped, Kinds: s.kinds.list(), Reader: s.reader, Notes: s.notes}
	slices.SortStableFunc(l.Skipped, func(a, b Skipped) int { return a.Line - b.Line })
	if s.more > 0 {
		l.Skipped = append(l.Skipped, Skipped{Line: l.Skipped[len(l.Skipped)-1].Line, Reason: fmt.Sprintf("%d further lines that were not taken", s.more)})
	}
	if len(l.Exchanges) > 0 {
		start := l.Exchanges[0].Sent
		for i := range l.Exchanges {
			l.Exchanges[i].Sent = max(0, l.Exchanges[i].Sent-start)
		}
	}
	return l
}

// believable reports whether what was found may be a log: one command at least
// is one, and what has no labels is more than chance.
func (s *scanner) believable() bool {
	commands, labels := 0, 0
	for i := range s.exchanges {
		f := s.exchanges[i].Command
		if f.marked {
			return true // somebody says so
		}
		if likelyCommand(f.Bytes) != no {
			commands++
		}
		if f.shape != "" {
			labels++
		}
	}
	missed := s.more
	for i := range s.dropped {
		if !s.dropped[i].Control {
			missed++
		}
	}
	n := len(s.exchanges)
	return commands*10 >= n && commands > 0 && (labels > 0 || n*10 >= missed)
}
