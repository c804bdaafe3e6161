package screen

import (
	"io"
	"strings"
	"sync"
	"time"
)

// Console is the two streams that a program writes to. They often are one
// terminal: a line of the one begins on a line of its own there when the other
// has not ended its last one, and a progress line gives way to both.
//
// A stream remembers its first error, so that no output is lost unnoticed,
// whoever wrote it.
type Console struct {
	Out, Err *Stream

	mu       sync.Mutex
	terminal bool // both are
	open     bool // the last line of Out has not ended
	progress Text // the line of progress that is shown
	failed   chan struct{}
}

// NewConsole is a Console of two streams.
func NewConsole(stdout, stderr io.Writer) *Console {
	c := &Console{terminal: Terminal(stdout) && Terminal(stderr), failed: make(chan struct{})}
	c.Out, c.Err = &Stream{c: c, w: stdout}, &Stream{c: c, w: stderr}
	return c
}

// Failed is closed when something could not be written.
func (c *Console) Failed() <-chan struct{} { return c.failed }

// Stream is one stream of a Console.
type Stream struct {
	c   *Console
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (s *Stream) Write(p []byte) (int, error) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	s.c.erase()
	if s == s.c.Err && s.c.terminal && s.c.open {
		s.put([]byte("\n"))
		s.c.open = false
	}
	if s == s.c.Out && len(p) > 0 {
		s.c.open = p[len(p)-1] != '\n'
	}
	return s.put(p)
}

func (s *Stream) put(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil && s.err == nil {
		if s.c.Out.err == nil && s.c.Err.err == nil {
			close(s.c.failed)
		}
		s.err = err
	}
	return n, err
}

// Error is the first error of writing to the stream.
func (s *Stream) Error() error {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.err
}

// Unwrap is what the stream writes to.
func (s *Stream) Unwrap() io.Writer { return s.w }

// erase takes the progress line away.
func (c *Console) erase() {
	if c.progress != "" {
		c.Err.put([]byte("\r" + strings.Repeat(" ", Width(c.progress)) + "\r"))
		c.progress = ""
	}
}

// patience is how long a job may take before its progress is shown.
const patience = time.Second

// Progress shows how far a job is that takes more than a second, in one line of
// the terminal that standard error is; elsewhere nothing. It gives way to
// whatever is printed, and is erased at the end:
//
//	p := console.Progress("reading files")
//	defer p.End()
//	for i, f := range files {
//		p.At(i, len(files))
//		...
//	}
//
// All methods may be called on nil, and from any goroutine.
type Progress struct {
	c     *Console
	what  string
	since time.Time
	shown time.Time
	now   func() time.Time
}

// Progress begins a job. What it does is said in a few words.
func (c *Console) Progress(what string) *Progress {
	return &Progress{c: c, what: what, since: time.Now(), now: time.Now}
}

// At says that n of m are done; m is 0 if nobody knows how many there will be.
func (p *Progress) At(n, m int) {
	switch {
	case p == nil:
	case m > 0:
		p.show(Sprintf("%s: %d of %d", p.what, n, m))
	default:
		p.show(Sprintf("%s: %d", p.what, n))
	}
}

// show draws the line, ten times a second at most.
func (p *Progress) show(line Text) {
	width := Columns(p.c.Err)
	now := p.now()
	if width == 0 || now.Sub(p.since) < patience || now.Sub(p.shown) < 100*time.Millisecond {
		return
	}
	p.shown = now
	if Width(line) >= width {
		line = Text([]rune(string(line))[:width-1])
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.erase()
	if p.c.terminal && p.c.open {
		return // a line of results is being written
	}
	_, _ = p.c.Err.put([]byte("\r" + string(line)))
	p.c.progress = line
}

// End erases the line.
func (p *Progress) End() {
	if p == nil {
		return
	}
	p.c.mu.Lock()
	defer p.c.mu.Unlock()
	p.c.erase()
}
