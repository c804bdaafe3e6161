package ledger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/remote"
)

// Names of the streams and buckets, for remote.Subjects.Stream and Bucket.
const (
	streamChanges     = "changes"
	streamLedger      = "ledger"
	streamEntries     = "entries"
	streamCorrections = "corrections"
	streamAlarms      = "alarms"

	bucketOpen     = "open"     // UID.APPLICATION.ID: Opened
	bucketJournals = "journals" // generation: the agent that has it
	bucketSettled  = "settled"  // AGENT.ID: what it is to be told
	bucketCards    = "cards"    // UID.APPLICATION: Books
	bucketMandates = "mandates"
	bucketState    = "ledger" // how far what follows from CHANGES is
)

// epochOf is where the metadata of CHANGES has the epoch.
const epochOf = "desfire-epoch"

// errStore is what JetStream answers where it does not store: the description says why.
const errStore jetstream.ErrorCode = 10077

// store is the streams and buckets of a fleet.
type store struct {
	js       jetstream.JetStream
	at       remote.Subjects
	epoch    string
	changes  jetstream.Stream
	ledger   jetstream.Stream
	entries  jetstream.Stream
	alarms   jetstream.Stream
	fixes    jetstream.Stream
	open     jetstream.KeyValue
	journals jetstream.KeyValue
	settled  jetstream.KeyValue
	cards    jetstream.KeyValue
	mandates jetstream.KeyValue
	state    jetstream.KeyValue
}

// streamConfigs are the streams, by name. Nobody takes anything out of those that are for ever.
func streamConfigs(at remote.Subjects, replicas int) map[string]jetstream.StreamConfig {
	forever := func(what string, subjects ...string) jetstream.StreamConfig {
		return jetstream.StreamConfig{
			Name: at.Stream(what), Subjects: subjects, Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy,
			Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true, Replicas: replicas,
			AllowDirect: replicas == 1, // else another replica answers, which may be behind
			Compression: jetstream.S2Compression, MaxMsgSize: remote.MaxMessage,
		}
	}
	all := map[string]jetstream.StreamConfig{streamChanges: forever(streamChanges, at.Changes("*")+".*")}
	once := func(what, subject string) {
		s := forever(what, subject)
		s.MaxMsgsPerSubject, s.DiscardNewPerSubject = 1, true
		all[what] = s
	}
	once(streamLedger, at.Ledger("*"))
	once(streamCorrections, at.Correction("*", "*"))
	once(streamAlarms, at.Alarm("*", "*"))
	now := forever(streamEntries, at.Entry("*", "*", "*", "*"))
	now.MaxMsgsPerSubject, now.Discard = 1, jetstream.DiscardOld
	now.DenyDelete, now.DenyPurge = false, false
	all[streamEntries] = now
	return all
}

// openStore makes what is missing, and waits until JetStream is there.
func openStore(ctx context.Context, js jetstream.JetStream, at remote.Subjects, replicas int) (*store, error) {
	s := &store{js: js, at: at}
	streams := map[string]*jetstream.Stream{
		streamChanges: &s.changes, streamLedger: &s.ledger, streamEntries: &s.entries, streamCorrections: &s.fixes, streamAlarms: &s.alarms,
	}
	for what, config := range streamConfigs(at, replicas) {
		made, err := s.stream(ctx, config)
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", config.Name, err)
		}
		*streams[what] = made
	}
	s.epoch = s.changes.CachedInfo().Config.Metadata[epochOf]
	if s.epoch == "" {
		return nil, fmt.Errorf("stream %s was not made by this program, or not finished: it has no epoch", s.changes.CachedInfo().Config.Name)
	}
	for what, to := range map[string]*jetstream.KeyValue{
		bucketOpen: &s.open, bucketJournals: &s.journals, bucketSettled: &s.settled, bucketCards: &s.cards,
		bucketMandates: &s.mandates, bucketState: &s.state,
	} {
		kv, err := s.bucket(ctx, what, replicas)
		if err != nil {
			return nil, fmt.Errorf("bucket %s: %w", at.Bucket(what), err)
		}
		*to = kv
	}
	return s, nil
}

func (s *store) stream(ctx context.Context, config jetstream.StreamConfig) (jetstream.Stream, error) {
	have, err := s.js.Stream(ctx, config.Name)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return have, err
	}
	if config.Name == s.at.Stream(streamChanges) {
		config.Metadata = map[string]string{epochOf: newEpoch()}
	}
	have, err = s.js.CreateStream(ctx, config)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another centre was faster
		return s.js.Stream(ctx, config.Name)
	}
	return have, err
}

// gone is how long the marks of removed keys stay.
const gone = 24 * time.Hour

func (s *store) bucket(ctx context.Context, what string, replicas int) (jetstream.KeyValue, error) {
	kv, err := s.js.KeyValue(ctx, s.at.Bucket(what))
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return kv, err
	}
	kv, err = s.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: s.at.Bucket(what), History: 1, Storage: jetstream.FileStorage, Replicas: replicas, LimitMarkerTTL: gone,
	})
	if errors.Is(err, jetstream.ErrBucketExists) {
		return s.js.KeyValue(ctx, s.at.Bucket(what))
	}
	return kv, err
}

func newEpoch() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// remove removes a key.
func remove(ctx context.Context, kv jetstream.KeyValue, key string) error {
	err := kv.Purge(ctx, key, jetstream.PurgeTTL(gone))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil
	}
	return err
}

// once publishes to a subject that has one message for ever. taken is false if it has
// one already.
func (s *store) once(ctx context.Context, subject string, data []byte) (taken bool, err error) {
	_, err = s.js.Publish(ctx, subject, data, jetstream.WithRetryAttempts(0))
	var api *jetstream.APIError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &api) && api.ErrorCode == errStore && strings.Contains(api.Description, "per subject"):
		return false, nil
	}
	return false, err
}

// conflict reports whether somebody else wrote to the subject in between.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
