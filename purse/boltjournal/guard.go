package boltjournal

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
)

// database is a mapped database. bbolt panics where pages contradict each other, and
// a mapped file that somebody cuts faults. Both become a *DamagedError; then bbolt
// may hold a lock that it waits for the next time, and is not asked any more.
type database struct {
	name  string // for errors
	bolt  *bolt.DB
	file  *os.File // of bolt
	stuck error
	first bool // it is of the first format
}

// run runs what uses bolt.
func (d *database) run(use func() error) (err error) {
	if d.stuck != nil {
		return d.stuck
	}
	before := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(before)
	defer func() {
		if p := recover(); p != nil {
			d.stuck = &DamagedError{d.name, fmt.Sprint(p)}
			err = d.stuck
		}
	}()
	return use()
}

func (d *database) view(see func(tx *bolt.Tx) error) error {
	return d.run(func() error { return d.bolt.View(see) })
}

func (d *database) update(change func(tx *bolt.Tx) error) error {
	return d.run(func() error { return d.bolt.Update(change) })
}

// damaged says what is wrong with the database.
func (d *database) damaged(err error) error {
	if errors.As(err, new(*DamagedError)) {
		return err
	}
	return &DamagedError{d.name, err.Error()}
}

// close gives the file up. One that is stuck stays until the program ends.
func (d *database) close() error {
	if d.bolt == nil || d.stuck != nil {
		return nil
	}
	return d.bolt.Close()
}
