package web

import (
	"bytes"
	"crypto/rand"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-desfire/desfire/dissect"
	"github.com/go-desfire/desfire/dissect/markup"
	"github.com/go-desfire/desfire/play"
)

// storyTeller has the guided stories that browsers have begun. A story is memory only:
// one that is dropped needs no end.
type storyTeller struct {
	server *Server
	mu     sync.Mutex
	begun  map[*session][]*telling
}

// telling is one story that a browser has begun.
type telling struct {
	id   string
	run  *play.Run
	used time.Time
}

const (
	mostStories = 4 // of a session
	storyIdle   = 30 * time.Minute
)

var errNoStory = errors.New("this story is not there any more: it was not used for a while, or others took its place. Begin it again")

func (s *Server) storyRoutes() {
	st := &storyTeller{server: s, begun: map[*session][]*telling{}}
	s.view("story", st.show)
	s.action("story", st.begin)
	s.action("story/next", st.next)
	s.action("story/again", st.again)
}

// tidy drops what nobody uses any more. It is for who holds st.mu.
func (st *storyTeller) tidy(now time.Time) {
	for sess, all := range st.begun {
		all = slices.DeleteFunc(all, func(t *telling) bool { return now.Sub(t.used) >= storyIdle })
		if st.begun[sess] = all; len(all) == 0 || sess.ctx.Err() != nil {
			delete(st.begun, sess)
		}
	}
}

// keep remembers a story of a session, in place of the one that was used least recently
// if there are too many.
func (st *storyTeller) keep(sess *session, run *play.Run) *telling {
	now := st.server.clock()
	t := &telling{id: randomText(8), run: run, used: now}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.tidy(now)
	all := st.begun[sess]
	if len(all) >= mostStories {
		i := slices.Index(all, slices.MinFunc(all, func(a, b *telling) int { return a.used.Compare(b.used) }))
		all = slices.Delete(all, i, i+1)
	}
	st.begun[sess] = append(all, t)
	return t
}

// find is the story that a request is about, and of its session.
func (st *storyTeller) find(r *http.Request) (*telling, error) {
	now := st.server.clock()
	st.mu.Lock()
	defer st.mu.Unlock()
	st.tidy(now)
	for _, t := range st.begun[sessionOf(r)] {
		if t.id == r.FormValue("run") {
			t.used = now
			return t, nil
		}
	}
	return nil, errNoStory
}

// show is the list of stories, or a step that has run.
func (st *storyTeller) show(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("run") == "" {
		st.list(w, r, "")
		return
	}
	t, err := st.find(r)
	if err != nil {
		st.list(w, r, err.Error())
		return
	}
	no, err := strconv.Atoi(r.FormValue("step"))
	if n := len(t.run.Steps()); err != nil || no < 1 || no > n {
		no = n
	}
	st.tell(w, r, t, no, false)
}

func (st *storyTeller) begin(w http.ResponseWriter, r *http.Request) {
	story := play.FindStory(r.FormValue("story"))
	if story == nil {
		st.list(w, r, "There is no such story.")
		return
	}
	run, err := story.Start(rand.Reader)
	if err == nil {
		_, err = run.Next(r.Context())
	}
	if err != nil {
		st.list(w, r, err.Error())
		return
	}
	st.tell(w, r, st.keep(sessionOf(r), run), 1, true)
}

func (st *storyTeller) next(w http.ResponseWriter, r *http.Request) {
	t, err := st.find(r)
	if err != nil {
		st.list(w, r, err.Error())
		return
	}
	// The step is named, so that a button that is pressed twice runs one.
	after, err := strconv.Atoi(r.FormValue("step"))
	if err != nil || after != len(t.run.Steps()) {
		st.tell(w, r, t, len(t.run.Steps()), false)
		return
	}
	s, err := t.run.Next(r.Context())
	if err != nil && !errors.Is(err, play.ErrStoryOver) {
		st.list(w, r, err.Error())
		return
	}
	no := len(t.run.Steps())
	if s != nil {
		no = s.No
	}
	st.tell(w, r, t, no, false)
}

