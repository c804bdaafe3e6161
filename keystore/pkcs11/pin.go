package pkcs11

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/keystore"
)

// PIN gives the PIN of a token, which is overwritten after it was tried once. An
// error ends the login.
type PIN func(ctx context.Context, t Token) ([]byte, error)

// Token is what a module says of a token. Its texts are the module's and may hold
// anything; String is safe to show.
type Token struct {
	Label, Serial, Manufacturer, Model string

	// CountLow: at least one wrong PIN since the last good one. FinalTry: one more
	// wrong PIN locks it. Locked: no PIN is taken any more.
	CountLow, FinalTry, Locked bool

	// Pad: the PIN is typed at the token.
	Pad bool
}

func tokenOf(i tokenInfo) Token {
	return Token{
		Label: i.label, Serial: i.serial, Manufacturer: i.manufacturer, Model: i.model,
		CountLow: i.flags&tokenPINCountLow != 0, FinalTry: i.flags&tokenPINFinalTry != 0, Locked: i.flags&tokenPINLocked != 0,
		Pad: i.flags&tokenPINPad != 0,
	}
}

// String names the token by label and serial number.
func (t Token) String() string {
	s := "token " + shown(t.Label)
	if t.Serial != "" {
		s += ", serial " + shown(t.Serial)
	}
	return s
}

// count says what wrong PINs have done so far.
func (t Token) count() string {
	switch {
	case t.Locked:
		return "its PIN is locked"
	case t.FinalTry:
		return "one more wrong PIN locks it"
	case t.CountLow:
		return "a wrong PIN was tried since the last good one, and a few lock it"
	}
	return ""
}

// Question is what a person is asked.
func (t Token) Question() string {
	q := "PIN of " + t.String()
	if s := t.count(); s != "" {
		q += " (" + s + ")"
	}
	return q
}

// Ask asks a person, who is told how many tries are left as far as the token says
// so. nil is nobody: keystore.ErrLocked.
func Ask(p keystore.Prompt) PIN {
	return func(ctx context.Context, t Token) ([]byte, error) {
		if p == nil {
			return nil, keystore.ErrLocked
		}
		return p(ctx, t.Question())
	}
}

// FromEnv takes the PIN from a variable of the environment. The last try is left
// to a person.
func FromEnv(name string) PIN {
	return lineOf("environment variable "+keytext.Harmless(name), func(context.Context) ([]byte, error) { return keytext.Env(name) })
}

// FromExec takes the PIN from the one line that a program prints; run runs it, see
// package execkey. The last try is left to a person.
func FromExec(run func(ctx context.Context, argv []string) ([]byte, error), argv []string) PIN {
	return lineOf("what a program prints", func(ctx context.Context) ([]byte, error) { return run(ctx, argv) })
}

func lineOf(what string, read func(ctx context.Context) ([]byte, error)) PIN {
	return func(ctx context.Context, t Token) ([]byte, error) {
		if t.FinalTry {
			return nil, fmt.Errorf("one more wrong PIN locks it: a person must type it (pin-source=prompt), %s is not tried", what)
		}
		text, err := read(ctx)
		defer func() { clear(text) }()
		if err != nil {
			return nil, err
		}
		line := bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
		if len(line) == 0 || bytes.IndexByte(line, '\n') >= 0 {
			return nil, fmt.Errorf("%s: want the PIN in one line", what)
		}
		return bytes.Clone(line), nil
	}
}

// source is a pin-source, taken apart.
type source struct {
	env  string
	argv []string // of exec
}

func parseSource(s string) (source, error) {
	scheme, value, _ := strings.Cut(s, ":")
	switch {
	case s == "prompt":
		return source{}, nil
	case scheme == "env" && value != "":
		return source{env: value}, nil
	case scheme == "exec":
		argv := strings.Fields(value)
		if len(argv) == 0 {
			return source{}, errors.New("pin-source=exec: names no program")
		}
		return source{argv: argv}, nil
	}
	return source{}, errors.New("pin-source is prompt, env:NAME or exec:PROGRAM ARG; what a program prints may come from a file, by exec:cat")
}
