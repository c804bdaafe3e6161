package acr122

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// Send carries a command to the reader itself and returns its answer.
type Send func(ctx context.Context, command []byte) (answer []byte, err error)

// Reader is an ACR122U. Its methods may be called as Send may.
type Reader struct{ send Send }

// New makes a Reader of a way to send.
func New(send Send) *Reader { return &Reader{send} }

// AnswerError is an answer that is not what the manual says. It matches
// errors.ErrUnsupported where the reader says that it has no such function.
type AnswerError struct {
	What   string // was asked: "signal"
	Answer []byte
}

func (e *AnswerError) Error() string {
	text := "is not what the manual says"
	switch {
	case e.Is(errors.ErrUnsupported):
		text = "says that it cannot do this"
	case bytes.Equal(e.Answer, []byte{0x63, 0x00}):
		text = "says that it failed"
	}
	shown, more := e.Answer, ""
	if len(shown) > 32 {
		shown, more = shown[:32], fmt.Sprintf("... (%d bytes)", len(e.Answer))
	}
	return fmt.Sprintf("%s: the answer of the reader %s: %X%s", e.What, text, shown, more)
}

// Is reports whether the answer means the condition target.
func (e *AnswerError) Is(target error) bool {
	return target == errors.ErrUnsupported && bytes.Equal(e.Answer, []byte{0x6A, 0x81})
}

// ask sends a command and returns what follows in an answer of n bytes behind begin.
func (r *Reader) ask(ctx context.Context, what string, command, begin []byte, n int) ([]byte, error) {
	answer, err := r.send(ctx, command)
	if err != nil {
		return nil, err
	}
	if len(answer) != len(begin)+n || !bytes.HasPrefix(answer, begin) {
		return nil, &AnswerError{what, append([]byte(nil), answer...)}
	}
	return answer[len(begin):], nil
}

// Firmware is the version of the firmware, such as ACR122U201: printable ASCII.
func (r *Reader) Firmware(ctx context.Context) (string, error) {
	const what = "firmware"
	answer, err := r.send(ctx, []byte{0xFF, 0x00, 0x48, 0x00, 0x00})
	if err != nil {
		return "", err
	}
	if len(answer) != 10 { // the only answer that has no status word
		return "", &AnswerError{what, append([]byte(nil), answer...)}
	}
	for _, c := range answer {
		if c < ' ' || c > '~' {
			return "", &AnswerError{what, append([]byte(nil), answer...)}
		}
	}
	return string(answer), nil
}

// Parameter asks what the reader looks for.
func (r *Reader) Parameter(ctx context.Context) (Parameter, error) {
	answer, err := r.ask(ctx, "operating parameter", []byte{0xFF, 0x00, 0x50, 0x00, 0x00}, []byte{0x90}, 1)
	if err != nil {
		return 0, err
	}
	return Parameter(answer[0]), nil
}

// SetParameter says what the reader looks for. An error tells of a reader that does
// not repeat it.
func (r *Reader) SetParameter(ctx context.Context, p Parameter) error {
	const what = "set the operating parameter"
	answer, err := r.ask(ctx, what, []byte{0xFF, 0x00, 0x51, byte(p), 0x00}, []byte{0x90}, 1)
	switch {
	case err != nil:
		return err
	case answer[0] != byte(p):
		return &AnswerError{what, []byte{0x90, answer[0]}}
	}
	return nil
}

// SetPolling has the reader look for cards by itself or not, and leaves what it looks
// for as it is. While it does not, no card is noticed, nor that one has left.
func (r *Reader) SetPolling(ctx context.Context, on bool) error {
	p, err := r.Parameter(ctx)
	if err != nil {
		return err
	}
	if on {
		p |= AutoPolling
	} else {
		p &^= AutoPolling
	}
	return r.SetParameter(ctx, p)
}

// SetDetectionBuzzer has the buzzer sound or not when a card is detected.
func (r *Reader) SetDetectionBuzzer(ctx context.Context, on bool) error {
	_, err := r.ask(ctx, "set the buzzer of detected cards", []byte{0xFF, 0x00, 0x52, allOnes(on), 0x00}, []byte{0x90, 0x00}, 0)
	return err
}

// SetTimeout says how long the reader waits for a card: a multiple of 5 s up to
// 1270 s, or 0 for no check.
func (r *Reader) SetTimeout(ctx context.Context, d time.Duration) error {
	const step = 5 * time.Second
	if d < 0 || d > 0xFE*step || d%step != 0 {
		return fmt.Errorf("time-out of %v: want a multiple of %v up to %v", d, step, 0xFE*step)
	}
	_, err := r.ask(ctx, "set the time-out", []byte{0xFF, 0x00, 0x41, byte(d / step), 0x00}, []byte{0x90, 0x00}, 0)
	return err
}

// SetAntenna turns the field on or off, by RFConfiguration of the reader's PN532. A
// card in the field loses its session.
func (r *Reader) SetAntenna(ctx context.Context, on bool) error {
	_, err := r.ask(ctx, "switch the antenna", []byte{0xFF, 0x00, 0x00, 0x00, 0x04, 0xD4, 0x32, 0x01, allOnes(on) & 1}, []byte{0xD5, 0x33, 0x90, 0x00}, 0)
	return err
}

func allOnes(on bool) byte {
	if on {
		return 0xFF
	}
	return 0
}
