package web

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// till is a page with a card on the bench that has a purse.
type till struct {
	*client
	bench *play.Bench
	purse *play.Purse
	file  string
}

func newTill(t *testing.T, g wire.Generation, content string) *till {
	t.Helper()
	bench, err := play.New(&play.Config{First: &play.Recipe{Generation: g, Content: content}})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := play.Find(content)
	x := &till{client: open(t, Config{Play: bench}), bench: bench, purse: c.Purse}
	if c.Purse != nil {
		x.file = fmt.Sprintf("%v/%d", c.Purse.Place, c.Purse.File)
	}
	return x
}

// holds is the value that the card holds, as the simulator knows.
func (x *till) holds() int32 {
	x.Helper()
	h := x.bench.Holds()
	v, ok := h.Value(x.purse.Place, x.purse.File)
	if !ok {
		x.Fatal("no value file")
	}
	return v
}

func (x *till) uid() string { return fmt.Sprintf("%X", x.bench.State().Card.UID) }

// post does something, and returns the view.
func (x *till) post(name string, form url.Values) string {
	x.Helper()
	if form.Get("file") == "" {
		form.Set("file", x.file)
	}
	if m := x.server.plans.of(x.readers()[0], x.server.plans.find(form.Get("doc"))); m != nil && form.Get("plan") == "" {
		form.Set("plan", m.id)
	}
	status, body := x.do("POST", "/do/"+name, form.Encode())
	if status != 200 {
		x.Fatalf("%s: %d %s", name, status, body)
	}
	return body
}

// ready waits until the value is shown.
func (x *till) ready() string {
	x.Helper()
	return x.until("/v/purse", `class="big"`)
}

func (x *till) change(kind, amount, id string) string {
	x.Helper()
	x.ready()
	return x.finish(x.post("purse-change", url.Values{"kind": {kind}, "amount": {amount}, "request": {id}, "uid": {x.uid()}}))
}

var jobID = regexp.MustCompile(`data-job="(j\d+)"`)

// finish waits for the end of the job in a view, and returns its fragment.
func (x *till) finish(body string) string {
	x.Helper()
	id := jobID.FindStringSubmatch(body)
	if id == nil {
		x.Fatalf("no job in %s", body)
	}
	return x.wait(id[1])
}

func (x *till) wait(id string) string {
	x.Helper()
	j := x.server.jobs.find(id)
	if j == nil {
		x.Fatalf("no job %s", id)
	}
	<-j.ended
	return x.get("/v/purse-job?id=" + id)
}

func (x *till) entries() (list []purse.Entry) {
	x.Helper()
	for e, err := range x.server.ledgers.play.Entries(x.Context()) {
		if err != nil {
			x.Fatal(err)
		}
		list = append(list, *e)
	}
	return list
}

// pointer is one that was printed instead of a number.
var pointer = regexp.MustCompile(`0 ?x[0-9a-f]{1,3} ?[0-9a-f]{3} ?[0-9a-f]{3}`)

func has(t *testing.T, body string, words ...string) {
	t.Helper()
	flat := strings.Join(strings.Fields(body), " ")
	if pointer.MatchString(flat) {
		t.Errorf("an address stands in %s", flat)
	}
	for _, w := range words {
		if !strings.Contains(flat, w) {
			t.Errorf("%q is missing in %.900s", w, flat)
		}
	}
}

func hasNot(t *testing.T, body string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(body, w) {
			t.Errorf("%q is in %.900s", w, body)
		}
	}
}

// A debit whose answer was lost is in doubt, is shown with its evidence, and is settled
// by it: as the simulator knows that it is.
func TestTornDebit(t *testing.T) {
	for _, when := range []play.Tear{play.TearBefore, play.TearAfter} {
		t.Run(string(when), func(t *testing.T) {
			x := newTill(t, wire.EV3, "transit")
			before := x.holds()
			if err := x.bench.Tear(when); err != nil {
				t.Fatal(err)
			}
			has(t, x.change("debit", "250", "a"), "It may or may not have happened.")
			e := x.entries()
			if len(e) != 1 || !e[0].IsOpen() {
				t.Fatalf("%+v", e)
			}
			has(t, x.until("/v/purse", "No card lies on the simulated reader"), "in doubt", "waits for its card")
			x.bench.Return()
			body := x.until("/v/purse", "Settle as")
			if when == play.TearAfter {
				has(t, body, "It happened.</b> Rule 2", "Settle as happened", "covers exactly this change", "− 250")
			} else {
				has(t, body, "It did not happen.</b>", "Settle as not happened", "no transaction was committed since")
			}
			has(t, body, "No new change while an entry of this card is open", "In doubt", `<span class="big">5000</span>`, `<span class="big doubt">− 250</span>`, fmt.Sprintf(`On the card now</p><span class="lead">%d</span>`, x.holds()))
			if len(x.entries()[0].Outcomes) > 0 {
				t.Error("looking has written an outcome")
			}
			done := x.finish(x.post("purse-settle", url.Values{"entry": {e[0].ID.String()}}))
			want, sentence := before, "It did not happen."
			if when == play.TearAfter {
				want, sentence = before-250, "It happened."
			}
			has(t, done, sentence)
			if x.holds() != want || x.entries()[0].IsOpen() {
				t.Errorf("the card holds %d, want %d; %+v", x.holds(), want, x.entries()[0].Outcome())
			}
			// The same id again is made once.
			after := x.change("debit", "250", "a")
			if x.holds() != before-250 {
				t.Errorf("the card holds %d, not %d: %s", x.holds(), before-250, after)
			}
			if when == play.TearAfter {
				has(t, after, "nothing was done now")
			}
			has(t, x.change("debit", "251", "a"), "a new change needs a new ID")
		})
	}
}

