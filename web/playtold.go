package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/play"
)

// playLine is a line of what happened, as the page tells it.
type playLine struct {
	At    time.Time
	Words string
	Kind  string // class: doubt, bad, or empty
}

// mostTold is how many lines are shown.
const mostTold = 40

// playTold is what was done to the card, and what jobs with it had to say, the latest
// last.
func (s *Server) playTold(log []play.Happening) (lines []playLine) {
	for _, h := range log {
		l := playLine{At: h.At, Words: h.Words}
		if h.Kind == play.Torn || h.Kind == play.Bent || h.Kind == play.Fault {
			l.Kind = "bad"
		}
		lines = append(lines, l)
	}
	s.jobs.mu.Lock()
	all := slices.Clone(s.jobs.all)
	s.jobs.mu.Unlock()
	for _, j := range all {
		if !j.reader.simulated {
			continue
		}
		v := j.view()
		lines = append(lines, playLine{At: v.Begun, Words: v.Title + "."})
		for _, x := range v.Lines {
			l := playLine{At: x.At, Words: x.Words}
			if strings.Contains(x.Words, "may or may not") || strings.Contains(x.Words, "in doubt") {
				l.Kind = "doubt"
			}
			lines = append(lines, l)
		}
		if x := v.Trouble(); x != nil && v.Over() {
			lines = append(lines, playLine{At: lines[len(lines)-1].At, Words: fmt.Sprint(v.Err), Kind: "bad"})
		}
	}
	slices.SortStableFunc(lines, func(a, b playLine) int { return a.At.Compare(b.At) })
	return lines[max(0, len(lines)-mostTold):]
}
