package selftest

// flip changes one byte of the next command's data, counted from its end for
// negative places: -1 is the last.
func (t *tap) flip(at int, bits byte) {
	t.forge = func(c []byte) []byte {
		from, to := body(c)
		if at < 0 {
			at += to
		} else {
			at += from
		}
		if at >= from && at < to {
			c[at] ^= bits
		}
		return c
	}
}

// cut takes the last n bytes of the next command's data.
func (t *tap) cut(n int) {
	t.forge = func(c []byte) []byte {
		from, to := body(c)
		n = min(n, to-from)
		if !isWrapped(c) {
			return c[:len(c)-n]
		}
		c[4] -= byte(n)
		return append(c[:to-n], c[to:]...)
	}
}

// later changes the kth command from now, 1 being the next, as forge would.
func (t *tap) later(k int) {
	f := t.forge
	if k <= 1 {
		return
	}
	var wait func(c []byte) []byte
	wait = func(c []byte) []byte {
		if k--; k > 0 {
			t.forge = wait
			return c
		}
		return f(c)
	}
	t.forge = wait
}

// body is where the data of a short command frame begins and ends.
func body(c []byte) (from, to int) {
	if !isWrapped(c) {
		return 1, len(c)
	}
	if len(c) < 6 {
		return len(c), len(c)
	}
	return 5, min(5+int(c[4]), len(c))
}
