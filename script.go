package desfire

import (
	"context"

	"github.com/go-desfire/desfire/internal/frame"
)

// Script is several frames for one card, of which each but the first is sent only if
// the answer before it had the status that was wanted. A transport whose exchanges are
// dear may carry all of it at once:
//
//	Script(ctx context.Context, s *Script) (answers [][]byte, err error)
//
// The answers are those that came, in order; the last of them may be one that stopped
// the script. They are valid until the next call. Without an error and with fewer
// answers than steps the last answer stopped the script.
//
// An error is about the frame after the last answer. With Sent() false, as errors of
// Transmit have it, and without an answer no byte of any frame has left: that is for what the
// transport knows itself, not for what it was told. Any other error leaves open how far the
// script went: all of the frames may have reached the card. An error that is errors.ErrUnsupported says that nothing was sent, and is as good as no such
// method. All else is as with Transmit: the script is not kept, when ctx ends the call
// returns at once and the connection is finished.
//
// As with Reconnect only the method of the transport itself counts, never that of one it
// wraps: a wrapper must see each frame. One that wants scripts has a Script of its own, which
// calls PassScript.
//
// Nobody believes a transport that a frame was not sent because the script had stopped
// before it: see Card.Sequence.
type Script = frame.Script

// ScriptStep is one frame of a Script.
type ScriptStep = frame.ScriptStep

// RunScript sends a script to the card behind t: by t's own method, else frame
// by frame. The answers are the caller's; what they are and what the error is about
// Script says. Answers that no honest transport gives, such as one behind an answer that
// stopped the script, are left out, and are an error.
func RunScript(ctx context.Context, t Transport, s *Script) ([][]byte, error) {
	return frame.RunScript(ctx, t, s)
}

// PassScript is RunScript by t's own method alone; errors.ErrUnsupported if it has none. It
// is for the Script of a wrapper.
func PassScript(ctx context.Context, t Transport, s *Script) ([][]byte, error) {
	return frame.PassScript(ctx, t, s)
}
