package place

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-desfire/desfire"
)

// Wait says how Open waits for a card, and for which. The zero value, and nil,
// wait for ever and take the first one.
type Wait struct {
	// Limit is how long to wait; 0 is for ever.
	Limit time.Duration
	// OnEvent is told what the source reports meanwhile, a card included.
	OnEvent func(desfire.Event)
	// OnWait is told what is waited for, a *NoCardError or an *InUseError without
	// a Limit, once it takes longer than people notice and whenever it changes.
	OnWait func(why error)

	// Identify tells what the card on t is, for people, and whether it is wanted;
	// nil wants every card. It may exchange frames and close t. A card that is not
	// wanted, or that fails with an error, is left alone until it is presented
	// again. A *desfire.GiveUp ends Open with its Err.
	Identify func(ctx context.Context, t desfire.Transport, reader string) (name string, wanted bool, err error)
	// Alone wants the card to be the only one: Open fails with a *SeveralError
	// where more than one wanted card is presented at that moment.
	Alone bool
}

const (
	// noticed is how long a wait may take without a word.
	noticed = 400 * time.Millisecond
	// again is when a card is tried once more that another program had, or that
	// has left and come back unnoticed: pcscd looks every 400 ms.
	again = 500 * time.Millisecond
	// settled is how long a reader that List says to have a card may take to
	// report it.
	settled = time.Second
	// unlisted is that time where there is no List.
	unlisted = 100 * time.Millisecond
	// connecting is how long a card may take to be connected to.
	connecting = 5 * time.Second
)

// Open connects to the card that is presented, or to the first that will be,
// and names its reader. The card is freshly activated, and the connection the
// caller's to close. If there cannot be a card it says so at once.
//
// At the end of the limit the error is a *NoCardError, or an *InUseError if
// another has the card.
//
// To work with one card after the other, give the Place to desfire.Cards, Serve
// or Keep.
func (p *Place) Open(ctx context.Context, w *Wait) (t desfire.Transport, reader string, err error) {
	if p.Ready != nil && p.Await == nil {
		// Which of several cards is to be found out below.
		if err := p.Ready(ctx); err != nil && !errors.As(err, new(*SeveralError)) {
			return nil, "", err
		}
	}
	o := &opening{Place: p}
	if w != nil {
		o.Wait = *w
	}
	defer o.closeAll()
	c, err := o.run(ctx)
	if c == nil {
		return nil, o.at, err
	}
	t, c.t = c.t, nil
	return t, c.ev.Reader, nil
}

// opening is one call of Open.
type opening struct {
	*Place
	Wait
	at string // the reader that an error is about

	cards   []*candidate // that lie there, in the order in which they came
	seen    []Seen       // that were not wanted
	ignored desfire.Event
	why     error // why there is none, as the source says

	noticed bool // it takes long
	told    string
	listed  bool
	await   []string // readers that have a card and have not reported it
}

// news is what the source says.
type news struct {
	ev  desfire.Event
	why error // without an event
	err error // at the end
}

// watch runs the source until ctx ends, which whoever called it waits for, and takes
// all that it says: its last word may be why there is no card.
func (o *opening) watch(ctx context.Context) <-chan news {
	c := make(chan news)
	send := func(n news) bool {
		c <- n
		return ctx.Err() == nil
	}
	go func() {
		defer close(c)
		events := o.Source.Events
		if o.Await != nil {
			events = func(ctx context.Context) iter.Seq2[desfire.Event, error] {
				return o.Await(ctx, func(why error) { send(news{why: why}) })
			}
		}
		for ev, err := range events(ctx) {
			if !send(news{ev: ev, err: err}) || err != nil {
				return
			}
		}
	}()
	return c
}

func (o *opening) run(ctx context.Context) (*candidate, error) {
	watching, cancel := context.WithCancel(ctx)
	if o.Limit > 0 {
		watching, cancel = context.WithTimeout(ctx, o.Limit)
	}
	source := o.watch(watching) // also while a card is opened: it may end what it reported
	defer func() {
		cancel()
		for range source { // until it has ended
		}
	}()
	notice := time.NewTimer(noticed)
	defer notice.Stop()
	look := time.NewTicker(again)
	defer look.Stop()
	var found <-chan time.Time // when no other card is waited for any more
	for {
		var err error
		ended := false
		select {
		case n, ok := <-source:
			switch {
			case !ok:
				ended, o.await = true, nil
			case n.err != nil:
				o.at = n.ev.Reader
				return nil, n.err
			case n.ev.Kind == 0:
				o.why = n.why
			case watching.Err() != nil: // it comes too late
			default:
				err = o.event(ctx, n.ev)
			}
		case <-notice.C:
			o.noticed = true
		case <-look.C:
			err = o.again(ctx)
		case <-found:
			o.await = nil
		}
		if err != nil {
			return nil, err
		}
		c, err := o.choose(ctx)
		switch {
		case err != nil || c != nil && len(o.await) == 0:
			return c, err
		case ended:
			return nil, o.none(ctx, watching)
		case c == nil:
			found = nil
			o.tell()
		case found == nil:
			found = time.After(settled)
			if o.List == nil {
				found = time.After(unlisted)
			}
		}
	}
}

