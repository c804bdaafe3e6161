package desfire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// request is a command on its way, and how it is to travel. It is passed down
// by value; nothing of it stays in the Card.
type request struct {
	cmd    wire.Command
	rsp    wire.Message
	change *securemsg.KeyChange // the channel makes the cryptogram, from the keys
	long   bool                 // ask for an answer of any length, in an extended APDU
	isoMAC bool                 // the answer of an ISO command carries the MAC of an EV1 session
	file   FileNo               // that an ISO command works on, where it does not name it; 0: not known
	trial  bool                 // whatever comes back is an answer: the card may not know such APDUs
}

// acquire is the one guard against two goroutines. release ends it.
func (c *Card) acquire() error {
	if !c.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	return nil
}

func (c *Card) release() {
	c.wipe()
	c.busy.Store(false)
}

// wipe clears the keys of a session that is over.
func (c *Card) wipe() {
	if c.held != c.state.channel {
		securemsg.Wipe(c.held)
		c.held = c.state.channel
	}
}

func (c *Card) run(ctx context.Context, r request) error {
	spec := r.cmd.Spec()
	if err := c.mayRun(ctx, spec); err != nil {
		return err
	}
	if err := c.mayGo(r.cmd, spec); err != nil {
		return err
	}
	p, err := c.protect(ctx, &r)
	if err != nil {
		return err
	}
	if err := c.mayHold(r.cmd, spec, p.ftype); err != nil {
		return err
	}
	e, err := c.encode(r.cmd)
	if err != nil {
		return err
	}
	if (c.state.channel == nil || spec.Rule == wire.RulePlain) && !c.mayTell() && carriesKey(r.cmd) {
		return &ProtectionError{spec.Name, ClearKey, "it carries a key, which would go out in clear: authenticate first, or say AllowSecretsInClear"}
	}
	var began time.Time
	if len(c.watchers) > 0 {
		began = time.Now()
	}
	scheme := c.state.scheme()
	o, err := c.exchange(ctx, &r, e, p)
	if len(c.watchers) > 0 {
		c.observe(Exchange{
			Command: wire.Redacted(r.cmd).(wire.Command), Response: r.rsp, Status: o.status, Mode: o.mode, Session: scheme,
			Unprotected: p.unprotected, Frames: o.frames, Took: time.Since(began) + c.waited(), Err: err, again: o.again,
		})
	}
	return err
}

// waited is how long a script took, which counts for the first of its commands.
func (c *Card) waited() time.Duration {
	d := c.spent
	c.spent = 0
	return d
}

// watcher is one who is told of commands.
type watcher struct {
	tell func(*Exchange)
	over atomic.Bool
}

// watch adds an observer until stop is called; begin runs under the guard.
func (c *Card) watch(observe func(*Exchange), begin func()) (stop func(), err error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	defer c.release()
	begin()
	w := &watcher{tell: observe}
	c.watchers = append(c.watchers, w)
	return func() {
		w.over.Store(true)
		if c.acquire() == nil {
			defer c.release()
			c.watchers = slices.DeleteFunc(c.watchers, func(w *watcher) bool { return w.over.Load() })
		}
	}, nil
}

// observe tells all who watch.
func (c *Card) observe(x Exchange) {
	c.seen = x
	c.seen.card = c
	if x.Err != nil {
		c.seen.Response = nil
	}
	for _, w := range c.watchers {
		if !w.over.Load() {
			w.tell(&c.seen)
		}
	}
}

// hasChanged is state.changed, for those who are not inside the guard.
func (c *Card) hasChanged() bool {
	if c.acquire() != nil {
		return true
	}
	defer c.release()
	return c.state.changed
}

// soil notes, before a command goes out, that the card may keep something that
// the next program must not find. Close then sees the note, or the command sees
// that the card was closed.
func (c *Card) soil() error {
	c.dirty.Store(true)
	if c.closed.Load() {
		return ErrClosed
	}
	return nil
}

func (c *Card) encode(cmd wire.Command) (wire.Encoded, error) {
	e, err := c.coder.Encode(c.tx[:0], cmd)
	if err != nil {
		return e, &ArgumentError{cmd.Spec().Name, err}
	}
	c.tx = e.Bytes
	return e, nil
}

// mayRun finds what can be known of a command before anything is sent.
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
		return &TransportError{Command: spec.Name, Err: notSent{err}, Changed: c.state.changed}
	}
	return nil
}

