package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"regexp"
	"sync"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// swap is a reader with two cards behind a relay, which decides for each exchange which of
// them has it.
type swap struct {
	cards [2]*sim.Card

	mu   sync.Mutex
	n    int                                // exchanges since set
	pick func(n int, version bool) (no int) // nil: the first card
}

func (w *swap) set(pick func(n int, version bool) int) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, w.n, w.pick = w.n, 0, pick
	return n
}

func (w *swap) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		if yield(desfire.Event{Kind: desfire.ReaderAdded, Reader: "desk"}, nil) &&
			yield(desfire.Event{Kind: desfire.CardInserted, Reader: "desk", Open: w.open}, nil) {
			<-ctx.Done()
		}
	}
}

func (w *swap) open(context.Context) (desfire.Transport, error) {
	return &swapped{Activation: w.cards[0].Present(), other: w.cards[1].Present(), swap: w}, nil
}

// swapped is a link to both cards.
type swapped struct {
	*sim.Activation
	other   *sim.Activation
	swap    *swap
	version bool
}

func (x *swapped) Reconnect(ctx context.Context) error {
	if err := x.other.Reconnect(ctx); err != nil {
		return err
	}
	return x.Activation.Reconnect(ctx)
}

func (x *swapped) Transmit(ctx context.Context, cmd []byte) ([]byte, error) {
	const insVersion, insMore = 0x60, 0xAF
	x.version = cmd[1] == insVersion || x.version && cmd[1] == insMore
	x.swap.mu.Lock()
	x.swap.n++
	no := 0
	if x.swap.pick != nil {
		no = x.swap.pick(x.swap.n, x.version)
	}
	x.swap.mu.Unlock()
	if no == 0 {
		return x.Activation.Transmit(ctx, cmd)
	}
	return x.other.Transmit(ctx, cmd)
}

// applicationsOf are what a card holds.
func applicationsOf(t *testing.T, c *sim.Card) string {
	t.Helper()
	b, err := json.Marshal(c.Image().Applications)
	must(t, err)
	return string(b)
}

// A card that says in clear that it is the one that was confirmed, and has the same keys, is
// left as it is by every job, whenever it takes the place of the other.
func TestDoSwapped(t *testing.T) {
	for _, p := range jobsToPull() {
		if p.reads {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			n := p.swapped(t, 1<<20)
			for k := 0; k <= n; k += 1 + n/8 {
				p.swapped(t, k)
			}
		})
	}
}

// swapped does a job, in which the other card answers all but who it is from the k-th
// exchange on. It returns how many exchanges there were.
func (p *pulled) swapped(t *testing.T, k int) int {
	t.Helper()
	x := &swap{cards: [2]*sim.Card{doCardOf(t, []byte{4, 1, 1, 1, 1, 1, 1}), doCardOf(t, []byte{4, 2, 2, 2, 2, 2, 2})}}
	d := &doing{picc: x.cards[0], uid: fmt.Sprintf("%X", x.cards[0].Image().UID)}
	d.client = open(t, Config{Source: x, Keys: doKeys(-1, 0, 1, 3)})
	defer d.leave()
	d.idle()
	action, pairs := p.ready(d)
	d.idle()
	other := applicationsOf(t, x.cards[1])
	x.set(func(n int, version bool) int {
		if version || n <= k {
			return 0
		}
		return 1
	})
	status, body := d.do("POST", "/do/"+action, doForm(pairs...))
	id := doJobID.FindStringSubmatch(body)
	if status != 200 || id == nil {
		t.Fatalf("%d: %d %s", k, status, body)
	}
	j := d.server.jobs.find(id[1])
	<-j.ended
	n := x.set(nil)
	v := j.view()
	if now := applicationsOf(t, x.cards[1]); now != other {
		t.Errorf("exchange %d: the other card was changed, %s: %v", k, v.State, v.Err)
	}
	if v.State == jobDone && !p.after(d) {
		t.Errorf("exchange %d: done, and it is not so", k)
	}
	return n
}

// A debit of the view of the purse is of the card that it showed.
func TestPurseSwapped(t *testing.T) {
	n := purseSwapped(t, 1<<20)
	for k := 0; k <= n; k += 1 + k/3 {
		purseSwapped(t, k)
	}
}

func purseSwapped(t *testing.T, k int) int {
	t.Helper()
	x := &swap{cards: [2]*sim.Card{doCardOf(t, []byte{4, 1, 1, 1, 1, 1, 1}), doCardOf(t, []byte{4, 2, 2, 2, 2, 2, 2})}}
	d := &doing{picc: x.cards[0], uid: fmt.Sprintf("%X", x.cards[0].Image().UID)}
	d.client = open(t, Config{Source: x, Keys: doKeys(-1, 0, 1, 3)})
	defer d.leave()
	d.idle()
	d.act("purse-terms", "reader", d.reader().id, "file", "F48121/2", "others", "nobody")
	d.idle()
	other := applicationsOf(t, x.cards[1])
	x.set(func(n int, version bool) int {
		if version || n <= k {
			return 0
		}
		return 1
	})
	_, body := d.do("POST", "/do/purse-change", doForm("kind", "debit", "amount", "250", "request", "one", "uid", d.uid, "file", "F48121/2"))
	id := jobID.FindStringSubmatch(body)
	if id == nil {
		t.Fatal(body)
	}
	j := d.server.jobs.find(id[1])
	<-j.ended
	n := x.set(nil)
	if now := applicationsOf(t, x.cards[1]); now != other {
		t.Errorf("exchange %d: the other card was changed: %v", k, j.view().Err)
	}
	r, _ := j.view().Data.(*purseResult)
	if r != nil && r.State == "good" != (d.file(2).Value.Value == 24250) || r == nil && d.file(2).Value.Value != 24500 {
		t.Errorf("exchange %d: the card holds %d, and the page says %+v", k, d.file(2).Value.Value, r)
	}
	return n
}

// What is carried out is the plan that was shown, not one that was made since, and what is
// proved of one card is not said of another.
func TestLayoutShownIsMeant(t *testing.T) {
	x := newTill(t, wire.EV3, "empty")
	x.until("/v/card", "DESFire EV3")
	doc := x.doc("transit")
	x.layout("layout-plan", rowForm(doc, map[string]string{"ticket": "A-7"}))
	shown := planID.FindStringSubmatch(x.get("/v/layout?doc=" + doc))
	x.layout("layout-plan", rowForm(doc, map[string]string{"ticket": "EVIL"}))
	if shown == nil {
		t.Fatal("the form names no plan")
	}
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "plan": shown[1:]}), "another plan was made since this one was shown, and nothing was done")
	if n := len(x.bench.Holds().Files); n > 0 {
		t.Fatalf("it made %d files", n)
	}
	x.layout("layout-apply", url.Values{"doc": {doc}})
	has(t, x.get("/v/layout?doc="+doc), "The card is what the layout says.")
	must(t, x.bench.Make(t.Context(), play.Recipe{Generation: wire.EV3, Content: "transit"}))
	x.until("/v/card", "ride")
	x.layout("layout-verify", url.Values{"doc": {doc}})
	m := x.server.plans.of(x.readers()[0], x.server.plans.find(doc))
	if len(m.verified.Differences) > 0 || len(m.verified.Unproven) > 0 {
		t.Errorf("another card was compared: %+v", m.verified)
	}
	v := x.server.layoutJobOf(x.readers()[0])
	if v.State != jobFailed || !errors.As(v.Err, new(*otherCardError)) {
		t.Errorf("%s, %v", v.State, v.Err)
	}
}

var planID = regexp.MustCompile(`name="plan" value="([0-9a-f]+)"`)
