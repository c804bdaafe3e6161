package diagnose

import (
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// known reports what follows from the command, its answer and what the card
// told before, without any cryptography.
func (w *walk) known(m *trace.Message) {
	if m.Class != wire.ClassNative {
		return
	}
	w.interrupted(m)
	if m.Spec == nil {
		return
	}
	if w.generation != wire.UnknownGeneration && !m.Spec.In(w.generation) && (m.Status == wire.StatusIllegalCommand || m.Status == wire.StatusLengthError) {
		w.find(m, "generation", Proved, fmt.Sprintf("cards of generation %v do not know %s", w.generation, nameOf(m)), "use what this generation has")
	}
	w.level(m)
	app := w.app(m)
	switch m.Status {
	case wire.StatusNoSuchKey:
		if no, ok := keyOf(m); ok && app.settings != nil && int(no) >= app.settings.KS2.Keys() {
			w.find(m, "no-such-key", Proved, fmt.Sprintf("there is no key %d: the settings say %d", no, app.settings.KS2.Keys()), "use a key number below that, or select another application first")
		}
	case wire.StatusFileNotFound:
		if m.File != nil && app.hasFiles && !slices.Contains(app.numbers, m.File.No) {
			w.find(m, "no-file", Proved, fmt.Sprintf("there is no file %v: the card listed %s, and it is not among them", m.File.No, plural(len(app.numbers), "file")), "use one of the files that GetFileIDs lists")
		}
	case wire.StatusDuplicateError:
		w.duplicate(m)
	case wire.StatusBoundaryError:
		if w.order(m); !w.has(m, "byte-order") {
			w.boundary(m)
		}
	case wire.StatusAuthenticationError, wire.StatusPermissionDenied:
		w.rights(m)
	}
}

// interrupted looks for a chain of frames that somebody broke.
func (w *walk) interrupted(m *trace.Message) {
	if m.INS == wire.InsAdditionalFrame {
		w.find(m, "frame-not-expected", Proved, "the reader sent a further frame (AF), but no command before it was waiting for one", "begin the command anew; where something else uses the reader as well, keep it exclusively")
		return
	}
	n := len(m.Frames)
	if n > 1 && !isAuth(m) && m.Frames[n-2].Status == wire.StatusAdditionalFrame && (m.Status == wire.StatusIllegalCommand || m.Status == wire.StatusCommandAborted) {
		w.find(m, "another-program", Likely, fmt.Sprintf("the card had said that more of %s follows, and then did not know of it: another program sent a command in between, or the card was activated anew", nameOf(m)), "keep the reader to one program (a connection that is exclusive, or a transaction), and begin the command anew")
		return
	}
	if m.Status != wire.StatusCommandAborted {
		return
	}
	if w.at > 0 {
		p := &w.list[w.at-1]
		if p.Status == wire.StatusAdditionalFrame && p.Answered && !m.Reset {
			w.find(m, "unfinished", Proved, fmt.Sprintf("%s (exchange %d) was not finished: the card waited for a frame AF and got %s instead", nameOf(p), p.First, nameOf(m)), "send the command again: the card has given the other one up; finish every command that is answered with AF")
			return
		}
	}
	w.find(m, "another-program", Likely, "an earlier command was not finished, and none in the recording is: another program began one, or it was left when the card was opened", "send the command again; where something else uses the reader as well, keep it exclusively")
}

// level looks whether the command belongs to the other level.
func (w *walk) level(m *trace.Message) {
	if m.App == nil && !w.begun && m.Spec.Level == wire.LevelApp && m.Status == wire.StatusPermissionDenied {
		w.find(m, "level", Likely, fmt.Sprintf("%s is a command to an application, and none has been selected in the recording", nameOf(m)), "select the application first")
	}
	if m.App == nil || m.Status != wire.StatusPermissionDenied && m.Status != wire.StatusIllegalCommand && m.Status != wire.StatusFileNotFound {
		return
	}
	if w.at == 0 && *m.App == wire.PICC {
		return
	}
	switch {
	case m.Spec.Level == wire.LevelPICC && *m.App != wire.PICC:
		w.find(m, "level", Proved, fmt.Sprintf("%s is a command to the card, but application %v is selected", nameOf(m), *m.App), "select application 000000 first")
	case m.Spec.Level == wire.LevelApp && *m.App == wire.PICC:
		w.find(m, "level", Proved, fmt.Sprintf("%s is a command to an application, but none is selected", nameOf(m)), "select the application first")
	}
}

func keyOf(m *trace.Message) (wire.KeyNo, bool) {
	switch m.INS {
	case wire.InsChangeKey, wire.InsGetKeyVersion, wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First, wire.InsAuthenticateEV2NonFirst:
		if len(m.Body) > 0 {
			return wire.KeyNo(m.Body[0] & 0x3F), true
		}
	}
	return 0, false
}

func (w *walk) duplicate(m *trace.Message) {
	cmd := m.Spec.New()
	var coder wire.Coder
	if _, err := coder.DecodeHead(m.Body, cmd); err != nil {
		return
	}
	if c, ok := cmd.(*wire.CreateApplication); ok {
		switch f := w.apps[c.AID]; {
		case f != nil && f.created >= 0:
			w.find(m, "duplicate", Proved, fmt.Sprintf("application %v exists: it was created in exchange %d", c.AID, f.created), "choose another number, or delete it first")
		case slices.Contains(w.listed, c.AID):
			w.find(m, "duplicate", Proved, fmt.Sprintf("application %v exists: the card listed it", c.AID), "choose another number, or delete it first")
		}
		return
	}
	if m.File == nil {
		return
	}
	if app := w.app(m); app.files[m.File.No] != nil || slices.Contains(app.numbers, m.File.No) {
		w.find(m, "duplicate", Proved, fmt.Sprintf("file %v exists: the card has told of it before", m.File.No), "choose another number, or delete it first")
	}
}

// boundary compares an access with the size of the file.
func (w *walk) boundary(m *trace.Message) {
	if m.File == nil {
		return
	}
	s := w.app(m).files[m.File.No]
	if s == nil || len(m.Body) < 7 {
		return
	}
	b := m.Body
	from := int(b[1]) | int(b[2])<<8 | int(b[3])<<16
	n := int(b[4]) | int(b[5])<<8 | int(b[6])<<16
	switch m.INS {
	case wire.InsReadData, wire.InsWriteData, wire.InsReadDataISO, wire.InsWriteDataISO:
		if from+n > int(s.Size) {
			w.find(m, "boundary", Proved, fmt.Sprintf("file %v has %d bytes, and the command wants %d from offset %d on", m.File.No, s.Size, n, from), "stay within the file")
		}
	case wire.InsReadRecords, wire.InsReadRecordsISO:
		if from+n > int(s.Records) {
			w.find(m, "boundary", Proved, fmt.Sprintf("file %v had %s, and the command wants %d before the last %d", m.File.No, plural(int(s.Records), "record"), n, from), "ask GetFileSettings how many records there are")
		}
	case wire.InsWriteRecord, wire.InsWriteRecordISO:
		if from+n > int(s.RecordSize) {
			w.find(m, "boundary", Proved, fmt.Sprintf("records of file %v have %d bytes, and the command wants to write %d from offset %d on", m.File.No, s.RecordSize, n, from), "stay within the record")
		}
	}
}

// rights compares the session's key with the rights of the file.
func (w *walk) rights(m *trace.Message) {
	rights := w.rightsOf(m)
	if rights == nil {
		return
	}
	words := accessWords(rights)
	never := true
	for _, r := range rights {
		if r == wire.Free || w.auth != nil && int(r) == w.auth.no&0x3F {
			return
		}
		never = never && r == wire.Never
	}
	switch {
	case never:
		w.find(m, "rights", Proved, fmt.Sprintf("the settings of file %v allow this to no key", m.File.No), "change the access rights of the file, if its change right allows it")
	case w.auth != nil:
		w.find(m, "rights", Proved, fmt.Sprintf("the settings of file %v allow this to %s, and the session is one of key %d", m.File.No, words, w.auth.no&0x3F), "authenticate with a key that has the right")
	}
}

// remaining is what to look at where cryptography is right.
func (w *walk) remaining(m *trace.Message) string {
	switch m.Status {
	case wire.StatusLengthError:
		return "compare the number of bytes with what the command has: how much data its length field announces, whether the file is as long, whether the card wants this command in this mode"
	case wire.StatusIntegrityError:
		return "compare the session with the card's: it counts commands and may have ended the session before, and a file that wants another mode answers so as well"
	case wire.StatusBoundaryError:
		return "compare offset and length, or the value, with the size or the limits of the file"
	case wire.StatusAuthenticationError:
		return "compare the session's key with the rights of the file or the change key right"
	case wire.StatusPermissionDenied:
		return "look at access rights and key settings: a right that is never, or settings that are frozen"
	}
	return "look at the parameters, the selected application and the settings"
}

// cryptographic are the causes that end where cryptography is found right.
var cryptographic = map[string]bool{"crypto": true, "mode": true, "session": true}

// byStatus gives what the status may mean, where nothing better is proved.
func (w *walk) byStatus(m *trace.Message) {
	list, known := causes[m.Status]
	if !known {
		text := fmt.Sprintf("the card answers %s", m.Status.Error())
		sure := Proved
		if !m.Status.Known() {
			text, sure = fmt.Sprintf("the answer %04X is no status that is known", uint16(m.Status)), Possible
		}
		w.find(m, "status", sure, text, "look at the command and at the state that the card is in")
		return
	}
	right := w.has(m, "crypto-right")
	for _, c := range list {
		if right && cryptographic[c.kind] || c.only != nil && !c.only(w, m) {
			continue
		}
		sure := Possible
		if c.Weight >= 100 {
			sure = Proved
		}
		w.find(m, statusRule(m.Status), sure, c.Text, c.Advice)
	}
	if m.Session == nil && m.Unknown != "" && !right {
		w.find(m, "keys", Possible, "the session's keys are not known, so its MACs and what is enciphered could not be checked", "give the key that opened the session with --key TYPE:DIGITS, or --default-keys")
	}
}

// statusRule names what is said of a status alone.
func statusRule(s wire.Status) string {
	if s.IsNative() {
		return fmt.Sprintf("status-%02x", s.Byte())
	}
	return fmt.Sprintf("status-%04x", uint16(s))
}
