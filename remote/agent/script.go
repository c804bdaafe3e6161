package agent

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

// transmit takes a script for the card of a lease, or refuses it.
func (a *Agent) transmit(m *nats.Msg) {
	if !inbox(m) {
		return
	}
	r, err := remote.DecodeScriptRequest(m.Data)
	if err != nil {
		a.refuseScript(m, nil, &remote.ScriptRequest{}, refuse(remote.RefusedMessage, "%v", err))
		return
	}
	s := a.reader(m.Subject)
	switch {
	case r.Boot != a.boot:
		a.refuseScript(m, nil, r, refuse(remote.RefusedBoot, "the agent was started anew"))
		return
	case s == nil:
		a.refuseScript(m, nil, r, refuse(remote.RefusedReader, "there is no such reader"))
		return
	}
	a.mu.Lock()
	l, refusal, silent := a.admit(s, r, m.Data)
	if refusal == nil && !silent {
		l.next++
		l.running = true
		l.work <- &work{r, m.Reply}
	}
	a.mu.Unlock()
	switch {
	case silent:
		a.log.Warn("a script that was taken before", "reader", s.id, "lease", r.Counter, "script", r.Seq)
	case refusal != nil:
		a.log.Warn("script refused", "reader", s.id, "lease", r.Counter, "script", r.Seq, "code", refusal.Code, "why", refusal.Text)
		a.refuseScript(m, l, r, refusal)
	}
}

// admit decides whether a script may go to the card. The lease is the one whose key has
// signed it. The agent is locked.
func (a *Agent) admit(s *slot, r *remote.ScriptRequest, message []byte) (l *lease, refusal *remote.Refusal, silent bool) {
	l = s.numbered(r.Counter)
	switch {
	case l == nil:
		return nil, refuse(remote.RefusedLease, "there is no such lease"), false
	case !l.key.Verify(remote.ToAgent, message):
		return nil, refuse(remote.RefusedMessage, "it is not signed by the holder of the lease"), false
	}
	if l.expired(a.conf.Now()) {
		l.end(overExpired)
	}
	switch {
	case r.Seq < l.next:
		// Whatever was said of it then holds. A second answer could be taken for the
		// first.
		return nil, nil, true
	case l.ctx.Err() != nil || l != s.lease || !l.granted || l.last:
		refusal = l.refusal()
	case l.in != s.card:
		refusal = refuse(remote.RefusedNoCard, "the card is gone")
		refusal.Removed = true
	case r.Seq > l.next || l.running:
		refusal = refuse(remote.RefusedSeq, "script %d is not the next one, which is %d", r.Seq, l.next)
	case l.broken:
		refusal = refuse(remote.RefusedCard, "the connection to the card broke: it has to be activated anew")
	}
	return l, refusal, false
}

func (a *Agent) refuseScript(m *nats.Msg, l *lease, r *remote.ScriptRequest, refusal *remote.Refusal) {
	answers := &remote.Answers{Boot: a.boot, Counter: r.Counter, Seq: r.Seq, Refusal: refusal}
	var key *remote.LeaseKey
	if l != nil {
		key = l.key
	}
	b, err := answers.Encode(key)
	if err != nil {
		a.log.Error("an answer cannot be made", "error", err)
		return
	}
	a.out.put(m.Reply, b)
}

// serve runs scripts until the lease ends.
func (l *lease) serve() {
	for {
		select {
		case <-l.ctx.Done():
			select {
			case w := <-l.work: // accepted, and nothing of it was sent
				l.answer(w, nil, l.refusal())
			default:
			}
			return
		case w := <-l.work:
			answers, r := l.run(w)
			l.a.mu.Lock()
			l.running = false
			if l.last {
				l.end(overDrained)
			}
			l.a.mu.Unlock()
			l.answer(w, answers, r)
		}
	}
}

// refusal is why a lease that has ended does nothing any more.
func (l *lease) refusal() *remote.Refusal {
	why := l.why()
	if why == "" {
		why = overDrained // with the script that runs
	}
	r := refuse(remote.RefusedLease, "the lease is over: %s", why)
	r.Removed = why == overRemoved
	return r
}

// run sends a script to the card.
func (l *lease) run(w *work) ([][]byte, *remote.Refusal) {
	if l.ctx.Err() != nil {
		return nil, l.refusal()
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.a.conf.Bound)
	defer cancel()
	answers, err := desfire.RunScript(ctx, l.t, &w.request.Script)
	var r *remote.Refusal
	switch {
	case err != nil && l.ctx.Err() != nil:
		r = l.refusal()
		r.Sent = sent(err)
	case err != nil:
		r = failure(err)
	}
	sum := 0
	for i, f := range answers {
		if sum += len(f); len(f) > remote.MaxFrame || sum > remote.MaxAnswers {
			answers = answers[:i]
			r = refuse(remote.RefusedBounds, "answer %d is too long: frames of %d bytes, of %d together", i+1, remote.MaxFrame, remote.MaxAnswers)
			r.Sent = true
			break
		}
	}
	if r != nil {
		l.a.log.Info("script failed", "reader", l.s.id, "trace", l.in.trace, "lease", l.counter, "script", w.request.Seq, "code", r.Code, "error", r.Text)
		if r.Sent || r.Removed {
			l.a.mu.Lock()
			l.broken = true
			l.a.mu.Unlock()
		}
	}
	return answers, r
}

func (l *lease) answer(w *work, frames [][]byte, r *remote.Refusal) {
	a := &remote.Answers{Boot: l.a.boot, Counter: l.counter, Seq: w.request.Seq, Refusal: r, Frames: frames}
	m, err := a.Encode(l.key)
	if err != nil {
		l.a.log.Error("an answer cannot be made", "reader", l.s.id, "error", err)
		return
	}
	l.a.out.put(w.reply, m)
}
