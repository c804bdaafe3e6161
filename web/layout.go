package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
)

func (s *Server) layoutRoutes() {
	s.view("layout", func(w http.ResponseWriter, r *http.Request) { s.renderLayout(w, r, r.FormValue("doc"), nil) })
	s.view("layout-steps", func(w http.ResponseWriter, r *http.Request) { s.layoutPart(w, r, "layout-steps") })
	s.view("layout-state", func(w http.ResponseWriter, r *http.Request) { s.layoutPart(w, r, "layout-state") })
	s.view("layout-file", s.layoutFile)
	s.action("layout-give", s.layoutGive)
	s.action("layout-plan", s.layoutPlan)
	s.action("layout-apply", s.layoutApply)
	s.action("layout-verify", s.layoutVerify)
}

// layoutView is the view of a layout.
type layoutView struct {
	Reader, ReaderAsked string
	Error               error
	Busy                *jobView
	NoCard              string // what to do, where there is none
	UID                 string
	Product             string

	Choices []layoutChoice // those of people first
	Doc     *layoutDoc
	Columns []column
	Prune   bool

	Plan *planView
	Job  *jobView // that makes the plan or compares
}

// layoutChoice is a layout that can be chosen.
type layoutChoice struct {
	Doc    *layoutDoc
	Reader string
}

// planView is a plan as it is shown.
type planView struct {
	ID          string
	UID, Digits string
	Other       bool // another card lies there
	At          string
	Turn        string // names the form: what is typed into it stays while it is the same
	Count       diffCount
	Diff        []diffRow
	Steps       stepsView
	Exchanges   int
	Bytes       int
	Free        int // bytes of the card; -1 if it is not known
	Losses      []planLoss
	Asked       []string // names that the plan does for ever
	Held        []perso.Note
	Impossible  []perso.Note
	Warnings    []perso.Note
	Prune       bool
	NoJournal   bool // keys are to be changed, and there is none
}

// stepsView are the steps of a plan, and how far they are.
type stepsView struct {
	Reader, Doc string
	List        []planStep
	Done, Of    int
	Job         *jobView
	Lost        bool
	Now         string // the step under way
	NowN        int
	Over        bool
	Begun       bool
	Moved       string
	Verified    *verified
	UID         string
}

func (s *Server) renderLayout(w http.ResponseWriter, r *http.Request, doc string, problem error) {
	v := &layoutView{ReaderAsked: readerAsked(r), Error: problem}
	for _, d := range s.plans.list() {
		v.Choices = append(v.Choices, layoutChoice{d, v.ReaderAsked})
	}
	if doc != "" {
		if v.Doc = s.plans.find(doc); v.Doc == nil && v.Error == nil {
			v.Error = errors.New("this layout is not known any more: give it again")
		}
	}
	rd := s.readerOf(r)
	if rd == nil {
		v.NoCard = "Plug in a reader: it appears here by itself."
	} else {
		s.layoutReader(rd, v)
	}
	if v.Doc != nil {
		v.Columns = v.Doc.columns(nil)
		s.layoutPlanned(rd, v)
	}
	s.render(w, r, "layout", v)
}

// layoutReader puts into the view what lies on the reader.
func (s *Server) layoutReader(rd *reader, v *layoutView) {
	v.Reader = rd.id
	l := rd.look()
	v.Job = s.layoutJobOf(rd)
	if l.job != nil && !l.job.own && (v.Job == nil || v.Job.ID != l.job.id) {
		busy := l.job.view()
		v.Busy = &busy
	}
	if l.stay == nil {
		v.NoCard = "Lay a card on " + rd.name + "."
		return
	}
	v.Product = l.stay.product
	if !l.stay.random {
		v.UID = fmt.Sprintf("%X", l.stay.uid)
	}
}

// layoutPlanned puts the plan into the view, if there is one.
func (s *Server) layoutPlanned(rd *reader, v *layoutView) {
	m := s.plans.of(rd, v.Doc)
	if m == nil {
		return
	}
	v.Columns, v.Prune = v.Doc.columns(m.row), m.conf.Prune
	st := rd.look().stay
	p := &planView{
		ID: m.id, UID: fmt.Sprintf("%X", []byte(m.plan.UID)), At: m.at.Format("15:04:05"), Exchanges: m.plan.Exchanges(), Bytes: m.plan.Bytes(),
		Asked: m.conf.Irreversible, Held: m.plan.Held, Impossible: m.plan.Impossible, Warnings: m.plan.Warnings, Prune: m.conf.Prune, Free: -1,
		NoJournal: changesKeys(m.plan) && s.keyJournal(rd) == nil,
	}
	p.Digits, p.Turn = digitsOf(p.UID), fmt.Sprintf("%d-%v", m.at.UnixNano(), !m.fresh())
	var diffs []perso.Difference
	if st != nil {
		p.Other = !st.random && !m.of(st.uid)
		if st.card != nil && !p.Other && m.fresh() {
			if free := st.card.FreeMemory; free != nil {
				p.Free = *free
			}
			diffs, _ = perso.Compare(st.card, m.layout) // what it cannot say, the steps do
		}
	}
	p.Losses = planLosses(m.plan, diffs)
	p.Diff, p.Count = diffOf(v.Doc.doc, m.plan, diffs)
	p.Steps = s.stepsOf(rd, m)
	v.Plan = p
}

// fresh reports whether nothing of the plan was done, so that the card is as it was.
func (m *madePlan) fresh() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.begun
}

