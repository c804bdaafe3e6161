package bench_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/purse/boltjournal"
)

// journals are debits with a journal on disk, beside a write and an fsync in the
// same folder.
func journals(t testing.TB, s size) (rows []row) {
	const group = "purse: a debit, with a journal on disk (purse/boltjournal)"
	dir := t.TempDir()
	var loose, synced []*lane
	for _, r := range []receipts{receiptsOf[0], receiptsOf[3]} {
		loose = append(loose, kept(t, dir, r, r.name+", left to the system", false))
		synced = append(synced, kept(t, dir, r, r.name+", with fsync, beside one write and fsync", true))
	}
	rows = s.alone(group, loose...)
	f, err := os.Create(filepath.Join(dir, "bare"))
	must(t, err)
	defer f.Close()
	page := make([]byte, 4096)
	floor := &lane{once: func() {
		_, err := f.WriteAt(page, 0)
		must(t, err)
		must(t, f.Sync())
	}}
	s.measure(append(synced, floor)...)
	for _, l := range synced {
		rows = append(rows, s.beside(group, l, floor))
	}
	return rows
}

// kept are debits with a journal in a folder.
func kept(t testing.TB, dir string, r receipts, what string, sync bool) *lane {
	t.Helper()
	picc, conf := r.made(t)
	j, err := boltjournal.Open(filepath.Join(dir, what), boltjournal.Options{NoSync: !sync})
	must(t, err)
	t.Cleanup(func() { must(t, j.Close()) })
	conf.Journal = j
	return debits(t, what, picc, conf)
}
