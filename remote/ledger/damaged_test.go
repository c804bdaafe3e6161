package ledger_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/internal/natstest"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// After a disk was full the first messages of CHANGES may not be there. What came after
// them counts at once, and is not waited for once for each that is missing.
func TestFirstMissing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := natstest.Start(t, nil)
	js, err := jetstream.New(s.Connect())
	must(t, err)
	at := remote.Subjects{Fleet: fleet}
	_, stop := startCentre(t, s, nil)
	stop()
	made, err := js.Stream(ctx, at.Stream("changes"))
	must(t, err)
	config := made.CachedInfo().Config
	must(t, js.DeleteStream(ctx, config.Name))
	config.FirstSeq = 5000
	_, err = js.CreateStream(ctx, config)
	must(t, err)

	card := newPlastic(t, 0x11)
	g := newGate(t, "gate7", 1)
	g.open(card)
	_, err = g.purse.Debit(ctx, card.present(t), purse.Request{ID: "ticket", Amount: 1})
	must(t, err)
	_, stop = startCentre(t, s, nil)
	g.ship(agentConn(s, "gate7"))
	eventually(t, "shipped", func() bool { return lines(t, s) == 1 })
	stop()
	g.close()
}
