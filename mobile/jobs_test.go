package mobile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestJobs runs every job on both kinds of phones, and compares what it says with the schema of the tool.
func TestJobs(t *testing.T) {
	for _, p := range phones {
		t.Run(p.name, func(t *testing.T) { testJobs(t, p) })
	}
}

func testJobs(t *testing.T, p maker) {
	picc := newPurseCard(t)
	layout := purseLayout(t, picc)
	conf := NewConfig()
	conf.Folder = t.TempDir()
	conf.ReaderID = "000102030405060708090A0B0C0D0E0F"
	card, err := p.open(tap(t, picc), conf)
	must(t, err)
	defer card.Close()
	keys := newKeys(t)
	get := func(name string) func(text string, err error) map[string]any {
		return func(text string, err error) map[string]any {
			t.Helper()
			if err != nil {
				t.Fatalf("%s: %v %+v", name, err, Explain(err))
			}
			return fits(t, name, text)
		}
	}
	if card.UID() != "04010203040506" || !strings.Contains(card.Product(), "EV3") {
		t.Errorf("the card is %q, %q", card.UID(), card.Product())
	}
	for _, depth := range []string{DepthSummary, DepthTree, DepthContent} {
		v := get("card")(card.Inspect(depth, keys))
		if v["uid"] != "04010203040506" || v["reader"] != "nfc" {
			t.Errorf("inspect %s: %v, %v", depth, v["uid"], v["reader"])
		}
	}
	get("card")(card.Inspect(DepthTree, nil))

	content := strings.Repeat("all that fits ", 15)
	get("write")(card.Write("F48121/6", 5, []byte(content), 0, nil))
	v := get("read")(card.Read("F48121/6", 5, len(content), nil))
	if v["data"] != hexBytes(content).String() {
		t.Errorf("what was written is read as %v", v["data"])
	}
	v = get("write")(card.Write("F48121/7", 0, []byte("secret"), PadNothing, keys))
	if v["written"] != 6.0 || v["committed"] != false {
		t.Errorf("write: %v", v)
	}
	if v = get("read")(card.Read("F48121/7", 0, 6, keys)); v["data"] != hexBytes("secret").String() {
		t.Errorf("read: %v", v)
	}
	if v = get("value")(card.Value("F48121/1", keys)); v["value"] != 100.0 {
		t.Errorf("value: %v", v)
	}
	if v = get("read")(card.Read("F48121/1", 0, 0, keys)); v["value"] != 100.0 {
		t.Errorf("read of a value: %v", v)
	}

	for range 2 {
		v = get("write")(card.AppendRecord("F48121/5", []byte("line 4, 08:15"), keys))
		if v["committed"] != true {
			t.Errorf("append: %v", v)
		}
	}
	get("write")(card.UpdateRecord("F48121/5", 0, 11, []byte("17"), PadNothing, keys))
	v = get("read")(card.Read("F48121/5", 0, 0, keys))
	if list := v["records"].([]any); len(list) != 2 || list[1].(map[string]any)["data"] != hexBytes("line 4, 08:17\x00\x00\x00").String() {
		t.Errorf("records: %v", v)
	}
	if v = get("read")(card.Read("F48121/5", 1, 1, keys)); v["records"].([]any)[0].(map[string]any)["record"] != 1.0 {
		t.Errorf("record 1: %v", v)
	}

	journal := filepath.Join(conf.Folder, "purse.db")
	wallet, err := OpenPurse(journal, layout, keys)
	must(t, err)
	v = get("purse-change")(wallet.Debit(card, 5, "ticket-1"))
	if v["decision"] != "happened" || v["uid"] != "04010203040506" {
		t.Errorf("debit: %v", v)
	}
	if v = get("purse-change")(wallet.Debit(card, 5, "ticket-1")); v["stored"] != true {
		t.Errorf("the same debit again: %v", v)
	}
	get("purse-change")(wallet.Credit(card, 20, "top-up-1"))
	get("purse-change")(wallet.Stored("top-up-1"))
	if text, err := wallet.Settle(card); text != "null" || err != nil {
		t.Errorf("settle: %s, %v", text, err)
	}
	if text, err := wallet.Stored("nobody"); text != "null" || err != nil {
		t.Errorf("stored: %s, %v", text, err)
	}
	if text, err := wallet.OpenChanges(); text != `{"open":[]}` || err != nil {
		t.Errorf("open: %s, %v", text, err)
	}
	get("purse-report")(wallet.Report())
	must(t, wallet.Close())
	if v = get("value")(card.Value("F48121/1", keys)); v["value"] != 115.0 {
		t.Errorf("value after 5 taken and 20 added: %v", v)
	}
	wallet, err = OpenPurse(journal, "", keys) // a new start of the app
	must(t, err)
	if v = get("purse-change")(wallet.Debit(card, 5, "ticket-1")); v["stored"] != true {
		t.Errorf("the same debit after a start: %v", v)
	}
	must(t, wallet.Close())

	badge, err := ReadLayout("badge.yaml", badgeText)
	must(t, err)
	must(t, badge.Fill("card_no", "4711"))
	must(t, badge.Fill("name", "Ada"))
	v = get("layout-plan")(card.Plan(badge, keys))
	if steps := v["steps"].([]any); len(steps) < 3 {
		t.Errorf("plan: %v", v)
	}
	told := &steps{}
	badge.SetProgress(told)
	v = get("layout-result")(card.Apply(badge, keys))
	if v["done"] == 0.0 || told.n == 0 {
		t.Errorf("apply: %v, told of %d steps", v, told.n)
	}
	get("layout-result")(card.Verify(badge, keys))
	if v = get("layout-result")(card.Apply(badge, keys)); v["done"] != 0.0 {
		t.Errorf("apply again: %v", v)
	}
	if _, err := os.Stat(filepath.Join(conf.Folder, "key-journal.jsonl")); err != nil {
		t.Error(err)
	}
	get("auth-diagnose")(card.Diagnose("F48121", 1, "", keys))
	get("auth-diagnose")(card.Diagnose("card", 0, "9D", nil))
	get("selftest-report")(card.Selftest("identify.*", true))
}

type steps struct{ n, all int }

func (s *steps) Step(n, all int, _ string) { s.n, s.all = n, all }
