package purseproof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// plastic is a card, and what became of it in truth.
type plastic struct {
	lay  *layout
	uid  []byte
	picc *sim.Card
	act  *sim.Activation

	pending []movement            // accepted, not committed
	moved   map[purse.ID][]int    // how often each movement of a change was committed
	sums    map[wire.FileNo]int64 // of committed movements
	started int32                 // what the value file held at first
	broken  string                // truth and image disagree: the test is wrong
}

// movement is one movement of a change.
type movement struct {
	id     purse.ID
	index  int
	file   wire.FileNo
	signed int64
}

// frame is a command on its way, and what it is about in truth.
type frame struct {
	bytes []byte
	moves *movement // of a change under way; nil for everything else
}

func (f *frame) ins() byte { return f.bytes[1] }

func (f *frame) selects() bool { return f.ins() == wire.InsSelectApplication || f.ins() == 0xA4 }

// held is one image that is never written back.
type held struct{ image []byte }

func (s *held) Load() ([]byte, error) { return s.image, nil }
func (s *held) Save([]byte) error     { return nil }

func newPlastic(t testing.TB, l *layout, uid []byte, seed uint64) *plastic {
	q := sim.QuirksOf(l.gen)
	q.BrokenNonFirstResumes = l.resumes
	return plasticOf(t, l, uid, l.image(t, uid).Encode(), seed, &q)
}

func plasticOf(t testing.TB, l *layout, uid, image []byte, seed uint64, q *sim.Quirks) *plastic {
	picc, err := sim.New(&sim.Config{Store: &held{image}, Rand: seeded(seed, "picc"), Quirks: q})
	if err != nil {
		t.Fatal(err)
	}
	return &plastic{lay: l, uid: uid, picc: picc, act: picc.Present(), started: startsAt, moved: map[purse.ID][]int{}, sums: map[wire.FileNo]int64{}}
}

// deliver gives the card a command, and notes what it made of it.
func (p *plastic) deliver(f *frame) ([]byte, error) {
	answer, err := p.act.Transmit(context.Background(), f.bytes)
	n := len(answer)
	if err == nil && n >= 2 && answer[n-2] == 0x91 && answer[n-1] == 0 {
		switch {
		case f.moves != nil:
			p.pending = append(p.pending, *f.moves)
		case f.ins() == wire.InsCommitTransaction:
			p.commit()
		}
	}
	p.look()
	return append([]byte(nil), answer...), err
}

// look forgets what the card has dropped.
func (p *plastic) look() {
	if !p.picc.Truth().Pending {
		p.pending = nil
	}
}

func (p *plastic) commit() {
	for _, m := range p.pending {
		by := p.moved[m.id]
		for len(by) <= m.index {
			by = append(by, 0)
		}
		by[m.index]++
		p.moved[m.id] = by
		p.sums[m.file] += m.signed
	}
	p.pending = nil
	for _, no := range []wire.FileNo{valueNo, secondNo} {
		if f := p.file(no); f != nil && int64(f.Value.Value) != p.start(no)+p.sums[no] && p.broken == "" {
			p.broken = fmt.Sprintf("file %d holds %d, and the movements make %d", no, f.Value.Value, p.start(no)+p.sums[no])
		}
	}
}

func (p *plastic) start(no wire.FileNo) int64 {
	if no == valueNo {
		return int64(p.started)
	}
	return startsAt
}

// powerCycle is a loss of the field.
func (p *plastic) powerCycle() {
	_ = p.act.Reconnect(context.Background())
	p.look()
}

// file is a file of the application as the card holds it.
func (p *plastic) file(no wire.FileNo) *sim.ImageFile {
	aid := purseAID
	if p.lay.gen == wire.Light {
		aid = lightAID
	}
	for _, a := range p.picc.Image().Applications {
		if a.AID != aid {
			continue
		}
		for i := range a.Files {
			if a.Files[i].No == int(no) {
				return &a.Files[i]
			}
		}
	}
	return nil
}

func (p *plastic) value() int32 { return p.file(valueNo).Value.Value }

// truth of a change: whole, none or part.
type truth uint8

const (
	none truth = iota
	part
	whole
	twice
)

func (t truth) String() string {
	return [...]string{"did not happen", "happened in part", "happened", "happened more than once"}[t]
}

func (p *plastic) truth(e *purse.Entry) truth {
	by, n := p.moved[e.ID], 0
	for _, k := range by {
		switch {
		case k > 1:
			return twice
		case k == 1:
			n++
		}
	}
	switch n {
	case 0:
		return none
	case len(e.Moves):
		return whole
	}
	return part
}

func seededRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 3)) }
