package diagnose

import (
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// learn takes what a message that went well tells in clear.
func (w *walk) learn(m *trace.Message) {
	if !ok(m) || m.Spec == nil || m.Class != wire.ClassNative {
		return
	}
	cmd := m.Spec.New()
	var coder wire.Coder
	known := coder.Decode(m.Body, nil, cmd) == nil
	if !known && m.Head <= len(m.Body) {
		known = coder.Decode(m.Body[:m.Head], nil, cmd) == nil
	}
	app := w.app(m)
	switch c := cmd.(type) {
	case *wire.GetVersion:
		var v wire.Version
		if w.answer(m, &v) {
			w.generation, _ = v.Generation()
		}
	case *wire.GetApplicationIDs:
		var l wire.ApplicationIDs
		if w.answer(m, &l) {
			w.listed, w.hasList = l.AIDs, true
		}
	case *wire.GetFileIDs:
		var l wire.FileIDs
		if w.answer(m, &l) {
			app.numbers, app.hasFiles = l.Files, true
		}
	case *wire.GetKeySettings:
		var s wire.KeySettings
		if w.answer(m, &s) {
			app.settings = &s
		}
	case *wire.GetKeyVersion:
		if known && len(m.Answer) > 0 {
			app.versions[c.Key] = m.Answer[0]
		}
	case *wire.GetFileSettings:
		s := new(wire.FileSettings)
		if known && w.answer(m, s) {
			app.files[c.File] = s
		}
	case *wire.CreateApplication:
		if known {
			w.appOf(c.AID).created = m.First
			w.listed = append(w.listed, c.AID)
		}
	case *wire.CreateStdDataFile:
		w.created(m, known, c.File, wire.FileSettings{Type: wire.FileStandard, Option: c.Option, Access: c.Access, Size: c.Size})
	case *wire.CreateBackupDataFile:
		w.created(m, known, c.File, wire.FileSettings{Type: wire.FileBackup, Option: c.Option, Access: c.Access, Size: c.Size})
	case *wire.CreateValueFile:
		w.created(m, known, c.File, wire.FileSettings{Type: wire.FileValue, Option: c.Option, Access: c.Access, Lower: c.Lower, Upper: c.Upper})
	case *wire.CreateLinearRecordFile:
		w.created(m, known, c.File, wire.FileSettings{Type: wire.FileLinearRecord, Option: c.Option, Access: c.Access, RecordSize: c.RecordSize, MaxRecords: c.MaxRecords})
	case *wire.CreateCyclicRecordFile:
		w.created(m, known, c.File, wire.FileSettings{Type: wire.FileCyclicRecord, Option: c.Option, Access: c.Access, RecordSize: c.RecordSize, MaxRecords: c.MaxRecords})
	}
}

func (w *walk) created(m *trace.Message, known bool, no wire.FileNo, s wire.FileSettings) {
	if !known {
		return
	}
	app := w.app(m)
	app.files[no] = &s
	if app.hasFiles {
		app.numbers = append(app.numbers, no)
	}
}

// answer decodes an answer, with or without the MAC of a session behind it.
func (w *walk) answer(m *trace.Message, rsp wire.Message) bool {
	var coder wire.Coder
	if w.auth != nil && len(m.Answer) >= 8 && coder.Decode(m.Answer[:len(m.Answer)-8], nil, rsp) == nil {
		return true
	}
	return coder.Decode(m.Answer, nil, rsp) == nil
}

// fits reports whether the command is complete as it is, without protection.
func (w *walk) fits(m *trace.Message) bool {
	if m.Spec == nil {
		return false
	}
	var coder wire.Coder
	return coder.Decode(m.Body, nil, m.Spec.New()) == nil
}
