package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-desfire/desfire/trace"
)

// mostRows is how many lines a page gets at once.
const mostRows = 200

func (s *Server) trafficRoutes() {
	s.view("traffic", func(w http.ResponseWriter, r *http.Request) {
		rd := s.readerOf(r)
		if rd == nil {
			s.nowhere(w, r, nil)
			return
		}
		s.render(w, r, "traffic", map[string]any{"Reader": rd.id, "Name": rd.name})
	})
	s.view("traffic/rows", s.ofTraffic(s.trafficRows))
	s.view("traffic/plots", s.ofTraffic(func(w http.ResponseWriter, _ *http.Request, rd *reader) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(rd.traffic.plots())
	}))
	s.view("traffic/exchange", s.ofTraffic(s.trafficExchange))
	s.view("traffic/trace", s.ofTraffic(s.trafficTrace))
}

// ofTraffic finds the reader that a request is about.
func (s *Server) ofTraffic(next func(w http.ResponseWriter, r *http.Request, rd *reader)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if rd := s.readerOf(r); rd != nil {
			next(w, r, rd)
			return
		}
		http.Error(w, "This reader is not there any more.", http.StatusNotFound)
	}
}

// row is a line as the list shows it.
type row struct {
	*line
	Bracket string
}

func (r row) Seq() int       { return r.seq }
func (r row) Changes() int   { return r.changes }
func (r row) No() int        { return r.no }
func (r row) Mark() bool     { return r.kind != "" }
func (r row) Bad() string    { return r.bad }
func (r row) Name() string   { return r.name }
func (r row) About() string  { return r.about }
func (r row) Shape() shape   { return r.shape }
func (r row) Frames() int    { return len(r.exchanges) }
func (r row) Took() string   { return rounded(r.took) }
func (r row) At() string     { return passed(r.at) }
func (r row) Clock() string  { return r.clock.Format(time.TimeOnly) }
func (r row) Answered() bool { return r.answered }

// passed is how long traffic went on already.
func passed(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("+%.3f s", d.Seconds())
	}
	return "+" + d.Truncate(time.Second).String()
}

// trafficRows answers with lines, from one on, or the last ones if from is -1.
func (s *Server) trafficRows(w http.ResponseWriter, r *http.Request, rd *reader) {
	q := r.URL.Query()
	n, from := number(q.Get("n"), mostRows), number(q.Get("from"), -1)
	n = min(max(n, 0), mostRows)
	k := rd.traffic.kept()
	f := filterOf(q)
	at, all := f.places(k.lines)
	total := len(at)
	if all {
		total = len(k.lines)
	}
	if from < 0 {
		from = total - n
	}
	from = min(max(from, 0), total)
	var rows []row
	for i := from; i < min(from+n, total); i++ {
		p := i
		if !all {
			p = at[i]
		}
		rows = append(rows, row{k.lines[p], bracket(k.lines, p)})
	}
	gone := k.gone
	if !all {
		gone = 0
	}
	s.render(w, r, "traffic-rows", map[string]any{
		"Rows": rows, "From": from, "Total": total, "Gone": gone, "Words": k.words(), "All": all,
	})
}

// words say how much there is.
func (k *kept) words() string {
	words := "Nothing was said yet. Lay a card on the reader."
	if k.frames > 0 {
		words = grouped(k.frames) + " exchanges"
		if k.frames == 1 {
			words = "1 exchange"
		}
		if k.uid != "" {
			words += ", the last with " + k.uid
		}
		words += ". One line is a command and its answer, the newest last."
	}
	if k.gone > 0 {
		words += fmt.Sprintf(" The oldest %s lines are not kept any more.", grouped(k.gone))
	}
	return words
}

func number(s string, otherwise int) int {
	if n, err := strconv.Atoi(s); err == nil {
		return n
	}
	return otherwise
}

// trafficTrace answers with what is kept as a recording.
func (s *Server) trafficTrace(w http.ResponseWriter, r *http.Request, rd *reader) {
	k := rd.traffic.kept()
	rec := rd.traffic.recording(k.lines)
	if len(rec.Exchanges) == 0 {
		http.Error(w, "Nothing was said yet, so there is nothing to save.", http.StatusConflict)
		return
	}
	rec.ID = "traffic-" + s.conf.Now().Format("20060102-150405")
	if k.gone > 0 {
		rec.Notes = fmt.Sprintf("%d older lines not kept", k.gone)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", rec.ID+".json"))
	if err := rec.Write(w, trace.FormatJSON); err != nil {
		s.conf.Logger.Info("a recording was not saved", "err", err)
	}
}

var errOld = errors.New("this exchange is not kept any more: newer ones took its place")
