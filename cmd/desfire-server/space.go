package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// space looks after the disk of the store. With less than the reserve nothing is taken
// down any more, so that what was taken down stays whole.
type space struct {
	disk    func(dir string) (free, size uint64, err error)
	dir     string
	reserve uint64
	free    atomic.Uint64
	full    atomic.Bool
	empty   atomic.Bool // nothing at all was free, and JetStream was not started anew since
}

// newSpace looks at the disk. A small one has a reserve of a tenth.
func newSpace(disk func(string) (free, size uint64, err error), dir string, reserve uint64) (*space, error) {
	s := &space{disk: disk, dir: dir, reserve: reserve}
	_, all, err := disk(dir)
	if err != nil {
		return nil, fmt.Errorf("how full the disk of %s is cannot be told: %w", dir, err)
	}
	s.reserve = min(reserve, all/10)
	return s, s.look()
}

// nothing is so little that writing may have failed.
const nothing = 4 << 20

// look looks how much is free. Once full, it takes a tenth more than the reserve to go on.
func (s *space) look() error {
	free, _, err := s.disk(s.dir)
	if err != nil {
		return err
	}
	s.free.Store(free)
	if free < nothing {
		s.empty.Store(true)
	}
	s.full.Store(free < s.reserve || s.full.Load() && free < s.reserve+s.reserve/10)
	return nil
}

// err is why nothing is taken down; nil if it is.
func (s *space) err() error {
	if !s.full.Load() {
		return nil
	}
	return fmt.Errorf("the disk of %s is nearly full, %s are free and %s are the reserve: nothing is taken down until there is room; delete something else there", s.dir, sizeWords(s.free.Load()), sizeWords(s.reserve))
}

// wait waits until the disk is full, and says so; nil if ctx ended before.
func (s *space) wait(ctx context.Context) error {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	for {
		if err := s.err(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// looks is how often the disk and JetStream are looked at.
const looks = 500 * time.Millisecond

// watch looks after the store: while the disk is full it is not ready, and where JetStream
// could not write any more NATS is started anew once there is room.
func (c *running) watch(ctx context.Context) error {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	said := false
	for {
		if err := c.space.look(); err != nil {
			c.log.Error("the disk cannot be looked at", "err", err)
		}
		full, broken := c.space.err(), c.nats.storing()
		switch {
		case full != nil:
			if c.health.Set(partStore, false, full.Error()) {
				c.log.Error("read only", "err", full)
			}
		case broken != nil, c.space.empty.Swap(false):
			if broken == nil {
				broken = errors.New("JetStream may have failed to write while the disk was full")
			}
			c.health.Set(partStore, false, broken.Error())
			c.log.Warn("NATS is started anew", "err", broken)
			c.nats.stop(false)
			if err := c.nats.start(); err != nil {
				c.log.Error("NATS does not start", "err", err)
			}
		default:
			if c.health.Set(partStore, true, "") && said {
				c.log.Info("JetStream takes things down again")
			}
			said = true
		}
		c.health.Set(partNATS, c.conn.IsConnected(), map[bool]string{false: "not connected"}[c.conn.IsConnected()])
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
