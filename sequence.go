package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Call is one command of a Sequence, and what came of it.
type Call[R wire.Message] struct {
	Response R     // the card's answer; of no use with an Err
	Err      error // as Run would have returned it, or a *SkippedError

	cmd wire.Command
}

// Cmd makes a Call for Sequence.
func Cmd[R wire.Message](cmd wire.Request[R]) *Call[R] {
	return &Call[R]{Response: cmd.Response(), Err: errNotRun, cmd: cmd}
}

// CmdInto is Cmd for a command of any kind, whose answer is decoded into rsp.
func CmdInto(cmd wire.Command, rsp wire.Message) *Call[wire.Message] {
	return &Call[wire.Message]{Response: rsp, Err: errNotRun, cmd: cmd}
}

var errNotRun = errors.New("desfire: the command was not given to a Sequence yet")

// Sequenced is a Call for Sequence.
type Sequenced interface {
	queued() queued
}

func (x *Call[R]) queued() queued {
	return queued{request: request{cmd: x.cmd, rsp: x.Response}, err: &x.Err}
}

// SkippedError means that a command of a Sequence was not done, as far as can be known,
// because one before it failed.
type SkippedError struct {
	Command string
	Err     error // of the one that failed
	given   bool
}

func (e *SkippedError) Error() string {
	return fmt.Sprintf("desfire: %s was left out, since a command before it failed: %v", e.Command, e.Err)
}

// Sent is false if no byte of the command has left. It is true if the command was
// given to a transport as part of a Script, which says that it stopped before it.
func (e *SkippedError) Sent() bool { return e.given }

// Sequence runs commands one after the other until one fails, each as Run does it: with
// its own error, in its Call, and its own call of Observe. The error is that of the first one
// that failed; nil if none did.
//
//	balance := desfire.Cmd(&wire.GetValue{File: 1})
//	err := card.Sequence(ctx, balance, desfire.Cmd(&wire.Debit{File: 1, Amount: 5}), desfire.Cmd(&wire.CommitTransaction{}))
//
// Over a transport that carries scripts (Script) several commands go out together, and cost one
// round trip: in EV2 and LRP sessions, whose commands can be protected before the answers
// to those before them are there, and without a session. What does not fit a script goes by
// itself: chained frames, D40 and EV1 sessions, authentications, changes of keys and
// configuration, ISO 7816-4 commands. Whatever Run finds out before it sends anything is
// found out of all commands of a script before the script leaves.
//
// The settings of files that a session must know are asked for before the first command. If
// one is refused, nothing else is sent.
//
// No refusal is authentic, nor is what a transport says of where a script stopped. So with a
// script the commands behind one that failed may have been done as well: those that change
// the card, or commit, have an *OutcomeUnknownError, which is what Sequence returns then. All
// others, and those that never left, have a *SkippedError.
//
// The counter of a session counts commands without a MAC as well: somebody between
// reader and card can keep one command of a script back and have another counted in its
// place, and those behind it are done. What must have been done before another command
// may happen, such as a receipt before its debit, is therefore acknowledged first, in
// a Sequence of its own, where that somebody is to be feared; see docs/purse.md.
func (c *Card) Sequence(ctx context.Context, calls ...Sequenced) error {
	q := make([]queued, len(calls))
	for i, x := range calls {
		q[i] = x.queued()
	}
	if err := c.acquire(); err != nil {
		skip(q, err)
		return err
	}
	defer c.release()
	return c.sequence(ctx, q)
}

// queued is a command of a sequence.
type queued struct {
	request
	err *error
	// settles: not the command itself is run, but the settings of its file are asked for.
	settles wire.Command
	foreseen
}

func (c *Card) sequence(ctx context.Context, q []queued) error {
	if at, err := c.askBefore(ctx, q); err != nil {
		skip(q, err)
		*q[at].err = err
		return err
	}
	for len(q) > 0 {
		n := 1
		if s := c.foresee(ctx, q); s != nil {
			done, err := c.play(ctx, s, q)
			if err != nil {
				skip(q[len(s.Steps):], err)
				return err
			}
			n = done
		} else if err := c.runQueued(ctx, &q[0]); err != nil {
			skip(q[1:], err)
			return err
		}
		q = q[n:]
	}
	return nil
}

// runQueued runs one command by itself.
func (c *Card) runQueued(ctx context.Context, x *queued) error {
	if x.settles != nil {
		no, _ := follows(x.settles)
		_, *x.err = c.settled(ctx, x.settles, no)
	} else {
		*x.err = c.run(ctx, x.request)
	}
	return *x.err
}

// skip is for commands that never left.
func skip(q []queued, why error) {
	for i := range q {
		*q[i].err = &SkippedError{Command: q[i].cmd.Spec().Name, Err: why}
	}
}

// askBefore asks for the settings that a session must know, all at once. It returns which
// command could not have its own.
func (c *Card) askBefore(ctx context.Context, q []queued) (at int, err error) {
	if c.state.channel == nil || c.state.pending || len(q) == 0 || q[0].settles != nil {
		return 0, nil
	}
	var asks []queued
	var of []int
	var own []FileNo // asked for already, or not there yet
	for i := range q {
		cmd := q[i].cmd
		spec := cmd.Spec()
		if spec.Rule == wire.RulePlain || c.state.unsealed(cmd) || c.mayRun(ctx, spec) != nil || c.mayGo(cmd, spec) != nil {
			break // what comes after it has another session, or is not run
		}
		no, ok := follows(cmd)
		if ok && c.mustAsk(cmd, no) && !has(own, no) {
			asks, of = append(asks, queued{request: request{cmd: &wire.GetFileSettings{File: no}}, settles: cmd, err: new(error)}), append(of, i)
		}
		if no, named := wire.FileOf(cmd); named && (ok || changesFile(cmd)) {
			own = append(own, no)
		}
	}
	if c.sequence(ctx, asks) == nil {
		return 0, nil
	}
	for i := range asks {
		if err := *asks[i].err; err != nil {
			return of[i], err
		}
	}
	return 0, nil
}

func has(list []FileNo, no FileNo) bool {
	for _, x := range list {
		if x == no {
			return true
		}
	}
	return false
}

// mustAsk reports whether settled would ask the card.
func (c *Card) mustAsk(cmd wire.Command, no FileNo) bool {
	f := c.facts(no)
	switch scheme := c.state.scheme(); {
	case scheme == wire.SchemeNone:
		return cmd.Spec().Rule == wire.RuleWrite && carriesData(cmd) && !c.mayTell() && c.settingsOf(no) == nil
	case scheme == wire.SchemeD40:
		return f == nil || f.origin < fromClear
	}
	return f == nil || f.origin < fromSession
}

// changesFile reports whether a command changes what is known of its file.
func changesFile(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.ChangeFileSettings, *wire.DeleteFile:
		return true
	}
	_, _, made := created(cmd)
	return made
}
