package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// someFleet is a fleet that a test fills.
type someFleet struct {
	mu      sync.Mutex
	now     *fleet.Snapshot
	changed chan struct{}
	lines   []fleet.LedgerLine
	uses    []fleet.KeyUse
	err     error
}

func newFleet(s *fleet.Snapshot) *someFleet { return &someFleet{now: s, changed: make(chan struct{})} }

func (f *someFleet) Now() *fleet.Snapshot {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *someFleet) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *someFleet) set(s *fleet.Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = s
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *someFleet) Ledger(_ context.Context, q fleet.LedgerQuery) (*fleet.LedgerPage, error) {
	p := &fleet.LedgerPage{Totals: fleet.Totals{Lines: len(f.lines)}}
	for _, l := range f.lines {
		if q.Open && !l.State.IsOpen() || !strings.Contains(l.ID+l.UID, q.Text) {
			continue
		}
		if p.Total++; p.Total > q.Skip && len(p.Lines) < q.Most {
			p.Lines = append(p.Lines, l)
		}
	}
	return p, f.err
}

func (f *someFleet) KeyUses(_ context.Context, q fleet.KeyQuery) (*fleet.KeyPage, error) {
	return &fleet.KeyPage{Total: len(f.uses), Uses: f.uses}, f.err
}

// ruled is one that can be run as well.
type ruled struct {
	*someFleet
	did []string
}

func (f *ruled) did1(what, agent string) error {
	f.did = append(f.did, what+" "+agent)
	return f.err
}

func (f *ruled) Invite(_ context.Context, agent string) (*fleet.Invitation, error) {
	return &fleet.Invitation{Agent: agent, Line: "desfire agent join <" + agent + ">", Until: time.Now()}, f.did1("invite", agent)
}
func (f *ruled) Revoke(_ context.Context, agent string) error { return f.did1("revoke", agent) }
func (f *ruled) Drain(_ context.Context, agent string) error  { return f.did1("drain", agent) }

// gates is a fleet of so many agents with so many readers each.
func gates(agents, readers int) *fleet.Snapshot {
	s := &fleet.Snapshot{Fleet: "main", At: time.Now()}
	for i := range agents {
		a := fleet.Agent{Name: fmt.Sprintf("gate%d", i), State: fleet.Here, Seen: time.Now()}
		for k := range readers {
			a.Readers = append(a.Readers, fleet.Reader{
				Agent: a.Name, ID: fmt.Sprint("r", k), Name: fmt.Sprint("Reader ", k), Last: time.Now(),
				Card: &fleet.Card{UID: fmt.Sprintf("04%012X", i*readers+k), Product: "DESFire EV3"}, Lease: &fleet.Lease{Holder: "back office"},
			})
		}
		s.Agents = append(s.Agents, a)
	}
	return s
}

var element = regexp.MustCompile(`<[a-z]`)

// However many readers there are, a page has a window of them, and every reader is in one.
func TestFleetOfMany(t *testing.T) {
	for _, of := range [][2]int{{1, 5}, {1, 5000}, {50, 100}, {5000, 1}} {
		c := open(t, Config{Fleet: newFleet(gates(of[0], of[1]))})
		seen := map[string]bool{}
		uid := regexp.MustCompile(`04[0-9A-F]{12}`)
		for page := range (of[0]*of[1] + fleetWindow - 1) / fleetWindow {
			body := c.get(fmt.Sprintf("/v/fleet?page=%d", page+1))
			if n := len(element.FindAllString(body, -1)); n > 1500 {
				t.Fatalf("%v: %d elements", of, n)
			}
			for _, u := range uid.FindAllString(body, -1) {
				seen[u] = true
			}
		}
		if len(seen) != of[0]*of[1] {
			t.Errorf("%v: %d readers were seen", of, len(seen))
		}
		if body := c.get("/v/fleet?page=999999"); !strings.Contains(body, fmt.Sprintf("%s readers", grouped(of[0]*of[1]))) || !strings.Contains(body, "Reader ") {
			t.Errorf("%v: behind the last page: %s", of, body)
		}
	}
}

