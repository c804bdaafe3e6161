package fleet

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/remote/gate"
)

// world is a centre, gates behind links that can be harmed, and cards that go from gate
// to gate.
type world struct {
	t     testing.TB
	dir   string
	r     *rand.Rand
	mess  *mess
	stock *stock

	server   *process
	power    *disk // of the centre; nil if it has none of its own
	admin    *nats.Conn
	fleet    string
	operator *gate.Client
	remote   *remote.Client
	gates    []*gateway
}

// gateway is an agent with a purse, a process, and its readers.
type gateway struct {
	*process
	link    *natstest.Proxy
	spots   []*spot
	readers []string // ids, in the order of spots
	power   *disk
	journal string
	slot    int
}

// newWorld starts a centre and gates, each with some readers.
func newWorld(t testing.TB, gates, readers int) *world {
	t.Helper()
	w := &world{t: t, dir: folder(t), r: rand.New(rand.NewPCG(*seed, 10)), mess: newMess(*seed, 11)}
	w.mess.calm()
	w.stock = newStock(t, w.dir)
	w.power = w.disk("server", 96)
	policy := filepath.Join(w.dir, "policy.yaml")
	if err := os.WriteFile(policy, []byte("desfire: key-policy/v1\nagents: {\"*\": {keys: {F48121: [1]}, shared: true, rate: 100000}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := freeport.Take(t, 2)
	w.server = newProcess(t, w.dir, "server", program(t, "desfire-server"),
		"--dir", filepath.Join(w.dir, "server", "state"), "--listen", fmt.Sprint("127.0.0.1:", ports[0]), "--join", fmt.Sprint("127.0.0.1:", ports[1]), "--page", "off", "--keys", w.stock.keys, "--policy", policy)
	w.server.start()
	w.serverReady()
	file, err := centre.LoadFile(w.server.file("state/admin.json"))
	if err != nil {
		t.Fatal(err)
	}
	w.fleet = file.Fleet
	if w.admin, err = file.Dial(t.Context(), &centre.DialConfig{MaxWait: 200 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.admin.Close)
	w.operator = &gate.Client{Conn: w.admin, Fleet: w.fleet}
	if w.remote, err = remote.NewClient(w.admin, &remote.ClientConfig{Fleet: w.fleet}); err != nil {
		t.Fatal(err)
	}
	for i := range gates {
		w.gates = append(w.gates, w.newGate(i, readers))
	}
	for _, g := range w.gates {
		g.start()
	}
	for _, g := range w.gates {
		w.readers(g)
	}
	return w
}

// disk is where a process of that name has its folder, if there may be such disks.
func (w *world) disk(name string, megabytes int) *disk {
	d, err := newDisk(w.t, filepath.Join(w.dir, name), megabytes)
	if err != nil {
		w.t.Logf("%s has no disk of its own: %v", name, err)
		return nil
	}
	return d
}

// serverReady waits until the centre says that it is there.
func (w *world) serverReady() { w.server.says("DESFIRE_FLEET=") }

// newGate makes an agent that has joined and is not started yet.
func (w *world) newGate(i, readers int) *gateway {
	w.t.Helper()
	name := fmt.Sprint("gate", i+1)
	g := &gateway{slot: i, link: natstest.NewProxy(w.t, w.admin.ConnectedUrl())}
	g.power = w.disk(name, 24)
	g.process = newProcess(w.t, w.dir, name, program(w.t, "desfire"))
	out := run(w.t, program(w.t, "desfire-server"), "token", name, "--dir", w.server.file("state"))
	line := strings.TrimPrefix(strings.TrimSpace(out), "desfire agent --join ")
	path := g.file("fleet.json")
	file, err := centre.JoinTo(w.t.Context(), line, path)
	if err != nil {
		w.t.Fatalf("%s\n%v", out, err)
	}
	file.URLs = []string{g.link.URL}
	if err := file.Write(path); err != nil {
		w.t.Fatal(err)
	}
	g.journal = g.file("gate.db")
	if err := wholefile.Write(g.journal+".json", ".layout-", func(to io.Writer) error {
		_, err := io.WriteString(to, layoutText(g.slot, name))
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	j, err := boltjournal.Open(g.journal, boltjournal.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		w.t.Fatal(err)
	}
	g.args = []string{"agent", "--fleet", path, "--purse", g.journal, "--keys", w.stock.keys, "--verbose"}
	for range readers {
		s := newSpot(w.t)
		g.spots = append(g.spots, s)
		g.args = append(g.args, "--reader", s.place())
	}
	return g
}

// readers finds the ids of a gate's readers.
func (w *world) readers(g *gateway) {
	w.t.Helper()
	eventually(w.t, g.name+" shows its readers", func() error {
		ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
		defer cancel()
		agents, err := w.remote.Agents(ctx, g.name)
		if err != nil {
			return err
		}
		if len(agents) != 1 || len(agents[0].Readers) != len(g.spots) {
			return fmt.Errorf("%+v", agents)
		}
		g.readers = make([]string, len(g.spots))
		for _, r := range agents[0].Readers {
			for i, s := range g.spots {
				if strings.Contains(r.Name, s.addr) {
					g.readers[i] = r.ID
				}
			}
		}
		for _, id := range g.readers {
			if id == "" {
				return fmt.Errorf("%+v", agents[0].Readers)
			}
		}
		return nil
	})
}
