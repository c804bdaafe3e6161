package pcsc

import "context"

// await runs a call of the library, which cannot be interrupted, and returns
// when it or ctx ends. A result that comes too late is passed to late.
func await[T any](ctx context.Context, call func() T, late func(T)) (T, error) {
	if err := ctx.Err(); err != nil {
		var zero T
		return zero, err
	}
	if ctx.Done() == nil {
		return call(), nil
	}
	done := make(chan T, 1)
	go func() { done <- call() }()
	select {
	case v := <-done:
		return v, nil
	case <-ctx.Done():
	}
	go func() { late(<-done) }()
	var zero T
	return zero, ctx.Err()
}
