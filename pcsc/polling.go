package pcsc

// resumePolling makes a reader look for cards again after a program that had
// stopped it was killed. It needs a direct connection, which works without a
// card, and a driver that lets escape commands through; a refusal is no error.
func (r *Readers) resumePolling(context handle, reader string) {
	p := r.profile(reader)
	if len(p.pollingOn) == 0 {
		return
	}
	card, protocol, code := r.api.connect(context, reader, shareDirect, r.api.platform().direct)
	if code == codeOK {
		l := link{api: r.api, card: card, protocol: protocol, profile: p, response: make([]byte, 64)}
		_, code = l.escape(p.pollingOn)
		r.api.disconnect(card, leaveCard)
	}
	r.log.Debug("auto-polling on", "reader", reader, "result", code)
}
