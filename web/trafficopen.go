package web

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// opened is a line as it is shown when it is opened.
type opened struct {
	row
	Message *dissect.Message
	Told    *toldView // nil: nobody told anything
}

// toldView is what the program that talks to the card says, as far as the page could
// not read it itself.
type toldView struct {
	Err    string
	Fields []wire.Field
	Facts  []dissect.Fact
}

// Shown reports whether there is something that the bytes did not tell.
func (v *toldView) Shown() bool { return len(v.Fields)+len(v.Facts) > 0 }

// trafficBefore is how many lines before one are read at least, if there are as many
// since the activation of the card, to follow its session.
const trafficBefore = 2000

// trafficExchange answers with one line, opened.
func (s *Server) trafficExchange(w http.ResponseWriter, r *http.Request, rd *reader) {
	k := rd.traffic.kept()
	i := find(k.lines, number(r.FormValue("no"), -1))
	if i < 0 || k.lines[i].kind != "" {
		s.fail(w, r, errOld)
		return
	}
	l := k.lines[i]
	var uid []byte
	if l.told != nil {
		uid, _ = hex.DecodeString(l.told.after.UID)
	}
	o := opened{row: row{l, bracket(k.lines, i)}, Message: rd.traffic.dissected(k.lines, i, s.traceKeys(r.Context(), uid))}
	if l.told != nil {
		o.Told = l.told.view(l.session && !isOpened(o.Message))
	}
	s.render(w, r, "traffic-exchange", o)
}

// dissected takes line i apart, following its session.
func (t *traffic) dissected(lines []*line, i int, keys []trace.Key) *dissect.Message {
	from := followedFrom(lines, i)
	rec := t.recording(lines[from : i+1])
	f := dissect.NewFollower(rec.Framing, &dissect.Config{Keys: keys})
	first := true
	for _, l := range lines[from : i+1] {
		if first && l.kind == "" {
			first = false
			f.Number(l.no)
		}
	}
	var last *dissect.Message
	take := func(messages []*dissect.Message) {
		for _, m := range messages {
			if m.No <= lines[i].no && lines[i].no <= m.Last {
				last = m
			}
		}
	}
	for _, e := range rec.Exchanges {
		take(f.Feed(e))
	}
	take(f.Flush())
	return last
}

// followedFrom is the line from which on the session of line i is followed: where the
// card was activated, or if that is far away the beginning of the session.
func followedFrom(lines []*line, i int) int {
	from := i
	for from > 0 && (lines[from].kind != "" || !lines[from].exchanges[0].Reset) {
		from--
	}
	if i-from <= trafficBefore {
		return from
	}
	began := i
	for began > from && (!lines[began].opens || lines[began].goesOn) {
		began--
	}
	return min(began, i-trafficBefore)
}

// isOpened reports whether what is enciphered in a message is shown deciphered.
func isOpened(m *dissect.Message) bool {
	if m == nil {
		return false
	}
	sealed, opened := false, false
	for _, f := range m.Frames {
		opened = opened || f.Inner != nil
		for _, p := range f.Parts {
			sealed = sealed || p.Enciphered
		}
	}
	for _, v := range m.Verdicts {
		if v.Check == trace.CheckKeys || v.Check == trace.CheckSession {
			return false
		}
	}
	return opened || !sealed
}

// view is what is shown of it; unread tells that the page itself could not read the
// session.
func (t *told) view(unread bool) *toldView {
	v := &toldView{Err: t.err}
	if !unread {
		return v
	}
	v.Fields = append(append(v.Fields, t.command...), t.answer...)
	b := &t.after
	say := func(name, value string) {
		if value != "" {
			v.Facts = append(v.Facts, dissect.Fact{Name: name, Value: value})
		}
	}
	say("Selected", b.App)
	if b.Session {
		say("Authenticated with", fmt.Sprintf("%s, %s", b.Key, b.Channel))
	} else {
		say("Authenticated with", "nothing any more")
	}
	say("Pending", strings.Join(b.Pending, "; "))
	for _, x := range b.Values {
		if x.App == b.App {
			say(fmt.Sprintf("Value of file %v", x.File), x.words())
		}
	}
	return v
}

// words say what a value file is believed to hold.
func (v value) words() string {
	switch {
	case v.Doubt:
		return fmt.Sprintf("%s or %s: the commit may or may not have happened", grouped(v.Now), grouped(v.Now+v.Change))
	case v.Change != 0:
		return fmt.Sprintf("%s, and %s after the commit", grouped(v.Now), grouped(v.Now+v.Change))
	}
	return grouped(v.Now)
}
