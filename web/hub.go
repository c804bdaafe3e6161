package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/play"
)

// mostAbsent is how many readers that are not there any more are remembered, so
// that one that comes back has its address in the page and its traffic again.
const mostAbsent = 16

// hub knows the readers and what lies on them.
type hub struct {
	server *Server

	mu      sync.Mutex
	readers []*reader // those that were there once as well
	byName  map[named]*reader
	count   int
	played  int   // that are simulated
	service error // why there is none
}

// named is a reader by its name; that of the bench may be called as another one.
type named struct {
	name      string
	simulated bool
}

var (
	errServiceLost = errors.New("the service of the readers is gone")
	errCardLeft    = errors.New("the card left the field")
	errReaderLeft  = errors.New("the reader was taken away")
)

// follow takes the events of a source until ctx ends. When it has ended nothing
// lies there any more.
func (h *hub) follow(ctx context.Context, source desfire.Source) (err error) {
	_, simulated := source.(*play.Bench)
	defer func() {
		if why := err; ctx.Err() == nil && !simulated {
			if why == nil {
				why = errors.New("the readers are not followed any more")
			}
			h.event(desfire.Event{Kind: desfire.ServiceLost, Err: why}, simulated)
		}
	}()
	for ev, err := range source.Events(ctx) {
		if err != nil {
			return err
		}
		h.event(ev, simulated)
	}
	return ctx.Err()
}

func (h *hub) event(ev desfire.Event, simulated bool) {
	switch ev.Kind {
	case desfire.ServiceLost:
		if ev.Err == nil {
			ev.Err = errServiceLost
		}
		h.setService(ev.Err)
		for _, rd := range h.of(simulated) {
			rd.happened(ev)
		}
		h.forget()
		h.server.tell("readers", "")
		h.server.tell("card", "")
		return
	case desfire.ServiceBack:
		h.setService(nil)
		h.server.tell("readers", "")
		h.server.tell("card", "")
		return
	}
	rd := h.named(ev.Reader, simulated)
	rd.happened(ev)
	followed := h.followed(rd)
	switch ev.Kind {
	case desfire.CardInserted:
		if followed {
			rd.traffic.mark("inserted", "Card presented")
		}
		if simulated || !h.server.conf.OnDemand {
			h.server.lookAt(rd)
		}
	case desfire.CardRemoved:
		if followed {
			rd.traffic.mark("removed", "The card left the field")
		}
	case desfire.ReaderRemoved:
		if followed {
			rd.traffic.mark("lost", "The reader was taken away")
		}
		h.forget()
	}
	if followed {
		h.server.tell("readers", rd.id)
		h.server.tell("card", rd.id)
	}
}

// followed reports whether pages hear of what happens at a reader: of many, those only that
// a person looked at.
func (h *hub) followed(rd *reader) bool {
	return rd.simulated || !h.server.conf.OnDemand || rd.asked.Load()
}

func (h *hub) setService(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.service = err
}

// of are the readers of the bench, or the others.
func (h *hub) of(simulated bool) []*reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.readers), func(r *reader) bool { return r.simulated != simulated })
}

// named is the reader of a name, made if it is new. The simulated one is the last.
func (h *hub) named(name string, simulated bool) *reader {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.byName[named{name, simulated}]; r != nil {
		return r
	}
	kind, count := "r", &h.count
	if simulated { // counted apart: what comes first is a matter of chance
		kind, count = "s", &h.played
	}
	*count++
	id := fmt.Sprintf("%s%d", kind, *count)
	r := &reader{id: id, name: name, simulated: simulated, now: h.server.conf.Now, traffic: newTraffic(h.server, id)}
	at := len(h.readers)
	for !simulated && at > 0 && h.readers[at-1].simulated {
		at--
	}
	h.readers = slices.Insert(h.readers, at, r)
	if h.byName == nil {
		h.byName = map[named]*reader{}
	}
	h.byName[named{name, simulated}] = r
	return r
}

// forget drops the readers that went first, where too many have gone.
func (h *hub) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	absent := 0
	for _, r := range slices.Backward(h.readers) {
		if l := r.look(); l.present || l.job != nil {
			continue
		}
		if absent++; absent > mostAbsent {
			delete(h.byName, named{r.name, r.simulated})
		}
	}
	if absent > mostAbsent {
		h.readers = slices.DeleteFunc(h.readers, func(r *reader) bool { return h.byName[named{r.name, r.simulated}] != r })
	}
}

// all are the readers as they are now, and why there is no service, if there is none.
func (h *hub) all() ([]*reader, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	present := slices.DeleteFunc(slices.Clone(h.readers), func(r *reader) bool { return !r.look().present })
	return present, h.service
}

// readerOf is the reader that a request is about: ?reader=, else the first with a
// card, else the first; nil if there is none. The simulated one has to be asked for
// where there may be others, and so has each of many.
func (s *Server) readerOf(r *http.Request) *reader {
	all, _ := s.hub.all()
	id := r.FormValue("reader")
	var first *reader
	for _, rd := range all {
		if rd.id == id {
			rd.asked.Store(true)
			return rd
		}
		if id != "" || s.conf.OnDemand || rd.simulated && s.conf.Source != nil {
			continue
		}
		if first == nil || first.look().stay == nil && rd.look().stay != nil {
			first = rd
		}
	}
	return first
}

// ids are the addresses of the readers that are there, by name.
func (h *hub) ids() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := make(map[string]string, len(h.readers))
	for _, r := range h.readers {
		if !r.simulated && r.look().present {
			ids[r.name] = r.id
		}
	}
	return ids
}
