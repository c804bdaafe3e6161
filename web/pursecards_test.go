package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// gate is a page with the purse of a terminal, and a card of it on a reader.
type gate struct {
	*till
	card  *sim.Card
	field *simreader.Reader
}

// newGate is a gate whose purse reckons with a relay, and writes receipts into a slot.
func newGate(t *testing.T) *gate {
	t.Helper()
	ctx := t.Context()
	uid := []byte{4, 0x11, 2, 3, 4, 0xCA, 0x4D}
	picc, err := sim.New(&sim.Config{Generation: wire.EV3, UID: uid})
	if err != nil {
		t.Fatal(err)
	}
	card, err := desfire.Connect(ctx, picc.Present(), nil)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	mover, err := key.NewAES([]byte("0123456789abcdef"), 7)
	must(err)
	app := wire.Place{AID: 0xF48121}
	access := wire.AccessRights{Read: 1, Write: 1, ReadWrite: 1, Change: 0}
	must(card.CreateApplication(ctx, &wire.CreateApplication{AID: app.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyAES, 2)}))
	must(card.SelectApplication(ctx, app.AID))
	must(card.Authenticate(ctx, 0, key.Zero(key.TypeAES)))
	must(card.ChangeKey(ctx, 1, mover, key.Zero(key.TypeAES)))
	must(card.CreateFile(ctx, &wire.CreateValueFile{File: 1, Option: wire.OptionFull, Access: access, Upper: 100000, Value: 24750}))
	must(card.CreateFile(ctx, &wire.CreateBackupDataFile{File: 2, Option: wire.OptionFull, Access: access, Size: 64}))
	file := func(no wire.FileNo) purse.File {
		fs, err := card.FileSettings(ctx, no)
		must(err)
		return purse.File{No: no, Settings: fs.Clone()}
	}
	conf := purse.Config{Place: app, Generation: wire.EV3, KeyNo: 1, Policy: purse.Hostile, Terminal: "gate 3", Values: []purse.File{file(1)}, Slot: &purse.Slot{File: file(2), Number: 1}}
	field := simreader.New("gate", picc)
	field.Relay = &sim.Relay{}
	keys := keystore.Map{{Place: app, Key: keystore.Number(1)}: {Key: mover, Source: "test"}}
	journal := purse.Memory(nil)
	x := &till{client: open(t, Config{Source: field, Keys: keys, Journal: journal, Purse: &conf}), file: "F48121/1", purse: &play.Purse{Place: app, File: 1}}
	return &gate{x, picc, field}
}

func (g *gate) holds() int32 {
	for _, f := range g.card.Image().Applications[0].Files {
		if f.No == 1 {
			return f.Value.Value
		}
	}
	return -1
}

func (g *gate) debit(amount, id string) string {
	g.Helper()
	g.ready()
	g.settleJob()
	return g.finish(g.post("purse-change", url.Values{"kind": {"debit"}, "amount": {amount}, "request": {id}, "uid": {"0411020304CA4D"}}))
}

// tear takes the card away in its next commit, after it has happened or before.
func (g *gate) tear(after bool) {
	g.field.Relay.Meet = func(_ context.Context, x *sim.Exchange) ([]byte, error) {
		if x.INS != wire.InsCommitTransaction {
			return x.Pass()
		}
		if after {
			_, _ = x.Pass()
		}
		g.field.Lift()
		return nil, errors.New("the field was lost")
	}
}

func (g *gate) back() {
	g.Helper()
	g.field.Relay.Meet = nil
	if err := g.field.Return(); err != nil {
		g.Fatal(err)
	}
}

