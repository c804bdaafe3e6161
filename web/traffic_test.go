package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
)

// watched is a reader of a page on which a simulated card lies.
type watched struct {
	*testing.T
	page *client
	rd   *reader
	picc *sim.Card
	app  wire.AID
}

// watch makes a card with an application whose file 2 is a purse of 25 000.
func watch(t *testing.T) *watched {
	t.Helper()
	c := open(t, Config{})
	picc, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{T: t, page: c, picc: picc, app: 0xF48121, rd: &reader{id: "desk", name: "desk", present: true, traffic: newTraffic(c.server, "desk")}}
	c.server.hub.mu.Lock()
	c.server.hub.readers = append(c.server.hub.readers, w.rd)
	c.server.hub.mu.Unlock()
	card, err := desfire.Connect(t.Context(), picc.Present(), nil)
	if err != nil {
		t.Fatal(err)
	}
	w.must(card.CreateApplication(t.Context(), &wire.CreateApplication{AID: w.app, KS1: 0x0F, KS2: wire.NewKeySett2(key.TypeAES.Wire(), 3)}))
	w.must(card.SelectApplication(t.Context(), w.app))
	_, err = desfire.Do(t.Context(), card, &wire.CreateValueFile{
		File: 2, Option: wire.OptionFull, Access: wire.AccessRights{Read: 2, Write: 2, ReadWrite: 2, Change: 0}, Upper: 100000, Value: 25000,
	})
	w.must(err)
	return w
}

func (w *watched) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// connect connects the card as the hub does.
func (w *watched) connect() *desfire.Card {
	w.Helper()
	w.rd.traffic.mark(markInserted, "Card presented")
	card, err := desfire.Connect(w.Context(), w.rd.traffic.wrap(w.picc.Present()), w.page.server.cardConfig(w.rd))
	w.must(err)
	return card
}

// login opens a session with key 2.
func (w *watched) login(card *desfire.Card) {
	w.Helper()
	w.must(card.SelectApplication(w.Context(), w.app))
	w.must(card.Authenticate(w.Context(), 2, key.Zero(key.TypeAES)))
}

// listed is the list in words, one string a line.
func (w *watched) listed() (list []string) {
	k := w.rd.traffic.kept()
	for i, l := range k.lines {
		if l.kind != "" {
			list = append(list, l.kind+": "+l.name)
			continue
		}
		words := fmt.Sprintf("%d %s", l.no, strings.TrimSpace(l.name+" "+l.about))
		for _, s := range []string{string(l.shape), bracket(k.lines, i), l.bad} {
			words += "|" + s
		}
		if n := len(l.exchanges); n > 1 {
			words += fmt.Sprintf("|×%d", n)
		}
		list = append(list, words)
	}
	return list
}

