package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// Kinds of marks.
const (
	markInserted = "inserted"
	markRemoved  = "removed"
	markLost     = "lost"
)

// shape is how an exchange was protected.
type shape string

const (
	shapeClear shape = "clear"
	shapeMAC   shape = "mac"
	shapeFull  shape = "full"
	shapeAuth  shape = "auth"
)

// Words are for people.
func (s shape) Words() string {
	switch s {
	case shapeMAC:
		return "with MAC"
	case shapeFull:
		return "enciphered"
	case shapeAuth:
		return "handshake"
	}
	return "in clear"
}

const noAnswer = "no answer"

// line is one command and its answer, or a mark between two of them.
type line struct {
	seq     int
	changes int    // how often it took another one's place
	kind    string // of a mark, else empty
	name    string // of the command, or the words of a mark
	about   string
	at      time.Duration // since traffic began
	clock   time.Time

	no             int // of its first exchange
	exchanges      []trace.Exchange
	took           time.Duration
	sent, received int           // bytes
	up, down       time.Duration // on the air, reckoned at 106 kbit/s
	shape          shape
	bad            string // why it is no success, in a word or two
	effect         wire.Effect
	told           *told // by the program that talks to the card

	session  bool // went in a session, or opened one
	opens    bool // is an authentication that succeeded
	goesOn   bool // and continues the session before it
	ends     bool // ended the session
	answered bool
}

// told is what the program that talks to the card says of a command, which it
// alone can read where the page has no keys.
type told struct {
	command, answer []wire.Field
	err             string
	after           belief
}

// Sizes of what is kept, about.
const (
	lineBytes  = 500
	frameBytes = 300
	fieldBytes = 80
)

func (l *line) size() int {
	n := lineBytes + len(l.name) + len(l.about) + len(l.bad)
	for i := range l.exchanges {
		e := &l.exchanges[i]
		n += frameBytes + len(e.Command) + len(e.Response) + len(e.Failed)
	}
	if l.told != nil {
		n += len(l.told.err) + l.told.after.size()
		for _, f := range slices.Concat(l.told.command, l.told.answer) {
			n += fieldBytes + len(f.Name) + len(f.Value)
		}
	}
	return n
}

// gone reports whether the line says that the card has left.
func (l *line) gone() bool { return l.kind == markRemoved || l.kind == markLost }

// depart makes a mark say what it means that the card has left after a line.
func (l *line) depart(last *line) {
	if last.kind != "" || last.answered || last.effect == wire.EffectNone {
		return
	}
	l.name = fmt.Sprintf("%s. Outcome of %d unknown.", strings.TrimSuffix(l.name, "."), last.no)
	l.bad = "unknown"
}

// join adds a frame, with what trace says of it.
func (l *line) join(e *trace.Exchange, command, answer *trace.Line) {
	l.exchanges = append(slices.Clip(l.exchanges), *e)
	l.took += time.Duration(e.Took) * time.Microsecond
	l.sent += len(e.Command)
	l.received += len(e.Response)
	l.up += dissect.OnAir(len(e.Command))
	if l.answered = len(e.Response) > 0; l.answered {
		l.down += dissect.OnAir(len(e.Response))
	}
	if !command.More {
		l.about = about(command.Fields, nil)
		l.shape = shapeOf(command.Channel)
		l.session = command.Channel != ""
		if command.Spec != nil {
			l.effect = command.Spec.Effect
		}
		if isHandshake(command.Name) {
			l.shape, l.goesOn = shapeAuth, strings.HasSuffix(command.Name, "NonFirst")
		}
	}
	switch {
	case !l.answered:
		l.bad = noAnswer
	case answer.Good:
		l.bad = ""
	default:
		l.bad = answer.Name
	}
	if l.shape == shapeAuth {
		l.opens = l.bad == "" && answer.Status != wire.StatusAdditionalFrame
		l.session = l.opens
	}
}

// shapeOf reads what trace says of the protection, "ev2 mac".
func shapeOf(channel string) shape {
	switch _, mode, _ := strings.Cut(channel, " "); mode {
	case "mac":
		return shapeMAC
	case "full":
		return shapeFull
	}
	return shapeClear
}

func isHandshake(name string) bool {
	return strings.HasPrefix(name, "Authenticate") || strings.HasSuffix(name, "ternalAuthenticate")
}

// follows reports whether b goes on in the session of a.
func follows(a, b *line) bool {
	return a.session && b.session && !a.ends && a.answered && (!b.opens || b.goesOn) && len(b.exchanges) > 0 && !b.exchanges[0].Reset
}

// bracket says how the bracket of a session passes line i.
func bracket(lines []*line, i int) string {
	l := lines[i]
	if !l.session {
		return ""
	}
	s := "on"
	if i == 0 && l.opens || i > 0 && !follows(lines[i-1], l) {
		s += " first"
	}
	switch {
	case !l.answered:
		s += " cut"
	case l.ends || i+1 < len(lines) && !follows(l, lines[i+1]):
		s += " last"
	}
	return s
}
