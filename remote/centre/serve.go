package centre

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote"
)

// seenEvery is how often it is written when members were seen.
const seenEvery = time.Minute

// Serve answers members that renew their permissions, notes when they were seen, and
// tells of revocations, until the context ends. nc is a connection as a Service.
func (a *Authority) Serve(ctx context.Context, nc *nats.Conn) error {
	s := remote.Subjects{Fleet: a.conf.Fleet}
	renew, err := nc.Subscribe(s.Renew("*"), func(m *nats.Msg) { a.answerRenewal(s, m) })
	if err != nil {
		return fmt.Errorf("renewals: %w", err)
	}
	defer func() { _ = renew.Unsubscribe() }()
	hello, err := nc.Subscribe(s.Hello("*"), func(m *nats.Msg) { a.saw(nameIn(m.Subject, s.Hello("*"))) })
	if err != nil {
		return fmt.Errorf("members: %w", err)
	}
	defer func() { _ = hello.Unsubscribe() }()
	a.mu.Lock()
	a.news = func() { _ = nc.Publish(s.News(), a.newsText()) }
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		a.news = nil
		a.mu.Unlock()
	}()
	// If there is no connection just now, all of it is in force when there is one.
	flush, cancel := context.WithTimeout(ctx, renewTime)
	_ = nc.FlushWithContext(flush)
	cancel()
	a.mu.Lock()
	a.news()
	a.mu.Unlock()
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.mu.Lock()
			err := a.writeSeen()
			a.mu.Unlock()
			if err != nil {
				a.conf.Logger.Warn("not written when members were seen", "error", err)
			}
		}
	}
}

// nameIn is what stands in a subject in place of the asterisk of a pattern.
func nameIn(subject, pattern string) string {
	got, want := strings.Split(subject, "."), strings.Split(pattern, ".")
	if len(got) != len(want) {
		return ""
	}
	for i := range want {
		if want[i] == "*" {
			return got[i]
		}
	}
	return ""
}

func (a *Authority) answerRenewal(s remote.Subjects, m *nats.Msg) {
	name := nameIn(m.Subject, s.Renew("*"))
	if !remote.IsInbox(name, m.Reply) {
		return // an answer there would be a message that the member may not send
	}
	r := renewal{Versioned: remote.Versioned{V: remote.Version}}
	var q renewRequest
	var trust []byte
	if _, err := remote.Decode(m.Data, &q); err != nil {
		r.Error = err.Error()
	} else if got, err := a.renewFor(name, q.Trust); err != nil {
		r.Error = err.Error()
	} else {
		r.JWT = got.JWT
		if got.Trust != nil {
			trust, _ = json.Marshal(got.Trust)
		}
	}
	out, err := remote.Encode(r, trust)
	if err != nil {
		a.conf.Logger.Warn("permissions that do not fit into a message", "member", name, "error", err)
		return
	}
	if err := m.Respond(out); err != nil {
		a.conf.Logger.Debug("a renewal is not answered", "member", name, "error", err)
	}
}

// renewFor are new permissions of a member, or what a leaf may trust alone.
func (a *Authority) renewFor(name string, trust bool) (*joinAnswer, error) {
	if !trust {
		m, err := a.renew(name, "")
		if err != nil {
			return nil, err
		}
		return a.answerFor(m, "")
	}
	a.mu.Lock()
	m := a.members.now.active(name)
	leaf := m != nil && m.Role == Leaf
	a.mu.Unlock()
	if !leaf {
		return nil, fmt.Errorf("%.40q is no leaf of this fleet", name)
	}
	t, err := a.leafTrust()
	return &joinAnswer{Trust: &t}, err
}

// saw notes that a member is there.
func (a *Authority) saw(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if m := a.members.now.active(name); m != nil {
		a.seen[m.Key] = a.conf.Now()
	}
}

// writeSeen writes when members were seen. The lock is held.
func (a *Authority) writeSeen() error {
	if len(a.seen) == 0 {
		return nil
	}
	err := a.members.change(func(f *registryFile) error {
		for i := range f.Members {
			m := &f.Members[i]
			if at, ok := a.seen[m.Key]; ok && (m.Seen == nil || at.After(*m.Seen)) {
				m.Seen = &at
			}
		}
		return nil
	})
	if err == nil {
		clear(a.seen)
	}
	return err
}

// newsText is what leaves take: the account with all that are revoked. It is signed by
// the operator, so anybody may carry it.
func (a *Authority) newsText() []byte {
	if a.keys == nil {
		return nil
	}
	account, err := a.signAccount(&a.members.now, false)
	if err != nil {
		return nil
	}
	return []byte(account)
}
