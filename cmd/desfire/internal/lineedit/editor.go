// Package lineedit reads lines from a terminal, with a history and completion,
// while other goroutines print above the line that is edited.
//
// What is edited, and how it looks, is the business of golang.org/x/term. It
// asks the terminal for nothing, so that a pseudo terminal without a screen
// will do.
package lineedit

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/term"
)

// Editor reads lines. Say may be called from any goroutine, the rest from one.
type Editor struct {
	Keys    *Keyboard
	Out     *os.File
	History interface {
		Len() int
		At(i int) string // 0 is the newest
	}
	// Complete completes the word that ends at a byte of a line. It returns the
	// line and where the cursor is then, and what is to be shown above it.
	Complete func(line string, pos int) (newLine string, newPos int, show string)

	mu     sync.Mutex
	t      *term.Terminal // nil while no line is edited
	unsaid string
	find   finding
}

// Line reads a line. It ends with ErrInterrupted after Ctrl-C or the end of ctx,
// with io.EOF after Ctrl-D.
func (e *Editor) Line(ctx context.Context, prompt string) (string, error) {
	fd := int(e.Keys.f.Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return "", err
	}
	defer func() { _ = term.Restore(fd, before) }()
	in := &keys{in: e.Keys.Until(ctx)}
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, e.Out}, prompt)
	t.History = past{e}
	t.AutoCompleteCallback = e.key
	e.size(t)
	e.begin(t)
	defer e.end()
	defer e.watch(t, fd)()
	for {
		line, err := t.ReadLine()
		switch {
		case errors.Is(err, errSuspended):
			_ = term.Restore(fd, before)
			suspend()
			e.again(t, fd)
			continue
		case ctx.Err() != nil:
			err = ErrInterrupted
		}
		if errors.Is(err, ErrInterrupted) {
			_, _ = io.WriteString(e.Out, "^C\r\n")
		} else if err != nil {
			_, _ = io.WriteString(e.Out, "\r\n")
		}
		return line, err
	}
}

// Plain reads a line on a terminal that can do nothing, which shows what is
// typed itself. It ends as Line does.
func (e *Editor) Plain(ctx context.Context, prompt string) (string, error) {
	e.mu.Lock()
	_, err := io.WriteString(e.Out, e.unsaid+prompt)
	e.unsaid = ""
	e.mu.Unlock()
	var line []byte
	for in := e.Keys.Until(ctx); err == nil; {
		var b [1]byte
		var n int
		n, err = in.Read(b[:])
		if n > 0 && b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[:n]...)
	}
	_, _ = io.WriteString(e.Out, "\n")
	if ctx.Err() != nil {
		err = ErrInterrupted
	}
	return "", err
}

// Say prints text above the line that is edited, and gives that a prompt. While
// none is edited it waits for the next one.
func (e *Editor) Say(prompt, text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.t == nil {
		e.unsaid += text
		return
	}
	e.t.SetPrompt(prompt)
	_, _ = e.t.Write([]byte(text))
}

func (e *Editor) begin(t *term.Terminal) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.find = finding{}
	_, _ = t.Write([]byte(e.unsaid))
	e.t, e.unsaid = t, ""
}

func (e *Editor) end() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.t = nil
}

// again goes on after somebody else had the terminal.
func (e *Editor) again(t *term.Terminal, fd int) {
	_, _ = term.MakeRaw(fd)
	e.size(t)
	_, _ = t.Write(nil) // it draws the line anew
}

func (e *Editor) size(t *term.Terminal) {
	if w, h, err := term.GetSize(int(e.Out.Fd())); err == nil && w > 0 {
		_ = t.SetSize(w, h)
	}
}

// key is told of every key that is no movement. What has no shape is dropped: a
// terminal could obey it.
func (e *Editor) key(line string, pos int, key rune) (string, int, bool) {
	found := e.find
	e.find = finding{}
	switch {
	case key == '\t' && e.Complete != nil:
		newLine, newPos, show := e.Complete(line, pos)
		if show != "" {
			e.mu.Lock()
			_, _ = e.t.Write([]byte(show))
			e.mu.Unlock()
		}
		return newLine, newPos, newLine != line || newPos != pos
	case key == ctrlR:
		return e.search(line, pos, found)
	case key == unicode.ReplacementChar || !unicode.IsPrint(key):
		return line, pos, key >= ' ' // what is below does nothing
	}
	return "", 0, false
}

// finding is a search that goes on.
type finding struct {
	wanted string
	at     int    // in the history
	line   string // that was found
}

// search finds the last line that has in it what was typed, the one before that
// when it is asked for again.
func (e *Editor) search(line string, pos int, f finding) (string, int, bool) {
	if f.line == "" || f.line != line {
		f = finding{wanted: line, at: -1}
	}
	for i := f.at + 1; i < e.History.Len(); i++ {
		if found := e.History.At(i); found != line && strings.Contains(found, f.wanted) {
			e.find = finding{f.wanted, i, found}
			return found, len(found), true
		}
	}
	e.find = f
	return line, pos, true
}

// past is the history as a term.Terminal reads it. Who reads lines adds to it.
type past struct{ e *Editor }

func (p past) Add(string)      {}
func (p past) Len() int        { return p.e.History.Len() }
func (p past) At(i int) string { return p.e.History.At(i) }

// Secret asks, and reads a line that is not shown. It ends as Line does.
func Secret(in *Input, ask func()) (line []byte, err error) {
	fd := int(in.File().Fd())
	before, err := term.MakeRaw(fd)
	if err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(fd, before) }()
	ask()
	k := keys{in: in}
	for {
		b, err := k.next()
		switch {
		case err != nil:
			return nil, err
		case b == ctrlC:
			return nil, ErrInterrupted
		case b == 0x04 && len(line) == 0:
			return nil, io.EOF
		case b == '\r' || b == '\n':
			return line, nil
		case b == 0x7F || b == '\b':
			line = line[:max(len(line)-1, 0)]
		case b == 0x15:
			line = line[:0]
		case b >= ' ':
			line = append(line, b)
		}
	}
}
