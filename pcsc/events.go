package pcsc

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
)

const (
	// settle: after the list of readers has changed, it is read once more.
	// The slots of one reader come one by one, and older pcsc-lite reports only
	// what comes after the wait began.
	settle = 300 * time.Millisecond
	// pollReaders is for services without the reader that reports readers.
	pollReaders = time.Second
	// Pauses between attempts to reach a service that is gone.
	minBackoff = 50 * time.Millisecond
	maxBackoff = time.Second
	// SCardCancel has no effect before the wait has begun, so it is repeated.
	cancelEvery = 10 * time.Millisecond
	cancelWait  = 500 * time.Millisecond
)

// Events reports readers and cards, now and later, until ctx ends; see
// desfire.Source. Each call has a PC/SC context of its own. A service that
// does not run is a ServiceLost event whose error wraps ErrNoService, followed
// by ServiceBack when it does.
//
// Before ServiceLost, a CardRemoved is reported for each card; it stands for the
// removal of every reader, and after ServiceBack they are added anew.
func (r *Readers) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		w := &watch{Readers: r, ctx: ctx, yield: yield}
		defer w.close()
		w.run()
	}
}

// watch is one run of Events.
type watch struct {
	*Readers
	ctx   context.Context
	yield func(desfire.Event, error) bool

	context handle
	open    bool
	lost    bool // ServiceLost was reported
	pnp     bool // the service reports changes of the list of readers
	pnpLast uint32
	slots   []*slot
	changed bool // the list of readers changed: look again after settle
}

