package web

import (
	"context"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/trace"
)

// followBench takes the events of the simulated card until ctx ends.
func (s *Server) followBench(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			changed := s.conf.Play.Changed()
			s.tell("play", "")
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	_ = s.hub.follow(ctx, s.conf.Play) // it ends with ctx only
	<-done
}

// masters are the master keys for layouts on a reader: those of the process, and for
// the simulated card random ones of a type, which must not reach any other card. nil: none.
func (s *Server) masters(rd *reader, t key.Type) keystore.Masters {
	of, _ := s.conf.Keys.(keystore.Masters)
	if rd == nil || !rd.simulated {
		return of
	}
	return benchMasters{of, s.conf.Play.Masters(t)}
}

// benchMasters asks the process first.
type benchMasters struct {
	first keystore.Masters // may be nil
	bench keystore.Masters
}

func (m benchMasters) of(ctx context.Context, name string) keystore.Masters {
	if m.first != nil {
		if _, ok := m.first.MasterFacts(ctx, name); ok {
			return m.first
		}
	}
	return m.bench
}

func (m benchMasters) MasterFacts(ctx context.Context, name string) (keystore.Facts, bool) {
	return m.of(ctx, name).MasterFacts(ctx, name)
}

func (m benchMasters) Master(ctx context.Context, name string) (key.Key, error) {
	return m.of(ctx, name).Master(ctx, name)
}

// traceKeys are keys to open recorded traffic with. They stay in the process.
func (s *Server) traceKeys(ctx context.Context, uid []byte) []trace.Key {
	list := s.conf.Play.Keys().Trace(uid)
	if s.conf.TraceKeys != nil {
		list = append(list, s.conf.TraceKeys(ctx, uid)...)
	}
	return list
}

// benchKeyNames are the names of the simulated card's keys.
func (s *Server) benchKeyNames() (list []KeyName) {
	for _, k := range s.conf.Play.Keys().Named() {
		list = append(list, KeyName{Name: k.Name, Type: k.Type, Facts: k.Facts, Source: k.Facts.Source})
	}
	return list
}
