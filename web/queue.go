package web

import (
	"slices"
	"sync"
)

// event is what the pages are told. Data is JSON of its own kind, or nil.
type event struct {
	Kind   string `json:"kind"`
	Reader string `json:"reader,omitempty"`
	Data   any    `json:"data,omitempty"`
}

// Kinds of events that the stream makes itself.
const (
	eventAll  = "all"  // anything may have changed
	eventBeat = "beat" // the program is there
	eventEnd  = "end"  // the session has ended, or the program ends
	eventGap  = "gap"  // Data says how many events of which kind were left out
)

// gap is the Data of a gap.
type gap struct {
	Kind   string `json:"kind"`
	Missed int    `json:"missed"`
}

// mostWaiting is how many events a page may lag behind.
const mostWaiting = 256

// queue holds what a page has not been told yet. Putting something in never waits:
// an event that already waits is not added again, if all it carries is a name or
// nothing; of those that are too many it is only kept how many they were.
type queue struct {
	mu      sync.Mutex
	waiting []event
	same    map[event]bool // those that wait and need not be told twice
	missed  map[event]int  // by kind and reader
	order   []event        // of missed
	more    chan struct{}  // has a token while something may wait
}

func newQueue() *queue {
	return &queue{same: map[event]bool{}, missed: map[event]int{}, more: make(chan struct{}, 1)}
}

func (q *queue) put(e event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	bare := event{Kind: e.Kind, Reader: e.Reader}
	name, once := e.Data.(string)
	once = once && len(name) < 64 || e.Data == nil
	switch {
	case once && q.same[e]:
		return
	case len(q.waiting) >= mostWaiting || q.missed[bare] > 0: // what comes after a gap belongs to it
		if q.missed[bare]++; q.missed[bare] == 1 {
			q.order = append(q.order, bare)
		}
	default:
		q.waiting = append(q.waiting, e)
		if once {
			q.same[e] = true
		}
	}
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take empties the queue. What was left out comes last, as gaps, and then a refresh
// of everything.
func (q *queue) take() []event {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := slices.Clip(q.waiting)
	for _, bare := range q.order {
		out = append(out, event{Kind: eventGap, Reader: bare.Reader, Data: gap{bare.Kind, q.missed[bare]}})
	}
	if len(q.order) > 0 {
		out = append(out, event{Kind: eventAll})
	}
	q.waiting, q.order = nil, nil
	clear(q.same)
	clear(q.missed)
	return out
}
