package play

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// begin starts a story with a seed.
func begin(t *testing.T, slug string, seed byte) *Run {
	t.Helper()
	r, err := FindStory(slug).Start(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// next runs a step, which must go well.
func next(t *testing.T, r *Run) *Step {
	t.Helper()
	s, err := r.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// texts are all words of a step.
func texts(s *Step) []string {
	all := append([]string{s.Title, s.Scene.Words}, s.Prose...)
	for _, side := range []Side{s.Holds, s.Knows} {
		all = append(append(all, side.Big, side.Or), side.Words...)
	}
	for _, l := range s.Says {
		all = append(all, l.Text)
	}
	return all
}

// disturbed are the exchanges that a check without the reader's code has to find wrong: in
// which step, and how many.
var disturbed = map[string]map[int]int{
	"authenticate":  {5: 1},
	"protection":    {6: 1},
	"forged-answer": {2: 1, 5: 2, 6: 1},
}

// Each story runs through, with several cards and keys; its words are plain, its
// recording holds what the verifier finds right but for what was disturbed.
func TestStories(t *testing.T) {
	slugs := map[string]bool{}
	for _, story := range Stories() {
		t.Run(story.Slug, func(t *testing.T) {
			if slugs[story.Slug] || story.Title == "" || story.Summary == "" {
				t.Errorf("story %+v", story)
			}
			slugs[story.Slug] = true
			for seed := range byte(3) {
				r := begin(t, story.Slug, seed)
				if got := len(story.Titles()); got != r.Len() || got < 5 {
					t.Errorf("%d titles, %d steps", got, r.Len())
				}
				for no := 1; no <= r.Len(); no++ {
					checkStep(t, r, next(t, r), no)
				}
				if _, err := r.Next(context.Background()); !errors.Is(err, ErrStoryOver) {
					t.Errorf("behind the last step: %v", err)
				}
				checkRecording(t, r)
				checkQuiet(t, r)
			}
		})
	}
	if len(slugs) != 10 {
		t.Errorf("%d stories", len(slugs))
	}
	if FindStory("nothing") != nil {
		t.Error("a story that is not there was found")
	}
}

// checkStep checks what is true of every step.
func checkStep(t *testing.T, r *Run, s *Step, no int) {
	t.Helper()
	steps := r.Steps()
	first := 0
	if no > 1 {
		first = steps[no-2].Last + 1
	}
	rec, _ := r.Recording()
	if s.No != no || len(steps) != no || s.First != first || s.Last != len(rec.Exchanges)-1 {
		t.Errorf("step %d of %d: exchanges %d to %d, want %d to %d", s.No, len(steps), s.First, s.Last, first, len(rec.Exchanges)-1)
	}
	if some := s.First <= s.Last; some != (s.Look >= s.First) || s.Look > s.Last {
		t.Errorf("step %d: exchanges %d to %d, look at %d", no, s.First, s.Last, s.Look)
	}
	sentences, words := 0, 0
	for _, p := range s.Prose {
		sentences += strings.Count(p, ". ") + 1
		words += len(strings.Fields(p))
	}
	if sentences < 2 || sentences > 7 || words > 110 {
		t.Errorf("step %d has %d sentences, %d words", no, sentences, words)
	}
	if s.Title == "" || s.Holds.Big == "" || s.Knows.Big == "" || s.Scene.Words == "" || len(s.Says) == 0 {
		t.Errorf("step %d does not say everything: %+v", no, s)
	}
	if in := r.stage.picc.InField(); in != (s.Scene.Spot == SpotOnReader) {
		t.Errorf("step %d: the card is %v, in the field: %v", no, s.Scene.Spot, in)
	}
	if s.Knows.Or != "" && !s.Knows.Doubt {
		t.Errorf("step %d: two possibilities without doubt", no)
	}
	for _, text := range texts(s) {
		if strings.Contains(text, "desfire: ") {
			t.Errorf("step %d: an error is said as programs have it: %q", no, text)
		}
		if plain := strings.ReplaceAll(text, "\u202f", ""); visible.Text(plain) != plain {
			t.Errorf("step %d: %q could be obeyed", no, text)
		}
		low := strings.ToLower(text)
		for _, no := range []string{"!", "oops", "please", "successfully", "%!", "<nil>", "[]", "secret(", "  "} {
			if strings.Contains(low, no) {
				t.Errorf("%q says %q", text, no)
			}
		}
	}
}

// checkRecording asks the verifier, which shares no judgement with reader and card.
func checkRecording(t *testing.T, r *Run) {
	t.Helper()
	rec, keys := r.Recording()
	res := trace.Verify(rec, &trace.VerifyConfig{Keys: keys})
	found := map[int]int{}
	for _, f := range res.Failures {
		for _, s := range r.Steps() {
			if s.First <= f.Exchange && f.Exchange <= s.Last {
				found[s.No]++
			}
		}
	}
	want := disturbed[r.Story.Slug]
	switch {
	case r.Story.Slug == "sun-tag": // a phone has no session
		if res.Verdict != trace.Unverifiable || res.Authentications != 0 {
			t.Errorf("%v: %s", res.Verdict, res.Reason())
		}
	case len(want) == 0 && (res.Verdict != trace.Verified || len(res.Failures) > 0):
		t.Errorf("%v: %s", res.Verdict, res.Reason())
	case len(want) > 0 && !reflect.DeepEqual(found, want):
		t.Errorf("wrong in steps %v, want %v: %s", found, want, res.Reason())
	case res.Authentications == 0 || res.MACs == 0:
		t.Errorf("%d authentications, %d MACs", res.Authentications, res.MACs)
	}
}

// checkQuiet looks for bytes of keys in words and exchanges: eight in a row.
func checkQuiet(t *testing.T, r *Run) {
	t.Helper()
	rec, keys := r.Recording()
	if len(keys) == 0 {
		t.Error("no keys to look for")
	}
	var words strings.Builder
	for _, s := range r.Steps() {
		for _, text := range texts(&s) {
			words.WriteString(strings.ToLower(text) + "\n")
		}
	}
	squeezed := strings.ReplaceAll(words.String(), " ", "")
	for _, k := range keys {
		b := k.Value.Export()
		for i := range len(b) - 7 {
			part := b[i : i+8]
			if strings.Contains(squeezed, hex.EncodeToString(part)) {
				t.Errorf("the words have bytes of %v", k.Value)
			}
			for n, x := range rec.Exchanges {
				if bytes.Contains(x.Command, part) || bytes.Contains(x.Response, part) {
					t.Errorf("exchange %d has bytes of %v", n, k.Value)
				}
			}
		}
	}
}

// A step can be run again: the same card, keys and bytes; and the story goes on from there.
func TestStoryAgain(t *testing.T) {
	ctx := context.Background()
	for _, story := range Stories() {
		t.Run(story.Slug, func(t *testing.T) {
			r := begin(t, story.Slug, 1)
			for range r.Len() {
				next(t, r)
			}
			steps := r.Steps()
			whole, _ := r.Recording()
			for _, no := range []int{r.Len(), 2, r.Len() - 1} {
				if _, err := r.Again(ctx, len(r.Steps())+1); err == nil {
					t.Error("a step that has not run was run again")
				}
				for len(r.Steps()) < no {
					next(t, r)
				}
				s, err := r.Again(ctx, no)
				if err != nil {
					t.Fatal(err)
				}
				if len(r.Steps()) != no {
					t.Errorf("after step %d again %d have run", no, len(r.Steps()))
				}
				if a, b := timeless(*s), timeless(steps[no-1]); !reflect.DeepEqual(a, b) {
					t.Errorf("step %d again:\n%+v\nwant\n%+v", no, a, b)
				}
				rec, _ := r.Recording()
				if !reflect.DeepEqual(rec.Exchanges, whole.Exchanges[:s.Last+1]) {
					t.Errorf("step %d again has other exchanges", no)
				}
			}
			if s := next(t, r); !reflect.DeepEqual(timeless(*s), timeless(steps[r.Len()-1])) {
				t.Error("the step after one that was run again is another")
			}
		})
	}
}

func timeless(s Step) Step {
	s.Says = slices.Clone(s.Says)
	for i := range s.Says {
		s.Says[i].At = time.Time{}
	}
	return s
}

// Two runs have nothing in common: cards, keys and bytes are drawn.
func TestStoryRunsDiffer(t *testing.T) {
	for _, story := range Stories() {
		a, b := begin(t, story.Slug, 1), begin(t, story.Slug, 2)
		for range a.Len() {
			next(t, a)
			next(t, b)
		}
		x, _ := a.Recording()
		y, _ := b.Recording()
		if reflect.DeepEqual(x.Exchanges, y.Exchanges) || bytes.Equal(a.stage.picc.UID(), b.stage.picc.UID()) {
			t.Errorf("%s: two runs are the same", story.Slug)
		}
	}
}

// A step that is broken off leaves the steps before, and can be run later. Nothing stays
// behind.
func TestStoryBrokenOff(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, story := range Stories() {
		r := begin(t, story.Slug, 1)
		next(t, r)
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		for no := 2; no <= r.Len(); no++ {
			if _, err := r.Next(gone); err == nil && no == 2 && story.Slug != "sun-tag" {
				t.Errorf("%s: step %d ran in a context that had ended", story.Slug, no)
			}
			if rec, _ := r.Recording(); len(rec.Exchanges) <= r.Steps()[no-2].Last {
				t.Errorf("%s: after step %d was broken off, exchanges of the steps before are missing", story.Slug, no)
			}
			if len(r.Steps()) < no {
				next(t, r)
			}
		}
		checkRecording(t, r)
	}
	for range 100 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, %d before", runtime.NumGoroutine(), before)
}

func TestStoryWithoutRandomness(t *testing.T) {
	if _, err := Stories()[0].Start(strings.NewReader("short")); err == nil {
		t.Error("a story began with few random bytes")
	}
}

// in is a file of the card of a run, read without the code of the stories.
func in(t *testing.T, r *Run, no int) sim.ImageFile {
	t.Helper()
	for _, a := range r.stage.picc.Image().Applications {
		if i := slices.IndexFunc(a.Files, func(f sim.ImageFile) bool { return f.No == no }); i >= 0 && a.AID != wire.PICC {
			return a.Files[i]
		}
	}
	t.Fatalf("the card has no file %d", no)
	return sim.ImageFile{}
}
