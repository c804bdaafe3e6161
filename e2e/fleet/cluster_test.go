package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/freeport"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/ledger"
)

// newCluster starts n NATS servers with JetStream, each a process.
func newCluster(t testing.TB, dir string, n int) (nodes []*process, urls string) {
	t.Helper()
	ports := freeport.Take(t, 2*n)
	var routes, all []string
	for i := range n {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[n+i]))
		all = append(all, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
	}
	for i := range n {
		name := fmt.Sprint("nats", i+1)
		p := role(t, dir, name, "nats", filepath.Join(dir, name, "nats.conf"))
		conf := fmt.Sprintf("server_name: %s\nhost: 127.0.0.1\nport: %d\njetstream: {store_dir: %q, sync_interval: always}\ncluster: {name: fleet, host: 127.0.0.1, port: %d, routes: [%s]}\n",
			name, ports[i], p.file("store"), ports[n+i], strings.Join(routes, ", "))
		if err := os.WriteFile(p.file("nats.conf"), []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, p)
	}
	for _, p := range nodes {
		p.start()
	}
	for _, p := range nodes {
		p.says("ready")
	}
	return nodes, strings.Join(all, ",")
}

// TestCluster ships debits to a ledger in a cluster of three while the leader of
// CHANGES is killed, in the long form each time another one: the ledger is the sum of the cards.
func TestCluster(t *testing.T) {
	dir := folder(t)
	stock := newStock(t, dir)
	nodes, urls := newCluster(t, dir, 3)
	keys, err := keyring.Open(stock.keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	go1 := func(run func(context.Context) error) {
		running.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	var books *ledger.Centre
	eventually(t, "the cluster has streams", func() error {
		if books, err = ledger.NewCentre(ledger.Config{Conn: dial(t, urls, "centre"), Fleet: "main", Keys: keys, Replicas: 3}); err != nil {
			return err
		}
		one, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		running.Go(func() { ended <- books.Run(one) })
		select {
		case <-books.Ready():
			running.Go(func() {
				if err := <-ended; err != nil && ctx.Err() == nil {
					t.Error(err)
				}
				stop()
			})
			return nil
		case err := <-ended:
			stop()
			return err
		}
	})
	journal := purse.Memory(nil)
	conf, err := purseOf(0, stock.keys, journal)
	if err != nil {
		t.Fatal(err)
	}
	p, err := purse.Open(*conf)
	if err != nil {
		t.Fatal(err)
	}
	out, err := ledger.NewOutbox(ledger.OutboxConfig{Conn: dial(t, urls, "gate1"), Fleet: "main", Agent: "gate1", Journal: journal, Linger: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	go1(out.Run)
	card := stock.card()
	var sum int64
	debit := func() {
		t.Helper()
		c, err := desfire.Connect(ctx, &watched{card.picc.Present(), card}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := p.Debit(ctx, c, purse.Request{Amount: 3}); err != nil {
			t.Fatal(err)
		}
		sum += 3
	}
	watch := dial(t, urls, "watch")
	js, err := watch.JetStream(nats.MaxWait(5 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	goesOn := func() time.Duration {
		begin := time.Now()
		debit()
		last := out.Status().Confirmed
		eventually(t, "the centre takes changes", func() error {
			if s := out.Status(); s.Confirmed <= last || s.Confirmed < s.Last {
				return fmt.Errorf("%+v", s)
			}
			return nil
		})
		return time.Since(begin).Round(time.Millisecond)
	}
	t.Logf("a debit is confirmed after %v", goesOn())
	kills := 1
	if *soak {
		kills = len(nodes)
	}
	for range kills {
		var leader *process
		eventually(t, "CHANGES has a leader", func() error {
			info, err := js.StreamInfo(remote.Subjects{Fleet: "main"}.Stream("changes"))
			if err != nil || info.Cluster == nil {
				return errors.Join(err, errors.New("no cluster"))
			}
			for _, n := range nodes {
				if n.name == info.Cluster.Leader {
					leader = n
				}
			}
			for _, r := range info.Cluster.Replicas {
				if !r.Current {
					return fmt.Errorf("%s is behind", r.Name)
				}
			}
			if leader == nil {
				return errors.New("no leader")
			}
			return nil
		})
		for range 5 {
			debit()
		}
		leader.kill()
		t.Logf("%s, the leader, killed: a debit is confirmed after %v", leader.name, goesOn())
		leader.start()
		leader.says("ready")
	}
	value, _ := card.truth()
	eventually(t, "the ledger is the sum of the card", func() error {
		s := books.Totals()
		if int64(value) != startsAt-sum || len(s.Files) != 1 || s.Files[0].Happened != -sum || s.Open != 0 {
			return fmt.Errorf("the card holds %d, debits are %d: %+v", value, sum, s)
		}
		return nil
	})
}
