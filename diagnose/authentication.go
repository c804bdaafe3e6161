package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// authentication looks why the card refused an authentication.
func (w *walk) authentication(m *trace.Message) {
	h, complete := handshakeOf(m)
	if !complete {
		w.beginning(m, &h)
		return
	}
	before := len(w.report.Findings)
	n := h.nonce()
	if m.Status == wire.StatusAuthenticationDelay || m.Status == wire.StatusPICCDisabled {
		w.byStatus(m)
		return
	}
	if len(h.token) != 2*n {
		w.find(m, "token-length", Proved, fmt.Sprintf("the reader's token has %d bytes; to a challenge of %d it needs %d: RndA and RndB rotated, enciphered together", len(h.token), n, 2*n), "let RndA be as long as RndB, and encipher both in one")
		return
	}
	keys := w.keysFor(m)
	t := h.match(keys, &w.tries)
	switch {
	case t != nil && len(t.faults) == 0:
		w.report.Right++
		w.anotherKey(m, &h, t)
	case t != nil:
		for _, f := range t.faults {
			w.find(m, f.rule, t.sure, f.text, f.next)
		}
	default:
		w.tokenUnknown(m, &h, keys)
	}
	if len(w.report.Findings) == before {
		w.byStatus(m)
	}
}

// anotherKey: the token is right for a key that was given.
func (w *walk) anotherKey(m *trace.Message, h *handshake, t *tokenMatch) {
	place := "the card"
	if m.App != nil && *m.App != wire.PICC {
		place = fmt.Sprintf("application %v", *m.App)
	}
	text := fmt.Sprintf("the reader's token is right for the key given (%s), so key %d of %s is another one", key.String(t.key), h.no&0x3F, place)
	next := "find out which key the card has: another number, application or version of it, one that is diversified, or the key of zeros that cards are delivered with"
	if v, known := w.app(m).versions[wire.KeyNo(h.no&0x3F)]; known && v != t.key.Version() {
		text += fmt.Sprintf("; the card says version %02X, this one has %02X", v, t.key.Version())
		next = fmt.Sprintf("look for the key of version %02X", v)
	}
	for _, k := range m.Keys {
		if k.Value == t.key && k.No >= 0 && k.No != h.no&0x3F {
			text += fmt.Sprintf("; it was given as key %d", k.No)
			next = fmt.Sprintf("authenticate with key number %d", k.No)
		}
	}
	w.find(m, "another-key", Proved, text, next)
}

// tokenUnknown: no key that was given explains the token.
func (w *walk) tokenUnknown(m *trace.Message, h *handshake, keys []trace.Key) {
	usable := 0
	for _, k := range keys {
		if h.fits(k.Value.Type()) {
			usable++
		}
	}
	switch {
	case usable > 0 && w.tries <= 0:
		w.find(m, "not-searched", Possible, "what is wrong with the token was not looked for, since too much before it in the recording was wrong as well", "diagnose a recording of this authentication alone")
	case usable > 0:
		w.find(m, "token-unexplained", Likely, fmt.Sprintf("the reader's token was made with no key that is given (of which %d can be meant), nor by a mistake that is known", usable), "give the key that the reader used with --key: what is wrong with the token cannot be told without it")
	case len(keys) > 0:
		w.find(m, "key-type", Likely, fmt.Sprintf("the keys given are of another type than %v authentication takes", h.method), "give a key of the type that the method takes: "+takes(h))
	default:
		w.find(m, "another-key", Possible, fmt.Sprintf("the card does not accept the token: its key %d is another one than the reader's, or the token was made wrong", h.no&0x3F), "give the key that the reader used with --key TYPE:DIGITS, or --default-keys; the token then tells which of the two it is")
	}
}

func takes(h *handshake) string {
	switch h.method {
	case key.MethodD40:
		return "DES or 2K3DES"
	case key.MethodISO:
		if len(h.challenge) == 16 {
			return "3K3DES"
		}
		return "DES or 2K3DES"
	}
	return "AES"
}

// beginning: the card refused the first frame.
func (w *walk) beginning(m *trace.Message, h *handshake) {
	app := w.app(m)
	no := wire.KeyNo(h.no & 0x3F)
	switch {
	case m.Status == wire.StatusNoSuchKey && app.settings != nil:
		w.find(m, "no-such-key", Proved, fmt.Sprintf("there is no key %d: the settings say %d", no, app.settings.KS2.Keys()), "use a key number below that, or select another application first")
		return
	case app.settings != nil && m.Status == wire.StatusAuthenticationError && !methodFits(h.method, app.settings.KS2.KeyType()):
		w.find(m, "key-type", Proved, fmt.Sprintf("the keys here are of type %v, which %v authentication does not take", app.settings.KS2.KeyType(), h.method), "authenticate by the method of the key's type: "+methodsOf(app.settings.KS2.KeyType()))
		return
	case m.Status == wire.StatusAuthenticationError:
		w.find(m, "key-type", Likely, fmt.Sprintf("the card refuses %v authentication with key %d at once: its key is of another type", h.method, no), "ask for the type with GetKeySettings, and authenticate by its method: 1A (or 0A) for DES, AA or 71 for AES")
		return
	case !w.fits(m):
		w.layout(m)
		return
	}
	w.known(m)
	w.byStatus(m)
}

func methodFits(m key.Method, t wire.KeyType) bool {
	aes := t == wire.KeyAES
	switch m {
	case key.MethodD40:
		return t == wire.KeyDES
	case key.MethodISO:
		return !aes
	}
	return aes
}

func methodsOf(t wire.KeyType) string {
	switch t {
	case wire.KeyAES:
		return "AA, or 71 from EV2 on"
	case wire.KeyDES:
		return "0A or 1A"
	}
	return "1A"
}

// anotherRndA looks whether the RndA that the recording says is the one that the
// card has: a wrong IV garbles it, and the card does not notice.
func (w *walk) anotherRndA(m *trace.Message) {
	f, garbled := w.opening.ivFault()
	if f == nil {
		return
	}
	for _, a := range w.rndA {
		if bytes.Equal(a, garbled) {
			w.find(m, f.rule, Proved, f.text, f.next)
		}
	}
}
