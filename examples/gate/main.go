// Command gate is a turnstile: each card that is presented pays, and the gate opens. It
// decides alone, by the journal of its purse, with keys of its own keyring or, where that
// has none, of the key service of its fleet. What it did is told to the centre whenever
// there is a network; without one it goes on, if its keys are here.
//
//	desfire purse init gate.db F48121/1 --slot 2:0 --keys keys.yaml
//	gate gate.json gate.db keys.yaml
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"sync"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/keyring"
	"github.com/go-desfire/desfire/keystore/natskeys"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/remote/centre"
	"github.com/go-desfire/desfire/remote/gate"
	"github.com/go-desfire/desfire/remote/ledger"
)

const fare = 5

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) != 4 {
		log.Fatal("usage: gate FLEET-FILE JOURNAL KEYRING")
	}
	readers, err := pcsc.Open(nil)
	if err == nil {
		err = turnstile(ctx, readers, os.Args[1], os.Args[2], os.Args[3], func(left int32) { log.Print("open; left on the card: ", left) })
	}
	if err != nil {
		log.Fatal(err)
	}
}

// turnstile opens for each card that has paid, until ctx ends.
func turnstile(ctx context.Context, readers desfire.Source, fleetFile, journal, keys string, open func(left int32)) error {
	me, err := centre.LoadFile(fleetFile)
	if err != nil {
		return err
	}
	conn, err := me.Dial(ctx, &centre.DialConfig{Offline: true}) // connects when it can
	if err != nil {
		return err
	}
	defer conn.Close()
	own, err := keyring.Open(keys, nil)
	if err != nil {
		return err
	}
	service, err := natskeys.New(conn, me.Fleet, me.Name, nil)
	if err != nil {
		return err
	}
	conf, err := gatePurse(journal)
	if err != nil {
		return err
	}
	defer conf.Journal.Close() //nolint:errcheck // each change is on disk before the card hears of it
	conf.Keys = keystore.Chain{own, service}

	out, err := ledger.NewOutbox(ledger.OutboxConfig{Conn: conn, Fleet: me.Fleet, Agent: me.Name, Journal: conf.Journal})
	if err != nil {
		return err
	}
	elsewhere, err := ledger.NewOpens(ledger.OpensConfig{Conn: conn, Fleet: me.Fleet, Agent: me.Name})
	if err != nil {
		return err
	}
	g, err := gate.New(gate.Config{
		Source: readers, Purse: *conf, Debit: fare, Again: 2 * time.Second, Foreign: gate.Elsewhere(elsewhere, out),
		OnEvent: func(e gate.Event) {
			switch e.Kind {
			case gate.Paid: // and nothing else opens it
				left := int32(-1)
				if len(e.Receipt.After) > 0 {
					left = e.Receipt.After[0].Value
				}
				open(left)
			case gate.Open:
				log.Print("present the card again")
			case gate.Refused, gate.Failed:
				log.Print("no: ", e.Err)
			}
		},
	})
	if err != nil {
		return err
	}
	var telling sync.WaitGroup
	defer telling.Wait()
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	telling.Go(func() { _ = out.Run(background) })       // what is not told now is told after the next start
	telling.Go(func() { _ = elsewhere.Run(background) }) // what others left open, if it can be known
	return g.Run(ctx)
}

// gatePurse is the purse that desfire purse init made.
func gatePurse(journal string) (*purse.Config, error) {
	text, err := os.ReadFile(journal + ".json")
	if err != nil {
		return nil, err
	}
	layout, err := purse.ParseLayout(text)
	if err != nil {
		return nil, err
	}
	conf, err := layout.Config()
	if err != nil {
		return nil, err
	}
	conf.Journal, err = boltjournal.Open(journal, boltjournal.Options{Existing: true})
	return conf, err
}
