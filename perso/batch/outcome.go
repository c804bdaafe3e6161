package batch

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
)

// failed says what an error means for the card.
func (m *making) failed(ctx context.Context, err error) error {
	switch {
	case m.entry == nil:
		m.result.Row = ""
		return err
	case ctx.Err() == nil && m.b.journals.err() == nil && final(err):
		return m.write(Failed, []string{err.Error()})
	}
	m.result.Outcome, m.result.Reasons = HalfDone, []string{err.Error()}
	return err
}

// final reports whether presenting the card again will hardly help.
func final(err error) bool {
	var lost *desfire.TransportError
	if errors.As(err, &lost) || errors.As(err, new(*desfire.OutcomeUnknownError)) || errors.As(err, new(*perso.WrongCardError)) {
		return false
	}
	return inspect.Refused(err) || errors.As(err, new(*perso.KeyError)) || errors.As(err, new(*desfire.UnsupportedError)) || errors.As(err, new(*desfire.ArgumentError))
}

// verify compares the card with its layout, and lets it say once more which one it is.
func (m *making) verify(ctx context.Context) error {
	conf := m.conf
	conf.OnStep = nil
	list, err := perso.Verify(ctx, m.card, m.layout, &conf)
	if err != nil {
		return m.failed(ctx, err)
	}
	var differs, open []string
	for _, d := range list {
		if d.Unproven == "" && (m.b.conf.Rotate == nil || d.Key != nil) {
			differs = append(differs, d.String())
		} else {
			open = append(open, d.String())
		}
	}
	if len(differs) > 0 {
		return m.write(Failed, differs)
	}
	id, err := perso.Identify(ctx, m.card, m.layout, &conf)
	if err != nil {
		return m.failed(ctx, err)
	}
	if id.UID != m.result.UID {
		return m.failed(ctx, &perso.WrongCardError{Want: m.result.UID.String(), Is: id.UID.String()})
	}
	m.result.Proved = id.Proved
	if m.result.Keys, err = m.keys(ctx); err != nil {
		return m.failed(ctx, err)
	}
	if err := m.write(Done, open); err != nil {
		return err
	}
	if m.idle && m.b.conf.Rotate != nil {
		m.result.Outcome = Already
	}
	return nil
}

// keys are the versions of the keys that the card was proved to hold.
func (m *making) keys(ctx context.Context) (list []KeyVersion, err error) {
	if m.conf.Want == nil {
		return nil, nil
	}
	for _, k := range m.layout.KeyRefs(m.result.UID) {
		facts, ok, err := m.conf.Want.Has(ctx, k.Ref)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, KeyVersion{k.Place, keystore.Number(*k.Key).String(), facts.Version})
		}
	}
	return list, nil
}

// write makes an outcome last.
func (m *making) write(o Outcome, reasons []string) error {
	b := m.b
	_ = m.end(o, reasons...)
	l := &line{UID: m.result.UID.String(), To: b.to(), State: Made, Proved: m.result.Proved, Keys: m.result.Keys, Time: b.conf.Now()}
	if o == Failed {
		l.State, l.Words, l.Keys = Broken, joined(reasons), nil
		m.result.Keys = nil
	} else {
		l.Open = reasons
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.book.in(b.to()).of(m.result.UID)
	again := before.State == Broken
	if again && o == Failed && before.Words == l.Words {
		return nil // it says so already
	}
	if err := b.write(l); err != nil {
		_ = m.end(HalfDone, "the book could not be written")
		return err
	}
	if o == Done {
		b.count++
		b.here = append(b.here, l.Time)
		if len(b.here) > lately {
			b.here = b.here[1:]
		}
	}
	if b.results != nil {
		return b.results.add(b.book, b.book.in(b.to()).of(m.result.UID), again)
	}
	return nil
}