func (w *watched) wants(want ...string) {
	w.Helper()
	got := w.listed()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.Errorf("the list is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTrafficLines(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.login(card)
	_, err := card.Value(t.Context(), 2)
	w.must(err)
	_, err = card.Transact(t.Context(), func() error { return card.Debit(t.Context(), 2, 250) })
	w.must(err)
	w.must(card.SelectApplication(t.Context(), w.app))
	_, err = desfire.Do(t.Context(), card, &wire.GetValue{File: 2})
	if !errors.Is(err, wire.StatusAuthenticationError) {
		t.Fatal(err)
	}
	w.wants(
		"inserted: Card presented: 04010203040506",
		"0 GetVersion 04010203040506|clear|||×3",
		"3 SelectApplication F48121|clear||",
		"4 AuthenticateEV2First key 2|auth|on first||×2",
		"6 GetFileSettings file 2|mac|on|",
		"7 GetValue file 2 = 25\u202f000|full|on|",
		"8 Debit file 2, 250|full|on|",
		"9 CommitTransaction|mac|on last|",
		"10 SelectApplication F48121|clear||",
		"11 GetValue file 2|clear||AUTHENTICATION_ERROR",
	)
}

// A commit that nobody answers is in doubt, and the list says so.
func TestTrafficLost(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.login(card)
	_, err := card.Value(t.Context(), 2)
	w.must(err)
	_, err = card.Transact(t.Context(), func() error {
		err := card.Debit(t.Context(), 2, 250)
		w.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.LosePowerAfter})
		return err
	})
	if !errors.As(err, new(*desfire.OutcomeUnknownError)) {
		t.Fatal(err)
	}
	k := w.rd.traffic.kept()
	after := k.lines[len(k.lines)-1].told.after
	if v := after.Values; len(v) != 1 || v[0].Now != 25000 || v[0].Change != -250 || !v[0].Doubt || after.Session {
		t.Errorf("believed after the lost commit: %+v", after)
	}
	w.rd.traffic.mark(markRemoved, "The card left the field")
	w.must(w.picc.Return())
	card = w.connect()
	w.login(card)
	_, err = card.Value(t.Context(), 2)
	w.must(err)
	got := w.listed()
	want := []string{
		"8 Debit file 2, 250|full|on|",
		"9 CommitTransaction|mac|on cut|no answer",
		"removed: The card left the field. Outcome of 9 unknown.",
		"inserted: Presented again: 04010203040506, the same card",
		"10 GetVersion 04010203040506|clear|||×3",
		"13 SelectApplication F48121|clear||",
		"14 AuthenticateEV2First key 2|auth|on first||×2",
	}
	if at := strings.Index(strings.Join(got, "\n"), strings.Join(want, "\n")); at < 0 {
		t.Errorf("the list is\n%s\nwant in it\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	k = w.rd.traffic.kept()
	if v := k.lines[len(k.lines)-1].told.after.Values; len(v) != 1 || v[0].Now != 24750 || v[0].Doubt || v[0].Change != 0 {
		t.Errorf("believed after looking: %+v", v)
	}
}

// The reader may tell that the card has left before the exchange is over.
func TestTrafficMarkBeforeAnswer(t *testing.T) {
	w := watch(t)
	tr := w.rd.traffic
	card := w.connect()
	w.login(card)
	slow := &leaving{told: func() { tr.mark(markRemoved, "The card left the field.") }}
	_, err := tr.wrap(slow).Transmit(t.Context(), []byte{0x90, 0xC7, 0, 0, 0})
	if err == nil {
		t.Fatal("no error")
	}
	got := w.listed()
	if n := len(got); !strings.HasPrefix(got[n-2], "6 CommitTransaction|clear||no answer") || got[n-1] != "removed: The card left the field. Outcome of 6 unknown." {
		t.Errorf("the list is\n%s", strings.Join(got, "\n"))
	}
	check(t, tr)
}

// leaving is a card that leaves while it is talked to.
type leaving struct{ told func() }

func (l *leaving) Transmit(context.Context, []byte) ([]byte, error) {
	time.Sleep(2 * time.Millisecond)
	l.told()
	return nil, errors.New("gone")
}

// check compares what the ring counts with what it holds.
func check(t *testing.T, tr *traffic) {
	t.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	n := 0
	for i, l := range tr.lines {
		n += l.size()
		if i > 0 && l.seq <= tr.lines[i-1].seq {
			t.Fatalf("line %d stands behind line %d", l.seq, tr.lines[i-1].seq)
		}
	}
	if n != tr.bytes {
		t.Errorf("%d bytes are counted, %d kept", tr.bytes, n)
	}
	if len(tr.lines) > mostTraffic || tr.bytes > mostTrafficBytes {
		t.Errorf("%d lines and %d bytes are kept", len(tr.lines), tr.bytes)
	}
}

// echo answers everything with as many bytes.
type echo struct{ answer []byte }

func (e *echo) Transmit(context.Context, []byte) ([]byte, error) { return e.answer, nil }

// However much is said, so much is kept: the newest.
func TestTrafficBounded(t *testing.T) {
	for _, size := range []int{2, 4000} {
		w := watch(t)
		tr := w.rd.traffic
		x := tr.wrap(&echo{append(make([]byte, size-2), 0x91, 0x00)})
		command := []byte{0x90, 0xBD, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, 0}
		n := mostTraffic + 500
		for range n {
			if _, err := x.Transmit(t.Context(), command); err != nil {
				t.Fatal(err)
			}
		}
		check(t, tr)
		k := tr.kept()
		if k.frames != n || k.gone != n-len(k.lines) || k.lines[len(k.lines)-1].no != n-1 || len(k.lines) < 1000 {
			t.Errorf("%d bytes: of %d exchanges %d are counted, %d lines kept, %d gone, the last is %d", size, n, k.frames, len(k.lines), k.gone, k.lines[len(k.lines)-1].no)
		}
		if full := len(k.lines) == mostTraffic; full != (size == 2) {
			t.Errorf("%d bytes: %d lines are kept", size, len(k.lines))
		}
	}
}

// News are told once for all that comes in a while, the last of it always.
func TestTrafficNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		tr := newTraffic(s, "r1")
		var mu sync.Mutex
		var at []int
		tr.tell = func() {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, tr.kept().frames)
		}
		x := tr.wrap(&echo{[]byte{0x91, 0}})
		for i := range 1000 {
			if _, err := x.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
				t.Fatal(err)
			}
			if i%10 == 9 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if len(at) < 2 || len(at) > 10 || at[len(at)-1] != 1000 {
			t.Errorf("within a second was told %d times, at exchanges %d", len(at), at)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What a page has in hand stays as it is while more comes.
func TestTrafficKeptStays(t *testing.T) {
	w := watch(t)
	card := w.connect()
	k := w.rd.traffic.kept()
	before := fmt.Sprintf("%+v", *k.lines[1])
	w.login(card)
	w.rd.traffic.mark(markRemoved, "gone")
	if after := fmt.Sprintf("%+v", *k.lines[1]); after != before || len(k.lines) != 2 {
		t.Errorf("what was kept has changed from\n%s to\n%s", before, after)
	}
}

// The key that a card gets is in nothing that is kept.
func TestTrafficKeepsNoKey(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.must(card.SelectApplication(t.Context(), w.app))
	w.must(card.Authenticate(t.Context(), 0, key.Zero(key.TypeAES)))
	fresh := []byte("\xA5 sixteen bytes!")
	k, err := key.NewAES(fresh, 7)
	w.must(err)
	w.must(card.ChangeKey(t.Context(), 1, k, key.Zero(key.TypeAES)))
	kept := w.rd.traffic.kept()
	rec := w.rd.traffic.recording(kept.lines)
	last := rec.Exchanges[len(rec.Exchanges)-1]
	if last.CutCommand.Len() == 0 {
		t.Error("the cryptogram of the key is kept")
	}
	var b bytes.Buffer
	w.must(rec.Write(&b, trace.FormatJSON))
	said := fmt.Sprintf("%+v %s", kept.lines[len(kept.lines)-1].told, b.String())
	for _, secret := range []string{fmt.Sprintf("%x", fresh), fmt.Sprintf("%X", fresh), string(fresh), fmt.Sprint(fresh)} {
		if strings.Contains(said, secret) {
			t.Error("a key is kept")
		}
	}
	if !strings.Contains(strings.Join(w.listed(), "\n"), "ChangeKey key 1|full|on|") {
		t.Errorf("the list is\n%s", strings.Join(w.listed(), "\n"))
	}
}

// Sizes of what a hostile card says are bounded, and it is shown as text.
func TestTrafficHostile(t *testing.T) {
	w := watch(t)
	tr := w.rd.traffic
	bad := errors.New("<script>alert(1)</script>\x1b[2J\u202e")
	x := tr.wrap(&failing{bad})
	for _, command := range [][]byte{{}, {0x90}, {0xFF}, bytes.Repeat([]byte{0x90}, 300), {0, 0xA4, 4, 0, 3, 1, 2}, {0x90, 0x5A, 0, 0, 3, 1, 2, 3, 0}} {
		if _, err := x.Transmit(t.Context(), command); err == nil {
			t.Fatal("no error")
		}
	}
	tr.mark(markLost, bad.Error())
	check(t, tr)
	for _, path := range []string{"/v/traffic?reader=desk", "/v/traffic/rows?reader=desk&n=200", "/v/traffic/exchange?reader=desk&no=0", "/v/traffic/exchange?reader=desk&no=3", "/v/traffic/plots?reader=desk"} {
		status, body := w.page.do("GET", path, "")
		if status != 200 || strings.Contains(body, "<script") || strings.ContainsAny(body, "\x1b\u202e") {
			t.Errorf("%s: %d\n%s", path, status, body)
		}
	}
}

type failing struct{ err error }

func (f *failing) Transmit(context.Context, []byte) ([]byte, error) { return nil, f.err }

// Rows come by range, by what is asked for, or as the newest.
func TestTrafficRows(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.login(card)
	_, err := card.Value(t.Context(), 2)
	w.must(err)
	_, err = desfire.Do(t.Context(), card, &wire.GetKeyVersion{Key: 9})
	if err == nil {
		t.Fatal("a key that is not there has a version")
	}
	total := len(w.listed())
	for query, want := range map[string]struct {
		total, from, rows int
		has, hasNot       string
	}{
		"n=200":                       {total, 0, total, "GetVersion", ""},
		"n=2&from=1":                  {total, 1, 2, "GetVersion", "AuthenticateEV2First"},
		"n=2&from=-1":                 {total, total - 2, 2, "NO_SUCH_KEY", "GetVersion"},
		"n=9&from=1000":               {total, total, 0, "", "GetVersion"},
		"n=0":                         {total, total, 0, "", "GetVersion"},
		"n=-5&from=-9&q=":             {total, total, 0, "", "GetVersion"},
		"n=x&from=9999999999999999":   {total, total, 0, "", "GetVersion"},
		"n=99&show=errors":            {1, 0, 1, "NO_SUCH_KEY", "GetVersion"},
		"n=99&show=sessions":          {4, 0, 4, "25\u202f000", "GetVersion"},
		"n=99&q=getvalue":             {1, 0, 1, "GetValue", "GetVersion"},
		"n=99&q=25\u202f000":          {1, 0, 1, "GetValue", "GetVersion"},
		"n=99&q=90+6C+00+00":          {1, 0, 1, "GetValue", "GetVersion"},
		"n=99&q=no_such_key":          {1, 0, 1, "GetKeyVersion", "GetVersion"},
		"n=99&q=file+2&show=errors":   {0, 0, 0, "", "GetValue"},
		"n=99&q=<b>&show=errors":      {0, 0, 0, "", "<b>"},
		"n=99&q=presented&from=-1":    {1, 0, 1, "Card presented: 04010203040506", "GetVersion"},
		"n=1&q=get&from=1&show=other": {4, 1, 1, "GetFileSettings", "GetVersion"},
	} {
		body := w.page.get("/v/traffic/rows?reader=desk&" + strings.ReplaceAll(query, "\u202f", "%E2%80%AF"))
		if head := fmt.Sprintf(`data-total="%d" data-from="%d"`, want.total, want.from); !strings.Contains(body, head) {
			t.Errorf("%s: want %s in\n%s", query, head, body)
		}
		if n := strings.Count(body, "<li "); n != want.rows || !strings.Contains(body, want.has) || want.hasNot != "" && strings.Contains(body, want.hasNot) {
			t.Errorf("%s: %d rows, want %d with %q and without %q, in\n%s", query, n, want.rows, want.has, want.hasNot, body)
		}
	}
	if status, _ := w.page.do("GET", "/v/traffic/rows?reader=nobody", ""); status != 404 {
		t.Errorf("rows of a reader that is not there: %d", status)
	}
}

// With the key an exchange shows what was enciphered; without it, what the program
// that had the key says of it.
func TestTrafficOpened(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.login(card)
	_, err := card.Value(t.Context(), 2)
	w.must(err)
	w.must(card.Debit(t.Context(), 2, 250))
	k := w.rd.traffic.kept()
	path := fmt.Sprintf("/v/traffic/exchange?reader=desk&no=%d", k.lines[len(k.lines)-1].seq)
	body := w.page.get(path)
	for _, words := range []string{">8 Debit<", "No key here opens the enciphered part", "<dt>Amount</dt><dd class=\"mono\">250</dd>", "25\u202f000, and 24\u202f750 after the commit", "Debit file 2, 250", "key 2, EV2"} {
		if !strings.Contains(body, words) {
			t.Errorf("without the key: no %q in\n%s", words, body)
		}
	}
	w.page.server.conf.TraceKeys = func(_ context.Context, uid []byte) []trace.Key {
		if fmt.Sprintf("%X", uid) != "04010203040506" {
			t.Errorf("keys of %X are asked for", uid)
		}
		return []trace.Key{{No: -1, Value: key.Zero(key.TypeAES), Note: "campus-purse"}}
	}
	body = w.page.get(path)
	for _, words := range []string{">8 Debit<", "FA\u00a000\u00a000\u00a000", "campus-purse", "both MACs right"} {
		if !strings.Contains(body, words) {
			t.Errorf("with the key: no %q in\n%s", words, body)
		}
	}
	if strings.Contains(body, "No key here") {
		t.Errorf("with the key: it says that there is none:\n%s", body)
	}
	for _, no := range []string{"", "x", "-1", "0", "99999"} { // 0 is a mark
		if body := w.page.get("/v/traffic/exchange?reader=desk&no=" + no); !strings.Contains(body, "not kept any more") {
			t.Errorf("exchange %q:\n%s", no, body)
		}
	}
}

// A session is followed from its beginning, however long ago that was.
func TestTrafficLongSession(t *testing.T) {
	w := watch(t)
	card := w.connect()
	w.login(card)
	for range trafficBefore + 50 {
		_, err := card.Value(t.Context(), 2)
		w.must(err)
	}
	k := w.rd.traffic.kept()
	m := w.rd.traffic.dissected(k.lines, len(k.lines)-1, []trace.Key{{No: -1, Value: key.Zero(key.TypeAES)}})
	if m == nil || m.No != k.lines[len(k.lines)-1].no || m.About != "file 2 = 25000" || !isOpened(m) {
		t.Errorf("the last exchange is %+v", m)
	}
	// What began before that is no more kept is shown as far as it goes.
	late := k.lines[20:]
	m = w.rd.traffic.dissected(late, len(late)-1, []trace.Key{{No: -1, Value: key.Zero(key.TypeAES)}})
	if m == nil || m.No != late[len(late)-1].no || m.Name != "GetValue" || isOpened(m) {
		t.Errorf("without the beginning of its session: %+v", m)
	}
}

// Plots have the same numbers as their words.
func TestTrafficPlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{})
		if err != nil {
			t.Fatal(err)
		}
		tr := newTraffic(s, "r1")
		if p := tr.plots(); p.Moves || p.Plots[0].Words != "None in the last minute." || p.Plots[1].Words != "None yet." {
			t.Errorf("of nothing: %+v", p)
		}
		x := tr.wrap(&slowly{[]int{10, 20, 30, 40}})
		for range 4 {
			_, _ = x.Transmit(t.Context(), []byte{0x90, 0x6E, 0, 0, 0})
		}
		time.Sleep(3 * time.Second)
		p := tr.plots()
		rate, times, air := p.Plots[0], p.Plots[1], p.Plots[2]
		if n := *rate.Y[0][plotSeconds-4]; n != 4 || rate.Words != "3 s ago: 4; none in the other seconds." || rate.Max != 5 || len(rate.X) != plotSeconds || !p.Moves {
			t.Errorf("rate: %v, %+v", n, rate)
		}
		if len(times.X) != 4 || *times.Y[0][1] != 20 || times.Y[0][3] != nil || *times.Y[1][3] != 40 || times.Max != 50 || times.Value != "30.0 ms" ||
			times.Words != "0 FreeMemory 10.0 ms; 1 FreeMemory 20.0 ms; 2 FreeMemory 30.0 ms; 3 FreeMemory 40.0 ms, no answer." {
			t.Errorf("times: %+v", times)
		}
		if up, down := *air.Y[0][0], *air.Y[1][0]; up < 0.4 || up > 0.8 || down > -0.15 || down < -0.5 || *air.Y[1][3] != 0 || !strings.HasPrefix(air.Words, "0 FreeMemory 5 and 2 bytes, ") {
			t.Errorf("air: %v %v, %+v", up, down, air)
		}
		time.Sleep(2 * time.Minute)
		if p := tr.plots(); p.Moves || p.Plots[0].Words != "None in the last minute." {
			t.Errorf("after two minutes: %+v", p.Plots[0])
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// slowly answers after so many milliseconds, the last time not at all.
type slowly struct{ ms []int }

func (s *slowly) Transmit(context.Context, []byte) ([]byte, error) {
	time.Sleep(time.Duration(s.ms[0]) * time.Millisecond)
	if s.ms = s.ms[1:]; len(s.ms) == 0 {
		return nil, errors.New("gone")
	}
	return []byte{0x91, 0x00}, nil
}

// A page that stops reading holds up no card, and costs no memory.
func TestTrafficSlowStream(t *testing.T) {
	w := watch(t)
	q, ok := w.page.server.pages.add() // nobody takes from it
	if !ok {
		t.Fatal("no page")
	}
	tr := w.rd.traffic
	x := tr.wrap(&echo{[]byte{0x91, 0}})
	for range 3000 {
		if _, err := x.Transmit(t.Context(), []byte{0x90, 0x60, 0, 0, 0}); err != nil {
			t.Fatal(err)
		}
		tr.tell()
	}
	if k := tr.kept(); k.frames != 3000 {
		t.Errorf("%d exchanges are kept", k.frames)
	}
	told := 0
	for _, e := range q.take() {
		if e.Kind == "traffic" && e.Reader == "desk" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("a page that comes back is told %d times of the traffic", told)
	}
}
