//go:build !linux

package fleet

import (
	"errors"
	"testing"
)

// disk is there on Linux only.
type disk struct{ cuts int }

func newDisk(testing.TB, string, int) (*disk, error) {
	return nil, errors.New("no disk that loses its power on this system")
}

func (*disk) cut()  {}
func (*disk) back() {}

const noLimit = 0

func limitFiles(int, uint64) error { return errors.New("files have no limits on this system") }
