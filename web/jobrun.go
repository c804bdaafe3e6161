package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

const (
	// stopWithin is how long is waited for a job that was stopped.
	stopWithin = 10 * time.Second
	// aMoment is how long is waited for a job of somebody else's: it may be at its end.
	aMoment = 250 * time.Millisecond
)

// busyError says that another job works with the card.
type busyError struct{ holder jobView }

func (e *busyError) Error() string {
	return fmt.Sprintf("%q works with this card since %s; wait for its end, or stop it", e.holder.Title, e.holder.Begun.Format("15:04:05"))
}

var (
	errNoCard   = errors.New("no card lies on this reader; lay it there, and try again")
	errNoReader = errors.New("there is no such reader any more; choose another one")
	errEnding   = errors.New("the program ends")
)

// otherCardError says that the card on the reader is not the one a job is for.
type otherCardError struct{ want, have []byte }

func (e *otherCardError) Error() string {
	if len(e.have) == 0 {
		return fmt.Sprintf("this is for card %X; the card on the reader does not tell which one it is; nothing was done", e.want)
	}
	return fmt.Sprintf("this is for card %X, and card %X lies on the reader; nothing was done", e.want, e.have)
}

// leftError is an error of a job whose card has left meanwhile.
type leftError struct{ why, err error }

func (e *leftError) Error() string { return e.why.Error() + ": " + e.err.Error() }
func (e *leftError) Unwrap() error { return e.err }

// panicError is a job that panicked.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprint("this part of the program failed: ", e.value) }

// start begins a job, the only one of its reader. The page's own reading makes way.
func (s *Server) start(rd *reader, w work) (*job, error) {
	if rd == nil {
		return nil, errNoReader
	}
	w.refs = s.refsFor(rd) // now: what was read of a card goes when the card does
	rd.mu.Lock()
	rd.starting++
	rd.mu.Unlock()
	defer func() {
		rd.mu.Lock()
		rd.starting--
		rd.mu.Unlock()
		s.tryLook(rd)
	}()
	for {
		rd.mu.Lock()
		holder := rd.job
		if holder == nil {
			j, err := s.begin(rd, w)
			if err == nil {
				s.jobs.add(j) // before anybody sees it at the reader
			}
			rd.mu.Unlock()
			if err != nil {
				return nil, err
			}
			rd.traffic.mark("job", w.title)
			s.tell("readers", rd.id)
			go func() {
				defer s.work.Done()
				s.runJob(j, w, nil)
			}()
			return j, nil
		}
		rd.mu.Unlock()
		wait := aMoment
		if holder.own {
			wait = stopWithin
			holder.stop()
		}
		select {
		case <-holder.ended:
		case <-time.After(wait):
			return nil, &busyError{holder.view()}
		}
	}
}

// begin takes the reader, whose lock is held, for a job.
func (s *Server) begin(rd *reader, w work) (*job, error) {
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.ctx.Err() != nil {
		return nil, errEnding
	}
	s.work.Add(1)
	j := &job{title: clipped(w.title), reader: rd, server: s, own: w.own, ended: make(chan struct{}), state: jobRunning, begun: s.conf.Now()}
	j.ctx, j.cancel = context.WithCancelCause(s.ctx)
	rd.job = j
	return j, nil
}

// runJob does the work and gives the reader back. a is the card of the page's own
// reading.
func (s *Server) runJob(j *job, w work, a *arrival) {
	err := s.doWork(j, w, a)
	stopped := j.ctx.Err() != nil
	rd := j.reader
	rd.mu.Lock()
	rd.job = nil
	switch {
	case rd.lies == nil:
	case w.own:
		rd.wants = rd.wants || stopped && err != nil && rd.lies == a
	default:
		rd.wants = !w.fresh || err != nil // it may have changed; what was read whole is not read again
	}
	rd.mu.Unlock()
	switch {
	case err == nil:
		j.set(jobDone, nil)
	case stopped:
		j.set(jobStopped, err)
	default:
		j.set(jobFailed, err)
	}
	j.stop()
	close(j.ended)
	s.tell("readers", rd.id)
	s.tell("card", rd.id)
	s.tryLook(rd)
}

