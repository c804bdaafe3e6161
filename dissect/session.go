package dissect

import (
	"fmt"

	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// session says where a message stands among sessions, and marks what becomes of
// them.
func (d *dissector) session(m *Message, t *trace.Message) {
	at := m.At
	if t.Reset {
		if d.open != 0 {
			m.Before = append(m.Before, Mark{Kind: SessionEnded, Words: "The session ended with the activation", At: at})
		}
		d.open = 0
		m.Before = append(m.Before, Mark{Kind: Activated, Words: "The card was activated anew", At: at})
	}
	if m.Foreign != "" {
		return
	}
	was := t.Session != nil || t.Unknown != ""
	is := t.After != nil || t.AfterUnknown != ""
	switch {
	case opens(t) && is, isoOpens(t) && is && !was:
		d.no++
		d.open = d.no
		m.Session = Session{No: d.open, First: true}
		m.After = append(m.After, Mark{Kind: SessionBegan, Words: "A session began", At: at})
	case was && d.open == 0: // of session keys that were given
		d.no++
		d.open = d.no
		m.Session = Session{No: d.open, First: true}
	case was && !ends(t):
		m.Session = Session{No: d.open}
	}
	if m.Session.No != 0 && !t.Answered {
		m.Session.Cut = true
		m.After = append(m.After, Mark{Kind: SessionCut, Words: fmt.Sprintf("No answer: nobody knows whether the card carried out %s", t.Name), Bad: true, At: at})
	} else if was && !is {
		m.Session.Last = m.Session.No != 0
		m.After = append(m.After, Mark{Kind: SessionEnded, Words: "The session ended with " + t.Name, At: at, Bad: !t.Lines[1].Good})
	}
	if !is {
		d.open = 0
	}
}

// ends reports whether a message is outside of the session that it ends: a
// selection, or another authentication.
func ends(t *trace.Message) bool {
	return opens(t) || isoOpens(t) || t.Class == wire.ClassNative && t.INS == wire.InsSelectApplication || t.Class == wire.ClassISO && t.INS == wire.InsISOSelect
}
