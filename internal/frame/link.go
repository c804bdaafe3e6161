package frame

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Transmitter carries one frame to the card and its answer back.
type Transmitter interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
}

// No answer of a real card is longer: the largest file has 32 KiB.
const (
	maxAnswerBytes  = 256 << 10
	maxAnswerFrames = 8192
)

// MalformedError is an answer that is no answer: too short, endless, or out of
// order.
type MalformedError struct {
	INS    byte
	Frame  int // which answer, from 1
	Reason string
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("answer %d to command %02X: %s", e.Frame, e.INS, e.Reason)
}

// Answer is a logical answer, frames joined. Data and Marks are valid until
// the next exchange.
type Answer struct {
	Status wire.Status
	Data   []byte
	Marks  []int // offsets into Data where frames met
}

// Link sends logical commands over the frames of one activation. It keeps its
// buffers between exchanges.
type Link struct {
	T          Transmitter
	Framing    Framing // Native or Wrapped
	MaxCommand int     // bytes of a whole command frame; 0 = MaxFrame

	// Long asks for answers longer than 256 bytes, in extended APDUs.
	Long bool

	// Frames counts the answers of the last exchange, also of a failed one.
	Frames int
	// Open tells after a failure that the card may wait for the rest of a
	// chain or handshake.
	Open bool

	tx, rx []byte
	marks  []int
}

// Exchange sends a native command and gathers its answer. body is everything
// after INS, cuts the places in it where a frame must break. The status is
// that of the last answer, AdditionalFrame only in a Single exchange. An error
// means that no complete answer came: it is the transport's or a
// *MalformedError.
func (l *Link) Exchange(ctx context.Context, spec *wire.Spec, body []byte, cuts []int) (Answer, error) {
	l.rx, l.marks, l.Frames = l.rx[:0], l.marks[:0], 0
	ins := spec.INS
	if spec.Exchange == wire.Single {
		l.tx = l.command(l.tx[:0], ins, body)
		data, status, err := l.transmit(ctx, spec)
		l.Open = err != nil || status == wire.StatusAdditionalFrame
		l.rx = append(l.rx, data...)
		return Answer{status, l.rx, nil}, err
	}
	// Command frames.
	var status wire.Status
	for first := true; first || len(body) > 0; first = false {
		n, last := l.piece(body, &cuts)
		l.tx = l.command(l.tx[:0], ins, body[:n])
		for i := range cuts {
			cuts[i] -= n
		}
		body = body[n:]
		data, st, err := l.transmit(ctx, spec)
		if err != nil {
			l.Open = true
			return Answer{}, err
		}
		status = st
		if last {
			l.rx = append(l.rx, data...)
			break
		}
		switch {
		case status != wire.StatusAdditionalFrame && status != spec.Success:
			l.Open = false
			return Answer{Status: status}, nil // the card refuses the rest
		case status == spec.Success:
			return Answer{}, l.malformed(spec, "the card says it is done before it has the whole command")
		case len(data) > 0:
			return Answer{}, l.malformed(spec, fmt.Sprintf("%d bytes of answer before the card has the whole command", len(data)))
		}
		ins = INSMore
	}
	// Answer frames.
	for status == wire.StatusAdditionalFrame {
		if len(l.rx) > maxAnswerBytes || l.Frames > maxAnswerFrames {
			return Answer{}, l.malformed(spec, fmt.Sprintf("the answer does not end after %d frames and %d bytes", l.Frames, len(l.rx)))
		}
		l.marks = append(l.marks, len(l.rx))
		l.tx = AppendCommand(l.tx[:0], l.Framing, INSMore, nil)
		data, st, err := l.transmit(ctx, spec)
		if err != nil {
			l.Open = true
			return Answer{}, err
		}
		status = st
		l.rx = append(l.rx, data...)
	}
	l.Open = false
	return Answer{status, l.rx, l.marks}, nil
}

// ISO sends one ISO 7816-4 command.
func (l *Link) ISO(ctx context.Context, spec *wire.Spec, e wire.Encoded) (Answer, error) {
	l.rx, l.Frames = l.rx[:0], 0
	l.tx = AppendAPDU(l.tx[:0], byte(spec.Class), spec.INS, e.P1, e.P2, e.Bytes, e.Le)
	framing := l.Framing
	l.Framing = Wrapped
	data, status, err := l.transmit(ctx, spec)
	l.Framing = framing
	l.rx = append(l.rx, data...)
	return Answer{status, l.rx, nil}, err
}

// command appends a command frame.
func (l *Link) command(dst []byte, ins byte, data []byte) []byte {
	if l.Long && l.Framing == Wrapped {
		return AppendAPDU(dst, byte(wire.ClassNative), ins, 0, 0, data, 65536)
	}
	return AppendCommand(dst, l.Framing, ins, data)
}

// piece is the length of the next frame's data and whether it is the last.
func (l *Link) piece(body []byte, cuts *[]int) (n int, last bool) {
	room := l.room()
	n = len(body)
	if c := *cuts; len(c) > 0 && c[0] <= room && (c[0] < n || n == 0) {
		*cuts = c[1:]
		return c[0], false
	}
	if n > room {
		return room, false
	}
	return n, true
}

// room is how many bytes of data a command frame takes.
func (l *Link) room() int {
	limit := l.MaxCommand
	if limit == 0 {
		limit = MaxFrame
	}
	switch {
	case l.Framing == Native:
		limit -= nativeExtra
	case limit > MaxShort:
		limit -= extendedHeader + 2
	default:
		limit -= wrappedExtra
	}
	return max(limit, 1)
}

// Fits reports whether n bytes after INS travel in one command frame.
func (l *Link) Fits(n int) bool { return n <= l.room() }

// transmit sends l.tx and takes the answer frame apart.
func (l *Link) transmit(ctx context.Context, spec *wire.Spec) ([]byte, wire.Status, error) {
	rsp, err := l.T.Transmit(ctx, l.tx)
	if err != nil {
		return nil, 0, err
	}
	l.Frames++
	data, status, ok := ParseAnswer(l.Framing, rsp, spec.Bare)
	if !ok {
		return nil, 0, l.malformed(spec, fmt.Sprintf("%d bytes, too short for a status", len(rsp)))
	}
	return data, status, nil
}

func (l *Link) malformed(spec *wire.Spec, reason string) error {
	l.Open = true
	return &MalformedError{INS: spec.INS, Frame: l.Frames, Reason: reason}
}
