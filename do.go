package desfire

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
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
//
// In a session, a command on a file needs the file's settings, which say how
// its data travel. They are known if the caller stated them (AssumeFileSettings),
// if this Card created the file, or if a session with MACs has told them; else
// Run asks the card once. See FileSettingsError.
func (c *Card) Run(ctx context.Context, cmd wire.Command, rsp wire.Message) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	return c.run(ctx, request{cmd: cmd, rsp: rsp})
}

// send carries the frames. A chain or handshake that was left open earlier
// makes the card answer COMMAND_ABORTED to the next command without doing it;
// the command is then sent once more. A selection always is: what is open on the
// card after a break the reader does not know.
func (c *Card) send(ctx context.Context, r *request, body []byte, e wire.Encoded, want frame.Want) (a frame.Answer, again bool, err error) {
	want.Long = r.long
	abandoned := c.link.Open || selects(r.cmd)
	a, err = c.sendOnce(ctx, r.cmd.Spec(), body, e, want)
	// A forged CA must not make the card do something twice.
	harmless := r.cmd.Spec().Effect == wire.EffectNone
	if err == nil && abandoned && harmless && a.Status == wire.StatusCommandAborted && a.Frames == 1 {
		c.state.aborted(r.cmd)
		a, err = c.sendOnce(ctx, r.cmd.Spec(), body, e, want)
		return a, true, err
	}
	return a, false, err
}

func (c *Card) sendOnce(ctx context.Context, spec *wire.Spec, body []byte, e wire.Encoded, want frame.Want) (frame.Answer, error) {
	ctx, err := c.clock.start(ctx, c.timeout(spec), c.conf.ExchangeTimeout > 0)
	if err != nil {
		return frame.Answer{}, notSent{err}
	}
	defer c.clock.stop()
	c.sent.Add(1)
	var a frame.Answer
	if spec.Class == wire.ClassISO {
		a, err = c.link.ISO(ctx, spec, wire.Encoded{Bytes: body, P1: e.P1, P2: e.P2, Le: e.Le}, want)
	} else {
		a, err = c.link.Exchange(ctx, spec, body, e.Marks, want)
	}
	return a, blame(ctx, err)
}

// blame says why a context ended, of which the transport only knows that it did.
func blame(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
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
	case status != wire.StatusIllegalCommand && status != wire.StatusPermissionDenied:
	case cmd.Spec().Level == wire.LevelApp && c.state.app == wire.PICC:
		return "select an application first"
	case cmd.Spec().Level == wire.LevelPICC && c.state.app != wire.PICC:
		return "this works at the PICC level: select application 000000 first"
	}
	return ""
}
