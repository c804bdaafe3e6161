//go:build unix

package batch_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/wire"
)

// Nobody writes to a pipe, and nobody is waited for. What holds nothing can take results.
func TestResultsElsewhere(t *testing.T) {
	b := newBench(t, 1)
	b.conf.Results = filepath.Join(t.TempDir(), "pipe.csv")
	if err := syscall.Mkfifo(b.conf.Results, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan bool)
	go func() {
		b.refused("is a pipe")
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("it waits")
	}
	b.conf.Results = "/dev/null"
	b.open()
	b.want(picc(t, wire.EV2, 1), batch.Done, "1")
	b.close()
}
