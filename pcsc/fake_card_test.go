package pcsc

import "slices"

func (f *fake) connect(c handle, reader string, share, protocols uint32) (handle, uint32, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if code := f.valid(c); code != codeOK {
		return 0, 0, code
	}
	r := f.reader(reader)
	switch {
	case r == nil:
		return 0, 0, codeUnknownReader
	case len(r.refuse) > 0:
		code := r.refuse[0]
		r.refuse = r.refuse[1:]
		return 0, 0, code
	case !r.present && share != shareDirect:
		return 0, 0, codeNoSmartcard
	case slices.Contains(r.share, shareExclusive), share == shareExclusive && len(r.share) > 0:
		return 0, 0, codeSharingViolation
	}
	r.share = append(r.share, share)
	f.next++
	f.cards[f.next] = &fakeCard{reader: r, share: share, counter: r.counter}
	f.record("connect %d", share)
	protocol := uint32(protocolT1)
	if share == shareDirect {
		protocol = 0
	}
	return f.next, protocol, codeOK
}

// card finds a connection and whether its card is still the one it had.
func (f *fake) card(h handle) (*fakeCard, Error) {
	c := f.cards[h]
	switch {
	case f.down != codeOK:
		return nil, f.down
	case c == nil:
		return nil, codeInvalidHandle
	case f.reader(c.reader.name) != c.reader:
		return nil, codeReaderUnavailable
	case c.counter != c.reader.counter:
		return nil, codeRemovedCard
	}
	return c, codeOK
}

func (f *fake) reconnect(h handle, share, protocols, initialization uint32) (uint32, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.record("reconnect %d", initialization)
	if len(f.reconnects) > 0 {
		code := f.reconnects[0]
		f.reconnects = f.reconnects[1:]
		return protocolT1, code
	}
	c := f.cards[h]
	switch {
	case f.down != codeOK:
		return 0, f.down
	case c == nil:
		return 0, codeInvalidHandle
	case !c.reader.present:
		return 0, codeNoSmartcard
	}
	c.counter = c.reader.counter
	return protocolT1, codeOK
}

func (f *fake) disconnect(h handle, disposition uint32) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.cards[h]
	if c == nil {
		return codeInvalidHandle
	}
	f.record("disconnect %d", disposition)
	delete(f.cards, h)
	i := slices.Index(c.reader.share, c.share)
	c.reader.share = slices.Delete(c.reader.share, i, i+1)
	return codeOK
}

func (f *fake) beginTransaction(h handle) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.record("begin")
	_, code := f.card(h)
	return code
}

func (f *fake) endTransaction(h handle, disposition uint32) Error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.record("end %d", disposition)
	return codeOK
}

func (f *fake) transmit(h handle, protocol uint32, command, response []byte) (int, Error) {
	f.mu.Lock()
	f.record("transmit %X", command)
	hang, answer := f.hang, f.answer
	_, code := f.card(h)
	f.mu.Unlock()
	if code != codeOK {
		return 0, code
	}
	if hang != nil {
		<-hang
	}
	if answer == nil {
		return copy(response, []byte{0x91, 0x00}), codeOK
	}
	r, code := answer(command)
	return copy(response, r), code
}

func (f *fake) control(h handle, code uint32, command, response []byte) (int, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	answer, ok := f.controls[code]
	if !ok {
		return 0, codeUnsupportedFeature
	}
	if len(command) > 0 {
		f.record("control %X", command)
	}
	return copy(response, answer), codeOK
}

func (f *fake) status(h handle) (status, Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c, code := f.card(h)
	if code != codeOK {
		return status{}, code
	}
	return status{reader: c.reader.name, protocol: protocolT1, atr: c.reader.atr}, codeOK
}

func (f *fake) getAttrib(handle, uint32, []byte) (int, Error) { return 0, codeUnsupportedFeature }
