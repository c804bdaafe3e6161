package diagnose

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// maxINF is how long a frame is at most at the size that cards have as they are
// delivered, FSC 64: without PCB, CID and CRC.
const maxINF = 60

// frame looks at the frame of a refused command and at the kind of answer, and
// reports whether that is the reason.
func (w *walk) frame(m *trace.Message) bool {
	f := m.Frames[len(m.Frames)-1]
	raw := f.Raw
	switch {
	case w.malformed(m, raw), w.twice(m, raw), w.foreign(m), w.noFile(m):
		return true
	}
	if n := len(raw); n > maxINF && len(m.Frames) == 1 && (m.Status == wire.StatusLengthError || m.Status == wire.StatusISOWrongLength) && w.fits(m) {
		w.find(m, "frame-size", Likely, fmt.Sprintf("the command fits, but its frame has %d bytes: a card takes %d at once, unless its ATS (FSCI) allows more or the reader chains blocks", n, maxINF), "send the data in parts: several commands with their offsets, or one that goes on in frames AF")
		return true
	}
	wrapped := !m.Native && m.Class == wire.ClassNative && len(raw) >= 5
	if wrapped && m.Le < 0 && (m.Status == wire.StatusLengthError || m.Status == wire.StatusISOWrongLength || m.Status>>8 == 0x6C || m.Status>>8 == 0) && len(m.Frames) == 1 {
		w.find(m, "missing-le", Likely, "the frame has no Le: a wrapped command ends with 00 behind its data", "append 00")
		return w.fits(m)
	}
	if wrapped && extendedLc(raw) {
		w.find(m, "extended-length", Likely, "the frame has an extended length (00 and two bytes); cards take that for wrapped commands only if they say so", "send Lc and Le as one byte each, and data that is longer in several frames")
		return true
	}
	if n := len(m.Body); m.Class == wire.ClassISO && m.INS == wire.InsISOSelect && m.P1 == 4 && n > 16 {
		w.find(m, "length", Proved, fmt.Sprintf("the name has %d bytes, and a DF name has at most 16", n), "give the name of the application, its bytes alone")
		return true
	}
	if m.Class == wire.ClassISO && (m.INS == wire.InsISOExternalAuthenticate || m.INS == wire.InsISOUpdateBinary) && m.Le >= 0 && m.Status == wire.StatusISOWrongLength {
		w.find(m, "surplus-le", Likely, "the frame ends with an Le, but the command has no answer", "leave the last byte away; or Lc and what is announced in it is wrong")
		return true
	}
	return false
}

// extendedLc reports whether a wrapped frame has its length in three bytes.
func extendedLc(raw []byte) bool {
	return len(raw) > 7 && raw[4] == 0
}

// malformed looks at a frame whose parts do not fit together.
func (w *walk) malformed(m *trace.Message, raw []byte) bool {
	if !m.Garbled {
		return false
	}
	if len(raw) < 5 {
		w.find(m, "frame", Proved, fmt.Sprintf("the frame has %d bytes, too few for a command", len(raw)), "send 90 INS 00 00 Lc data 00, or 90 INS 00 00 00 without data")
		return true
	}
	name := "the command"
	if s := wire.Find(wire.Class(raw[0]), raw[1], ""); s != nil {
		name = s.Name
	}
	lc, rest := int(raw[4]), len(raw)-5
	next := fmt.Sprintf("set Lc to the number of data bytes (%02X if the last byte is Le, %02X if it is missing)", byte(rest-1), byte(rest))
	if raw[4] == 0 && len(raw) > 7 {
		w.find(m, "extended-length", Likely, fmt.Sprintf("Lc of %s is 00, but %d bytes follow: an extended length, which cards of this kind do not take, or a wrong Lc", name, rest), "send Lc as one byte that is the number of data bytes")
		return true
	}
	if d := lc>>4*10 + lc&0xF; lc&0xF < 10 && lc>>4 < 10 && lc > 9 && (d == rest || d == rest-1) {
		w.find(m, "lc", Proved, fmt.Sprintf("Lc of %s is %02X, which is %d bytes, but the data have %d: the number was written in decimal digits", name, lc, lc, d), fmt.Sprintf("send Lc as %02X", d))
		return true
	}
	what := fmt.Sprintf("Lc of %s says %d bytes of data, but %d bytes follow it", name, lc, rest)
	if lc > rest {
		what = fmt.Sprintf("Lc of %s says %d bytes of data, but only %d bytes follow it", name, lc, rest)
	}
	w.find(m, "lc", Proved, what, next)
	return true
}

