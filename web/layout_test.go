package web

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/examples/layouts"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/wire"
)

// doc is the ID of a layout that the page offers.
func (x *till) doc(name string) string {
	x.Helper()
	for _, d := range x.server.plans.list() {
		if d.Name == name {
			return d.ID
		}
	}
	x.Fatalf("no layout %s", name)
	return ""
}

// layout does something with a layout, and waits for its job if it began one.
func (x *till) layout(action string, form url.Values) string {
	x.Helper()
	body := x.post(action, form)
	x.settleJob()
	return body
}

// settleJob waits until no job works with the card.
func (x *till) settleJob() {
	for _, rd := range x.readers() {
		for j := rd.look().job; j != nil; j = rd.look().job {
			<-j.ended
		}
	}
}

func (x *till) readers() []*reader {
	all, _ := x.server.hub.all()
	return all
}

func (x *till) give(name, text string) string {
	x.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f, err := w.CreateFormFile("file", name)
	if err == nil {
		_, err = f.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		x.Fatal(err)
	}
	return x.upload("/do/layout-give", &b, w.FormDataContentType())
}

// upload posts a form with files.
func (x *till) upload(path string, b *bytes.Buffer, kind string) string {
	x.Helper()
	req, err := http.NewRequestWithContext(x.Context(), "POST", x.url+path, b)
	if err != nil {
		x.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("Origin", x.url)
	req.Header.Set("X-Desfire-Token", x.token)
	resp, err := x.http.Do(req)
	if err != nil {
		x.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		x.Fatalf("%v %d %s", err, resp.StatusCode, body)
	}
	return string(body)
}

var docID = regexp.MustCompile(`name="doc" value="([0-9a-f]+)"`)

func example(t *testing.T, name string) string {
	t.Helper()
	b, err := layouts.Files.ReadFile(name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// rowForm fills the columns of a layout.
func rowForm(doc string, row map[string]string) url.Values {
	form := url.Values{"doc": {doc}}
	for k, v := range row {
		form.Set("col-"+k, v)
	}
	return form
}

// A layout is compared, made, proved, and then there is nothing to do.
func TestLayoutMade(t *testing.T) {
	x := newTill(t, wire.EV3, "empty")
	x.until("/v/card", "DESFire EV3")
	has(t, x.get("/v/layout"), "Campus card", "Transit card", "Choose a layout")
	doc := x.doc("transit")
	has(t, x.get("/v/layout?doc="+doc), "Compare with the card", `name="col-ticket"`)
	has(t, x.layout("layout-plan", rowForm(doc, nil)), "column ticket is empty")
	form := rowForm(doc, map[string]string{"ticket": "A-7"})
	x.layout("layout-plan", form)
	body := x.get("/v/layout?doc=" + doc)
	has(t, body, "Difference", "F58401 transit", "key 1 ride", "file 2 value", "made", "Change the PICC master key to AES, version 01", "exchanges", "nothing deleted", "Make the card so", x.uid())
	if used := x.bench.Holds().Used; used != 0 {
		t.Errorf("a plan has taken %d bytes", used)
	}
	x.layout("layout-apply", url.Values{"doc": {doc}})
	body = x.get("/v/layout?doc=" + doc)
	has(t, body, "The card is what the layout says.", "done")
	h := x.bench.Holds()
	i := slices.IndexFunc(h.Files, func(f play.HeldFile) bool { return f.No == 1 })
	if i < 0 || string(h.Files[i].Data) != "A-7" {
		t.Errorf("%+v", h.Files)
	}
	x.layout("layout-plan", form)
	has(t, x.get("/v/layout?doc="+doc), "nothing to do", "The card is what the layout says, as far as a plan tells")
	x.layout("layout-verify", url.Values{"doc": {doc}})
	has(t, x.get("/v/layout?doc="+doc), "It was read back, and each key was proved")
	// Another ticket is written over the first, which is lost: that asks for digits.
	form.Set("col-ticket", "B-9")
	x.layout("layout-plan", form)
	body = x.get("/v/layout?doc=" + doc)
	has(t, body, "This cannot be taken back", "what it holds now is lost", `data-confirm="`+x.uid()[10:]+`"`)
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "digits": {"0000"}}), "digits are not those")
	x.layout("layout-apply", url.Values{"doc": {doc}, "digits": {x.uid()[10:]}})
	has(t, x.get("/v/layout?doc="+doc), "The card is what the layout says.")
	if h := x.bench.Holds(); string(h.Files[i].Data) != "B-9" {
		t.Errorf("%+v", h.Files)
	}
}

