package natstest

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// through makes a connection through a proxy, and one past it that hears what arrives.
func through(t *testing.T) (p *Proxy, nc *nats.Conn, heard chan string) {
	t.Helper()
	s := Start(t, func(o *server.Options) { o.JetStream = false })
	p = NewProxy(t, s.URL)
	heard = make(chan string, 100)
	past := s.Connect()
	if _, err := past.Subscribe("x.>", func(m *nats.Msg) {
		heard <- string(m.Data)
		if m.Reply != "" {
			_ = m.Respond([]byte("re " + string(m.Data)))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := past.Flush(); err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(p.URL, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0), nats.PingInterval(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return p, nc, heard
}

func publish(t *testing.T, nc *nats.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := nc.Publish("x.a", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func hear(t *testing.T, heard chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-heard:
			if got != w {
				t.Fatalf("heard %q, want %q", got, w)
			}
		case <-time.After(wait):
			t.Fatalf("%q is not heard", w)
		}
	}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(wait); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func published(f *Frame) bool {
	return f.Dir == Up && f.Message() && strings.HasPrefix(f.Subject, "x.")
}

func TestProxyRules(t *testing.T) {
	for name, test := range map[string]struct {
		do   Do
		want []string
	}{
		"drop":   {Do{Drop: true}, []string{"1", "3", "4"}},
		"double": {Do{Double: true}, []string{"1", "2", "2", "3", "4"}},
		"swap":   {Do{Swap: true}, []string{"1", "3", "2", "4"}},
		"pass":   {Do{}, []string{"1", "2", "3", "4"}},
		"delay":  {Do{Delay: 50 * time.Millisecond}, []string{"1", "2", "3", "4"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, nc, heard := through(t)
			p.Rule(Nth(2, published, test.do))
			begin := time.Now()
			publish(t, nc, "1", "2", "3", "4")
			hear(t, heard, test.want...)
			if took := time.Since(begin); took < test.do.Delay {
				t.Errorf("it took %v", took)
			}
			if _, _, dropped, _ := p.Counts(); (dropped == 1) != test.do.Drop {
				t.Errorf("%d were dropped", dropped)
			}
		})
	}
}

// TestProxyReorders delays one connection: what it sent first arrives after what another
// sent, if that takes no longer than the delay.
func TestProxyReorders(t *testing.T) {
	p, nc, heard := through(t)
	other, err := nats.Connect(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	seen := make(chan bool, 1)
	for delay := 200 * time.Millisecond; ; delay *= 4 {
		p.Rule(Nth(1, func(f *Frame) bool {
			if published(f) && string(f.Payload) == "first" {
				seen <- true
				return true
			}
			return false
		}, Do{Delay: delay}))
		publish(t, nc, "first")
		<-seen
		publish(t, other, "second")
		a, b := <-heard, <-heard
		switch {
		case a == "second" && b == "first":
			return
		case a != "first" || b != "second" || delay > wait:
			t.Fatalf("delayed by %v: heard %q, then %q", delay, a, b)
		}
	}
}

// TestProxyCuts ends a connection behind a request: it arrives, its answer does not, and
// the client connects again.
func TestProxyCuts(t *testing.T) {
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprint("drop ", drop), func(t *testing.T) {
			p, nc, heard := through(t)
			p.Rule(Nth(1, published, Do{Cut: true, Drop: drop}))
			if m, err := nc.Request("x.a", []byte("1"), 200*time.Millisecond); err == nil {
				t.Errorf("an answer: %s", m.Data)
			}
			if !drop {
				hear(t, heard, "1")
			}
			until(t, "it connects again", func() bool { _, _, _, conns := p.Counts(); return conns > 1 })
			m, err := nc.Request("x.a", []byte("2"), wait)
			if err != nil || string(m.Data) != "re 2" {
				t.Errorf("after it connected again: %v %v", m, err)
			}
			hear(t, heard, "2")
			if _, _, _, conns := p.Counts(); conns != 2 {
				t.Errorf("%d connections", conns)
			}
		})
	}
}

// TestProxyParts holds back answers alone, then all, and lets them through.
func TestProxyParts(t *testing.T) {
	p, nc, heard := through(t)
	p.Part(Down)
	if m, err := nc.Request("x.a", []byte("1"), 100*time.Millisecond); err != nats.ErrTimeout {
		t.Errorf("%v %v", m, err)
	}
	hear(t, heard, "1")
	p.Part()
	publish(t, nc, "2")
	if err := nc.FlushTimeout(100 * time.Millisecond); err == nil {
		t.Error("it was flushed")
	}
	select {
	case got := <-heard:
		t.Errorf("heard %q", got)
	default:
	}
	p.Heal()
	hear(t, heard, "2")
	if err := nc.FlushTimeout(wait); err != nil || nc.Stats().Reconnects != 0 {
		t.Errorf("%v, connected again %d times", err, nc.Stats().Reconnects)
	}
}

func TestProxyEnds(t *testing.T) {
	p, nc, heard := through(t)
	lost := make(chan struct{}, 100)
	nc.SetDisconnectErrHandler(func(*nats.Conn, error) { lost <- struct{}{} })
	for _, end := range []func(){p.Cut, p.Refuse, func() { p.HalfCut(Down) }, func() { p.HalfCut(Up) }} {
		end()
		<-lost
		p.Heal()
		if err := nc.FlushTimeout(wait); err != nil {
			t.Fatal(err)
		}
		publish(t, nc, "back")
		hear(t, heard, "back")
	}
}

// TestProxyTo leads to another server.
func TestProxyTo(t *testing.T) {
	p, nc, _ := through(t)
	other := Start(t, func(o *server.Options) { o.ServerName = "other" })
	p.To(other.URL)
	p.Cut()
	until(t, "it is connected to the other", func() bool { return nc.ConnectedServerName() == "other" })
}

// TestProxyThrottles counts only that all arrives whole, later than the rate allows.
func TestProxyThrottles(t *testing.T) {
	p, nc, heard := through(t)
	p.Slow(time.Millisecond, 1<<20)
	big := strings.Repeat("x", 100_000)
	begin := time.Now()
	publish(t, nc, big, big)
	hear(t, heard, big, big)
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("200 kB at 1 MiB a second took %v", took)
	}
}

func TestFrames(t *testing.T) {
	in := "INFO {\"a\":1,\"connect_urls\":[\"h:1\"]}\r\nPUB a.b 3\r\nabc\r\npub a.b re 0\r\n\r\nHPUB h r 4 6\r\nNATSxy\r\nMSG s 7 2\r\nhi\r\nMSG s 7 re 2\r\nhi\r\n" +
		"HMSG s 7 re 4 4\r\nNATS\r\nHMSG s 7 4 4\r\nNATS\r\nPING\r\n\x16\x03\x01tls\r\nPUB a 1\r\nx\r\n"
	s := newFrames(strings.NewReader(in))
	var got []string
	var all []byte
	for {
		f, err := s.next()
		if f != nil && len(f.raw) > 0 {
			all = append(all, f.raw...)
			f.stay()
			got = append(got, fmt.Sprintf("%s %s %s %s", f.Op, f.Subject, f.Reply, f.Payload))
			if bytes.Contains(f.raw, []byte("h:1")) {
				t.Errorf("%q", f.raw)
			}
		}
		if err != nil {
			break
		}
	}
	if string(all) != in {
		t.Errorf("passed on:\n%q\nwant\n%q", all, in)
	}
	want := []string{"INFO   ", "PUB a.b  abc", "PUB a.b re ", "HPUB h r NATSxy", "MSG s  hi", "MSG s re hi", "HMSG s re NATS", "HMSG s  NATS", "PING   ", "   "}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// TestFramesGarbage passes on what it does not understand as it is.
func TestFramesGarbage(t *testing.T) {
	for _, in := range []string{"\r\n\r\nPING\r\n", "PUB a\r\n", "PUB a -1\r\n", "PUB a 99999999999\r\n", strings.Repeat("a", 200_000), "PUB a 10\r\nshort", "HPUB a 0\r\n\r\n", "no end"} {
		s := newFrames(strings.NewReader(in))
		var all []byte
		for {
			f, err := s.next()
			if f != nil {
				all = append(all, f.raw...)
			}
			if err != nil {
				break
			}
		}
		if want := strings.TrimSuffix(in, "PUB a 10\r\nshort"); string(all) != want {
			t.Errorf("%.40q: passed on %.40q", in, all)
		}
	}
}

// TestProxyIdle costs nothing in wall time: a proxy ends while all is parted.
func TestProxyIdle(t *testing.T) {
	p, nc, _ := through(t)
	p.Part()
	publish(t, nc, "1")
	var closed atomic.Bool
	go func() { p.Close(); closed.Store(true) }()
	until(t, "the proxy ends", closed.Load)
}
