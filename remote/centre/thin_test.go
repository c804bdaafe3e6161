package centre_test

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote/centre"
)

// An agent joins, and says and hears what is its own.
func TestJoinAndTalk(t *testing.T) {
	for _, secure := range []bool{false, true} {
		w := start(t, secure, nil)
		service := w.serve()
		a := dial(t, w.agent("gate7"))
		admin := dial(t, w.join(centre.Invitation{Name: "ann", Role: centre.Admin}))

		lease := w.subs.Lease("gate7", "r0")
		if _, err := a.Subscribe(lease, func(m *nats.Msg) { _ = m.Respond([]byte("granted")) }); err != nil {
			t.Fatal(err)
		}
		if err := a.FlushWithContext(within(t)); err != nil {
			t.Fatal(err)
		}
		m, err := admin.RequestWithContext(within(t), lease, []byte("please"))
		if err != nil || string(m.Data) != "granted" {
			t.Fatalf("lease: %v, %v", m, err)
		}
		if _, err := service.Subscribe(w.subs.Keys("*", ">"), func(m *nats.Msg) { _ = m.Respond([]byte(m.Subject)) }); err != nil {
			t.Fatal(err)
		}
		if err := service.FlushWithContext(within(t)); err != nil {
			t.Fatal(err)
		}
		if m, err := a.RequestWithContext(within(t), w.subs.Keys("gate7", "has"), nil); err != nil || string(m.Data) != w.subs.Keys("gate7", "has") {
			t.Fatalf("keys: %v, %v", m, err)
		}
		if err := a.Publish(w.subs.Hello("gate7"), []byte("hello")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "seen", func() bool {
			for _, m := range w.auth.Members() {
				if m.Name == "gate7" && m.Seen != nil {
					return true
				}
			}
			return false
		})
	}
}
