package browser

import (
	"context"
	"encoding/json"
	"iter"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/tracing"
	"github.com/chromedp/chromedp"
	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/web"
	"github.com/go-desfire/desfire/wire"
)

// talkative is a reader with a card of many applications, which the page reads each
// time that it is presented: some hundred exchanges.
func talkative(t *testing.T) *counted {
	t.Helper()
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: []byte{4, 1, 2, 3, 4, 5, 6}, Storage: 8192})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(t.Context(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for app := range wire.AID(20) {
		if err := card.CreateApplication(t.Context(), &wire.CreateApplication{AID: 0xF48100 + app, KS1: 0x0F, KS2: 0x81}); err != nil {
			t.Fatal(err)
		}
		if err := card.SelectApplication(t.Context(), 0xF48100+app); err != nil {
			t.Fatal(err)
		}
		for file := range wire.FileNo(5) {
			if _, err := desfire.Do(t.Context(), card, &wire.CreateValueFile{File: file, Access: wire.AccessRights{Read: wire.Free, Write: wire.Free, ReadWrite: wire.Free, Change: wire.Free}, Upper: 1000, Value: int32(file)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := card.SelectApplication(t.Context(), wire.PICC); err != nil {
			t.Fatal(err)
		}
	}
	return &counted{Reader: simreader.New("desk", picc)}
}

// counted counts what is said.
type counted struct {
	*simreader.Reader
	n    atomic.Int64
	each int64 // of one reading of the card
}

func (c *counted) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	return func(yield func(desfire.Event, error) bool) {
		for ev, err := range c.Reader.Events(ctx) {
			if open := ev.Open; open != nil {
				ev.Open = func(ctx context.Context) (desfire.Transport, error) {
					t, err := open(ctx)
					return &counting{t, c}, err
				}
			}
			if !yield(ev, err) {
				return
			}
		}
	}
}

type counting struct {
	desfire.Transport
	c *counted
}

func (t *counting) Unwrap() desfire.Transport { return t.Transport }

func (t *counting) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	defer t.c.n.Add(1)
	return t.Transport.Transmit(ctx, command)
}

// said is how many exchanges the page knows of, as it tells.
func (p *tab) said() int {
	p.Helper()
	_, body := p.fetch("GET", "/v/traffic/rows?n=0") // of the reader that the page shows
	found := regexp.MustCompile(`data-words="([^" ]*) exchanges?`).FindStringSubmatch(body)
	if found == nil {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(found[1], "\u202f", ""))
	if err != nil {
		p.Fatal(err)
	}
	return n
}

// readsAll waits until the page has read the card for the first time, which tells how
// many exchanges each reading takes.
func (p *tab) readsAll(field *counted) int {
	p.Helper()
	p.read()
	field.each = field.n.Load()
	return int(field.each)
}

// talk presents the card until n exchanges have passed, and the page shows the last.
// It asks nothing of the page meanwhile.
func (p *tab) talk(field *counted, n int) {
	p.Helper()
	have := field.n.Load()
	for have < int64(n) {
		field.Lift()
		if err := field.Return(); err != nil {
			p.Fatal(err)
		}
		have += field.each
		for end := time.Now().Add(limit); field.n.Load() < have; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				p.Fatalf("%d exchanges, not %d: a reading has %d", field.n.Load(), have, field.each)
			}
		}
	}
	p.wait("[data-sum]", grouped(int(have))+" exchanges")
}

// grouped is a number as the page writes it, when white space counts as such.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && len(s) > 4; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// size is what the browser has of a page after all garbage is gone: bytes of what its
// script holds and of the rest, as the heap snapshot tells them apart, and nodes of the
// document. Machine code is left out: how much of it there is depends on what ran often.
type size struct{ script, rest, nodes int }

func (p *tab) size() (is size) {
	p.Helper()
	for range 3 {
		p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, heapprofiler.CollectGarbage, cdp.Empty{})
			return err
		}))
	}
	p.eval(`{ let n = 0; for (const w = document.createTreeWalker(document, NodeFilter.SHOW_ALL); w.nextNode();) n++; n }`, &is.nodes)
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	var text strings.Builder
	err := chromedp.Listen(ctx, func(ev any) {
		if c, ok := ev.(*heapprofiler.EventAddHeapSnapshotChunk); ok {
			text.WriteString(c.Chunk)
		}
	})
	if err != nil {
		p.Fatal(err)
	}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, heapprofiler.TakeHeapSnapshot, heapprofiler.TakeHeapSnapshotParams{})
		return err
	}))
	var s struct {
		Snapshot struct {
			Meta struct {
				NodeFields []string `json:"node_fields"`
				NodeTypes  []any    `json:"node_types"`
			}
		}
		Nodes []int
	}
	if err := json.Unmarshal([]byte(text.String()), &s); err != nil {
		p.Fatal(err)
	}
	fields := s.Snapshot.Meta.NodeFields
	typ, self := slices.Index(fields, "type"), slices.Index(fields, "self_size")
	if typ < 0 || self < 0 {
		p.Fatal("this browser writes other heap snapshots: ", fields)
	}
	types, _ := s.Snapshot.Meta.NodeTypes[typ].([]any)
	for i := 0; i+len(fields) <= len(s.Nodes); i += len(fields) {
		switch types[s.Nodes[i+typ]] {
		case "code":
		case "native":
			is.rest += s.Nodes[i+self]
		default:
			is.script += s.Nodes[i+self]
		}
	}
	return is
}

