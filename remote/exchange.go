package remote

import (
	"encoding/binary"
	"fmt"

	"github.com/go-desfire/desfire"
)

// Bounds of scripts.
const (
	MaxSteps   = 64
	MaxFrame   = 64<<10 + 16 // bytes of one frame, either way
	MaxScript  = 256 << 10   // bytes of all frames of a script
	MaxAnswers = 768 << 10   // bytes of all answers to one
)

// ScriptRequest is a script for the card of a lease, signed with its key. The header is
// followed by the frames: two bytes of the status that is wanted of the answer, four of
// length, the frame.
type ScriptRequest struct {
	Versioned
	Boot    string         `json:"boot"`
	Counter uint64         `json:"counter"`
	Seq     uint64         `json:"seq"` // 1 for the first script of a lease, and so on
	Framing string         `json:"framing"`
	Count   int            `json:"count"`
	Script  desfire.Script `json:"-"`
}

// Encode makes the message.
func (r *ScriptRequest) Encode(key *LeaseKey) ([]byte, error) {
	if err := CheckScript(&r.Script); err != nil {
		return nil, err
	}
	r.V, r.Framing, r.Count = Version, r.Script.Framing.String(), len(r.Script.Steps)
	var payload []byte
	for _, s := range r.Script.Steps {
		payload = binary.BigEndian.AppendUint16(payload, uint16(s.Want))
		payload = appendFrame(payload, s.Command)
	}
	m, err := Encode(r, payload)
	if err != nil {
		return nil, err
	}
	return key.Sign(ToAgent, m), nil
}

// CheckScript is an error if a script is out of bounds.
func CheckScript(s *desfire.Script) error {
	if len(s.Steps) == 0 || len(s.Steps) > MaxSteps {
		return fmt.Errorf("a script of %d frames: at least 1, at most %d", len(s.Steps), MaxSteps)
	}
	sum := 0
	for _, step := range s.Steps {
		if len(step.Command) == 0 || len(step.Command) > MaxFrame {
			return fmt.Errorf("a frame of %d bytes: at least 1, at most %d", len(step.Command), MaxFrame)
		}
		sum += len(step.Command)
	}
	if sum > MaxScript {
		return fmt.Errorf("a script of %d bytes: at most %d", sum, MaxScript)
	}
	return nil
}

// DecodeScriptRequest takes a message apart that anybody may have sent. Its signature is
// still to be verified, by LeaseKey.Verify. The frames share memory with it.
func DecodeScriptRequest(message []byte) (*ScriptRequest, error) {
	r := new(ScriptRequest)
	payload, err := Decode(message, r)
	if err != nil {
		return nil, err
	}
	payload, err = unsigned(payload)
	if err != nil {
		return nil, err
	}
	if err := checkBoot(r.Boot); err != nil {
		return nil, err
	}
	if r.Count < 1 || r.Count > MaxSteps {
		return nil, fmt.Errorf("%w: a script of %d frames", ErrMessage, r.Count)
	}
	r.Script.Framing = framing(r.Framing)
	for range r.Count {
		if len(payload) < 2 {
			return nil, fmt.Errorf("%w: fewer frames than it says", ErrMessage)
		}
		step := desfire.ScriptStep{Want: desfire.Status(binary.BigEndian.Uint16(payload))}
		if step.Command, payload, err = cutFrame(payload[2:]); err != nil {
			return nil, err
		}
		r.Script.Steps = append(r.Script.Steps, step)
	}
	if len(payload) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the last frame", ErrMessage, len(payload))
	}
	if err := CheckScript(&r.Script); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return r, nil
}

// Answers is the answer to a ScriptRequest, signed with the key of the lease where the
// agent has it. The header is followed by the answers: four bytes of length, the answer.
type Answers struct {
	Versioned
	Boot    string   `json:"boot"`
	Counter uint64   `json:"counter"`
	Seq     uint64   `json:"seq"`
	Count   int      `json:"count"`
	Refusal *Refusal `json:"refusal,omitempty"` // why there are no more; about the frame after the last answer
	Frames  [][]byte `json:"-"`
}

// Encode makes the message; key may be nil.
func (a *Answers) Encode(key *LeaseKey) ([]byte, error) {
	a.V, a.Count = Version, len(a.Frames)
	var payload []byte
	for _, f := range a.Frames {
		payload = appendFrame(payload, f)
	}
	m, err := Encode(a, payload)
	if err != nil {
		return nil, err
	}
	return key.Sign(FromAgent, m), nil
}

// DecodeAnswers takes a message apart that anybody may have sent. Its signature is still
// to be verified, by LeaseKey.Verify. The answers share memory with it.
func DecodeAnswers(message []byte) (*Answers, error) {
	a := new(Answers)
	payload, err := Decode(message, a)
	if err != nil {
		return nil, err
	}
	if payload, err = unsigned(payload); err != nil {
		return nil, err
	}
	if err := checkBoot(a.Boot); err != nil {
		return nil, err
	}
	if a.Count < 0 || a.Count > MaxSteps {
		return nil, fmt.Errorf("%w: %d answers", ErrMessage, a.Count)
	}
	for range a.Count {
		var f []byte
		if f, payload, err = cutFrame(payload); err != nil {
			return nil, err
		}
		a.Frames = append(a.Frames, f)
	}
	if len(payload) > 0 {
		return nil, fmt.Errorf("%w: %d bytes behind the last answer", ErrMessage, len(payload))
	}
	return a, a.Refusal.check()
}

func appendFrame(dst, f []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(f))), f...)
}

func cutFrame(b []byte) (f, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, fmt.Errorf("%w: fewer frames than it says", ErrMessage)
	}
	n := binary.BigEndian.Uint32(b)
	if n > MaxFrame || int(n) > len(b)-4 {
		return nil, nil, fmt.Errorf("%w: a frame of %d bytes where %d are left", ErrMessage, n, len(b)-4)
	}
	return b[4 : 4+n : 4+n], b[4+n:], nil
}

// framing is the inverse of Framing.String; what is not known is auto.
func framing(s string) desfire.Framing {
	for _, f := range []desfire.Framing{desfire.FramingNative, desfire.FramingWrapped} {
		if f.String() == s {
			return f
		}
	}
	return desfire.FramingAuto
}
