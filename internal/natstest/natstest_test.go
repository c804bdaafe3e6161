package natstest

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestRestart(t *testing.T) {
	s := Start(t, nil)
	nc := s.Connect()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.AddStream(&nats.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish("s.1", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	s.Restart(nil)
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		m, err := js.GetMsg("S", 1)
		if err == nil && string(m.Data) == "kept" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after a restart: %v %v", m, err)
		}
	}
}
