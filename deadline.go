package desfire

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// deadline bounds exchanges without allocating: one derived context serves all
// exchanges under the same parent.
type deadline struct {
	parent <-chan struct{} // the parent's Done, which tells parents apart
	ctx    context.Context
	dog    *watchdog
}

// watchdog ends a context when an exchange takes too long. Its timer runs on from
// one exchange to the next and looks when it fires: winding it up for each would
// wake the thread that waits for the network, which costs more than the rest of an
// exchange does.
type watchdog struct {
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	timer *time.Timer
	fires time.Time // when the timer does; zero if it does not
	until time.Time // how long the exchange under way may take; zero if there is none
	after time.Duration
}

// start returns the context for one exchange. A deadline of the parent's own is
// enough, unless always asks for the timeout as well.
func (d *deadline) start(parent context.Context, timeout time.Duration, always bool) (context.Context, error) {
	if err := parent.Err(); err != nil {
		return nil, err
	}
	if _, ok := parent.Deadline(); ok && !always {
		return parent, nil
	}
	if d.ctx == nil || d.parent != parent.Done() || d.ctx.Err() != nil {
		d.release()
		d.parent, d.dog = parent.Done(), new(watchdog)
		d.ctx, d.dog.cancel = context.WithCancelCause(parent)
	}
	d.dog.start(timeout)
	return d.ctx, nil
}

// stop ends the exchange that start began.
func (d *deadline) stop() {
	if d.dog != nil {
		d.dog.stop()
	}
}

// release frees the derived context.
func (d *deadline) release() {
	if d.dog != nil {
		d.dog.release()
	}
	*d = deadline{}
}

func (w *watchdog) start(timeout time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after, w.until = timeout, time.Now().Add(timeout)
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(timeout, w.look)
	case w.fires.IsZero() || w.until.Before(w.fires):
		w.timer.Reset(timeout)
	default:
		return
	}
	w.fires = w.until
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Time{}
}

func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := time.Until(w.until)
	switch {
	case w.until.IsZero():
		w.fires = time.Time{}
	case left > 0: // that of an earlier exchange
		w.fires = w.until
		w.timer.Reset(left)
	default:
		w.cancel(fmt.Errorf("no answer within %v: %w", w.after, context.DeadlineExceeded))
	}
}

func (w *watchdog) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until = time.Time{}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.cancel(nil)
}
