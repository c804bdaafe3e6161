package pcsc

import (
	"fmt"
	"log/slog"
)

// link is a card's handle and what belongs to it. One goroutine uses it.
type link struct {
	api      winscard
	context  handle
	card     handle
	protocol uint32
	share    uint32
	name     string
	profile  *profile
	logger   *slog.Logger

	transaction bool
	gone        bool      // the last exchange found no card
	polling     bool      // we have stopped the reader's search for cards
	carriers    []carrier // for native frames; the first is in use
	wrapped     []byte
	response    []byte
}

func (l *link) failed(op string, code Error) error {
	code = l.api.platform().meaning(code)
	e := failed(l.api.platform().name, op, l.name, code)
	e.sent = !code.unsent(l.api.platform().pcscLite)
	return e
}

// exchange carries one frame.
func (l *link) exchange(command []byte) ([]byte, error) {
	if len(l.carriers) > 0 && !isAPDU(command) {
		return l.native(command)
	}
	r, err := l.transmit(command)
	if err == nil && l.profile.lost && len(r) == 2 && r[0] == 0x63 && r[1] == 0x00 && command[0] != 0x00 {
		return nil, &OpError{Op: "transmit", Reader: l.name, Err: chipError(chipTimeout), sent: true}
	}
	return r, err
}

// native carries a native frame as a command of the reader's chip.
func (l *link) native(command []byte) ([]byte, error) {
	for {
		c := &l.carriers[0]
		var err error
		if l.wrapped, err = c.appendCommand(l.wrapped[:0], command); err != nil {
			return nil, &OpError{Op: "transmit", Reader: l.name, Err: err}
		}
		r, err := l.transmit(l.wrapped)
		if err != nil {
			return nil, err
		}
		r, err = c.parse(r)
		if err == nil {
			return r, nil
		}
		refused := err == error(chipError(chipWrongContext))
		if refused && len(l.carriers) > 1 {
			l.carriers = l.carriers[1:]
			continue
		}
		return nil, &OpError{Op: "transmit", Reader: l.name, Err: err, sent: !refused}
	}
}

// transmit carries bytes as they are, inside a transaction where other
// programs share the card. A card that was gone is gone until reconnect: it
// may lie there again, and know nothing of what came before.
func (l *link) transmit(command []byte) ([]byte, error) {
	if l.gone {
		return nil, &OpError{Op: "transmit", Reader: l.name, Err: fmt.Errorf("%w, since an earlier command", ErrRemoved)}
	}
	if l.share == shareShared && !l.transaction {
		if code := l.api.beginTransaction(l.card); code != codeOK {
			l.gone = l.api.platform().meaning(code).removed()
			e := l.failed("begin a transaction", code).(*OpError)
			e.sent = false
			return nil, e
		}
		l.transaction = true
	}
	n, code := l.api.transmit(l.card, l.protocol, command, l.response)
	code = l.api.platform().meaning(code)
	l.gone = code.removed() || code == codeOK && n == 0
	if code != codeOK {
		return nil, l.failed("transmit", code)
	}
	if n == 0 { // what vpcd makes of a card that leaves before it answers
		return nil, &OpError{Op: "transmit", Reader: l.name, Err: fmt.Errorf("%w: the answer is empty", ErrRemoved), sent: true}
	}
	return l.response[:n], nil
}

// reconnect activates the card anew and returns its ATR.
func (l *link) reconnect() ([]byte, error) {
	l.endTransaction()
	var protocol uint32
	code := codeOK
	if l.gone {
		// Look before the reset: pcscd takes a failed one for a removal, and
		// then never sees a card that comes back before its next look.
		_, code = l.api.reconnect(l.card, l.share, protocolT0|protocolT1, leaveCard)
	}
	if code == codeOK {
		protocol, code = l.api.reconnect(l.card, l.share, protocolT0|protocolT1, resetCard)
	}
	if code == codeUnresponsiveCard || code == codeUnpoweredCard {
		protocol, code = l.api.reconnect(l.card, l.share, protocolT0|protocolT1, unpowerCard)
	}
	if code != codeOK {
		e := l.failed("reconnect", code).(*OpError)
		e.sent = false
		return nil, e
	}
	l.protocol, l.gone = protocol, false
	l.carriers = l.profile.direct
	l.stopPolling()
	s, code := l.api.status(l.card)
	if code != codeOK {
		return nil, l.failed("reconnect", code)
	}
	return s.atr, nil
}

func (l *link) endTransaction() {
	if l.transaction {
		l.transaction = false
		l.api.endTransaction(l.card, leaveCard)
	}
}

// stopPolling stops the reader's own search for cards. A reader that refuses
// is used as it is.
func (l *link) stopPolling() { l.polling = l.setPolling(l.profile.pollingOff) }

func (l *link) setPolling(command []byte) bool {
	if len(command) == 0 {
		return false
	}
	n, code := l.api.transmit(l.card, l.protocol, command, l.response)
	ok := code == codeOK && n >= 1 // 90 and the new value; some answer with the value alone
	l.logger.Debug("auto-polling of the reader", "reader", l.name, "command", hexBytes(command), "done", ok)
	return ok
}

// release gives everything back.
func (l *link) release(disposition uint32) {
	if l.polling {
		l.setPolling(l.profile.pollingOn)
	}
	l.endTransaction()
	if l.gone { // nothing to reset, and for pcscd see reconnect
		disposition = leaveCard
	}
	if code := l.api.disconnect(l.card, disposition); code != codeOK && !code.removed() {
		l.logger.Debug("disconnect", "reader", l.name, "error", code)
	}
	l.api.releaseContext(l.context)
}
