package batch

import "errors"

// ErrFull is what a disk says that is full.
var ErrFull = errors.New("no space left on device")

// FailDisk lets the book's disk fail at its nth write or sync from now, and at all that
// follow. cut is how much of the failing line is written all the same; -1 lets its sync
// fail.
func (b *Batch) FailDisk(n, cut int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.book.f = &failing{disk: b.book.f, n: n, cut: cut}
}

type failing struct {
	disk
	n, cut int
}

func (f *failing) WriteAt(p []byte, at int64) (int, error) {
	f.n--
	if f.n > 0 || f.cut < 0 {
		return f.disk.WriteAt(p, at)
	}
	n, err := f.disk.WriteAt(p[:min(f.cut, len(p))], at)
	return n, errors.Join(err, ErrFull)
}

func (f *failing) Sync() error {
	if f.n <= 0 {
		return ErrFull
	}
	return f.disk.Sync()
}

// FailResults lets the next line of the results fail.
func (b *Batch) FailResults() {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.results.f.Close()
}
