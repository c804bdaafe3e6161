package desfire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// Do runs any command and returns its answer.
//
//	rsp, err := desfire.Do(ctx, card, &wire.GetValue{File: 1})
func Do[R wire.Message](ctx context.Context, c *Card, cmd wire.Request[R]) (R, error) {
	rsp := cmd.Response()
	err := c.Run(ctx, cmd, rsp)
	return rsp, err
}

// Run runs cmd and decodes its answer into rsp, which may be reused. Everything
// that can fail early fails before anything is sent; any failure after that
// ends the session.
func (c *Card) Run(ctx context.Context, cmd wire.Command, rsp wire.Message) error {
	if !c.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	defer c.busy.Store(false)
	return c.run(ctx, cmd, rsp)
}

func (c *Card) run(ctx context.Context, cmd wire.Command, rsp wire.Message) error {
	spec := cmd.Spec()
	if err := c.mayRun(ctx, spec); err != nil {
		return err
	}
	e, err := c.encode(cmd)
	if err != nil {
		return err
	}
	mode, ftype := wire.CommPlain, wire.FileUnknown
	if no, ok := followed(spec, e.Bytes); ok {
		asked, err := c.learn(ctx, spec, no)
		if err != nil {
			return err
		}
		if asked {
			if e, err = c.encode(cmd); err != nil {
				return err
			}
		}
		mode, ftype = c.modeOf(spec, no)
	}
	began := time.Now()
	status, mode, err := c.exchange(ctx, cmd, rsp, e, mode, ftype)
	if c.conf.Observe != nil {
		c.seen = Exchange{Command: withoutSecrets(cmd), Response: rsp, Status: status, Mode: mode, Session: c.state.scheme(), Frames: c.link.Frames, Took: time.Since(began), Err: err}
		if err != nil {
			c.seen.Response = nil
		}
		c.conf.Observe(&c.seen)
	}
	return err
}

func (c *Card) encode(cmd wire.Command) (wire.Encoded, error) {
	e, err := c.coder.Encode(c.tx[:0], cmd)
	if err != nil {
		return e, &ArgumentError{cmd.Spec().Name, err}
	}
	c.tx = e.Bytes
	return e, nil
}

// mayRun finds what can be known before anything is sent.
func (c *Card) mayRun(ctx context.Context, spec *wire.Spec) error {
	switch {
	case c.closed.Load():
		return ErrClosed
	case spec.Unknown != "":
		return &UnsupportedError{spec.Name, c.gen, spec.Unknown}
	case c.gen != wire.UnknownGeneration && !spec.In(c.gen):
		return &UnsupportedError{spec.Name, c.gen, "it lacks " + spec.Needs.String()}
	}
	if err := ctx.Err(); err != nil {
		return &TransportError{spec.Name, notSent{err}}
	}
	if c.state.lost && spec.Rule != wire.RulePlain {
		return &ArgumentError{spec.Name, errLostSession}
	}
	return nil
}

var errLostSession = errors.New("the card may have a session that this reader cannot follow any more: select the application again, or authenticate")

// notSent marks an error before which no byte has left.
type notSent struct{ error }

func (notSent) Sent() bool      { return false }
func (e notSent) Unwrap() error { return e.error }

// exchange seals, sends, opens and decodes. mode is the protection of the side
// that carries the data.
func (c *Card) exchange(ctx context.Context, cmd wire.Command, rsp wire.Message, e wire.Encoded, file wire.CommMode, t wire.FileType) (wire.Status, wire.CommMode, error) {
	spec, effect := cmd.Spec(), cmd.Spec().EffectOn(t)
	scheme := c.state.scheme()
	mode := spec.Rule.Protection(scheme, false, file)
	if m, ok := cmd.(*wire.ChangeFileSettings); ok && c.changesFreely(scheme, m.File) {
		mode = wire.CommPlain
	}
	back := spec.Rule.Protection(scheme, true, file)
	body := e.Bytes
	channel := c.state.channel
	if spec.Rule == wire.RulePlain {
		channel = nil
	}
	if channel != nil {
		sealed, err := c.seal(ctx, channel, cmd, e, mode)
		if err != nil {
			c.state.lose("protecting " + spec.Name + " failed: " + err.Error())
			return 0, mode, &ArgumentError{spec.Name, err}
		}
		c.rx, body = sealed, sealed
	}
	a, err := c.send(ctx, spec, body, e)
	if err != nil {
		partial := effect == wire.EffectImmediate && !c.link.Fits(len(body))
		c.removed = removed(err)
		err = classify(spec.Name, effect, c.link.Frames, partial, err)
		c.state.forget(spec.Name + " broke off: " + err.Error())
		return 0, mode, err
	}
	if !accepted(spec, a.Status, channel) {
		refusal := &CommandError{Command: spec.Name, Status: a.Status, App: c.state.app, Session: c.state.gone, Hint: c.hint(cmd, a.Status)}
		c.state.after(cmd, t, a.Status)
		return a.Status, mode, refusal
	}
	unsealed := c.state.unsealed(cmd)
	c.state.after(cmd, t, spec.Success)
	plain, marks := a.Data, a.Marks
	if channel != nil && !unsealed {
		m := securemsg.Message{Code: a.Status.Byte(), Data: a.Data, Mode: back, Len: c.answerLen(cmd)}
		if _, ok := cmd.(*wire.CommitReaderID); ok && back == wire.CommMAC {
			m.Mode, m.Pad = wire.CommFull, securemsg.PadNone // secure-messaging reference 6.3
		}
		plain, err = c.open(channel, cmd, m)
		if err != nil {
			c.state.lose("the answer to " + spec.Name + " was not authentic")
			return a.Status, mode, classify(spec.Name, effect, c.link.Frames, false, &openError{err})
		}
		c.tx = plain
	}
	if err := c.coder.Decode(plain, marks, rsp); err != nil {
		if channel != nil {
			c.state.lose("the answer to " + spec.Name + " did not fit")
		}
		return a.Status, mode, classify(spec.Name, effect, c.link.Frames, false, err)
	}
	if c.state.channel != nil || c.state.pending {
		c.dirty = true
	}
	return a.Status, max(mode, back), nil
}

