package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// saved is a file that the result of a job offers.
func (d *doing) saved(body, as string) string {
	d.Helper()
	status, b := d.do("GET", "/v/do-save?id="+doJobID.FindStringSubmatch(body)[1]+"&as="+as, "")
	if status != http.StatusOK {
		d.Fatalf("%d %s", status, b)
	}
	return b
}

// A dump of a card makes another one what it says, though that leaves in the middle.
func TestDoDumpsAndRestores(t *testing.T) {
	from := openDo(t, doKeys(-1, 0, 1, 3))
	from.says(from.yes(from.upload("write", nil, "app", "F48121", "file", "1", "as", "text", "content", "00284711|member"), ""), "written")
	body := from.act("dump")
	from.says(body, "1 application, 5 files", "Save the dump")
	dumped := from.saved(body, "json")
	if strings.Contains(strings.ToUpper(dumped), strings.Repeat("02", 16)) {
		t.Error("a key is in the dump")
	}
	for k := 1; k < 200; k += 23 {
		picc, err := sim.New(&sim.Config{Generation: wire.EV2})
		must(t, err)
		d := besideDo(t, picc, Config{})
		plan := d.upload("restore", []byte(dumped))
		d.says(plan, "What would be done", "Create application F48121", "goes on by itself", "&lt;b&gt;evil.json")
		if n := len(picc.Image().Applications); n != 0 || strings.Contains(plan, "<b>") {
			t.Fatalf("%d applications before anybody said yes; %s", n, plan)
		}
		d.idle()
		n, gone := d.pullAt(k)
		action, pairs := d.ask(plan, "")
		_, begun := d.do("POST", "/do/"+action, doForm(pairs...))
		j := d.server.jobs.find(doJobID.FindStringSubmatch(begun)[1])
		select {
		case <-gone:
			d.until("/v/job?id="+j.id, "Put the same card back")
			must(t, d.field.Return())
		case <-j.ended:
		}
		<-j.ended
		d.air.set(nil)
		body := d.get("/v/job?id=" + j.id)
		d.says(body, "Restored, read back, and found as")
		if got := d.holds(1, 32)[:15]; got != "00284711|member" {
			t.Errorf("pulled at %d: %q: %s", k, got, body)
		}
		if v := d.file(2).Value.Value; v != 0 {
			t.Errorf("a value was restored that nobody asked for: %d", v)
		}
		d.idle()
		d.says(d.upload("restore", []byte(dumped)), "there is nothing to do")
		d.leave()
		if *n < k {
			break
		}
	}
}

// What cannot be restored is said, and what cannot be a dump does no harm.
func TestDoRestoreRefuses(t *testing.T) {
	from := openDo(t, doKeys(-1, 0, 1))
	var card map[string]any
	must(t, json.Unmarshal([]byte(from.saved(from.act("dump"), "json")), &card))
	dumped, err := json.Marshal(card)
	must(t, err)
	picc, err := sim.New(&sim.Config{Generation: wire.EV2})
	must(t, err)
	d := besideDo(t, picc, Config{})
	for name, file := range map[string][]byte{
		"no dump": []byte("hello"), "markup": []byte("<script>alert(1)</script>"), "empty": {}, "cut": dumped[:len(dumped)/2], "nothing": []byte("{}"), "deep": []byte(strings.Repeat("[", 100000)),
	} {
		body := d.upload("restore", file)
		if askID.MatchString(body) || strings.Contains(body, "<script>") || !strings.Contains(body, `class="note`) {
			t.Errorf("%s: %s", name, body)
		}
	}
	d.says(d.upload("restore", nil), "no dump was chosen")
	// A card of another generation is told apart before anything is done.
	old, err := sim.New(&sim.Config{Generation: wire.D40})
	must(t, err)
	d = besideDo(t, old, Config{})
	body := d.upload("restore", dumped)
	d.says(body, "cannot be restored on this card")
	if n := len(old.Image().Applications); n != 0 {
		t.Errorf("%d applications", n)
	}
}

// More than fits any card is refused with words, and the page goes on.
func TestDoOversize(t *testing.T) {
	d := openDo(t, doKeys(0, 1, 3))
	d.says(d.upload("restore", bytes.Repeat([]byte(" "), mostBody+1)), "more than 16 MiB")
	d.says(d.upload("write", bytes.Repeat([]byte("x"), 33), "app", "F48121", "file", "0", "as", "file"), "33 bytes do not fit: the file has 32 bytes")
	d.says(d.upload("write", nil, "app", "F48121", "file", "2", "as", "text", "content", "x"), "no way to")
	for _, bad := range [][]string{{"app", "nonsense"}, {"app", "F48121", "file", "32"}, {"app", "F48121", "file", "-1"}, {"app", "F48121"}, {"app", "F48121", "file", "0", "key", "14"}, {"app", "F48121", "file", "0", "length", "1e9"}} {
		body := d.act("read", bad...)
		if doJobID.MatchString(body) || !strings.Contains(body, `class="note`) {
			t.Errorf("%v: %s", bad, body)
		}
	}
	d.says(d.act("read", "app", "000042", "file", "0"), "APPLICATION_NOT_FOUND")
}

