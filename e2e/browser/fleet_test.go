package browser

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/web"
)

// harbour is a fleet that stands still, and is run.
type harbour struct {
	mu      sync.Mutex
	now     *fleet.Snapshot
	changed chan struct{}
	did     []string
}

func (h *harbour) Now() *fleet.Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *harbour) Changed() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.changed
}

func (h *harbour) set(change func(*fleet.Snapshot)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := *h.now
	next.Agents = append([]fleet.Agent(nil), next.Agents...)
	change(&next)
	h.now = &next
	close(h.changed)
	h.changed = make(chan struct{})
}

var harbourTime = time.Date(2026, 11, 27, 14, 3, 11, 0, time.UTC)

func (h *harbour) Ledger(_ context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	p := &fleet.LedgerPage{Total: 64, Totals: h.now.Totals}
	left := int64(1250)
	for i := range min(q.Most, 25) {
		l := fleet.LedgerLine{
			ID: fmt.Sprintf("3f8a2c01d4e6%08x", 4711-i), Request: fmt.Sprintf("ride-%d", 900-i), At: harbourTime.Add(-time.Duration(i) * time.Minute), Agent: "gate7", Terminal: "gate7 left",
			UID: "04A1B2C3D4E5F6", Application: "F48121", File: 2, Amount: -250, Value: &left, State: fleet.Happened, Words: "The commit was answered with a right MAC.",
		}
		switch i {
		case 1:
			l.State, l.Value, l.Words = fleet.InDoubt, nil, "The answer to the commit is missing. The card decides it when it is presented."
		case 4:
			l.State, l.Words = fleet.DidNot, "Found by gate9."
		}
		p.Lines = append(p.Lines, l)
	}
	return p, nil
}

func (h *harbour) KeyUses(context.Context, fleet.KeyQuery) (*fleet.KeyPage, error) {
	return &fleet.KeyPage{Total: 2, Looked: 2, Refused: 1, Uses: []fleet.KeyUse{
		{At: harbourTime, Agent: "gate7", What: "session", UID: "04A1B2C3D4E5F6", Application: "F48121", Key: "key 2 AES, version 01", Method: "EV2First", Allowed: true, Trace: "7f3a91c2"},
		{At: harbourTime.Add(-time.Minute), Agent: "desk", What: "handshake", UID: "04A1B2C3D4E5F6", Application: "F48121", Key: "key 0 AES", Method: "AES", Why: "agents.desk.keys: key 0 of application F48121 is not listed", Trace: "02bb6d10"},
	}}, nil
}

func (h *harbour) act(what, agent string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.did = append(h.did, what+" "+agent)
	return nil
}

func (h *harbour) Invite(_ context.Context, agent string) (*fleet.Invitation, error) {
	return &fleet.Invitation{Agent: agent, Line: "desfire agent --join desfire-join-1/" + agent + "/k3v5x2a7q6m4t8z1/centre.example.org:7343/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", Until: harbourTime.Add(15 * time.Minute)}, h.act("invite", agent)
}
func (h *harbour) Revoke(_ context.Context, agent string) error { return h.act("revoke", agent) }
func (h *harbour) Drain(_ context.Context, agent string) error  { return h.act("drain", agent) }

func newHarbour() *harbour {
	s := &fleet.Snapshot{Fleet: "harbour", At: harbourTime, Totals: fleet.Totals{Lines: 64, Cards: 12, Happened: 61, Open: 2, Sums: []fleet.Sum{{Application: "F48121", File: 2, Happened: -15250, InDoubt: -250}}}}
	s.Alarms = []fleet.Alarm{
		{ID: "away.desk", At: harbourTime.Add(-time.Hour), Severity: fleet.Bad, Agent: "desk", What: "desk is offline.", Next: "Look whether it runs, and whether it has a network."},
		{ID: "skew.gate9", At: harbourTime, Severity: fleet.Doubt, Agent: "gate9", What: "The clock of gate9 is 42s ahead of that of the centre.", Next: "Set it: certificates and permissions are checked by it."},
	}
	s.Agents = []fleet.Agent{
		{Name: "bus3", State: fleet.Never, Joined: harbourTime},
		{Name: "desk", State: fleet.Away, Seen: harbourTime.Add(-time.Hour), Readers: []fleet.Reader{{Agent: "desk", ID: "acr122", Name: "ACS ACR122U PICC Interface 00 00"}}},
		{Name: "gate7", State: fleet.Here, Seen: harbourTime, Began: harbourTime.Add(-3 * time.Hour), Joined: harbourTime.AddDate(0, -1, 0), Build: "v1.4.0", Boot: "1a2b3c4d5e6f7081", Readers: []fleet.Reader{
			{Agent: "gate7", ID: "left", Name: "Identiv uTrust 3700 F 00 00", Last: harbourTime, Card: &fleet.Card{UID: "04A1B2C3D4E5F6", Product: "DESFire EV3", Trace: "7f3a91c2"}, Lease: &fleet.Lease{Holder: "desfire on office-2"}},
			{Agent: "gate7", ID: "right", Name: "Identiv uTrust 3700 F 01 00", Last: harbourTime.Add(-4 * time.Minute)},
		}},
		{Name: "gate9", State: fleet.Here, Seen: harbourTime, Draining: true, Skew: 42, Readers: []fleet.Reader{
			{Agent: "gate9", ID: "only", Name: "ACS ACR1252 Dual Reader", Problem: "the service of the readers is gone"},
		}},
	}
	return &harbour{now: s, changed: make(chan struct{})}
}

