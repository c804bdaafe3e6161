package web

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// patience is longer than anything takes, on a loaded machine too.
const patience = time.Minute

// client is a browser without eyes.
type client struct {
	*testing.T
	server *Server
	http   *http.Client
	url    string
	token  string
}

// open serves a page that follows its readers, and logs in.
func open(t *testing.T, conf Config) *client {
	t.Helper()
	s, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return on(t, s)
}

// on serves a page and logs in.
func on(t *testing.T, s *Server) *client {
	t.Helper()
	hs := httptest.NewServer(s)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		hs.CloseClientConnections()
		hs.Close()
	})
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{T: t, server: s, http: &http.Client{Jar: jar}, url: hs.URL}
	status, body := c.do("GET", "/?code="+s.Code(), "")
	if c.token = offered(body); status != http.StatusOK || c.token == "" {
		t.Fatalf("no session: %d %s", status, body)
	}
	return c
}

// do asks as the page does.
func (c *client) do(method, path, form string) (int, string) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(form))
	if err != nil {
		c.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", c.url)
	}
	if c.token != "" {
		req.Header.Set("X-Desfire-Token", c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// get is a fragment, which must be there.
func (c *client) get(path string) string {
	c.Helper()
	status, body := c.do("GET", path, "")
	if status != http.StatusOK {
		c.Fatalf("GET %s: %d %s", path, status, body)
	}
	return body
}

// until asks until the fragment holds words.
func (c *client) until(path, words string) string {
	c.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		body := c.get(path)
		switch {
		case strings.Contains(body, words):
			return body
		case time.Now().After(end):
			c.Fatalf("GET %s never had %q, but %s", path, words, body)
		}
	}
}

func TestCardComesAndGoes(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	field := simreader.New("desk", card)
	c := open(t, Config{Source: field})
	c.until("/v/card", "DESFire EV2")
	field.Lift()
	c.until("/v/card", "Lay a card on the reader")
	if err := field.Return(); err != nil {
		t.Fatal(err)
	}
	c.until("/v/rail", "DESFire EV2")
}

func TestJobWithACard(t *testing.T) {
	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Config{Source: simreader.New("desk", card)})
	c.until("/v/card", "DESFire EV2")
	rd, _ := c.server.hub.all()
	entered, leave := make(chan bool), make(chan bool)
	j, err := c.server.start(rd[0], work{title: "Try", run: func(ctx context.Context, j *job, card *desfire.Card) error {
		close(entered)
		<-leave
		j.say("hello")
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	<-entered
	if _, err := c.server.start(rd[0], work{title: "Second", run: func(context.Context, *job, *desfire.Card) error { return nil }}); err == nil || !strings.Contains(err.Error(), `"Try" works with this card`) {
		t.Errorf("a second job: %v", err)
	}
	close(leave)
	c.until("/v/job?id="+j.id, "hello")
	<-j.ended
	c.until("/v/job?id="+j.id, "done")
}

// An address that the page does not have is not taken for a session that has ended.
func TestNoSuchPage(t *testing.T) {
	c := open(t, Config{})
	if status, body := c.do("GET", "/nosuch", ""); status != http.StatusNotFound || !strings.Contains(body, "There is no such page") || !strings.Contains(body, "/traffic") {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := c.do("GET", "/v/nosuch", ""); status != http.StatusNotFound {
		t.Errorf("a part that does not exist: %d", status)
	}
	c.http.Jar = nil
	if status, body := c.do("GET", "/nosuch", ""); status != http.StatusUnauthorized || strings.Contains(body, "no such page") {
		t.Errorf("without a session: %d %s", status, body)
	}
}
