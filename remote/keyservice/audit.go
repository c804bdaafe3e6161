package keyservice

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/remote"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Use is one use of a key by an agent, or one that was refused, as the stream AUDIT keeps
// it. It never has bytes of keys, challenges, tokens or proofs.
type Use struct {
	remote.Versioned
	ID string `json:"id"` // of this line
	// What is "handshake": a challenge was answered, "session": a card proved the key and
	// the session keys were given, "key": the type of a key was looked at, "wrap",
	// "change", or "request" for what makes no sense. Seq is 0.
	fleet.KeyUse
	Type      string `json:"type,omitempty"`
	Version   *byte  `json:"version,omitempty"`   // of the key, where it is known
	Code      string `json:"code,omitempty"`      // remote.KeyCode, of what was refused or failed
	Handshake string `json:"handshake,omitempty"` // the same for its begin and its end
	Purpose   string `json:"purpose,omitempty"`   // in the agent's words
	More      int    `json:"more,omitempty"`      // so many others of this agent were refused, too fast to take each down
}

// Audit takes uses down. It returns when a use is as safe as it will be; an error
// means that the use must not happen. It may be called from several goroutines.
type Audit func(ctx context.Context, u *Use) error

// StreamAudit takes uses down in the stream AUDIT of the fleet of a name, which EnsureAudit makes.
func StreamAudit(nc *nats.Conn, name string) (Audit, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	subjects := remote.Subjects{Fleet: name}
	stream := subjects.Stream("AUDIT")
	return func(ctx context.Context, u *Use) error {
		m, err := remote.Encode(u, nil)
		if err != nil {
			return err
		}
		_, err = js.Publish(ctx, subjects.Audit(u.Agent), m, jetstream.WithExpectStream(stream), jetstream.WithMsgID(u.ID))
		return err
	}, nil
}

// ReadUse reads a message of the stream.
func ReadUse(message []byte) (*Use, error) {
	u := new(Use)
	if _, err := remote.Decode(message, u); err != nil {
		return nil, err
	}
	return u, nil
}

// EnsureAudit makes the stream AUDIT if it is not there: kept for ever, in files, of which
// nothing is deleted. One that is there is left as it is, and must take the
// subjects of the fleet. replicas is for a cluster; 0 is 1.
func EnsureAudit(ctx context.Context, nc *nats.Conn, name string, replicas int) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	subjects := remote.Subjects{Fleet: name}
	stream := subjects.Stream("AUDIT")
	conf := jetstream.StreamConfig{
		Name: stream, Description: "uses of keys", Subjects: []string{subjects.Audit("*")},
		Storage: jetstream.FileStorage, Replicas: max(replicas, 1), DenyDelete: true, DenyPurge: true,
	}
	_, err = js.CreateStream(ctx, conf)
	if !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		return err
	}
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	have := s.CachedInfo().Config
	if len(have.Subjects) != 1 || have.Subjects[0] != conf.Subjects[0] || have.Storage != conf.Storage || !have.DenyDelete {
		return fmt.Errorf("the stream %s is there and is not what uses of keys are taken down in: want subject %s, in files, with no deletion", stream, conf.Subjects[0])
	}
	return nil
}
