package perso_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/wire"
)

// A key that stays in a safe is impossible to set, whatever it is for, and the plan says
// so before anything is done. What the card holds already can be one.
func TestKeysInASafe(t *testing.T) {
	ctx := context.Background()
	safe := func(b byte) keystore.Given {
		k, err := key.NewAES([]byte{b, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, b)
		if err != nil {
			t.Fatal(err)
		}
		return keystore.Given{Key: struct{ key.Key }{k}, Source: "token"}
	}
	app := wire.Place{AID: appA}
	all := map[string]keystore.Ref{
		"card":       {Key: keystore.Number(0)},
		"delegation": {Key: keystore.RoleDAMAuth.ID()},
		"master":     {Place: app, Key: keystore.Number(0)},
		"key 1":      {Place: app, Key: keystore.Number(1)},
		"tmac":       {Place: app, Key: keystore.RoleTransactionMAC.ID()},
	}
	for name, ref := range all {
		layout := small(func(l *perso.Layout, a *perso.Application, _ *perso.File) {
			l.Card = &perso.Level{Keys: []perso.KeyWant{{No: 0}, {No: wire.KeyDAMAuth}}}
			a.Files = append(a.Files, perso.File{No: 9, Settings: wire.FileSettings{Type: wire.FileTransactionMAC, Access: access(1, wire.Never, wire.Never, 0)}})
		})
		want := keystore.Map{ref: safe(7)}
		if name != "tmac" {
			given := safe(9)
			given.Key = given.Key.(struct{ key.Key }).Key
			want[all["tmac"]] = given
		}
		picc := newPICC(t, wire.EV2)
		conf := &perso.Config{Want: want, Journal: new(memJournal)}
		p, err := perso.Apply(ctx, connect(t, picc), layout, conf)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n := len(p.Impossible); n != 1 || !strings.Contains(p.Impossible[0].Text, "does not give them away") {
			t.Errorf("%s: impossible %q", name, p.Impossible)
		}
		for _, s := range p.Steps {
			if s.Kind == perso.ChangeKey {
				t.Errorf("%s: %s", name, s.Words)
			}
		}
		if name == "tmac" {
			continue
		}
		// Set by somebody who has the bytes, it serves.
		open := want[ref]
		open.Key = open.Key.(struct{ key.Key }).Key
		bytes := keystore.Map{ref: open, all["tmac"]: want[all["tmac"]]}
		apply(t, picc, layout, &perso.Config{Want: bytes, Journal: new(memJournal)})
		p, err = perso.NewPlan(ctx, connect(t, picc), layout, conf)
		if err != nil || len(p.Impossible) > 0 || slices.ContainsFunc(p.Steps, func(s perso.Step) bool { return s.Kind == perso.ChangeKey }) {
			t.Errorf("%s: %v, %q, %+v", name, err, p.Impossible, p.Steps)
		}
	}
}
