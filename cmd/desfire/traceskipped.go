package main

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
)

// logResult is what show --json says first of the log of another program.
type logResult struct {
	File      string   `json:"file"`
	Format    string   `json:"format"` // in words, what was recognised
	Reader    string   `json:"reader,omitempty"`
	Exchanges int      `json:"exchanges"`
	Notes     []string `json:"notes"` // what was taken off the frames, or turned
}

// skippedLine is a line of a log that was not taken.
type skippedLine struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Text    string `json:"text"` // shortened, most digits left out
	Reason  string `json:"reason"`
	Control bool   `json:"control"` // of the link or the anticollision: nothing is missing
}

// showLog says what a log was recognised as.
func (a *app) showLog(name string, rec *trace.Recording) error {
	var notes []string
	if rec.Notes != "" {
		notes = strings.Split(rec.Notes, "; ")
	}
	if a.json {
		if notes == nil {
			notes = []string{}
		}
		return a.emit(logResult{name, rec.Source, rec.Card.Reader, len(rec.Exchanges), notes})
	}
	a.printf("%s: %s\n", a.out.Title.Render(name), screen.Visible(rec.Source+", "+count(len(rec.Exchanges), "exchange")))
	for _, n := range notes {
		a.printWrapped("  ", screen.Visible(n))
	}
	return nil
}

// showSkipped prints the lines of a log that were not taken.
func (a *app) showSkipped(name string, rec *trace.Recording) error {
	if a.json {
		for _, s := range rec.Skipped {
			if err := a.emit(skippedLine{name, s.Line, s.Text, s.Reason, s.Control}); err != nil {
				return err
			}
		}
		return nil
	}
	for _, l := range skippedText(rec) {
		a.printWrapped("", screen.Visible(l))
	}
	return nil
}

// skippedText names the lines that may have been traffic one by one, and the
// others by their reasons.
func skippedText(rec *trace.Recording) (lines []string) {
	for _, s := range rec.Missed() {
		lines = append(lines, "not taken: "+s.String())
	}
	var reasons []string
	of := map[string][]int{}
	for _, s := range rec.Skipped {
		if !s.Control {
			continue
		}
		if of[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		of[s.Reason] = append(of[s.Reason], s.Line)
	}
	for _, r := range reasons {
		lines = append(lines, fmt.Sprintf("left out: %s: %s", lineNumbers(of[r]), r))
	}
	return lines
}

// maxNumbers is how many lines are named by their number.
const maxNumbers = 8

func lineNumbers(list []int) string {
	if len(list) == 1 {
		return fmt.Sprintf("line %d", list[0])
	}
	var words []string
	for _, n := range list[:min(len(list), maxNumbers)] {
		words = append(words, fmt.Sprint(n))
	}
	text := "lines " + strings.Join(words, ", ")
	if more := len(list) - len(words); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
