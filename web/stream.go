package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

const (
	beatEvery   = 5 * time.Second
	pageStuck   = 10 * time.Second // a page that takes nothing for so long is let go, and comes back by itself
	allStreams  = 48
	streamRetry = "This page has too many streams. Close other windows of it."
)

// pages are the open pages.
type pages struct {
	mu   sync.Mutex
	open map[*queue]bool
}

func newPages() *pages { return &pages{open: map[*queue]bool{}} }

func (p *pages) add() (*queue, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) >= allStreams {
		return nil, false
	}
	q := newQueue()
	p.open[q] = true
	return q, true
}

func (p *pages) remove(q *queue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, q)
}

// tell tells all pages that something of a kind has changed at a reader, or
// anywhere. It never waits for a page.
func (s *Server) tell(kind, readerID string) { s.tellData(kind, readerID, nil) }

// tellData tells more: a page that does not keep up learns how many it missed.
func (s *Server) tellData(kind, readerID string, data any) {
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	for q := range s.pages.open {
		q.put(event{kind, readerID, data})
	}
}

func (s *Server) streamRoutes() {
	s.mux.HandleFunc("POST /stream", s.ticket)
	s.mux.HandleFunc("GET /stream", s.stream)
}

// ticket gives a ticket for one stream: a browser's EventSource sends no header.
func (s *Server) ticket(w http.ResponseWriter, r *http.Request) {
	words, ok := sessionOf(r).ticket(s.clock())
	if !ok {
		http.Error(w, streamRetry, http.StatusTooManyRequests)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(words)
}

// stream sends events until the page leaves, or its session ends.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	sess := sessionOf(r)
	if sess == nil || !sess.follow(r.URL.Query().Get("ticket"), s.clock()) {
		http.Error(w, "This ticket was used, is too old, or belongs to another session.", http.StatusUnauthorized)
		return
	}
	defer func() { sess.leave(s.clock()) }()
	q, ok := s.pages.add()
	if !ok {
		http.Error(w, streamRetry, http.StatusTooManyRequests)
		return
	}
	defer s.pages.remove(q)
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(events ...event) bool {
		var b bytes.Buffer
		for _, e := range events {
			text, err := json.Marshal(e)
			if err != nil {
				s.conf.Logger.Error("an event could not be told", "kind", e.Kind, "err", err)
				continue
			}
			b.WriteString("data: ")
			b.Write(text)
			b.WriteString("\n\n")
		}
		_ = control.SetWriteDeadline(time.Now().Add(pageStuck))
		if _, err := w.Write(b.Bytes()); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send(event{Kind: eventBeat}) {
		return
	}
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case <-q.more:
			if !send(q.take()...) {
				return
			}
		case <-beat.C:
			s.sessions.tidy(s.clock())
			if !send(event{Kind: eventBeat}) {
				return
			}
		case <-sess.ctx.Done():
			send(event{Kind: eventEnd})
			return
		case <-s.ctx.Done():
			send(event{Kind: eventEnd})
			return
		case <-r.Context().Done():
			return
		}
	}
}
