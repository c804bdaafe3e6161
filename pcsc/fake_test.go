package pcsc

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// fake is a PC/SC service in memory, with the manners of pcsc-lite.
type fake struct {
	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	down     Error         // what every call answers; codeOK if the service runs
	noPnP    bool
	lists    []*fakeReader
	contexts map[handle]*fakeContext
	cards    map[handle]*fakeCard
	next     handle
	log      []string // calls that concern a card

	answer     func(command []byte) ([]byte, Error)
	controls   map[uint32][]byte
	hang       chan struct{} // transmit waits for it to close
	deaf       bool          // cancel has no effect
	refuse     []Error       // what the next getStatusChange calls answer
	waits      int           // getStatusChange calls that really waited
	timeouts   []uint32
	system     *platform
	reconnects []Error
}

type fakeReader struct {
	name    string
	counter uint32
	present bool
	mute    bool
	atr     []byte
	share   []uint32 // of the connections
	refuse  []Error  // what the next connect calls answer
}

type fakeContext struct {
	cancel chan struct{}
	waits  bool
}

type fakeCard struct {
	reader  *fakeReader
	share   uint32
	counter uint32
	locked  bool
}

func newFake(readers ...string) *fake {
	f := &fake{changed: make(chan struct{}), contexts: map[handle]*fakeContext{}, cards: map[handle]*fakeCard{}}
	for _, name := range readers {
		f.lists = append(f.lists, &fakeReader{name: name, atr: []byte{0x3B, 0x81, 0x80, 0x01, 0x80, 0x80}})
	}
	return f
}

// do changes the fake and wakes who waits.
func (f *fake) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) reader(name string) *fakeReader {
	for _, r := range f.lists {
		if r.name == name {
			return r
		}
	}
	return nil
}

func (f *fake) insert(name string) {
	f.do(func() { r := f.reader(name); r.present = true; r.counter++ })
}

func (f *fake) remove(name string) {
	f.do(func() { r := f.reader(name); r.present = false; r.counter++ })
}

func (f *fake) plug(names ...string) {
	f.do(func() {
		for _, name := range names {
			f.lists = append(f.lists, newFake(name).lists...)
		}
	})
}

func (f *fake) unplug(name string) {
	f.do(func() { f.lists = slices.DeleteFunc(f.lists, func(r *fakeReader) bool { return r.name == name }) })
}

// stop ends the service: every context and card is invalid from now on.
func (f *fake) stop(code Error) {
	f.do(func() {
		f.down = code
		clear(f.contexts)
		clear(f.cards)
	})
}

func (f *fake) start() { f.do(func() { f.down = codeOK }) }

// open counts what was not given back.
func (f *fake) open() (contexts, cards int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.contexts), len(f.cards)
}

func (f *fake) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.log, "; ")
}

func (f *fake) record(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

func (f *fake) platform() platform {
	if f.system != nil {
		return *f.system
	}
	return linuxPlatform
}

func (f *fake) establishContext() (handle, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != codeOK {
		return 0, f.down
	}
	f.next++
	f.contexts[f.next] = &fakeContext{cancel: make(chan struct{})}
	return f.next, codeOK
}

func (f *fake) releaseContext(c handle) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.contexts[c] == nil {
		return codeInvalidHandle
	}
	delete(f.contexts, c)
	return codeOK
}

func (f *fake) isValidContext(c handle) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.valid(c)
}

func (f *fake) valid(c handle) Error {
	switch {
	case f.down != codeOK:
		return f.down
	case f.contexts[c] == nil:
		return codeInvalidHandle
	}
	return codeOK
}

func (f *fake) listReaders(c handle) ([]string, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if code := f.valid(c); code != codeOK {
		return nil, code
	}
	var names []string
	for _, r := range f.lists {
		names = append(names, r.name)
	}
	return names, codeOK
}

// getStatusChange compares as pcsc-lite 1.9 does: the list of readers with
// what it was when the wait began.
func (f *fake) getStatusChange(c handle, timeout uint32, states []readerState) Error {
	f.mu.Lock()
	f.timeouts = append(f.timeouts, timeout)
	if len(f.refuse) > 0 {
		code := f.refuse[0]
		f.refuse = f.refuse[1:]
		f.mu.Unlock()
		return code
	}
	known := len(f.lists)
	var expire <-chan time.Time
	if timeout != infinite && timeout != 0 {
		expire = time.After(time.Duration(timeout) * time.Millisecond)
	}
	for began := false; ; began = true {
		if code := f.valid(c); code != codeOK {
			f.mu.Unlock()
			return code
		}
		change := false
		for i := range states {
			s := &states[i]
			if s.reader == pnpReader {
				s.event = 0
				switch {
				case f.noPnP:
					s.event = uint32(StateUnknown | StateChanged)
					change = true
				case len(f.lists) != known:
					s.event = uint32(StateChanged)
					change = true
				}
				continue
			}
			r := f.reader(s.reader)
			if r == nil {
				if !began {
					f.mu.Unlock()
					return codeUnknownReader
				}
				s.event, change = uint32(StateUnknown|StateUnavailable|StateChanged), true
				continue
			}
			s.event, s.atr = r.event()
			if s.event != s.current&^uint32(StateChanged) {
				s.event |= uint32(StateChanged)
				change = true
			}
		}
		if change {
			f.mu.Unlock()
			return codeOK
		}
		if timeout == 0 {
			f.mu.Unlock()
			return codeTimeout
		}
		ctx := f.contexts[c]
		wake, cancelled := f.changed, ctx.cancel
		ctx.waits = true
		f.waits++
		f.mu.Unlock()
		code := codeOK
		select {
		case <-wake:
		case <-expire:
			code = codeTimeout
		case <-cancelled:
			code = codeCancelled
		}
		f.mu.Lock()
		ctx.waits = false
		if code != codeOK {
			f.mu.Unlock()
			return code
		}
	}
}

func (r *fakeReader) event() (uint32, []byte) {
	event := r.counter<<16 | uint32(StateEmpty)
	if !r.present {
		return event, nil
	}
	event = r.counter<<16 | uint32(StatePresent)
	if r.mute {
		return event | uint32(StateMute), nil
	}
	if slices.Contains(r.share, shareExclusive) {
		event |= uint32(StateExclusive)
	} else if len(r.share) > 0 {
		event |= uint32(StateInUse)
	}
	return event, r.atr
}

// cancel ends a wait that has begun, and is lost before.
func (f *fake) cancel(c handle) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx := f.contexts[c]
	if ctx == nil {
		return codeInvalidHandle
	}
	if ctx.waits && !f.deaf {
		ctx.waits = false
		close(ctx.cancel)
		ctx.cancel = make(chan struct{})
	}
	return codeOK
}
