package mobile

import (
	"errors"
	"fmt"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// newLink makes a transport of a tag that takes frames.
func newLink(name string, t Transceiver) *link {
	l := connected(name, t.Present, t.Close)
	l.max, l.framing, l.exchange, l.fits = max(t.MaxLength(), 0), desfire.FramingAuto, t.Transceive, func([]byte) error { return nil }
	return l
}

// newLink7816 makes a transport of a tag that takes the fields of APDUs.
func newLink7816(name string, t Transceiver7816) *link {
	l := connected(name, t.Present, t.Close)
	l.framing = desfire.FramingWrapped
	l.fits = func(command []byte) error { _, err := fields(command); return err }
	l.exchange = func(command []byte) ([]byte, error) {
		c, err := fields(command)
		if err != nil {
			return nil, err
		}
		a, err := t.Transceive(int(c.Class), int(c.INS), int(c.P1), int(c.P2), c.Data, c.Le)
		if err != nil {
			return nil, err
		}
		return a.frame()
	}
	return l
}

// connected is a link to a tag that is there.
func connected(name string, present func() bool, end func()) *link {
	l := &link{name: name, done: make(chan struct{}), shut: make(chan struct{}), present: present}
	l.close = sync.OnceFunc(func() {
		defer close(l.shut)
		end()
	})
	return l
}

// fields takes an APDU apart.
func fields(command []byte) (*wire.Frame, error) {
	c, status := wire.ParseCommand(command)
	switch {
	case c.Framing != wire.FramingWrapped:
		return nil, errors.New("this phone sends APDUs of class 00 and 90 only, no native frames")
	case status != wire.StatusOK:
		return nil, fmt.Errorf("a command of %d bytes that is no APDU", len(command))
	}
	return &c, nil
}

// frame is the answer as the tag sent it.
func (a *Answer7816) frame() ([]byte, error) {
	switch {
	case a == nil:
		return nil, errors.New("the app gave neither an answer nor an error")
	case a.SW1 < 0 || a.SW1 > 0xFF || a.SW2 < 0 || a.SW2 > 0xFF:
		return nil, fmt.Errorf("the app gave a status of %d and %d: want two bytes", a.SW1, a.SW2)
	}
	return append(append(make([]byte, 0, len(a.Data)+2), a.Data...), byte(a.SW1), byte(a.SW2)), nil
}
