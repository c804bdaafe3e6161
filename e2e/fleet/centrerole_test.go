package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/remote/ledger"
	"github.com/go-desfire/desfire/wire"
)

// centreNode is the role "centre": NATS that syncs always, ledger and key service in one
// process, for everybody, in the folder args[0], on the port args[1], with the keys
// args[2]. On proof.profile it begins or ends a CPU profile in that folder.
func centreNode(args []string) error {
	port, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: filepath.Join(args[0], "store"), SyncAlways: true, MaxPending: 256 << 20})
	if err != nil {
		return err
	}
	go s.Start()
	if !s.ReadyForConnections(wait) {
		return errors.New("NATS is not ready")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	keys, err := keyring.Open(args[2], nil)
	if err != nil {
		return err
	}
	connect := func() (*nats.Conn, error) {
		return nats.Connect("", nats.InProcessServer(s), nats.MaxReconnects(-1), nats.CustomInboxPrefix("_INBOX.centre"))
	}
	conns := make([]*nats.Conn, 3)
	for i := range conns {
		if conns[i], err = connect(); err != nil {
			return err
		}
	}
	books, err := ledger.NewCentre(ledger.Config{Conn: conns[0], Fleet: "main", Keys: keys})
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := books.Run(ctx); err != nil && ctx.Err() == nil {
			fmt.Println("ledger:", err)
		}
	})
	<-books.Ready()
	if err := keyservice.EnsureAudit(ctx, conns[1], "main", 1); err != nil {
		return err
	}
	audit, err := keyservice.StreamAudit(conns[1], "main")
	if err != nil {
		return err
	}
	place := wire.Place{AID: purseAID}
	service, err := keyservice.New(keyservice.Config{Conn: conns[1], Fleet: "main", Store: keys, Audit: audit, Policy: &keyservice.Policy{Agents: map[string]*keyservice.Rules{
		"*": {Keys: map[wire.Place][]keystore.ID{place: {keystore.Number(1)}}, Rate: 1_000_000, Shared: true, Keep: wait},
	}, Pending: 1000}})
	if err != nil {
		return err
	}
	running.Go(func() {
		if err := service.Run(ctx); err != nil && ctx.Err() == nil {
			fmt.Println("keys:", err)
		}
	})
	var profile *os.File
	_, err = conns[2].Subscribe("proof.profile", func(m *nats.Msg) {
		if profile != nil {
			pprof.StopCPUProfile()
			_ = profile.Close()
			profile = nil
		} else if profile, err = os.Create(filepath.Join(args[0], "cpu")); err == nil {
			err = pprof.StartCPUProfile(profile)
		}
		_ = m.Respond(nil)
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	<-ctx.Done()
	running.Wait()
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
