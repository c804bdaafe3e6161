package frame

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Transmitter carries one frame to the card and its answer back.
type Transmitter interface {
	Transmit(ctx context.Context, command []byte) (response []byte, err error)
}

// MaxAnswer is longer than any answer of a real card: the largest file has
// 32 KiB.
const MaxAnswer = 64 << 10

// A frame of an answer has 16 bytes or more on average, but for short ones.
const (
	shortFrames = 64
	frameBytes  = 16
)

// Want is what the caller expects of an answer.
type Want struct {
	Max  int  // bytes of data at most; 0 = MaxAnswer
	Last bool // nothing is chained: the first answer to the whole command is the last
	Long bool // ask for answers longer than 256 bytes, in extended APDUs
}

func (w Want) max() int {
	if w.Max == 0 {
		return MaxAnswer
	}
	return w.Max
}

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
	Tail   int   // bytes of Data that came with the last frame
	Frames int   // answers that came, also of a failed exchange
	Whole  bool  // the last frame of the command may have reached the card, also of a failed exchange
}

// Link sends logical commands over the frames of one activation. It keeps its
// buffers between exchanges.
type Link struct {
	T          Transmitter
	Framing    wire.Framing // FramingNative or FramingWrapped
	MaxCommand int          // bytes of a whole command frame; 0 = MaxFrame

	// Open tells after a failure that the card may wait for the rest of a
	// chain or handshake.
	Open bool

	tx, rx []byte
	marks  []int
	tail   int
	frames int
	whole  bool
	asking bool // for more of the answer
}

// Exchange sends a native command and gathers its answer. body is everything
// after INS, cuts the places in it where a frame must break. The status is
// that of the last answer, AdditionalFrame only in a Single exchange. An error
// means that no complete answer came: it is the transport's or a
// *MalformedError. Frames and Whole count even then.
func (l *Link) Exchange(ctx context.Context, spec *wire.Spec, body []byte, cuts []int, want Want) (Answer, error) {
	l.rx, l.marks, l.frames, l.whole, l.asking = l.rx[:0], l.marks[:0], 0, false, false
	status, err := l.exchange(ctx, spec, body, cuts, want)
	if err != nil {
		return Answer{Frames: l.frames, Whole: l.whole}, err
	}
	return Answer{status, l.rx, l.marks, l.tail, l.frames, l.whole}, nil
}

func (l *Link) exchange(ctx context.Context, spec *wire.Spec, body []byte, cuts []int, want Want) (wire.Status, error) {
	ins := spec.INS
	if spec.Exchange == wire.Single {
		l.tx = l.command(l.tx[:0], ins, body, want.Long)
		l.whole = true
		status, err := l.gather(ctx, spec, l.Framing, want)
		l.Open = err != nil || status == wire.StatusAdditionalFrame
		return status, err
	}
	// Command frames.
	var status wire.Status
	for first := true; first || len(body) > 0; first = false {
		n, last := l.piece(body, &cuts)
		l.tx = l.command(l.tx[:0], ins, body[:n], want.Long)
		for i := range cuts {
			cuts[i] -= n
		}
		body = body[n:]
		l.whole = last
		st, err := l.gather(ctx, spec, l.Framing, want)
		if err != nil {
			return 0, err
		}
		status = st
		if last {
			break
		}
		switch {
		case status != wire.StatusAdditionalFrame && status != spec.Success:
			l.Open = false
			return status, nil // the card refuses the rest
		case status == spec.Success:
			return 0, l.malformed(spec, "the card says it is done before it has the whole command")
		case len(l.rx) > 0:
			return 0, l.malformed(spec, fmt.Sprintf("%d bytes of answer before the card has the whole command", len(l.rx)))
		}
		ins = wire.InsAdditionalFrame
	}
	// Answer frames.
	for status == wire.StatusAdditionalFrame {
		switch {
		case want.Last:
			return 0, l.malformed(spec, "the card waits for more data, though it has the whole command")
		case l.frames > shortFrames+want.max()/frameBytes:
			return 0, l.malformed(spec, fmt.Sprintf("the answer does not end after %d frames and %d bytes", l.frames, len(l.rx)))
		}
		l.asking = true
		l.marks = append(l.marks, len(l.rx))
		l.tx = wire.AppendCommand(l.tx[:0], l.Framing, wire.InsAdditionalFrame, nil)
		st, err := l.gather(ctx, spec, l.Framing, want)
		if err != nil {
			return 0, err
		}
		status = st
	}
	l.Open = false
	return status, nil
}

// ISO sends one ISO 7816-4 command.
func (l *Link) ISO(ctx context.Context, spec *wire.Spec, e wire.Encoded, want Want) (Answer, error) {
	l.rx, l.frames, l.whole, l.asking = l.rx[:0], 0, true, false
	l.tx = wire.AppendAPDU(l.tx[:0], byte(spec.Class), spec.INS, e.P1, e.P2, e.Bytes, e.Le)
	status, err := l.gather(ctx, spec, wire.FramingWrapped, want)
	if err != nil {
		return Answer{Frames: l.frames, Whole: l.whole}, err
	}
	return Answer{status, l.rx, nil, l.tail, l.frames, l.whole}, nil
}

// command appends a command frame.
func (l *Link) command(dst []byte, ins byte, data []byte, long bool) []byte {
	if long && l.Framing == wire.FramingWrapped {
		return wire.AppendAPDU(dst, byte(wire.ClassNative), ins, 0, 0, data, 65536)
	}
	return wire.AppendCommand(dst, l.Framing, ins, data)
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

// Frame is the one frame that a command is, the caller's own; false if it takes
// several. The arguments are those of Exchange.
func (l *Link) Frame(spec *wire.Spec, body []byte, cuts []int, long bool) (frame []byte, ok bool) {
	if spec.Exchange != wire.Single && (len(cuts) > 0 || !l.Fits(len(body))) {
		return nil, false
	}
	return l.command(nil, spec.INS, body, long), true
}

// FrameISO is the frame that an ISO 7816-4 command is, the caller's own.
func FrameISO(spec *wire.Spec, e wire.Encoded) []byte {
	return wire.AppendAPDU(nil, byte(spec.Class), spec.INS, e.P1, e.P2, e.Bytes, e.Le)
}

// room is how many bytes of data a command frame takes.
func (l *Link) room() int {
	limit := l.MaxCommand
	if limit == 0 {
		limit = MaxFrame
	}
	switch {
	case l.Framing == wire.FramingNative:
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

// gather sends l.tx, takes the answer frame apart and adds its data to l.rx.
func (l *Link) gather(ctx context.Context, spec *wire.Spec, framing wire.Framing, want Want) (wire.Status, error) {
	rsp, err := l.T.Transmit(ctx, l.tx)
	if err != nil {
		l.Open = true
		var s interface{ Sent() bool }
		if errors.As(err, &s) && !s.Sent() && !l.asking {
			l.whole = false
		}
		return 0, err
	}
	l.frames++
	data, status, ok := wire.ParseAnswer(framing, rsp, spec.Bare)
	most := want.max()
	switch {
	case !ok:
		return 0, l.malformed(spec, fmt.Sprintf("%d bytes, too short for a status", len(rsp)))
	case len(data) > most-len(l.rx):
		return 0, l.malformed(spec, fmt.Sprintf("%d bytes where at most %d were expected", len(l.rx)+len(data), most))
	}
	l.rx, l.tail = append(l.rx, data...), len(data)
	return status, nil
}

func (l *Link) malformed(spec *wire.Spec, reason string) error {
	l.Open = true
	return &MalformedError{INS: spec.INS, Frame: l.frames, Reason: reason}
}