// open opens an answer.
func (c *Card) open(channel securemsg.Channel, cmd wire.Command, m securemsg.Message) ([]byte, error) {
	if _, ok := cmd.(*wire.GetCardUID); !ok || m.Len < 0 {
		return channel.Open(c.tx[:0], m)
	}
	spare := securemsg.Clone(channel)
	plain, err := channel.Open(c.tx[:0], m)
	if err != nil { // an identifier of 4 or 10 bytes
		m.Len = -1
		c.state.channel = spare
		return spare.Open(c.tx[:0], m)
	}
	return plain, nil
}

// accepted reports whether a status is a success. Inside a session commands
// that end in 90 without one end in 00 (ReadSignature). ISO 7816-4 warnings come
// with the data there is.
func accepted(spec *wire.Spec, status wire.Status, channel securemsg.Channel) bool {
	switch status {
	case spec.Success:
		return true
	case wire.StatusOK:
		return channel != nil
	case wire.StatusISOEndOfFile, wire.StatusISOLimitReached:
		return spec.Class == wire.ClassISO
	}
	return false
}

// seal protects a command. A key change is made by the channel, from the keys.
func (c *Card) seal(ctx context.Context, channel securemsg.Channel, cmd wire.Command, e wire.Encoded, mode wire.CommMode) ([]byte, error) {
	if c.change != nil {
		return securemsg.SealKeyChange(ctx, channel, c.rx[:0], *c.change)
	}
	m := securemsg.Message{Code: cmd.Spec().INS, Head: e.Bytes[:e.Head], Data: e.Bytes[e.Head:], Marks: e.Marks, Mode: mode}
	if p, ok := cmd.(interface{ PadISO() bool }); ok && p.PadISO() {
		m.Pad = securemsg.Pad80
	}
	return channel.Seal(c.rx[:0], m)
}

// send carries the frames. A chain or handshake that was left open earlier
// makes the card answer COMMAND_ABORTED to the next command without doing it;
// the command is then sent once more.
func (c *Card) send(ctx context.Context, spec *wire.Spec, body []byte, e wire.Encoded) (frame.Answer, error) {
	abandoned := c.link.Open
	a, err := c.sendOnce(ctx, spec, body, e)
	if err == nil && abandoned && a.Status == wire.StatusCommandAborted && c.link.Frames == 1 {
		return c.sendOnce(ctx, spec, body, e)
	}
	return a, err
}

func (c *Card) sendOnce(ctx context.Context, spec *wire.Spec, body []byte, e wire.Encoded) (frame.Answer, error) {
	ctx, err := c.clock.start(ctx, c.timeout(spec), c.conf.ExchangeTimeout > 0)
	if err != nil {
		return frame.Answer{}, notSent{err}
	}
	defer c.clock.stop()
	var a frame.Answer
	if spec.Class == wire.ClassISO {
		a, err = c.link.ISO(ctx, spec, wire.Encoded{Bytes: body, P1: e.P1, P2: e.P2, Le: e.Le})
	} else {
		a, err = c.link.Exchange(ctx, spec, body, e.Marks)
	}
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%w)", cause, err) // the transport only knows that the context ended
	}
	return a, err
}

func (c *Card) timeout(spec *wire.Spec) time.Duration {
	if c.conf.ExchangeTimeout > 0 {
		return c.conf.ExchangeTimeout
	}
	if spec.Slow {
		return slowTimeout
	}
	return defaultTimeout
}

// hint says what helps against a refusal, where that is known.
func (c *Card) hint(cmd wire.Command, status wire.Status) string {
	switch {
	case status == wire.StatusAuthenticationError && c.state.channel == nil:
		return "authenticate with a key that has this right"
	case status == wire.StatusIllegalCommand && c.state.app == wire.PICC && cmd.Spec().Level == wire.LevelApp,
		status == wire.StatusPermissionDenied && c.state.app == wire.PICC && cmd.Spec().Level == wire.LevelApp:
		return "select an application first"
	case cmd.Spec().Level == wire.LevelPICC && c.state.app != wire.PICC && (status == wire.StatusPermissionDenied || status == wire.StatusIllegalCommand):
		return "this works at the PICC level: select application 000000 first"
	}
	return ""
}
