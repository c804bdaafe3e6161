package purse

import (
	"cmp"
	"context"
	"slices"
)

// changed counts a change and tells it to those who wait.
func (m *memory) changed() uint64 {
	m.last++
	close(m.wake)
	m.wake = make(chan struct{})
	return m.last
}

func (m *memory) Changed() <-chan struct{} {
	defer m.mu.Unlock()
	m.mu.Lock()
	return m.wake
}

func (m *memory) LastChange(ctx context.Context) (uint64, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	return m.last, nil
}

func (m *memory) Changes(ctx context.Context, after uint64, limit int) ([]Logged, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	var all []Logged
	for i, e := range m.entries {
		if e != nil && m.changes[i] > after {
			all = append(all, Logged{Seq: m.changes[i], Entry: e})
		}
	}
	for _, f := range m.found {
		if f.Seq > after {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Logged) int { return cmp.Compare(a.Seq, b.Seq) })
	all = slices.Clip(all[:min(len(all), max(limit, 0))])
	for i := range all {
		all[i].Entry, all[i].Found = all[i].Entry.Clone(), all[i].Found.Clone()
	}
	return all, nil
}

func (m *memory) Find(ctx context.Context, f *Found) error {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return err
	}
	if err := f.Check(); err != nil {
		return err
	}
	m.found = append(m.found, Logged{Seq: m.changed(), Found: f.Clone()})
	return nil
}

func (m *memory) Mark(ctx context.Context, name string, value []byte) error {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return err
	}
	others := len(m.marks)
	if m.marks[name] != nil {
		others--
	}
	if err := CheckMark(name, value, others); err != nil {
		return err
	}
	m.marks[name] = append([]byte{}, value...)
	return nil
}

func (m *memory) Marked(ctx context.Context, name string) ([]byte, error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return nil, err
	}
	return slices.Clone(m.marks[name]), nil
}

func (m *memory) Forget(ctx context.Context, upTo uint64, before Time) (gone int, err error) {
	defer m.mu.Unlock()
	if err := m.lock(ctx); err != nil {
		return 0, err
	}
	m.found = slices.DeleteFunc(m.found, func(f Logged) bool {
		return f.Seq <= upTo && f.Found.Outcome.Time.Before(before.Time)
	})
	last := map[CardApp]int{}
	for i, e := range m.entries {
		if e != nil {
			last[e.CardApp] = i
		}
	}
	may := func(i int) bool {
		e := m.entries[i]
		return m.changes[i] <= upTo && last[e.CardApp] != i && e.Forgettable(before)
	}
	stay := map[string]bool{}
	for i, e := range m.entries {
		if e == nil {
			continue
		}
		highest, named := m.byRequest[e.Request]
		if !may(i) || stay[e.Request] || named && !may(highest) {
			stay[e.Request] = e.Request != ""
			continue
		}
		delete(m.byID, e.ID)
		if named && highest == i {
			delete(m.byRequest, e.Request)
		}
		m.entries[i] = nil
		gone++
	}
	return gone, nil
}
