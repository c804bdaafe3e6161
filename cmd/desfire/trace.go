package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// tracer prints what goes over the air as it passes: each frame with the name
// of its command, its fields, the status in words and the time. Package trace
// explains, this is how it looks.
type tracer struct {
	w     io.Writer
	pal   screen.Palette
	width int // columns
	keep  bool

	mu     sync.Mutex
	last   *traced // the connection opened last
	frames int
	total  time.Duration
}

func newTracer(w io.Writer, p screen.Palette) *tracer {
	return &tracer{w: w, pal: p, width: traceColumns(w)}
}

// traced is one connection.
type traced struct {
	t       *tracer
	explain trace.Explainer
	channel string // of the command, as it was printed
	sealed  bool   // what passed last has content that only the reader can tell
	ahead   []bool // the same of the frames of a script, which pass before the reader tells
}

// recorded is t, recorded if --trace names a file.
func (a *app) recorded(t desfire.Transport) desfire.Transport {
	if a.recorder == nil {
		return t
	}
	return a.recorder.Wrap(t)
}

// wrap returns the transport to use in place of inner, and what observes the
// card behind it.
func (t *tracer) wrap(inner desfire.Transport) (desfire.Transport, *traced) {
	x := &traced{t: t}
	x.explain.KeepKeys = t.keep
	t.mu.Lock()
	t.last = x
	t.mu.Unlock()
	return &tapped{Transport: inner, x: x}, x
}

// tapped is a connection whose frames are printed as they pass.
type tapped struct {
	desfire.Transport
	x     *traced
	reset bool // the next exchange begins a new activation
}

// Unwrap implements what a transport may have.
func (t *tapped) Unwrap() desfire.Transport { return t.Transport }

// Reconnect activates the card anew, if the connection can.
func (t *tapped) Reconnect(ctx context.Context) error {
	c, ok := t.Transport.(interface{ Reconnect(context.Context) error })
	if !ok {
		return fmt.Errorf("%v has no Reconnect: %w", t.Transport, errors.ErrUnsupported)
	}
	err := c.Reconnect(ctx)
	t.reset = t.reset || err == nil
	return err
}

// Transmit prints the command, passes it on, and prints the answer.
func (t *tapped) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	e := &trace.Exchange{Command: slices.Clone(command), Reset: t.reset}
	t.reset = false
	t.x.sent(e)
	began := time.Now()
	response, err := t.Transport.Transmit(ctx, command)
	e.Took = time.Since(began).Microseconds()
	e.Response = slices.Clone(response)
	if err != nil {
		e.Failed = err.Error()
	}
	t.x.passed(e)
	return response, err
}

// Script passes a script on, if the connection carries them, and prints each command of it
// and each answer then. How long all took counts for the first.
func (t *tapped) Script(ctx context.Context, s *desfire.Script) ([][]byte, error) {
	began := time.Now()
	answers, err := desfire.PassScript(ctx, t.Transport, s)
	if len(answers) == 0 && errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	took := time.Since(began)
	for i, step := range s.Steps {
		e := &trace.Exchange{Command: slices.Clone(step.Command), Reset: t.reset, Took: took.Microseconds()}
		switch {
		case i < len(answers):
			e.Response = slices.Clone(answers[i])
		case i == len(answers) && err != nil:
			e.Failed = err.Error()
		default:
			return answers, err
		}
		t.reset, took = false, 0
		t.x.sent(e)
		t.x.passed(e)
		t.x.waits(i == 0)
	}
	return answers, err
}

// tappedSource is a source whose connections are recorded and traced.
type tappedSource struct {
	desfire.Source
	a *app
}