// twice looks for a frame within a frame.
func (w *walk) twice(m *trace.Message, raw []byte) bool {
	if m.Class != wire.ClassNative || len(m.Frames) > 1 {
		return false
	}
	inner := m.Body
	if !m.Native && m.INS == 0x90 { // 90 90 60 00 00 00
		w.find(m, "wrapped-twice", Likely, "the command is wrapped twice: behind 90 stands another 90", "wrap the native command once: 90 INS 00 00 Lc data 00")
		return true
	}
	if m.Native && len(raw) > 1 && raw[0] != 0x90 && w.answeredISO(m) {
		return false
	}
	if len(inner) >= 5 && inner[0] == 0x90 && inner[2] == 0 && inner[3] == 0 && wire.Find(wire.ClassNative, inner[1], "") != nil {
		if c, st := wire.ParseCommand(inner); st == wire.StatusOK && c.Class == wire.ClassNative {
			w.find(m, "wrapped-twice", Likely, "the command is wrapped twice: its data are a wrapped command again", "wrap the native command once: 90 INS 00 00 Lc data 00")
			return true
		}
	}
	if !m.Native && len(inner) > 0 && inner[0] == m.INS && m.Spec != nil && !w.fits(m) {
		var coder wire.Coder
		if coder.Decode(inner[1:], nil, m.Spec.New()) == nil {
			w.find(m, "ins-in-data", Likely, "the command code stands twice, as INS and as the first byte of the data", "leave the command code out of the data: it is INS of the frame")
			return true
		}
	}
	return false
}

// answeredISO reports whether a native command was answered by a status word of
// ISO 7816-4: two bytes that begin with 6.
func (w *walk) answeredISO(m *trace.Message) bool {
	return m.Native && m.Answered && m.Status>>12 == 6
}

// foreign looks at statuses that no DESFire application gives to such a frame.
func (w *walk) foreign(m *trace.Message) bool {
	if w.answeredISO(m) {
		w.find(m, "not-wrapped", Likely, fmt.Sprintf("the native frame was answered by a status word of ISO 7816-4 (%04X): whoever answered wants wrapped frames", uint16(m.Status)), "wrap the command: 90 INS 00 00 Lc data 00")
		return true
	}
	if m.Class == wire.ClassISO && m.Status.IsNative() && m.Status == wire.StatusIllegalCommand {
		switch m.INS {
		case wire.InsISOGetChallenge, wire.InsISOExternalAuthenticate, wire.InsISOInternalAuthenticate:
			w.find(m, "iso-authentication", Likely, "the card does not take this step of the ISO 7816-4 authentication here: P1 or P2 names an algorithm or key that it has not, another command came in between, or the card has no such authentication", "use the native authentications (0A, 1A, AA, 71); for the ISO one send GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATE one after the other, P1 02, 04 or 09 and P2 the key")
		default:
			w.find(m, "iso-in-native", Likely, "the card answered an ISO 7816-4 command with a native status: it does not know it in this state, for example because it was spoken to natively since it was activated", "select an application by its name first, or use the native command")
		}
		return true
	}
	if m.Class != wire.ClassNative || m.Status.IsNative() || m.Native {
		return false
	}
	var text string
	switch m.Status {
	case 0x6800, 0x6881, 0x6882, 0x6883, 0x6884:
		text = "whoever answered takes class 90 for a logical channel: a phone (HCE) or another smart card, no DESFire application"
	case wire.StatusISOClassNotSupported:
		text = "whoever answered does not know class 90: no DESFire application is selected, or this is no DESFire card"
	case wire.StatusISOInsNotSupported:
		text = "whoever answered does not know the instruction in class 90: another application than a DESFire one is selected"
	default:
		return false
	}
	w.find(m, "not-desfire", Likely, text, "select the DESFire application by its name (00 A4 04 00 07 D2 76 00 00 85 01 00 00), or look at the ATS and GetVersion: it may be another card")
	return true
}

