package web

import "testing"

func TestQueue(t *testing.T) {
	q := newQueue()
	for range 3 {
		q.put(event{Kind: "card", Reader: "r1"})
		q.put(event{Kind: "job", Reader: "r1", Data: "j1"})
		q.put(event{Kind: "job", Reader: "r1", Data: "j2"})
	}
	if got := q.take(); len(got) != 3 {
		t.Errorf("what waits already is told again: %v", got)
	}
	for i := range 1000 {
		q.put(event{Kind: "traffic", Reader: "r1", Data: i})
	}
	q.put(event{Kind: "card", Reader: "r2"})
	got := q.take()
	if len(got) != mostWaiting+3 {
		t.Fatalf("%d events", len(got))
	}
	if e := got[mostWaiting]; e.Kind != eventGap || e.Data != (gap{"traffic", 1000 - mostWaiting}) {
		t.Errorf("the gap is %v", e)
	}
	if e := got[len(got)-1]; e.Kind != eventAll {
		t.Errorf("the page is not told to look at everything: %v", e)
	}
	if got := q.take(); len(got) != 0 {
		t.Errorf("told twice: %v", got)
	}
}
