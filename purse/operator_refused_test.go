package purse_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire/purse"
)

// brokenJournal is a journal one of whose methods fails.
type brokenJournal struct {
	purse.Journal
	method string
}

var errDisk = errors.New("disk full")

func (j *brokenJournal) fails(method string) bool {
	return method == j.method
}

func (j *brokenJournal) End(ctx context.Context, id purse.ID, o purse.Outcome, s *purse.CardState) error {
	if j.fails("End") {
		return errDisk
	}
	return j.Journal.End(ctx, id, o, s)
}

func (j *brokenJournal) Keep(ctx context.Context, s *purse.CardState) error {
	if j.fails("Keep") {
		return errDisk
	}
	return j.Journal.Keep(ctx, s)
}

func (j *brokenJournal) Entry(ctx context.Context, id purse.ID) (*purse.Entry, error) {
	if j.fails("Entry") {
		return nil, errDisk
	}
	return j.Journal.Entry(ctx, id)
}

func (j *brokenJournal) Open(ctx context.Context, c purse.CardApp) (*purse.Entry, error) {
	if j.fails("Open") {
		return nil, errDisk
	}
	return j.Journal.Open(ctx, c)
}

func (j *brokenJournal) State(ctx context.Context, c purse.CardApp) (*purse.CardState, error) {
	if j.fails("State") {
		return nil, errDisk
	}
	return j.Journal.State(ctx, c)
}

// A person's word and the centre's are not taken by a journal that fails, nor for a
// change that it does not have.
func TestOperatorRefused(t *testing.T) {
	ctx := context.Background()
	b, p, id := doubtful(t)
	app := purse.CardApp{UID: "04110203040506", App: b.conf.Place.String()}
	unknown := id
	unknown[15] ^= 1
	happened := purse.Outcome{Decision: purse.Happened, Rule: purse.RuleTMV, Why: "it fits"}
	request := func(what string, err error) {
		t.Helper()
		if !errors.As(err, new(*purse.RequestError)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := p.Decide(ctx, unknown, purse.DidNot, "because")
	request("a person on another change", err)
	_, err = p.Learn(ctx, unknown, happened)
	request("the centre on another change", err)
	request("no reason", p.Unblock(ctx, app, "\t"))
	request("not blocked", p.Unblock(ctx, app, "because"))

	broken := func(method string) *purse.Purse {
		c := b.conf
		c.Journal = &brokenJournal{b.conf.Journal, method}
		p, err := purse.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	journal := func(what string, err error) {
		t.Helper()
		if !errors.As(err, new(*purse.JournalError)) || !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, method := range []string{"Entry", "End"} {
		_, err = broken(method).Decide(ctx, id, purse.DidNot, "because")
		journal("Decide: "+method, err)
		_, err = broken(method).Learn(ctx, id, happened)
		journal("Learn: "+method, err)
	}
	journal("Unblock: State", broken("State").Unblock(ctx, app, "because"))
	for _, method := range []string{"Open", "State"} {
		_, err = broken(method).Look(ctx, b.connect(t))
		journal("Look: "+method, err)
		_, err = broken(method).Settle(ctx, b.connect(t))
		journal("Settle: "+method, err)
	}
	if e, err := b.conf.Journal.Entry(ctx, id); err != nil || !e.IsOpen() {
		t.Fatalf("closed by what failed: %v %+v", err, e)
	}

	if _, err := p.Learn(ctx, id, happened); err != nil {
		t.Fatal(err)
	}
	if r, err := p.Learn(ctx, id, happened); err != nil || !r.Stored || len(r.Entry.Outcomes) != 1 {
		t.Errorf("the same again: %v %+v", err, r)
	}
	against := purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleOtherOwner}
	for _, method := range []string{"State", "Keep"} {
		_, err = broken(method).Learn(ctx, id, against)
		journal("a contradiction: "+method, err)
	}
	if _, err := p.Learn(ctx, id, against); !errors.As(err, new(*purse.BlockedError)) {
		t.Errorf("a contradiction: %v", err)
	}
	journal("Unblock: Keep", broken("Keep").Unblock(ctx, app, "because"))
	if s, err := b.conf.Journal.State(ctx, app); err != nil || s.Blocked == "" {
		t.Errorf("%v %+v", err, s)
	}
}
