package fleet

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// The cards are those of "desfire sim new --purse", with more room.
const purseAID wire.AID = 0xF48121

const (
	valueFile = 1
	slotFile  = 2
	tmacFile  = 3
	slots     = 16
	startsAt  = 1_000_000
)

// stock makes cards.
type stock struct {
	t        testing.TB
	template []byte
	keys     string // a file of keys, for tests and known to everybody
	made     int
}

func newStock(t testing.TB, dir string) *stock {
	t.Helper()
	image := dir + "/template.json"
	run(t, program(t, "desfire"), "sim", "new", image, "--purse", "--uid", "04112233445566")
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return &stock{t: t, template: b, keys: dir + "/template.keys.yaml"}
}

// image is the memory of a card that was not there yet.
func (s *stock) image() (uid []byte, image []byte) {
	s.t.Helper()
	img, err := sim.ReadImage(s.template)
	if err != nil {
		s.t.Fatal(err)
	}
	s.made++
	uid = []byte{0x04, 0xF1, byte(s.made >> 16), byte(s.made >> 8), byte(s.made), 0x5A, 0x80}
	img.UID = uid
	for i := range img.Applications {
		for j := range img.Applications[i].Files {
			switch f := &img.Applications[i].Files[j]; f.No {
			case valueFile:
				f.Value.Upper, f.Value.Value = 2*startsAt, startsAt
			case slotFile:
				f.Size = 16 * slots
			}
		}
	}
	return uid, img.Encode()
}

// moved is what a commit did to the value of a card.
type moved struct {
	by int64
	id purse.ID // in the slot that changed with it; zero if none did
}

// plastic is a card, and what became of it in truth.
type plastic struct {
	uid  []byte
	picc *sim.Card

	mu    sync.Mutex
	value int32
	slots []byte
	moves []moved
}

// held is an image that is loaded once and kept in memory.
type held struct{ image []byte }

func (s *held) Load() ([]byte, error) { return s.image, nil }
func (s *held) Save(b []byte) error   { s.image = b; return nil }

// card makes a card that lives in this process, whatever happens to others.
func (s *stock) card() *plastic {
	s.t.Helper()
	uid, image := s.image()
	picc, err := sim.New(&sim.Config{Store: &held{image}, Rand: rand.Reader})
	if err != nil {
		s.t.Fatal(err)
	}
	p := &plastic{uid: uid, picc: picc}
	p.value, p.slots = contents(picc.Image())
	return p
}

// contents is what the files of an image hold.
func contents(img *sim.Image) (value int32, slots []byte) {
	for _, a := range img.Applications {
		if a.AID != purseAID {
			continue
		}
		for _, f := range a.Files {
			switch f.No {
			case valueFile:
				value = f.Value.Value
			case slotFile:
				slots = make([]byte, 16*16)
				copy(slots, f.Data)
			}
		}
	}
	return value, slots
}

// look notes what has changed in the card's memory.
func (p *plastic) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	value, slots := contents(p.picc.Image())
	if value == p.value && string(slots) == string(p.slots) {
		return
	}
	m := moved{by: int64(value) - int64(p.value)}
	for i := 0; i+16 <= len(slots); i += 16 {
		if string(slots[i:i+16]) != string(p.slots[i:i+16]) {
			copy(m.id[:], slots[i:])
		}
	}
	p.value, p.slots = value, slots
	p.moves = append(p.moves, m)
}

// truth is what was committed on the card, by id.
func (p *plastic) truth() (value int32, moves []moved) {
	p.look()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.value, append([]moved(nil), p.moves...)
}

// watched is an activation after each exchange of which the card is looked at.
type watched struct {
	*sim.Activation
	p *plastic
}

func (w *watched) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	b, err := w.Activation.Transmit(ctx, command)
	if len(command) > 1 && (command[0] == 0x90 && command[1] == wire.InsCommitTransaction || command[0] == wire.InsCommitTransaction) {
		w.p.look()
	}
	return b, err
}

// spot is a reader behind a socket, on which a card may lie.
type spot struct {
	addr   string
	server *tcp.Server
	stop   func()

	mu   sync.Mutex
	lies *plastic
}

var errEmpty = errors.New("no card lies there")

func newSpot(t testing.TB) *spot {
	t.Helper()
	l, err := tcp.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &spot{addr: l.Addr().String()}
	s.server = &tcp.Server{Present: s.present}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.server.Serve(ctx, l) }()
	s.stop = func() { cancel(); <-done }
	t.Cleanup(s.stop)
	return s
}

func (s *spot) present(context.Context) (tcp.Card, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lies == nil {
		return nil, errEmpty
	}
	return &watched{s.lies.picc.Present(), s.lies}, nil
}

// lay puts a card there; nil takes away what lies there.
func (s *spot) lay(p *plastic) {
	s.mu.Lock()
	before := s.lies
	s.lies = p
	s.mu.Unlock()
	if before != nil {
		before.picc.Lift()
	}
	s.server.Lift()
	if p != nil {
		_ = p.picc.Return()
	}
}

// take lays a card there if none lies there.
func (s *spot) take(p *plastic) bool {
	s.mu.Lock()
	if s.lies != nil {
		s.mu.Unlock()
		return false
	}
	s.lies = p
	s.mu.Unlock()
	_ = p.picc.Return()
	return true
}

func (s *spot) leave() { s.lay(nil) }

// place is the word for the reader.
func (s *spot) place() string { return "tcp:" + s.addr }