// notSent marks an error before which no byte has left.
type notSent struct{ error }

func (notSent) Sent() bool      { return false }
func (e notSent) Unwrap() error { return e.error }

// outcome is what came of an exchange, besides the answer itself.
type outcome struct {
	status wire.Status   // 0 if none came
	mode   wire.CommMode // of the side that carries the data
	frames int
	again  bool // the command was sent twice
}

// exchange seals, sends, judges, opens and decodes.
func (c *Card) exchange(ctx context.Context, r *request, e wire.Encoded, p protection) (outcome, error) {
	spec := r.cmd.Spec()
	scheme := c.state.scheme()
	mode, back := c.sides(r.cmd, p)
	o := outcome{mode: mode}
	body, channel := e.Bytes, c.state.channel
	if channel != nil || c.state.pending || mayPend(r.cmd, p.ftype) || authenticates(r.cmd) {
		if err := c.soil(); err != nil {
			return o, err
		}
	}
	if spec.Rule == wire.RulePlain {
		channel = nil
	}
	if channel != nil {
		sealed, err := c.seal(ctx, channel, r, e, mode)
		if err != nil {
			c.state.lose("protecting " + spec.Name + " failed: " + err.Error())
			return o, &ArgumentError{spec.Name, err}
		}
		c.rx, body = sealed, sealed
	}
	before := c.outdate(r.cmd)
	length := c.answerLen(r.cmd)
	a, again, err := c.send(ctx, r, body, e, c.maxAnswer(r, length))
	o.status, o.frames, o.again = a.Status, a.Frames, again
	effect := spec.EffectOn(p.ftype)
	lost := failure{command: spec.Name, effect: effect, whole: a.Whole}
	if effect == wire.EffectImmediate && spec.Rule == wire.RuleWrite && mode != wire.CommFull && !c.link.Fits(len(body)) {
		lost.partial = a.Frames > 0 || sent(err)
	}
	if lost.done() && (effect == wire.EffectImmediate || c.state.pending || err == nil && a.Status == spec.Success) {
		c.state.changed = true
	}
	lost.changed = c.state.changed
	if err != nil {
		c.removed = removed(err)
		err = lost.classify(err)
		c.state.forget(spec.Name + " broke off: " + err.Error())
		return o, err
	}
	if !accepted(spec, a.Status, channel) {
		return o, c.refuse(r, p, a, lost)
	}
	unsealed := c.state.unsealed(r.cmd)
	c.state.after(r.cmd, p.ftype, spec.Success)
	plain, marks := a.Data, a.Marks
	if r.isoMAC {
		// It covers data and 00, with the session's running value, which the
		// command has not moved (command reference 15).
		channel, back = c.state.channel, wire.CommMAC
	}
	if channel != nil && !unsealed {
		plain, err = c.open(channel, r.cmd, securemsg.Message{Code: code(spec, a.Status), Data: a.Data, Mode: back, Len: length})
		if err != nil {
			c.doubt(r.cmd)
			c.state.distrust("the answer to " + spec.Name + " was not authentic")
			return o, lost.classify(&untrustedError{err})
		}
		c.tx = plain
	}
	if err := c.decode(r, plain, marks, a.Status, length); err != nil {
		c.doubt(r.cmd)
		c.state.distrust("the answer to " + spec.Name + " did not fit")
		return o, lost.classify(&untrustedError{err})
	}
	c.remember(r.cmd, r.rsp, before, channel != nil && scheme != wire.SchemeD40)
	o.mode = max(mode, back)
	return o, nil
}

// sides are the modes of a command and of its answer in the present session.
func (c *Card) sides(cmd wire.Command, p protection) (mode, back wire.CommMode) {
	rule, scheme := cmd.Spec().Rule, c.state.scheme()
	mode, back = rule.Protection(scheme, false, p.mode), rule.Protection(scheme, true, p.mode)
	if _, ok := cmd.(*wire.ChangeFileSettings); ok {
		mode = min(mode, p.mode)
	}
	return mode, back
}

// code is the status byte that a MAC covers.
func code(spec *wire.Spec, status wire.Status) byte {
	if spec.Class == wire.ClassISO {
		return wire.StatusOK.Byte()
	}
	return status.Byte()
}

