package frame

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Script is several frames for one card, of which each but the first is sent only if
// the answer before it had the status that was wanted. desfire.Script says more.
type Script struct {
	Framing wire.Framing // FramingNative or FramingWrapped: where the status of an answer is
	Steps   []ScriptStep
}

// ScriptStep is one frame of a Script.
type ScriptStep struct {
	Command []byte
	Want    wire.Status // of the answer, for the next step to be sent
}

// GoesOn reports whether the script goes on after an answer to step i.
func (s *Script) GoesOn(i int, answer []byte) bool {
	framing := s.Framing
	if isISO(s.Steps[i].Command) {
		framing = wire.FramingWrapped
	}
	_, status, ok := wire.ParseAnswer(framing, answer, false)
	return ok && status == s.Steps[i].Want
}

// isISO reports whether a frame is an APDU of ISO 7816-4, whose answer ends with
// its status under native framing too.
func isISO(command []byte) bool { return len(command) >= 4 && command[0] == byte(wire.ClassISO) }

// Scripter is what a Transmitter that carries scripts has besides.
type Scripter = interface {
	Script(ctx context.Context, s *Script) (answers [][]byte, err error)
}

// RunScript sends a script to the card behind t: by t's own method, else frame
// by frame. The answers are the caller's.
func RunScript(ctx context.Context, t Transmitter, s *Script) ([][]byte, error) {
	answers, err := PassScript(ctx, t, s)
	if errors.Is(err, errors.ErrUnsupported) && len(answers) == 0 {
		return byFrame(ctx, t, s)
	}
	return answers, err
}

// PassScript sends a script by t's own method. Nothing was sent if the error is
// errors.ErrUnsupported. Answers that no honest transport gives are an error, and those
// from the first of them on are left out.
func PassScript(ctx context.Context, t Transmitter, s *Script) ([][]byte, error) {
	own, ok := t.(Scripter)
	if !ok {
		return nil, fmt.Errorf("the transport carries no scripts: %w", errors.ErrUnsupported)
	}
	answers, err := own.Script(ctx, s)
	out := make([][]byte, 0, len(answers))
	for i, a := range answers {
		switch {
		case i == len(s.Steps):
			return nil, fmt.Errorf("the transport gives %d answers to a script of %d frames", len(answers), len(s.Steps))
		case !s.GoesOn(i, a) && (i < len(answers)-1 || err != nil):
			return out, fmt.Errorf("the transport went on after answer %d to a script, which should have stopped it", i+1)
		}
		out = append(out, bytes.Clone(a))
	}
	if n := len(out); err == nil && n < len(s.Steps) && (n == 0 || s.GoesOn(n-1, out[n-1])) {
		err = fmt.Errorf("the transport gives %d answers to a script of %d frames, and none that stopped it", n, len(s.Steps))
	}
	return out, err
}

func byFrame(ctx context.Context, t Transmitter, s *Script) ([][]byte, error) {
	var out [][]byte
	for i, step := range s.Steps {
		answer, err := t.Transmit(ctx, step.Command)
		if err != nil {
			return out, err
		}
		out = append(out, bytes.Clone(answer))
		if !s.GoesOn(i, answer) {
			break
		}
	}
	return out, nil
}
