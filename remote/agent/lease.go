package agent

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/remote"
)

// over is why a lease has ended.
type over string

func (o over) Error() string { return string(o) }

// Why leases end.
const (
	overReleased over = "it was given back"
	overReplaced over = "its holder has activated the card anew"
	overExpired  over = "it was not renewed in time"
	overRemoved  over = "the card was removed"
	overDrained  over = "the agent ends"
	overFailed   over = "the card could not be activated"
)

// lease is one activation of a card for one holder. The agent's lock guards it, but for
// what its owner alone uses.
type lease struct {
	a       *Agent
	s       *slot
	in      *insertion
	counter uint64
	id      string // of the request
	holder  string
	key     *remote.LeaseKey // nil: a holder in this process
	public  string           // our half of it
	since   time.Time
	until   time.Time // zero: for as long as it is held

	ctx     context.Context
	cancel  context.CancelCauseFunc
	granted bool
	next    uint64 // the script that may come
	renewed uint64 // the last Renew
	running bool
	broken  bool // nothing goes until another activation
	last    bool // the script that runs is the last one
	work    chan *work
	from    *lease            // whose connection it takes over
	heir    *lease            // who takes ours over
	left    desfire.Transport // for the heir
	done    chan struct{}     // closed when the card is reset, or with the heir

	t desfire.Transport // the owner's
}

// work is a script that was accepted.
type work struct {
	request *remote.ScriptRequest
	reply   string
}

func (l *lease) end(why over) { l.cancel(why) }

// why tells why the lease has ended, empty if it has not.
func (l *lease) why() over {
	var o over
	if errors.As(context.Cause(l.ctx), &o) {
		return o
	}
	return ""
}

func (l *lease) expired(now time.Time) bool {
	return l.granted && !l.until.IsZero() && now.After(l.until)
}

func (l *lease) describe() *remote.Lease {
	d := &remote.Lease{Number: l.counter, Holder: l.holder, Since: l.since.UTC().Round(0)}
	if !l.until.IsZero() {
		d.Until = l.until.UTC().Round(0)
	}
	return d
}

func refuse(code, format string, args ...any) *remote.Refusal {
	return &remote.Refusal{Code: code, Text: text(fmt.Sprintf(format, args...))}
}

// want is who asks for which card.
type want struct {
	card   uint64
	id     string
	holder string
	secret *remote.Secret // nil: in this process
	peer   string
	old    *lease // to be replaced
}

// acquire makes a lease, which is being activated from then on. It waits while the card
// is being reset.
func (a *Agent) acquire(ctx context.Context, s *slot, w want) (*lease, *remote.Refusal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.id != "" {
		if slices.Contains(s.seen, w.id) {
			return nil, refuse(remote.RefusedMessage, "this request was answered before")
		}
		s.seen = append(s.seen[max(0, len(s.seen)-maxSeen+1):], w.id)
	}
	for {
		switch {
		case a.draining:
			return nil, refuse(remote.RefusedDraining, "the agent ends, and grants no leases any more")
		case !s.here || s.card == nil || s.card.number != w.card:
			r := refuse(remote.RefusedNoCard, "the card is gone")
			r.Removed = true
			return nil, r
		case s.card.ignored != "" || s.ignored != "":
			return nil, refuse(remote.RefusedIgnored, "it is left out: %s", s.ignored+s.card.ignored)
		}
		old := s.lease
		if old == nil || old == w.old && old.ctx.Err() == nil && old.heir == nil {
			break
		}
		if old.expired(a.conf.Now()) {
			old.end(overExpired)
		}
		if old.ctx.Err() == nil {
			r := refuse(remote.RefusedInUse, "in use by %s", old.who())
			r.InUse = true
			return nil, r
		}
		a.mu.Unlock()
		select {
		case <-old.done:
		case <-ctx.Done():
		}
		a.mu.Lock()
		if ctx.Err() != nil {
			r := refuse(remote.RefusedInUse, "the reader has not let go of the card yet")
			r.InUse = true
			return nil, r
		}
	}
	l := &lease{
		a: a, s: s, in: s.card, counter: s.counter + 1, id: w.id, holder: text(w.holder), since: a.conf.Now(),
		next: 1, work: make(chan *work, 1), done: make(chan struct{}),
	}
	if w.secret != nil {
		key, err := w.secret.Key(w.peer, a.boot, s.id, l.counter)
		if err != nil {
			return nil, refuse(remote.RefusedMessage, "%v", err)
		}
		l.key, l.public = key, w.secret.Public()
	}
	s.counter++
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	if old := s.lease; old != nil {
		old.heir, l.from = l, old
		old.end(overReplaced)
	}
	s.lease = l
	a.leases.Add(1)
	return l, nil
}

func (l *lease) who() string {
	if l.holder == "" {
		return "somebody else"
	}
	return l.holder
}

