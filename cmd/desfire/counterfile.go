package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-desfire/desfire/sdm"
)

// counterFile remembers the last counter of each card in a JSON object, UID to
// counter. It is for one computer: a lock file beside it keeps others out for as
// long as a counter is taken.
type counterFile struct{ path string }

const (
	lockWait = 3 * time.Second
	lockLook = 20 * time.Millisecond
)

// lock makes the lock file.
func (c *counterFile) lock(ctx context.Context) (unlock func() error, err error) {
	name := c.path + ".lock"
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			return func() error { return os.Remove(name) }, f.Close()
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%s is in the way: another program uses the counters, or one was ended before it could remove this file", name)
		case <-time.After(lockLook):
		}
	}
}

// update notes a counter that is newer than the last one.
func (c *counterFile) update(ctx context.Context, id string, counter uint32) (err error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	counters, err := c.load()
	if err != nil {
		return err
	}
	if last, ok := counters[id]; ok && counter <= last {
		return fmt.Errorf("counter %d of %s, after %d: %w", counter, id, last, sdm.ErrReplay)
	}
	counters[id] = counter
	return c.save(counters)
}

func (c *counterFile) load() (map[string]uint32, error) {
	counters := make(map[string]uint32)
	b, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return counters, nil
	}
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if err := d.Decode(&counters); err != nil || d.More() || counters == nil {
		return nil, fmt.Errorf(`%s: this is no file of counters: want {"UID":counter,...}`, c.path)
	}
	return counters, nil
}

// save replaces the file, so that it is always a whole one.
func (c *counterFile) save(counters map[string]uint32) (err error) {
	b, err := json.MarshalIndent(counters, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), filepath.Base(c.path)+".new*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(append(b, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.path)
}
