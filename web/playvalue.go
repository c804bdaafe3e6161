package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/purse"
)

// played is what the page has learned of the purse of the simulated card. Its journal
// is that of the simulated card, which the view of purses shows as well.
type played struct {
	mu    sync.Mutex
	uid   string
	knows *playKnown
}

// playKnown is what a reader can know of a purse: one value, or two of which one is.
type playKnown struct {
	Values []int32
	Words  string
}

func (p *played) known(uid []byte) *playKnown {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uid != string(uid) {
		return nil
	}
	return p.knows
}

func (p *played) know(uid []byte, words string, values ...int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.uid, p.knows = string(uid), &playKnown{values, words}
}

// playValue reads the purse of the simulated card, pays with it, or loads it.
func (s *Server) playValue(w http.ResponseWriter, r *http.Request) {
	state := s.conf.Play.State()
	content, _ := play.Find(state.Card.Content)
	if content.Purse == nil {
		playRefuse(w, errors.New("this card has no purse: make one that has"))
		return
	}
	v := &valueJob{server: s, purse: content.Purse, uid: state.Card.UID, load: r.FormValue("do") == "load"}
	title := "Read the value"
	switch do := r.FormValue("do"); do {
	case "read":
	case "pay", "load":
		n, err := strconv.ParseInt(strings.TrimSpace(r.FormValue("amount")), 10, 32)
		if err != nil || n < 1 {
			playRefuse(w, errors.New("the amount is not understood: want a whole number from 1 on"))
			return
		}
		kind := purse.Debit
		if title = fmt.Sprintf("Pay %d", n); v.load {
			kind, title = purse.Credit, fmt.Sprintf("Load %d", n)
		}
		v.order = &purse.Order{Moves: []purse.Move{{File: v.purse.File, Kind: kind, Amount: int32(n)}}}
	default:
		playRefuse(w, errors.New("want to read, pay or load"))
		return
	}
	if _, err := s.start(s.benchReader(), work{title: title, keep: v.order != nil, uid: v.uid, run: v.run}); err != nil {
		playRefuse(w, err)
		return
	}
	s.render(w, r, "play-try", s.playPage())
}

// valueJob is one thing done with the purse.
type valueJob struct {
	server *Server
	purse  *play.Purse
	uid    []byte
	load   bool
	order  *purse.Order // nil: it is only read
	once   *purse.Once
}

func (v *valueJob) run(ctx context.Context, j *job, card *desfire.Card) error {
	err := v.work(ctx, j, card)
	if err == nil || ctx.Err() != nil {
		return err
	}
	said := err
	if doubt := (*purse.InDoubtError)(nil); errors.As(err, &doubt) {
		v.doubt(&doubt.Receipt.Entry, "CommitTransaction may or may not have happened.")
		said = doubt.Err
	}
	j.say(playSentence(said))
	return err
}

func (v *valueJob) work(ctx context.Context, j *job, card *desfire.Card) error {
	d := v.purse.Discovery(v.load)
	d.Keys, d.Journal, d.Terminal = v.server.conf.Play.Keys(), &tellingJournal{v.server.ledgers.play, v, j}, "desfire web"
	if v.order == nil {
		p, err := d.Open(ctx, card)
		if err != nil {
			return err
		}
		return v.look(ctx, j, p, card)
	}
	if v.once == nil {
		v.once = &purse.Once{Find: d.Open, Order: *v.order}
	} else {
		j.say("The card is back. What became of it?")
	}
	if err := v.once.Accept(ctx, card); err != nil {
		return err
	}
	for {
		done, err := v.once.Step(ctx, card)
		if done {
			v.paid(v.once.Receipt)
		}
		if done || err != nil {
			return err
		}
	}
}

// look reads the value.
func (v *valueJob) look(ctx context.Context, j *job, p *purse.Purse, card *desfire.Card) error {
	view, err := p.Look(ctx, card)
	if err != nil {
		return err
	}
	value := view.Values[0].Value
	j.say("GetValue: " + grouped(value))
	switch {
	case view.Open == nil:
		v.server.played.know(v.uid, "It was read in a session, and nothing is open.", value)
	case view.Says != nil && view.Says.Decision != purse.InDoubt:
		v.server.played.know(v.uid, "It was read, and tells what became of the change that is open.", value)
	default:
		v.doubt(view.Open, "It was read, but the card may not have seen the end of it.")
	}
	v.server.tell("play", "")
	return nil
}

// paid notes what is known after a change.
func (v *valueJob) paid(r *purse.Receipt) {
	if r == nil {
		return
	}
	after := r.After
	if o := r.Entry.Outcome(); after == nil && o != nil {
		after = o.Evidence.Values
	}
	for _, x := range after {
		if x.File == v.purse.File {
			v.server.played.know(v.uid, "Rule "+string(r.Rule())+": "+r.Rule().Words()+".", x.Value)
		}
	}
	v.server.tell("play", "")
}

// doubt notes that it may have happened or not.
func (v *valueJob) doubt(e *purse.Entry, words string) {
	if len(e.Values) == 0 {
		return
	}
	before := e.Values[0].Value
	v.server.played.know(v.uid, words, int32(int64(before)+e.Signed(v.purse.File)), before) //nolint:gosec // it was checked against the limits of the file
}

// tellingJournal says what a purse writes into its journal, as it does.
type tellingJournal struct {
	purse.Journal
	of  *valueJob
	job *job
}

func (t *tellingJournal) Begin(ctx context.Context, e *purse.Entry) error {
	if err := t.Journal.Begin(ctx, e); err != nil {
		return err
	}
	var before int32
	for _, v := range e.Values {
		before = v.Value
	}
	move := e.Moves[0]
	t.job.say(fmt.Sprintf("GetValue: %s. Journal: entry %d begun, %s %s.", grouped(before), e.ID.Sequence(), move.Kind.Words(), grouped(move.Amount)))
	t.of.doubt(e, "It is under way.")
	return nil
}

func (t *tellingJournal) Note(ctx context.Context, id purse.ID, p purse.Progress) error {
	if err := t.Journal.Note(ctx, id, p); err != nil {
		return err
	}
	if p.CommitSent {
		t.job.say(fmt.Sprintf("Journal: entry %d, CommitTransaction is sent.", id.Sequence()))
	}
	return nil
}

func (t *tellingJournal) End(ctx context.Context, id purse.ID, o purse.Outcome, state *purse.CardState) error {
	if err := t.Journal.End(ctx, id, o, state); err != nil {
		return err
	}
	words := o.Why
	if words == "" {
		words = o.Rule.Words()
	}
	t.job.say(fmt.Sprintf("Journal: entry %d, %v. Rule %s: %s.", id.Sequence(), o.Decision, o.Rule, words))
	if e, err := t.Entry(ctx, id); err == nil && e != nil && o.Decision == purse.InDoubt {
		t.of.doubt(e, "CommitTransaction may or may not have happened.")
	}
	return nil
}
