package phone

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
)

// Scheme is the places "phone:", every phone that is paired, and "phone:NAME". book opens
// the list of them when the place is used; the computer listens as long as somebody looks
// for cards or has one. conf may be nil.
func Scheme(book func() (*Book, error), conf *ServerConfig) place.Scheme {
	return place.Scheme{
		Name:  "phone",
		Forms: []string{"phone:", "phone:NAME"},
		Open: func(name string) (*place.Place, error) {
			p := &phones{book: book, name: name}
			if conf != nil {
				p.conf = *conf
			}
			title := "the phones that are paired"
			if name != "" {
				title = fmt.Sprintf("the phone %q", name)
			}
			return &place.Place{Source: p, Name: title, Await: p.await, List: p.list}, nil
		},
	}
}

// ErrNoPhones says that no phone is paired.
var ErrNoPhones = errors.New("no phone is paired with this computer: desfire phone pair does that")

// Reasons why there is no card, which pass.
var (
	ErrNotThere = errors.New("no phone that is paired is connected yet: open the app, or desfire phone offer there")
	ErrNoCard   = errors.New("the phone is connected and has no card")
)

// phones is a Server that is there while it is needed.
type phones struct {
	book func() (*Book, error)
	name string
	conf ServerConfig

	mu     sync.Mutex
	server *Server
	users  int
}

// acquire gives the server, until release is called.
func (p *phones) acquire() (s *Server, release func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server == nil {
		if p.server, err = p.listen(); err != nil {
			return nil, nil, err
		}
	}
	p.users++
	s = p.server
	return s, sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.users--; p.users == 0 {
			_ = s.Close()
			p.server = nil
		}
	}), nil
}

func (p *phones) listen() (*Server, error) {
	book, err := p.book()
	if err != nil {
		return nil, err
	}
	all, err := book.Phones()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, ErrNoPhones
	}
	if p.name != "" {
		if _, ok, err := book.Phone(p.name); err != nil {
			return nil, err
		} else if !ok {
			return nil, fmt.Errorf("%w: %q: desfire phone list has those that are", ErrUnknownPhone, p.name)
		}
	}
	return Listen(book, &p.conf)
}

// Events are those of the phones that are meant.
func (p *phones) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return p.await(ctx, func(error) {})
}

// look is how often it is tried again to listen while another program does.
const look = 200 * time.Millisecond

func (p *phones) await(ctx context.Context, why func(error)) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		s, release, err := p.acquire()
		for ; err != nil; s, release, err = p.acquire() {
			if !place.InUse(err) {
				yield(desfire.Event{}, err)
				return
			}
			why(err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(look):
			}
		}
		defer release()
		why(ErrNotThere)
		for ev, err := range s.Events(ctx) {
			if err == nil && !p.meant(ev.Reader) {
				continue
			}
			switch ev.Kind {
			case desfire.ReaderAdded, desfire.CardRemoved:
				why(ErrNoCard)
			case desfire.ReaderRemoved:
				why(ErrNotThere)
			}
			if !yield(p.kept(ev), err) {
				return
			}
		}
	}
}

func (p *phones) meant(reader string) bool {
	return p.name == "" || strings.EqualFold(strings.TrimPrefix(reader, "phone:"), p.name)
}

// kept has the server stay while a card of an event is open.
func (p *phones) kept(ev desfire.Event) desfire.Event {
	open := ev.Open
	if open == nil {
		return ev
	}
	ev.Open = func(ctx context.Context) (desfire.Transport, error) {
		_, release, err := p.acquire()
		if err != nil {
			return nil, err
		}
		t, err := open(ctx)
		if err != nil {
			release()
			return nil, err
		}
		t.(*Transport).whenClosed(release)
		return t, nil
	}
	return ev
}

// list waits a little for the phones that are paired to connect.
func (p *phones) list(ctx context.Context) ([]place.Reader, error) {
	s, release, err := p.acquire()
	if place.InUse(err) {
		return []place.Reader{{Name: "phone:" + p.name, State: err.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	defer release()
	all, err := s.book.Phones()
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, listPatient)
	defer cancel()
	list := map[string]*place.Reader{}
	var order []string
	missing := 0
	for _, phone := range all {
		name := "phone:" + phone.Name
		if p.meant(name) {
			list[name] = &place.Reader{Name: name, State: "not connected"}
			order = append(order, name)
			missing++
		}
	}
	for ev, err := range s.Events(wait) {
		if err != nil {
			return nil, err
		}
		r := list[ev.Reader]
		if r == nil {
			continue
		}
		switch ev.Kind {
		case desfire.ReaderAdded:
			r.State = "empty"
		case desfire.CardInserted:
			r.State, r.Card, r.ATR = "card present", true, ev.ATR
			missing--
		case desfire.CardRemoved:
			r.State, r.Card, r.ATR = "empty", false, nil
			missing++
		case desfire.ReaderRemoved:
			r.State = "not connected"
		}
		if missing == 0 {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]place.Reader, 0, len(order))
	for _, name := range order {
		out = append(out, *list[name])
	}
	return out, nil
}
