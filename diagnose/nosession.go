package diagnose

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// need is whether a command needs a session.
type need uint8

const (
	needUnknown need = iota
	needNone
	needMaybe  // the settings tell, and they are not known
	needAlways // by the protocol, or by settings that are known
)

// needs tells whether a command needs a session, and in words of which key.
func (w *walk) needs(m *trace.Message) (need, string) {
	if m.Spec == nil || m.Class != wire.ClassNative {
		return needUnknown, ""
	}
	switch m.INS {
	case wire.InsChangeKey, wire.InsChangeKeyEV2, wire.InsChangeKeySettings, wire.InsSetConfiguration, wire.InsGetCardUID,
		wire.InsFormatPICC, wire.InsRollKeySet, wire.InsInitializeKeySet, wire.InsFinalizeKeySet:
		return needAlways, "a session"
	case wire.InsCreateApplication, wire.InsDeleteApplication:
		return w.bySettings(wire.PICC, wire.SettFreeCreate, "a session with key 0 of the card")
	case wire.InsGetApplicationIDs, wire.InsGetDFNames:
		return w.bySettings(wire.PICC, wire.SettFreeDirectory, "a session with key 0 of the card")
	case wire.InsGetFileIDs, wire.InsGetFileSettings, wire.InsGetISOFileIDs, wire.InsGetKeySettings:
		if m.App != nil {
			return w.bySettings(*m.App, wire.SettFreeDirectory, "a session with key 0")
		}
		return needMaybe, "a session"
	case wire.InsCreateStdDataFile, wire.InsCreateBackupDataFile, wire.InsCreateValueFile, wire.InsCreateLinearRecordFile, wire.InsCreateCyclicRecordFile, wire.InsCreateTransactionMACFile, wire.InsDeleteFile:
		if m.App != nil {
			return w.bySettings(*m.App, wire.SettFreeCreate, "a session with key 0")
		}
		return needMaybe, "a session"
	}
	if m.File == nil {
		return needUnknown, ""
	}
	rights := w.rightsOf(m)
	if rights == nil {
		return needMaybe, "a session"
	}
	for _, r := range rights {
		if r == wire.Free {
			return needNone, ""
		}
	}
	return needAlways, "a session with " + accessWords(rights)
}

func (w *walk) bySettings(aid wire.AID, flag wire.KeySett1, words string) (need, string) {
	s := w.appOf(aid).settings
	switch {
	case s == nil:
		return needMaybe, words
	case s.KS1.Has(flag):
		return needNone, ""
	}
	return needAlways, words
}

// rightsOf are the rights that let somebody give the command on its file, nil
// where they are not known.
func (w *walk) rightsOf(m *trace.Message) (list []wire.Access) {
	if m.File == nil {
		return nil
	}
	s := w.app(m).files[m.File.No]
	if s == nil {
		return nil
	}
	if m.INS == wire.InsChangeFileSettings {
		return []wire.Access{s.Access.Change}
	}
	if m.Spec.Rule != wire.RuleRead && m.Spec.Rule != wire.RuleWrite {
		return nil
	}
	for _, a := range append([]wire.AccessRights{s.Access}, s.Additional...) {
		list = append(list, trace.Granting(m.INS, a)...)
	}
	return list
}

func accessWords(rights []wire.Access) string {
	var list []wire.Access
	for _, r := range rights {
		if r != wire.Never && r != wire.Free {
			list = append(list, r)
		}
	}
	slices.Sort(list)
	words := ""
	for i, r := range slices.Compact(list) {
		switch {
		case i == 0:
			words = "key "
		case i == len(slices.Compact(slices.Clone(list)))-1:
			words += " or "
		default:
			words += ", "
		}
		words += fmt.Sprint(uint8(r))
	}
	if words == "" {
		return "no key: the right is never"
	}
	return words
}

