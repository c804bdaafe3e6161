package purse

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"sync"
)

// Memory makes a journal in this process only: its end is a loss of power. rand is
// where generation and IDs come from; nil is crypto/rand. Its methods may be called
// from several goroutines.
//
// It is for tests, and for values that need no proof after the end of the process.
func Memory(random io.Reader) Journal {
	if random == nil {
		random = rand.Reader
	}
	m := &memory{
		random: random,
		byID:   map[ID]int{}, byRequest: map[string]int{}, open: map[CardApp]int{}, states: map[CardApp]*CardState{},
		marks: map[string][]byte{}, wake: make(chan struct{}),
	}
	_, m.failed = io.ReadFull(random, m.generation[:])
	return m
}

// errClosed is what a closed journal says.
var errClosed = errors.New("purse: the journal is closed")

// memory is a journal in this process. What entries and states point to is never
// changed, only replaced.
type memory struct {
	mu         sync.Mutex
	random     io.Reader
	generation Generation
	sequence   uint32
	failed     error // of the source of randomness, or closed

	entries   []*Entry       // in the order of Begin; nil: forgotten
	changes   []uint64       // the number of the last change of each entry
	byID      map[ID]int     // where in entries
	byRequest map[string]int // the one with the highest attempt
	open      map[CardApp]int
	states    map[CardApp]*CardState

	last  uint64 // number of the last change
	found []Logged
	marks map[string][]byte
	wake  chan struct{} // closed with the next change
}

// lock begins a method.
func (m *memory) lock(ctx context.Context) error {
	m.mu.Lock()
	if m.failed != nil {
		return m.failed
	}
	return ctx.Err()
}

func (m *memory) Generation() Generation { return m.generation }

func (m *memory) NewID(ctx context.Context) (ID, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return ID{}, err
	}
	var random [6]byte
	if _, err := io.ReadFull(m.random, random[:]); err != nil {
		m.failed = fmt.Errorf("purse: the journal's source of randomness: %w", err)
		return ID{}, m.failed
	}
	m.sequence++
	if m.sequence == 0 {
		m.failed = errors.New("purse: the journal has no numbers left for new IDs")
		return ID{}, m.failed
	}
	return NewID(m.generation, m.sequence, random), nil
}

func (m *memory) Begin(ctx context.Context, e *Entry) error {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return err
	}
	if err := e.CheckBegin(); err != nil {
		return err
	}
	if _, there := m.byID[e.ID]; there {
		return fmt.Errorf("purse: transaction %v is in the journal already", e.ID)
	}
	if i, there := m.open[e.CardApp]; there {
		return &OpenEntryError{Card: e.CardApp, ID: m.entries[i].ID}
	}
	if before, there := m.byRequest[e.Request]; there && m.entries[before].Attempt >= e.Attempt {
		return &AttemptError{Request: e.Request, Attempt: e.Attempt, Highest: m.entries[before].Attempt}
	}
	i := len(m.entries)
	m.entries = append(m.entries, e.Clone())
	m.changes = append(m.changes, m.changed())
	m.byID[e.ID] = i
	m.open[e.CardApp] = i
	if e.Request != "" {
		m.byRequest[e.Request] = i
	}
	return nil
}

// change replaces an entry by a changed copy of itself.
func (m *memory) change(ctx context.Context, id ID, change func(e *Entry) error) error {
	if err := m.lock(ctx); err != nil {
		return err
	}
	i, there := m.byID[id]
	if !there {
		return &UnknownIDError{id}
	}
	e := m.entries[i].Clone()
	if err := change(e); err != nil {
		return err
	}
	m.entries[i], m.changes[i] = e, m.changed()
	switch {
	case e.IsOpen():
		m.open[e.CardApp] = i
	case m.open[e.CardApp] == i:
		delete(m.open, e.CardApp)
	}
	return nil
}

func (m *memory) Note(ctx context.Context, id ID, p Progress) error {
	defer m.mu.Unlock()
	return m.change(ctx, id, func(e *Entry) error {
		e.Progress.Add(p)
		return nil
	})
}

func (m *memory) End(ctx context.Context, id ID, o Outcome, state *CardState) error {
	defer m.mu.Unlock()
	return m.change(ctx, id, func(e *Entry) error {
		if err := e.CheckEnd(&o, state); err != nil {
			return err
		}
		if i, there := m.open[e.CardApp]; there && o.Decision == InDoubt && m.entries[i].ID != id {
			return &OpenEntryError{Card: e.CardApp, ID: m.entries[i].ID}
		}
		e.Outcomes = append(e.Outcomes, o.Clone())
		if state != nil {
			m.states[e.CardApp] = state.Clone()
		}
		return nil
	})
}

