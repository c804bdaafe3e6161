package web

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// templates are all of them, by name.
var templates = sync.OnceValue(func() *template.Template {
	t := template.Must(report.Pieces())
	return template.Must(t.Funcs(template.FuncMap{
		"vis":        func(v any) string { return visible.Text(fmt.Sprint(v)) },
		"hex":        func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"spaced":     func(b []byte) string { return fmt.Sprintf("% X", b) },
		"num":        grouped,
		"signed":     signedNumber,
		"result":     func(v jobView) (template.HTML, error) { return result(t, v) },
		"exchange":   exchangeHTML,
		"clock":      func(t time.Time) string { return t.Format("15:04:05") },
		"day":        func(t time.Time) string { return t.Format("2006-01-02 15:04:05") },
		"errorWords": errorWords,
		"sentence":   sentence,
		"upper":      upper,
		"digits":     digits,
		"product":    productOf,
		"logSummary": summaryHTML,
		"logRow":     rowHTML,
	}).ParseFS(files, "templates/*.html"))
})

// result is what a job found, by the template that it named.
func result(t *template.Template, v jobView) (template.HTML, error) {
	if v.Template == "" {
		return "", nil
	}
	var b bytes.Buffer
	err := t.ExecuteTemplate(&b, v.Template, v.Data)
	return template.HTML(b.String()), err //nolint:gosec // a template has escaped it
}

// productOf is what cards of a generation are sold as; a name that is not known, as it is.
func productOf(name string) string {
	g, err := wire.ParseGeneration(name)
	if err != nil {
		return name
	}
	return play.ProductName(g)
}

// digits reports whether text is a row of hexadecimal digits, as a UID or a MAC.
func digits(text string) bool {
	return len(text) >= 8 && strings.Trim(text, "0123456789ABCDEF") == ""
}

// grouped is a whole number for people.
func grouped(n any) string { return visible.Gaps(fmt.Sprint(n)) }

// render answers with a template. Nothing is sent of one that fails.
func (s *Server) render(w http.ResponseWriter, _ *http.Request, name string, data any) {
	s.renderStatus(w, http.StatusOK, name, data)
}

func (s *Server) renderStatus(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, name, data); err != nil {
		s.conf.Logger.Error("a part of the page failed", "part", name, "err", err)
		http.Error(w, "This part of the page failed: "+name, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = b.WriteTo(w)
}

// fail answers with what went wrong and what to do, as a fragment.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	s.render(w, r, "failed", explain(err))
}

// nowhere answers a view that needs a card where there is none: why, and what to do.
// It reports whether it did.
func (s *Server) nowhere(w http.ResponseWriter, r *http.Request, rd *reader) bool {
	view := path.Base(r.URL.Path)
	switch _, service := s.hub.all(); {
	case rd == nil && service != nil:
		why, next := errorWords(service), ""
		var advised interface {
			error
			Next() string
		}
		if errors.As(service, &advised) && advised.Next() != "" && errors.Unwrap(advised) != nil {
			why, next = errorWords(errors.Unwrap(advised)), advised.Next()
		}
		s.render(w, r, "no-service", map[string]any{"Err": why, "Next": next, "View": view})
	case rd == nil:
		s.render(w, r, "no-reader", map[string]any{"Gone": r.FormValue("reader") != "", "View": view, "Fleet": s.conf.Fleet != nil})
	case rd.look().stay == nil:
		s.render(w, r, "no-card", map[string]any{"Name": rd.name, "ID": rd.id, "Simulated": rd.simulated, "Ignored": rd.look().ignored, "View": view})
	case s.conf.OnDemand && !rd.simulated && rd.look().Unread():
		s.render(w, r, "not-read", map[string]any{"Name": rd.name, "ID": rd.id, "View": view})
	default:
		return false
	}
	return true
}