// What cannot be is refused before a card hears of it.
func TestChangeRefused(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	x.ready()
	before := x.holds()
	for _, c := range []struct{ kind, amount, id, uid, want string }{
		{"debit", "0", "a", x.uid(), "no amount"},
		{"debit", "-5", "a", x.uid(), "no amount"},
		{"debit", "2147483648", "a", x.uid(), "no amount"},
		{"debit", "x", "a", x.uid(), "no amount"},
		{"debit", "5", "", x.uid(), "has no id"},
		{"debit", "5", "a", "", "not known which card"},
		{"format", "5", "a", x.uid(), "is no change"},
	} {
		has(t, x.post("purse-change", url.Values{"kind": {c.kind}, "amount": {c.amount}, "request": {c.id}, "uid": {c.uid}}), c.want)
	}
	has(t, x.finish(x.post("purse-change", url.Values{"kind": {"debit"}, "amount": {"5"}, "request": {"a"}, "uid": {"04000000000000"}})), "nothing was done")
	has(t, x.change("debit", "1 000 000", "b"), "may not go below")
	has(t, x.finish(x.post("purse-change", url.Values{"kind": {"debit"}, "amount": {"5"}, "request": {strings.Repeat("é", 33)}, "uid": {x.uid()}})), "64 at most")
	if x.holds() != before || len(x.entries()) != 0 {
		t.Errorf("the card holds %d, the journal %d", x.holds(), len(x.entries()))
	}
}

// A person decides with a reason and the digits of the card, and not without.
func TestDecideByWord(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	x.ready()
	if err := x.bench.Tear(play.TearBefore); err != nil {
		t.Fatal(err)
	}
	x.change("debit", "250", "a")
	id := x.entries()[0].ID.String()
	digits := x.uid()[10:]
	for _, c := range []struct{ entry, as, reason, digits, want string }{
		{id, "happened", "gate 3 opened", "0000", "digits are not those"},
		{id, "happened", "gate 3 opened", "", "digits are not those"},
		{id, "happened", " ", digits, "a reason is missing"},
		{id, "maybe", "gate 3 opened", digits, "say what became of it"},
		{"00", "happened", "gate 3 opened", digits, "names no entry"},
	} {
		has(t, x.post("purse-decide", url.Values{"entry": {c.entry}, "as": {c.as}, "reason": {c.reason}, "digits": {c.digits}}), c.want)
	}
	if !x.entries()[0].IsOpen() {
		t.Fatal("it was decided")
	}
	has(t, x.post("purse-decide", url.Values{"entry": {id}, "as": {"not"}, "reason": {"<b>gate</b>"}, "digits": {strings.ToLower(digits)}}), "It did not happen.", "&lt;b&gt;gate&lt;/b&gt;", "a person’s word")
	e := x.entries()[0]
	if o := e.Outcome(); o == nil || o.Rule != purse.RuleOperator || o.Decision != purse.DidNot {
		t.Errorf("%+v", o)
	}
	has(t, x.post("purse-decide", url.Values{"entry": {id}, "as": {"happened"}, "reason": {"again"}, "digits": {digits}}), "is decided already")
}

