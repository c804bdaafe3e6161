package frame

import (
	"context"
	"testing"
)

type plain struct{}

func (plain) Transmit(context.Context, []byte) ([]byte, error) { return nil, nil }

type named struct {
	plain
	name string
}

func (n named) String() string { return n.name }

type wrapper struct {
	plain
	inner Transmitter
}

func (w wrapper) Unwrap() Transmitter { return w.inner }

type namedWrapper struct{ wrapper }

func (namedWrapper) String() string { return "outer" }

func TestAbility(t *testing.T) {
	type stringer = interface{ String() string }
	for name, test := range map[string]struct {
		t    Transmitter
		want string // empty: not found
	}{
		"none":                {plain{}, ""},
		"nil":                 {nil, ""},
		"own":                 {named{name: "own"}, "own"},
		"of the one within":   {wrapper{inner: named{name: "inner"}}, "inner"},
		"of one further down": {wrapper{inner: wrapper{inner: named{name: "inner"}}}, "inner"},
		"the wrapper's first": {namedWrapper{wrapper{inner: named{name: "inner"}}}, "outer"},
		"wraps one with none": {wrapper{inner: plain{}}, ""},
		"wraps nothing":       {wrapper{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, ok := Ability[stringer](test.t)
			if ok != (test.want != "") || ok && s.String() != test.want {
				t.Errorf("found %v, %v", ok, s)
			}
		})
	}
}
