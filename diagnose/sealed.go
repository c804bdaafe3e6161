package diagnose

import (
	"bytes"
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// sealedOf prepares a command for the search under a session.
func (w *walk) sealedOf(m *trace.Message, s *trace.Session) *sealed {
	q := &sealed{m: m, s: s, right: suiteOf(s), keys: m.Keys, left: &w.tries}
	q.wrong = w.opening.wrong(s.Scheme(), s.Type())
	switch s.Scheme() {
	case wire.SchemeEV1:
		q.ivs = w.runningIVs(s, q.right)
		q.chain = func(su *suite) []byte {
			if len(w.events) > maxEvents || w.unchained {
				return nil
			}
			return chain(su, w.events, func(int, bool) bool { return false }, true)
		}
	case wire.SchemeD40:
		q.ivs = w.firstIVs()
	}
	return q
}

// extra is how many bytes stand behind the data that the command announces, -1
// where that is not known.
func extra(m *trace.Message) int {
	if m.Want < 0 {
		return -1
	}
	return len(m.Body) - m.Head - m.Want
}

// protection is how the session wants the command of m, ModeUnknown where the
// settings of its file are not known.
func protection(m *trace.Message, scheme wire.Scheme) wire.CommMode {
	rule := wire.RuleManage
	if m.Spec != nil {
		rule = m.Spec.Rule
	}
	if (rule == wire.RuleWrite || rule == wire.RuleRead && scheme >= wire.SchemeEV2) && m.Demands == trace.ModeUnknown {
		return trace.ModeUnknown
	}
	return rule.Protection(scheme, false, m.Demands)
}

func modeWords(c wire.CommMode) string {
	switch c {
	case wire.CommPlain:
		return "plain"
	case wire.CommMAC:
		return "with a MAC"
	case wire.CommFull, wire.CommOwn:
		return "enciphered"
	}
	return "in an unknown mode"
}

// sealed looks what is wrong with the protection of a command under a session.
// right reports that it is as the session wants it, as far as can be told.
func (w *walk) sealed(m *trace.Message, s *trace.Session) (right, found bool) {
	want := protection(m, s.Scheme())
	own := m.Spec != nil && m.Spec.Rule == wire.RuleChangeKey
	q := w.sealedOf(m, s)
	if m.Right > 0 || len(m.Body) == 0 && s.Scheme() < wire.SchemeEV2 {
		return w.sealedRight(m, q, want, own)
	}
	if want == wire.CommPlain && extra(m) <= 0 && s.Scheme() < wire.SchemeEV2 && w.fits(m) {
		return false, false // nothing is protected
	}
	if w.announced(m) {
		return false, true
	}
	best, as := q.search(want, own)
	switch {
	case best != nil && len(best.faults) == 0:
		m.Mode, m.Right = as, 1
		return w.sealedRight(m, q, want, own)
	case best != nil:
		for _, f := range best.faults {
			w.find(m, f.rule, best.sure(), f.text, f.next)
		}
		if want != trace.ModeUnknown && as != want && !(own && as == wire.CommFull) {
			w.modeWrong(m, as, want, Likely)
		}
		return false, true
	}
	return false, w.sealedWrong(m, q, want)
}

// announced compares how much data a command announces with how much it
// brings. It reports whether no protection makes the one of the other.
func (w *walk) announced(m *trace.Message) bool {
	n := len(m.Body) - m.Head
	more := n - m.Want
	switch {
	case m.Want < 0 || n < 0, more == 0, more == 2, more == 4, more == 8:
		return false
	case more > 0 && n%8 == 0 && more <= 4+2*16, more > 8 && (n-8)%16 == 0 && more <= 8+2*16:
		return false
	}
	w.find(m, "length", Proved, fmt.Sprintf("the command announces %s of data and brings %d, which no protection makes of them", plural(m.Want, "byte"), n), "let the length say how many plain bytes there are, low byte first")
	return true
}

// search tries the ways in which the command may be protected.
func (q *sealed) search(want wire.CommMode, own bool) (best *search, as wire.CommMode) {
	take := func(s *search, mode wire.CommMode) {
		if s.found && (best == nil || len(s.faults) < len(best.faults) || len(s.faults) == len(best.faults) && mode == want) {
			best, as = s, mode
		}
	}
	if q.s.Scheme() < wire.SchemeEV2 {
		if !own && (q.s.Scheme() == wire.SchemeEV1 || len(q.m.Body) > q.m.Head) {
			take(q.searchMAC(), wire.CommMAC)
		}
		if want != wire.CommPlain || own {
			take(q.searchCRC(), wire.CommFull)
		}
		return best, as
	}
	mode := wire.CommMAC
	if n := len(q.m.Body) - q.m.Head - 8; n > 0 && n%16 == 0 && q.m.Want != n {
		mode = wire.CommFull
	}
	take(q.searchMAC(), mode)
	return best, as
}

// sealedRight judges a command whose MAC or CRC is right.
func (w *walk) sealedRight(m *trace.Message, q *sealed, want wire.CommMode, own bool) (right, found bool) {
	if want != trace.ModeUnknown && m.Right > 0 && m.Mode != want && m.Mode != trace.ModeUnknown && m.Mode != wire.CommOwn {
		w.modeWrong(m, m.Mode, want, Proved)
		return false, true
	}
	if q.s.Scheme() >= wire.SchemeEV2 && (m.Mode == wire.CommFull || m.Mode == wire.CommOwn || want == wire.CommFull || own) {
		s := q.searchEV2()
		switch {
		case s.found && len(s.faults) > 0:
			for _, f := range s.faults {
				w.find(m, f.rule, s.sure(), f.text, f.next)
			}
			return false, true
		case !s.found && !own && len(m.Body) > m.Head+8:
			w.find(m, "content-wrong", Proved, "the MAC is right, but what the data decipher to under the session's encryption key makes no sense", "look at the IV, the padding and the encryption key: the MAC key is the right one")
			return false, true
		}
	}
	if own {
		found = w.keyChange(m, q)
		return !found, found
	}
	return m.Right > 0, false
}

// modeWrong says that the command travels in another mode than the file has.
func (w *walk) modeWrong(m *trace.Message, as, want wire.CommMode, sure Sureness) {
	why := "this command"
	if m.File != nil && m.Spec != nil && (m.Spec.Rule == wire.RuleRead || m.Spec.Rule == wire.RuleWrite) {
		why = fmt.Sprintf("the settings of file %v", m.File.No)
		if m.File.Known && want == wire.CommPlain && m.File.Mode != wire.CommPlain {
			why = fmt.Sprintf("the free access to file %v", m.File.No)
		}
	}
	text := fmt.Sprintf("the reader sent the data %s, but %s, in this session, wants them %s", modeWords(as), why, modeWords(want))
	if m.Spec != nil && m.Spec.Rule != wire.RuleWrite {
		text = fmt.Sprintf("the reader sent the command %s, but %s wants it %s in this session", modeWords(as), why, modeWords(want))
	}
	w.find(m, "mode", sure, text, "ask for the settings with GetFileSettings, and protect the data as they say; access that is free is plain even in a session")
}

// sealedWrong judges a command that no known mistake explains.
func (w *walk) sealedWrong(m *trace.Message, q *sealed, want wire.CommMode) bool {
	s := q.s
	own := m.Spec != nil && m.Spec.Rule == wire.RuleChangeKey
	bare := w.fits(m) && extra(m) <= 0 && !own
	sure := Proved
	as := want
	if as == trace.ModeUnknown {
		if as, sure = modeOfLength(m, s.Scheme()), Likely; as == wire.CommPlain {
			if m.Status == wire.StatusIntegrityError || m.Status == wire.StatusLengthError {
				w.find(m, "mode", Likely, "the reader sent the data plain in a session; with this answer the card wants them with a MAC or enciphered", "ask for the settings with GetFileSettings, or state them with --file, and protect the data as they say")
				return true
			}
			return false
		}
	}
	switch {
	case bare && as == wire.CommMAC:
		w.find(m, "mac-missing", sure, fmt.Sprintf("the command has no MAC, which this %v session wants", s.Scheme()), "send the MAC behind every command of the session")
	case bare && as != wire.CommPlain:
		w.modeWrong(m, wire.CommPlain, as, sure)
	case as == wire.CommPlain:
		return false // surplus bytes: the layout says so
	case len(m.Wrong) > 0 || as != wire.CommPlain:
		what := "MAC"
		if as != wire.CommMAC && s.Scheme() < wire.SchemeEV2 {
			what = "CRC"
		}
		n := len(m.Body) - m.Head
		if b := s.BlockSize(); what == "CRC" && (n == 0 || n%b != 0) {
			w.find(m, "length", Proved, fmt.Sprintf("the data must be enciphered, but have %d bytes, which is no whole number of blocks of %d", n, b), "encipher data, CRC and padding together")
			return true
		}
		if m.Want >= 0 && as == wire.CommFull && s.Scheme() < wire.SchemeEV2 && n < m.Want+crcLen(s.Scheme()) {
			w.find(m, "length", Proved, fmt.Sprintf("the data have %d bytes, which leaves no room for the CRC behind the %d announced", n, m.Want), "put the CRC behind the data before they are padded and enciphered")
			return true
		}
		if n, of := q.almost(); n > 0 {
			w.find(m, "mac-altered", Proved, fmt.Sprintf("the MAC of the command is wrong in %s of %d alone: it was altered on the way, or copied with a mistake", plural(of-n, "byte"), of), "send the MAC as it was computed; if it was, look what stands between reader and card")
			return true
		}
		why := "and no mistake that is known explains it"
		if w.tries <= 0 {
			why = "and for what mistake was not looked, since too many messages before were wrong as well"
		}
		w.find(m, "crypto-wrong", Proved, fmt.Sprintf("the %s of the command is wrong under the session's keys, %s", what, why), "compare each step with the data sheet: session keys, IV or command counter, and what the "+what+" is made over")
	}
	return true
}

func crcLen(s wire.Scheme) int {
	if s == wire.SchemeD40 {
		return 2
	}
	return 4
}

// modeOfLength guesses the mode from the number of bytes behind the data.
func modeOfLength(m *trace.Message, scheme wire.Scheme) wire.CommMode {
	switch n := extra(m); {
	case n == 0:
		return wire.CommPlain
	case n == 4, n == 8 && scheme != wire.SchemeD40:
		return wire.CommMAC
	}
	return wire.CommFull
}

// sense counts how many bits speak for deciphered data of EV2 or LRP: their
// padding, and what the command wants in them.
func (q *sealed) sense(plain []byte) int {
	body := unpad80(plain)
	if body == nil {
		return 0
	}
	padding := 8 * (len(plain) - len(body))
	m := q.m
	switch {
	case m.Spec != nil && m.Spec.Rule == wire.RuleChangeKey:
		c := keyChangeOf(body, q)
		if c == nil {
			return 0
		}
		for _, k := range append(keyBytes(q.keys), make([]byte, 24)) {
			if len(k) < len(c.mixed) {
				continue
			}
			k = k[:len(c.mixed)]
			if c.two && bytes.Equal(c.sumOf(xor(c.mixed, k)), c.sum) || !c.two && bytes.Equal(k, c.mixed) {
				return padding + 32
			}
		}
		return 0
	case m.Want >= 0:
		if len(body) != m.Want {
			return 0
		}
		return padding
	case m.Spec != nil:
		var coder wire.Coder
		if coder.Decode(cat(m.Body[:m.Head], body), nil, m.Spec.New()) != nil {
			return 0
		}
	}
	return padding
}
