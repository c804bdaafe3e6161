package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-desfire/desfire/purse"
)

// digitsOf are what a person types to confirm something about a card: the last four
// digits of its UID.
func digitsOf(uid string) string {
	if len(uid) < 4 {
		return uid
	}
	return uid[len(uid)-4:]
}

// confirmed is an error if the digits are not those of the card.
func confirmed(r *http.Request, uid string) error {
	if got := strings.ToUpper(strings.TrimSpace(r.FormValue("digits"))); got != digitsOf(uid) || got == "" {
		return fmt.Errorf("the digits are not those of %s: type its last four; nothing was done", uid)
	}
	return nil
}

// purseDecide takes a person's word for what became of an entry.
func (s *Server) purseDecide(w http.ResponseWriter, r *http.Request) {
	s.renderPurse(w, r, s.decideByWord(r))
}

func (s *Server) decideByWord(r *http.Request) error {
	l := s.ledgers.named(r.FormValue("of"), s.readerOf(r))
	e, err := entryNamed(r, l)
	if err != nil {
		return err
	}
	if err := confirmed(r, e.UID); err != nil {
		return err
	}
	d, ok := map[string]purse.Decision{"happened": purse.Happened, "not": purse.DidNot}[r.FormValue("as")]
	if !ok {
		return errors.New("say what became of it: that it happened, or that it did not")
	}
	x := &purse.Operator{Journal: l, Now: s.conf.Now}
	if _, err := x.Decide(r.Context(), e.ID, d, r.FormValue("reason")); err != nil {
		return err
	}
	s.tell("purse", "")
	return nil
}

// purseUnblock lets a blocked card be used again.
func (s *Server) purseUnblock(w http.ResponseWriter, r *http.Request) {
	card := purse.CardApp{UID: r.FormValue("uid"), App: r.FormValue("app")}
	err := confirmed(r, card.UID)
	if err == nil {
		err = (&purse.Operator{Journal: s.ledgers.named(r.FormValue("of"), s.readerOf(r))}).Unblock(r.Context(), card, r.FormValue("reason"))
	}
	if err == nil {
		s.tell("purse", "")
	}
	s.renderPurse(w, r, err)
}

// purseReport is the journal as a report for the centre, to be saved.
func (s *Server) purseReport(w http.ResponseWriter, r *http.Request) {
	report, err := purse.ReportOf(r.Context(), s.ledgers.named(r.FormValue("of"), s.readerOf(r)), s.terminal(), purse.At(s.conf.Now()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	saveJSON(w, "purse-report.json", report)
}

func (s *Server) terminal() string {
	if s.conf.Purse != nil && s.conf.Purse.Terminal != "" {
		return s.conf.Purse.Terminal
	}
	return "desfire web"
}

// purseReceipt is one entry with its evidence, as a report that holds nothing else.
func (s *Server) purseReceipt(w http.ResponseWriter, r *http.Request) {
	e, err := entryNamed(r, s.ledgers.named(r.FormValue("of"), s.readerOf(r)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	saveJSON(w, "receipt-"+entryNo(e.ID)+".json", &purse.Report{Format: purse.ReportFormat, Terminal: e.Terminal, Generation: e.ID.Generation(), Entries: []purse.Entry{*e}})
}

// saveJSON answers with a file of JSON.
func saveJSON(w http.ResponseWriter, name string, v any) {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	save(w, name, "application/json", append(b, '\n'))
}

// save answers with a file.
func save(w http.ResponseWriter, name, kind string, b []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	_, _ = w.Write(b)
}

// Reports that are given to the page, in bytes.
const (
	maxReport  = 16 << 20
	maxReports = 64 << 20
)

// booksView is what reports say together.
type booksView struct {
	Error   error
	Reports []string // who reported
	Cards   []bookCard
	Open    int
	Alarms  int
}

type bookCard struct {
	purse.CardBooks
	Shown []bookEntry // what changes, and what is open
}

type bookEntry struct {
	Number, What, Terminal string
	Sign, State, Decision  string
	Rule, Why              string
	Needs                  []string
}

// purseReconcile puts reports of terminals together with the journal of this program.
func (s *Server) purseReconcile(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, "purse-books", s.reconcile(w, r))
}

func (s *Server) reconcile(w http.ResponseWriter, r *http.Request) (v booksView) {
	r.Body = http.MaxBytesReader(w, r.Body, maxReports)
	if err := r.ParseMultipartForm(mostBody); err != nil {
		v.Error = fmt.Errorf("the reports could not be taken (%d MB at most): %w", maxReports>>20, err)
		return v
	}
	defer r.MultipartForm.RemoveAll() //nolint:errcheck // of temporary files
	own, err := purse.ReportOf(r.Context(), s.ledgers.named(r.FormValue("of"), s.readerOf(r)), s.terminal(), purse.At(s.conf.Now()))
	if err != nil {
		v.Error = err
		return v
	}
	reports := []purse.Report{*own}
	for _, h := range r.MultipartForm.File["reports"] {
		f, err := h.Open()
		if err != nil {
			v.Error = err
			return v
		}
		b, err := io.ReadAll(io.LimitReader(f, maxReport+1))
		_ = f.Close()
		if err == nil && len(b) > maxReport {
			err = fmt.Errorf("more than %d MB", maxReport>>20)
		}
		if err != nil {
			v.Error = fmt.Errorf("%s: %w", h.Filename, err)
			return v
		}
		report, err := purse.ParseReport(b)
		if err != nil {
			v.Error = fmt.Errorf("%s: %w; desfire purse journal --report writes reports", h.Filename, err)
			return v
		}
		reports = append(reports, *report)
	}
	var holders []string
	for _, name := range strings.Split(r.FormValue("holders"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			holders = append(holders, name)
		}
	}
	books, err := purse.Reconcile(r.Context(), &purse.Centre{Keys: s.keys(), Holders: holders}, reports)
	if err != nil {
		v.Error = err
		return v
	}
	for _, x := range reports {
		v.Reports = append(v.Reports, fmt.Sprintf("%s (%s)", x.Terminal, entries(len(x.Entries))))
	}
	for _, c := range books.Cards {
		v.add(c)
	}
	return v
}

func entries(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return grouped(n) + " entries"
}

// mostShown is how many entries of a card are shown.
const mostShown = 100

func (v *booksView) add(c purse.CardBooks) {
	card := bookCard{CardBooks: c}
	for i := range c.Entries {
		x := &c.Entries[i]
		if x.Outcome.Decision == purse.InDoubt {
			v.Open++
		}
		if !x.Changed && x.Outcome.Decision != purse.InDoubt || len(card.Shown) >= mostShown {
			continue
		}
		e := bookEntry{Number: entryNo(x.Entry.ID), What: whatOf(&x.Entry), Terminal: x.Entry.Terminal, Rule: string(x.Outcome.Rule), Why: x.Outcome.Why, Needs: x.Outcome.Needs}
		e.Decision, e.State, e.Sign = decisionWords(x.Outcome.Decision)
		card.Shown = append(card.Shown, e)
	}
	v.Alarms += len(c.Alarms)
	v.Cards = append(v.Cards, card)
}
