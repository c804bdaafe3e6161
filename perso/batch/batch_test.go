package batch_test

import (
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// Cards get rows in the order in which they come, each once, also after the program
// was started again.
func TestIssue(t *testing.T) {
	b := newBench(t, 3)
	b.open()
	one, two, three, four := picc(t, wire.EV1, 1), picc(t, wire.EV2, 2), picc(t, wire.EV3, 3), picc(t, wire.EV3, 4)
	r := b.want(one, batch.Done, "1")
	if len(r.Keys) != 3 || !r.Proved || len(r.Reasons) > 0 {
		t.Errorf("%+v", r)
	}
	b.want(one, batch.Already, "1")
	b.want(two, batch.Done, "2")
	b.close()
	b.open()
	b.want(two, batch.Already, "2")
	b.want(one, batch.Already, "1")
	b.want(three, batch.Done, "3")
	b.want(four, batch.NoRow, "")
	if s := b.batch.Status(); s.Made != 3 || s.Free != 0 || s.Here != 1 {
		t.Errorf("%+v", s)
	}
	for i, c := range []*sim.Card{one, two, three} {
		holds(t, c, b.conf.Table.Values(b.conf.Table.Row(i)))
	}
	if got := b.results(); len(got) != 4 || !strings.HasPrefix(got[3], uidOf(three).String()+",3,done,true,") {
		t.Errorf("%q", got)
	}
}