// A report that is given away does not tell which card it is of.
func TestDoReports(t *testing.T) {
	d := openDo(t, doKeys(-1, 0, 1, 3))
	d.says(d.yes(d.upload("write", nil, "app", "F48121", "file", "1", "as", "text", "content", "Grace Hopper"), ""), "written")
	whole := d.act("report")
	d.says(whole, "1 application, 5 files", "Save as a page", "Save as JSON")
	for as, has := range map[string]string{"html": "Grace Hopper", "json": d.uid} {
		if b := d.saved(whole, as); !strings.Contains(b, has) {
			t.Errorf("%s lacks %q", as, has)
		}
	}
	away := d.act("report", "redact", "1")
	d.says(away, "Left out", "the UID")
	for _, as := range []string{"html", "json"} {
		b := d.saved(away, as)
		for _, secret := range []string{"Grace Hopper", d.uid, "24500"} {
			if strings.Contains(b, secret) {
				t.Errorf("%s has %q", as, secret)
			}
		}
	}
}

// Each step of a test is shown, and nothing on the card changes.
func TestDoTests(t *testing.T) {
	d := openDo(t, doKeys(0))
	before := string(d.picc.Image().Encode())
	body := d.act("selftest", "mask", "1")
	d.says(body, "The card does what is known of its generation", "identify.version", "The card was left as it was found")
	if report := d.saved(body, ""); strings.Contains(report, d.uid) || !strings.Contains(report, `"masked"`) {
		t.Errorf("the report tells the identifier: %.300s", report)
	}
	if string(d.picc.Image().Encode()) != before {
		t.Error("the card was changed")
	}
}

// A key that is missing or refused is explained: which was wanted, which are there, why it
// may be so.
func TestDoExplainsKeys(t *testing.T) {
	d := openDo(t, doKeys(0, 2))
	body := d.act("read", "app", "F48121", "file", "0")
	d.says(body, "A key is missing", "Wanted", "key 1 or key 3 of F48121", "key 1 has version 02", "key 2, AES, version 03")
	panel := d.get("/v/do?app=F48121&file=0")
	d.says(panel, "Asks for key 1 or key 3, which the keyring does not have for this card.", "The file has 32 bytes.")
	// The wrong key with the right version is refused, once, and the card says why.
	wrong := doKeys(0)
	wrong[keystore.Ref{Place: doApp, Key: keystore.Number(1)}] = keystore.Given{Key: doKey(0).WithVersion(2), Source: "wrong"}
	d = besideDo(t, doCardMade(t), Config{Keys: wrong})
	d.air.set(nil)
	body = d.act("read", "app", "F48121", "file", "0")
	d.says(body, "The card refused key 1 of F48121", "It was not tried again", "<meter", "The key is another one")
	// An old version is not even tried.
	wrong = maps.Clone(wrong) // the other program still asks for its keys
	wrong[keystore.Ref{Place: doApp, Key: keystore.Number(1)}] = keystore.Given{Key: doKey(1).WithVersion(1), Source: "old"}
	d = besideDo(t, doCardMade(t), Config{Keys: wrong})
	d.says(d.act("read", "app", "F48121", "file", "0"), "The key at hand is not the card's", "key 1 of F48121: AES, version 02", "AES, version 01")
	// Where several keys would do, one can be chosen, and only one that may.
	d = openDo(t, doKeys(0, 1, 3))
	d.says(d.get("/v/do?app=F48121&file=0"), `<option value="1">`, `<option value="3">`, "the first that fits")
	d.says(d.act("read", "app", "F48121", "file", "0", "key", "3"), "Read with key 3")
	d.says(d.act("read", "app", "F48121", "file", "0", "key", "0"), "key 0 may not", "is read with key 1 or key 3")
	for _, k := range []int{0, 1, 3} {
		if strings.Contains(strings.ToUpper(d.get("/v/do?app=F48121&file=0")), strings.Repeat("0"+string(rune('1'+k)), 16)) {
			t.Errorf("key %d is on the page", k)
		}
	}
}

// A linear file that is full takes no more, and says what to do.
func TestDoFull(t *testing.T) {
	d := openDo(t, doKeys(0, 1))
	for i := range 3 {
		body := d.upload("write", nil, "app", "F48121", "file", "3", "as", "text", "content", strings.Repeat("x", i+1))
		d.says(d.yes(body, ""), "A record of")
	}
	d.says(d.upload("write", nil, "app", "F48121", "file", "3", "as", "text", "content", "next"), "The file is full: the oldest record goes")
}
