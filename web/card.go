package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

func (s *Server) cardRoutes() {
	s.view("card", s.card)
	s.view("card-since", s.cardSince)
	s.view("card-app", s.cardApp)
	s.view("card-nothing", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	})
	s.action("card-read", s.cardRead)
	s.action("card-again", s.cardAgain)
	s.mux.HandleFunc("GET /assets/style.css", stylesheet)
}

// wholeStyle is the stylesheet of the page, and at its end that of the parts of a
// card, which the report has as well.
var wholeStyle = sync.OnceValue(func() []byte {
	b, err := files.ReadFile("assets/style.css")
	if err != nil {
		panic("web: it is embedded: " + err.Error())
	}
	return append(b, report.Stylesheet()...)
})

func stylesheet(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-cache") // kept, and asked for whether it still is the same
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(wholeStyle())))
	http.ServeContent(w, r, "style.css", time.Time{}, bytes.NewReader(wholeStyle()))
}

// card is the view of a card.
func (s *Server) card(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	if s.nowhere(w, r, rd) {
		return
	}
	if st := rd.look().stay; st != nil { // else it left this moment, and the page asks again
		s.render(w, r, "card", s.cardPage(r.Context(), rd, st))
	}
}

// cardSince is for how long the card has lain there.
func (s *Server) cardSince(w http.ResponseWriter, r *http.Request) {
	if rd := s.readerOf(r); rd != nil {
		if st := rd.look().stay; st != nil {
			_, _ = io.WriteString(w, (&cardPage{Since: st.since}).For())
			return
		}
	}
	_, _ = io.WriteString(w, "no more")
}

// cardApp is one application of a card that holds so much that they begin closed.
func (s *Server) cardApp(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	n, err := strconv.Atoi(r.FormValue("n"))
	if rd != nil && err == nil {
		if st := rd.look().stay; st != nil && st.card != nil && n >= 0 && n < len(st.card.Applications) {
			if v := s.cardPage(r.Context(), rd, st); v.Page != nil {
				v.Apps[n].Open = true
				s.render(w, r, "card-lazy", closedApp{n, &v.Apps[n]})
				return
			}
		}
	}
	s.fail(w, r, errors.New("this application is not on the card any more; look at the card again"))
}

// cardRead reads all of a card that can be read.
func (s *Server) cardRead(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	j, err := s.start(rd, work{title: "Read everything", fresh: true, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		n, of := 0, 1
		if st := rd.look().stay; st != nil && st.card != nil {
			of += len(st.card.Applications)
		}
		var last wire.Place
		err := s.readCard(ctx, rd, card, true, func(p wire.Place) {
			if n > 0 && p == last {
				return // a session of it was lost
			}
			n, last = n+1, p
			j.steps(min(n, of), of, "Reading "+placeWords(p))
		})
		if st := rd.look().stay; err == nil && st != nil && st.card != nil {
			j.show("card-read", len(st.card.Lost()))
		}
		return err
	}})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.renderJob(w, r, j)
}

// placeWords names a place in a sentence.
func placeWords(p wire.Place) string {
	switch {
	case p.IsCard():
		return "the card itself"
	case p.Fixed:
		return "the application"
	}
	return "application " + p.String()
}

// cardAgain reads a card as when it was laid there.
func (s *Server) cardAgain(w http.ResponseWriter, r *http.Request) {
	if rd := s.readerOf(r); rd != nil {
		s.lookAt(rd)
	}
	w.WriteHeader(http.StatusNoContent)
}

// closedApp is an application that begins closed.
type closedApp struct {
	N   int
	App *report.AppPage
}

// Closed are the applications of a card that holds much.
func (v *cardPage) Closed() (list []closedApp) {
	for n := range v.Apps {
		list = append(list, closedApp{n, &v.Apps[n]})
	}
	return list
}

// Act says what can be done with a file.
func (v *cardPage) Act(f *inspect.File) string {
	if f.Settings == nil {
		return "Try to read"
	}
	switch f.Settings.Type {
	case wire.FileValue:
		return "Get, debit, credit"
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return "Read, append, clear"
	case wire.FileTransactionMAC:
		return "Read"
	}
	return "Read, write"
}