func (s *Server) stepsOf(rd *reader, m *madePlan) (v stepsView) {
	v.Reader, v.Doc, v.UID = rd.id, m.doc.ID, fmt.Sprintf("%X", []byte(m.plan.UID))
	v.List, v.Done = m.steps()
	v.Of = len(v.List)
	v.Job = s.layoutJobOf(rd)
	m.mu.Lock()
	v.Over, v.Begun, v.Moved, v.Verified = m.over, m.begun, m.moved, m.verified
	if m.now >= 0 {
		v.NowN, v.Now = m.now+1, upper(m.plan.Steps[m.now].Words)
	}
	m.mu.Unlock()
	v.Lost = v.Job != nil && (v.Job.State == jobLost || v.Job.State == jobWaiting)
	return v
}

// Working reports whether a job with a layout works with the card, or waits for it.
func (v *stepsView) Working() bool { return v.Job != nil && !v.Job.Over() }

// layoutJobOf is the last job with a layout on a reader.
func (s *Server) layoutJobOf(rd *reader) *jobView {
	s.plans.mu.Lock()
	id := s.plans.jobs[rd.id]
	s.plans.mu.Unlock()
	if j := s.jobs.find(id); j != nil {
		v := j.view()
		return &v
	}
	return nil
}

// layoutPart is a fragment that follows the job: the steps, or what became of them.
func (s *Server) layoutPart(w http.ResponseWriter, r *http.Request, part string) {
	rd := s.readerOf(r)
	m := s.plans.of(rd, s.plans.find(r.FormValue("doc")))
	if m == nil {
		s.fail(w, r, errors.New("this plan is not known any more: make it again"))
		return
	}
	s.render(w, r, part, s.stepsOf(rd, m))
}

// layoutFile is the plan as a file, for desfire layout apply --plan.
func (s *Server) layoutFile(w http.ResponseWriter, r *http.Request) {
	m := s.plans.of(s.readerOf(r), s.plans.find(r.FormValue("doc")))
	if m == nil {
		http.Error(w, "this plan is not known any more: make it again", http.StatusNotFound)
		return
	}
	save(w, fmt.Sprintf("plan-%X.json", []byte(m.plan.UID)), "application/json", m.saved)
}

// layoutGive takes a layout of a person, as a file or as text.
func (s *Server) layoutGive(w http.ResponseWriter, r *http.Request) {
	name, text, err := givenLayout(r)
	if err != nil {
		s.renderLayout(w, r, "", err)
		return
	}
	d := readLayout(name, text, nil)
	s.plans.give(d)
	s.renderLayout(w, r, d.ID, nil)
}

func givenLayout(r *http.Request) (name string, text []byte, err error) {
	if err := r.ParseMultipartForm(mostBody); err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return "", nil, fmt.Errorf("the layout could not be taken: %w", err)
	}
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll() //nolint:errcheck // of temporary files
		if sent := r.MultipartForm.File["file"]; len(sent) > 0 {
			f, err := sent[0].Open()
			if err != nil {
				return "", nil, err
			}
			defer f.Close() //nolint:errcheck // only read
			text, err := io.ReadAll(io.LimitReader(f, maxLayout))
			return uploadName(sent[0]), text, err
		}
	}
	if text := r.FormValue("text"); strings.TrimSpace(text) != "" {
		return "pasted.yaml", []byte(text[:min(len(text), maxLayout)]), nil
	}
	return "", nil, errors.New("there is no layout: choose a file, or paste its text")
}

// layoutPlan asks the card what is to be done.
func (s *Server) layoutPlan(w http.ResponseWriter, r *http.Request) {
	d := s.plans.find(r.FormValue("doc"))
	var err error
	var row map[string]string
	conf := perso.Config{Prune: r.FormValue("prune") != "", Irreversible: slices.Clone(r.Form["irreversible"])}
	switch {
	case d == nil:
		err = errors.New("this layout is not known any more: give it again")
	case !d.Usable():
		err = errors.New("this layout cannot be used: mend its errors first")
	default:
		if row, err = filledRow(d, r.Form); err == nil {
			err = conf.Check()
		}
	}
	if err != nil {
		s.renderLayout(w, r, r.FormValue("doc"), err)
		return
	}
	s.startLayout(w, r, d, work{title: "Compare " + d.Name + " with the card", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		m, err := s.makePlan(ctx, j.reader, card, d, row, conf)
		if err != nil {
			return err
		}
		s.plans.keep(planKey(j.reader, d), m)
		s.tell("layout", j.reader.id)
		return nil
	}})
}

// filledRow reads what a person wrote into the columns.
func filledRow(d *layoutDoc, form url.Values) (map[string]string, error) {
	columns := d.doc.Columns()
	if len(columns) == 0 {
		return nil, nil
	}
	row := map[string]string{}
	for _, c := range columns {
		if row[c] = form.Get("col-" + c); row[c] == "" {
			return nil, fmt.Errorf("column %s is empty: the layout takes it for this card", c)
		}
	}
	return row, nil
}

// startLayout begins a job with a layout, and answers with the view.
func (s *Server) startLayout(w http.ResponseWriter, r *http.Request, d *layoutDoc, x work) {
	rd := s.readerOf(r)
	j, err := s.start(rd, x)
	if err == nil {
		s.plans.mu.Lock()
		s.plans.jobs[rd.id] = j.id
		s.plans.mu.Unlock()
	}
	s.renderLayout(w, r, d.ID, err)
}
