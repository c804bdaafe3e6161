package journaltest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/go-desfire/desfire/purse"
)

// model is what a journal should hold: the calls that succeeded, in their order.
type model struct {
	calls   []call
	durable int // how many of them are
}

// call is one that adds something.
type call struct {
	begin *purse.Entry
	id    purse.ID // of note and end
	note  *purse.Progress
	end   *purse.Outcome
	state *purse.CardState // of end and keep
}

// content is what the first n calls make.
type content struct {
	Entries []*purse.Entry
	States  map[purse.CardApp]*purse.CardState
}

func (m *model) content(n int) content {
	c := content{States: map[purse.CardApp]*purse.CardState{}}
	for _, call := range m.calls[:n] {
		i := slices.IndexFunc(c.Entries, func(e *purse.Entry) bool { return e.ID == call.id })
		switch {
		case call.begin != nil:
			c.Entries = append(c.Entries, travelled(call.begin))
		case call.note != nil:
			c.Entries[i].Progress.Add(*travelled(call.note))
		case call.end != nil:
			c.Entries[i].Outcomes = append(c.Entries[i].Outcomes, *travelled(call.end))
		}
		if call.state != nil {
			c.States[call.state.CardApp] = travelled(call.state)
		}
	}
	return c
}

// open is the open entry of a card; nil if there is none.
func (c *content) open(card purse.CardApp) *purse.Entry {
	for _, e := range c.Entries {
		if e.CardApp == card && e.IsOpen() {
			return e
		}
	}
	return nil
}

// request is the entry of a request with the highest attempt; nil if there is none.
func (c *content) request(request string) (highest *purse.Entry) {
	for _, e := range c.Entries {
		if e.Request == request && request != "" && (highest == nil || e.Attempt > highest.Attempt) {
			highest = e
		}
	}
	return highest
}

// travelled is a value after its way through JSON, which a journal may take or not.
func travelled[T any](v *T) *T {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	w := new(T)
	if err := json.Unmarshal(b, w); err != nil {
		panic(err)
	}
	return w
}

// same compares what a journal returned with what it should have.
func same[T any](got, want *T) error {
	switch {
	case got == nil && want == nil:
		return nil
	case got == nil || want == nil:
		return fmt.Errorf("got %s, want %s", text(got), text(want))
	case !reflect.DeepEqual(travelled(got), travelled(want)):
		return fmt.Errorf("got\n%s, want\n%s", text(got), text(want))
	}
	return nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(b) > 2000 {
		b = append(b[:2000], "..."...)
	}
	return string(b)
}

// compare asks a journal for everything and compares it with the first n calls.
func (s *suite) compare(n int) error {
	want := s.model.content(n)
	i := 0
	for e, err := range s.Entries(s.ctx) {
		switch {
		case err != nil:
			return fmt.Errorf("in Entries: %w", err)
		case i >= len(want.Entries):
			return fmt.Errorf("in Entries is entry %d, %v", i, e.ID)
		}
		if err := same(e, want.Entries[i]); err != nil {
			return fmt.Errorf("in Entries: entry %d: %w", i, err)
		}
		i++
	}
	if i != len(want.Entries) {
		return fmt.Errorf("it has %d entries, want %d", i, len(want.Entries))
	}
	// Calls that the journal may have lost are asked for as well.
	for _, c := range s.model.calls {
		if c.begin != nil {
			if err := s.compareEntry(&want, c.begin); err != nil {
				return err
			}
		}
		if c.state != nil {
			got, err := s.State(s.ctx, c.state.CardApp)
			if err == nil {
				err = same(got, want.States[c.state.CardApp])
			}
			if err != nil {
				return fmt.Errorf("in State: %w", err)
			}
		}
	}
	return nil
}

func (s *suite) compareEntry(want *content, began *purse.Entry) error {
	var e *purse.Entry
	if i := slices.IndexFunc(want.Entries, func(e *purse.Entry) bool { return e.ID == began.ID }); i >= 0 {
		e = want.Entries[i]
	}
	for _, look := range []struct {
		name string
		want *purse.Entry
		get  func() (*purse.Entry, error)
	}{
		{"Entry", e, func() (*purse.Entry, error) { return s.Entry(s.ctx, began.ID) }},
		{"Request", want.request(began.Request), func() (*purse.Entry, error) { return s.Request(s.ctx, began.Request) }},
		{"Open", want.open(began.CardApp), func() (*purse.Entry, error) { return s.Open(s.ctx, began.CardApp) }},
	} {
		got, err := look.get()
		if err == nil {
			err = same(got, look.want)
		}
		if err != nil {
			return fmt.Errorf("in %s: %w", look.name, err)
		}
	}
	return nil
}

// check ends the test if the journal is not what all calls make.
func (s *suite) check() {
	s.Helper()
	if err := s.compare(len(s.model.calls)); err != nil {
		s.Fatal(err)
	}
}

// checkPrefix ends the test if the journal is not what the first calls make, at least
// those that are durable. The others are forgotten.
func (s *suite) checkPrefix() {
	s.Helper()
	var why error
	for n := len(s.model.calls); n >= s.model.durable; n-- {
		err := s.compare(n)
		if err == nil {
			s.model.calls = s.model.calls[:n]
			s.model.durable = n // it was opened: what it found is kept
			return
		}
		if why == nil || n == s.model.durable {
			why = err
		}
	}
	s.Fatalf("of %d calls, %d of them durable, it holds no first ones; as compared with the durable ones: %v", len(s.model.calls), s.model.durable, why)
}
