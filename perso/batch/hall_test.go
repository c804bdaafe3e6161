package batch_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
)

// hall is where cards are presented to readers, at random, lifted in the middle and
// presented again. It outlives the programs that make them.
type hall struct {
	mu      sync.Mutex
	r       *rand.Rand
	cards   []*hallCard
	open    int // cards that are not settled
	frames  int // carried in all
	killAt  int // when to call kill; 0 never
	kill    func()
	lifts   int
	offered int
}

// hallCard is a card, and whether it lies on a reader.
type hallCard struct {
	picc    *sim.Card
	busy    bool
	settled bool // the program has said what became of it, for good
}

// take puts a card on a reader: one that is not settled, now and then any; nil when all
// are.
func (h *hall) take() *hallCard {
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.open > 0 && h.offered < 20*len(h.cards) {
		c := h.cards[h.r.IntN(len(h.cards))]
		if c.busy || c.settled && h.r.IntN(20) > 0 {
			continue
		}
		c.busy = true
		h.offered++
		c.picc.ClearFaults()
		if h.r.IntN(3) == 0 {
			h.lifts++
			kinds := []sim.FaultKind{sim.LosePowerBefore, sim.LosePowerAfter, sim.LosePowerAfter, sim.LoseAnswer, sim.CutAnswer, sim.FlipAnswerBit, sim.TearWrite}
			c.picc.Inject(sim.Fault{Exchange: 1 + h.r.IntN(130), Kind: kinds[h.r.IntN(len(kinds))], Bit: h.r.IntN(200), Write: h.r.IntN(2), Cells: h.r.IntN(3) - 1})
		}
		return c
	}
	return nil
}

func (h *hall) put(c *hallCard) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.busy = false
}

func (h *hall) settle(uid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.cards {
		if uidOf(c.picc).String() == uid && !c.settled {
			c.settled = true
			h.open--
		}
	}
}

// carried counts a frame, and kills the program at the one that is chosen.
func (h *hall) carried() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.frames++
	if h.killAt > 0 && h.frames == h.killAt {
		h.kill()
	}
}

// serve is one reader: each connection is a card, or an end of it at once when all
// cards are settled.
func (h *hall) serve(l net.Listener) {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		serving.Go(func() {
			defer func() { _ = conn.Close() }()
			c := h.take()
			if c == nil {
				return
			}
			defer h.put(c)
			h.lay(conn, c.picc.Present())
		})
	}
}

// lay lets a card lie on a reader until one of them ends it.
func (h *hall) lay(conn net.Conn, card *sim.Activation) {
	defer func() { _ = card.Close() }()
	if send(conn, nil) != nil { // it is there
		return
	}
	in := bufio.NewReader(conn)
	for {
		command, err := receive(in)
		if err != nil {
			return
		}
		h.carried()
		answer, err := card.Transmit(context.Background(), command)
		if err != nil || send(conn, answer) != nil {
			return
		}
	}
}

func send(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func receive(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(n[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

// link is a card at the other end of a socket.
type link struct {
	net.Conn
	in *bufio.Reader
}

func (s *link) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

// gone is a lifted card.
type gone struct{ err error }

func (e gone) Error() string { return fmt.Sprintf("the card is gone: %v", e.err) }
func (gone) Removed() bool   { return true }

func (s *link) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if err := send(s, command); err != nil {
		return nil, gone{err}
	}
	b, err := receive(s.in)
	if err != nil {
		return nil, gone{err}
	}
	return b, nil
}

// at waits for a card on a reader; nil when none comes any more.
func at(addr string) *link {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil
	}
	s := &link{conn, bufio.NewReader(conn)}
	if _, err := receive(s.in); err != nil {
		_ = conn.Close()
		return nil
	}
	return s
}

// listen opens readers.
func (h *hall) listen(t *testing.T, readers int) (addrs []string) {
	var serving sync.WaitGroup
	for range readers {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() { h.serve(l) })
		t.Cleanup(func() { _ = l.Close() })
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}
