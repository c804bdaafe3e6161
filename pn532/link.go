package pn532

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Pauses between attempts to reach a chip that does not answer.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
	// shutTime is how long the end of a link may take: the field goes off.
	shutTime = time.Second
	// anew is how often a chip without a card is set up again: one that lost its
	// power for a moment answers, and finds no card.
	anew = 10 * time.Second
)

// link is the chip as long as anybody uses it. One goroutine looks for cards,
// the line and whoever has a card: all of them take turns.
type link struct {
	r      *Reader
	ctx    context.Context
	cancel context.CancelFunc
	before <-chan struct{} // the link before this one has let go of the device
	done   chan struct{}   // this one has
	kick   chan struct{}   // look now

	turn   chan struct{} // held by who uses what follows
	host   *host         // nil while the line is down
	set    time.Time     // when the chip was last set up
	on     *target       // activated, and known to be there; nil if not
	used   bool          // a command went to it
	miss   int           // looks that did not find it, one after the other
	holder *session      // that has the card

	mu      sync.Mutex
	state   state
	changed chan struct{} // closed with the next change
}

// state is what is known of chip and card, for those who watch.
type state struct {
	known  bool // the chip was looked for
	looked bool // the card as well
	life   int  // counts how often the chip was found
	chip   *Chip
	err    error // why there is no chip
	card   *insertion
	left   error // why the last card left
}

// insertion is a card that lies there.
type insertion struct {
	link *link
	target
}

func (r *Reader) newLink(before <-chan struct{}) *link {
	l := &link{
		r: r, before: before, done: make(chan struct{}), kick: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		changed: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	go l.run()
	return l
}

// take waits for the turn.
func (l *link) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ctx.Done():
		return ErrClosed
	}
}

func (l *link) give() { <-l.turn }

// soon has the link look at once.
func (l *link) soon() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

func (l *link) snapshot() (state, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state, l.changed
}

func (l *link) change(f func(*state)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.state)
	close(l.changed)
	l.changed = make(chan struct{})
}

// run looks for chip and card until nobody wants to know.
func (l *link) run() {
	defer close(l.done)
	retry := firstRetry
	for l.ctx.Err() == nil {
		pause := l.r.cfg.poll()
		if l.take(l.ctx) != nil {
			break
		}
		err := l.look(l.ctx)
		l.give()
		if err != nil {
			pause, retry = retry, min(2*retry, lastRetry)
		} else {
			retry = firstRetry
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-l.kick:
		case <-l.ctx.Done():
		}
		timer.Stop()
	}
	l.turn <- struct{}{} // for good
	l.shut()
}

// shut switches the field off and lets go of the device.
func (l *link) shut() {
	if l.host == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutTime)
	defer cancel()
	_ = l.host.field(ctx, false)
	_ = l.host.line.Close()
	l.host = nil
}

// look is one look at chip and card. The turn is held.
func (l *link) look(ctx context.Context) error {
	err := l.reach(ctx)
	if err == nil {
		err = l.lookForCard(ctx)
	}
	if s, _ := l.snapshot(); err == nil && !s.looked {
		l.change(func(s *state) { s.looked = true })
	}
	if err != nil && ctx.Err() == nil {
		err = l.lose(err)
	}
	return err
}

// reach opens the line and sets the chip up, if that is not done. The turn is
// held.
func (l *link) reach(ctx context.Context) error {
	if l.host != nil {
		if l.on == nil && l.holder == nil && time.Since(l.set) > anew {
			l.set = time.Now()
			return l.host.configure(ctx)
		}
		return nil
	}
	if l.before != nil {
		select {
		case <-l.before:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h, chip, err := l.r.dial(ctx)
	if err != nil {
		return err
	}
	l.host, l.set, l.on = h, time.Now(), nil
	l.change(func(s *state) {
		s.known, s.chip, s.err = true, chip, nil
		s.life++
	})
	return nil
}

// dial opens the line and sets the chip up.
func (r *Reader) dial(ctx context.Context) (*host, *Chip, error) {
	at, err := r.at.found(ctx)
	if err != nil {
		return nil, nil, err
	}
	line, err := r.open(ctx, at, &r.cfg)
	if err != nil {
		return nil, nil, err
	}
	h := &host{line: line}
	chip, err := h.setup(ctx)
	if err != nil {
		_ = line.Close()
		return nil, nil, judge(at, err)
	}
	chip.Address, chip.Line = at.text, at.line
	return h, chip, nil
}

// lose gives up the line, and all that hung on it. The turn is held.
func (l *link) lose(err error) error {
	if l.host != nil {
		_ = l.host.line.Close()
		l.host = nil
	}
	err = judge(l.r.at, err)
	l.on = nil
	if l.holder != nil {
		l.holder.end(err, true)
		l.holder = nil
	}
	l.change(func(s *state) {
		s.known, s.looked, s.chip, s.err = true, false, nil, err
		if s.card != nil {
			s.card, s.left = nil, err
		}
	})
	return err
}

// lookForCard finds out whether a card came or left. The turn is held.
func (l *link) lookForCard(ctx context.Context) error {
	if l.holder != nil && l.holder.over() {
		l.letGo()
	}
	switch card := l.card(); {
	case l.holder != nil && time.Since(l.holder.last) < l.r.cfg.poll():
		return nil
	case l.on != nil && (l.holder != nil || l.on.isoDEP()):
		here, err := l.host.present(ctx)
		switch {
		case errors.Is(err, errSyntax) && l.holder != nil:
			return nil // a chip without this: the next exchange tells
		case err != nil && !errors.Is(err, errSyntax):
			return err
		case here:
			l.miss = 0
			return nil
		}
		if l.miss++; l.holder != nil && l.miss < 2 {
			l.soon()
			return nil
		}
		holder := l.holder
		l.letGo()
		now, err := l.find(ctx, card)
		if holder != nil && now == card {
			holder.end(ErrReset, false)
		} else if holder != nil {
			holder.end(ErrRemoved, true)
		}
		return err
	default:
		_, err := l.find(ctx, card)
		return err
	}
}

func (l *link) card() *insertion {
	s, _ := l.snapshot()
	return s.card
}

// letGo takes the card from whoever had it: what they did there must end. The
// turn is held.
func (l *link) letGo() { l.holder, l.on = nil, nil }

// leave reports that the card has left. The turn is held.
func (l *link) leave(why error) {
	l.on, l.miss = nil, 0
	l.change(func(s *state) { s.card, s.left = nil, why })
}

// find activates what lies there afresh and reports what has changed against
// the card that was there. The turn is held.
func (l *link) find(ctx context.Context, was *insertion) (*insertion, error) {
	l.on, l.used, l.miss = nil, false, 0
	t, err := l.host.activate(ctx, l.r.cfg.Speed)
	if err == nil && t == nil && was != nil { // once more, before that is said of a card
		t, err = l.host.activate(ctx, l.r.cfg.Speed)
	}
	switch {
	case errors.Is(err, errTarget):
		t = nil // two cards at once, or noise: look again
	case err != nil:
		return nil, err
	}
	switch {
	case t == nil && was == nil:
		return nil, l.host.field(ctx, false)
	case t == nil:
		l.leave(ErrRemoved)
		return nil, l.host.field(ctx, false)
	}
	l.on = t
	if was != nil && was.same(t) {
		return was, nil
	}
	card := &insertion{l, *t}
	l.change(func(s *state) {
		s.card = card
		if was != nil {
			s.left = ErrRemoved
		}
	})
	return card, nil
}
