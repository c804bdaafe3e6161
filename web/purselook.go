package web

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/unlock"
)

// purseLook is what a look at a value file found, while the card lies there and nothing
// else was done with it.
type purseLook struct {
	stay  *stay
	ended chan struct{} // closed at its end; nil: it could not begin
	done  bool
	view  *purse.View
	conf  *purse.Config // also of a look before, at the same card
	uid   string        // of the card
	err   error
}

// lookWait is how long the page waits for a look, before it shows that it is being read.
const lookWait = time.Second

// lookInPurse is what is known of a value file. Where nothing is, it is read.
func (s *Server) lookInPurse(rd *reader, st *stay, f foundFile) *purseLook {
	key := rd.id + " " + f.String()
	s.money.mu.Lock()
	defer s.money.mu.Unlock()
	if l := s.money.looks[key]; l != nil && l.stay == st {
		return l
	}
	l := s.money.before(rd, st, f)
	for k, x := range s.money.looks {
		if strings.HasPrefix(k, rd.id+" ") && !x.stay.since.Equal(st.since) {
			delete(s.money.looks, k)
		}
	}
	later := func(holder *job) { // then there is room for it
		<-holder.ended
		s.tell("purse", rd.id)
	}
	if holder := rd.look().job; holder != nil { // no other reading makes way for this one
		if holder.own {
			go later(holder)
		}
		return l
	}
	j, err := s.start(rd, work{title: "Reading the value", own: true, run: func(ctx context.Context, _ *job, card *desfire.Card) error {
		view, conf, err := s.readPurse(ctx, rd, card, f.valueFile)
		s.money.mu.Lock()
		if l.view, l.done = view, err == nil; l.done {
			l.conf, l.uid = conf, view.UID
		}
		s.money.mu.Unlock()
		return err
	}})
	switch holder := rd.look().job; {
	case err == nil:
		l.ended = j.ended
		s.money.looks[key] = l
		go s.looked(rd, key, l, j)
	case holder != nil && holder.own:
		go later(holder)
	}
	return l
}

// before is a look that is still to be made. What an earlier one found out of the file stays,
// while the card lies there; what the card held does not. The lock is held.
func (m *money) before(rd *reader, st *stay, f foundFile) *purseLook {
	l := &purseLook{stay: st}
	if x := m.looks[rd.id+" "+f.String()]; x != nil && x.stay.since.Equal(st.since) {
		l.conf, l.uid = x.conf, x.uid
	}
	return l
}

// looked notes the end of a look. One that made way is forgotten, so that it is made later.
func (s *Server) looked(rd *reader, key string, l *purseLook, j *job) {
	<-j.ended
	end := j.view()
	s.money.mu.Lock()
	switch {
	case l.done:
	case end.State == jobStopped:
		delete(s.money.looks, key)
	default:
		l.err, l.done = end.Err, true
	}
	s.money.mu.Unlock()
	s.tell("purse", rd.id)
}

// readPurse looks at a value file with a key that moves it, or else one that reads it.
func (s *Server) readPurse(ctx context.Context, rd *reader, card *desfire.Card, f valueFile) (*purse.View, *purse.Config, error) {
	terms := looking
	if uid := card.UID(); uid != nil { // what is open tells where its receipt is
		e, err := s.ledgers.of(rd).Open(ctx, purse.CardApp{UID: fmt.Sprintf("%X", uid), App: f.Place.String()})
		if err != nil {
			return nil, nil, &purse.JournalError{Err: err}
		}
		if e != nil {
			terms = termsOf(e)
		}
	}
	p, conf, err := s.openPurse(ctx, rd, card, f, terms, inspect.ActDebit)
	if fewer(err) {
		p, conf, err = s.openPurse(ctx, rd, card, f, terms)
	}
	if err != nil {
		return nil, nil, err
	}
	view, err := p.Look(ctx, card)
	return view, conf, err
}

// fewer reports whether there is no key with all the rights that were asked for, so that
// one with fewer may be tried.
func fewer(err error) bool {
	return errors.As(err, new(*unlock.NoKeyError)) || errors.As(err, new(*unlock.PlainError)) || errors.As(err, new(*unlock.NeverError))
}