// noSession looks whether the command wants a session that is not there.
func (w *walk) noSession(m *trace.Message) {
	if w.auth != nil || m.Preset || m.Class != wire.ClassNative {
		return
	}
	n, words := w.needs(m)
	switch m.Status {
	case wire.StatusAuthenticationError, wire.StatusIntegrityError, wire.StatusLengthError, wire.StatusPermissionDenied, wire.StatusParameterError:
	default:
		return
	}
	protected := !w.fits(m) && m.Spec != nil && len(m.Body) > m.Head && (m.Want < 0 || extra(m) > 0) && m.Head > 0 || m.Spec != nil && (m.Spec.Rule == wire.RuleChangeKey)
	if n == needNone && !protected || n == needUnknown && !protected {
		return
	}
	if n < needAlways && !protected && m.Status != wire.StatusAuthenticationError {
		return
	}
	if n == needAlways && m.Status != wire.StatusAuthenticationError && m.Status != wire.StatusLengthError && !protected && w.ended == nil {
		return
	}
	sure := Likely
	if n == needAlways && m.Status == wire.StatusAuthenticationError && w.begun {
		sure = Proved
	}
	if !w.begun && protected {
		return // see layout
	}
	if words == "" {
		words = "a session"
	}
	if e := w.ended; e != nil {
		w.sessionEnded(m, e, sure, protected)
		return
	}
	switch {
	case w.failed != nil:
		w.find(m, "no-session", sure, fmt.Sprintf("%s wants %s, but none is open: the card refused the authentication of exchange %d", nameOf(m), words, w.failed.First), "let the authentication succeed first")
	case w.at > 0 && isAuth(&w.list[w.at-1]) && !ok(&w.list[w.at-1]):
		w.find(m, "no-session", sure, fmt.Sprintf("%s wants %s, but the authentication of exchange %d was not finished", nameOf(m), words, w.list[w.at-1].First), "finish the authentication first")
	default:
		text := fmt.Sprintf("%s wants %s, but nobody has authenticated", nameOf(m), words)
		if m.File != nil && n == needAlways {
			text += fmt.Sprintf(" (the settings of file %v say so)", m.File.No)
		} else if !w.begun {
			text = fmt.Sprintf("%s wants %s, and the recording, which begins in the middle, has no authentication", nameOf(m), words)
		} else if n == needMaybe {
			text = fmt.Sprintf("%s seems to want %s, and nobody has authenticated", nameOf(m), words)
		}
		w.find(m, "no-session", sure, text, "authenticate after the selection of the application, with a key that has the right")
	}
}

// sessionEnded: there was a session, and something ended it.
func (w *walk) sessionEnded(m *trace.Message, e *ended, sure Sureness, protected bool) {
	text := fmt.Sprintf("no session is open any more: %s (exchange %d) ended the one that was opened in exchange %d", e.why, e.exchange, e.was.exchange)
	next := "authenticate again after it, or do it before the authentication"
	if e.was.method != key.MethodD40 {
		next = "authenticate again: selections, refusals and the change of its own key end a session"
	}
	at := len(w.report.Findings)
	var also []Finding
	if e.session != nil && (protected || m.Right > 0) {
		kept := *m
		auth := w.auth
		w.auth = &e.was
		right, _ := w.sealed(&kept, e.session)
		w.auth = auth
		also = append(also, w.report.Findings[at:]...)
		w.report.Findings = w.report.Findings[:at]
		if right {
			sure = Proved
		}
	}
	if sure < Proved && protected && (m.Status == wire.StatusAuthenticationError || m.Status == wire.StatusLengthError) {
		sure = Likely
	}
	w.find(m, "session-ended", sure, text, next)
	for _, f := range also {
		switch f.Rule { // what runs in a session has run on
		case "counter", "iv-stale", "iv-zero", "first-iv", "crypto-wrong", "mode", "lrp-counter", "mac-missing", "old-key":
			continue
		}
		w.report.Findings = append(w.report.Findings, f)
	}
}

// protection looks at the protection of a command in an open session.
func (w *walk) protection(m *trace.Message) {
	if m.Spec != nil && m.Spec.Rule == wire.RulePlain || m.Class != wire.ClassNative {
		return
	}
	if m.Spec != nil && m.Spec.Rule == wire.RuleChangeKey {
		w.keyLooks(m)
	}
	if m.Session == nil || w.auth == nil && !m.Preset {
		return
	}
	right, found := w.sealed(m, m.Session)
	if right && !found {
		m.Right = max(m.Right, 1)
		what := "the CRC of what is enciphered is"
		switch {
		case m.Session.Scheme() >= wire.SchemeEV2 && (m.Mode == wire.CommFull || m.Mode == wire.CommOwn):
			what = "the MAC and the encryption are"
		case m.Mode == wire.CommMAC:
			what = "the MAC is"
		}
		w.find(m, "crypto-right", Proved, fmt.Sprintf("%s right under the session's keys, so cryptography is not the reason", what), w.remaining(m))
	}
}

// keyLooks says what the bytes of a key change tell without a key.
func (w *walk) keyLooks(m *trace.Message) {
	data := m.Body[min(m.Head, len(m.Body)):]
	block := 8
	if m.Session != nil {
		block = m.Session.BlockSize()
	} else if w.auth != nil && w.auth.method != key.MethodD40 && w.auth.method != key.MethodISO {
		block = 16
	}
	for i := 0; i+2*block <= len(data); i += block {
		for j := i + block; j+block <= len(data); j += block {
			if string(data[i:i+block]) == string(data[j:j+block]) && !w.has(m, "ecb") {
				w.find(m, "ecb", Likely, "two blocks of the cryptogram are equal, so it was ciphered block by block (ECB), or not at all", "cipher the data as a whole, chained (CBC)")
				return
			}
		}
	}
}