// A card that loses its power in any exchange of making it ends as the layout says.
func TestLayoutPulled(t *testing.T) {
	for n, kind := 1, "before"; ; n += 11 {
		x := newTill(t, wire.EV2, "empty")
		x.until("/v/card", "DESFire EV2")
		doc := x.doc("transit")
		x.layout("layout-plan", rowForm(doc, map[string]string{"ticket": "A-7"}))
		fault := fmt.Sprintf("power-%s@every=%d,once", kind, n)
		if err := x.bench.SetFaults(fault); err != nil {
			t.Fatal(err)
		}
		x.layout("layout-apply", url.Values{"doc": {doc}})
		has(t, x.get("/v/layout?doc="+doc), "The card is what the layout says.")
		if h := x.bench.Holds(); len(h.Files) != 4 || t.Failed() {
			t.Fatalf("%s: %+v", fault, h.Files)
		}
		if !slices.ContainsFunc(x.bench.State().Log, func(h play.Happening) bool { return h.Kind == play.Fault }) {
			if n < 50 {
				t.Errorf("nothing happened in exchange %d", n)
			}
			return // it takes fewer
		}
		if kind = "after"; n%2 == 1 {
			kind = "before"
		}
	}
}

// reach waits until the job is in step n.
func (x *till) reach(n int) {
	x.Helper()
	for end := time.Now().Add(patience); x.server.layoutJobOf(x.readers()[0]).N < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			x.Fatalf("it never came to step %d", n)
		}
	}
}

// A card that is lifted is waited for, and goes on when it is back.
func TestLayoutLifted(t *testing.T) {
	x := newTill(t, wire.EV3, "empty")
	x.until("/v/card", "DESFire EV3")
	doc := x.doc("campus")
	x.layout("layout-plan", rowForm(doc, map[string]string{"card_no": "1", "name": "Ada", "library_no": "7"}))
	if err := x.bench.SetFaults("delay=1h@CreateBackupDataFile"); err != nil {
		t.Fatal(err)
	}
	x.post("layout-apply", url.Values{"doc": {doc}})
	x.reach(4)
	x.bench.Lift()
	body := x.until("/v/layout?doc="+doc, "Nothing is lost by waiting")
	has(t, body, x.uid(), "Stop here", "The card left in step", "was perhaps sent, and not answered")
	has(t, x.post("layout-plan", rowForm(doc, map[string]string{"card_no": "1", "name": "Ada", "library_no": "7"})), "works with this card since")
	if err := x.bench.SetFaults(""); err != nil {
		t.Fatal(err)
	}
	x.bench.Return()
	x.until("/v/layout?doc="+doc, "The card is what the layout says.")
	x.settleJob()
	// Stopped in the middle, the same plan goes on later.
	x = newTill(t, wire.EV3, "empty")
	x.until("/v/card", "DESFire EV3")
	x.layout("layout-plan", rowForm(doc, map[string]string{"card_no": "1", "name": "Ada", "library_no": "7"}))
	if err := x.bench.SetFaults("delay=1h@CreateBackupDataFile"); err != nil {
		t.Fatal(err)
	}
	x.post("layout-apply", url.Values{"doc": {doc}})
	x.reach(3)
	if status, body := x.do("POST", "/do/stop", "id="+x.server.layoutJobOf(x.readers()[0]).ID); status != http.StatusOK {
		t.Fatal(status, body)
	}
	x.settleJob()
	has(t, x.get("/v/layout?doc="+doc), "Stopped.", "What was done stays", "Go on")
	if err := x.bench.SetFaults(""); err != nil {
		t.Fatal(err)
	}
	x.layout("layout-apply", url.Values{"doc": {doc}})
	has(t, x.get("/v/layout?doc="+doc), "The card is what the layout says.")
}

