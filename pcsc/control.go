package pcsc

import (
	"context"
	"errors"
	"fmt"
)

const (
	maxControl = 512             // room for the answer of a reader to a command to itself
	maxShort   = 4 + 1 + 255 + 1 // of a short APDU
)

// Control sends a command to a reader itself, where no connection of ours holds
// it, and returns its answer: one of those that package acr122 makes. It goes as an
// escape command (SCardControl), which needs no card but a driver that lets it
// through, or else past the card that lies there, for which the reader keeps it.
//
// Readers that would hand it to the card, and all with Config.NoEscapes, are left
// alone: the error is an *OpError that wraps errors.ErrUnsupported, as it is where
// the driver refuses. ErrReaderBusy: somebody uses the card; for one of our own
// connections there is Conn.Control.
func (r *Readers) Control(ctx context.Context, reader string, command []byte) ([]byte, error) {
	p := r.profile(reader)
	if err := controllable(p, reader, command); err != nil {
		return nil, err
	}
	command = append([]byte(nil), command...)
	type answered struct {
		answer []byte
		err    error
	}
	a, err := await(ctx, func() answered {
		answer, err := r.control(p, reader, command)
		return answered{answer, err}
	}, func(answered) {})
	if err != nil {
		return nil, &OpError{Op: opControl, Reader: reader, Err: err, sent: true}
	}
	return a.answer, a.err
}

// Control sends a command to the reader itself, as Readers.Control does, in between
// the commands to the card. The card keeps its session.
func (c *Conn) Control(ctx context.Context, command []byte) ([]byte, error) {
	s, _ := c.current()
	if err := controllable(s.profile, s.name, command); err != nil {
		return nil, err
	}
	answer, err := s.do(ctx, opRaw, command)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), answer...), nil
}

const opControl = "command the reader"

// controllable tells why a command does not go to a reader: only a command that the
// reader keeps for itself may, else a card would get it.
func controllable(p *profile, reader string, command []byte) error {
	switch {
	case !p.commands:
		return &OpError{Op: opControl, Reader: reader, Err: fmt.Errorf("%w: it is not known to take commands as the ACR122U does, or they are turned off", errors.ErrUnsupported)}
	case len(command) < 5 || len(command) > maxShort || command[0] != 0xFF || command[1] != 0x00:
		return &OpError{Op: opControl, Reader: reader, Err: errors.New("a command to a reader is FF 00 P1 P2 and up to 257 bytes more")}
	}
	return nil
}

// control finds a way to the reader.
func (r *Readers) control(p *profile, reader string, command []byte) ([]byte, error) {
	system := r.api.platform()
	failed := func(code Error) error { return failed(system.name, opControl, reader, code) }
	hContext, code := r.api.establishContext()
	if code != codeOK {
		return nil, failed(code)
	}
	l := link{api: r.api, context: hContext, name: reader, profile: p, share: shareDirect, logger: r.log, response: make([]byte, maxControl)}
	if l.card, l.protocol, code = r.api.connect(hContext, reader, shareDirect, system.direct); code == codeOK {
		var answer []byte
		if answer, code = l.escape(command); code == codeOK {
			l.release(leaveCard)
			return append([]byte(nil), answer...), nil
		}
		r.api.disconnect(l.card, leaveCard)
	}
	if code.serviceGone() || code == codeUnknownReader || code == codeReaderUnavailable || code == codeNoReaders {
		r.api.releaseContext(hContext)
		return nil, failed(code)
	}
	r.log.Debug("escape command", "reader", reader, "result", code)
	l.share = shareShared
	refused := code
	switch l.card, l.protocol, code = r.api.connect(hContext, reader, l.share, protocolT0|protocolT1); code {
	case codeOK:
	case codeNoSmartcard, codeRemovedCard, codeUnpoweredCard, codeUnresponsiveCard:
		r.api.releaseContext(hContext)
		if refused == codeSharingViolation {
			return nil, failed(refused)
		}
		return nil, &OpError{Op: opControl, Reader: reader, Advice: escapeAdvice(system.name),
			Err: fmt.Errorf("%w: the driver lets no escape command through: %w", errors.ErrUnsupported, refused)}
	default:
		r.api.releaseContext(hContext)
		return nil, failed(code)
	}
	defer l.release(leaveCard)
	answer, err := l.transmit(command)
	if err != nil {
		return nil, err
	}
	return append([]byte(nil), answer...), nil
}

// escape sends a command to the reader itself.
func (l *link) escape(command []byte) ([]byte, Error) {
	code := l.feature(featureEscape)
	if code == 0 {
		p := l.api.platform()
		code = p.control(p.escape)
	}
	n, rc := l.api.control(l.card, code, command, l.response)
	if rc != codeOK {
		return nil, rc
	}
	return l.response[:n], rc
}

// escapeAdvice is how to have a driver pass escape commands.
func escapeAdvice(goos string) string {
	const s = "put a card on the reader, or have the driver let them through: "
	switch goos {
	case "linux":
		return s + "ifdDriverOptions 0x0001 in /etc/libccid_Info.plist, then restart pcscd"
	case "windows":
		return s + `a DWORD EscapeCommandEnable = 1 under the reader's "Device Parameters" in the registry, then plug it in again`
	}
	return "put a card on the reader"
}
