package web

import (
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/wire"
)

// Answers that somebody changed are not believed, and what is said of the money is what the
// card did.
func TestPurseForged(t *testing.T) {
	for _, fault := range []string{
		"flip@C7,once", "forge=9100:unseen@C7,once", "forge=919D@C7,once", "forge=9100@DC,once", "forge=910C:unseen@C7,once",
		"lose-answer@C7,once", "cut-answer@C7,once", "repeat:unseen@C7,once", "forge=9100:unseen@DC,once", "flip@C8,once",
	} {
		x := newTill(t, wire.EV3, "transit")
		x.ready()
		x.settleJob()
		before := x.holds()
		if err := x.bench.SetFaults(fault); err != nil {
			t.Fatal(err)
		}
		body := x.change("debit", "250", "a")
		if err := x.bench.SetFaults(""); err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(x.bench.State().Log, func(h play.Happening) bool { return h.Kind == play.Fault }) {
			t.Errorf("%s: nothing happened", fault)
		}
		said := map[bool]int32{true: before - 250, false: before}[strings.Contains(body, "It happened.")]
		if open, _ := x.server.openEntries(x.Context(), nil); len(open) > 0 {
			x.settleJob()
			x.until("/v/purse", "settle")
			body = x.finish(x.post("purse-settle", url.Values{"entry": {open[0].ID.String()}}))
			said = map[bool]int32{true: before - 250, false: before}[strings.Contains(body, "It happened.")]
		}
		if x.holds() != said {
			t.Errorf("%s: the card holds %d, and the page says %d: %s", fault, x.holds(), said, body)
		}
	}
	x := newTill(t, wire.EV3, "transit")
	x.ready()
	x.settleJob()
	if err := x.bench.SetFaults("flip:bits=9@6C"); err != nil {
		t.Fatal(err)
	}
	x.post("purse-again", url.Values{})
	body := x.until("/v/purse", "Read again")
	has(t, body, "cannot be trusted", "not shown and not used")
	hasNot(t, body, `class="big"`)
}

// Two pages that make the same change at once make it once, and each says what became of it.
func TestPurseTwoPages(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	x.ready()
	before := x.holds()
	var group sync.WaitGroup
	for range 6 {
		group.Go(func() {
			form := url.Values{"kind": {"debit"}, "amount": {"250"}, "request": {"one"}, "uid": {x.uid()}, "file": {x.file}}
			if status, body := x.do("POST", "/do/purse-change", form.Encode()); status != 200 {
				t.Error(status, body)
			}
		})
	}
	group.Wait()
	x.settleJob()
	x.change("debit", "250", "one")
	if x.holds() != before-250 || len(x.entries()) != 1 {
		t.Errorf("the card holds %d, the journal %d entries", x.holds(), len(x.entries()))
	}
}

// Two pages that look at two values of one card do not stop each other, and wait for nobody
// else's reading either.
func TestPurseLooks(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	x.ready()
	rd := x.server.benchReader()
	st := rd.look().stay
	found, _ := valueFiles(st.card)
	if len(found) == 0 {
		t.Fatal("no value file")
	}
	if err := x.bench.SetFaults("delay=3s@GetValue,once"); err != nil { // it is looked at meanwhile
		t.Fatal(err)
	}
	x.post("purse-again", url.Values{})
	first := x.server.lookInPurse(rd, st, found[0])
	j := rd.look().job
	if j == nil {
		t.Fatal("nothing reads")
	}
	other := found[0]
	other.No++
	x.server.lookInPurse(rd, st, other)
	<-j.ended
	if v := j.view(); v.State != jobDone {
		t.Errorf("the first look is %s: %v", v.State, v.Err)
	}
	x.until("/v/purse", `class="big"`)
	x.server.money.mu.Lock()
	defer x.server.money.mu.Unlock()
	if first.view == nil || first.err != nil {
		t.Errorf("it found %v, %v", first.view, first.err)
	}
}
