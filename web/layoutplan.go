package web

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/rekey"
)

// madePlan is a plan for one card, and how far it is carried out.
type madePlan struct {
	id     string // names it in the form that carries it out
	doc    *layoutDoc
	row    map[string]string
	layout *perso.Layout
	conf   perso.Config // without journal and progress
	plan   *perso.Plan  // used by one job at a time; what is shown of it does not change
	saved  []byte       // as a file
	at     time.Time

	mu       sync.Mutex
	done     map[int]bool // steps that are done, by their place in the plan
	now      int          // the step that was begun last; -1: none
	begun    bool
	over     bool   // all was done
	moved    string // why the plan holds no more
	verified *verified
}

// verified is a comparison after the steps.
type verified struct {
	Differences, Unproven []perso.Difference
}

// planKey is where the plan of a reader and a layout is.
func planKey(rd *reader, d *layoutDoc) string { return rd.id + " " + d.ID }

// mostPlans is how many plans are kept.
const mostPlans = 50

func (p *plans) keep(key string, m *madePlan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.made) >= mostPlans {
		clear(p.made)
	}
	p.made[key] = m
}

func (p *plans) of(rd *reader, d *layoutDoc) *madePlan {
	if rd == nil || d == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.made[planKey(rd, d)]
}

// makePlan asks a card what is to be done, and changes nothing.
func (s *Server) makePlan(ctx context.Context, rd *reader, card *desfire.Card, d *layoutDoc, row map[string]string, conf perso.Config) (*madePlan, error) {
	layout, err := d.doc.Layout(row)
	if err != nil {
		return nil, err
	}
	keys := d.doc.Keys(s.masters(rd, d.keyType()), s.keys())
	if missing := keys.Missing(ctx); len(missing) > 0 {
		var names []string
		for _, m := range missing {
			names = append(names, m.Master)
		}
		slices.Sort(names)
		return nil, fmt.Errorf("master keys are missing in this process: %s. Start the page with a keyring that has them below masters: desfire web --keys FILE", strings.Join(slices.Compact(names), ", "))
	}
	conf.Have, conf.Want = keys.Have(), keys.Want()
	conf.Journal = s.keyJournal(rd)
	plan, err := perso.NewPlan(ctx, card, layout, &conf)
	if err != nil {
		return nil, err
	}
	plan.Layout = d.doc.RowHash(row)
	saved, err := plan.Encode()
	if err != nil {
		return nil, err
	}
	return &madePlan{id: randomText(6), doc: d, row: row, layout: layout, conf: conf, plan: plan, saved: saved, at: s.conf.Now(), done: map[int]bool{}, now: -1}, nil
}

// keyType is the type of the layout's first key that is made of a master key.
func (d *layoutDoc) keyType() key.Type {
	for _, k := range d.doc.Overview().Keys {
		for _, t := range []key.Type{key.TypeAES, key.Type3K3DES, key.Type2K3DES} {
			if k.Type == t.String() {
				return t
			}
		}
	}
	return key.TypeAES
}

// keyJournal is the journal of key changes for cards on a reader. Those of the simulated
// card end with this process, as its keys do.
func (s *Server) keyJournal(rd *reader) rekey.Journal {
	if rd.simulated {
		return &s.plans.played
	}
	if s.conf.KeyJournal == nil {
		return nil
	}
	return s.conf.KeyJournal
}

// playedKeys is a journal of key changes in this process.
type playedKeys struct {
	mu      sync.Mutex
	entries []rekey.Entry
}

// mostKeyEntries is how many entries are kept: more than any card takes.
const mostKeyEntries = 10_000

// Record implements rekey.Journal.
func (p *playedKeys) Record(_ context.Context, e rekey.Entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.entries) >= mostKeyEntries {
		p.entries = slices.Delete(p.entries, 0, mostKeyEntries/2)
	}
	p.entries = append(p.entries, e)
	return nil
}

// Entries implements rekey.History.
func (p *playedKeys) Entries(context.Context) ([]rekey.Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.entries), nil
}

// changesKeys reports whether a plan does.
func changesKeys(p *perso.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s perso.Step) bool {
		return s.Kind == perso.ChangeKey || s.Kind == perso.LoadKeySet || s.Kind == perso.RollKeySet
	})
}

// planLoss is something that is lost for good.
type planLoss struct {
	What, Why string
	Name      string // by which it was asked for; empty for what the plan does anyway
}

// planLosses are what a plan does that cannot be taken back: what is deleted, what is written
// over, and what is for ever. diffs tell what is written over.
func planLosses(p *perso.Plan, diffs []perso.Difference) (list []planLoss) {
	for i := range p.Steps {
		x := &p.Steps[i]
		switch {
		case x.Kind == perso.DeleteApplication || x.Kind == perso.DeleteFile:
			list = append(list, planLoss{What: x.Where.String(), Why: "deleted, with all that it holds"})
		case x.Forever != "":
			list = append(list, planLoss{What: x.Words, Why: "for ever: " + x.Forever})
		case x.Replaces:
			why := "what it holds now is lost"
			for _, d := range diffs {
				if d.Is != "" && spotOf(d.Where) == spotOf(x.Where) && strings.HasPrefix(d.What, "content") {
					why += ": " + asText(d.Is)
				}
			}
			list = append(list, planLoss{What: x.Words, Why: why})
		}
	}
	return list
}

// planStep is a step as it is shown.
type planStep struct {
	N         int
	Words     string
	Exchanges int
	Sub       []string
	State     string // done, now or empty
}

// steps are those of a plan. lost: its card is away.
func (m *madePlan) steps() (list []planStep, done int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.plan.Steps {
		x := &m.plan.Steps[i]
		p := planStep{N: i + 1, Words: upper(x.Words), Exchanges: x.Exchanges}
		if x.Bytes > 0 {
			p.Sub = append(p.Sub, fmt.Sprintf("takes about %s bytes; only a format of the card gives them back", grouped(x.Bytes)))
		}
		if x.Replaces {
			p.Sub = append(p.Sub, "what it holds now is lost")
		}
		if x.Forever != "" {
			p.Sub = append(p.Sub, "can never be undone: "+x.Forever)
		}
		switch {
		case m.over || m.done[i]:
			p.State = "done"
			done++
		case i == m.now:
			p.State = "now"
		}
		list = append(list, p)
	}
	return list, done
}

// step notes that a step begins: the one before it is done, and what the card was found to
// have already is done as well.
func (m *madePlan) step(p perso.Progress) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun = true
	if m.now >= 0 {
		m.done[m.now] = true
	}
	for i := range m.plan.Steps {
		x := &m.plan.Steps[i]
		if x.Kind == p.Step.Kind && x.Name == p.Step.Name && x.Words == p.Step.Words && spotOf(x.Where) == spotOf(p.Step.Where) {
			m.now = i
			for j := range i {
				m.done[j] = true
			}
			delete(m.done, i)
		}
	}
	return m.now + 1
}

// again forgets where the steps are, before they are looked at anew on the card.
func (m *madePlan) again() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = -1
}

func (m *madePlan) end(v *verified) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over, m.now, m.verified, m.moved = true, -1, v, ""
}

// of reports whether the plan is for a card with that UID; empty: not known.
func (m *madePlan) of(uid []byte) bool { return len(uid) == 0 || bytes.Equal(uid, m.plan.UID) }