func (m *memory) Keep(ctx context.Context, state *CardState) error {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return err
	}
	if err := state.Check(); err != nil {
		return err
	}
	m.states[state.CardApp] = state.Clone()
	return nil
}

// look returns a copy of one entry.
func (m *memory) look(ctx context.Context, where func() (i int, there bool)) (*Entry, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	if i, there := where(); there {
		return m.entries[i].Clone(), nil
	}
	return nil, nil
}

func (m *memory) Entry(ctx context.Context, id ID) (*Entry, error) {
	return m.look(ctx, func() (i int, there bool) { i, there = m.byID[id]; return })
}

func (m *memory) Request(ctx context.Context, request string) (*Entry, error) {
	return m.look(ctx, func() (i int, there bool) { i, there = m.byRequest[request]; return })
}

func (m *memory) Open(ctx context.Context, card CardApp) (*Entry, error) {
	return m.look(ctx, func() (i int, there bool) { i, there = m.open[card]; return })
}

func (m *memory) State(ctx context.Context, card CardApp) (*CardState, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	return m.states[card].Clone(), nil
}

func (m *memory) Entries(ctx context.Context) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		err := m.lock(ctx)
		entries := slices.Clone(m.entries)
		m.mu.Unlock()
		for _, e := range entries {
			if e == nil {
				continue
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				break
			}
			if !yield(e.Clone(), nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (m *memory) Close() error {
	defer m.mu.Unlock()
	m.mu.Lock()
	if errors.Is(m.failed, errClosed) {
		return errClosed
	}
	m.failed = errClosed
	m.entries, m.changes, m.found = nil, nil, nil
	close(m.wake)
	clear(m.marks)
	clear(m.byID)
	clear(m.byRequest)
	clear(m.open)
	clear(m.states)
	return nil
}

// Clone returns a copy that shares no memory with e; nil of nil.
func (e *Entry) Clone() *Entry {
	if e == nil {
		return nil
	}
	c := *e
	c.Fingerprint = slices.Clone(e.Fingerprint)
	c.Meta = maps.Clone(e.Meta)
	c.KeyNo, c.ReaderKeyNo = clonePointer(e.KeyNo), clonePointer(e.ReaderKeyNo)
	c.TMKey = clonePointer(e.TMKey)
	c.Moves = slices.Clone(e.Moves)
	c.Values = slices.Clone(e.Values)
	c.Limited0 = clonePointer(e.Limited0)
	c.EncTMRI = slices.Clone(e.EncTMRI)
	c.TMI = slices.Clone(e.TMI)
	c.SlotFile = clonePointer(e.SlotFile)
	c.Slot0 = slices.Clone(e.Slot0)
	c.RecordFile = clonePointer(e.RecordFile)
	c.Marker = slices.Clone(e.Marker)
	c.Progress.Settlements = slices.Clone(e.Progress.Settlements)
	c.Progress.TMI = slices.Clone(e.Progress.TMI)
	c.Progress.EncTMRI = slices.Clone(e.Progress.EncTMRI)
	c.Limited0 = clonePointer(e.Limited0)
	c.Outcomes = slices.Clone(e.Outcomes)
	for i := range c.Outcomes {
		c.Outcomes[i] = c.Outcomes[i].Clone()
	}
	return &c
}

// Clone returns a copy that shares no memory with o.
func (o *Outcome) Clone() Outcome {
	c := *o
	c.Needs = slices.Clone(o.Needs)
	c.Alarms = slices.Clone(o.Alarms)
	v, from := &c.Evidence, &o.Evidence
	v.TMC = clonePointer(from.TMC)
	v.TMV = clonePointer(from.TMV)
	v.SettlementID = clonePointer(from.SettlementID)
	v.EncTMRI = slices.Clone(from.EncTMRI)
	v.Previous = clonePointer(from.Previous)
	v.Slot = slices.Clone(from.Slot)
	v.Records = slices.Clone(from.Records)
	for i := range v.Records {
		v.Records[i] = slices.Clone(v.Records[i])
	}
	v.Values = slices.Clone(from.Values)
	v.Limited = clonePointer(from.Limited)
	v.KeyVersion = clonePointer(from.KeyVersion)
	v.TMKeyVersion = clonePointer(from.TMKeyVersion)
	return c
}

// Clone returns a copy that shares no memory with s; nil of nil.
func (s *CardState) Clone() *CardState {
	if s == nil {
		return nil
	}
	c := *s
	c.KeyVer = clonePointer(s.KeyVer)
	c.TMKeyVer = clonePointer(s.TMKeyVer)
	c.Slot = slices.Clone(s.Slot)
	c.SlotOr = slices.Clone(s.SlotOr)
	c.SlotFile = clonePointer(s.SlotFile)
	c.Values = slices.Clone(s.Values)
	return &c
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
