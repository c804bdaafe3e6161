package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	codeLife     = time.Minute
	ticketLife   = 15 * time.Second
	sessionIdle  = time.Hour
	sessionLife  = 12 * time.Hour
	mostCodes    = 8
	mostSessions = 8
	mostTickets  = 16 // of a session
	mostStreams  = 12 // of a session: pages that are open
)

// secret is how codes, cookies, tokens and tickets are kept: what is compared is
// their hash, so that neither time nor memory tells them.
type secret [sha256.Size]byte

func hashed(text string) secret { return sha256.Sum256([]byte(text)) }

func (a secret) is(b secret) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// sessions are the browsers that may use the page.
type sessions struct {
	instance string // in names of cookies and stores of browsers, which do not tell ports apart
	cookie   string

	mu    sync.Mutex
	codes []code
	all   []*session
}

type code struct {
	hash secret
	ends time.Time
}

// session is one browser. Its token is given out once: who gets hold of the cookie
// alone, which browsers send to every port of a host, cannot ask for it later.
type session struct {
	id, token secret
	born      time.Time
	limit     *limiter
	ctx       context.Context
	end       context.CancelFunc

	mu      sync.Mutex
	offered string // the token, until it was given out
	seen    time.Time
	streams int
	tickets []code
}

func newSessions(secure bool) *sessions {
	s := &sessions{instance: randomText(8)}
	s.cookie = "desfire-" + s.instance
	if secure {
		s.cookie = "__Host-" + s.cookie
	}
	return s
}

// newCode is a code that exchange takes once.
func (s *sessions) newCode(now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	words := randomText(16)
	if len(s.codes) >= mostCodes {
		s.codes = s.codes[1:]
	}
	s.codes = append(s.codes, code{hashed(words), now.Add(codeLife)})
	return words
}

// spend takes a code out of those that are valid.
func spend(codes *[]code, words string, now time.Time) bool {
	*codes = slices.DeleteFunc(*codes, func(c code) bool { return !now.Before(c.ends) })
	h := hashed(words)
	for i, c := range *codes {
		if c.hash.is(h) {
			*codes = slices.Delete(*codes, i, i+1)
			return true
		}
	}
	return false
}

// exchange makes a session of a code, once.
func (s *sessions) exchange(words string, now time.Time) (cookie string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !spend(&s.codes, words, now) {
		return "", false
	}
	return s.begin(now), true
}

// login makes a session of somebody who has shown a password.
func (s *sessions) login(now time.Time) (cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.begin(now)
}

// begin makes a session, in place of the one that was used least recently if there
// are too many.
func (s *sessions) begin(now time.Time) (cookie string) {
	s.expire(now)
	if len(s.all) >= mostSessions {
		oldest := slices.MinFunc(s.all, func(a, b *session) int { return a.used(now).Compare(b.used(now)) })
		s.drop(oldest)
	}
	cookie, token := randomText(32), randomText(32)
	sess := &session{id: hashed(cookie), token: hashed(token), offered: token, born: now, seen: now, limit: newLimiter(1000, 4*time.Millisecond)}
	sess.ctx, sess.end = context.WithCancel(context.Background())
	s.all = append(s.all, sess)
	return cookie
}

// used is when a session was used last: a page that is open uses it.
func (s *session) used(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams > 0 {
		return now
	}
	return s.seen
}

func (s *sessions) drop(sess *session) {
	sess.end()
	s.all = slices.DeleteFunc(s.all, func(x *session) bool { return x == sess })
}

func (s *sessions) expire(now time.Time) {
	for _, sess := range slices.Clone(s.all) {
		if now.Sub(sess.born) >= sessionLife || now.Sub(sess.used(now)) >= sessionIdle {
			s.drop(sess)
		}
	}
}

// of is the session of a request, nil if it has none.
func (s *sessions) of(r *http.Request, now time.Time) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
	for _, c := range r.CookiesNamed(s.cookie) {
		h := hashed(c.Value)
		for _, sess := range s.all {
			if sess.id.is(h) {
				sess.mu.Lock()
				sess.seen = now
				sess.mu.Unlock()
				return sess
			}
		}
	}
	return nil
}

// tidy ends the sessions whose time is over.
func (s *sessions) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expire(now)
}

// close ends a session.
func (s *sessions) close(sess *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(sess)
}

func (s *sessions) endAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sess := range slices.Clone(s.all) {
		s.drop(sess)
	}
	s.codes = nil
}

// has reports whether a token is the session's.
func (s *session) has(token string) bool { return s.token.is(hashed(token)) }

// offer is the token, once. Whoever is faster with the cookie of a browser than the
// browser itself has it then, and the browser nothing, which its person sees.
func (s *session) offer() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	token := s.offered
	s.offered = ""
	return token
}

// ticket is good for one stream of this session; none if too many are open.
func (s *session) ticket(now time.Time) (string, bool) {
	words := randomText(16)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tickets = slices.DeleteFunc(s.tickets, func(c code) bool { return !now.Before(c.ends) })
	if len(s.tickets) >= mostTickets || s.streams >= mostStreams {
		return "", false
	}
	s.tickets = append(s.tickets, code{hashed(words), now.Add(ticketLife)})
	return words, true
}

// follow begins a stream with a ticket; leave ends it.
func (s *session) follow(ticket string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !spend(&s.tickets, ticket, now) || s.streams >= mostStreams {
		return false
	}
	s.streams++
	return true
}

func (s *session) leave(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams--
	s.seen = now
}

// randomText is n random bytes in hexadecimal digits. They are always of crypto/rand,
// whatever Config has for other uses.
func randomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

type sessionKey struct{}

func withSession(ctx context.Context, s *session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// sessionOf is the session that a request was let in with.
func sessionOf(r *http.Request) *session {
	s, _ := r.Context().Value(sessionKey{}).(*session)
	return s
}
