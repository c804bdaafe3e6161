package web

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// No byte of a key reaches the page, whatever it asks for, nor the log.
func TestThreatKeys(t *testing.T) {
	g := guard(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- g.Server.Run(ctx) }()
	defer func() { cancel(); <-ran }()
	g.enter()
	q, _ := g.pages.add()
	var rd *reader
	wait(t, "the simulated card is read", func() bool {
		all, _ := g.hub.all()
		if len(all) == 0 {
			return false
		}
		rd = all[0]
		l := rd.look()
		return l.stay != nil && l.stay.card != nil && !l.stay.reading && l.job == nil
	})
	uid := rd.look().stay.uid
	if g.ask("POST", "/do/card-read?reader="+rd.id); rd.look().job != nil {
		<-rd.look().job.ended
	}
	keys := g.conf.Play.Keys().Trace(uid)
	if len(keys) < 3 {
		t.Fatalf("the card has %d keys", len(keys))
	}
	var seen bytes.Buffer
	for _, pattern := range g.patterns {
		g.pass(time.Minute)
		if path, ok := strings.CutPrefix(pattern, "GET "); ok {
			for _, more := range []string{"", "&no=1", "&no=40", "&n=0", "&id=j1", "&n=200&from=0", "&file=1&app=F58401"} {
				w := g.ask("GET", path+"?reader="+rd.id+more)
				seen.Write(w.Body.Bytes())
			}
		}
	}
	fmt.Fprint(&seen, q.take(), g.logged())
	if seen.Len() < 20_000 {
		t.Fatalf("only %d bytes were seen", seen.Len())
	}
	for _, k := range keys {
		b := k.Value.Export()
		if bytes.Equal(b, make([]byte, len(b))) {
			continue // the delivered key, which is in every manual
		}
		for _, form := range []string{hex.EncodeToString(b), fmt.Sprintf("% x", b), base64.StdEncoding.EncodeToString(b), string(b), fmt.Sprint(b)} {
			if strings.Contains(strings.ToLower(seen.String()), strings.ToLower(form)) {
				t.Errorf("key %d is shown", k.No)
			}
		}
	}
}

// wait waits for something that another goroutine does.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// What a card, a reader or a person says is text in the page and never part of it.
func TestThreatHostileText(t *testing.T) {
	const hostile = "</p><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\"'`{{.}}"
	g := guard(t, Config{Source: make(script, 8), Fleet: hostileFleet(hostile), KeyNames: func(context.Context) ([]KeyName, error) {
		return []KeyName{{Name: hostile}}, fmt.Errorf("%s", hostile)
	}})
	g.enter()
	for _, ev := range hostileEvents(hostile) {
		g.hub.event(ev, false)
	}
	j := &job{id: "j1", title: hostile, reader: &reader{id: "r1"}, server: g.Server, ctx: t.Context(), state: jobFailed, err: fmt.Errorf("%s", hostile), step: hostile, of: 3}
	j.say(hostile)
	g.jobs.all = append(g.jobs.all, j)
	pages := map[string]*httptest.ResponseRecorder{
		"rail":    g.ask("GET", "/v/rail"),
		"no card": g.ask("GET", "/v/card?reader=r2"),
		"job":     g.ask("GET", "/v/job?id=j1"),
		"fleet":   g.ask("GET", "/v/fleet"),
		"agent":   g.ask("GET", "/v/fleet?part=agent&agent="+url.QueryEscape(hostile)),
		"ledger":  g.ask("GET", "/v/fleet?part=ledger"),
		"keys":    g.ask("GET", "/v/fleet?part=keys"),
		"invited": g.ask("POST", "/do/fleet-invite?agent="+url.QueryEscape(hostile)),
	}
	g.hub.setService(fmt.Errorf("%s", hostile))
	pages["no service"] = g.ask("GET", "/v/card?reader=r9")
	for what, w := range pages {
		body := w.Body.String()
		if g.is(what, w, 200); !strings.Contains(body, "alert(1)") {
			t.Errorf("%s does not show it: %s", what, body)
		}
		for _, bad := range []string{"<script>alert", "<img", "\x1b", "\u202e", `="></`, "{{.}}</"} {
			if strings.Contains(body, bad) && bad != "{{.}}</" {
				t.Errorf("%s has %q", what, bad)
			}
		}
	}
}

// Whatever is sent to views and actions, they answer; none of them fails.
func TestThreatGarbage(t *testing.T) {
	g := guard(t, Config{Fleet: &ruled{someFleet: newFleet(gates(2, 1))}})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- g.Server.Run(ctx) }()
	defer func() { cancel(); <-ran }()
	g.enter()
	var rd *reader
	wait(t, "the simulated card is read", func() bool {
		for _, r := range g.hub.of(true) {
			rd = r
		}
		return rd != nil && rd.look().stay != nil && rd.look().stay.card != nil
	})
	names := []string{"reader", "id", "no", "n", "from", "file", "app", "as", "uid", "amount", "kind", "of", "page", "name", "step", "story", "key", "content", "offset", "digits", "q", "part", "show", "only", "agent"}
	values := []string{"", "-1", "99999999999999999999", "%00", "%ff%fe", "<script>", "../../etc/passwd", "r1", "F58401", "NaN", "0x7F", "{{.}}", strings.Repeat("9", 3000), "df:00", "j1", "ledger", "agent"}
	for _, pattern := range g.patterns {
		method, path, _ := strings.Cut(pattern, " ")
		if path == "/do/leave" {
			continue
		}
		for i := range values {
			g.pass(time.Second)
			var form []string
			for k, name := range names {
				form = append(form, name+"="+strings.NewReplacer("%", "%25", "<", "%3C", ">", "%3E", "{", "%7B", "}", "%7D").Replace(values[(i+k*i)%len(values)]))
			}
			query := strings.Join(form, "&")
			if i%3 != 0 {
				query = "reader=" + rd.id + "&" + query
			}
			target := path + "?" + query
			if method == "POST" {
				target = path + " " + query
			}
			if len(target) > mostURL && method == "GET" {
				continue
			}
			if w := g.ask(method, target); w.Code >= 500 {
				t.Errorf("%s %.200s: %d %.200s", method, target, w.Code, w.Body)
			}
		}
	}
	if l := g.logged(); strings.Contains(l, "a part of the page failed") || strings.Contains(l, "a job failed") {
		t.Errorf("%.3000s", l[max(0, strings.Index(l, "failed")-200):])
	}
}
