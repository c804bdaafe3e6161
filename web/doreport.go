package web

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/dump"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/report"
	"github.com/go-desfire/desfire/wire"
)

// madeBy is what reports and dumps say of who made them.
const madeBy = "desfire web"

// savedView is a report or a dump that was made.
type savedView struct {
	Job      string
	Words    string
	Redacted *report.Redaction
	Missing  []string
	More     int // missing parts that are not listed
	Files    []savedFile
}

// savedFile is a button that saves something.
type savedFile struct {
	As, Button string
	Bytes      int

	name string
	data []byte
}

func (v *savedView) save(as string) (string, []byte) {
	for _, f := range v.Files {
		if f.As == as {
			return f.name, f.data
		}
	}
	return "", nil
}

// mostMissing is how many missing parts are listed.
const mostMissing = 8

func (v *savedView) missing(lost []inspect.Lost) {
	for i, m := range lost {
		if i == mostMissing {
			v.More = len(lost) - i
			return
		}
		v.Missing = append(v.Missing, lostPart(m))
	}
}

// lostPart is a part that could not be read, where it is, and why.
func lostPart(m inspect.Lost) string {
	at := "of the card"
	if !m.Application.IsCard() {
		at = "of " + shortPlace(m.Application)
	}
	if m.File != nil {
		at = fmt.Sprintf("of file %d %s", *m.File, at)
	}
	return fmt.Sprintf("%s %s: %s", upper(string(m.What)), at, m.Reason)
}

// readAll reads a card with all that the keys of the process open, and says how far it is.
func (s *Server) readAll(ctx context.Context, j *job, card *desfire.Card) (*inspect.Card, error) {
	places := 0
	c, err := s.entry(card).Inspect(ctx, &inspect.Config{Ask: inspect.Everything, Enter: func(_ context.Context, _ *desfire.Card, p wire.Place) error {
		places++
		where := "the card itself"
		if !p.IsCard() {
			where = shortPlace(p)
		}
		j.steps(places, places+1, "Reading "+where)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	c.Reader = j.reader.name
	return c, nil
}

// cardFile is the name of a file about a card.
func cardFile(kind string, c *inspect.Card, redacted bool, ext string) string {
	if redacted || len(c.UID) == 0 {
		return kind + ext
	}
	return fmt.Sprintf("%s-%X%s", kind, []byte(c.UID), ext)
}

func (s *Server) doReport(w http.ResponseWriter, r *http.Request) {
	redact := r.FormValue("redact") != ""
	s.startIn(w, r, work{title: "Report", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		c, err := s.readAll(ctx, j, card)
		if err != nil {
			return err
		}
		conf := &report.Config{By: madeBy, Made: s.conf.Now(), Redact: redact}
		if conf.Extra, err = report.Ask(ctx, card); err != nil { // what was read before is worth a report
			conf.Extra.Unread = append(conf.Extra.Unread, "the card did not answer any more")
			j.say("The card did not answer to the end: " + errorWords(err))
		}
		v, err := reportView(report.New(c, conf), c, redact)
		if err != nil {
			return err
		}
		v.Job = j.id
		j.show("do-saved", v)
		return nil
	}})
}

// reportView makes the files of a report.
func reportView(rep *report.Report, c *inspect.Card, redact bool) (*savedView, error) {
	var page bytes.Buffer
	if err := rep.HTML(&page); err != nil {
		return nil, err
	}
	text, err := rep.JSON()
	if err != nil {
		return nil, err
	}
	files := 0
	for i := range rep.Applications {
		files += len(rep.Applications[i].Files)
	}
	v := &savedView{
		Words:    fmt.Sprintf("%s, %s, %s worth knowing.", count(len(rep.Applications), "application"), count(files, "file"), count(len(rep.Worries), "thing")),
		Redacted: rep.Redacted,
		Files: []savedFile{
			{"html", "Save as a page", page.Len(), cardFile("report", c, redact, ".html"), page.Bytes()},
			{"json", "Save as JSON", len(text), cardFile("report", c, redact, ".json"), text},
		},
	}
	v.missing(rep.Missing)
	return v, nil
}

func (s *Server) doDump(w http.ResponseWriter, r *http.Request) {
	s.startIn(w, r, work{title: "Dump", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		c, err := s.readAll(ctx, j, card)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := dump.Write(&b, c, &dump.Info{By: madeBy, Written: s.conf.Now()}); err != nil {
			return err
		}
		files, held := 0, 0
		for i := range c.Applications {
			for k := range c.Applications[i].Files {
				files++
				held += c.Applications[i].Files[k].Held()
			}
		}
		v := &savedView{
			Job: j.id, Words: fmt.Sprintf("%s, %s, %s of contents.", count(len(c.Applications), "application"), count(files, "file"), count(held, "byte")),
			Files: []savedFile{{"json", "Save the dump", b.Len(), cardFile("dump", c, false, ".json"), b.Bytes()}},
		}
		v.missing(c.Lost())
		j.show("do-saved", v)
		return nil
	}})
}
