package desfire

import (
	"context"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// scriptMax is how many frames go out together.
const scriptMax = 32

// Scripts reports whether the transport carries scripts, as far as is known, so that commands of
// a Sequence may go out together. A wrapper that carries them only where what it wraps does is
// believed until it is tried.
func (c *Card) Scripts() bool {
	_, ok := c.t.(frame.Scripter)
	return ok && !c.noScripts
}

// foreseen is what the reader believes when the command is sent, if all before it succeed.
type foreseen struct {
	ftype   wire.FileType
	place   place
	pending bool // or it makes something pend
	soils   bool
}

// foresee makes a script of as many commands as can be made before the first of them is
// answered: protected by a copy of the session, checked as run checks them. Nil if there
// are fewer than two, or the transport carries no scripts.
func (c *Card) foresee(ctx context.Context, q []queued) *Script {
	if _, ok := c.t.(frame.Scripter); !ok || c.noScripts || len(q) < 2 {
		return nil
	}
	before := c.state
	if before.channel != nil {
		c.state.channel = securemsg.Clone(before.channel)
	}
	spare := c.state.channel
	s := &Script{Framing: c.link.Framing}
	var changed []FileNo
	for i := range min(len(q), scriptMax) {
		x := &q[i]
		if no, named := wire.FileOf(x.cmd); named && has(changed, no) {
			break
		} else if named && changesFile(x.cmd) {
			changed = append(changed, no)
		}
		step, more := c.foreseeOne(ctx, x)
		if step.Command != nil {
			s.Steps = append(s.Steps, step)
		}
		if !more {
			break
		}
	}
	c.state = before
	securemsg.Wipe(spare)
	if len(s.Steps) < 2 {
		return nil
	}
	return s
}

// foreseeOne makes the frame of a command, nil if it does not fit a script, and goes on
// as if it had been answered. more tells whether another one may follow.
func (c *Card) foreseeOne(ctx context.Context, x *queued) (step ScriptStep, more bool) {
	r := x.request
	spec, channel := r.cmd.Spec(), c.state.channel
	if spec.Rule == wire.RulePlain {
		channel = nil
	}
	no, follows := follows(r.cmd)
	switch {
	case r != (request{cmd: r.cmd, rsp: r.rsp}), spec.Class != wire.ClassNative, begins(r.cmd), authenticates(r.cmd), alone(r.cmd):
		return step, false
	case channel != nil && c.state.scheme() != wire.SchemeEV2 && c.state.scheme() != wire.SchemeLRP:
		return step, false
	case c.mayRun(ctx, spec) != nil, c.mayGo(r.cmd, spec) != nil, follows && c.mustAsk(r.cmd, no):
		return step, false
	}
	p, err := c.protect(ctx, &r)
	if err != nil || c.mayHold(r.cmd, spec, p.ftype) != nil {
		return step, false
	}
	e, err := c.encode(r.cmd)
	if err != nil {
		return step, false
	}
	body := e.Bytes
	mode, back := c.sides(r.cmd, p)
	if channel != nil {
		if body, err = c.seal(ctx, channel, &r, e, mode); err != nil {
			return step, false
		}
		c.rx = body
	}
	command, ok := c.link.Frame(spec, body, e.Marks, r.long)
	if !ok {
		return step, false
	}
	step = ScriptStep{Command: command, Want: spec.Success}
	if channel != nil && spec.Success == wire.StatusSignatureOK {
		step.Want = wire.StatusOK
	}
	pending := c.state.pending || mayPend(r.cmd, p.ftype)
	x.foreseen = foreseen{p.ftype, c.state.place, pending, c.state.channel != nil || pending}
	answer := securemsg.Message{Mode: back, Len: c.answerLen(r.cmd)}
	if spec.Rule.Unpadded() {
		answer.Pad = securemsg.PadNone
	}
	more = (spec.Exchange == wire.Single || answer.Len < frame.MaxFrame-protectionOf(channel)) && !changesPlaces(r.cmd)
	c.state.after(r.cmd, p.ftype, spec.Success)
	if channel != nil && !securemsg.Foresee(channel, answer) {
		more = false
	}
	return step, more
}

// protectionOf is how many bytes protection may add to an answer, besides its status.
func protectionOf(channel securemsg.Channel) int {
	if channel == nil {
		return 1
	}
	return 1 + 16 + 8
}

// alone reports whether a command does not fit a script: it ends the session, or changes it
// otherwise than by counting, or carries a key.
func alone(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.ChangeKey, *wire.ChangeKeyEV2, *wire.InitializeKeySet, *wire.FinalizeKeySet, *wire.RollKeySet,
		*wire.SetConfiguration, *wire.FormatPICC, *wire.PreparePC, *wire.ProximityCheck, *wire.VerifyPC, *wire.Raw:
		return true
	}
	return cmd.Spec().Bare || carriesKey(cmd)
}

// changesPlaces reports whether a command changes what is known of the files of whole
// applications.
func changesPlaces(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.CreateApplication, *wire.CreateDelegatedApplication, *wire.DeleteApplication:
		return true
	}
	return false
}
