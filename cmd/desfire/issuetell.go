package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso/batch"
)

// issueRow is what issue prints with --json before it makes a card.
type issueRow struct {
	Event string    `json:"event"` // row
	Time  time.Time `json:"time"`
	cardOf
	Row    string            `json:"row"`
	Values map[string]string `json:"values"` // of the row
	Begun  bool              `json:"begun"`  // it had the row before
	Steps  int               `json:"steps"`  // that are left to do
}

// issueCard is what issue and rotate print of a card, and their line of it with
// --json.
type issueCard struct {
	Event string    `json:"event"` // card
	Time  time.Time `json:"time"`
	cardOf
	Row     string             `json:"row"` // empty if it has none
	Outcome batch.Outcome      `json:"outcome"`
	Exit    int                `json:"exit"`
	Proved  bool               `json:"proved"`  // it has told its UID in a session
	Reasons []string           `json:"reasons"` // why it is not done, or what of it could not be proved
	Keys    []batch.KeyVersion `json:"keys"`    // that it was proved to hold
	Millis  float64            `json:"ms"`
}

// issueSummary is the last line of issue and rotate with --json.
type issueSummary struct {
	Event   string  `json:"event"` // summary
	Layout  string  `json:"layout"`
	Book    string  `json:"book"`
	Results string  `json:"results"`
	Rows    int     `json:"rows"` // of the table; 0 without one
	Free    int     `json:"free"` // that no card has
	Begun   int     `json:"begun"`
	Made    int     `json:"made"`
	Failed  int     `json:"failed"`
	Here    int     `json:"here"` // made in this run
	PerHour float64 `json:"per_hour"`
	Seconds float64 `json:"seconds"`
}

// offered says whose card it will be.
func (s *issuing) offered(o batch.Offer) error {
	if o.Values == nil {
		o.Values = map[string]string{}
	}
	if s.json {
		_ = s.emit(issueRow{Event: "row", Time: time.Now(), cardOf: cardOf{UID: hexBytes(o.UID), Product: o.Plan.Product, Reader: o.Reader}, Row: o.Row, Values: o.Values, Begun: o.Begun, Steps: len(o.Plan.Steps)})
		return nil
	}
	var values []string
	for _, c := range s.file.doc.Columns() {
		if v, ok := o.Values[c]; ok {
			values = append(values, c+"="+v)
		}
	}
	text := s.doing + " " + o.UID.String()
	if o.Begun {
		text = "Going on with card " + o.UID.String()
	}
	if o.Row != "" {
		text += ", row " + o.Row
	}
	if len(values) > 0 {
		text += ": " + strings.Join(values, ", ")
	}
	s.log.Info(text, "reader", o.Reader)
	return nil
}

// outcomeCodes are the exit codes of what became of a card.
var outcomeCodes = map[batch.Outcome]int{
	batch.Done: exitDone, batch.Already: exitDone, batch.HalfDone: exitUnknown, batch.Failed: exitDiffers, batch.Unfit: exitImpossible,
	batch.NoRow: exitNoCard, batch.Declined: exitNoCard, batch.Busy: exitNoCard, batch.Untouched: exitNoCard,
}

// tell says what became of a card.
func (s *issuing) tell(c cardOf, r batch.Result, err error) {
	if len(r.UID) > 0 {
		c.UID = hexBytes(r.UID)
	}
	line := issueCard{
		Event: "card", Time: r.Time, cardOf: c, Row: r.Row, Outcome: r.Outcome, Exit: outcomeCodes[r.Outcome], Proved: r.Proved,
		Reasons: []string{}, Keys: append([]batch.KeyVersion{}, r.Keys...), Millis: float64(r.Duration.Microseconds()) / 1000,
	}
	for _, reason := range r.Reasons {
		line.Reasons = append(line.Reasons, oneLine(errors.New(reason)))
	}
	if err != nil {
		code := exitCode(context.Background(), err)
		if r.Outcome != batch.Untouched || desfire.Lost(err) {
			code = worst(line.Exit, code)
		}
		line.Exit = code
		if len(line.Reasons) == 0 {
			line.Reasons = []string{oneLine(err)}
		}
	}
	lost := s.note(&line, err)
	if s.json {
		_ = s.emit(line)
	} else {
		s.printCard(&line)
	}
	if lost > maxStalls {
		s.log.Warn("The card is lost again and again, and is left alone until it is put there anew", "reader", c.Reader)
	}
}

