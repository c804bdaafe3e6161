package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// event is one message of an EV1 session: what it does to the running value.
type event struct {
	exchange int
	name     string
	command  []byte // what the CMAC of the command is over, nil: enciphered
	sent     []byte // the last cryptogram block of the command
	answer   []byte // what the CMAC of the answer is over
	received []byte
}

// maxEvents bounds how far back a chain is recomputed.
const maxEvents = 64

const adviceChain = "let the running IV run: through the CMAC of every command, plain ones too, and through the CMAC of every answer with its status byte"

// eventOf is what a message of an EV1 session does to the running value. ok is
// false where that is not known.
func eventOf(m *trace.Message) (e event, ok bool) {
	block := m.Session.BlockSize()
	e = event{exchange: m.First, name: nameOf(m)}
	switch m.Mode {
	case wire.CommFull, wire.CommOwn:
		if len(m.Body) < block {
			return e, false
		}
		e.sent = m.Body[len(m.Body)-block:]
	case wire.CommMAC:
		e.command = cat([]byte{m.INS}, m.Body[:max(0, len(m.Body)-8)])
	default:
		e.command = cat([]byte{m.INS}, m.Body)
	}
	switch {
	case m.AnswerMode == wire.CommFull && len(m.Answer) >= block:
		e.received = m.Answer[len(m.Answer)-block:]
	case len(m.Answer) >= 8:
		e.answer = cat(m.Answer[:len(m.Answer)-8], []byte{m.Status.Byte()})
	default:
		return e, false
	}
	return e, true
}

// chain computes the running value behind events. skip tells which halves the
// reader left out; status false leaves the status byte out of the answers.
func chain(su *suite, list []event, skip func(i int, answer bool) bool, status bool) []byte {
	iv := make([]byte, su.block)
	for i, e := range list {
		if !skip(i, false) {
			if e.sent != nil {
				iv = e.sent
			} else {
				iv = su.cmac(iv, e.command)
			}
		}
		switch {
		case skip(i, true):
		case e.received != nil:
			iv = e.received
		case status:
			iv = su.cmac(iv, e.answer)
		default:
			iv = su.cmac(iv, e.answer[:len(e.answer)-1])
		}
	}
	return iv
}

// runningIVs are the running values that the reader may have had: the right
// one first, then zero, and those of a chain that left something out.
func (w *walk) runningIVs(s *trace.Session, su *suite) []ivForm {
	right := s.IV()
	list := []ivForm{{nil, right}}
	seen := [][]byte{right}
	add := func(rule, text string, iv []byte) {
		for _, b := range seen {
			if bytes.Equal(b, iv) {
				return
			}
		}
		seen = append(seen, iv)
		list = append(list, ivForm{&fault{rule, text, adviceChain}, iv})
	}
	add("iv-zero", "the reader began from an IV of zeros, not from the running one", make([]byte, su.block))
	events := w.events
	none := func(int, bool) bool { return false }
	if len(events) == 0 || len(events) > maxEvents || !bytes.Equal(chain(su, events, none, true), right) {
		return list
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		at := fmt.Sprintf("%s of exchange %d", e.name, e.exchange)
		add("iv-stale", "the reader's running IV is stale: it left out the CMAC of the answer to "+at, chain(su, events, func(j int, a bool) bool { return j == i && a }, true))
		add("iv-stale", "the reader's running IV is stale: it left out the CMAC of the command "+at, chain(su, events, func(j int, a bool) bool { return j == i && !a }, true))
		add("iv-stale", "the reader's running IV is stale: it left out "+at+" altogether", chain(su, events, func(j int, _ bool) bool { return j == i }, true))
	}
	add("iv-stale", "the reader's running IV is stale: it left out the CMACs of all commands", chain(su, events, func(_ int, a bool) bool { return !a }, true))
	add("iv-stale", "the reader's running IV is stale: it left out the CMACs of all answers", chain(su, events, func(_ int, a bool) bool { return a }, true))
	add("iv-stale", "the reader's running IV is wrong: it left the status byte out of the CMACs of answers", chain(su, events, none, false))
	return list
}

// firstIVs are the IVs of D40, where every operation begins at zero.
func (w *walk) firstIVs() []ivForm {
	list := []ivForm{{nil, make([]byte, 8)}}
	if len(w.lastBlock) == 8 {
		list = append(list, ivForm{&fault{"first-iv", "the reader began from the last cryptogram as IV, not from zero", "in D40 every cryptogram and every MAC begins from an IV of zeros"}, w.lastBlock})
	}
	return list
}
