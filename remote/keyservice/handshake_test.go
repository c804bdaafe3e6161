package keyservice_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote/keyservice"
	"github.com/go-desfire/desfire/wire"
)

// way is a way to authenticate that an agent may be allowed.
type way struct {
	g      wire.Generation
	lrp    bool
	method key.Method
	place  wire.Place
	no     wire.KeyNo
}

var ways = []way{
	{wire.D40, false, key.MethodD40, des2App, 0},
	{wire.EV1, false, key.MethodISO, des2App, 0},
	{wire.EV1, false, key.MethodISO, des3App, 0},
	{wire.EV1, false, key.MethodAES, aesApp, 1},
	{wire.EV2, false, key.MethodEV2First, aesApp, 1},
	{wire.EV2, false, key.MethodEV2NonFirst, aesApp, 2},
	{wire.EV3, false, key.MethodEV2First, aesApp, 0},
	{wire.EV3, false, key.MethodAES, aesApp, 2},
	{wire.EV3, false, key.MethodISO, des3App, 0},
	{wire.Light, false, key.MethodEV2First, fixed, 3},
	{wire.Light, true, key.MethodLRPFirst, fixed, 3},
	{wire.NTAG424, true, key.MethodLRPNonFirst, fixed, 3},
}

func (w way) String() string {
	return fmt.Sprintf("%v %v lrp %v key %v of %v", w.g, w.method, w.lrp, w.no, w.place)
}

// Cards of every generation authenticate by every method that a policy may allow, with
// two questions to the centre, and what follows in the session is protected.
func TestHandshakes(t *testing.T) {
	c := startCentre(t, map[string]*keyservice.Rules{"gate7": all()})
	keys := c.keys("gate7")
	ctx := context.Background()
	for _, w := range ways {
		t.Run(w.String(), func(t *testing.T) {
			card := c.card(w.g, w.lrp)
			if err := card.Select(ctx, w.place); err != nil {
				t.Fatal(err)
			}
			if w.method == key.MethodEV2NonFirst || w.method == key.MethodLRPNonFirst {
				k, err := keys.Key(ctx, ref(w.place, 0))
				if err != nil {
					t.Fatal(err)
				}
				if err := card.AuthenticateWith(ctx, w.method-1, 0, k); err != nil {
					t.Fatal(err)
				}
			}
			k, err := keys.Key(ctx, ref(w.place, w.no))
			if err != nil {
				t.Fatal(err)
			}
			before := len(c.audit.all())
			if err := card.AuthenticateWith(ctx, w.method, w.no, k); err != nil {
				t.Fatal(err)
			}
			uses := c.audit.all()[before:]
			if len(uses) != 2 || uses[0].What != "handshake" || uses[1].What != "session" {
				t.Fatalf("taken down: %+v", uses)
			}
			for _, u := range uses {
				if !u.Allowed || u.Agent != "gate7" || u.UID != uid.String() || u.Application != w.place.String() ||
					u.Key != keystore.Number(w.no).String() || u.Method != w.method.String() || u.Handshake == "" || u.ID == "" {
					t.Errorf("taken down: %+v", u)
				}
			}
			if w.place == fixed {
				_, err = card.FileSettings(ctx, 3)
			} else {
				_, err = card.Files(ctx)
			}
			if err != nil {
				t.Error(err)
			}
			if s, ok := card.Session(); !ok || s.Method != w.method || s.KeyNo != w.no {
				t.Errorf("session %+v %v", s, ok)
			}
		})
	}
}
