package pn532

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/go-desfire/desfire/transporttest"
)

// fake is a chip behind a line in memory, written for these tests alone. It
// works while the host waits, and forgets all when its power fails.
type fake struct {
	present func(context.Context) (transporttest.Card, error) // nil: nothing lies there
	uid     []byte
	ats     []byte // instead of that of the card's ATR
	sak     byte
	speeds  int // InPSL that came

	// toChip and toHost change what goes over the wire, if not nil.
	toChip, toHost func([]byte) []byte

	mu       sync.Mutex
	awake    bool // SAMConfiguration came
	passive  bool // the number of calls is bounded
	field    bool
	card     transporttest.Card
	abort    context.CancelFunc
	last     []byte // frame that went to the host
	command  []byte // of the card, in pieces
	answer   []byte // rest of the card's answer
	log      [][]byte
	arrived  []byte
	bell     chan struct{}
	gone     error // what the line says to everything
	refuse   error // why it cannot be opened
	opened   int
	silent   bool
	firmware []byte
}

func newFake(present func(context.Context) (transporttest.Card, error)) *fake {
	return &fake{
		present: present, uid: []byte{4, 0x1E, 0x20, 0x61, 0x80, 0x1D, 0x80}, sak: 0x20,
		bell: make(chan struct{}, 1), firmware: []byte{0x32, 1, 6, 7},
	}
}

// reader is a Reader whose line leads to the fake.
func (f *fake) reader(c *Config) *Reader {
	r, err := Open("fake", c)
	if err != nil {
		panic(err)
	}
	r.open = func(ctx context.Context, at address, _ *Config) (line, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.refuse != nil {
			return nil, f.refuse
		}
		f.opened++
		return &fakeLine{fake: f}, nil
	}
	return r
}

func (f *fake) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

type fakeLine struct {
	*fake
	closed bool
	out    []byte
}

func (l *fakeLine) wake(ctx context.Context) error { return ctx.Err() }

func (l *fakeLine) write(ctx context.Context, frame []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.err(ctx); err != nil {
		return err
	}
	frame = bytes.Clone(frame)
	if l.toChip != nil {
		frame = l.toChip(frame)
	}
	if !l.silent {
		l.receive(frame)
	}
	return nil
}

func (l *fakeLine) err(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case l.closed:
		return errors.New("the line is closed")
	}
	return l.gone
}

func (l *fakeLine) read(ctx context.Context) ([]byte, error) {
	for {
		l.mu.Lock()
		if err := l.err(ctx); err != nil {
			l.mu.Unlock()
			return nil, err
		}
		if len(l.arrived) > 0 {
			l.out = append(l.out[:0], l.arrived...)
			l.arrived = l.arrived[:0]
			l.mu.Unlock()
			return l.out, nil
		}
		l.mu.Unlock()
		select {
		case <-l.bell:
		case <-ctx.Done():
		}
	}
}

func (l *fakeLine) discard() (all []byte) {
	l.do(func() {
		all = bytes.Clone(l.arrived)
		l.arrived = l.arrived[:0]
	})
	return all
}

func (l *fakeLine) Close() error {
	l.do(func() { l.closed = true })
	return nil
}

// send puts bytes on the wire to the host. mu is held.
func (f *fake) send(b []byte) {
	if f.toHost != nil {
		b = f.toHost(bytes.Clone(b))
	}
	if f.silent {
		return
	}
	f.arrived = append(f.arrived, b...)
	f.ring()
}

