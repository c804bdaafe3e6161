package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// walk goes through the messages of a recording and remembers what their plain
// parts tell.
type walk struct {
	cfg    *Config
	report Report
	list   []trace.Message
	at     int
	rndA   [][]byte // as the recording says them
	tries  int      // that searches may still make

	generation wire.Generation
	apps       map[wire.AID]*appFacts
	listed     []wire.AID // applications, as the card listed them
	hasList    bool

	// The session as statuses tell it, with or without keys.
	auth   *authenticated
	ended  *ended
	failed *trace.Message // the last authentication that was refused

	// begun: a selection, an authentication or an activation has passed, so that
	// no session can be open that the recording does not have.
	begun bool

	opening   *opening       // of the session whose keys are known
	session   *trace.Session // the last that was, as it was at its end
	events    []event        // EV1
	unchained bool           // events are not all that happened
	lastBlock []byte         // D40: the last cryptogram that passed
}

// appFacts is what is known of an application, or of the card.
type appFacts struct {
	settings *wire.KeySettings
	versions map[wire.KeyNo]byte
	files    map[wire.FileNo]*wire.FileSettings
	numbers  []wire.FileNo
	hasFiles bool
	created  int // exchange, -1 if it was there before
}

// authenticated is an authentication that the card said was right.
type authenticated struct {
	exchange int
	method   key.Method
	no       int
}

// ended is why there is no session any more.
type ended struct {
	exchange int
	why      string // "SelectApplication"
	was      authenticated
	session  *trace.Session
}

func generationOf(name string) wire.Generation {
	g, err := wire.ParseGeneration(strings.TrimPrefix(name, "DESFire "))
	if err != nil {
		return wire.UnknownGeneration
	}
	return g
}

// app is what is known of the selected application, never nil.
func (w *walk) app(m *trace.Message) *appFacts {
	if m.App == nil {
		return w.appOf(wire.AID(1 << 31)) // one of its own
	}
	return w.appOf(*m.App)
}

func (w *walk) appOf(aid wire.AID) *appFacts {
	a := w.apps[aid]
	if a == nil {
		a = &appFacts{versions: map[wire.KeyNo]byte{}, files: map[wire.FileNo]*wire.FileSettings{}, created: -1}
		w.apps[aid] = a
	}
	return a
}

// find reports a reason. text and next are clauses.
func (w *walk) find(m *trace.Message, rule string, sure Sureness, text, next string) {
	f := Finding{Exchange: m.Last, Command: nameOf(m), Rule: rule, Sure: sure, Text: sentence(text), Next: sentence(next)}
	for _, g := range w.about(m) {
		if g.Text == f.Text {
			return
		}
	}
	w.report.Findings = append(w.report.Findings, f)
}

// about are the findings about a message so far.
func (w *walk) about(m *trace.Message) []Finding {
	n := len(w.report.Findings)
	for n > 0 && w.report.Findings[n-1].Exchange == m.Last {
		n--
	}
	return w.report.Findings[n:]
}