// run returns when ctx ends or the consumer has had enough.
func (w *watch) run() {
	backoff := minBackoff
	for w.ctx.Err() == nil {
		code := w.connect()
		if code == codeOK {
			backoff = minBackoff
			var goOn bool
			if code, goOn = w.serve(); !goOn {
				return
			}
		}
		w.close()
		if w.ctx.Err() != nil || !w.lose(code) {
			return
		}
		select {
		case <-w.ctx.Done():
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// connect reaches the service.
func (w *watch) connect() Error {
	type established struct {
		context handle
		code    Error
	}
	e, err := await(w.ctx, func() established {
		h, code := w.api.establishContext()
		if code != codeOK {
			return established{code: code}
		}
		if _, code = w.api.listReaders(h); code != codeOK {
			w.api.releaseContext(h)
		}
		return established{h, code}
	}, func(late established) {
		if late.code == codeOK {
			w.api.releaseContext(late.context)
		}
	})
	if err != nil {
		return codeCancelled
	}
	w.context, w.open = e.context, e.code == codeOK
	return e.code
}

func (w *watch) close() {
	if w.open {
		w.open = false
		w.api.releaseContext(w.context)
	}
}

// lose reports that the service is gone, and everything with it.
func (w *watch) lose(code Error) bool {
	if w.lost {
		return true
	}
	w.lost = true
	err := failed(w.api.platform().name, "watch the readers", "", code)
	for _, s := range w.slots {
		if !w.removeCard(s, err) {
			return false
		}
	}
	w.slots = nil
	return w.yield(desfire.Event{Kind: desfire.ServiceLost, Err: err}, nil)
}

// removeCard reports that the card of a reader is gone, if there was one.
func (w *watch) removeCard(s *slot, err error) bool {
	if !s.card {
		return true
	}
	s.card = false
	return w.yield(desfire.Event{Kind: desfire.CardRemoved, Reader: s.name, Ignored: s.ignored, Err: err}, nil)
}

// serve reports until the service is lost, and with which code, or until
// nobody wants to know more.
func (w *watch) serve() (code Error, goOn bool) {
	if w.lost {
		w.lost = false
		if !w.yield(desfire.Event{Kind: desfire.ServiceBack}, nil) {
			return codeOK, false
		}
	}
	if code, goOn := w.findPnP(); !goOn || code != codeOK {
		return code, goOn
	}
	for w.ctx.Err() == nil {
		// List again after each event: its consumer may have taken its time.
		news, code, goOn := w.readers()
		if !goOn || code != codeOK {
			return code, goOn
		}
		if news {
			w.changed = true
			continue
		}
		if code, goOn = w.cards(); !goOn || code != codeOK {
			return code, goOn
		}
	}
	return codeOK, false
}

// findPnP learns whether the service has the reader that reports readers.
func (w *watch) findPnP() (code Error, goOn bool) {
	if w.api.platform().noPnP {
		return codeOK, true
	}
	states := []readerState{{reader: pnpReader}}
	code, goOn = w.call(func() Error { return w.api.getStatusChange(w.context, 0, states) })
	if !goOn {
		return code, false
	}
	w.pnp = code != codeUnknownReader && State(states[0].event)&StateUnknown == 0
	w.pnpLast = states[0].event &^ uint32(StateChanged)
	if code == codeTimeout || code == codeUnknownReader {
		code = codeOK
	}
	return code, true
}

// readers reports readers that came or went. It says whether there were any.
func (w *watch) readers() (news bool, code Error, goOn bool) {
	var names []string
	if code, goOn = w.call(func() (code Error) {
		names, code = w.api.listReaders(w.context)
		return code
	}); !goOn || code != codeOK {
		return false, code, goOn
	}
	names = w.filter(names)
	for _, s := range slices.Clone(w.slots) {
		if slices.Contains(names, s.name) {
			continue
		}
		news = true
		w.slots = slices.DeleteFunc(w.slots, func(o *slot) bool { return o == s })
		if !w.removeCard(s, codeReaderUnavailable) ||
			!w.yield(desfire.Event{Kind: desfire.ReaderRemoved, Reader: s.name, Ignored: s.ignored, Err: codeReaderUnavailable}, nil) {
			return news, codeOK, false
		}
	}
	for _, name := range names {
		if slices.ContainsFunc(w.slots, func(s *slot) bool { return s.name == name }) {
			continue
		}
		news = true
		s := &slot{name: name, ignored: w.ignoredReader(name)}
		w.slots = append(w.slots, s)
		if !w.yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: name, Ignored: s.ignored}, nil) {
			return news, codeOK, false
		}
	}
	return news, codeOK, true
}

// cards waits for a change of the readers that we know and reports what it
// is to their cards.
func (w *watch) cards() (code Error, goOn bool) {
	timeout := uint32(infinite)
	states := make([]readerState, len(w.slots), len(w.slots)+1)
	for i, s := range w.slots {
		states[i] = readerState{reader: s.name, current: s.current()}
	}
	if w.pnp {
		states = append(states, readerState{reader: pnpReader, current: w.pnpLast})
		if w.changed {
			timeout = uint32(settle.Milliseconds())
		}
	} else {
		timeout = uint32(pollReaders.Milliseconds())
		if len(states) == 0 {
			return codeOK, w.sleep(pollReaders)
		}
	}
	code, goOn = w.call(func() Error { return w.api.getStatusChange(w.context, timeout, states) })
	switch {
	case !goOn:
		return code, false
	case code == codeUnknownReader, code == codeReaderUnavailable:
		// One has left since we listed them. Should the service say so without
		// end, this is no busy loop.
		w.changed = true
		return codeOK, w.sleep(minBackoff)
	case code == codeCancelled: // by somebody else: look again
		return codeOK, w.sleep(minBackoff)
	case code == codeTimeout:
		w.changed = false
		return codeOK, true
	case code != codeOK:
		return code, true
	}
	if w.pnp {
		w.pnpLast = states[len(w.slots)].event &^ uint32(StateChanged)
	}
	for i, s := range w.slots {
		if states[i].event == 0 {
			continue
		}
		if !s.seen && State(states[i].event)&StateEmpty != 0 {
			if _, goOn := w.call(func() Error { w.resumePolling(w.context, s.name); return codeOK }); !goOn {
				return codeCancelled, false
			}
		}
		removed, inserted := s.step(states[i].event)
		if removed && !w.yield(desfire.Event{Kind: desfire.CardRemoved, Reader: s.name, Ignored: s.ignored}, nil) {
			return codeOK, false
		}
		if inserted && !w.yield(w.inserted(s, states[i]), nil) {
			return codeOK, false
		}
	}
	return codeOK, true
}

func (w *watch) sleep(d time.Duration) bool {
	select {
	case <-w.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// call runs a call of the library on our context. When ctx ends, the call is
// cancelled and goOn is false; a call that does not heed is left behind, with
// the context and whatever it writes to.
func (w *watch) call(f func() Error) (code Error, goOn bool) {
	done := make(chan Error, 1)
	go func() { done <- f() }()
	select {
	case code = <-done:
		return code, w.ctx.Err() == nil
	case <-w.ctx.Done():
	}
	hContext, stop := w.context, make(chan struct{})
	defer close(stop)
	go func() { // a service that hangs holds up SCardCancel as well
		for {
			w.api.cancel(hContext)
			select {
			case <-stop:
				return
			case <-time.After(cancelEvery):
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(cancelWait):
		w.open = false
		go func() {
			<-done
			w.api.releaseContext(hContext)
		}()
	}
	return codeCancelled, false
}
