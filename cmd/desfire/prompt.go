package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
	"golang.org/x/term"
)

// prompter asks for passphrases and keys on the terminal; nil where there is
// none, or where nobody shall be asked.
func (a *app) prompter(run context.Context) keystore.Prompt {
	if a.noInput || !screen.Terminal(a.stdin) || !screen.Terminal(a.stderr) {
		return nil
	}
	return func(ctx context.Context, question string) ([]byte, error) {
		if a.ask != nil {
			return a.ask(ctx, question)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		context.AfterFunc(run, cancel)
		return a.typed(ctx, question)
	}
}

// typed reads a line that is not shown.
func (a *app) typed(ctx context.Context, question string) ([]byte, error) {
	fd := int(screen.File(a.stdin).Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("the terminal: %w", err)
	}
	type line struct {
		text []byte
		err  error
	}
	a.sayf("%s: ", visible.Text(question))
	got := make(chan line, 1)
	go func() {
		text, err := term.ReadPassword(fd)
		got <- line{text, err}
	}()
	select {
	case l := <-got:
		a.sayf("\n")
		if l.err == nil && len(l.text) == 0 {
			l.err = errors.New("nothing was typed")
		}
		return l.text, l.err
	case <-ctx.Done():
		_ = term.Restore(fd, before)
		a.sayf("\n")
		return nil, ctx.Err()
	}
}