func (f *fake) ring() {
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

// receive takes what comes over the wire. mu is held.
func (f *fake) receive(b []byte) {
	for {
		at := bytes.Index(b, []byte{0, 0xFF})
		if at < 0 || len(b) < at+4 {
			return
		}
		b = b[at+2:]
		n, head := int(b[0]), 2
		switch {
		case b[0] == 0 && b[1] == 0xFF: // ACK: give up
			f.stop()
			continue
		case b[0] == 0xFF && b[1] == 0:
			if f.last != nil && f.abort == nil {
				f.send(f.last)
			}
			continue
		case b[0] == 0xFF && b[1] == 0xFF && len(b) > 5:
			n, head = int(b[2])<<8|int(b[3]), 5
			if b[2]+b[3]+b[4] != 0 {
				continue
			}
		case b[0]+b[1] != 0:
			continue
		}
		if len(b) < head+n+1 || n < 2 || b[head] != 0xD4 {
			continue
		}
		check := byte(0)
		for _, x := range b[head : head+n+1] {
			check += x
		}
		if check != 0 {
			continue
		}
		body := bytes.Clone(b[head+1 : head+n])
		b = b[head+n+1:]
		f.stop()
		f.log = append(f.log, body)
		f.send([]byte{0, 0, 0xFF, 0, 0xFF, 0})
		f.execute(body)
	}
}

// stop ends a command that runs. mu is held.
func (f *fake) stop() {
	if f.abort != nil {
		f.abort()
		f.abort = nil
	}
}

// reply frames an answer. mu is held.
func (f *fake) reply(code byte, data ...byte) {
	body := append([]byte{0xD5, code + 1}, data...)
	n := len(body)
	frame := []byte{0, 0, 0xFF, byte(n), byte(-n)}
	if n > 255 {
		frame = []byte{0, 0, 0xFF, 0xFF, 0xFF, byte(n >> 8), byte(n), -(byte(n>>8) + byte(n))}
	}
	check := byte(0)
	for _, x := range body {
		check -= x
	}
	f.last = append(append(frame, body...), check, 0)
	f.send(f.last)
}

func (f *fake) fieldOff() {
	f.field, f.command, f.answer = false, nil, nil
	if f.card != nil {
		f.card.Close()
		f.card = nil
	}
}

// execute runs a command. mu is held.
func (f *fake) execute(b []byte) {
	code, in := b[0], b[1:]
	switch code {
	case 0x00:
		switch {
		case len(in) > 0 && in[0] == 0:
			f.reply(code, in...)
		case len(in) == 1 && in[0] == 6 && f.card == nil:
			f.reply(code, 0x27)
		case len(in) == 1 && in[0] == 6 && f.present == nil:
			f.reply(code, 0x01)
		case len(in) == 1 && in[0] == 6:
			f.reply(code, 0)
		}
	case 0x02:
		f.reply(code, f.firmware...)
	case 0x12:
		f.reply(code)
	case 0x14:
		f.awake = true
		f.reply(code)
	case 0x32:
		switch {
		case len(in) == 2 && in[0] == 1 && in[1]&1 == 0:
			f.fieldOff()
		case len(in) == 2 && in[0] == 1:
			f.field = true
		case len(in) == 4 && in[0] == 5:
			f.passive = in[3] != 0xFF
		}
		f.reply(code)
	case 0x4A:
		f.list(code)
	case 0x4E:
		f.speeds++
		f.reply(code, 0)
	case 0x40:
		f.exchange(code, in)
	default:
		f.last = []byte{0, 0, 0xFF, 1, 0xFF, 0x7F, 0x81, 0}
		f.send(f.last)
	}
}

func (f *fake) list(code byte) {
	if f.present == nil || !f.awake {
		if f.passive {
			f.reply(code, 0)
		}
		return // for ever
	}
	f.fieldOff()
	card, err := f.present(context.Background())
	if err != nil {
		f.reply(code, 0)
		return
	}
	f.card, f.field = card, true
	ats := f.ats
	if ats == nil {
		atr := card.ATR()
		ats = append([]byte{0x75, 0x77, 0x81, 0x02}, atr[4:len(atr)-1]...)
	}
	answer := append([]byte{1, 1, 3, 0x44, f.sak, byte(len(f.uid))}, f.uid...)
	if f.sak&0x20 != 0 {
		answer = append(append(answer, byte(len(ats)+1)), ats...)
	}
	f.reply(code, answer...)
}

func (f *fake) exchange(code byte, in []byte) {
	if f.card == nil || len(in) == 0 || in[0]&^0x40 != 1 {
		f.reply(code, 0x27)
		return
	}
	if f.answer != nil {
		if len(in) == 1 {
			f.piece(code)
			return
		}
		f.answer = nil
	}
	f.command = append(f.command, in[1:]...)
	if in[0]&0x40 != 0 {
		f.reply(code, 0)
		return
	}
	command, card := f.command, f.card
	f.command = nil
	ctx, cancel := context.WithCancel(context.Background())
	f.abort = cancel
	go func() {
		answer, err := card.Transmit(ctx, command)
		f.mu.Lock()
		defer f.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		f.abort = nil
		cancel()
		if err != nil || f.card != card {
			f.reply(code, 0x01)
			return
		}
		f.answer = append([]byte{}, answer...)
		f.piece(code)
	}()
}

// piece sends the next part of the card's answer. mu is held.
func (f *fake) piece(code byte) {
	n := min(len(f.answer), 262)
	part, status := f.answer[:n], byte(0)
	if n < len(f.answer) {
		f.answer, status = f.answer[n:], 0x40
	} else {
		f.answer = nil
	}
	f.reply(code, append([]byte{status}, part...)...)
}
