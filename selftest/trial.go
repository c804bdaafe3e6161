package selftest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// trial is one step under way. Its methods end the step, with verdict, when the
// card does not do what they demand.
type trial struct {
	ctx  context.Context
	s    *suite
	gen  wire.Generation
	card *desfire.Card
	id   string

	aid   wire.AID
	files map[wire.FileNo]wire.FileSettings // of files that the step created
}

// verdict ends a step before its end.
type verdict struct {
	result Result
	reason string
	lost   bool // the card could not be talked to
}

func (t *trial) fail(format string, args ...any) {
	panic(verdict{result: Fail, reason: fmt.Sprintf(format, args...)})
}

func (t *trial) skip(format string, args ...any) {
	panic(verdict{result: Skip, reason: fmt.Sprintf(format, args...)})
}

// ok demands that err is nil.
func (t *trial) ok(err error, doing string) {
	if err != nil {
		panic(verdict{Fail, fmt.Sprintf("%s: %v", doing, err), lostCard(err)})
	}
}

func lostCard(err error) bool { return errors.As(err, new(*desfire.TransportError)) }

// do runs a command that must succeed.
func do[R wire.Message](t *trial, cmd wire.Request[R]) R {
	rsp, err := desfire.Do(t.ctx, t.card, cmd)
	t.ok(err, describe(cmd))
	return rsp
}

// describe names a command and its fields that tell it from others.
func describe(cmd wire.Command) string {
	name := cmd.Spec().Name
	v := reflect.Indirect(reflect.ValueOf(cmd))
	var parts []string
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Int32:
			parts = append(parts, fmt.Sprintf("%s %v", v.Type().Field(i).Name, f.Interface()))
		}
	}
	if len(parts) > 0 {
		name += " (" + strings.Join(parts, ", ") + ")"
	}
	return name
}

// refuses runs a command that the card must refuse, with one of the statuses,
// which it returns.
func (t *trial) refuses(cmd wire.Command, want ...wire.Status) wire.Status {
	return t.refusal(t.card.Run(t.ctx, cmd, cmd.Spec().NewResponse()), describe(cmd), want...)
}

// refusal demands that err is the card's refusal with one of the statuses.
func (t *trial) refusal(err error, doing string, want ...wire.Status) wire.Status {
	st, refused := statusOf(err)
	switch {
	case err == nil:
		t.fail("%s succeeded; want %s", doing, oneOf(want))
	case !refused:
		t.ok(err, doing)
	case !slices.Contains(want, st):
		t.fail("%s: %04X %v; want %s", doing, uint16(st), st, oneOf(want))
	}
	return st
}

// outcome runs a command that may end as it likes, as long as the card answers,
// and tells how: the status of success or refusal.
func (t *trial) outcome(cmd wire.Command) wire.Status {
	err := t.card.Run(t.ctx, cmd, cmd.Spec().NewResponse())
	if err == nil {
		return cmd.Spec().Success
	}
	st, refused := statusOf(err)
	if !refused {
		t.ok(err, describe(cmd))
	}
	return st
}

func statusOf(err error) (st wire.Status, refused bool) {
	var e *desfire.CommandError
	if errors.As(err, &e) {
		return e.Status, true
	}
	return 0, false
}

func oneOf(want []wire.Status) string {
	var s []string
	for _, st := range want {
		s = append(s, fmt.Sprintf("%04X", uint16(st)))
	}
	return strings.Join(s, " or ")
}

// equal demands that got is want.
func (t *trial) equal(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		t.fail("%s: %s; want %s", what, show(got), show(want))
	}
}

func show(v any) string {
	if b, ok := v.([]byte); ok {
		const most = 24
		if len(b) > most {
			return fmt.Sprintf("%X... (%d bytes)", b[:most], len(b))
		}
		return fmt.Sprintf("%X (%d bytes)", b, len(b))
	}
	return fmt.Sprint(v)
}

// observe notes a fact.
func (t *trial) observe(id, what, format string, args ...any) {
	t.s.fact(Fact{ID: id, Step: t.id, What: what, Saw: fmt.Sprintf(format, args...)})
}

// raw sends a frame as it is, and splits the answer. ok is false if the reader
// or the link would not carry it.
func (t *trial) raw(frame ...byte) (data []byte, st wire.Status, ok bool) {
	answer, err := t.s.tap.Transmit(t.ctx, frame)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, errTooMany) {
			panic(verdict{Fail, fmt.Sprintf("%X: no answer: %v", frame, err), true})
		}
		return nil, 0, false
	}
	if isWrapped(frame) {
		if len(answer) < 2 {
			t.fail("%X: an answer of %d bytes", frame, len(answer))
		}
		n := len(answer) - 2
		return slices.Clone(answer[:n]), wire.Status(answer[n])<<8 | wire.Status(answer[n+1]), true
	}
	if len(answer) < 1 {
		t.fail("%X: an empty answer", frame)
	}
	return slices.Clone(answer[1:]), wire.Native(answer[0]), true
}

// send is raw for a native command in the framing of the run, which every link
// carries.
func (t *trial) send(ins byte, data ...byte) ([]byte, wire.Status) {
	frame := append([]byte{ins}, data...)
	if t.s.framing == desfire.FramingWrapped {
		frame = []byte{0x90, ins, 0, 0}
		if len(data) > 0 {
			frame = append(append(frame, byte(len(data))), data...)
		}
		frame = append(frame, 0)
	}
	answer, st, ok := t.raw(frame...)
	if !ok {
		panic(verdict{Fail, fmt.Sprintf("%02X: the link does not carry it", ins), true})
	}
	return answer, st
}

// expect demands a status of send.
func (t *trial) expect(what string, st wire.Status, want ...wire.Status) {
	if !slices.Contains(want, st) {
		t.fail("%s: %04X %v; want %s", what, uint16(st), st, oneOf(want))
	}
}

// login opens a session in the selected application. Nobody can have a session
// while the card refuses this.
func (t *trial) login(m key.Method, no wire.KeyNo, k key.Key) {
	t.ok(t.card.AuthenticateWith(t.ctx, m, no, k), fmt.Sprintf("authenticate with key %v by %v", no, m))
}

// anew gives the card a new activation, or selects the card level where the
// link has no way to do that.
func (t *trial) anew() {
	card, err := t.s.activate(t.ctx)
	t.ok(err, "activate the card anew")
	t.card = card
}
