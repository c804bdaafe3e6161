package sdm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// CounterFile is a Replay in a file: a JSON object of UID and last counter. It is
// for one computer. A lock, of the operating system and on a file beside it,
// keeps others out for as long as a counter is taken.
type CounterFile struct{ Path string }

const (
	lockWait = 3 * time.Second
	lockLook = 20 * time.Millisecond
)

// at is where the file is. Whoever uses a link to it and whoever uses the file
// itself share the counters, and the lock.
func (c *CounterFile) at() string {
	return wholefile.Name(c.Path)
}

// lock waits for the lock.
func (c *CounterFile) lock(ctx context.Context) (*filelock.Lock, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		l, err := filelock.Take(filelock.Name(c.at()), filepath.Base(os.Args[0]))
		var held *filelock.HeldError
		if !errors.As(err, &held) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is in use%s: wait until it is free", c.Path, held.Holder())
		case <-time.After(lockLook):
		}
	}
}

// Use implements Replay. The counter is safe on disk when it returns.
func (c *CounterFile) Use(ctx context.Context, uid []byte, counter uint32) (err error) {
	l, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Release()) }()
	counters, err := c.load()
	if err != nil {
		return err
	}
	id := fmt.Sprintf("%X", uid)
	if last, ok := counters[id]; ok && counter <= last {
		return fmt.Errorf("counter %d of %s, after %d: %w", counter, id, last, ErrReplay)
	}
	counters[id] = counter
	return c.save(counters)
}

func (c *CounterFile) load() (map[string]uint32, error) {
	counters := make(map[string]uint32)
	b, err := os.ReadFile(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return counters, nil
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&counters); err != nil || d.More() || counters == nil {
		return nil, fmt.Errorf(`%s: this is no file of counters: want {"UID":counter,...}`, c.Path)
	}
	return counters, nil
}

// save replaces the file, so that it is always a whole one.
func (c *CounterFile) save(counters map[string]uint32) error {
	b, err := json.MarshalIndent(counters, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(c.Path, filepath.Base(c.at())+".new", func(w io.Writer) error {
		_, err := w.Write(append(b, '\n'))
		return err
	})
}