// has reports whether a rule has found something about a message.
func (w *walk) has(m *trace.Message, rule string) bool {
	return slices.ContainsFunc(w.about(m), func(f Finding) bool { return f.Rule == rule })
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// nameOf names a command.
func nameOf(m *trace.Message) string {
	switch {
	case m.Reader:
		return "command to the reader"
	case m.Garbled:
		if raw := m.Frames[0].Raw; len(raw) > 1 {
			if s := wire.Find(wire.Class(raw[0]), raw[1], ""); s != nil {
				return s.Name
			}
		}
		return "malformed frame"
	case m.Spec != nil:
		return m.Spec.Name
	case m.Class == wire.ClassNative && m.INS == wire.InsAdditionalFrame:
		return "frame AF"
	case m.Class == wire.ClassISO:
		return m.Name
	}
	return fmt.Sprintf("command %02X", m.INS)
}

// ok reports whether the card says that it did what it was told.
func ok(m *trace.Message) bool {
	switch m.Status {
	case wire.StatusOK, wire.StatusISOOK, wire.StatusSignatureOK, wire.StatusISOLimitReached, wire.StatusISOEndOfFile:
		return m.Answered
	}
	return m.Answered && m.Status>>8 == 0x61
}

func (w *walk) message(m *trace.Message) {
	if m.Reader || m.Foreign {
		return // for the reader, a SAM, or another application
	}
	if m.File != nil && !m.File.Known {
		if mode, ok := w.cfg.Files[m.File.No]; ok {
			m.File.Known, m.File.Mode, m.Demands = true, mode, mode
		}
	}
	switch {
	case m.Cut: // nobody can tell what it was
		if m.Answered && !ok(m) && m.Status != wire.StatusAdditionalFrame {
			w.report.Refusals++
			w.byStatus(m)
		}
	case !m.Answered:
		w.unanswered(m)
	case m.Status == wire.StatusAdditionalFrame:
		w.wantsMore(m)
	case !ok(m):
		w.report.Refusals++
		w.refused(m)
	}
	w.report.Right += m.Right
	w.learn(m)
	w.follow(m)
}

// refused looks for the reason of a refusal.
func (w *walk) refused(m *trace.Message) {
	before := len(w.report.Findings)
	if w.frame(m) {
		return
	}
	if isAuth(m) {
		w.authentication(m)
		return
	}
	w.known(m)
	if w.ended == nil {
		w.layout(m)
		if w.has(m, "length") && m.Status != wire.StatusAuthenticationError {
			return
		}
	}
	w.noSession(m)
	w.protection(m)
	w.layout(m)
	w.order(m)
	for _, f := range w.report.Findings[before:] {
		if f.Sure > Possible && f.Rule != "crypto-right" {
			return
		}
	}
	w.byStatus(m)
}

// unanswered reports a command without an answer, where the transport says why.
func (w *walk) unanswered(m *trace.Message) {
	last := m.Frames[len(m.Frames)-1]
	if w.at == len(w.list)-1 && m.Failed == "" && len(last.Raw) > 0 || m.Failed == "" {
		return // the recording ends, or has commands only
	}
	w.report.Refusals++
	w.find(m, "no-answer", Likely, fmt.Sprintf("there is no answer of the card to this (%s)", visible.Text(m.Failed)), "hold the card still and begin again, or record the answer; whether the command was carried out is not known")
}

// wantsMore looks at a message that the card did not see the end of.
func (w *walk) wantsMore(m *trace.Message) {
	if isAuth(m) || m.Spec == nil || m.Spec.Rule != wire.RuleWrite || len(m.Answer) > 0 {
		return
	}
	w.report.Refusals++
	n := len(m.Body) - m.Head
	before := len(w.report.Findings)
	if w.protection(m); len(w.report.Findings) > before && w.report.Findings[before].Rule != "mode" && w.report.Findings[before].Rule != "crypto-wrong" {
		return
	}
	w.report.Findings = w.report.Findings[:before]
	advice := "ask for the file's settings before the session, and protect the data as they say"
	switch {
	case m.Want >= 0 && n < m.Want:
		w.find(m, "length", Proved, fmt.Sprintf("the command announces %d bytes of data, but brings %d; the card waits for the rest", m.Want, n), "send the rest in a frame AF, or announce what is sent")
	case m.Demands == wire.CommMAC || m.Demands == wire.CommFull:
		w.find(m, "mode", Proved, fmt.Sprintf("all %d bytes announced are there, but the settings of file %v want them %s, which is longer: the card waits for the rest", m.Want, m.File.No, modeWords(m.Demands)), advice)
	default:
		w.find(m, "mode", Likely, fmt.Sprintf("all %d bytes announced are there, but the card waits for more: in this session the file wants a MAC behind the data, or the data enciphered, and what was sent is shorter than that", m.Want), advice)
	}
}

// follow keeps the state of the session up to date.
func (w *walk) follow(m *trace.Message) {
	if m.Session != nil {
		w.session = m.Session
	}
	w.begun = w.begun || m.Reset || isAuth(m) || ok(m) && (m.INS == wire.InsSelectApplication && m.Class == wire.ClassNative || m.INS == wire.InsISOSelect && m.Class == wire.ClassISO)
	switch {
	case isAuth(m):
		w.end(m, nameOf(m))
		w.authenticationDone(m)
		return
	case m.Reset:
		w.end(m, "a new activation of the card")
	}
	if w.auth == nil {
		return
	}
	classic := w.auth.method == key.MethodD40
	switch {
	case m.Class == wire.ClassISO && m.INS == wire.InsISOSelect && ok(m) && (m.P1 == 4 || m.P1 == 0 && len(m.Body) == 0):
		w.end(m, "the selection by name")
	case m.Class == wire.ClassISO:
		w.unchained = true
	case m.INS == wire.InsSelectApplication && ok(m):
		w.end(m, nameOf(m))
	case m.Answered && !ok(m) && m.Status != wire.StatusAdditionalFrame:
		if !classic {
			w.end(m, fmt.Sprintf("the refusal of %s", nameOf(m)))
		}
	case !ok(m):
		w.unchained = true
	case m.INS == wire.InsChangeKey && len(m.Body) > 0 && int(m.Body[0]&0x3F) == w.auth.no&0x3F:
		w.end(m, "the change of its own key")
	case m.INS == wire.InsRollKeySet:
		w.end(m, nameOf(m))
	case m.INS == wire.InsDeleteApplication && m.App != nil && *m.App != wire.PICC:
		w.end(m, nameOf(m))
	case m.INS == wire.InsVerifyPC:
		w.end(m, "the proximity check")
	}
	w.chainOn(m)
}

// chainOn keeps what later messages of the session may have been computed from.
func (w *walk) chainOn(m *trace.Message) {
	s := m.Session
	switch {
	case s == nil:
		w.unchained = true
	case s.Scheme() == wire.SchemeEV1:
		if e, known := eventOf(m); known && ok(m) && !w.unchained {
			w.events = append(w.events, e)
		} else {
			w.events, w.unchained = nil, true
		}
	case s.Scheme() == wire.SchemeD40:
		for _, b := range [][]byte{m.Body[min(m.Head, len(m.Body)):], m.Answer} {
			if len(b) >= 8 && len(b)%8 == 0 {
				w.lastBlock = b[len(b)-8:]
			}
		}
	}
}

func (w *walk) end(m *trace.Message, why string) {
	if w.auth != nil {
		s := m.Session
		if s == nil {
			s = w.session
		}
		w.ended = &ended{exchange: m.First, why: why, was: *w.auth, session: s}
	}
	w.auth, w.events, w.unchained, w.lastBlock = nil, nil, false, nil
}

// authenticationDone takes the end of an authentication.
func (w *walk) authenticationDone(m *trace.Message) {
	h, complete := handshakeOf(m)
	if !ok(m) || !complete {
		if m.Answered && m.Status != wire.StatusAdditionalFrame {
			w.failed = m
		}
		return
	}
	w.auth, w.failed, w.ended = &authenticated{m.First, h.method, h.no}, nil, nil
	w.opening, w.session = nil, nil
	if t := h.match(w.keysFor(m), &w.tries); t != nil && len(t.faults) == 0 {
		w.report.Right++
		w.opening = &opening{m.First, h.method, h.no, t.key, t.rndA, t.rndB, h.challenge}
		w.anotherRndA(m)
	}
	if h.method == key.MethodD40 && len(h.token) >= 8 {
		w.lastBlock = h.token[len(h.token)-8:]
	}
}

// maxKeys bounds how many keys are tried for a token.
const maxKeys = 64

// keysFor are the keys that may be meant, those for this place first.
func (w *walk) keysFor(m *trace.Message) (list []trace.Key) {
	h, _ := handshakeOf(m)
	for _, meant := range [...]bool{true, false} {
		for i := len(m.Keys) - 1; i >= 0; i-- {
			k := m.Keys[i]
			fits := (k.No < 0 || h.no < 0 || k.No == h.no&0x3F) && (k.App == nil || m.App == nil || *k.App == m.App.Wire())
			if fits == meant && len(list) < maxKeys {
				list = append(list, k)
			}
		}
	}
	return list
}