// A purse without receipts asks what others do, and goes by it.
func TestPurseTerms(t *testing.T) {
	x := newTill(t, wire.EV1, "campus")
	body := x.ready()
	has(t, body, "Say below what others do with it", "25 000</span>", "No transaction MAC file")
	has(t, x.change("debit", "5", "a"), "say first what others do")
	has(t, x.post("purse-terms", url.Values{"others": {"x"}}), "choose one of the lines")
	x.post("purse-terms", url.Values{"others": {"nobody"}})
	x.until("/v/purse", "by the value alone")
	before := x.holds()
	if err := x.bench.Tear(play.TearAfter); err != nil {
		t.Fatal(err)
	}
	x.change("debit", "5", "a")
	x.bench.Return()
	has(t, x.until("/v/purse", "Settle as"), "Rule 9", "nobody else moves it")
	has(t, x.finish(x.post("purse-settle", url.Values{"entry": {x.entries()[0].ID.String()}})), "It happened.")
	if x.holds() != before-5 {
		t.Error(x.holds())
	}
	// With a receipt in a part of the backup file.
	x.ready()
	x.post("purse-terms", url.Values{"others": {"slot"}, "slot-file": {"2"}, "slot": {"1"}})
	if err := x.bench.Tear(play.TearAfter); err != nil {
		t.Fatal(err)
	}
	x.change("debit", "7", "b")
	x.bench.Return()
	has(t, x.until("/v/purse", "Settle as"), "Slot 1 of file 2", "Rule 8")
	has(t, x.finish(x.post("purse-settle", url.Values{"entry": {x.entries()[1].ID.String()}})), "It happened.", "Rule 8")
	if x.holds() != before-12 {
		t.Error(x.holds())
	}
	has(t, x.post("purse-settle", url.Values{"entry": {x.entries()[1].ID.String()}}), "decided already")
}

// Cards of every kind show their value, or why not.
func TestPurseOfEveryCard(t *testing.T) {
	for _, c := range []struct {
		g       wire.Generation
		content string
		want    string
	}{
		{wire.Light, "light", `class="big"`},
		{wire.EV2, "delegated", `class="big"`},
		{wire.D40, "visitor", "No value file on this card"},
		{wire.EV2, "empty", "No value file on this card"},
		{wire.NTAG424, "sun-ntag424", "No value file on this card"},
	} {
		x := newTill(t, c.g, c.content)
		body := x.until("/v/purse", c.want)
		hasNot(t, body, "It was not done", "could not be read")
	}
}

// The journal is shown in pages, the newest first, and found in.
func TestJournalPages(t *testing.T) {
	ctx := context.Background()
	j := purse.Memory(nil)
	var last purse.ID
	for i := range 3000 {
		id, err := j.NewID(ctx)
		if err != nil {
			t.Fatal(err)
		}
		e := &purse.Entry{ID: id, Request: fmt.Sprintf("ticket-%d", i), Attempt: 1, Policy: purse.Accidents, CardApp: purse.CardApp{UID: fmt.Sprintf("04%012X", i), App: "F58401"}, Moves: []purse.Move{{File: 2, Kind: purse.Debit, Amount: 250}}, Values: []purse.ValueBefore{{File: 2, Value: 1000}}}
		if err := j.Begin(ctx, e); err != nil {
			t.Fatal(err)
		}
		if i%10 > 0 {
			if err := j.End(ctx, id, purse.Outcome{Decision: purse.Happened, Rule: purse.RuleCommit}, nil); err != nil {
				t.Fatal(err)
			}
		}
		last = id
	}
	c := open(t, Config{Journal: j})
	body := c.get("/v/purse?of=cards")
	has(t, body, "3000 entries, 300 open", "1 of 120", "…3000")
	if n := strings.Count(body, "<tr"); n > 40 || len(body) > 80_000 {
		t.Errorf("%d rows, %d bytes", n, len(body))
	}
	has(t, c.get("/v/purse?of=cards&page=120"), "…0001", "120 of 120")
	has(t, c.get("/v/purse?of=cards&page=999999"), "…0001", "120 of 120")
	has(t, c.get("/v/purse?of=cards&page=-5&open=1"), "…2991", "1 of 12")
	has(t, c.get("/v/purse?of=cards&find=ticket-2999"), "…3000")
	has(t, c.get("/v/purse?of=cards&find="+last.String()), "…3000")
	has(t, c.get("/v/purse?of=cards&find=0400000000000A"), "…0011")
	has(t, c.get("/v/purse?of=cards&find=%3Cscript%3E"), "No entry is like that", "&lt;script&gt;")
	if status, body := c.do("GET", "/v/purse?of=cards&entry=zz", ""); status != 200 || !strings.Contains(body, "names no entry") {
		t.Errorf("%d %s", status, body)
	}
	open, err := c.server.openEntries(ctx, nil)
	if err != nil || len(open) != 300 {
		t.Errorf("%v, %d open", err, len(open))
	}
	open, err = c.server.openEntries(ctx, []byte{4, 0, 0, 0, 0, 0, 10})
	if err != nil || len(open) != 1 {
		t.Errorf("%v, %+v", err, open)
	}
	// What is begun and ended later is seen as well.
	if err := c.server.ledgers.cards.End(ctx, open[0].ID, purse.Outcome{Decision: purse.DidNot, Rule: purse.RuleOperator}, nil); err != nil {
		t.Fatal(err)
	}
	has(t, c.get("/v/purse?of=cards"), "299 open")
	has(t, c.get("/v/purse"), "0 entries")
}