// refuse judges a status that is no success. None is ever authenticated.
func (c *Card) refuse(r *request, p protection, a frame.Answer, lost failure) error {
	spec, status := r.cmd.Spec(), a.Status
	c.link.Open = true // if it is forged, the card may wait for the rest
	refusal := &CommandError{Command: spec.Name, On: on(r.cmd), Status: status, App: c.state.app, Session: c.state.gone, Hint: c.hint(r.cmd, status)}
	switch {
	case r.trial:
	case !spec.CanRefuse(status):
		return lost.classify(c.impossible(refusal))
	case a.Tail > 0, len(a.Marks) > 0 && spec.Effect != wire.EffectNone && !c.conf.Unguarded:
		return lost.classify(c.misshapen(refusal, len(a.Data)))
	}
	if status == wire.StatusLengthError || status == wire.StatusIntegrityError {
		c.doubt(r.cmd)
	}
	if _, ok := r.cmd.(*wire.GetVersion); ok && a.Frames > 1 {
		c.hardware = bytes.Clone(a.Data)
	}
	pending := c.state.pending
	c.state.after(r.cmd, p.ftype, status)
	if pending && lost.effect == wire.EffectCommit || lost.partial && a.Frames > 1 {
		return &OutcomeUnknownError{spec.Name, lost.partial, refusal}
	}
	return refusal
}

// impossible is for a status that no card gives to the command. One that does
// not exist at all is no status, but the rest of an answer that was cut.
func (c *Card) impossible(refusal *CommandError) error {
	c.state.distrust(fmt.Sprintf("%s was answered with %s, which no card gives", refusal.Command, refusal.Status.String()))
	if !refusal.Status.Known() {
		return &untrustedError{fmt.Errorf("it ends with %04X, which is no status", uint16(refusal.Status))}
	}
	return &untrustedError{refusal}
}

// misshapen is for a refusal that comes with data, which none does, or in the
// middle of the answer to something that was done: it is what is left of
// another answer, or was made up.
func (c *Card) misshapen(refusal *CommandError, n int) error {
	c.state.distrust(fmt.Sprintf("%s was refused with data, which no card does", refusal.Command))
	return &untrustedError{fmt.Errorf("%d bytes and the refusal %s", n, refusal.Status.String())}
}

// on is what a command is about, for its refusal.
func on(cmd wire.Command) string {
	if no, ok := wire.FileOf(cmd); ok {
		return "file " + no.String()
	}
	switch m := cmd.(type) {
	case *wire.SelectApplication:
		return "application " + m.AID.String()
	case *wire.DeleteApplication:
		return "application " + m.AID.String()
	case *wire.CreateApplication:
		return "application " + m.AID.String()
	case *wire.CreateDelegatedApplication:
		return "application " + m.AID.String()
	}
	return ""
}

// decode takes the answer apart and checks its length, where that can be known.
func (c *Card) decode(r *request, plain []byte, marks []int, status wire.Status, length int) error {
	if length >= 0 && len(plain) != length && status == r.cmd.Spec().Success && !lenient(r.cmd) {
		return fmt.Errorf("%d bytes instead of %d", len(plain), length)
	}
	if err := c.wholeRecords(r.cmd, len(plain)); err != nil {
		return err
	}
	return c.coder.Decode(plain, marks, r.rsp)
}

// open opens an answer.
func (c *Card) open(channel securemsg.Channel, cmd wire.Command, m securemsg.Message) ([]byte, error) {
	if cmd.Spec().Rule.Unpadded() {
		m.Pad = securemsg.PadNone
	}
	if !lenient(cmd) || m.Len < 0 {
		return channel.Open(c.tx[:0], m)
	}
	spare := securemsg.Clone(channel)
	plain, err := channel.Open(c.tx[:0], m)
	if err != nil { // of another length
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
func (c *Card) seal(ctx context.Context, channel securemsg.Channel, r *request, e wire.Encoded, mode wire.CommMode) ([]byte, error) {
	if r.change != nil {
		return securemsg.SealKeyChange(ctx, channel, c.rx[:0], *r.change)
	}
	m := securemsg.Message{Code: r.cmd.Spec().INS, Head: e.Bytes[:e.Head], Data: e.Bytes[e.Head:], Marks: e.Marks, Mode: mode}
	if p, ok := r.cmd.(interface{ PadISO() bool }); ok && p.PadISO() {
		m.Pad = securemsg.Pad80
	}
	return channel.Seal(c.rx[:0], m)
}

var errNoSession = errors.New("not authenticated: call Authenticate first")