// steps scrolls the list by as many steps as there are distances, in pixels, and
// returns the longest task of the page's main thread while it did, as the browser's
// trace has it: in time of the processor, which is not that of a busy machine.
func (p *tab) steps(distances []int) time.Duration {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	type event struct {
		Name, Ph string
		Pid, Tid int
		TDur     float64
		Args     struct{ Name string }
	}
	var events []event
	done := make(chan bool, 1)
	err := chromedp.Listen(ctx, func(ev any) {
		switch ev := ev.(type) {
		case *tracing.EventDataCollected:
			for _, raw := range ev.Value {
				var e event
				if json.Unmarshal(raw, &e) == nil {
					events = append(events, e)
				}
			}
		case *tracing.EventTracingComplete:
			done <- true
		}
	})
	if err != nil {
		p.Fatal(err)
	}
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, tracing.Start, tracing.StartParams{TraceConfig: &tracing.TraceConfig{
			IncludedCategories: []string{"toplevel", "disabled-by-default-devtools.timeline", "__metadata"}, ExcludedCategories: []string{"*"},
		}})
		return err
	}))
	b, _ := json.Marshal(distances)
	p.eval(`(async () => {
		const box = document.querySelector('.rows'), frame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
		for (const d of `+string(b)+`) { box.scrollTop += d; await frame(); }
	})()`, nil)
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, tracing.End, cdp.Empty{})
		return err
	}))
	select {
	case <-done:
	case <-ctx.Done():
		p.Fatal("the browser has no trace")
	}
	main := map[[2]int]bool{}
	for _, e := range events {
		if e.Ph == "M" && e.Args.Name == "CrRendererMain" {
			main[[2]int{e.Pid, e.Tid}] = true
		}
	}
	n := 0
	longest := 0.0
	for _, e := range events {
		if e.Ph == "X" && main[[2]int{e.Pid, e.Tid}] && strings.HasSuffix(e.Name, "RunTask") {
			n++
			longest = max(longest, e.TDur)
		}
	}
	if n < len(distances) {
		p.Fatalf("the trace has %d tasks of %d events, for %d steps", n, len(events), len(distances))
	}
	if longest == 0 {
		p.Fatal("the trace does not tell the time of the processor")
	}
	return time.Duration(longest * float64(time.Microsecond))
}

// scrolled are steps of scrolling in pixels, by a wheel and by a hand that pulls; the
// last one leads to the end of the list.
var scrolled = []int{-300, -300, -300, 300, -30, -30, 30, -5000, -300, 300, -20000, -300, 20000, -1000, -1000, -1000, 1000000}

// judgeSteps scrolls in steps of every size, several times. The best one counts.
func (p *tab) judgeSteps() {
	p.Helper()
	var all []time.Duration
	for len(all) < 3 || len(all) < 10 && slices.Min(all) > longestStep {
		all = append(all, p.steps(scrolled))
	}
	p.Logf("longest tasks while scrolling: %v", all)
	if best := slices.Min(all); best > longestStep {
		p.Errorf("a step of scrolling takes %v", best)
	}
}

const (
	longestStep = 50 * time.Millisecond
	mostNodes   = 2000
	soakFor     = 10 * time.Minute
)

// judgeSize fails if the page has more nodes than it may, or its script holds a tenth
// more than it did, or the browser a fourth more of the rest: of that some are caches
// and measurements of its own.
func (p *tab) judgeSize(before size) {
	p.Helper()
	now := p.size()
	p.Logf("at %d exchanges: %+v, it was %+v", p.said(), now, before)
	if now.script > before.script+before.script/10 || now.rest > before.rest+before.rest/4 {
		p.Errorf("the page has grown from %+v to %+v", before, now)
	}
	if now.nodes > mostNodes {
		p.Errorf("the document has %d nodes", now.nodes)
	}
}

// loaded opens the page of a talkative card, and returns how large it is with
// 2,000 exchanges.
func loaded(t *testing.T) (p *tab, field *counted, before size) {
	t.Helper()
	field = talkative(t)
	p = open(t, web.Config{Source: field})
	p.view("/traffic?reader=r1")
	p.readsAll(field)
	// What the browser remembers of requests, for its inspector, is none of the page.
	p.eval(`performance.setResourceTimingBufferSize(0); performance.clearResourceTimings()`, nil)
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.Disable, cdp.Empty{})
		return err
	}))
	p.talk(field, 2000)
	p.steps(scrolled)
	return p, field, p.size()
}

// The list stays small and quick, however much is said: 10,000 exchanges. With
// DESFIRE_SOAK the page stays open for long, with far more exchanges than are kept:
// it stays as small as it was, and so does the program.
func TestSoakTraffic(t *testing.T) {
	p, field, before := loaded(t)
	p.talk(field, 10000)
	p.judgeSize(before)
	p.judgeSteps()
	if os.Getenv("DESFIRE_SOAK") == "" {
		return
	}
	const full = 40000 // exchanges: what is kept does not grow any more
	p.talk(field, full)
	at := p.size()
	memory := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	held := memory()
	for begun, n := time.Now(), full; time.Since(begun) < soakFor; n += 10000 {
		p.talk(field, n)
		p.judgeSize(at)
		p.judgeSteps()
		if now := memory(); now > held+held/4 {
			t.Errorf("the program has %d bytes, and had %d", now, held)
		}
	}
}
