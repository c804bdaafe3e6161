package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/selftest"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// testView is a selftest as it runs.
type testView struct {
	Job                  string
	Wipe                 bool
	Steps                []testStep // the last first while it runs
	Passed, Bad, Skipped int

	Over, Failed      bool
	Words             string
	Facts             []selftest.Fact
	Left, Interrupted string

	report []byte
}

type testStep struct {
	Result, ID, Title, Reason string
	Milliseconds              float64
}

func (v *testView) save(string) (string, []byte) { return "selftest.json", v.report }

// add is v with one step more; v stays as it is.
func (v testView) add(x selftest.Step) testView {
	switch x.Result {
	case selftest.Pass:
		v.Passed++
	case selftest.Fail:
		v.Bad++
	case selftest.Skip:
		v.Skipped++
	}
	v.Steps = append([]testStep{{string(x.Result), x.ID, x.Title, x.Reason, x.Milliseconds}}, v.Steps...)
	return v
}

func (s *Server) doSelftest(w http.ResponseWriter, r *http.Request) {
	mask := r.FormValue("mask") != ""
	if r.FormValue("wipe") == "" {
		s.startIn(w, r, work{title: "Test this card", run: func(ctx context.Context, j *job, card *desfire.Card) error {
			return s.selftest(ctx, j, card, &selftest.Config{MaskUID: mask})
		}})
		return
	}
	l := losingOf(target{})
	l.title, l.button = "Wipe and test the card", "Wipe and test"
	l.heading = "Wipe %s and test it?"
	l.enter = func(ctx context.Context, _ *unlock.OnCard, card *desfire.Card) error {
		return card.Select(ctx, wire.Place{})
	} // the suite has the keys of delivery
	l.stays = "The card is formatted, tested with every command of its generation, and left formatted, with its keys as they were. Only a card whose keys and settings are as delivered is taken."
	s.startLosing(w, r, l, func(uid []byte, shown *losses) work {
		return work{title: l.title, uid: uid, run: func(ctx context.Context, j *job, card *desfire.Card) error {
			if err := s.nothingElse(ctx, j.reader, card, l, uid, shown); err != nil {
				return err
			}
			return s.selftest(ctx, j, card, &selftest.Config{MaskUID: mask, WipeCard: uid})
		}}
	})
}

// selftest runs the suite and shows each step when it has ended.
func (s *Server) selftest(ctx context.Context, j *job, card *desfire.Card, conf *selftest.Config) error {
	v := testView{Job: j.id, Wipe: conf.WipeCard != nil}
	all := 0
	for _, x := range selftest.List(card.Generation()) {
		if !x.Lasting && (v.Wipe || !x.Wipes) {
			all++
		}
	}
	j.steps(0, all, "Beginning")
	conf.Now, conf.Rand, conf.Observe = s.conf.Now, s.conf.Rand, j.reader.traffic.observe
	conf.OnStep = func(x selftest.Step) {
		if x.Result == selftest.Skip && !v.Wipe && x.Reason == "" {
			return
		}
		v = v.add(x)
		shown := v
		j.steps(min(v.Passed+v.Bad, all), all, x.Title)
		j.show("do-test", &shown)
	}
	rep, err := selftest.Run(ctx, card, conf)
	if err != nil {
		return err
	}
	done := v
	done.Over, done.Failed, done.Facts, done.Left, done.Interrupted = true, rep.Failed(), rep.Facts, rep.Left, rep.Interrupted
	slices.Reverse(done.Steps)
	done.report = rep.Encode()
	done.Words = fmt.Sprintf("%s passed, %d failed", count(done.Passed, "step"), done.Bad)
	switch {
	case done.Skipped == 0:
		done.Words += "."
	case v.Wipe:
		done.Words += fmt.Sprintf(", %d not done.", done.Skipped)
	default:
		done.Words += fmt.Sprintf(", %d not done, most of them since they would change the card.", done.Skipped)
	}
	j.show("do-test", &done)
	return nil
}
