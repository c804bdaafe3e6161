package agent

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// leaseAsked answers a LeaseRequest, now or when the card is activated or reset.
func (a *Agent) leaseAsked(m *nats.Msg) {
	if m.Reply != "" && !inbox(m) {
		return
	}
	refused := func(r *remote.Refusal) { a.reply(m.Reply, &remote.Grant{Boot: a.boot, Refusal: r}, nil) }
	r, err := remote.DecodeLeaseRequest(m.Data)
	if err != nil {
		refused(refuse(remote.RefusedMessage, "%v", err))
		return
	}
	if r.Boot != a.boot {
		refused(refuse(remote.RefusedBoot, "the agent was started anew"))
		return
	}
	s := a.reader(m.Subject)
	if s == nil {
		refused(refuse(remote.RefusedReader, "there is no such reader"))
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		refused(refuse(remote.RefusedDraining, "the agent ends"))
		return
	}
	l := s.numbered(r.Counter)
	if l != nil && !l.key.Verify(remote.ToAgent, m.Data) {
		a.log.Warn("a request for a lease is not signed by its holder", "reader", s.id, "lease", r.Counter, "op", r.Op)
		refused(refuse(remote.RefusedMessage, "it is not signed by the holder of the lease"))
		return
	}
	switch {
	case r.Op == remote.Acquire:
		if refusal := a.mayWait(s, r); refusal != nil {
			refused(refusal)
			return
		}
		s.waiting++
		a.leases.Go(func() { a.granting(s, r, l, m.Reply) })
	case r.Op == remote.Release && r.Counter == 0 && r.ID != "" && s.lease != nil && s.lease.id == r.ID && s.lease.next == 1:
		s.lease.end(overReleased) // who was not told of it yet, or not any more
		a.reply(m.Reply, &remote.Grant{Boot: a.boot}, nil)
	case l != nil && r.Op == remote.Renew:
		a.renew(l, r, m.Reply)
	case l != nil && r.Op == remote.Release:
		l.end(overReleased)
		a.leases.Go(func() {
			<-l.done // and the card is reset
			a.reply(m.Reply, &remote.Grant{Boot: a.boot, Counter: l.counter, Refusal: l.refusal()}, l.key)
		})
	case r.Op == remote.Renew || r.Op == remote.Release:
		refused(refuse(remote.RefusedLease, "there is no such lease"))
	default:
		refused(refuse(remote.RefusedMessage, "%.40q is nothing that can be asked", r.Op))
	}
}

// numbered is the lease of that number, the present one or the last one that is over.
func (s *slot) numbered(counter uint64) *lease {
	for _, l := range []*lease{s.lease, s.over} {
		if l != nil && l.counter == counter {
			return l
		}
	}
	return nil
}

func (a *Agent) mayWait(s *slot, r *remote.LeaseRequest) *remote.Refusal {
	switch {
	case r.ID == "":
		return refuse(remote.RefusedMessage, "a request for a lease has an id")
	case s.waiting >= maxWaiting:
		refusal := refuse(remote.RefusedInUse, "too many ask for this card at once")
		refusal.InUse = true
		return refusal
	}
	return nil
}

// renew lets a lease go on that has not ended. The agent is locked.
func (a *Agent) renew(l *lease, r *remote.LeaseRequest, reply string) {
	g := &remote.Grant{Boot: a.boot, Counter: l.counter, Number: r.Number, TTL: a.conf.TTL.Milliseconds()}
	now := a.conf.Now()
	if l.expired(now) {
		l.end(overExpired)
	}
	switch {
	case l.ctx.Err() != nil:
		g.Refusal = l.refusal()
	case r.Number <= l.renewed:
		a.reply(reply, &remote.Grant{Boot: a.boot, Refusal: refuse(remote.RefusedMessage, "this request was answered before")}, nil)
		return
	case l.granted:
		l.renewed, l.until = r.Number, now.Add(a.conf.TTL)
	}
	a.reply(reply, g, l.key)
}

// granting is the life of a lease, from the request on. old is the one that it takes the
// place of, if it is still there.
func (a *Agent) granting(s *slot, r *remote.LeaseRequest, old *lease, reply string) {
	l, refusal := a.wait(s, r, old)
	a.mu.Lock()
	s.waiting--
	a.mu.Unlock()
	if refusal == nil {
		defer l.finish()
		var g *remote.Grant
		if g, refusal = l.grant(); refusal == nil {
			a.reply(reply, g, l.key)
			l.serve()
			return
		}
	}
	a.reply(reply, &remote.Grant{Boot: a.boot, Refusal: refusal}, nil)
}

func (a *Agent) wait(s *slot, r *remote.LeaseRequest, old *lease) (*lease, *remote.Refusal) {
	secret, err := remote.NewSecret()
	if err != nil {
		return nil, refuse(remote.RefusedCard, "no random numbers: %v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), connecting)
	defer cancel()
	return a.acquire(ctx, s, want{card: r.Card, id: r.ID, holder: r.Holder, secret: secret, peer: r.Public, old: old})
}

// reply answers a LeaseRequest, if it wants an answer.
func (a *Agent) reply(to string, g *remote.Grant, key *remote.LeaseKey) {
	if to == "" {
		return
	}
	b, err := g.Encode(key)
	if err != nil {
		a.log.Error("an answer cannot be made", "error", err)
		return
	}
	a.out.put(to, b)
}
