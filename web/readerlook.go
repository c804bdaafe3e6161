package web

import (
	"context"
	"errors"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/diagnose"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

const (
	lookWithin = 2 * time.Minute
	mostTries  = 3 // of a reading that fails while the card lies there
	mostNotes  = 8 // keys that did not fit, as they are shown
)

// lookAt has the page read the card on a reader, as soon as nobody else works with it.
func (s *Server) lookAt(rd *reader) {
	rd.mu.Lock()
	rd.wants = rd.lies != nil
	rd.mu.Unlock()
	s.tryLook(rd)
}

// tryLook begins the reading that is wanted, if the reader is free.
func (s *Server) tryLook(rd *reader) {
	rd.mu.Lock()
	a := rd.lies
	if !rd.wants || a == nil || rd.job != nil || rd.starting > 0 {
		rd.mu.Unlock()
		return
	}
	w := work{title: "Reading the card", own: true}
	w.run = func(ctx context.Context, _ *job, card *desfire.Card) error {
		ctx, cancel := context.WithTimeout(ctx, lookWithin)
		defer cancel()
		return s.readCard(ctx, rd, card, false, nil)
	}
	j, err := s.begin(rd, w)
	if err == nil {
		rd.wants = false
	}
	rd.mu.Unlock()
	if err != nil {
		return
	}
	s.tell("readers", rd.id)
	go func() {
		defer s.work.Done()
		s.runJob(j, w, a)
		if v := j.view(); v.State == jobFailed {
			s.unread(rd, a, v.Err)
		}
	}()
}

// unread says why a card could not be read. What a weak field or a moment of
// absence spoils is tried again, a few times.
func (s *Server) unread(rd *reader, a *arrival, err error) {
	rd.update(a, func(st *stay) { st.err, st.reading = err, false })
	s.conf.Logger.Info("a card could not be read", "reader", rd.name, "err", err)
	s.tell("card", rd.id)
	s.tell("readers", rd.id)
	if !desfire.Lost(err) || a.ctx.Err() != nil {
		return
	}
	rd.mu.Lock()
	a.tries++
	tries := a.tries
	rd.mu.Unlock()
	if tries >= mostTries {
		return
	}
	select {
	case <-time.After(time.Duration(tries) * 300 * time.Millisecond):
		s.lookAt(rd)
	case <-a.ctx.Done():
	case <-s.ctx.Done():
	}
}

// looker reads a card with the keys of the process.
type looker struct {
	server *Server
	reader *reader
	card   *desfire.Card
	on     *unlock.OnCard
	unfit  []error
	tell   func(wire.Place) // hears of each place that is entered; may be nil
}

func (s *Server) looker(rd *reader, card *desfire.Card) *looker {
	return &looker{server: s, reader: rd, card: card, on: s.opener(rd).On(card, s.keyRefs())}
}

// inspect is inspect.Read with all that the keys open.
func (l *looker) inspect(ctx context.Context, conf inspect.Config) (*inspect.Card, error) {
	conf.Enter = func(ctx context.Context, _ *desfire.Card, p wire.Place) error {
		if l.tell != nil {
			l.tell(p)
		}
		without, err := l.on.Look(ctx, p)
		l.note(without)
		return err
	}
	conf.EnterFile = func(ctx context.Context, _ *desfire.Card, p wire.Place, no wire.FileNo, act inspect.Act) (bool, string, error) {
		ok, without, err := l.on.LookInto(ctx, p, no, act)
		if l.note(without); without == nil {
			return ok, "", err
		}
		return ok, errorWords(without), err
	}
	return inspect.Read(ctx, l.card, &conf)
}

// note keeps why a key was not used, and sees to it that one that was refused is not
// tried again: cards count.
func (l *looker) note(without error) {
	if without == nil {
		return
	}
	var refused *unlock.RefusedKeyError
	if errors.As(without, &refused) {
		l.server.refused.add(l.reader, refused.Ref)
	}
	for _, e := range l.unfit {
		if e.Error() == without.Error() {
			return
		}
	}
	if len(l.unfit) < mostNotes {
		l.unfit = append(l.unfit, without)
	}
}

// troubles are the keys that did not fit, in words, with what the card tells about
// the first one that it refused.
func (l *looker) troubles(ctx context.Context) (list []trouble) {
	asked := false
	for _, err := range l.unfit {
		t := explain(err)
		var refused *unlock.RefusedKeyError
		if errors.As(err, &refused) && !asked {
			asked = true
			t.Causes = l.causes(ctx, refused)
		}
		list = append(list, t)
	}
	return list
}

// causes are what makes a refusal likely, from questions that are free.
func (l *looker) causes(ctx context.Context, refused *unlock.RefusedKeyError) []diagnose.Cause {
	answer := desfire.Refusal(refused.Err)
	if answer == nil {
		return nil
	}
	trouble := diagnose.Trouble{Status: answer.Status, Place: refused.Ref.Place, No: refused.No, Version: refused.Facts.Version, HasVersion: !refused.Facts.NoVersion}
	d, err := diagnose.Card(ctx, l.card, trouble)
	if err != nil || d == nil {
		return nil
	}
	return d.Causes[:min(len(d.Causes), 4)]
}
