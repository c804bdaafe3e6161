package admin

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/remote"
)

// books is a centre that remembers what it was asked.
type books struct {
	snapshot *fleet.Snapshot
	ledger   fleet.LedgerQuery
	keys     fleet.KeyQuery
	did      []string
}

func (b *books) Now() *fleet.Snapshot     { return b.snapshot }
func (b *books) Changed() <-chan struct{} { return nil }
func (b *books) Ledger(_ context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	b.ledger = q
	return &fleet.LedgerPage{Total: 7, Lines: []fleet.LedgerLine{{ID: "1"}}}, nil
}

func (b *books) KeyUses(_ context.Context, q fleet.KeyQuery) (*fleet.KeyPage, error) {
	b.keys = q
	return nil, errors.New("the book of keys is away")
}

type desk struct{ books }

func (d *desk) Invite(_ context.Context, agent string) (*fleet.Invitation, error) {
	return &fleet.Invitation{Agent: agent, Token: "t"}, nil
}

func (d *desk) Revoke(_ context.Context, agent string) error {
	d.did = append(d.did, "revoke "+agent)
	return nil
}

func (d *desk) Drain(_ context.Context, agent string) error {
	d.did = append(d.did, "drain "+agent)
	return errors.New("it does not answer")
}

func serve(t *testing.T, v fleet.View) *Client {
	t.Helper()
	s := natstest.Start(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	centre := s.Connect()
	go func() { done <- Serve(ctx, Config{Conn: centre, Fleet: "main", View: v}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for centre.NumSubscriptions() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := centre.Flush(); err != nil {
		t.Fatal(err)
	}
	return &Client{s.Connect(nats.CustomInboxPrefix(remote.Inbox("anna"))), "main"}
}

func TestAsk(t *testing.T) {
	ctx := context.Background()
	d := &desk{books{snapshot: &fleet.Snapshot{Fleet: "main"}}}
	c := serve(t, d)
	p, err := c.Ledger(ctx, fleet.LedgerQuery{Text: "04", Open: true, Most: 100000})
	if err != nil || p.Total != 7 || p.Lines[0].ID != "1" || d.ledger != (fleet.LedgerQuery{Text: "04", Open: true, Most: maxLines}) {
		t.Errorf("%+v %v, asked for %+v", p, err, d.ledger)
	}
	var refused *RefusedError
	if _, err := c.KeyUses(ctx, fleet.KeyQuery{}); !errors.As(err, &refused) || refused.Text != "the book of keys is away" {
		t.Errorf("%v", err)
	}
	if _, err := c.Ledger(ctx, fleet.LedgerQuery{Text: strings.Repeat("0", 1000)}); !errors.As(err, &refused) {
		t.Errorf("a question that is too long: %v", err)
	}
	i, err := c.Invite(ctx, "gate7")
	if err != nil || i.Agent != "gate7" || i.Token != "t" {
		t.Errorf("%+v %v", i, err)
	}
	if err := c.Revoke(ctx, "gate7"); err != nil {
		t.Error(err)
	}
	if err := c.Drain(ctx, "gate8"); !errors.As(err, &refused) {
		t.Error(err)
	}
	if err := c.Revoke(ctx, "Gate 7"); !errors.As(err, &refused) {
		t.Errorf("no name: %v", err)
	}
	if want := []string{"revoke gate7", "drain gate8"}; !reflect.DeepEqual(d.did, want) {
		t.Errorf("it did %q", d.did)
	}
	if err := c.into(ctx, "read.weather", question{}, new(struct{})); !errors.As(err, &refused) || !strings.Contains(refused.Text, "update") {
		t.Errorf("an unknown question: %v", err)
	}
}

// A snapshot of any size arrives whole.
func TestSnapshot(t *testing.T) {
	d := &books{snapshot: &fleet.Snapshot{Fleet: "main"}}
	d.snapshot.Agents = make([]fleet.Agent, 1)
	for i := range 20000 {
		d.snapshot.Agents[0].Readers = append(d.snapshot.Agents[0].Readers, fleet.Reader{
			Agent: fmt.Sprintf("gate%x", uint64(i)*0x9E3779B97F4A7C15), ID: fmt.Sprintf("r%x", uint64(i)*0xC2B2AE3D27D4EB4F), Name: strings.Repeat("x", 30),
			Card: &fleet.Card{Number: uint64(i) * 0x9E3779B97F4A7C15, UID: fmt.Sprintf("%016X", uint64(i)*0x165667B19E3779F9)},
		})
	}
	c := serve(t, d)
	a, _, err := c.ask(context.Background(), askSnapshot, question{})
	if err != nil || a.Parts < 2 {
		t.Fatalf("%d parts, %v: the test tests nothing", a.Parts, err)
	}
	s, err := c.Snapshot(context.Background())
	if err != nil || !reflect.DeepEqual(s, d.snapshot) {
		t.Errorf("%v, %d agents", err, len(s.Agents))
	}
	var refused *RefusedError
	for _, q := range []question{{ID: a.ID, Part: a.Parts}, {ID: a.ID, Part: -1}, {ID: "no such"}} {
		if _, _, err := c.ask(context.Background(), askSnapshot, q); !errors.As(err, &refused) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if err := c.Revoke(context.Background(), "gate7"); !errors.As(err, &refused) {
		t.Errorf("a view that does nothing: %v", err)
	}
}

func TestAway(t *testing.T) {
	s := natstest.Start(t, nil)
	c := &Client{s.Connect(), "main"}
	if _, err := c.Snapshot(context.Background()); !errors.Is(err, ErrAway) {
		t.Error(err)
	}
}