func TestFleetIsFound(t *testing.T) {
	s := gates(3, 2)
	s.Agents[1].State = fleet.Away
	s.Alarms = []fleet.Alarm{{ID: "a", Severity: fleet.Bad, What: "gate1 is <offline>.", Next: "Look at its network.", Agent: "gate1"}}
	f := newFleet(s)
	c := open(t, Config{Fleet: f})
	body := c.get("/v/fleet")
	if i, k := strings.Index(body, ">gate1</a></h3>"), strings.Index(body, ">gate0</a></h3>"); i < 0 || k < i {
		t.Error("what is wrong does not come first")
	}
	for _, want := range []string{"gate1 is &lt;offline&gt;.", "Look at its network.", "Not reachable", "2 of 3 agents online"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if body := c.get("/v/fleet-now?q=" + url.QueryEscape("04000000000005")); !strings.Contains(body, "1 of 6 readers") || strings.Contains(body, "gate0") {
		t.Errorf("by UID: %s", body)
	}
	if body := c.get("/v/fleet-now?show=trouble"); strings.Contains(body, "gate0</a></h3>") || !strings.Contains(body, "gate1</a></h3>") {
		t.Errorf("what is wrong: %s", body)
	}
	if body := c.get("/v/fleet-now?part=agent&agent=gate2"); !strings.Contains(body, "Readers of gate2") || strings.Contains(body, "Revoke") {
		t.Errorf("an agent: %s", body)
	}
	if body := c.get("/v/fleet-now?part=agent&agent=none"); !strings.Contains(body, "gate2") {
		t.Errorf("an agent that is none: %s", body)
	}
	if status, _ := c.do("POST", "/do/fleet-drain", "agent=gate2"); status != 404 {
		t.Errorf("a fleet that can only be looked at is drained: %d", status)
	}
}

func TestFleetBooks(t *testing.T) {
	f := newFleet(gates(1, 1))
	value := int64(95)
	for i := range 60 {
		f.lines = append(f.lines, fleet.LedgerLine{ID: fmt.Sprintf("id%02d", i), UID: "04A1", Amount: -5, Value: &value, State: fleet.Happened})
	}
	f.lines[7].State, f.lines[7].Value = fleet.InDoubt, nil
	f.uses = []fleet.KeyUse{{Agent: "gate0", Key: "purse <7>", Why: "not its application"}}
	c := open(t, Config{Fleet: f})
	if body := c.get("/v/fleet-now?part=ledger&page=3"); !strings.Contains(body, "51 to 60 of 60") || !strings.Contains(body, "id59") || strings.Contains(body, "id49") || !strings.Contains(body, ">95<") {
		t.Errorf("the ledger: %s", body)
	}
	if body := c.get("/v/fleet-now?part=ledger&only=1"); !strings.Contains(body, "id07") || strings.Contains(body, "id08") || !strings.Contains(body, "not known") {
		t.Errorf("what is open: %s", body)
	}
	if body := c.get("/v/fleet-now?part=keys"); !strings.Contains(body, "purse &lt;7&gt;") || !strings.Contains(body, "✗ refused") {
		t.Errorf("keys: %s", body)
	}
	f.err = errors.New("the ledger does not answer")
	for _, part := range []string{"ledger", "keys"} {
		if body := c.get("/v/fleet-now?part=" + part); !strings.Contains(body, "The ledger does not answer.") {
			t.Errorf("%s: %s", part, body)
		}
	}
}

func TestFleetIsRun(t *testing.T) {
	f := &ruled{someFleet: newFleet(gates(1, 1))}
	c := open(t, Config{Fleet: f})
	for _, test := range [][3]string{
		{"fleet-invite", "agent=gate9", "desfire agent join &lt;gate9&gt;"},
		{"fleet-drain", "agent=gate0", "gate0 is being drained."},
		{"fleet-revoke", "agent=gate0&name=gate1", "nothing was done"},
		{"fleet-revoke", "agent=&name=", "nothing was done"},
		{"fleet-revoke", "agent=gate0&name=+gate0", "gate0 was revoked."},
	} {
		if status, body := c.do("POST", "/do/"+test[0], test[1]); status != 200 || !strings.Contains(body, test[2]) {
			t.Errorf("%s: %d %s", test, status, body)
		}
	}
	if got := strings.Join(f.did, ", "); got != "invite gate9, drain gate0, revoke gate0" {
		t.Error(got)
	}
	f.err = errors.New("web: it is not there")
	if _, body := c.do("POST", "/do/fleet-drain", "agent=x"); !strings.Contains(body, "It is not there.") {
		t.Error(body)
	}
}

// A change of the fleet reaches the pages, many of them at most once in a while.
func TestFleetIsTold(t *testing.T) {
	f := newFleet(gates(1, 1))
	c := open(t, Config{Fleet: f})
	q, _ := c.server.pages.add()
	defer c.server.pages.remove(q)
	wait(t, "a change is told", func() bool {
		f.set(gates(1, 2))
		for _, e := range q.take() {
			if e.Kind == "fleet" {
				return true
			}
		}
		return false
	})
	if status, _ := open(t, Config{}).do("GET", "/fleet", ""); status != 404 {
		t.Errorf("a page without a fleet has its view: %d", status)
	}
}

// hostileFleet is one in which everything that anybody says is the same.
func hostileFleet(text string) fleet.View {
	f := newFleet(&fleet.Snapshot{
		Fleet: text, Centre: fleet.Centre{Build: text, Parts: []fleet.Part{{Name: text, Words: text}}},
		Agents: []fleet.Agent{{Name: text, Boot: text, Build: text, Problem: text, Readers: []fleet.Reader{
			{Agent: text, ID: text, Name: text, Problem: text},
			{Agent: text, ID: text, Name: text, Card: &fleet.Card{UID: text, Product: text, Ignored: text}, Lease: &fleet.Lease{Holder: text}},
			{Agent: text, ID: text, Name: text, Ignored: text},
		}, State: fleet.Here}},
		Alarms: []fleet.Alarm{{ID: text, Severity: fleet.Severity(text), What: text, Next: text, Agent: text}},
	})
	f.lines = []fleet.LedgerLine{{ID: text, Request: text, Agent: text, Terminal: text, UID: text, Application: text, State: fleet.LineState(text), Words: text}}
	f.uses = []fleet.KeyUse{{Agent: text, What: text, UID: text, Application: text, Key: text, Method: text, Why: text, Trace: text}}
	return &ruled{someFleet: f}
}

// The cards of a fleet are others' until somebody asks for one of them, and thousands of
// readers make neither the rail long nor the pages busy.
func TestManyReaders(t *testing.T) {
	const many = 5000
	events := make(script)
	c := open(t, Config{Source: events, Fleet: newFleet(gates(1, 1)), OnDemand: true})
	q, _ := c.server.pages.add()
	defer c.server.pages.remove(q)
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	var lies desfire.Event
	for ev := range simreader.New("r", card).Events(t.Context()) {
		if lies = ev; ev.Kind == desfire.CardInserted {
			break
		}
	}
	var opened atomic.Int32
	for i := range many {
		name := fmt.Sprintf("gate%d/r0", i)
		events <- desfire.Event{Kind: desfire.ReaderAdded, Reader: name}
		events <- desfire.Event{Kind: desfire.CardInserted, Reader: name, Open: func(ctx context.Context) (desfire.Transport, error) {
			opened.Add(1)
			return lies.Open(ctx)
		}}
	}
	wait(t, "all readers are there", func() bool { return len(c.server.hub.ids()) == many })
	rail := c.get("/v/rail")
	if n := len(element.FindAllString(rail, -1)); n > 100 || !strings.Contains(rail, "5000 more") {
		t.Errorf("the rail has %d elements: %s", n, rail)
	}
	for _, e := range q.take() {
		if e.Kind == eventAll || e.Kind == "card" && strings.HasPrefix(e.Reader, "r") {
			t.Fatalf("pages hear of readers that nobody looks at: %+v", e)
		}
	}
	if body := c.get("/v/card"); !strings.Contains(body, "Choose a reader") {
		t.Errorf("no reader is chosen: %s", body)
	}
	id := c.server.hub.ids()["gate7/r0"]
	if body := c.get("/v/card?reader=" + id); !strings.Contains(body, "Read the card") || opened.Load() != 0 {
		t.Errorf("%d cards were opened; the page: %s", opened.Load(), body)
	}
	if status, body := c.do("POST", "/do/card-again?reader="+id, ""); status != 204 {
		t.Fatal(status, body)
	}
	c.until("/v/card?reader="+id, "DESFire EV2")
	if rail := c.get("/v/rail?reader=" + id); !strings.Contains(rail, "04010203040506") || !strings.Contains(rail, "4999 more") {
		t.Errorf("the rail: %s", rail)
	}
	events <- desfire.Event{Kind: desfire.CardRemoved, Reader: "gate7/r0"}
	wait(t, "the page of that reader hears of it", func() bool {
		return slices.ContainsFunc(q.take(), func(e event) bool { return e.Kind == "card" && e.Reader == id })
	})
	events <- desfire.Event{Kind: desfire.ServiceLost}
	wait(t, "readers that went are forgotten", func() bool { return len(c.server.hub.of(false)) <= mostAbsent })
}
