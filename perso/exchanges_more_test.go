package perso_test

import (
	"context"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// TestExchangesMore is TestExchanges for options, special keys, key sets, delegation,
// rotation and the files of a Light. What is read back before what is for ever is not
// counted in advance.
func TestExchangesMore(t *testing.T) {
	type try struct {
		name   string
		layout *perso.Layout
		keys   keystore.Map
		picc   *sim.Card
	}
	var list []try
	add := func(name string, picc *sim.Card, l *perso.Layout, keys keystore.Map) {
		list = append(list, try{name: name, layout: l, keys: keys, picc: picc})
	}
	for _, g := range withOptions {
		l, keys := issued(t, g, rich(g))
		add("issued "+g.String(), newPICC(t, g), l, keys)
	}
	l, keys := delegating(t)
	add("delegated", newPICC(t, wire.EV3), l, keys)
	l, keys = withSets(t, 3)
	add("key sets", keySetPICC(t, true), l, keys)
	l, keys = lightCard(t, 5, 1)
	add("Light", newPICC(t, wire.Light), l, keys)
	for _, x := range list {
		exchangesOf(t, x.name, x.picc, x.layout, &perso.Config{Want: x.keys, Journal: new(memJournal), Irreversible: perso.Irreversible()})
	}
	l = rotatable(t)
	picc := keySetPICC(t, true)
	_, conf := rotating(t, l, picc)
	exchangesOf(t, "rotation", picc, l, conf())
}

func exchangesOf(t *testing.T, name string, picc *sim.Card, l *perso.Layout, conf *perso.Config) {
	t.Helper()
	air := &torn{Activation: picc.Present()}
	card, err := desfire.Connect(context.Background(), air, nil)
	if err != nil {
		t.Fatal(err)
	}
	var steps []perso.Step
	var from []int
	conf.OnStep = func(p perso.Progress) { steps, from = append(steps, p.Step), append(from, air.seen) }
	if _, err := perso.Apply(context.Background(), card, l, conf); err != nil {
		t.Fatal(name, err)
	}
	for i, s := range steps {
		end := air.seen
		if i+1 < len(steps) {
			end = from[i+1]
		}
		if d := s.Exchanges - (end - from[i]); s.Kind != perso.VerifyAll && (d < -3 || d > 3) {
			t.Errorf("%s: %s: said %d, took %d", name, s.Words, s.Exchanges, end-from[i])
		}
	}
}