func (st *storyTeller) again(w http.ResponseWriter, r *http.Request) {
	t, err := st.find(r)
	if err != nil {
		st.list(w, r, err.Error())
		return
	}
	no, err := strconv.Atoi(r.FormValue("step"))
	if err == nil {
		_, err = t.run.Again(r.Context(), no)
	}
	if err != nil {
		st.list(w, r, err.Error())
		return
	}
	st.tell(w, r, t, no, false)
}

// list is the template "story": all stories, those that were begun marked.
func (st *storyTeller) list(w http.ResponseWriter, r *http.Request, note string) {
	type item struct {
		*play.Story
		No, Steps int
		Run       string // of one that was begun
		Done      int
	}
	var items []item
	for i, s := range play.Stories() {
		items = append(items, item{Story: s, No: i + 1, Steps: len(s.Titles())})
	}
	now := st.server.clock()
	st.mu.Lock()
	st.tidy(now)
	for _, t := range st.begun[sessionOf(r)] {
		for i := range items {
			if items[i].Slug == t.run.Story.Slug {
				items[i].Run, items[i].Done = t.id, len(t.run.Steps())
			}
		}
	}
	st.mu.Unlock()
	st.server.render(w, r, "story", map[string]any{"Stories": items, "Note": note})
}

// storyStep is a step in the list of its story.
type storyStep struct {
	No    int
	Title string
	State string // done, now or todo
}

// storyMessage is a message of a step.
type storyMessage struct {
	*dissect.Message
	HTML template.HTML
}

// False reports that the answer looks like a success and a check of it fails: the reader
// believes nothing of it.
func (m storyMessage) False() bool {
	outcome, _, _ := m.Verdict()
	return m.Good && outcome == dissect.Refused
}

// Status is what came of it, in words.
func (m storyMessage) Status() string {
	if !m.False() {
		return m.Words
	}
	_, _, words := m.Verdict()
	return words
}

// storyView is what the template "story-run" shows.
type storyView struct {
	Story  *play.Story
	No, Of int // of the story among all
	Run    string
	Steps  []storyStep
	Step   play.Step
	Len    int
	Fresh  bool // it was begun just now
	Next   string
	After  int  // its number
	Ahead  bool // it has run
	Look   *storyMessage
	All    []storyMessage
}

// tell is the template "story-run": a step that has run.
func (st *storyTeller) tell(w http.ResponseWriter, r *http.Request, t *telling, no int, fresh bool) {
	done := t.run.Steps()
	if no < 1 || no > len(done) { // another page has run an earlier step again
		no = len(done)
	}
	v := storyView{Story: t.run.Story, Of: len(play.Stories()), Run: t.id, Step: done[no-1], Fresh: fresh, Ahead: no < len(done)}
	v.No = 1 + slices.IndexFunc(play.Stories(), func(s *play.Story) bool { return s.Slug == v.Story.Slug })
	for i, title := range v.Story.Titles() {
		step := storyStep{No: i + 1, Title: title, State: "todo"}
		if i < len(done) {
			step.Title, step.State = done[i].Title, "done"
		}
		if i+1 == no {
			step.State = "now"
		}
		if i == no {
			v.Next, v.After = step.Title, step.No
		}
		v.Steps = append(v.Steps, step)
	}
	v.Len = len(v.Steps)
	if err := v.messages(t.run); err != nil {
		st.server.fail(w, r, err)
		return
	}
	st.server.render(w, r, "story-run", v)
}

// messages takes the exchanges of the step apart.
func (v *storyView) messages(run *play.Run) error {
	rec, keys := run.Recording()
	for _, m := range dissect.Recording(rec, &dissect.Config{Keys: keys}).Messages {
		if m.Last < v.Step.First || m.No > v.Step.Last {
			continue
		}
		var b bytes.Buffer
		if err := markup.Frames(&b, m); err != nil {
			return err
		}
		x := storyMessage{Message: m, HTML: template.HTML(b.String())} //nolint:gosec // a template has escaped it
		if m.No <= v.Step.Look && v.Step.Look <= m.Last {
			v.Look = &x
		} else {
			v.All = append(v.All, x)
		}
	}
	return nil
}
