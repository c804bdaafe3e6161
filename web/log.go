package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
	"github.com/go-desfire/desfire/internal/visible"
)

func (s *Server) logRoutes() {
	s.view("log", func(w http.ResponseWriter, r *http.Request) { s.renderLog(w, r, s.logs.get(r.FormValue("id")), nil) })
	s.view("log/rows", s.ofLog(func(w http.ResponseWriter, r *http.Request, o *openLog) { s.render(w, r, "log-rows", rowsOf(o, r)) }))
	s.view("log/exchange", s.ofLog(s.logExchange))
	s.view("log/file", s.ofLog(s.logFile))
	s.view("log/trace", s.ofLog(s.logTrace))
	s.action("log", s.dropLog)
	s.action("log/keys", s.ofLog(s.logKeys))
	s.action("log/close", func(w http.ResponseWriter, r *http.Request) {
		s.logs.close(r.FormValue("id"))
		s.renderLog(w, r, s.logs.get(""), nil)
	})
}

// ofLog finds the log that a request is about.
func (s *Server) ofLog(next func(w http.ResponseWriter, r *http.Request, o *openLog)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if o := s.logs.get(r.FormValue("id")); o != nil && r.FormValue("id") != "" {
			next(w, r, o)
			return
		}
		s.fail(w, r, errors.New("this log is not open any more: drop the file again"))
	}
}

// logPage is the view as its template wants it.
type logPage struct {
	*openLog
	Err      string
	Refused  bool // Err is of keys that were typed
	Summary  *markup.Summary
	Rows     logRows
	Open     *dissect.Message
	Others   []*openLog
	Missed   int
	Exchange int // what is opened
}

func (s *Server) renderLog(w http.ResponseWriter, r *http.Request, o *openLog, err error) {
	p := &logPage{openLog: o}
	if err != nil {
		p.Err, p.Refused = err.Error(), errors.As(err, new(badKeys))
	}
	if o == nil {
		p.openLog = new(openLog)
		s.render(w, r, "log", p)
		return
	}
	p.Others = s.logs.others(o.ID)
	p.Summary = markup.Summarize(o.rec, o.Result)
	p.Summary.Open = "/v/log/exchange?id=" + o.ID + "&no="
	i := max(o.Result.First, 0)
	if n, err := strconv.Atoi(r.FormValue("no")); err == nil {
		if m := o.Result.At(n); m != nil {
			i = o.Result.Index(m)
		}
	}
	if p.Open = o.Result.Messages[i]; true {
		p.Exchange = p.Open.No
	}
	p.Rows = around(o, i)
	s.render(w, r, "log", p)
}

// dropLog takes a file.
func (s *Server) dropLog(w http.ResponseWriter, r *http.Request) {
	f, h, err := r.FormFile("file")
	if err != nil {
		var most *http.MaxBytesError
		if errors.As(err, &most) {
			err = fmt.Errorf("the file has more than %d MB: cut it into parts, or use desfire trace verify", most.Limit>>20)
		} else {
			err = errors.New("no file came: choose one, or drop it here")
		}
		s.renderLog(w, r, s.logs.get(""), err)
		return
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		s.renderLog(w, r, s.logs.get(""), err)
		return
	}
	name := uploadName(h)
	o, err := readLog(name, data)
	if err != nil {
		s.renderLog(w, r, s.logs.get(""), fmt.Errorf("%s: %w", visible.Text(name), err))
		return
	}
	o.look(r.Context(), s)
	s.logs.put(o)
	s.renderLog(w, r, o, nil)
}

// logKeys verifies a log again with other keys. They go nowhere but into it.
func (s *Server) logKeys(w http.ResponseWriter, r *http.Request, o *openLog) {
	again := *o
	again.given = append(again.given[:0:0], o.given...)
	again.Own, again.Defaults = r.FormValue("own") != "", r.FormValue("defaults") != ""
	if r.FormValue("forget") != "" {
		again.given = nil
	}
	var err error
	if typed := r.FormValue("key"); typed != "" {
		err = again.add(typed)
	}
	if err == nil {
		again.look(r.Context(), s)
		s.logs.put(&again)
		o = &again
	}
	if err != nil {
		err = badKeys{err}
	}
	s.renderLog(w, r, o, err)
}

// badKeys is why keys that a person typed are not tried. The log is as it was.
type badKeys struct{ error }

func (s *Server) logExchange(w http.ResponseWriter, r *http.Request, o *openLog) {
	n, err := strconv.Atoi(r.FormValue("no"))
	m := o.Result.At(n)
	if err != nil || m == nil {
		s.fail(w, r, fmt.Errorf("there is no exchange %q in this log", visible.Text(r.FormValue("no"))))
		return
	}
	rows := around(o, o.Result.Index(m))
	if r.FormValue("from") != "" {
		rows = rowsOf(o, r)
		rows.Current = m.No
	}
	s.render(w, r, "log-exchange", logPage{openLog: o, Rows: rows, Open: m})
}

// logFile saves a log as one HTML file. What tells a key is cut from it.
func (s *Server) logFile(w http.ResponseWriter, r *http.Request, o *openLog) {
	style, err := files.ReadFile("assets/style.css")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	conf := o.config(r.Context(), s, o.uids())
	conf.Cut = true
	attachment(w, stem(o.Name)+".html", "text/html; charset=utf-8")
	if err := markup.File(w, o.Name, style, o.rec, dissect.Recording(o.rec, conf)); err != nil {
		s.conf.Logger.Error("a log could not be saved", "err", err)
	}
}

func (s *Server) logTrace(w http.ResponseWriter, r *http.Request, o *openLog) {
	b, err := o.rec.Redacted().MarshalJSON()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	attachment(w, stem(o.Name)+".json", "application/json")
	_, _ = w.Write(b)
}

func (o *openLog) uids() (list [][]byte) {
	for _, c := range o.Result.Cards {
		list = append(list, c.UID)
	}
	return list
}

// stem is the name of a file without its ending, of letters that every system
// takes.
func stem(name string) string {
	name = strings.TrimSuffix(name, path.Ext(name))
	name = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '-'
	}, name)
	if name = strings.Trim(name, ".-"); name == "" {
		name = "log"
	}
	return name[:min(len(name), 80)]
}

func attachment(w http.ResponseWriter, name, kind string) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
}
