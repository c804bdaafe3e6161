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
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/remote"
)

// Restore puts a backup into a server that has no ledger of the fleet, with a new epoch, so that agents ship again
// what the backup does not have. What follows from it, a Centre makes. Where it fails it takes
// away what it made; what is there before is an error, and stays.
func Restore(ctx context.Context, conn *nats.Conn, fleet string, replicas int, r io.Reader) (*BackupInfo, error) {
	js, at, err := jetStreamOf(conn, fleet)
	if err != nil {
		return nil, err
	}
	x := &restorer{ctx: ctx, js: js, at: at, in: &backupReader{r: bufio.NewReaderSize(r, 256<<10), sum: sha256.New()}, n: map[string]int{}}
	info, err := x.run(max(replicas, 1))
	if err != nil {
		for _, name := range x.made {
			if e := js.DeleteStream(context.WithoutCancel(ctx), name); e != nil {
				err = errors.Join(err, fmt.Errorf("stream %s is left, and has to be deleted: %w", name, e))
			}
		}
		return nil, fmt.Errorf("ledger: the backup: %w", err)
	}
	return info, nil
}

type restorer struct {
	ctx  context.Context //nolint:containedctx // of one call
	js   jetstream.JetStream
	at   remote.Subjects
	in   *backupReader
	made []string
	n    map[string]int
}

func (x *restorer) run(replicas int) (*BackupInfo, error) {
	if err := x.in.head(x.at.Fleet); err != nil {
		return nil, err
	}
	if err := x.create(replicas); err != nil {
		return nil, err
	}
	for {
		sum := hex.EncodeToString(x.in.sum.Sum(nil))
		r, data, err := x.in.record()
		if err != nil {
			return nil, err
		}
		if r.End == nil {
			if err := x.put(r, data); err != nil {
				return nil, err
			}
			continue
		}
		if r.Sum != sum {
			return nil, errors.New("its checksum is wrong: it was changed or damaged")
		}
		for what, n := range r.End.Messages {
			if x.n[what] != n {
				return nil, fmt.Errorf("it has %d messages of %.40q, and says %d", x.n[what], what, n)
			}
		}
		return r.End, x.finish()
	}
}

// create makes the streams, which must not be there.
func (x *restorer) create(replicas int) error {
	configs := streamConfigs(x.at, replicas)
	for _, what := range []string{streamChanges, streamLedger, streamEntries, streamCorrections, streamAlarms} {
		name := x.at.Stream(what)
		if _, err := x.js.Stream(x.ctx, name); !errors.Is(err, jetstream.ErrStreamNotFound) {
			if err != nil {
				return err
			}
			return fmt.Errorf("stream %s is there: only an empty server takes a backup", name)
		}
	}
	for _, what := range []string{bucketOpen, bucketJournals, bucketSettled, bucketCards, bucketMandates, bucketState} {
		if _, err := x.js.KeyValue(x.ctx, x.at.Bucket(what)); !errors.Is(err, jetstream.ErrBucketNotFound) {
			if err != nil {
				return err
			}
			return fmt.Errorf("bucket %s is there: only an empty server takes a backup", x.at.Bucket(what))
		}
	}
	for _, what := range backupStreams {
		var name string
		if bucket, ok := cutBucket(what); ok {
			if _, err := (&store{js: x.js, at: x.at}).bucket(x.ctx, bucket, replicas); err != nil {
				return err
			}
			name = nameOf(x.at, what)
		} else {
			c := configs[what] // CHANGES gets its epoch when all is there: no centre takes it before
			if _, err := x.js.CreateStream(x.ctx, c); err != nil {
				return err
			}
			name = c.Name
		}
		x.made = append(x.made, name)
	}
	return nil
}

// put publishes a message.
func (x *restorer) put(r *backedUp, data []byte) error {
	if !slices.Contains(backupStreams, r.Stream) {
		return fmt.Errorf("it has a message of stream %.40q, which a ledger has not", r.Stream)
	}
	m := &nats.Msg{Subject: r.Subject, Data: data, Header: nats.Header{"Desfire-Stored": []string{r.Time.Format(time.RFC3339Nano)}}}
	a, err := x.js.PublishMsg(x.ctx, m)
	if err != nil {
		return fmt.Errorf("message %d of %s: %w", r.Seq, r.Stream, err)
	}
	if a.Stream != nameOf(x.at, r.Stream) {
		return fmt.Errorf("message %d of %s has the subject %.80q, which is of another stream", r.Seq, r.Stream, r.Subject)
	}
	x.n[r.Stream]++
	return nil
}

// finish gives CHANGES its epoch.
func (x *restorer) finish() error {
	s, err := x.js.Stream(x.ctx, x.at.Stream(streamChanges))
	if err != nil {
		return err
	}
	c := s.CachedInfo().Config
	if c.Metadata == nil {
		c.Metadata = map[string]string{}
	}
	c.Metadata[epochOf] = newEpoch()
	_, err = x.js.UpdateStream(x.ctx, c)
	return err
}

// CheckBackup reads the beginning of a backup, and reports why it is none of the fleet.
func CheckBackup(r io.Reader, fleet string) error {
	if err := (&backupReader{r: bufio.NewReader(r), sum: sha256.New()}).head(fleet); err != nil {
		return fmt.Errorf("ledger: the backup: %w", err)
	}
	return nil
}

// head reads the first record.
func (b *backupReader) head(fleet string) error {
	first, _, err := b.record()
	var cut *cutError
	switch {
	case err != nil && !errors.As(err, &cut), err == nil && (first.Head == nil || first.Head.Format != backupFormat):
		return fmt.Errorf("it is none, or of another version: %q is what this one reads", backupFormat)
	case err != nil:
		return err
	case first.Head.Fleet != fleet:
		return fmt.Errorf("it is of fleet %.40q, not %q", first.Head.Fleet, fleet)
	}
	return nil
}

// backupReader reads records.
type backupReader struct {
	r   *bufio.Reader
	sum hash.Hash
}

func (b *backupReader) record() (*backedUp, []byte, error) {
	text, err := b.part(maxBackupText)
	if err != nil {
		return nil, nil, err
	}
	data, err := b.part(maxBackupData)
	if err != nil {
		return nil, nil, err
	}
	r := new(backedUp)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, nil, fmt.Errorf("it is damaged: %w", err)
	}
	return r, data, nil
}

func (b *backupReader) part(limit uint32) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(b.r, size[:]); err != nil {
		return nil, cutOff(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > limit {
		return nil, fmt.Errorf("it is damaged: a part of %d bytes", n)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(b.r, p); err != nil {
		return nil, cutOff(err)
	}
	b.sum.Write(size[:])
	b.sum.Write(p)
	return p, nil
}

// cutError is that of a file that could not be read to its end.
type cutError struct{ err error }

func (e *cutError) Error() string { return e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

func cutOff(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("it is cut off: it has no end")
	}
	return &cutError{err}
}