// What anybody may have written is read and runs nothing; what is wrong is said where it
// stands.
func TestLayoutGiven(t *testing.T) {
	x := newTill(t, wire.EV3, "empty")
	good := x.give("mine.yaml", example(t, "visitor"))
	has(t, good, "Visitor badge", "no error", "Compare with the card", "mine.yaml")
	for name, c := range map[string]struct{ text, want string }{
		"a program":     {strings.Replace(example(t, "visitor"), "from: visitors-2026", `from: "exec:touch /tmp/never"`, 1), "names where a key is kept"},
		"a key":         {strings.Replace(example(t, "visitor"), "from: visitors-2026", `from: "00112233445566778899AABBCCDDEEFF"`, 1), "looks like a key"},
		"a typing slip": {strings.Replace(example(t, "visitor"), "settings:", "setings:", 1), "settings"},
		"no YAML":       {"\x00\x01{{{", "1:"},
		"nothing of it": {"desfire: layout/v9", "layout/v1"},
		"an anchor":     {"desfire: &a layout/v1", "anchor"},
		"a file":        {strings.Replace(example(t, "visitor"), `content: {template: "{{.visitor}}|{{.until}}", pad: 00}`, `content: {file: /etc/passwd}`, 1), "/etc/passwd"},
		"a script":      {"desfire: layout/v1\nname: <script>alert(1)</script>\n", "&lt;script&gt;"},
		"too long":      {strings.Repeat("#", 1<<20+5), "1048576 bytes"},
	} {
		body := x.give("<b>.yaml", c.text)
		has(t, body, c.want, "✗ error", "cannot be used yet", "&lt;b&gt;.yaml")
		hasNot(t, body, "<script>", "<b>.yaml", "AABBCCDDEEFF", "Compare with the card")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	has(t, x.post("layout-give", url.Values{"text": {" "}}), "there is no layout")
	has(t, x.post("layout-give", url.Values{"text": {example(t, "light")}}), "pasted.yaml")
	for i := range 30 {
		x.give("many.yaml", fmt.Sprintf("# %d\n%s", i, example(t, "visitor")))
	}
	if n := len(x.server.plans.given); n != mostGiven {
		t.Errorf("%d layouts are kept", n)
	}
	has(t, x.get("/v/layout?doc=0011"), "not known any more")
}

// What a layout wants and the card cannot, what is left out, and what is deleted is said
// before, and the last wants digits.
func TestLayoutPruned(t *testing.T) {
	x := newTill(t, wire.EV3, "transit")
	x.until("/v/card", "DESFire EV3")
	text := strings.NewReplacer("size: 64", "size: 96", "upper: 20000", "upper: 30000").Replace(example(t, "transit"))
	doc := docID.FindStringSubmatch(x.give("other.yaml", text))[1]
	form := rowForm(doc, map[string]string{"ticket": "1"})
	x.layout("layout-plan", form)
	body := x.get("/v/layout?doc=" + doc)
	has(t, body, "cannot be made on this card", "impossible", "Make the rest, without what is impossible")
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "digits": {x.uid()[10:]}}), "say that the rest is to be made")

	before := x.holds()
	doc = x.doc("visitor")
	form = rowForm(doc, map[string]string{"visitor": "Ada", "until": "2027"})
	form.Set("prune", "1")
	x.layout("layout-plan", form)
	body = x.get("/v/layout?doc=" + doc)
	has(t, body, "F58401", "left out")
	if x.holds() != before {
		t.Error("it was deleted")
	}
	form.Set("irreversible", "F58401")
	x.layout("layout-plan", form)
	body = x.get("/v/layout?doc=" + doc)
	has(t, body, "deleted", "This cannot be taken back", "tick each")
	digits := x.uid()[10:]
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "digits": {digits}}), "has to be ticked")
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "irreversible": {"F58401", "no-format"}, "digits": {digits}}), "has to be ticked")
	has(t, x.layout("layout-apply", url.Values{"doc": {doc}, "irreversible": {"F58401"}, "digits": {"ZZZZ"}}), "digits are not those")
	if x.holds() != before {
		t.Error("it was deleted")
	}
	has(t, x.layout("layout-plan", url.Values{"doc": {doc}, "col-visitor": {"A"}, "col-until": {"B"}, "irreversible": {"everything"}}), "names nothing that can never be undone")
	x.layout("layout-apply", url.Values{"doc": {doc}, "irreversible": {"F58401"}, "digits": {digits}})
	h := x.bench.Holds()
	if _, there := h.Value(x.purse.Place, x.purse.File); there {
		t.Errorf("the purse is still there: %s", x.get("/v/layout?doc="+doc))
	}
}

// A plan that holds no more says what moved, and does nothing.
func TestLayoutStale(t *testing.T) {
	x := newTill(t, wire.EV3, "empty")
	x.until("/v/card", "DESFire EV3")
	doc, other := x.doc("transit"), x.doc("visitor")
	x.layout("layout-plan", rowForm(doc, map[string]string{"ticket": "1"}))
	x.layout("layout-plan", rowForm(other, map[string]string{"visitor": "Ada", "until": "2027"}))
	x.layout("layout-apply", url.Values{"doc": {other}})
	has(t, x.get("/v/layout?doc="+other), "The card is what the layout says.")
	x.layout("layout-apply", url.Values{"doc": {doc}})
	has(t, x.get("/v/layout?doc="+doc), "This plan holds no more.", "the structure of the card has changed since it was made")
	status, file := x.do("GET", "/v/layout-file?doc="+doc, "")
	if status != http.StatusOK || !strings.Contains(file, `"desfire": "plan/v1"`) {
		t.Errorf("%d %s", status, file)
	}
}
