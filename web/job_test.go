package web

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

func TestThreatTwoJobs(t *testing.T) {
	c, field := desk(t, wire.EV2)
	rd := c.only()
	entered, leave := make(chan bool), make(chan bool)
	first, err := c.server.start(rd, work{title: "Restore", run: func(context.Context, *job, *desfire.Card) error {
		entered <- true
		<-leave
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	_, err = c.server.start(rd, work{title: "Format", run: func(context.Context, *job, *desfire.Card) error {
		t.Error("a second job has the card")
		return nil
	}})
	var busy *busyError
	if !errors.As(err, &busy) || busy.holder.ID != first.id || explain(err).Title != "Somebody else works with this card" || !strings.Contains(err.Error(), `"Restore"`) {
		t.Errorf("the second job: %v", err)
	}
	if body := c.get("/v/rail"); !strings.Contains(body, "Restore") {
		t.Errorf("the rail does not say who works: %s", body)
	}
	close(leave)
	<-first.ended
	second, err := c.server.start(rd, work{title: "Format", run: func(context.Context, *job, *desfire.Card) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	<-second.ended
	_ = field
}

func TestThreatAnotherCard(t *testing.T) {
	c, _ := desk(t, wire.EV2)
	rd := c.only()
	for _, keep := range []bool{false, true} {
		ran := false
		j, err := c.server.start(rd, work{title: "Format", uid: []byte{4, 9, 9, 9, 9, 9, 9}, keep: keep, run: func(context.Context, *job, *desfire.Card) error {
			ran = true
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if keep {
			c.until("/v/job?id="+j.id, "Another card was left alone")
			j.stop()
		}
		<-j.ended
		if v := j.view(); ran || !keep && (v.State != jobFailed || explain(v.Err).Title != "Another card lies on the reader") {
			t.Errorf("keep %v: ran %v, %v %v", keep, ran, v.State, v.Err)
		}
	}
}

// A job whose card is taken away says so; one that keeps its card goes on with it.
func TestJobsAndLostCards(t *testing.T) {
	c, field := desk(t, wire.EV2)
	rd := c.only()
	entered := make(chan bool)
	j, err := c.server.start(rd, work{title: "Write", run: func(ctx context.Context, _ *job, card *desfire.Card) error {
		close(entered)
		<-ctx.Done()
		_, err := card.Applications(context.WithoutCancel(ctx))
		return err
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	field.Lift()
	<-j.ended
	if v := j.view(); v.State != jobFailed || v.Trouble() == nil || v.Trouble().Title != "The card left in the middle" {
		t.Errorf("%v: %v", v.State, v.Err)
	}
	runs := 0
	again := make(chan bool, 1)
	j, err = c.server.start(rd, work{title: "Issue", keep: true, uid: []byte{4, 1, 2, 3, 4, 5, 6}, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		if runs++; runs == 1 {
			j.steps(1, 2, "the first half")
			field.Lift()
			_, err := card.Applications(ctx)
			return err
		}
		again <- true
		j.steps(2, 2, "the second half")
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.until("/v/job?id="+j.id, "Waiting for the card")
	if err := field.Return(); err != nil {
		t.Fatal(err)
	}
	c.until("/v/job?id="+j.id, "Put the same card back")
	if _, err := c.server.start(rd, work{title: "Other", run: func(context.Context, *job, *desfire.Card) error { return nil }}); !errors.As(err, new(*busyError)) {
		t.Errorf("a job that waits for its card has lost its reader: %v", err)
	}
	if err := field.Return(); err != nil {
		t.Fatal(err)
	}
	<-again
	c.until("/v/job?id="+j.id, "✓ Done")
	j, err = c.server.start(rd, work{title: "Waits", keep: true, run: func(ctx context.Context, _ *job, _ *desfire.Card) error { <-ctx.Done(); return ctx.Err() }})
	if err != nil {
		t.Fatal(err)
	}
	if _, body := c.do("POST", "/do/stop", "id="+j.id); !strings.Contains(body, "Stopped") {
		t.Errorf("stopped: %s", body)
	}
}

func TestJobThatPanics(t *testing.T) {
	c, _ := desk(t, wire.EV2)
	j, err := c.server.start(c.only(), work{title: "Try", run: func(context.Context, *job, *desfire.Card) error { panic("on purpose") }})
	if err != nil {
		t.Fatal(err)
	}
	<-j.ended
	c.until("/v/job?id="+j.id, "This part of the program failed")
	c.read()
	for range 2 * mostJobs {
		j, err := c.server.start(c.only(), work{title: "Try", run: func(_ context.Context, j *job, _ *desfire.Card) error {
			for range 2 * mostLines {
				j.say(strings.Repeat("ü", mostWords))
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		<-j.ended
		if v := j.view(); len(v.Lines) != mostLines || v.Cut != mostLines || len(v.Lines[0].Words) > mostWords+3 {
			t.Fatalf("%d lines of %d bytes are kept", len(v.Lines), len(v.Lines[0].Words))
		}
	}
	if n := len(c.server.jobs.all); n > mostJobs {
		t.Errorf("%d jobs are kept", n)
	}
}

// Nobody sees a job at its reader that cannot be asked for yet.
func TestJobHasItsName(t *testing.T) {
	c, _ := desk(t, wire.EV2)
	rd, seen, leave := c.only(), make(chan string), make(chan bool)
	wait(t, "the reader is free", func() bool { return rd.look().job == nil })
	c.server.jobs.mu.Lock()
	go func() {
		_, _ = c.server.start(rd, work{title: "Try", run: func(context.Context, *job, *desfire.Card) error { <-leave; return nil }})
	}()
	go func() {
		for {
			if j := rd.look().job; j != nil && !j.own {
				seen <- j.view().ID
				return
			}
		}
	}()
	select {
	case id := <-seen:
		t.Errorf("a job named %q is seen before it is known", id)
		go func() { seen <- id }()
	case <-time.After(50 * time.Millisecond):
	}
	c.server.jobs.mu.Unlock()
	if id := <-seen; c.server.jobs.find(id) == nil {
		t.Errorf("job %q is not known", id)
	}
	close(leave)
}

// A reading that was stopped after it had read all, and one of everything, are not
// read over by the page's own.
func TestReadingIsNotRepeated(t *testing.T) {
	c, _ := desk(t, wire.EV2)
	rd := c.only()
	c.read()
	wait(t, "the reader to be free", func() bool {
		rd.mu.Lock()
		defer rd.mu.Unlock()
		return rd.job == nil
	})
	run := func(w work, stop, wanted bool) bool {
		rd.mu.Lock()
		j, err := c.server.begin(rd, w)
		rd.wants, rd.starting = wanted, rd.starting+1 // nothing begins before the answer
		a := rd.lies
		rd.mu.Unlock()
		must(t, err)
		if stop {
			j.stop()
		}
		c.server.runJob(j, w, a)
		c.server.work.Done()
		rd.mu.Lock()
		defer rd.mu.Unlock()
		rd.starting--
		return rd.wants
	}
	well := func(context.Context, *job, *desfire.Card) error { return nil }
	ended := func(ctx context.Context, _ *job, _ *desfire.Card) error { return ctx.Err() }
	for _, c := range []struct {
		name                string
		w                   work
		stop, wanted, wants bool
	}{
		{"a reading that was cut short", work{own: true, run: ended}, true, false, true},
		{"one after a job that read all", work{fresh: true, run: well}, false, true, false},
		{"one after a job that read not all", work{fresh: true, run: func(context.Context, *job, *desfire.Card) error { return errNoCard }}, false, false, true},
		{"one after another job", work{run: well}, false, false, true},
	} {
		if wants := run(c.w, c.stop, c.wanted); wants != c.wants {
			t.Errorf("%s: it is read again: %v", c.name, wants)
		}
	}
	// Stopped when it had read all: nothing is left to read.
	var j *job
	w := work{own: true, run: func(context.Context, *job, *desfire.Card) error { j.stop(); return nil }}
	rd.mu.Lock()
	j, err := c.server.begin(rd, w)
	rd.wants, rd.starting = false, rd.starting+1
	a := rd.lies
	rd.mu.Unlock()
	must(t, err)
	c.server.runJob(j, w, a)
	c.server.work.Done()
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.starting--; rd.wants {
		t.Error("a reading that was stopped at its end is repeated")
	}
}
