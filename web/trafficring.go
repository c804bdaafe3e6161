package web

import (
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/trace"
)

// What is kept of a reader's traffic: the newest lines, and not more bytes.
const (
	mostTraffic      = 16384
	mostTrafficBytes = 24 << 20
)

// tellTraffic is how long news of traffic wait for more of it.
const tellTraffic = 120 * time.Millisecond

// traffic is what passed between a reader and its cards: the newest of it, line
// by line. Who looks at it never holds up who talks to a card: a line that is
// here does not change, another one takes its place.
type traffic struct {
	now  func() time.Time
	tell func()          // that there is more
	rec  *trace.Recorder // cuts what would tell a key, keeps nothing

	mu      sync.Mutex
	lines   []*line // oldest first, by seq
	next    int     // seq of the next line
	frames  int     // exchanges so far
	bytes   int     // of lines
	gone    int     // lines that are not kept any more
	begun   time.Time
	words   *trace.Explainer
	sent    bool // frames that no Observe has told of
	follow  following
	seconds perSecond
	telling bool
}

func newTraffic(s *Server, reader string) *traffic {
	t := &traffic{now: s.conf.Now, tell: func() { s.tell("traffic", reader) }, words: new(trace.Explainer)}
	t.rec = trace.NewRecorder(&trace.RecorderConfig{Limit: -1, Now: s.conf.Now, Observe: t.passed})
	return t
}

// wrap is the transport to use in place of x, a card that was just activated.
func (t *traffic) wrap(x desfire.Transport) desfire.Transport { return t.rec.Wrap(x) }

// passed takes a frame and its answer, cut.
func (t *traffic) passed(e *trace.Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun.IsZero() {
		t.begun = t.now().Add(-time.Duration(e.Took) * time.Microsecond)
	}
	if e.Reset {
		t.words, t.follow.now = new(trace.Explainer), t.follow.now.activated()
	}
	command, answer := t.words.Step(e)
	l := line{no: t.frames, name: command.Name, at: time.Duration(e.At) * time.Microsecond, clock: t.begun.Add(time.Duration(e.At) * time.Microsecond)}
	t.frames++
	t.sent = true
	t.seconds.add(l.clock)
	if at := t.newest(); command.More && at >= 0 {
		l = *t.lines[at]
		l.join(e, &command, &answer)
		t.replace(at, &l)
		return
	}
	l.join(e, &command, &answer)
	t.add(&l)
	if at := len(t.lines) - 2; at >= 0 && t.lines[at].gone() && t.lines[at].at > l.at {
		// The reader told that the card has left before the exchange was over.
		m := *t.lines[at]
		m.depart(&l)
		m.changes++
		m.seq, l.seq = l.seq, m.seq
		t.bytes += m.size() - t.lines[at].size()
		t.lines[at], t.lines[at+1] = &l, &m
	}
}

// observe takes a command and its answer, as the card's Config.Observe, after
// the frames of it.
func (t *traffic) observe(e *desfire.Exchange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.newest()
	if at < 0 || !t.sent {
		return
	}
	t.sent = false
	l := *t.lines[at]
	words, presented := t.follow.observed(&l, e)
	t.replace(at, &l)
	if words == "" {
		return
	}
	if i := find(t.lines, presented-1); i >= 0 {
		m := *t.lines[i]
		m.name = words
		t.replace(i, &m)
	}
}

// mark notes something that happened between two exchanges.
func (t *traffic) mark(kind, words string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := line{kind: kind, name: words, clock: t.now()}
	if !t.begun.IsZero() {
		m.at = m.clock.Sub(t.begun)
	}
	if n := len(t.lines); n > 0 && m.gone() {
		m.depart(t.lines[n-1])
	}
	t.add(&m)
	if kind == markInserted {
		t.follow.inserted(m.seq)
	}
}

// newest is the newest line that is no mark, -1 if there is none.
func (t *traffic) newest() int {
	i := len(t.lines) - 1
	for i >= 0 && t.lines[i].kind != "" {
		i--
	}
	return i
}

// add takes a line in, and lets the oldest go when there are too many.
func (t *traffic) add(l *line) {
	l.seq = t.next
	t.next++
	t.lines = append(t.lines, l)
	t.bytes += l.size()
	old := 0
	for len(t.lines)-old > mostTraffic || t.bytes > mostTrafficBytes && len(t.lines)-old > 1 {
		t.bytes -= t.lines[old].size()
		t.lines[old] = nil
		old++
	}
	t.lines, t.gone = t.lines[old:], t.gone+old
	t.news()
}

// replace puts a line that is known better now in the place of itself.
func (t *traffic) replace(i int, l *line) {
	l.changes++
	t.bytes += l.size() - t.lines[i].size()
	t.lines[i] = l
	t.news()
}

// news tells the pages that there is more, once for all that comes in a while.
func (t *traffic) news() {
	if t.telling {
		return
	}
	t.telling = true
	time.AfterFunc(tellTraffic, func() {
		t.mu.Lock()
		t.telling = false
		t.mu.Unlock()
		t.tell()
	})
}

// kept is the traffic of one moment. Its lines do not change.
type kept struct {
	lines  []*line
	frames int // exchanges so far
	gone   int // lines that are not kept any more
	uid    string
}

func (t *traffic) kept() kept {
	t.mu.Lock()
	defer t.mu.Unlock()
	return kept{slices.Clone(t.lines), t.frames, t.gone, t.follow.uid}
}

// find is the place of a line, -1 if it is not kept any more.
func find(lines []*line, seq int) int {
	i, ok := slices.BinarySearchFunc(lines, seq, func(l *line, seq int) int { return l.seq - seq })
	if !ok {
		return -1
	}
	return i
}

// recording is what is kept as a recording, from line first on up to line last.
// gone of the frames before it were not kept.
func (t *traffic) recording(lines []*line) *trace.Recording {
	rec := t.rec.Recording()
	rec.Notes = ""
	for _, l := range lines {
		rec.Exchanges = append(rec.Exchanges, l.exchanges...)
	}
	return rec
}
