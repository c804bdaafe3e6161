package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
)

// work is what a job does with the card on a reader.
type work struct {
	title string
	keep  bool   // a lost card is waited for, and the same one goes on: run is called again
	uid   []byte // if set: only the card with this UID
	own   bool   // the page's own reading, which makes way for a job
	fresh bool   // what it read is what the page shows: the card is not read again
	run   func(ctx context.Context, j *job, card *desfire.Card) error

	refs []keystore.Ref // by start: keys that tell which card it is, if it shows a random identifier
}

type jobState string

const (
	jobWaiting jobState = "waiting" // for its card
	jobRunning jobState = "running"
	jobLost    jobState = "lost" // the card is away, and is waited for
	jobDone    jobState = "done"
	jobFailed  jobState = "failed"
	jobStopped jobState = "stopped"
)

// job is one piece of work with a card, as the page shows it.
type job struct {
	id, title string
	reader    *reader
	server    *Server
	own       bool
	ctx       context.Context
	cancel    context.CancelCauseFunc
	ended     chan struct{}

	mu       sync.Mutex
	begun    time.Time
	over     time.Time
	state    jobState
	lines    []jobLine
	cut      int // lines that are not kept
	n, of    int
	step     string
	template string
	data     any
	err      error
	doubt    error // an outcome that is not known, and that no run has found out since
}

type jobLine struct {
	At    time.Time
	Words string
}

// jobView is a job at one moment.
type jobView struct {
	ID, Title, Reader string
	Begun, Ended      time.Time
	State             jobState
	Lines             []jobLine
	Cut               int
	N, Of             int
	Step              string
	Template          string
	Data              any
	Err               error
}

func (j *job) view() jobView {
	j.mu.Lock()
	defer j.mu.Unlock()
	return jobView{j.id, j.title, j.reader.id, j.begun, j.over, j.state, slices.Clone(j.lines), j.cut, j.n, j.of, j.step, j.template, j.data, j.err}
}

// Over reports whether a job has ended.
func (v jobView) Over() bool {
	return v.State == jobDone || v.State == jobFailed || v.State == jobStopped
}

// Asks reports whether a job is over and has asked whether something may be done.
func (v jobView) Asks() bool {
	a, ok := v.Data.(interface{ asks() bool })
	return ok && v.State == jobDone && a.asks()
}

// Trouble is what went wrong, in words; nil if nothing did.
func (v jobView) Trouble() *trouble {
	if v.Err == nil || v.State == jobStopped && errors.Is(v.Err, context.Canceled) && !errors.As(v.Err, new(*desfire.OutcomeUnknownError)) {
		return nil
	}
	t := explain(v.Err)
	return &t
}

// What is kept of what a job says.
const (
	mostLines = 500
	mostWords = 2000 // bytes of a line
)

func clipped(words string) string {
	if len(words) <= mostWords {
		return words
	}
	n := mostWords
	for n > 0 && !utf8.RuneStart(words[n]) {
		n--
	}
	return words[:n] + "…"
}

// say adds a line of progress.
func (j *job) say(words string) {
	j.mu.Lock()
	j.lines = append(j.lines, jobLine{j.server.conf.Now(), clipped(words)})
	if more := len(j.lines) - mostLines; more > 0 {
		j.lines = slices.Delete(j.lines, 0, more)
		j.cut += more
	}
	j.mu.Unlock()
	j.tell()
}

// steps says that step n of so many begins.
func (j *job) steps(n, of int, words string) {
	j.mu.Lock()
	j.n, j.of, j.step = n, of, clipped(words)
	j.mu.Unlock()
	j.tell()
}

// show sets what the job found, and the template that shows it.
func (j *job) show(template string, data any) {
	j.mu.Lock()
	j.template, j.data = template, data
	j.mu.Unlock()
	j.tell()
}

func (j *job) set(state jobState, err error) {
	j.mu.Lock()
	changed := j.state != state
	j.state, j.err = state, err
	if over := (jobView{State: state}); over.Over() {
		j.over = j.server.conf.Now()
	}
	j.mu.Unlock()
	j.tell()
	if changed {
		j.server.tell("readers", j.reader.id)
	}
}

func (j *job) tell() {
	if !j.own {
		j.server.tellData("job", j.reader.id, j.id)
	}
}

// left notes what a run of a job that keeps its card left unknown.
func (j *job) left(err error) {
	if errors.As(err, new(*desfire.OutcomeUnknownError)) {
		j.mu.Lock()
		j.doubt = err
		j.mu.Unlock()
	}
}

// sure says that what was not known was found out.
func (j *job) sure() {
	j.mu.Lock()
	j.doubt = nil
	j.mu.Unlock()
}

// open is an error with what is still not known in front.
func (j *job) open(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err == nil || j.doubt == nil || errors.Is(err, j.doubt) {
		return err
	}
	return fmt.Errorf("%w; then: %w", j.doubt, err)
}

// stop ends a job, which may take until its card has answered.
func (j *job) stop() { j.cancel(context.Canceled) }

// jobs are those that run, and the last that ended.
type jobs struct {
	mu    sync.Mutex
	count int
	all   []*job
}

func newJobs() *jobs { return &jobs{} }

// mostJobs is how many jobs that have ended are remembered.
const mostJobs = 50

func (x *jobs) add(j *job) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.count++
	j.id = fmt.Sprintf("j%d", x.count)
	x.all = append(x.all, j)
	for i := 0; len(x.all) > mostJobs && i < len(x.all); {
		if x.all[i].view().Over() {
			x.all = slices.Delete(x.all, i, i+1)
			continue
		}
		i++
	}
}

func (x *jobs) find(id string) *job {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, j := range x.all {
		if j.id == id {
			return j
		}
	}
	return nil
}

func (s *Server) jobRoutes() {
	unknown := errors.New("this job is not known any more")
	s.view("job", func(w http.ResponseWriter, r *http.Request) {
		if j := s.jobs.find(r.FormValue("id")); j != nil {
			s.renderJob(w, r, j)
			return
		}
		s.fail(w, r, unknown)
	})
	s.action("stop", func(w http.ResponseWriter, r *http.Request) {
		j := s.jobs.find(r.FormValue("id"))
		if j == nil {
			s.fail(w, r, unknown)
			return
		}
		j.stop()
		select {
		case <-j.ended:
		case <-time.After(stopWithin):
		case <-r.Context().Done():
		}
		s.renderJob(w, r, j)
	})
}

// renderJob answers with a job, which from then on refreshes itself.
func (s *Server) renderJob(w http.ResponseWriter, r *http.Request, j *job) {
	s.render(w, r, "job", j.view())
}
