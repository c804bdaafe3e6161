package play

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/go-desfire/desfire/trace"
)

// Story is something about cards that is shown in steps.
type Story struct {
	Slug    string // a word for addresses
	Title   string
	Summary string // one sentence

	acts func(*stage) []act
}

// act is a step before it runs. It tells what happened.
type act struct {
	title string
	run   func(ctx context.Context) (told, error)
}

// told is what an act has to tell. What can be seen from outside is added by Run.
type told struct {
	title        string // with what was found; empty: the act's
	prose        []string
	look         byte // INS of the exchange to look at; 0: the last one
	holds, knows Side
}

// Stories are all stories, in the order in which they are told.
func Stories() []*Story {
	return []*Story{
		authenticateStory, wrongKeyStory, protectionStory, tornStory, keyChangeStory,
		sunStory, diversifyStory, lrpStory, forgedStory, heldStory,
	}
}

// FindStory is the story of a slug, nil if there is none.
func FindStory(slug string) *Story {
	for _, s := range Stories() {
		if s.Slug == slug {
			return s
		}
	}
	return nil
}

// Titles are those of the steps, before they run.
func (s *Story) Titles() []string {
	var titles []string
	for _, a := range s.acts(&stage{}) {
		titles = append(titles, a.title)
	}
	return titles
}

// Step is a step that has run. Its texts hold nothing that a terminal or a page would
// obey, and no byte of a key.
type Step struct {
	No    int // from 1
	Title string
	Prose []string // paragraphs

	// First to Last are its exchanges in Run.Recording, Look the one that it is about.
	// Without any, First is Last + 1, and Look is -1.
	First, Last, Look int

	Holds Side // what is in the card, which only a simulator can show
	Knows Side // what a reader can know
	Says  []Line
	Scene Scene
}

// Side is what one of the two sides has.
type Side struct {
	Who   string // card, tag, reader, phone or server
	Big   string // the one thing that counts, in a few words
	Or    string // what it may be as well
	Words []string
	Doubt bool // it is not known, or nothing proves it
}

// Tone is how a line is meant.
type Tone uint8

// Tones.
const (
	ToneNotice  Tone = iota
	ToneUnknown      // something is not known
	ToneRefused      // something was refused, lost or wrong
	ToneAside        // not of the program: somebody else at work
)

// Class is a name for style sheets; empty for a notice.
func (t Tone) Class() string { return [...]string{"", "doubt", "bad", "aside"}[t] }

// Line is one line of what the program says.
type Line struct {
	At   time.Time
	Text string
	Tone Tone
}

// Spot is where the card is.
type Spot uint8

// Spots.
const (
	SpotOnReader Spot = iota + 1
	SpotLifted        // by a hand
	SpotTorn          // it lost its power in a command
)

func (s Spot) String() string {
	return [...]string{"", "on the reader", "lifted", "torn out"}[s]
}

// Scene is what somebody would see who stands beside the reader.
type Scene struct {
	Spot  Spot
	Relay bool   // something stands between reader and card
	Words string // in a sentence
}

// Run is one performance of a story. Its methods may be called from any goroutine.
// It needs no end: what it holds is memory.
type Run struct {
	Story *Story

	mu    sync.Mutex
	seed  [32]byte
	stage *stage // nil: to be built anew
	last  *stage // of the steps that have run
	acts  []act
	steps []Step
}

// ErrStoryOver means that a story has no further step.
var ErrStoryOver = errors.New("the story is over: begin it again")

// Start begins a story with a fresh card. random gives what makes it different
// from other runs, 32 bytes; it is not kept.
func (s *Story) Start(random io.Reader) (*Run, error) {
	r := &Run{Story: s}
	if _, err := io.ReadFull(random, r.seed[:]); err != nil {
		return nil, fmt.Errorf("no randomness to begin the story with: %w", err)
	}
	r.acts = s.acts(&stage{})
	return r, nil
}

// Next runs the next step. It fails with ErrStoryOver behind the last one. After
// another error the steps before are as they were.
func (r *Run) Next(ctx context.Context) (*Step, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.play(ctx, len(r.steps)+1)
}

// Again runs a step that has run before, from 1, with a card that is as it was when the step
// began. What came after it has not happened then.
func (r *Run) Again(ctx context.Context, no int) (*Step, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if no < 1 || no > len(r.steps) {
		return nil, fmt.Errorf("step %d has not run: %d have", no, len(r.steps))
	}
	r.stage = nil
	return r.play(ctx, no)
}

// play runs steps until no has run.
func (r *Run) play(ctx context.Context, no int) (*Step, error) {
	if no > len(r.acts) {
		return nil, ErrStoryOver
	}
	st, steps := r.stage, r.steps
	if st == nil {
		st, steps = newStage(r.seed), nil
		r.acts = r.Story.acts(st)
	}
	r.stage = nil // what fails in the middle is built anew
	for len(steps) < no {
		s, err := st.perform(ctx, r.acts[len(steps)], len(steps)+1)
		if err != nil {
			return nil, fmt.Errorf("step %d of %q: %w", len(steps)+1, r.Story.Title, err)
		}
		steps = append(slices.Clip(steps), *s)
	}
	r.stage, r.last, r.steps = st, st, steps
	return &steps[no-1], nil
}

// Steps are those that have run. They may not be changed.
func (r *Run) Steps() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.steps)
}

// Len is how many steps the story has.
func (r *Run) Len() int { return len(r.acts) }

// Recording is a copy of all exchanges so far, as they passed at the reader, and the keys
// that open them. The keys are for this process; no text and no exchange has them.
func (r *Run) Recording() (*trace.Recording, []trace.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		return &trace.Recording{}, nil
	}
	return r.last.rec.Recording(), slices.Clone(r.last.keys)
}
