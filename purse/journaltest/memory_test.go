package journaltest_test

import (
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/journaltest"
)

// memory is a place of journals in this process.
type memory struct{}

func (memory) Open() (purse.Journal, error) { return purse.Memory(nil), nil }

func (memory) Forgets() {}

func TestMemory(t *testing.T) {
	journaltest.Run(t, func(*testing.T) journaltest.Place { return memory{} })
}
