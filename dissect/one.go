package dissect

import (
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// One takes the message apart that exchange n belongs to, nil if there is none.
// It looks at what came before in the recording from the last activation of the
// card on or, if that is long ago, from a selection on, so that its time does not
// grow with the recording, unless keys that were changed before are needed. conf
// may be nil.
func One(rec *trace.Recording, n int, conf *Config) *Message {
	if n < 0 || n >= len(rec.Exchanges) {
		return nil
	}
	from, selected := n, 0
	for from > 0 && !rec.Exchanges[from].Reset && (selected == 0 || n-from < far) {
		if selects(&rec.Exchanges[from]) {
			selected = from
		}
		from--
	}
	if from > 0 && !rec.Exchanges[from].Reset {
		from = selected
	}
	m := one(rec, from, n, conf)
	if from > 0 && m != nil && m.lacksKey() { // a key may have been learned before
		m = one(rec, 0, n, conf)
	}
	return m
}

// far is how many exchanges are looked at without an activation, before a
// selection counts as one.
const far = 1000

// selects reports whether an exchange selects an application.
func selects(e *trace.Exchange) bool {
	c, status := wire.ParseCommand(e.Command)
	return status == wire.StatusOK && c.Class == wire.ClassNative && c.INS == wire.InsSelectApplication
}

// one follows a recording from an exchange on until the message of n is whole.
func one(rec *trace.Recording, from, n int, conf *Config) *Message {
	f := newFollower(rec.Framing, rec.Keys, conf)
	f.Number(from)
	for i := from; i < len(rec.Exchanges); i++ {
		for _, m := range f.Feed(rec.Exchanges[i]) {
			if m.has(n) {
				return m
			}
		}
	}
	for _, m := range f.Flush() {
		if m.has(n) {
			return m
		}
	}
	return nil
}

// has reports whether an exchange is one of the message's frames.
func (m *Message) has(n int) bool {
	for _, f := range m.Frames {
		if f.Exchange == n {
			return true
		}
	}
	return false
}

// lacksKey reports whether the message is of a session that no key fits.
func (m *Message) lacksKey() bool {
	for _, v := range m.Verdicts {
		if v.Check == trace.CheckKeys {
			return true
		}
	}
	return m.Scheme == 0 && m.Protection != Clear
}
