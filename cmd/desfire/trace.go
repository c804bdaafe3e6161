package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/wire"
)

// tracer prints what goes over the air: each frame with the command's name,
// the fields that its declaration names, the status in words and the time.
type tracer struct {
	w   io.Writer
	pal palette

	mu     sync.Mutex
	last   *traced // the connection opened last
	frames int
	total  time.Duration
}

func newTracer(w io.Writer, p palette) *tracer { return &tracer{w: w, pal: p} }

// traced is a transport that keeps its frames until they can be explained.
type traced struct {
	desfire.Transport
	t      *tracer
	frames []tracedFrame
}

type tracedFrame struct {
	command, answer []byte
	took            time.Duration
	err             error
}

// Reconnect activates the card anew, if what is traced can.
func (x *traced) Reconnect(ctx context.Context) error {
	r, ok := x.Transport.(interface{ Reconnect(context.Context) error })
	if !ok {
		return fmt.Errorf("%v has no Reconnect: %w", x, errors.ErrUnsupported)
	}
	err := r.Reconnect(ctx)
	if !errors.Is(err, errors.ErrUnsupported) {
		x.t.note("reconnect", err)
	}
	return err
}

// recorded is t, recorded if --trace names a file.
func (a *app) recorded(t desfire.Transport) desfire.Transport {
	if a.recorder == nil {
		return t
	}
	return a.recorder.Wrap(t)
}

func (t *tracer) wrap(inner desfire.Transport) *traced {
	x := &traced{Transport: inner, t: t}
	t.mu.Lock()
	t.last = x
	t.mu.Unlock()
	return x
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
						t = s.a.tracer.wrap(t)
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

// Transmit carries a frame and keeps it.
func (x *traced) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	f := tracedFrame{command: append([]byte(nil), command...)}
	began := time.Now()
	rsp, err := x.Transport.Transmit(ctx, command)
	f.took, f.err = time.Since(began), err
	f.answer = append([]byte(nil), rsp...)
	x.t.mu.Lock()
	x.frames = append(x.frames, f)
	x.t.frames++
	x.t.total += f.took
	x.t.mu.Unlock()
	return rsp, err
}

// Unwrap is what is traced.
func (x *traced) Unwrap() desfire.Transport { return x.Transport }

// Close prints what nobody explained and closes what is traced.
func (x *traced) Close() error {
	x.t.flush(x)
	if c, ok := frame.Ability[io.Closer](x.Transport); ok {
		return c.Close()
	}
	return nil
}

func (x *traced) String() string { return fmt.Sprint(x.Transport) }

// observe is x.observe for the connection opened last, where there is one at a
// time.
func (t *tracer) observe(e *desfire.Exchange) {
	t.mu.Lock()
	x := t.last
	t.mu.Unlock()
	x.observe(e)
}

// observe prints a command with its frames, once it is complete.
func (x *traced) observe(e *desfire.Exchange) {
	x.t.mu.Lock()
	defer x.t.mu.Unlock()
	session := ""
	if e.Session != wire.SchemeNone {
		session = fmt.Sprintf(" %v %v", e.Session, e.Mode)
	}
	answer := ""
	if e.Response != nil {
		answer = fields(e.Response)
	}
	x.t.print(x, e.Command.Spec(), fields(e.Command)+session, answer)
}

// flush prints frames that nobody explained.
func (t *tracer) flush(x *traced) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(x.frames) == 0 {
		return
	}
	cmd := explainFrame(x.frames[0].command)
	if cmd == nil {
		t.print(x, nil, "", "")
		return
	}
	t.print(x, cmd.Spec(), fields(cmd), "")
}

// print writes the frames of one command.
func (t *tracer) print(x *traced, spec *wire.Spec, request, answer string) {
	name, bare := "?", false
	if spec != nil {
		name, bare = spec.Name, spec.Bare
	}
	for i, f := range x.frames {
		what := t.pal.name.Render(name) + "  " + request
		if i > 0 {
			what = t.pal.name.Render(name) + " (more)"
		}
		t.line("->", what, f.command)
		if f.err != nil {
			t.line("<-", t.pal.bad.Render("no answer")+" "+milliseconds(f.took)+" "+f.err.Error(), nil)
			continue
		}
		c, _ := frame.ParseCommand(f.command)
		_, status, ok := frame.ParseAnswer(c.Framing, f.answer, bare)
		what = t.pal.bad.Render("too short for a status")
		if ok {
			what = t.status(status)
		}
		t.line("<-", what+"  "+milliseconds(f.took), f.answer)
	}
	for _, line := range wrap(answer, traceWidth) {
		t.line("  ", line, nil)
	}
	x.frames = x.frames[:0]
}

