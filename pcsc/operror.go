package pcsc

import (
	"errors"
	"fmt"
)

// Conditions, to be asked for with errors.Is. An OpError that meets one says
// what to do about it.
var (
	// ErrUnavailable: this system has no PC/SC library.
	ErrUnavailable = errors.New("PC/SC is not available")
	// ErrNoService: the library is there, the service (pcscd, SCardSvr) does not run.
	ErrNoService = errors.New("the PC/SC service does not run")
	// ErrNoReader: the service runs and knows no reader, or none of that name.
	ErrNoReader = errors.New("no reader")
	// ErrReaderBusy: another program holds the reader.
	ErrReaderBusy = errors.New("another program uses the reader")
	// ErrRemoved: the card, its reader or the service is gone. A new insertion
	// gives a new connection.
	ErrRemoved = errors.New("the card is gone")
	// ErrReset: the card was reset, by another program or because a
	// transaction was idle for too long. Its session is lost; Reconnect goes on.
	ErrReset = errors.New("the card was reset")
	// ErrClosed: the connection was closed, or ended with a context.
	ErrClosed = errors.New("the connection is closed")
)

// OpError is a call that failed.
type OpError struct {
	Op     string // what we were doing: "transmit", "connect"
	Reader string // empty where no reader is concerned
	Err    error  // an Error, a condition or the context's error
	Advice string // what to do about it, may be empty

	sent bool
}

func (e *OpError) Error() string {
	s := "pcsc: " + e.Op
	if e.Reader != "" {
		s += fmt.Sprintf(" (%s)", e.Reader)
	}
	s += ": " + e.Err.Error()
	if e.Advice != "" {
		s += ": " + e.Advice
	}
	return s
}

// Unwrap returns the cause.
func (e *OpError) Unwrap() error { return e.Err }

// Next is what to do about it, Advice, for callers that do not import this package.
func (e *OpError) Next() string { return e.Advice }

// Sent reports whether the card may have seen the command. False is certain.
func (e *OpError) Sent() bool { return e.sent }

// Removed reports whether the card is gone: the same as errors.Is with
// ErrRemoved, for callers that do not import this package.
func (e *OpError) Removed() bool { return errors.Is(e.Err, ErrRemoved) }

// InUse reports whether another program has the card: the same as errors.Is with
// ErrReaderBusy.
func (e *OpError) InUse() bool { return errors.Is(e.Err, ErrReaderBusy) }

// Reset reports whether the card was reset and Reconnect may go on: the same
// as errors.Is with ErrReset.
func (e *OpError) Reset() bool { return errors.Is(e.Err, ErrReset) }

// failed makes an OpError of a return code, with the advice for the system.
func failed(goos, op, reader string, code Error) *OpError {
	return &OpError{Op: op, Reader: reader, Err: code, Advice: advice(goos, code), sent: true}
}

// unavailable says that the library is missing.
func unavailable(goos string, err error) error {
	e := &OpError{Op: "load the PC/SC library", Err: fmt.Errorf("%w: %w", ErrUnavailable, err)}
	switch goos {
	case "linux":
		e.Advice = "install it (Debian, Ubuntu: apt install libpcsclite1 pcscd; Fedora: dnf install pcsc-lite pcsc-lite-ccid; " +
			"Arch: pacman -S pcsclite ccid), or use a card that needs none (sim:, tcp:HOST:PORT)"
	case "windows", "darwin":
		e.Advice = "it is part of the system; this installation lacks it"
	default:
		e.Advice = "PC/SC works on Linux, macOS and Windows; use a card that needs none (sim:, tcp:HOST:PORT)"
	}
	return e
}

func advice(goos string, code Error) string {
	switch {
	case code == codeSharingViolation:
		return "close the program that uses the card (on many desktops GnuPG's scdaemon or a browser), or lift the card and present it again"
	case code == codeSecurityViolation:
		if goos == "linux" {
			return "polkit keeps this user from PC/SC: log in at the machine itself, or add a rule for org.debian.pcsc-lite.access_pcsc and access_card"
		}
	case code == codeResetCard:
		return "another program reset it, or it was idle for too long; connect anew and start over"
	case code == codeUnresponsiveCard || code == codeUnpoweredCard:
		return "lift the card and present it again, flat on the reader and one card at a time"
	case code == codeProtoMismatch:
		return "this is not a contactless card"
	case code == codeNoReaders:
		return noReaderAdvice(goos)
	case code.serviceGone():
		switch goos {
		case "linux":
			return "start pcscd (systemctl start pcscd.socket; without systemd: pcscd, as root); in a container, mount /run/pcscd"
		case "windows":
			return `plug in a reader, which starts the service "Smart Card" (SCardSvr), or start it: sc start SCardSvr`
		case "darwin":
			return "macOS starts it by itself: plug the reader out and in"
		}
	}
	return ""
}

func noReaderAdvice(goos string) string {
	s := "plug one in"
	if goos == "linux" {
		return s + "; if it is, it needs its driver (apt install libccid, or the maker's), and the kernel's must let go of it: modprobe -r pn533_usb pn533 nfc"
	}
	return s + "; if it is, it needs its maker's driver"
}