// Events are those of the source.
func (s tappedSource) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for ev, err := range s.Source.Events(ctx) {
			if open := ev.Open; open != nil {
				ev.Open = func(ctx context.Context) (desfire.Transport, error) {
					t, err := open(ctx)
					if err != nil {
						return nil, err
					}
					t = s.a.recorded(t)
					if s.a.tracer != nil {
						t, _ = s.a.tracer.wrap(t)
					}
					return t, nil
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

// sent prints the frame of a command before it goes.
func (x *traced) sent(e *trace.Exchange) {
	t := x.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Reset {
		t.line("--", "new activation", nil, nil)
	}
	command := x.explain.Sent(e)
	x.channel = command.Channel
	t.line("->", commandName(t.pal, &command), words(&command), rawWords(&command, true))
}

// passed prints the answer.
func (x *traced) passed(e *trace.Exchange) {
	t := x.t
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames++
	t.total += time.Duration(e.Took) * time.Microsecond
	command, answer := x.explain.Step(e)
	if answer.Channel == x.channel {
		answer.Channel = ""
	}
	fields := words(&answer)
	if answer.Status == 0 {
		var failed []screen.Text
		if e.Failed != "" {
			failed = []screen.Text{screen.Visible(e.Failed)}
			answer.Note = ""
		}
		t.line("<-", t.status(&answer), failed, rawWords(&answer, true))
		fields = words(&answer)
	} else {
		t.line("<-", t.status(&answer), nil, rawWords(&answer, true))
	}
	t.fields(fields)
	x.sealed = (command.Sealed || answer.Sealed || command.More && x.sealed) && command.Cut+answer.Cut == 0
}

// commandName is a command by its name.
func commandName(p screen.Palette, l *trace.Line) screen.Text {
	name := p.Name.Render(l.Name)
	if l.More && !l.Answer {
		name += " (more)"
	}
	return name
}

// rawWords are the bytes of a frame, what was cut of it, and how long it took.
func rawWords(l *trace.Line, live bool) []screen.Text {
	bytes := texts(strings.Fields(spaced(l.Raw)))
	if l.Cut > 0 {
		bytes = append(bytes, screen.Sprintf("(%d bytes cut)", l.Cut))
	}
	if l.Frames > 1 {
		bytes = append(bytes, screen.Sprintf("+%s", count(l.Frames-1, "frame")))
	}
	if l.Answer && (live || l.Took > 0) {
		bytes = append(bytes, " "+screen.Text(milliseconds(l.Took)))
	}
	return bytes
}

// words are the fields of a line, where they come from and what is to say.
func words(l *trace.Line) []screen.Text {
	var list []screen.Text
	for _, f := range l.Fields {
		list = append(list, fieldText(f))
	}
	if l.Channel != "" {
		list = append(list, screen.Visible(l.Channel))
	}
	if l.Whose != "" && !l.Answer && l.Whose != trace.Application {
		list = append(list, screen.Visible("for the "+l.Whose))
	}
	if l.Via != "" {
		list = append(list, screen.Visible("via "+l.Via))
	}
	if l.Note != "" {
		list = append(list, "["+screen.Visible(l.Note)+"]")
	}
	return list
}

// observe is x.observe for the connection opened last, where there is one at a
// time.
func (t *tracer) observe(e *desfire.Exchange) {
	t.mu.Lock()
	x := t.last
	t.mu.Unlock()
	x.observe(e)
}

// waits keeps of a frame of a script whether there is something to tell.
func (x *traced) waits(first bool) {
	x.t.mu.Lock()
	defer x.t.mu.Unlock()
	if first {
		x.ahead = nil
	}
	x.ahead = append(x.ahead, x.sealed)
}

// observe prints what the frames that passed last hold, where they were
// enciphered.
func (x *traced) observe(e *desfire.Exchange) {
	t := x.t
	t.mu.Lock()
	defer t.mu.Unlock()
	sealed := x.sealed
	if n := len(x.ahead); n > 0 {
		sealed = x.ahead[0] || n == 1 && sealed // the last one may have gone on
		x.ahead = x.ahead[1:]
	}
	if !sealed {
		return
	}
	if len(x.ahead) == 0 {
		x.sealed = false
	}
	t.line("==", t.pal.Name.Render(e.Command.Spec().Name), append(fieldsOf(e.Command), "deciphered"), nil)
	if e.Response != nil {
		t.fields(fieldsOf(e.Response))
	}
}

// traceColumn is where the raw bytes begin if there is room for them.
const (
	traceColumn = 40
	traceIndent = "   "
)

// traceColumns is how wide traces are on a stream: as the terminal, else as most
// terminals are.
func traceColumns(w any) int {
	if n := screen.Columns(w); n > 0 {
		return max(n, 20)
	}
	return 80
}

// traceLines folds what is to say of a frame and its bytes, which stand beside
// it if there is room.
func traceLines(p screen.Palette, head screen.Text, words, raw []screen.Text, width int) []screen.Text {
	lines := screen.Fold(broken(append([]screen.Text{head}, words...), width), "  ", width)
	if len(raw) == 0 {
		return lines
	}
	last := lines[len(lines)-1]
	hex := screen.Join(raw, " ")
	if at := max(traceColumn, screen.Width(last)+1) + 1; at+screen.Width(hex) <= width {
		lines[len(lines)-1] = last + screen.Pad(last, at) + p.Dim.Render(hex)
		return lines
	}
	for _, l := range screen.Fold(raw, " ", width-len(traceIndent)) {
		lines = append(lines, traceIndent+p.Dim.Render(l))
	}
	return lines
}

// broken are words of which none is wider than a line: those that would be are
// parted at blanks, or anywhere.
func broken(words []screen.Text, width int) []screen.Text {
	var out []screen.Text
	for _, w := range words {
		if screen.Width(w) <= width || strings.Contains(string(w), "\x1b") {
			out = append(out, w)
			continue
		}
		for _, line := range screen.Wrap(w, width) {
			r := []rune(string(line))
			for len(r) > width {
				out = append(out, screen.Text(r[:width]))
				r = r[width:]
			}
			out = append(out, screen.Text(r))
		}
	}
	return out
}

// line prints one line, folded.
func (t *tracer) line(arrow string, head screen.Text, words, raw []screen.Text) {
	var text screen.Text
	for i, l := range traceLines(t.pal, head, words, raw, t.width-len(traceIndent)) {
		indent := screen.Text(traceIndent)
		if i == 0 {
			indent = t.pal.Dim.Render(arrow) + " "
		}
		text += indent + screen.Text(strings.TrimRight(string(l), " ")) + "\n"
	}
	_ = screen.Fprintf(t.w, "%s", text)
}

// fields prints the fields of an answer.
func (t *tracer) fields(words []screen.Text) {
	room := t.width - len(traceIndent)
	for _, l := range screen.Fold(broken(words, room), "  ", room) {
		_ = screen.Fprintf(t.w, "%s%s\n", traceIndent, l)
	}
}

// texts are words that are known to be safe.
func texts(words []string) []screen.Text {
	out := make([]screen.Text, len(words))
	for i, w := range words {
		out[i] = screen.Text(w)
	}
	return out
}

func (t *tracer) status(l *trace.Line) screen.Text {
	switch text := fmt.Sprintf("%04X %s", uint16(l.Status), l.Name); {
	case l.Status == 0 && l.Good:
		return t.pal.Good.Render(l.Words)
	case !l.Good:
		return t.pal.Bad.Render(l.Words)
	case l.Status == wire.StatusAdditionalFrame:
		return t.pal.Dim.Render(text)
	default:
		return t.pal.Good.Render(text)
	}
}

// summary prints the total.
func (t *tracer) summary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.frames == 0 {
		return
	}
	t.line("--", screen.Sprintf("%s, %s with the card, %s each", count(t.frames, "exchange"), milliseconds(t.total), milliseconds(t.total/time.Duration(t.frames))), nil, nil)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// longField is how many digits of a value a line shows; the frame beside it
// has them all.
const longField = 24

// fieldText is a field in words.
func fieldText(f wire.Field) screen.Text {
	if len(f.Value) > longField && !strings.Contains(f.Value, " ") {
		return screen.Sprintf("%s=%s...(%d bytes)", f.Name, f.Value[:longField], f.Len)
	}
	return wholeField(f)
}

// wholeField is a field in words, however long.
func wholeField(f wire.Field) screen.Text {
	if strings.Contains(f.Value, " ") {
		f.Value = "{" + f.Value + "}"
	}
	return screen.Visible(f.Name + "=" + f.Value)
}

// fieldsOf are the fields of a message in words, from its declaration, without
// keys.
func fieldsOf(m wire.Message) []screen.Text {
	var words []screen.Text
	for _, f := range trace.Fields(m) {
		words = append(words, fieldText(f))
	}
	return words
}