// event takes note of what happened, and tries a card that has come.
func (o *opening) event(ctx context.Context, ev desfire.Event) error {
	if o.OnEvent != nil {
		o.OnEvent(ev)
	}
	if ev.Ignored != "" {
		o.ignored = ev
	}
	switch ev.Kind {
	case desfire.CardInserted:
		o.why = nil
		o.drop(ev.Reader)
		o.await = slices.DeleteFunc(o.await, func(reader string) bool { return reader == ev.Reader })
		if ev.Ignored == "" && ev.Open != nil {
			c := &candidate{ev: ev}
			o.cards = append(o.cards, c)
			return o.try(ctx, c)
		}
	case desfire.CardRemoved, desfire.ReaderRemoved:
		o.drop(ev.Reader)
	case desfire.ServiceLost:
		o.why = ev.Err
		o.closeAll()
	case desfire.ServiceBack:
		o.why = nil
	}
	return nil
}

// drop forgets the card of a reader.
func (o *opening) drop(reader string) {
	o.cards = slices.DeleteFunc(o.cards, func(c *candidate) bool {
		if c.ev.Reader == reader {
			c.close()
		}
		return c.ev.Reader == reader
	})
}

func (o *opening) closeAll() {
	for _, c := range o.cards {
		c.close()
	}
	o.cards = nil
}

// again tries cards anew that could not be had.
func (o *opening) again(ctx context.Context) error {
	for _, c := range o.cards {
		if c.busy != nil {
			if err := o.try(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// choose is the card to return: the first that is wanted, if it is alone where
// that matters.
func (o *opening) choose(ctx context.Context) (*candidate, error) {
	var wanted []*candidate
	for _, c := range o.cards {
		if c.t != nil {
			wanted = append(wanted, c)
		}
	}
	switch {
	case len(wanted) == 0:
		o.listed, o.await = false, nil
		return nil, nil
	case !o.Alone || o.Fixed:
		return wanted[0], nil
	case !o.listed:
		o.listed, o.await = true, o.others(ctx)
	}
	several := new(SeveralError)
	for _, c := range o.cards {
		if c.t != nil || o.Identify == nil {
			several.Cards = append(several.Cards, Seen{Reader: c.ev.Reader, Name: c.name})
		}
	}
	if o.Identify == nil && o.List != nil { // every card counts, without a look at it
		for _, reader := range o.await {
			several.Cards = append(several.Cards, Seen{Reader: reader})
		}
	}
	if len(several.Cards) > 1 {
		return nil, several
	}
	return wanted[0], nil
}

// others are the readers that have a card and have not reported it; a nameless
// one, if that cannot be known.
func (o *opening) others(ctx context.Context) []string {
	if o.List == nil {
		return []string{""}
	}
	list, err := o.List(ctx)
	if err != nil {
		return []string{""}
	}
	var readers []string
	for _, r := range list {
		known := slices.ContainsFunc(o.cards, func(c *candidate) bool { return c.ev.Reader == r.Name })
		if r.Card && r.Ignored == "" && !known {
			readers = append(readers, r.Name)
		}
	}
	return readers
}

// reason is why there is no card.
func (o *opening) reason(limit time.Duration) error {
	why, reader := o.why, ""
	for _, c := range o.cards {
		if c.busy != nil && !InUse(why) {
			why, reader = c.busy, c.ev.Reader
		}
	}
	if InUse(why) {
		return &InUseError{Place: o.Name, Reader: reader, Limit: limit, Err: why}
	}
	return &NoCardError{Place: o.Name, Limit: limit, Reader: o.ignored.Reader, Ignored: o.ignored.Ignored, Why: why, Seen: slices.Clone(o.seen)}
}

// tell says what is waited for, if that is news.
func (o *opening) tell() {
	if !o.noticed || o.OnWait == nil {
		return
	}
	if why := o.reason(0); why.Error() != o.told {
		o.told = why.Error()
		o.OnWait(why)
	}
}

// none is why Open ends without a card.
func (o *opening) none(ctx, watching context.Context) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case watching.Err() == nil:
		return fmt.Errorf("%s has ended without a card", o.Name)
	}
	return o.reason(o.Limit)
}
