package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/perso"
)

// layoutApply carries a plan out. Where something is lost for good it wants the digits of
// the card, and each name of what can never be undone.
func (s *Server) layoutApply(w http.ResponseWriter, r *http.Request) {
	d := s.plans.find(r.FormValue("doc"))
	rd := s.readerOf(r)
	m := s.plans.of(rd, d)
	if err := s.mayApply(r, rd, m); err != nil {
		s.renderLayout(w, r, r.FormValue("doc"), err)
		return
	}
	st := rd.look().stay
	keep := st == nil || !st.random // a card that shows random identifiers is not known again
	s.startLayout(w, r, d, work{title: "Make the card what " + d.Name + " says", keep: keep, uid: m.plan.UID, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		return s.apply(ctx, j, card, m)
	}})
}

// mayApply is an error if a plan may not be carried out.
func (s *Server) mayApply(r *http.Request, rd *reader, m *madePlan) error {
	uid := ""
	if m != nil {
		uid = fmt.Sprintf("%X", []byte(m.plan.UID))
	}
	switch {
	case m == nil:
		return errors.New("this plan is not known any more: make it again")
	case r.FormValue("plan") != m.id:
		return errors.New("another plan was made since this one was shown, and nothing was done: look at it, and choose anew")
	case changesKeys(m.plan) && s.keyJournal(rd) == nil:
		return errors.New("keys are to be changed, and this process has no journal for that: without one, a card that leaves in the middle would leave nobody knowing its key. Start the page with one: desfire web --key-journal FILE")
	case len(m.plan.Impossible) > 0 && r.FormValue("rest") == "":
		return fmt.Errorf("a part of the layout cannot be made on this card: %v. Nothing was done; say that the rest is to be made, or change the layout", m.plan.Impossible[0])
	}
	asked, said := slices.Clone(m.conf.Irreversible), slices.Clone(r.Form["irreversible"])
	slices.Sort(asked)
	slices.Sort(said)
	switch {
	case !slices.Equal(slices.Compact(asked), slices.Compact(said)):
		return errors.New("what can never be undone has to be ticked, name by name. Nothing was done")
	case len(planLosses(m.plan, nil)) > 0:
		return confirmed(r, uid)
	}
	return nil
}

// apply does the steps of a plan, or what is left of them, and compares.
func (s *Server) apply(ctx context.Context, j *job, card *desfire.Card, m *madePlan) error {
	conf := m.conf
	conf.OnStep = func(p perso.Progress) {
		n := m.step(p)
		j.sure()
		j.steps(n, len(m.plan.Steps)+1, p.Step.Words)
	}
	m.again()
	err := m.plan.Apply(ctx, card, &conf)
	var wrong *perso.WrongCardError
	if errors.As(err, &wrong) && wrong.Want == wrong.Is {
		m.mu.Lock()
		m.moved = wrong.Reason
		m.mu.Unlock()
		return errors.New("the plan holds no more: " + wrong.Reason + ". Nothing more was done; make a new plan")
	}
	if err != nil {
		return err
	}
	j.steps(len(m.plan.Steps)+1, len(m.plan.Steps)+1, "Read back and compare")
	list, err := perso.Verify(ctx, card, m.layout, &conf)
	if err != nil {
		return err
	}
	v := &verified{}
	v.Differences, v.Unproven = perso.Parted(list)
	m.end(v)
	s.tell("layout", j.reader.id)
	return nil
}

// layoutVerify compares the card with a layout, and proves each of its keys.
func (s *Server) layoutVerify(w http.ResponseWriter, r *http.Request) {
	d := s.plans.find(r.FormValue("doc"))
	m := s.plans.of(s.readerOf(r), d)
	if m == nil {
		s.renderLayout(w, r, r.FormValue("doc"), errors.New("this plan is not known any more: make it again"))
		return
	}
	s.startLayout(w, r, d, work{title: "Prove that the card is what " + d.Name + " says", uid: m.plan.UID, run: func(ctx context.Context, j *job, card *desfire.Card) error {
		list, err := perso.Verify(ctx, card, m.layout, &perso.Config{Have: m.conf.Have, Want: m.conf.Want, Prune: m.conf.Prune})
		if err != nil {
			return err
		}
		v := &verified{}
		v.Differences, v.Unproven = perso.Parted(list)
		m.mu.Lock()
		m.verified = v
		m.mu.Unlock()
		s.tell("layout", j.reader.id)
		return nil
	}})
}
