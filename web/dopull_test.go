package web

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
)

// pulled is a job in each of whose exchanges the card is pulled off the reader.
type pulled struct {
	name  string
	keep  bool // it waits for the card, and ends by itself
	reads bool // it changes nothing
	ready func(d *doing) (action string, pairs []string)
	// holds tells what the card holds, before or after the job; what else would be wrong.
	before, after func(d *doing) bool
	done          string // what the page says of a job that was done
}

func (d *doing) ask(body string, digits string) (string, []string) {
	d.Helper()
	m := askID.FindStringSubmatch(body)
	if m == nil {
		d.Fatalf("it asks nothing: %s", body)
	}
	return "yes", []string{"ask", m[1], "digits", digits}
}

func always(*doing) bool { return true }

// jobsToPull are all that work with a card.
func jobsToPull() []pulled {
	app := []string{"app", "F48121", "file"}
	file := func(no string, more ...string) []string {
		return append(append([]string{}, append(app, no)...), more...)
	}
	write := func(d *doing, no string) (string, []string) {
		return d.ask(d.upload("write", nil, file(no, "as", "text", "content", "0123456789")...), "")
	}
	held := func(no int) func(*doing) bool {
		return func(d *doing) bool { return d.holds(no, 32)[:10] == "0123456789" }
	}
	empty := func(no int) func(*doing) bool {
		return func(d *doing) bool { return d.holds(no, 32)[:10] == strings.Repeat("\x00", 10) }
	}
	records := func(n int) func(*doing) bool { return func(d *doing) bool { return len(d.file(3).Records) == n } }
	value := func(n int32) func(*doing) bool { return func(d *doing) bool { return d.file(2).Value.Value == n } }
	return []pulled{
		{"read", false, true, func(*doing) (string, []string) { return "read", file("0") }, always, always, "All 32 bytes are"},
		{"write", true, false, func(d *doing) (string, []string) { return write(d, "0") }, empty(0), held(0), "written"},
		{"write backup", true, false, func(d *doing) (string, []string) { return write(d, "1") }, empty(1), held(1), "written"},
		{"append", false, false, func(d *doing) (string, []string) { return write(d, "3") }, records(0), records(1), "added to"},
		{"clear", false, false, func(d *doing) (string, []string) {
			d.yes(d.upload("write", nil, file("3", "as", "text", "content", "x")...), "")
			return d.ask(d.act("clear", file("3")...), d.uid[10:])
		}, records(1), records(0), "removed"},
		{"debit", true, false, func(d *doing) (string, []string) {
			d.act("purse-terms", "reader", d.reader().id, "file", "F48121/2", "others", "nobody")
			return d.ask(d.act("value", file("2", "kind", "debit", "amount", "250")...), "")
		}, value(24500), value(24250), "24 250"},
		{"delete file", false, false, func(d *doing) (string, []string) { return d.ask(d.act("delete", file("0")...), d.uid[10:]) },
			func(d *doing) bool { return d.file(0) != nil }, func(d *doing) bool { return d.file(0) == nil }, "is deleted"},
		{"format", false, false, func(d *doing) (string, []string) { return d.ask(d.act("delete"), d.uid[10:]) },
			func(d *doing) bool { return len(d.picc.Image().Applications) == 1 }, func(d *doing) bool { return len(d.picc.Image().Applications) == 0 }, "is formatted"},
		{"report", false, true, func(*doing) (string, []string) { return "report", nil }, always, always, "Save as a page"},
		{"dump", false, true, func(*doing) (string, []string) { return "dump", nil }, always, always, "Save the dump"},
		{"selftest", false, true, func(*doing) (string, []string) { return "selftest", []string{"mask", "1"} }, always, always, "Save the report"},
	}
}

// untouched is what the page says where nothing was changed for certain.
var untouched = regexp.MustCompile(`Nothing was (changed|done|begun|written)`)

// Whenever the card leaves, what the page says is so, nothing happens twice, and what can
// go on does so when the card is back.
func TestDoPulled(t *testing.T) {
	for _, p := range jobsToPull() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			n := p.pull(t, 1<<20)
			last := 5 // exchanges at the end, where things happen
			if p.reads {
				last = 1
			}
			for k := 1; k <= n; k++ {
				if k > n-last || k%(n/2+1) == 1 {
					p.pull(t, k)
				}
			}
		})
	}
}

// pullAt pulls the card in the k-th exchange of a job from now on: before the card has
// the command in odd ones, after it in even ones. It counts those exchanges in n, and
// says in gone that the card has left.
func (d *doing) pullAt(k int) (n *int, gone chan struct{}) {
	n, gone = new(int), make(chan struct{}, 1)
	d.air.set(func(x *sim.Exchange) ([]byte, error) {
		if j := d.reader().look().job; j == nil || j.own {
			return x.Pass()
		}
		if *n++; *n != k {
			return x.Pass()
		}
		if k%2 == 0 {
			_, _ = x.Pass()
		}
		d.field.Lift()
		gone <- struct{}{}
		return nil, simreader.ErrLifted
	})
	return n, gone
}