// note notes what became of a card, and ends the run where it was the last one. lost
// is how often the reader has lost it.
func (s *issuing) note(line *issueCard, err error) (lost int) {
	over := s.over()
	s.mu.Lock()
	defer s.mu.Unlock()
	name := fmt.Sprintf("%X", []byte(line.UID))
	if name == "" {
		name = fmt.Sprintf("%s, %d", line.Reader, len(s.codes))
	}
	s.codes[name] = line.Exit
	switch {
	case desfire.Lost(err) && (line.Outcome == batch.HalfDone || line.Outcome == batch.Untouched):
		s.stalls[line.Reader]++
	case line.Outcome == batch.Busy:
	default:
		delete(s.stalls, line.Reader)
		s.dealt++
	}
	var stopped *batch.StoppedError
	if errors.As(err, &stopped) || errors.As(err, new(*batch.ResultsError)) {
		if len(s.failed) == 0 {
			s.failed = append(s.failed, err)
		}
		s.ending = s.ending || stopped != nil
	}
	s.ending = s.ending || over || s.count > 0 && s.dealt >= s.count
	return s.stalls[line.Reader]
}

// printCard prints the line of a card.
func (s *issuing) printCard(line *issueCard) {
	p := s.results()
	style := p.Good
	switch {
	case line.Exit != exitDone:
		style = p.Bad
	case line.Outcome != batch.Done:
		style = p.Dim
	}
	name := line.Product
	if len(line.UID) > 0 {
		name = fmt.Sprintf("%X", []byte(line.UID))
	}
	if name == "" {
		name = "unknown card"
	}
	row := ""
	if line.Row != "" {
		row = "row " + line.Row + "  "
	}
	took := time.Duration(line.Millis * float64(time.Millisecond))
	p.printf("%s  %s%s  %s  %s\n", p.Title.Render(name), row, style.Render(string(line.Outcome)), milliseconds(took), p.Dim.Render(line.Reader))
	if said := strings.Join(line.Reasons, "\n"); line.Outcome == batch.Done {
		s.mu.Lock()
		before := s.said
		s.said = said
		s.mu.Unlock()
		if said == before {
			line.Reasons = nil // as of the card before
		}
	}
	for _, r := range line.Reasons {
		p.wrapped("  ", r)
	}
	if line.Outcome == batch.Done {
		s.log.Info(rateWords(s.batch.Status()))
	}
}

// doneWords say how many cards are made, of how many lines; 0 without a table.
func doneWords(made, rows int) string {
	if rows == 0 {
		return count(made, "card") + " done"
	}
	return fmt.Sprintf("%d of %s done", made, count(rows, "card"))
}

// rateWords say how far a batch is, and how fast.
func rateWords(st batch.Status) string {
	text := doneWords(st.Made, st.Rows)
	if st.PerHour > 0 && st.Here > 2 { // fewer tell little
		text += fmt.Sprintf(", %.0f an hour", st.PerHour)
	}
	if st.Left > time.Minute && st.Here > 2 {
		text += ", " + strings.TrimSuffix(st.Left.Round(time.Minute).String(), "0s") + " left"
	}
	return text
}

// summary ends the run: how far the batch is, and an error if any card is not what it
// should be.
func (s *issuing) summary() error {
	st := s.batch.Status()
	r := issueSummary{
		Event: "summary", Layout: s.file.path, Book: s.conf.Book, Results: s.conf.Results, Rows: st.Rows, Free: st.Free, Begun: st.Bound,
		Made: st.Made, Failed: st.Failed, Here: st.Here, PerHour: math.Round(st.PerHour), Seconds: time.Since(s.began).Round(time.Millisecond).Seconds(),
	}
	var err error
	if s.json {
		err = s.emit(r)
	} else {
		s.printSummary(&r)
	}
	var codes []int
	for _, c := range s.codes {
		if c != exitDone {
			codes = append(codes, c)
		}
	}
	if len(codes) > 0 {
		err = errors.Join(err, withCode(worst(codes...), fmt.Errorf("not done: %d of %s", len(codes), count(len(s.codes), "card"))))
	}
	return err
}

func (s *issuing) printSummary(r *issueSummary) {
	p := s.results()
	p.printf("%s", p.Title.Render(doneWords(r.Made, r.Rows)))
	if r.Here != r.Made {
		p.printf(", %d of them now", r.Here)
	}
	if r.Begun > 0 {
		p.printf(", %s", p.Warn.Render(fmt.Sprintf("%d begun and not finished", r.Begun)))
	}
	if r.Failed > 0 {
		p.printf(", %s", p.Bad.Render(fmt.Sprintf("%d failed", r.Failed)))
	}
	p.printf("\n")
	p.printf("  %s  %s\n  %s  %s\n", p.Dim.Render("results"), r.Results, p.Dim.Render("book   "), r.Book)
}