// activate connects to the card, activated anew.
func (l *lease) activate() (err error) {
	ctx, cancel := context.WithTimeout(l.ctx, connecting)
	defer cancel()
	if from := l.from; from != nil {
		<-from.done
		l.t, from.left, l.from = from.left, nil, nil
		if l.t != nil {
			if err = reconnect(ctx, l.t); err == nil {
				return nil
			}
			reset(l.t)
			l.t = nil
		}
	}
	if l.t, err = l.in.open(ctx); err != nil {
		l.t = nil
		return err
	}
	// What is opened may be as somebody has left it, who used the reader without us.
	if err = reconnect(ctx, l.t); errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

func reconnect(ctx context.Context, t desfire.Transport) error {
	if r, ok := t.(interface{ Reconnect(context.Context) error }); ok {
		return r.Reconnect(ctx)
	}
	return errors.ErrUnsupported
}

// reset gives a card back, and nobody finds a session on it.
func reset(t desfire.Transport) {
	if t == nil {
		return
	}
	if r, ok := desfire.Ability[interface{ ResetOnClose(bool) }](t); ok {
		r.ResetOnClose(true)
	}
	if c, ok := desfire.Ability[io.Closer](t); ok {
		_ = c.Close()
	}
}

// grant activates the card and says what came of it. If there is no refusal, the lease
// goes on, and whoever called it calls finish in the end.
func (l *lease) grant() (*remote.Grant, *remote.Refusal) {
	err := l.activate()
	l.a.mu.Lock()
	defer l.a.mu.Unlock()
	if err == nil && l.ctx.Err() == nil {
		l.granted = true
		if l.key != nil {
			l.until = l.a.conf.Now().Add(l.a.conf.TTL)
		}
		l.a.log.Info("lease", "reader", l.s.id, "trace", l.in.trace, "lease", l.counter, "holder", l.holder)
		l.a.tell(l.s, remote.Event{Kind: remote.Leased, Lease: l.describe()})
		return l.facts(), nil
	}
	var r *remote.Refusal
	if why := l.why(); why != "" {
		r = refuse(remote.RefusedLease, "%s", why)
		r.Removed = why == overRemoved
	} else {
		r = failure(err)
		l.a.log.Warn("a card could not be activated", "reader", l.s.id, "trace", l.in.trace, "error", err)
		l.end(overFailed)
	}
	r.Sent = false
	return nil, r
}

// facts is what the holder is told.
func (l *lease) facts() *remote.Grant {
	g := &remote.Grant{
		Boot: l.a.boot, Counter: l.counter, TTL: l.a.conf.TTL.Milliseconds(), Bound: l.a.conf.Bound.Milliseconds(),
		Public: l.public, Card: l.in.number, Trace: l.in.trace, ATR: hex.EncodeToString(l.in.atr),
	}
	if h, ok := desfire.Ability[interface{ ATR() []byte }](l.t); ok {
		if atr := h.ATR(); len(atr) > 0 && len(atr) <= 64 {
			g.ATR = hex.EncodeToString(atr)
		}
	}
	if h, ok := desfire.Ability[interface {
		Limits() (int, int, desfire.Framing)
	}](l.t); ok {
		command, response, framing := h.Limits()
		g.MaxCommand, g.MaxResponse = min(max(command, 0), remote.MaxFrame), min(max(response, 0), remote.MaxFrame)
		g.Framing = framing.String()
	}
	if h, ok := desfire.Ability[interface{ Shared() bool }](l.t); ok {
		g.Shared = h.Shared()
	}
	return g
}

// finish resets the card, or leaves the connection to the heir.
func (l *lease) finish() {
	defer l.a.leases.Done()
	l.a.mu.Lock()
	if l.heir == nil { // and none comes any more: see acquire
		l.a.mu.Unlock()
		reset(l.t)
		l.a.mu.Lock()
	} else {
		l.left = l.t
	}
	defer l.a.mu.Unlock()
	l.t = nil
	l.s.over = l
	if l.s.lease == l {
		l.s.lease = nil
	}
	if l.granted {
		l.a.log.Info("lease over", "reader", l.s.id, "trace", l.in.trace, "lease", l.counter, "holder", l.holder, "why", string(l.why()))
		l.a.tell(l.s, remote.Event{Kind: remote.Freed, Why: string(l.why())})
	}
	close(l.done)
}

// failure is the error of a card or its reader.
func failure(err error) *remote.Refusal {
	r := refuse(remote.RefusedCard, "%v", err)
	r.Sent = sent(err)
	var removed interface{ Removed() bool }
	r.Removed = errors.As(err, &removed) && removed.Removed()
	var use interface{ InUse() bool }
	r.InUse = errors.As(err, &use) && use.InUse()
	if errors.Is(err, context.DeadlineExceeded) {
		r.Text = "the card did not answer in time"
	}
	return r
}

func sent(err error) bool {
	var s interface{ Sent() bool }
	return !errors.As(err, &s) || s.Sent()
}
