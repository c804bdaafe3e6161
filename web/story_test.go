package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/play"
)

// teller is the stories of a server of its own, asked by a browser of its own.
type teller struct {
	*testing.T
	*storyTeller
	browser *session
	now     time.Time
}

func newTeller(t *testing.T) *teller {
	t.Helper()
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	x := &teller{T: t, storyTeller: &storyTeller{server: s, begun: map[*session][]*telling{}}, browser: browserOf(t), now: time.Now()}
	s.clock = func() time.Time { return x.now }
	return x
}

func browserOf(t *testing.T) *session {
	t.Helper()
	sess := &session{}
	sess.ctx, sess.end = context.WithCancel(t.Context())
	return sess
}

// ask sends a form to a handler and returns what it answers.
func (x *teller) ask(h http.HandlerFunc, form ...string) string {
	x.Helper()
	v := url.Values{}
	for i := 0; i < len(form); i += 2 {
		v.Set(form[i], form[i+1])
	}
	r := httptest.NewRequestWithContext(withSession(x.Context(), x.browser), http.MethodPost, "/do/story", strings.NewReader(v.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h(w, r)
	if w.Code != http.StatusOK {
		x.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

var runID = regexp.MustCompile(`"run":"([0-9a-z]+)"`)

// begun begins a story and returns its name among those of the browser.
func (x *teller) began(slug string) string {
	x.Helper()
	body := x.ask(x.begin, "story", slug)
	m := runID.FindStringSubmatch(body)
	if m == nil || !strings.Contains(body, "Step 1:") {
		x.Fatalf("%s did not begin: %s", slug, body)
	}
	return m[1]
}

// Every step of every story is shown with its bytes, and no byte of a key.
func TestStoriesShown(t *testing.T) {
	x := newTeller(t)
	list := x.ask(x.show)
	for i, s := range play.Stories() {
		if !strings.Contains(list, s.Title) || !strings.Contains(list, fmt.Sprintf("%d steps", len(s.Titles()))) {
			t.Errorf("story %d is not in the list", i+1)
		}
		run := x.began(s.Slug)
		var pages strings.Builder
		for no := 1; ; no++ {
			page := x.ask(x.show, "run", run, "step", fmt.Sprint(no))
			pages.WriteString(page)
			if !strings.Contains(page, fmt.Sprintf(`id="story-step-h" tabindex="-1">Step %d: `, no)) || strings.Count(page, `aria-current="step"`) != 1 || !strings.Contains(page, "What the program says") {
				t.Fatalf("step %d of %s: %s", no, s.Slug, page)
			}
			if no == len(s.Titles()) {
				if !strings.Contains(page, "The end: all stories") {
					t.Errorf("%s does not end", s.Slug)
				}
				break
			}
			x.ask(x.next, "run", run, "step", fmt.Sprint(no))
		}
		if s.Slug == "forged-answer" && strings.Count(pages.String(), "The reader believes none of it: the answer MAC is wrong.") != 3 {
			t.Error("what was forged and refused is not told from what is believed")
		}
		told := x.begun[x.browser][len(x.begun[x.browser])-1]
		rec, keys := told.run.Recording()
		if n := strings.Count(pages.String(), `class="msg"`); n < len(rec.Exchanges) {
			t.Errorf("%s shows %d halves of messages of %d exchanges", s.Slug, n, len(rec.Exchanges))
		}
		text := regexp.MustCompile(`[\s\x{a0}]|<[^>]*>`).ReplaceAllString(strings.ToLower(pages.String()), "")
		for _, k := range keys {
			for b := k.Value.Export(); len(b) >= 6; b = b[1:] {
				if strings.Contains(text, hex.EncodeToString(b[:6])) {
					t.Errorf("%s shows bytes of %v", s.Slug, k)
				}
			}
		}
	}
}

// A story is begun, goes on, is looked back at and run again.
func TestStoryGoesOn(t *testing.T) {
	x := newTeller(t)
	run := x.began("torn-debit")
	second := x.ask(x.next, "run", run, "step", "1")
	if !strings.Contains(second, "Step 2:") || strings.Contains(second, "autofocus") {
		t.Fatal(second)
	}
	if twice := x.ask(x.next, "run", run, "step", "1"); !strings.Contains(twice, "Step 2:") {
		t.Error("a button that was pressed twice ran two steps")
	}
	x.ask(x.next, "run", run, "step", "2")
	back := x.ask(x.show, "run", run, "step", "1")
	if !strings.Contains(back, "Step 1:") || !strings.Contains(back, "step=2") {
		t.Error("no way on from a step that was looked back at")
	}
	again := x.ask(x.again, "run", run, "step", "2")
	big := regexp.MustCompile(`class="big">[^<]*`)
	if a, b := big.FindAllString(second, -1), big.FindAllString(again, -1); len(a) != 2 || strings.Join(a, "") != strings.Join(b, "") {
		t.Errorf("step 2 says %q, and again %q", a, b)
	}
	if n := strings.Count(again, `class="todo"`); n != 6 {
		t.Errorf("%d steps are left after step 2 of 8 was run again", n)
	}
	if list := x.ask(x.show); !strings.Contains(list, "Go on at step 2") {
		t.Error("the list does not tell of the story that was begun")
	}
	for _, bad := range [][]string{{"run", run, "step", "7"}, {"run", run, "step", "-1"}, {"run", run, "step", "x"}, {"run", run}} {
		if body := x.ask(x.show, bad...); !strings.Contains(body, "Step 2:") {
			t.Errorf("%q: %s", bad, body)
		}
		if body := x.ask(x.again, bad...); !strings.Contains(body, "Ten stories") || !strings.Contains(body, `class="note"`) {
			t.Errorf("again %q: %s", bad, body)
		}
	}
	if body := x.ask(x.begin, "story", "<b>"); !strings.Contains(body, "There is no such story") {
		t.Error(body)
	}
}

// A browser has a few stories at a time, for as long as it uses them, and no other's.
func TestStoriesEnd(t *testing.T) {
	x := newTeller(t)
	first := x.began("lrp")
	mine := x.browser
	x.browser = browserOf(t)
	if body := x.ask(x.show, "run", first); !strings.Contains(body, "not there any more") {
		t.Error("another browser sees the story")
	}
	x.browser = mine
	for range mostStories {
		x.now = x.now.Add(time.Second)
		x.began("lrp")
	}
	if body := x.ask(x.show, "run", first); !strings.Contains(body, "not there any more") || len(x.begun[mine]) != mostStories {
		t.Errorf("%d stories are kept", len(x.begun[mine]))
	}
	last := x.began("lrp")
	x.now = x.now.Add(storyIdle - time.Second)
	if body := x.ask(x.show, "run", last); !strings.Contains(body, "Step 1:") {
		t.Error("a story that is in use has ended")
	}
	x.now = x.now.Add(storyIdle)
	if body := x.ask(x.next, "run", last, "step", "1"); !strings.Contains(body, "not there any more") || len(x.begun) != 0 {
		t.Errorf("a story that nobody used has not ended: %d", len(x.begun))
	}
	x.began("lrp")
	mine.end()
	x.browser = browserOf(t)
	if x.ask(x.show); len(x.begun) != 0 {
		t.Error("the stories of a browser that has left are kept")
	}
}