// layout looks whether the parameters of the command are what it is declared
// to have.
func (w *walk) layout(m *trace.Message) {
	if m.Spec == nil || m.Class != wire.ClassNative || m.Spec.Unknown != "" || isAuth(m) && len(m.Frames) > 1 {
		return
	}
	body := m.Body
	switch {
	case m.Right > 0 && m.Mode == wire.CommMAC && m.Session != nil:
		n := 8
		if m.Session.Scheme() == wire.SchemeD40 {
			n = 4
		}
		body = body[:max(0, len(body)-n)]
	case m.Right > 0 || m.Spec.Rule == wire.RuleChangeKey:
		return
	}
	var coder wire.Coder
	err := coder.Decode(body, nil, m.Spec.New())
	if err == nil {
		return
	}
	inSession := (w.auth != nil || m.Session != nil) && m.Right == 0
	if inSession {
		if _, headErr := coder.DecodeHead(body, m.Spec.New()); headErr == nil {
			return // what is behind the header may be enciphered
		}
	}
	if n := surplus(m); !w.begun && !inSession && n > 0 {
		w.find(m, "session-unknown", Likely, fmt.Sprintf("the command has %s behind what it needs, as in a session (a MAC, or data that are enciphered), and the session is not in the recording", plural(n, "byte")), "record from the selection and the authentication on, so that the session can be followed; outside a session these bytes are too many")
		return
	}
	sure := Likely
	switch m.Status {
	case wire.StatusLengthError, wire.StatusISOWrongLength, wire.StatusParameterError:
		sure = Proved
	}
	text := strings.TrimPrefix(err.Error(), m.Spec.Name+": ")
	w.find(m, "length", sure, fmt.Sprintf("the parameters do not fit the command: %s (it has %s)", text, plural(len(body), "byte")), fmt.Sprintf("give %s the fields that it has: desfire apdu explains them", nameOf(m)))
}

// surplus is how many bytes behind the parameters of a command may be its
// protection, 0 if their number is none that protection has.
func surplus(m *trace.Message) int {
	n := extra(m)
	if m.Want < 0 {
		n = len(m.Body) - m.Head
	}
	data := len(m.Body) - m.Head
	switch {
	case n == 4, n == 8, n > 0 && data%8 == 0, n > 8 && (data-8)%16 == 0:
		return n
	}
	return 0
}

// noFile looks whether an ISO command that works on the selected file has one.
func (w *walk) noFile(m *trace.Message) bool {
	if m.Class != wire.ClassISO || m.P1&0x80 != 0 || m.INS != wire.InsISOReadBinary && m.INS != wire.InsISOUpdateBinary {
		return false
	}
	for i := w.at - 1; i >= 0; i-- {
		p := &w.list[i]
		if !ok(p) {
			continue
		}
		if p.Class == wire.ClassISO && p.INS == wire.InsISOSelect {
			if p.P1 != 4 {
				return false
			}
			w.find(m, "no-file-selected", Likely, fmt.Sprintf("no file is selected: exchange %d selected the application by its name, and nothing selected a file in it", p.First), "select the file first (00 A4 00 0C 02 and its identifier), or name it in P1: 80 and its short identifier")
			return true
		}
		if p.INS == wire.InsSelectApplication {
			w.find(m, "no-file-selected", Likely, fmt.Sprintf("no file is selected for ISO commands: exchange %d selected the application natively, and nothing selected a file", p.First), "select the file first (00 A4 00 0C 02 and its identifier), or name it in P1")
			return true
		}
	}
	return false
}