const (
	traceColumn = 44 // where the raw bytes begin
	traceWidth  = 96 // of the lines with the fields of an answer
)

func (t *tracer) line(arrow, what string, raw []byte) {
	what = strings.TrimRight(what, " ")
	hex := ""
	if raw != nil {
		hex = pad(what, traceColumn) + "  " + t.pal.dim.Render(spaced(raw))
	}
	fmt.Fprintf(t.w, "%s %s%s\n", t.pal.dim.Render(arrow), what, hex)
}

func (t *tracer) status(s wire.Status) string {
	text := fmt.Sprintf("%04X %s", uint16(s), s.String())
	switch s {
	case wire.StatusOK, wire.StatusISOOK, wire.StatusSignatureOK:
		return t.pal.good.Render(text)
	case wire.StatusAdditionalFrame:
		return t.pal.dim.Render(text)
	}
	return t.pal.bad.Render(s.Error())
}

func (t *tracer) note(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		what += ": " + err.Error()
	}
	t.line("--", what, nil)
}

// summary prints the total.
func (t *tracer) summary() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.frames == 0 {
		return
	}
	t.line("--", fmt.Sprintf("%s, %s with the card, %s each", count(t.frames, "exchange"), milliseconds(t.total), milliseconds(t.total/time.Duration(t.frames))), nil)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

// longField is how many digits of a value a line shows; the frame beside it
// has them all.
const longField = 24

// fields are the fields of a message in words, from its declaration.
func fields(m wire.Message) string {
	var c wire.Coder
	e, err := c.Encode(nil, m)
	if err != nil {
		return ""
	}
	e.Marks = append([]int(nil), e.Marks...)
	list, err := c.Explain(e, m)
	if err != nil {
		return ""
	}
	words := make([]string, 0, len(list))
	secret := carriesKeys(m)
	for _, f := range list {
		v := f.Value
		if secret && f.Offset >= e.Head {
			words = append(words, fmt.Sprintf("(%d bytes that may hold keys)", len(e.Bytes)-e.Head))
			break
		}
		if len(v) > longField && !strings.Contains(v, " ") {
			v = fmt.Sprintf("%s...(%d bytes)", v[:longField], f.Len)
		}
		words = append(words, f.Name+"="+v)
	}
	return strings.Join(words, "  ")
}

// carriesKeys reports whether what a command enciphers may hold key bytes.
func carriesKeys(m wire.Message) bool {
	cmd, ok := m.(wire.Command)
	if !ok {
		return false
	}
	switch m.(type) {
	case *wire.ChangeFileSettings, *wire.ChangeKeySettings:
		return false
	}
	rule := cmd.Spec().Rule
	return rule == wire.RuleChangeKey || rule == wire.RuleFull
}

// wrap breaks a list of fields into lines.
func wrap(list string, width int) []string {
	var lines []string
	for list != "" {
		if len(list) <= width {
			return append(lines, list)
		}
		at := strings.LastIndex(list[:min(width+2, len(list))], "  ")
		if at <= 0 {
			if at = strings.Index(list, "  "); at < 0 {
				return append(lines, list)
			}
		}
		lines, list = append(lines, list[:at]), list[at+2:]
	}
	return lines
}

// explainFrame finds the command that an unprotected frame begins, or nil.
func explainFrame(raw []byte) wire.Command {
	f, status := frame.ParseCommand(raw)
	if status != wire.StatusOK {
		return nil
	}
	for spec := range wire.Commands() {
		if spec.Class != f.Class || spec.INS != f.INS || spec.New == nil {
			continue
		}
		cmd := spec.New()
		var c wire.Coder
		if c.DecodeISO(wire.Encoded{Bytes: f.Data, P1: f.P1, P2: f.P2, Le: f.Le}, cmd) == nil {
			return cmd
		}
	}
	return nil
}
