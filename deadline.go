package desfire

import (
	"context"
	"fmt"
	"time"
)

// deadline bounds exchanges without allocating: one derived context serves all
// exchanges under the same parent, and its timer is wound up for each.
type deadline struct {
	parent <-chan struct{} // the parent's Done, which tells parents apart
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	after  time.Duration
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
	if d.ctx == nil || d.parent != parent.Done() || d.ctx.Err() != nil || d.after != timeout {
		d.release()
		d.parent, d.after = parent.Done(), timeout
		d.ctx, d.cancel = context.WithCancelCause(parent)
		cancel := d.cancel
		d.timer = time.AfterFunc(timeout, func() {
			cancel(fmt.Errorf("no answer within %v: %w", timeout, context.DeadlineExceeded))
		})
		return d.ctx, nil
	}
	d.timer.Reset(timeout)
	return d.ctx, nil
}

// stop ends the exchange that start began.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}

// release frees the derived context.
func (d *deadline) release() {
	if d.cancel != nil {
		d.timer.Stop()
		d.cancel(nil)
	}
	*d = deadline{}
}
