package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/remote/admin"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// output is what a program prints, for tests that look while it runs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// started is a centre that runs in a folder.
type started struct {
	*testing.T
	dir    string
	out    *output
	err    *output
	cancel context.CancelFunc
	ended  chan int
	app    *app
	free   atomic.Int64 // what is free on the disk, if it is not 0
}

// start runs a centre on free ports, until stop or the end of the test.
func start(t *testing.T, dir string, args ...string) *started {
	t.Helper()
	s := &started{T: t, dir: dir, out: new(output), err: new(output), ended: make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	args = append([]string{"--dir", dir, "--listen", "127.0.0.1:0", "--join", "127.0.0.1:0", "--page", "127.0.0.1:0"}, args...)
	a := &app{stdout: s.out, stderr: s.err, disk: func(dir string) (free, size uint64, err error) {
		if free, size, err = operations.Disk(dir); s.free.Load() > 0 {
			free = uint64(s.free.Load())
		}
		return free, size, err
	}}
	s.app = a
	go func() {
		root := a.rootCommand()
		root.SetArgs(args)
		s.ended <- a.report(root.ExecuteContext(ctx))
	}()
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Logf("the centre said:\n%s%s", s.out, s.err)
		}
	})
	s.until("it is there", func() bool { return strings.Contains(s.out.String(), "DESFIRE_FLEET=") })
	s.until("it is ready", func() bool { status, _ := s.door("/readyz"); return status == 200 })
	return s
}

// stop ends the centre, and returns its exit code; -1 if it was stopped before.
func (s *started) stop() int {
	s.cancel()
	select {
	case code, ok := <-s.ended:
		if ok {
			close(s.ended)
			return code
		}
		return -1
	case <-time.After(time.Minute):
		s.Fatal("the centre does not end")
		return -1
	}
}

func (s *started) until(what string, is func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		select {
		case code := <-s.ended:
			close(s.ended)
			s.Fatalf("it ended with %d before %s: %s%s", code, what, s.out, s.err)
		default:
		}
		if time.Now().After(end) {
			s.Fatalf("never: %s: %s%s", what, s.out, s.err)
		}
	}
}

// verb runs a verb of the program for this centre.
func (s *started) verb(args ...string) (code int, stdout, stderr string) {
	var out, err output
	code = run(append(args, "--dir", s.dir), &out, &err)
	return code, out.String(), err.String()
}

// join lets an agent join as a person would.
func (s *started) join(name string) *centre.File {
	s.Helper()
	code, line, text := s.verb("token", name)
	if code != 0 {
		s.Fatalf("token: %d %s", code, text)
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, joinCommand("")))
	file, err := centre.JoinTo(s.Context(), line, filepath.Join(s.TempDir(), name+".json"))
	if err != nil {
		s.Fatal(err)
	}
	return file
}

// serve runs an agent with one simulated card, until the test ends.
func (s *started) serve(file *centre.File) {
	s.Helper()
	card, err := sim.New(&sim.Config{Generation: wire.EV2, UID: []byte{4, 1, 2, 3, 4, 5, 6}})
	if err != nil {
		s.Fatal(err)
	}
	conn, err := file.Dial(s.Context(), &centre.DialConfig{MaxWait: 100 * time.Millisecond})
	if err != nil {
		s.Fatal(err)
	}
	a, err := agent.New(agent.Config{Conn: conn, Fleet: file.Fleet, Name: file.Name, Source: simreader.New("left", card), Build: "v1"})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	s.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			s.Error(err)
		}
		conn.Close()
	})
}

// admin asks the centre as who runs it.
func (s *started) admin() *admin.Client {
	s.Helper()
	file, err := centre.LoadFile(filepath.Join(s.dir, "admin.json"))
	if err != nil {
		s.Fatal(err)
	}
	conn, err := file.Dial(s.Context(), nil)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(conn.Close)
	return &admin.Client{Conn: conn, Fleet: "main"}
}

// browser has the page of the centre opened.
func (s *started) browser() (get func(path string) string) {
	s.Helper()
	code, address, text := s.verb("page")
	if code != 0 {
		s.Fatalf("page: %d %s", code, text)
	}
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	s.Cleanup(client.CloseIdleConnections)
	token := ""
	ask := func(url string) string {
		s.Helper()
		req, err := http.NewRequestWithContext(s.Context(), "GET", url, nil)
		if err != nil {
			s.Fatal(err)
		}
		req.Header.Set("X-Desfire-Token", token)
		resp, err := client.Do(req)
		if err != nil {
			s.Fatal(err)
		}
		defer resp.Body.Close() //nolint:errcheck // a test
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			s.Fatalf("%s: %d %s %v", url, resp.StatusCode, body, err)
		}
		return string(body)
	}
	shell := ask(strings.TrimSpace(address))
	found := regexp.MustCompile(`name="token" content="([0-9a-f]+)"`).FindStringSubmatch(shell)
	if found == nil {
		s.Fatalf("no session: %s", shell)
	}
	token = found[1]
	base, _, _ := strings.Cut(strings.TrimSpace(address), "/?")
	return func(path string) string { s.Helper(); return ask(base + path) }
}

// url is where agents join.
func (s *started) url() string {
	s.Helper()
	file, err := centre.LoadFile(filepath.Join(s.dir, "admin.json"))
	if err != nil {
		s.Fatal(err)
	}
	return file.Join
}

// door is what stands beside the joining.
func (s *started) door(path string) (int, string) {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), "GET", s.url()+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // a test
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body)
}

// An agent joins by the line that the centre prints, and is on the page.
func TestAgentJoins(t *testing.T) {
	s := start(t, t.TempDir())
	s.serve(s.join("gate7"))
	get := s.browser()
	s.until("its reader is on the page", func() bool {
		body := get("/v/fleet")
		return strings.Contains(body, "gate7") && strings.Contains(body, "1 of 1 agent online, 1 reader, 1 card.")
	})
	if body := get("/v/fleet-now?part=agent&agent=gate7"); !strings.Contains(body, ">v1<") {
		t.Errorf("the agent: %s", body)
	}
	now, err := s.admin().Snapshot(t.Context())
	if err != nil || len(now.Agents) != 1 || len(now.Agents[0].Readers) != 1 || now.Agents[0].Readers[0].Card == nil {
		t.Errorf("%+v %v", now, err)
	}
	status, body := s.door("/readyz")
	var ready struct {
		Ready bool `json:"ready"`
		Parts []struct {
			Name  string `json:"name"`
			Ready bool   `json:"ready"`
		} `json:"parts"`
	}
	if err := json.Unmarshal([]byte(body), &ready); err != nil || status != 200 || !ready.Ready || len(ready.Parts) < 3 {
		t.Errorf("%d %s %v", status, body, err)
	}
	if status, body := s.door("/healthz"); status != 200 || body != "ok\n" {
		t.Errorf("%d %s", status, body)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
}