// crowd is a fleet of so many gates with one reader each.
func crowd(n int) *harbour {
	h := newHarbour()
	h.now.Agents, h.now.Alarms = nil, nil
	for i := range n {
		a := fmt.Sprintf("gate%04d", i)
		h.now.Agents = append(h.now.Agents, fleet.Agent{Name: a, State: fleet.Here, Seen: harbourTime, Readers: []fleet.Reader{
			{Agent: a, ID: "r0", Name: "ACS ACR1252", Last: harbourTime, Card: &fleet.Card{UID: fmt.Sprintf("04%012X", i), Product: "DESFire EV3"}},
		}})
	}
	return h
}

// A fleet is looked at, searched and run; it moves by itself; with 5,000 readers the page
// stays small.
func TestFleet(t *testing.T) {
	h := newHarbour()
	p := open(t, web.Config{Fleet: h})
	p.wait("h1", "Fleet harbour")
	p.wait(".fleet-group", "Identiv uTrust 3700 F 00 00")
	p.looks("fleet")

	// What happens shows by itself, and what is typed meanwhile stays.
	p.eval(`{ const e = document.querySelector('[role=search] input[type=search]'); e.focus(); e.value = 'gate'; undefined }`, nil)
	h.set(func(s *fleet.Snapshot) {
		a := s.Agents[2]
		a.Readers = append([]fleet.Reader(nil), a.Readers...)
		a.Readers[1].Card = &fleet.Card{UID: "04CAFE11223344", Product: "DESFire EV2"}
		s.Agents[2] = a
	})
	p.wait(".fleet-tiles", "04CAFE11223344")
	p.until(`document.activeElement.value === 'gate'`, "what was typed is still there")
	p.press(kb.Enter)
	p.gone(".fleet-group", "desk")
	p.wait(".fleet-found", "3 of 4 readers")

	// One agent, drained and revoked by who confirms it.
	p.click(".fleet-group a", "gate7")
	p.wait("[aria-label=Agent]", "v1.4.0")
	p.click("summary", "Drain it")
	p.click("button", "Drain gate7")
	p.wait("#fleet-done", "gate7 is being drained.")
	p.click("summary", "Revoke it")
	p.until(`document.querySelector('.btn.danger').disabled`, "nothing is revoked by one click")
	p.fill(".byword input[name=name]", "gate7")
	p.shotAt("fleet-agent")
	p.click(".btn.danger", "Revoke gate7")
	p.wait("#fleet-done", "gate7 was revoked.")

	p.click("summary", "Let an agent join")
	p.fill(".fleet-join input[name=agent]", "gate11")
	p.click(".fleet-join button", "Make a token")
	p.wait("#fleet-done pre", "desfire agent --join desfire-join-1/gate11/")
	h.mu.Lock()
	did := fmt.Sprint(h.did)
	h.mu.Unlock()
	if did != "[drain gate7 revoke gate7 invite gate11]" {
		t.Error(did)
	}

	p.click(".fleet-parts a", "Ledger")
	p.wait(".fleet-lines", "in doubt")
	p.looks("fleet-ledger")
	p.click(".fleet-parts a", "Uses of keys")
	p.wait(".fleet-lines", "is not listed")
	p.shotAt("fleet-keys")

	many := open(t, web.Config{Fleet: crowd(5000)})
	many.wait(".pager", "1 to 48 of 5000")
	many.click(".pager button", "After")
	many.wait(".pager", "49 to 96 of 5000")
	var nodes int
	if many.eval(`document.getElementsByTagName('*').length`, &nodes); nodes > 2000 {
		t.Errorf("%d elements", nodes)
	}
	many.fill("[role=search] input[type=search]", "gate4711")
	many.wait(".fleet-found", "1 of 5000 readers")
	many.shotAt("fleet-many")
}

// What a person has opened is not taken back by an answer that was asked for before, nor
// by one that was asked for meanwhile; and what happens later still shows.
func TestFleetOlderAnswer(t *testing.T) {
	h := newHarbour()
	p := open(t, web.Config{Fleet: h})
	p.wait(".fleet-group", "Identiv uTrust 3700 F 00 00")
	p.eval(`{ const f = window.fetch; window.held = []; window.hold = '';
window.fetch = async (url, init) => { const a = await f(url, init); if (window.hold && String(url).includes(window.hold)) await new Promise(go => window.held.push(go)); return a; };
window.release = () => { window.hold = ''; for (const go of window.held.splice(0)) go(); }; undefined }`, nil)
	named := func(name string) {
		h.set(func(s *fleet.Snapshot) { s.Alarms = []fleet.Alarm{{ID: name, At: harbourTime, What: name}} })
	}
	for _, part := range []struct{ link, shows, holds, held string }{
		{"Ledger", ".fleet-lines", "in doubt", "fleet-now"},
		{"Uses of keys", ".fleet-lines", "is not listed", "part=keys"},
	} {
		p.eval(fmt.Sprintf(`{ window.hold = %q; undefined }`, part.held), nil)
		if part.held == "fleet-now" { // the page asks, then the person
			named("before")
			p.until(`held.length > 0`, "the page has asked")
			p.eval(`{ window.hold = ''; undefined }`, nil)
			p.click(".fleet-parts a", part.link)
			p.wait(part.shows, part.holds)
		} else { // the person asks, then the page, which shows the old part still
			p.click(".fleet-parts a", part.link)
			p.until(`held.length > 0`, "the person has asked")
			p.eval(`{ window.hold = 'part=ledger'; undefined }`, nil)
			named("meanwhile")
			p.until(`held.length > 1`, "the page has asked")
			p.eval(`held.shift()()`, nil)
			p.wait(part.shows, part.holds)
		}
		p.eval(`release()`, nil)
		name := "after " + part.link
		named(name)
		p.wait("#fleet .notes", name)
		if got := p.text(".fleet-parts [aria-current]"); !strings.HasPrefix(got, part.link) {
			t.Errorf("after %s the page shows %s", part.link, got)
		}
	}
}
