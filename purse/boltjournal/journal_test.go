package boltjournal_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/purse/journaltest"
)

// place is a folder with one journal.
type place struct {
	path string
	r    *rand.Rand
}

func (p *place) Open() (purse.Journal, error) {
	return boltjournal.Open(p.path, boltjournal.Options{NoSync: true})
}

func (p *place) Kill(j purse.Journal) error { return j.(*boltjournal.Journal).Abandon() }

// CutPower leaves the notes as a loss of power may: sectors of them as they were, as
// they became, or empty.
func (p *place) CutPower(j purse.Journal) error {
	if err := p.Kill(j); err != nil {
		return err
	}
	name := boltjournal.NotesName(p.path)
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	switch p.r.IntN(6) {
	case 0: // all is there
		return nil
	case 1:
		return os.Remove(name)
	case 2:
		b = b[:p.r.IntN(len(b)+1)]
	case 3:
		clear(b[:min(512, len(b))])
	default: // behind the head
		for at := 512; at < len(b); at += 512 {
			if p.r.IntN(3) == 0 {
				clear(b[at:min(at+512, len(b))])
			}
		}
	}
	return os.WriteFile(name, b, 0o600)
}

func TestConformance(t *testing.T) {
	journaltest.Run(t, func(t *testing.T) journaltest.Place {
		return &place{filepath.Join(t.TempDir(), "purse.db"), rand.New(rand.NewPCG(1, 2))}
	})
}
