package main

import (
	"context"
	"fmt"
	"io"
	"iter"
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
	width int // columns of a terminal, 0 for none
	keep  bool

	mu     sync.Mutex
	last   *traced // the connection opened last
	frames int
	total  time.Duration
}

func newTracer(w io.Writer, p screen.Palette) *tracer {
	return &tracer{w: w, pal: p, width: screen.Columns(w)}
}

// traced is one connection.
type traced struct {
	t       *tracer
	explain trace.Explainer
	sealed  bool // what passed last has content that only the reader can tell
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
	r := trace.NewRecorder(&trace.RecorderConfig{Observe: x.passed, Limit: -1, KeepKeys: t.keep})
	return r.Wrap(inner), x
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

// passed prints the frames of an exchange.
func (x *traced) passed(e *trace.Exchange) {
	t := x.t
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames++
	t.total += time.Duration(e.Took) * time.Microsecond
	if e.Reset {
		t.line("--", "new activation", nil, nil, 0, "")
	}
	command, answer := x.explain.Step(e)
	name := t.pal.Name.Render(command.Name)
	if command.More {
		name += " (more)"
	}
	t.line("->", name, words(&command), command.Raw, command.Cut, "")
	took := milliseconds(answer.Took)
	if answer.Status == 0 {
		text := "too short for a status"
		if len(answer.Raw) == 0 {
			text = "no answer"
		}
		t.line("<-", t.pal.Bad.Render(text), []screen.Text{screen.Visible(e.Failed)}, answer.Raw, 0, took)
	} else {
		t.line("<-", t.status(answer.Status), nil, answer.Raw, answer.Cut, took)
	}
	t.fields(words(&answer))
	x.sealed = (command.Sealed || answer.Sealed || command.More && x.sealed) && command.Cut+answer.Cut == 0
}

// words are the fields of a line, where they come from and what is to say.
func words(l *trace.Line) []screen.Text {
	var list []screen.Text
	for _, f := range l.Fields {
		list = append(list, fieldText(f))
	}
	if l.Channel != "" && !l.Answer {
		list = append(list, screen.Visible(l.Channel))
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

// observe prints what the frames that passed last hold, where they were
// enciphered.
func (x *traced) observe(e *desfire.Exchange) {
	t := x.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if !x.sealed {
		return
	}
	x.sealed = false
	t.line("==", t.pal.Name.Render(e.Command.Spec().Name), append(fieldsOf(e.Command), "deciphered"), nil, 0, "")
	if e.Response != nil {
		t.fields(fieldsOf(e.Response))
	}
}

const (
	traceColumn = 44 // where the raw bytes begin
	traceWidth  = 96 // of the lines with the fields of an answer
	traceIndent = "   "
)

// line prints one line, folded where a terminal would break it. cut is how
// many bytes of the frame are not shown, took comes last.
func (t *tracer) line(arrow string, head screen.Text, words []screen.Text, raw []byte, cut int, took string) {
	lines := screen.Fold(append([]screen.Text{head}, words...), "  ", t.width-len(traceIndent))
	last := lines[len(lines)-1]
	bytes := texts(strings.Fields(spaced(raw)))
	if cut > 0 {
		bytes = append(bytes, screen.Sprintf("(%d bytes cut)", cut))
	}
	if took != "" {
		bytes = append(bytes, "", screen.Text(took))
	}
	if len(bytes) > 0 {
		hex := screen.Join(bytes, " ")
		at := max(traceColumn, screen.Width(last)) + 2
		if t.width == 0 || len(traceIndent)+at+len(hex) <= t.width {
			lines[len(lines)-1] = last + screen.Pad(last, at) + t.pal.Dim.Render(hex)
		} else {
			for _, l := range screen.Fold(bytes, " ", t.width-2*len(traceIndent)) {
				lines = append(lines, traceIndent+t.pal.Dim.Render(l))
			}
		}
	}
	_ = screen.Fprintf(t.w, "%s %s\n", t.pal.Dim.Render(arrow), screen.Text(strings.TrimRight(string(lines[0]), " ")))
	for _, l := range lines[1:] {
		_ = screen.Fprintf(t.w, "%s%s\n", traceIndent, l)
	}
}

// fields prints the fields of an answer.
func (t *tracer) fields(words []screen.Text) {
	wide := traceWidth
	if t.width > 0 {
		wide = min(wide, t.width-len(traceIndent))
	}
	for _, l := range screen.Fold(words, "  ", wide) {
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

func (t *tracer) status(s wire.Status) screen.Text {
	text := fmt.Sprintf("%04X %s", uint16(s), s.String())
	switch s {
	case wire.StatusOK, wire.StatusISOOK, wire.StatusSignatureOK:
		return t.pal.Good.Render(text)
	case wire.StatusAdditionalFrame:
		return t.pal.Dim.Render(text)
	}
	return t.pal.Bad.Render(s.Error())
}

// summary prints the total.
func (t *tracer) summary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.frames == 0 {
		return
	}
	t.line("--", screen.Sprintf("%s, %s with the card, %s each", count(t.frames, "exchange"), milliseconds(t.total), milliseconds(t.total/time.Duration(t.frames))), nil, nil, 0, "")
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// longField is how many digits of a value a line shows; the frame beside it
// has them all.
const longField = 24

// fieldText is a field in words.
func fieldText(f wire.Field) screen.Text {
	v := f.Value
	switch {
	case strings.Contains(v, " "):
		v = "{" + v + "}"
	case len(v) > longField:
		v = fmt.Sprintf("%s...(%d bytes)", v[:longField], f.Len)
	}
	return screen.Visible(f.Name + "=" + v)
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
