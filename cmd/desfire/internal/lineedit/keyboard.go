package lineedit

import (
	"context"
	"os"
	"sync"
)

// Keyboard reads a terminal for several readers, one after the other. Whoever
// gives up waiting leaves what is typed later to the next one, which a blocked
// read of the file itself would swallow.
type Keyboard struct {
	f  *os.File
	mu sync.Mutex // one reader at a time

	came chan typed // of the read that goes on; nil if none does
}

type typed struct {
	b   byte
	n   int
	err error
}

// NewKeyboard is a Keyboard of a terminal.
func NewKeyboard(f *os.File) *Keyboard { return &Keyboard{f: f} }

// read reads one byte, so that nothing is taken that is not used.
func (k *Keyboard) read(ctx context.Context, p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(p) == 0 || ctx.Err() != nil {
		return 0, ctx.Err()
	}
	if k.came == nil {
		came := make(chan typed, 1)
		k.came = came
		go func() {
			var b [1]byte
			n, err := k.f.Read(b[:])
			came <- typed{b[0], n, err}
		}()
	}
	select {
	case t := <-k.came:
		k.came = nil
		p[0] = t.b
		return t.n, t.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Until is the keyboard as a reader that fails when ctx has ended.
func (k *Keyboard) Until(ctx context.Context) *Input { return &Input{k, ctx} }

// Input is a Keyboard for a while.
type Input struct {
	k   *Keyboard
	ctx context.Context
}

// Read implements io.Reader.
func (in *Input) Read(p []byte) (int, error) { return in.k.read(in.ctx, p) }

// File is the terminal.
func (in *Input) File() *os.File { return in.k.f }
