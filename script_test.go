package desfire_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

type answers [][]byte

func (a *answers) Transmit(context.Context, []byte) ([]byte, error) {
	if len(*a) == 0 {
		return nil, errors.New("gone")
	}
	out := (*a)[0]
	*a = (*a)[1:]
	return out, nil
}

type scripted struct {
	answers
	got *desfire.Script
}

func (s *scripted) Script(_ context.Context, x *desfire.Script) ([][]byte, error) {
	s.got = x
	return s.answers, nil
}

type wrapping struct{ desfire.Transport }

func (w wrapping) Unwrap() desfire.Transport { return w.Transport }

func TestRunScript(t *testing.T) {
	s := &desfire.Script{Framing: desfire.FramingWrapped, Steps: []desfire.ScriptStep{
		{Command: []byte{0x90, 0x0C, 0, 0, 0}, Want: wire.StatusOK}, {Command: []byte{0x90, 0x6C, 0, 0, 0}, Want: wire.StatusOK}, {Command: []byte{0x90, 0xC7, 0, 0, 0}, Want: wire.StatusOK},
	}}
	for name, c := range map[string]struct {
		answers answers
		n       int
		fails   bool
	}{
		"all":     {answers{{0x91, 0}, {1, 2, 0x91, 0}, {0x91, 0}}, 3, false},
		"stopped": {answers{{0x91, 0}, {0x91, 0xAE}, {0x91, 0}}, 2, false},
		"broken":  {answers{{0x91, 0}}, 1, true},
		"garbage": {answers{{0x91}, {0x91, 0}}, 1, false},
	} {
		got, err := desfire.RunScript(t.Context(), &c.answers, s)
		if len(got) != c.n || (err != nil) != c.fails {
			t.Errorf("%s: %x %v", name, got, err)
		}
	}
	for name, c := range map[string]struct {
		answers answers
		n       int
		fails   bool
	}{
		"all":           {answers{{0x91, 0}, {1, 2, 0x91, 0}, {0x91, 0}}, 3, false},
		"stopped":       {answers{{0x91, 0}, {0x91, 0xAE}}, 2, false},
		"too few":       {answers{{0x91, 0}}, 1, true},
		"none":          {nil, 0, true},
		"went on":       {answers{{0x91, 0}, {0x91, 0xAE}, {0x91, 0}}, 1, true},
		"went on, last": {answers{{0x91, 0xAE}, {0x91, 0}, {0x91, 0}}, 0, true},
	} {
		own := &scripted{answers: c.answers}
		got, err := desfire.RunScript(t.Context(), own, s)
		if len(got) != c.n || (err != nil) != c.fails || own.got != s {
			t.Errorf("its own method, %s: %x %v", name, got, err)
		}
	}
	own := &scripted{answers: answers{{0x91, 0xAE}}}
	if _, err := desfire.RunScript(t.Context(), wrapping{own}, s); err != nil || own.got != nil {
		t.Errorf("the method of one that is wrapped was used: %v", err)
	}
	own = &scripted{answers: answers{{0x91, 0}, {0x91, 0}, {0x91, 0}, {0x91, 0}}}
	if got, err := desfire.RunScript(t.Context(), own, s); err == nil {
		t.Errorf("more answers than frames: %x", got)
	}
}
