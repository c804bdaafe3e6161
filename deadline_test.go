package desfire

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// Each exchange has its own time, whatever those before it had: shorter, longer, and
// after the timer has found nothing to do.
func TestDeadlineOfEachExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d deadline
		defer func() { d.release() }()
		last := context.Background()
		exchange := func(timeout, takes time.Duration) {
			t.Helper()
			begin := time.Now()
			ctx, err := d.start(context.Background(), timeout, false)
			if err != nil {
				t.Fatal(err)
			}
			if ctx != last && last.Err() == nil && last != context.Background() {
				t.Error("a context is made though there is one")
			}
			last = ctx
			select {
			case <-time.After(takes):
			case <-ctx.Done():
			}
			took := time.Since(begin)
			d.stop()
			if want := min(timeout, takes); took != want || (ctx.Err() != nil) != (timeout < takes) {
				t.Errorf("an exchange of %v with a timeout of %v: %v after %v", takes, timeout, context.Cause(ctx), took)
			}
			if ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				t.Errorf("it ends with %v", context.Cause(ctx))
			}
		}
		exchange(5*time.Second, time.Second)
		exchange(5*time.Second, 4900*time.Millisecond) // beyond what the timer was wound up for
		exchange(30*time.Second, 20*time.Second)
		exchange(time.Second, 900*time.Millisecond) // it has to fire earlier
		time.Sleep(time.Minute)
		exchange(time.Second, 2*time.Second)
		exchange(time.Second, time.Millisecond)
		exchange(30*time.Second, time.Hour)
	})
}
