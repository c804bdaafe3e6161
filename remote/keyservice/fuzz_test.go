package keyservice_test

import (
	"encoding/json"
	"testing"

	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/remote/keyservice"
)

// FuzzRequest sends bytes to a key service as an agent: it answers each with an error, or
// with as much as the agent may have.
func FuzzRequest(f *testing.F) {
	whats := []string{remote.KeysSlots, remote.KeysGet, remote.KeysHandshake, remote.KeysFinish, remote.KeysWrap}
	for i, what := range whats {
		m, err := remote.Encode(remote.KeyRequest{Versioned: remote.Versioned{V: 1}, Ref: ref(aesApp, 1).String(), Method: "EV2", Handshake: what, Slot: &remote.KeySlot{Version: 2, Type: "AES"}}, zeros)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), m)
	}
	c := startCentre(f, map[string]*keyservice.Rules{"gate7": all()})
	r := c.rogue("gate7")
	f.Fuzz(func(t *testing.T, kind byte, m []byte) {
		if len(m) > 1<<16 {
			return
		}
		c.clock.add(keyservice.DefaultPatience)
		what := whats[int(kind)%len(whats)]
		r := &rogue{t, r.conn, r.name}
		a, data := r.send(what, m)
		empty := len(data) == 0 && len(a.Slots) == 0
		if a.Error != nil && !empty || a.Error == nil && empty && what != remote.KeysSlots {
			t.Errorf("%s: %+v and %d bytes", what, a, len(data))
		}
		if len(data) > 0 && what != remote.KeysHandshake {
			t.Errorf("%s: %d bytes", what, len(data))
		}
	})
}

func FuzzReadUse(f *testing.F) {
	m, err := remote.Encode(keyservice.Use{Versioned: remote.Versioned{V: 1}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(m)
	f.Fuzz(func(t *testing.T, m []byte) {
		u, err := keyservice.ReadUse(m)
		if err != nil {
			return
		}
		if _, err := json.Marshal(u); err != nil {
			t.Error(err)
		}
	})
}
