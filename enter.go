package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// Enter is Select and Authenticate. Over a transport that carries scripts (Script) the first
// frame of the authentication goes out with the selection, so that both together take two round
// trips and not three.
func (c *Card) Enter(ctx context.Context, p Place, no KeyNo, k key.Key) error {
	return c.EnterWith(ctx, p, c.strongest(k.Type()), no, k)
}

// EnterWith is Select and AuthenticateWith, as Enter is.
func (c *Card) EnterWith(ctx context.Context, p Place, m key.Method, no KeyNo, k key.Key) error {
	if err := c.strongEnough(m, k.Type()); err != nil {
		return err
	}
	sel, err := c.selection(p)
	if err != nil {
		return err
	}
	if done, err := c.enterTogether(ctx, sel, m, no, k); done {
		return err
	}
	if err := c.selectBy(ctx, sel); err != nil {
		return err
	}
	return c.AuthenticateWith(ctx, m, no, k)
}

// enterTogether is EnterWith by a script. done is false if it takes none, and nothing was sent.
func (c *Card) enterTogether(ctx context.Context, sel wire.Command, m key.Method, no KeyNo, k key.Key) (done bool, err error) {
	if _, ok := c.t.(frame.Scripter); !ok {
		return false, nil
	}
	if err := c.acquire(); err != nil {
		return true, err
	}
	defer c.release()
	first, _ := authFrames(m, no)
	if c.noScripts || first == nil || m == key.MethodEV2NonFirst || m == key.MethodLRPNonFirst {
		return false, nil
	}
	for _, cmd := range []wire.Command{sel, first} {
		if c.mayRun(ctx, cmd.Spec()) != nil {
			return false, nil
		}
	}
	conf := handshakeConfig(c, m, no, k)
	h, err := securemsg.NewHandshake(conf)
	if err != nil {
		return false, nil
	}
	defer h.Wipe()
	s, ok := c.entry(sel, first, h)
	if !ok {
		return false, nil
	}
	if err := c.soil(); err != nil {
		return true, err
	}
	p, err := c.giveIn(ctx, c.timeout(sel.Spec())+c.timeout(first.Spec()), s)
	switch {
	case err != nil:
		return true, err
	case p == nil:
		c.noScripts = true
		return false, nil
	}
	c.link.T = p
	defer func() { c.link.T = c.t }()
	if err := selected(c.run(context.WithoutCancel(ctx), request{cmd: sel, rsp: sel.Spec().NewResponse()})); err != nil {
		if !p.asked {
			c.state.forget("the selection was sent, and its answer not looked at")
		}
		c.link.Open = true // the card may have begun to authenticate
		return true, err
	}
	return true, c.handshake(ctx, h, conf)
}

// entry is the script of a selection and the first frame of an authentication.
func (c *Card) entry(sel, first wire.Command, h *securemsg.Handshake) (s *Script, ok bool) {
	e, err := c.encode(sel)
	if err != nil {
		return nil, false
	}
	spec, ask := sel.Spec(), first.Spec()
	var one []byte
	if spec.Class == wire.ClassISO {
		one, ok = frame.FrameISO(spec, e), true
	} else {
		one, ok = c.link.Frame(spec, e.Bytes, e.Marks, false)
	}
	_, data := h.First()
	two, fits := c.link.Frame(ask, data, nil, false)
	return &Script{Framing: c.link.Framing, Steps: []ScriptStep{{Command: one, Want: spec.Success}, {Command: two, Want: ask.Success}}}, ok && fits
}

// selection is the command that selects a place on this card.
func (c *Card) selection(p Place) (wire.Command, error) {
	at, err := p.On(c.gen)
	if err != nil {
		return nil, &ArgumentError{"Select", err}
	}
	name := []byte(at.Name)
	if at.IsCard() && c.gen.FixedName() != nil {
		name = wire.PICCName[:] // these know no AIDs
	}
	if len(name) == 0 {
		return &wire.SelectApplication{AID: at.AID}, nil
	}
	return &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectNoData}, nil
}

func (c *Card) selectBy(ctx context.Context, sel wire.Command) error {
	return selected(c.Run(ctx, sel, sel.Spec().NewResponse()))
}

// selected takes the warning for a success that a transaction MAC counter is at its limit.
func selected(err error) error {
	if errors.Is(err, wire.StatusISOLimitReached) {
		return nil
	}
	return err
}