// A purse that reckons with a relay says that something happened from a look, and that it
// did not only after it has made sure.
func TestPurseOfATerminal(t *testing.T) {
	for _, after := range []bool{true, false} {
		g := newGate(t)
		body := g.ready()
		has(t, body, "24 750", "0411020304CA4D", "What this purse can prove", "Policy hostile")
		g.tear(after)
		has(t, g.debit("250", "a"), "It may or may not have happened.", "Lay 0411020304CA4D on the reader")
		g.back()
		body = g.until("/v/purse", map[bool]string{true: "Settle as", false: "does not decide it"}[after])
		want := int32(24750)
		if after {
			want = 24500
			has(t, body, "Settle as happened", "Rule 8", "It holds also against somebody who forges answers")
		} else {
			has(t, body, "Find out and settle", "What was read does not decide it", "a session that makes sure that nothing is pending")
		}
		list := g.all()
		body = g.finish(g.post("purse-settle", url.Values{"entry": {list[0].ID.String()}}))
		has(t, body, map[bool]string{true: "It happened.", false: "It did not happen."}[after], "holds also against somebody who forges answers")
		if g.holds() != want {
			t.Errorf("the card holds %d, want %d", g.holds(), want)
		}
		// The report of the journal goes to the centre, and comes back as evidence.
		status, report := g.do("GET", "/v/purse-report", "")
		r, err := purse.ParseReport([]byte(report))
		if status != http.StatusOK || err != nil || r.Terminal != "gate 3" || len(r.Entries) != 1 {
			t.Errorf("%d %v %s", status, err, report)
		}
		has(t, g.reconcile(report), "gate 3 (1 entry)", "nothing is open")
		status, receipt := g.do("GET", "/v/purse-receipt?entry="+list[0].ID.String(), "")
		if r, err := purse.ParseReport([]byte(receipt)); status != http.StatusOK || err != nil || len(r.Entries) != 1 || strings.Contains(receipt, "0123456789abcdef") {
			t.Errorf("%d %v %s", status, err, receipt)
		}
	}
}

func (g *gate) all() (list []purse.Entry) {
	g.Helper()
	for e, err := range g.server.ledgers.cards.Entries(g.Context()) {
		if err != nil {
			g.Fatal(err)
		}
		list = append(list, *e)
	}
	return list
}

// reconcile gives a report to the page.
func (g *gate) reconcile(report string) string {
	g.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("reports", "gate.json")
	if err == nil {
		_, err = f.Write([]byte(report))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		g.Fatal(err)
	}
	return g.upload("/do/purse-reconcile", &b, w.FormDataContentType())
}

// Reports that are none, or contradict, are said to be.
func TestPurseReports(t *testing.T) {
	g := newGate(t)
	g.debit("250", "a")
	_, report := g.do("GET", "/v/purse-report", "")
	has(t, g.reconcile("<script>"), "a report of a purse", "desfire purse journal --report")
	has(t, g.reconcile(strings.Replace(report, `"amount": 250`, `"amount": 999`, 1)), "contradictions", "was reported with two contents")
	has(t, g.reconcile(strings.Replace(report, `"terminal": "gate 3"`, `"terminal": "<b>x</b>"`, 1)), "&lt;b&gt;x&lt;/b&gt;")
	var r purse.Report
	if err := json.Unmarshal([]byte(report), &r); err != nil {
		t.Fatal(err)
	}
}

// A card of another history is blocked, and is used again with a reason and its digits.
func TestPurseBlocked(t *testing.T) {
	g := newGate(t)
	g.debit("250", "a")
	g.ready()
	g.settleJob()
	list := g.all()
	card := list[0].CardApp
	state, err := g.server.ledgers.cards.State(t.Context(), card)
	if err != nil {
		t.Fatal(err)
	}
	state.Blocked = "another terminal <b>uses</b> the slot"
	if err := g.server.ledgers.cards.Keep(t.Context(), state); err != nil {
		t.Fatal(err)
	}
	body := g.get("/v/purse")
	has(t, body, "is blocked: nothing more is debited from it", "&lt;b&gt;uses&lt;/b&gt;", "Nothing is taken from a card that is blocked")
	has(t, g.finish(g.post("purse-change", url.Values{"kind": {"debit"}, "amount": {"5"}, "request": {"b"}, "uid": {card.UID}})), "is blocked")
	for _, c := range [][3]string{{"0000", "why", "digits are not those"}, {"CA4D", " ", "a reason is missing"}} {
		has(t, g.post("purse-unblock", url.Values{"uid": {card.UID}, "app": {card.App}, "digits": {c[0]}, "reason": {c[1]}}), c[2])
	}
	if state, err = g.server.ledgers.cards.State(t.Context(), card); err != nil || state.Blocked == "" {
		t.Fatal("it is used again", err)
	}
	hasNot(t, g.post("purse-unblock", url.Values{"uid": {card.UID}, "app": {card.App}, "digits": {"ca4d"}, "reason": {"restored"}}), "is blocked: nothing more")
	has(t, g.debit("5", "c"), "It happened.")
	if g.holds() != 24750-255 {
		t.Error(g.holds())
	}
	if _, err := g.server.openEntries(t.Context(), nil); err != nil {
		t.Error(err)
	}
}
