package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ask is something that was shown before it is done, and waits for somebody to say yes:
// once, and only for a while.
type ask struct {
	id     string
	reader *reader
	uid    []byte
	digits string // that have to be typed; empty: a press is enough
	until  time.Time
	work   work
}

const (
	askLife  = 15 * time.Minute
	mostAsks = 30
)

// asks are those that wait.
type asks struct {
	mu   sync.Mutex
	list []*ask
}

// askView is an ask for a template.
type askView struct {
	ID, Reader string
	UID        []byte
	Digits     string
}

// asks reports that something was asked, which is nil where there was nothing to do.
func (a *askView) asks() bool { return a != nil }

// ask keeps work until somebody says yes. digits: only who types the last four of the
// identifier does.
func (s *Server) ask(rd *reader, uid []byte, digits bool, w work) *askView {
	a := &ask{id: randomText(8), reader: rd, uid: uid, until: s.conf.Now().Add(askLife), work: w}
	if digits {
		a.digits = lastFour(uid)
	}
	s.asks.mu.Lock()
	defer s.asks.mu.Unlock()
	if len(s.asks.list) >= mostAsks {
		s.asks.list = s.asks.list[1:]
	}
	s.asks.list = append(s.asks.list, a)
	return &askView{a.id, rd.id, uid, a.digits}
}

// lastFour are the last four digits of an identifier.
func lastFour(uid []byte) string {
	digits := fmt.Sprintf("%X", uid)
	return digits[max(0, len(digits)-4):]
}

// find is the ask of an id, nil if it is not there any more.
func (x *asks) find(id string, now time.Time) *ask {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.list {
		if a.id == id && now.Before(a.until) {
			return a
		}
	}
	return nil
}

// take removes an ask, and reports whether it was there: one yes is one.
func (x *asks) take(a *ask) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, y := range x.list {
		if y == a {
			x.list = append(x.list[:i:i], x.list[i+1:]...)
			return true
		}
	}
	return false
}

// back puts an ask back that could not be begun.
func (x *asks) back(a *ask) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list = append(x.list, a)
}

var errAskGone = errors.New("this was answered already, or is too old, and nothing was done; look again, and choose anew")

// yes does what was shown.
func (s *Server) yes(w http.ResponseWriter, r *http.Request) {
	a := s.asks.find(r.FormValue("ask"), s.conf.Now())
	switch typed := strings.TrimSpace(r.FormValue("digits")); {
	case a == nil:
		s.fail(w, r, errAskGone)
		return
	case a.digits != "" && !strings.EqualFold(typed, a.digits):
		s.fail(w, r, fmt.Errorf("the last four digits of the identifier are not %q, and nothing was done; type them as the card has them", typed))
		return
	case !s.asks.take(a):
		s.fail(w, r, errAskGone)
		return
	}
	j, err := s.explained(a.reader, a.work)
	if err != nil {
		s.asks.back(a)
		s.fail(w, r, err)
		return
	}
	s.renderJob(w, r, j)
}

// no forgets what was shown, and says what stays.
func (s *Server) no(w http.ResponseWriter, r *http.Request) {
	if a := s.asks.find(r.FormValue("ask"), s.conf.Now()); a != nil {
		s.asks.take(a)
	}
	s.render(w, r, "do-kept", nil)
}