// pull does the job and pulls the card in its k-th exchange, as pullAt does. It
// returns how many exchanges there were.
func (p *pulled) pull(t *testing.T, k int) int {
	t.Helper()
	d := openDo(t, doKeys(-1, 0, 1, 3))
	defer d.leave()
	action, pairs := p.ready(d)
	d.idle()
	n, gone := d.pullAt(k)
	status, body := d.do("POST", "/do/"+action, doForm(pairs...))
	if status != http.StatusOK {
		t.Fatalf("%d: %d %s", k, status, body)
	}
	id := doJobID.FindStringSubmatch(body)
	if id == nil {
		t.Fatalf("%d: no job: %s", k, body)
	}
	j := d.server.jobs.find(id[1])
	if p.keep {
		select {
		case <-gone:
			gone <- struct{}{}
		case <-j.ended:
		}
	} else {
		<-j.ended
	}
	d.air.set(nil)
	if len(gone) == 0 {
		if k < 1<<20 {
			t.Errorf("exchange %d: it was over before", k)
		}
		if body := d.get("/v/job?id=" + j.id); j.view().State != jobDone || !strings.Contains(plain(body), p.done) || !p.after(d) {
			t.Errorf("without a fault: %s", body)
		}
		return *n
	}
	if p.keep {
		must(t, d.field.Return())
	}
	<-j.ended
	body = plain(d.get("/v/job?id=" + j.id))
	v := j.view()
	switch happened := p.after(d); {
	case p.keep && (v.State != jobDone || !happened || !strings.Contains(body, p.done)):
		t.Errorf("exchange %d: it did not go on: %v, happened %v: %s", k, v.State, happened, body)
	case !happened && !p.before(d):
		t.Errorf("exchange %d: the card holds neither the one nor the other", k)
	case v.State == jobDone && (!happened || !strings.Contains(body, p.done)):
		t.Errorf("exchange %d: done, and it is not so: %s", k, body)
	case v.State != jobDone && v.State != jobFailed:
		t.Errorf("exchange %d: %v", k, v.State)
	case v.State == jobFailed && happened && !p.before(d) && untouched.MatchString(body):
		t.Errorf("exchange %d: it happened, and the page says %s", k, untouched.FindString(body))
	case v.State == jobFailed && v.Trouble() == nil:
		t.Errorf("exchange %d: nothing is said: %s", k, body)
	}
	return *n
}

// plain is an answer without what templates make of quotes and gaps.
func plain(body string) string {
	return strings.NewReplacer("\u202f", " ", "&#39;", "'", "&#34;", `"`).Replace(body)
}

// Bytes that cannot be trusted are not shown, whichever bit of whichever answer is wrong.
func TestDoShowsNothingForged(t *testing.T) {
	d := openDo(t, doKeys(0, 1))
	d.says(d.yes(d.upload("write", nil, "app", "F48121", "file", "1", "as", "text", "content", "GENUINE TICKET 4711"), ""), "written")
	d.idle()
	d.air.set(nil)
	truth := d.act("read", "app", "F48121", "file", "1")
	d.says(truth, "GENUINE TICKET 4711", "with a MAC")
	exchanges := d.air.exchanges()
	told := 0
	for k := 1; k <= exchanges; k++ {
		bit := []int{0, 5, 77}[k%3]
		d.idle()
		n := 0
		d.air.set(func(x *sim.Exchange) ([]byte, error) {
			if n++; n == k {
				return x.PassWith(sim.Fault{Kind: sim.FlipAnswerBit, Bit: bit})
			}
			return x.Pass()
		})
		body := plain(d.act("read", "app", "F48121", "file", "1"))
		d.air.set(nil)
		switch {
		case strings.Contains(body, "GENUINE TICKET 4711"): // the bit was of what nothing depends on
		case strings.Contains(body, "TICKET") || strings.Contains(body, "hexrow"):
			t.Errorf("exchange %d, bit %d: it shows what it cannot trust: %s", k, bit, body)
		case strings.Contains(body, "cannot be trusted"):
			told++
		}
	}
	if told < 3 {
		t.Errorf("only %d were found", told)
	}
}

// One job a card: the second sees who holds it, and what was asked for is not lost.
func TestDoSecondSees(t *testing.T) {
	d := openDo(t, doKeys(0, 1, 3))
	ask := d.upload("write", nil, "app", "F48121", "file", "0", "as", "text", "content", "abc")
	d.idle()
	hold, goOn := make(chan struct{}, 1), make(chan struct{})
	defer sync.OnceFunc(func() { close(goOn) })()
	first := true
	d.air.set(func(x *sim.Exchange) ([]byte, error) {
		if first {
			first = false
			hold <- struct{}{}
			<-goOn
		}
		return x.Pass()
	})
	status, body := d.do("POST", "/do/read", doForm("app", "F48121", "file", "0"))
	if status != http.StatusOK || !strings.Contains(body, "Read file 0 of F48121") {
		t.Fatalf("%d %s", status, body)
	}
	<-hold
	for _, second := range []func() string{
		func() string { return d.act("dump") },
		func() string { return d.yes(ask, "") },
	} {
		d.says(second(), `"Read file 0 of F48121" works with this card since`)
	}
	goOn <- struct{}{}
	d.ended(body)
	d.says(d.yes(ask, ""), "3 bytes written")
}

// Content of all bytes reaches the page as text and comes back as it is.
func TestDoSavesBytes(t *testing.T) {
	d := openDo(t, doKeys(0, 1, 3))
	var all [32]byte
	for i := range all {
		all[i] = "<&>\"'\x00\x1b\x7f\x80\xff"[i%10]
	}
	d.says(d.yes(d.upload("write", all[:], "app", "F48121", "file", "0", "as", "file"), ""), "32 bytes written")
	body := d.act("read", "app", "F48121", "file", "0")
	if strings.ContainsAny(body, "\x1b\x7f") || strings.Contains(body, "<&>") {
		t.Errorf("%q", body)
	}
	_, saved := d.do("GET", "/v/do-save?id="+doJobID.FindStringSubmatch(body)[1], "")
	if !bytes.Equal([]byte(saved), all[:]) {
		t.Errorf("%q", saved)
	}
	if status, words := d.do("GET", "/v/do-save?id=j999", ""); status != http.StatusNotFound || !strings.Contains(words, "not known any more") {
		t.Errorf("%d %s", status, words)
	}
}
