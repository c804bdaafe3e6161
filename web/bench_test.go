package web

import (
	"fmt"
	"github.com/go-desfire/desfire/key"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/wire"
)

// TestBenchIsAReader: the simulated card is read with its own keys, and asked for by
// name where other readers are.
func TestBenchIsAReader(t *testing.T) {
	alone := open(t, Config{})
	alone.until("/v/rail", "Simulated card")
	alone.until("/v/card", "DESFire EV3")

	card, err := sim.New(&sim.Config{Generation: wire.EV2})
	if err != nil {
		t.Fatal(err)
	}
	field := simreader.New(play.ReaderName, card)
	c := open(t, Config{Source: field})
	body := c.until("/v/rail", "DESFire EV3")
	for strings.Count(body, "<li>") != 2 {
		body = c.until("/v/rail", "DESFire EV2")
	}
	all, _ := c.server.hub.all()
	if len(all) != 2 || all[0].simulated || !all[1].simulated {
		t.Fatal("the simulated card is not the last reader, or another of its name is taken for it")
	}
	field.Lift()
	c.until("/v/card", "Lay a card on the reader")
	body = c.until("/v/rail?reader="+all[1].id, "ride")
	if !strings.Contains(body, "AES, version 01") {
		t.Error(body)
	}

	uid := c.server.conf.Play.State().Card.UID
	ref := keystore.Ref{UID: keystore.UID(uid), Place: wire.Place{AID: 0xF58401}, Key: keystore.Number(1)}
	if _, ok, err := c.server.keys().Has(t.Context(), ref); !ok || err != nil {
		t.Error(ok, err)
	}
	if _, ok, _ := c.server.keys().Has(t.Context(), ref.Everywhere()); ok {
		t.Error("a key of the simulated card is offered for any card")
	}
	if m := c.server.masters(all[0], key.TypeAES); m != nil {
		t.Error("random master keys for a real card")
	}
	if _, ok := c.server.masters(all[1], key.TypeAES).MasterFacts(t.Context(), "campus-2026"); !ok {
		t.Error("no master keys for the simulated card")
	}
	if n := len(c.server.traceKeys(t.Context(), uid)); n != 4 {
		t.Errorf("%d keys for traffic", n)
	}
}

// TestBenchHidesItsUID: a simulated card that shows random identifiers is known by its
// real one, as a card with keys in a keyring is.
func TestBenchHidesItsUID(t *testing.T) {
	bench, err := play.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	image, err := bench.Image(true)
	if err != nil {
		t.Fatal(err)
	}
	hidden := strings.Replace(string(image), `"configuration": {}`, `"configuration": {"flags": "02"}`, 1)
	if hidden == string(image) {
		t.Fatal("the image has another form")
	}
	if err := bench.Load([]byte(hidden)); err != nil {
		t.Fatal(err)
	}
	c := open(t, Config{Play: bench})
	c.until("/v/rail", fmt.Sprintf("%X", []byte(bench.State().Card.UID)))
	if n := len(bench.Keys().Refs()); n == 0 {
		t.Error("its keys are not listed")
	}
}
