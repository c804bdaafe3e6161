package fleet

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/internal/freeport"
)

// TestJetStreamLosesPower is what the centre relies on: with sync_interval always, what a
// server has acknowledged survives the loss of power; and by default it does not,
// which is why the centre does not believe an acknowledgement alone.
func TestJetStreamLosesPower(t *testing.T) {
	for name, more := range map[string]string{"always": "sync_interval: always", "default": ""} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t)
			d, err := newDisk(t, filepath.Join(dir, "disk"), 64)
			if err != nil {
				t.Skip(err)
			}
			port := freeport.Take(t, 1)[0]
			p := role(t, dir, "nats1", "nats", filepath.Join(dir, "nats1", "nats.conf"))
			conf := fmt.Sprintf("server_name: n\nhost: 127.0.0.1\nport: %d\njetstream {\nstore_dir: %q\n%s\n}\n", port, d.dir, more)
			if err := os.WriteFile(p.file("nats.conf"), []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			acked := 0
			for range 3 {
				p.start()
				p.says("ready")
				nc, err := nats.Connect(fmt.Sprintf("nats://127.0.0.1:%d", port))
				if err != nil {
					t.Fatal(err)
				}
				js, err := nc.JetStream()
				if err != nil {
					t.Fatal(err)
				}
				_, err = js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.*"}, MaxMsgsPerSubject: 1, Discard: nats.DiscardNew, DiscardNewPerSubject: true, DenyDelete: true})
				if err != nil {
					t.Fatal(err)
				}
				lost := 0
				for i := range acked {
					if _, err := js.GetLastMsg("S", fmt.Sprint("s.", i)); err != nil {
						lost++
					}
				}
				if name == "always" && lost > 0 || name == "default" && acked > 0 && lost == 0 {
					t.Errorf("%d of %d acknowledged messages are lost", lost, acked)
				}
				t.Logf("%d of %d acknowledged messages are lost", lost, acked)
				for end := acked + 200; acked < end; acked++ {
					if _, err := js.Publish(fmt.Sprint("s.", acked), []byte("a change")); err != nil {
						if name == "default" {
							continue
						}
						t.Fatal(err)
					}
				}
				nc.Close()
				d.cut()
				p.kill()
				d.back()
			}
		})
	}
}