func (s *Server) doWork(j *job, w work, a *arrival) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.conf.Logger.Error("a job failed", "job", j.title, "err", p, "stack", string(debug.Stack()))
			err = &panicError{p}
		}
	}()
	if w.keep {
		return s.keep(j, w)
	}
	rd := j.reader
	if a == nil {
		rd.mu.Lock()
		a = rd.lies
		rd.mu.Unlock()
	}
	if a == nil {
		return errNoCard
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(j.ctx, arrivalKey{}, a))
	defer cancel(nil)
	defer context.AfterFunc(a.ctx, func() { cancel(context.Cause(a.ctx)) })()
	err = s.withCard(ctx, rd, a, w, func(card *desfire.Card) error { return w.run(ctx, j, card) })
	if err != nil && a.ctx.Err() != nil && j.ctx.Err() == nil {
		err = &leftError{context.Cause(a.ctx), err}
	}
	return err
}

// withCard connects to a card for as long as f runs.
func (s *Server) withCard(ctx context.Context, rd *reader, a *arrival, w work, f func(*desfire.Card) error) error {
	t, err := rd.open(ctx, a.ev)
	if err != nil {
		return &desfire.TransportError{Command: "connect to the card", Err: err}
	}
	card, err := desfire.Connect(ctx, t, s.cardConfig(rd))
	if err != nil {
		return err // Connect has closed what it was given
	}
	defer card.Close() //nolint:errcheck // the card is what counts, and the reader resets it
	if err := s.isCard(ctx, card, rd, w.uid, w.refs); err != nil {
		return err
	}
	return f(card)
}

// keep does work that outlives the loss of its card.
func (s *Server) keep(j *job, w work) error {
	rd := j.reader
	conf := &desfire.KeepConfig{Config: s.cardConfig(rd), OnChange: func(c desfire.KeepChange) {
		switch c.State {
		case desfire.KeepLost, desfire.KeepNoService, desfire.KeepRetrying:
			j.set(jobLost, c.Err)
		case desfire.KeepHolding, desfire.KeepBack:
			j.set(jobRunning, nil)
		case desfire.KeepWaiting:
			j.set(jobWaiting, nil)
		case desfire.KeepOther:
			j.say("Another card was left alone: " + errorWords(c.Err))
		}
	}}
	if st := rd.look().stay; len(w.uid) > 0 || st != nil && st.random && len(st.uid) > 0 { // it may show a random identifier, and a key tell the real one
		conf.Identify = func(ctx context.Context, card *desfire.Card) (string, error) {
			uid, err := s.realUID(ctx, card, rd, w.refs)
			if err == nil && len(w.uid) > 0 && !bytes.Equal(uid, w.uid) {
				err = &otherCardError{want: w.uid, have: uid}
			}
			if err == nil && card.UID() == nil {
				err = card.Select(ctx, wire.Place{})
			}
			return fmt.Sprintf("%X", uid), err
		}
	}
	return j.open(desfire.Keep(j.ctx, rd, conf, func(ctx context.Context, card *desfire.Card) (bool, error) {
		err := w.run(ctx, j, card)
		j.left(err)
		return err == nil, err
	}))
}

// isCard is an error if a card is not the one that is wanted; uid empty: any is.
func (s *Server) isCard(ctx context.Context, card *desfire.Card, rd *reader, uid []byte, refs []keystore.Ref) error {
	if len(uid) == 0 {
		return nil
	}
	have, err := s.realUID(ctx, card, rd, refs)
	switch {
	case err != nil && desfire.Lost(err):
		return err
	case err != nil, !bytes.Equal(have, uid):
		return &otherCardError{want: uid, have: have}
	case card.UID() == nil: // a session told it
		return card.Select(ctx, wire.Place{})
	}
	return nil
}

// realUID is the UID of a card, asked for with a key where it shows a random one.
func (s *Server) realUID(ctx context.Context, card *desfire.Card, rd *reader, refs []keystore.Ref) ([]byte, error) {
	if uid := card.UID(); uid != nil {
		return uid, nil
	}
	uid, err := s.opener(rd).CardUID(ctx, card, refs)
	return []byte(uid), err
}

// keys are those of the process, and those of the simulated card, which are no other
// card's.
func (s *Server) keys() keystore.Store {
	if s.conf.Keys == nil {
		return s.conf.Play.Keys()
	}
	return keystore.Chain{s.conf.Play.Keys(), s.conf.Keys}
}
