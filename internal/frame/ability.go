package frame

// Ability finds an optional method of a transport, T being its interface: that
// of t itself, else of the first that has it among those that t wraps.
func Ability[T any](t Transmitter) (ability T, ok bool) {
	for t != nil {
		if ability, ok = t.(T); ok {
			return ability, true
		}
		w, wraps := t.(interface{ Unwrap() Transmitter })
		if !wraps {
			break
		}
		t = w.Unwrap()
	}
	return ability, false
}
