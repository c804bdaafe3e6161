package ledger

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/remote"
)

// A backup is a head, messages and an end, each of them: the length of a JSON text in four bytes, most
// significant first, that text, the length of the data in four bytes, the data. The end has the SHA-256 of
// all before it.

// backupFormat is what this version writes and reads.
const backupFormat = "desfire-ledger-backup/1"

// Bounds of what Restore reads.
const (
	maxBackupText = 64 << 10
	maxBackupData = remote.MaxMessage + 64<<10
)

// BackupInfo is what a backup says of itself.
type BackupInfo struct {
	Format string    `json:"format"`
	Fleet  string    `json:"fleet"`
	Epoch  string    `json:"epoch"`
	Time   time.Time `json:"time"`
	// Messages are how many of each stream are in it.
	Messages map[string]int `json:"messages,omitempty"`
}

// backedUp is the text of a record.
type backedUp struct {
	Head    *BackupInfo `json:"head,omitempty"`
	Stream  string      `json:"stream,omitempty"`
	Subject string      `json:"subject,omitempty"`
	Seq     uint64      `json:"seq,omitempty"`
	Time    time.Time   `json:"time,omitzero"` // when it was stored
	End     *BackupInfo `json:"end,omitempty"`
	Sum     string      `json:"sum,omitempty"` // of all before
}

// backupStreams are what a backup holds, in this order: what follows from CHANGES comes before it, so that it
// never says more than CHANGES. Mandates, and what is computed again, are not in it.
var backupStreams = []string{streamLedger, streamCorrections, streamAlarms, "KV_" + bucketJournals, streamChanges}

// nameOf is the name of a stream in JetStream.
func nameOf(at remote.Subjects, what string) string {
	if bucket, ok := cutBucket(what); ok {
		return "KV_" + at.Bucket(bucket)
	}
	return at.Stream(what)
}

func cutBucket(what string) (bucket string, is bool) { return strings.CutPrefix(what, "KV_") }

// Backup writes a consistent copy of the ledger of a fleet, while it is in use: everything up to a moment
// between the call and its end. A context that ends, and a failure, leave a copy that Restore
// refuses.
func Backup(ctx context.Context, conn *nats.Conn, fleet string, w io.Writer) (*BackupInfo, error) {
	js, at, err := jetStreamOf(conn, fleet)
	if err != nil {
		return nil, err
	}
	changes, err := js.Stream(ctx, at.Stream(streamChanges))
	if err != nil {
		return nil, fmt.Errorf("ledger: stream %s: %w", at.Stream(streamChanges), err)
	}
	info := &BackupInfo{Format: backupFormat, Fleet: fleet, Epoch: changes.CachedInfo().Config.Metadata[epochOf], Time: time.Now().UTC()}
	out := &backupWriter{w: bufio.NewWriterSize(w, 256<<10), sum: sha256.New()}
	head := *info
	out.record(backedUp{Head: &head}, nil)
	info.Messages = map[string]int{}
	for _, what := range backupStreams {
		n, err := out.stream(ctx, js, at, what)
		if err != nil {
			return nil, fmt.Errorf("ledger: stream %s: %w", nameOf(at, what), err)
		}
		info.Messages[what] = n
	}
	out.record(backedUp{End: info, Sum: hex.EncodeToString(out.sum.Sum(nil))}, nil)
	if err := out.flush(); err != nil {
		return nil, fmt.Errorf("ledger: the backup: %w", err)
	}
	return info, nil
}

func jetStreamOf(conn *nats.Conn, fleet string) (jetstream.JetStream, remote.Subjects, error) {
	if err := remote.CheckName(fleet); err != nil {
		return nil, remote.Subjects{}, err
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		return nil, remote.Subjects{}, fmt.Errorf("ledger: %w", err)
	}
	return js, remote.Subjects{Fleet: fleet}, nil
}

// backupWriter writes records; the first error stays.
type backupWriter struct {
	w   *bufio.Writer
	sum hash.Hash
	err error
}

func (b *backupWriter) record(r backedUp, data []byte) {
	text, err := json.Marshal(&r)
	if err != nil && b.err == nil {
		b.err = err
	}
	for _, part := range [][]byte{text, data} {
		b.write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) //nolint:gosec // a message of NATS
		b.write(part)
	}
}

func (b *backupWriter) write(p []byte) {
	if b.err != nil {
		return
	}
	b.sum.Write(p)
	_, b.err = b.w.Write(p)
}

func (b *backupWriter) flush() error {
	if b.err != nil {
		return b.err
	}
	return b.w.Flush()
}

// stream writes the messages of a stream, up to the last one that it has now.
func (b *backupWriter) stream(ctx context.Context, js jetstream.JetStream, at remote.Subjects, what string) (n int, err error) {
	s, err := js.Stream(ctx, nameOf(at, what))
	if err != nil {
		return 0, err
	}
	state := s.CachedInfo().State
	if state.Msgs == 0 {
		return 0, nil
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	defer func() { _ = js.DeleteConsumer(context.WithoutCancel(ctx), nameOf(at, what), c.CachedInfo().Name) }()
	it, err := c.Messages()
	if err != nil {
		return 0, err
	}
	defer it.Stop()
	defer context.AfterFunc(ctx, it.Stop)()
	for {
		m, err := it.Next()
		if err != nil {
			return n, errors.Join(err, ctx.Err())
		}
		meta, err := m.Metadata()
		if err != nil {
			return n, err
		}
		if meta.Sequence.Stream > state.LastSeq {
			return n, nil
		}
		if len(m.Headers()) == 0 || m.Headers().Get("KV-Operation") == "" { // not a mark of what was removed
			b.record(backedUp{Stream: what, Subject: m.Subject(), Seq: meta.Sequence.Stream, Time: meta.Timestamp.UTC()}, m.Data())
			n++
		}
		if b.err != nil || meta.Sequence.Stream == state.LastSeq {
			return n, b.err
		}
	}
}
