package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"github.com/go-desfire/desfire/cmd/desfire/internal/history"
	"github.com/go-desfire/desfire/cmd/desfire/internal/lineedit"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/place"
)

// interact runs what is typed until exit or Ctrl-D. Ctrl-C ends what goes on,
// and not the shell.
func (s *shell) interact(run context.Context) error {
	switch _, err := s.place(s.app, s.cmd); {
	case err == nil || place.InUse(err):
	case errors.As(err, new(*usageError)) || strings.HasPrefix(s.reader, "sim:"):
		return err
	}
	s.putAwayCards()
	ctx, end := signal.NotifyContext(context.WithoutCancel(run), syscall.SIGTERM)
	defer end()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	defer signal.Stop(interrupts)

	s.openHistory()
	s.keys = lineedit.NewKeyboard(screen.File(s.stdin))
	s.edit = &lineedit.Editor{Keys: s.keys, Out: screen.File(s.stderr), History: s.past, Complete: func(line string, pos int) (string, int, string) {
		return s.complete(ctx, line, pos)
	}}
	s.ask = s.typed
	stop := s.cards.watch(ctx, s)
	defer func() { stop() }()
	for !s.left {
		_, _ = s.stderr.Write(nil) // begins a line where the output of a verb has ended none
		line, err := s.line(ctx, interrupts)
		switch {
		case ctx.Err() != nil:
			return errInterrupted
		case errors.Is(err, lineedit.ErrInterrupted):
			continue
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		s.remember(line)
		s.typedLine(ctx, interrupts, line)
		if s.moved {
			s.moved = false
			stop()
			stop = s.cards.watch(ctx, s)
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
		if err := s.unwritten(); err != nil {
			return err
		}
	}
	return nil
}

// line reads a line.
func (s *shell) line(ctx context.Context, interrupts <-chan os.Signal) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	listening.Go(func() {
		select {
		case <-interrupts:
			cancel()
		case <-ctx.Done():
		}
	})
	if os.Getenv("TERM") == "dumb" {
		return s.edit.Plain(ctx, s.prompt())
	}
	return s.edit.Line(ctx, s.prompt())
}

// typedLine runs a line, which Ctrl-C ends.
func (s *shell) typedLine(ctx context.Context, interrupts <-chan os.Signal, line string) {
	words, err := shellWords(uncommented(line))
	switch {
	case err != nil:
		s.complain(err.Error())
		return
	case len(words) == 0:
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() {
		for times := 0; ; times++ {
			select {
			case <-done:
				return
			case <-interrupts:
			}
			switch times {
			case 0:
				cancel()
			case 1:
				s.sayf("\n%s\n", s.err.Warn.Render("It is being ended. Ctrl-C once more leaves the shell at once: what becomes of the card is not known then."))
			default:
				os.Exit(exitInterrupted)
			}
		}
	})
	defer close(done)
	select {
	case <-s.turn:
	case <-ctx.Done():
		return
	}
	defer func() { s.turn <- token{} }()
	s.verb(ctx, s.keys.Until(ctx), words)
}

// typed reads a secret for a verb.
func (s *shell) typed(ctx context.Context, question string) ([]byte, error) {
	line, err := lineedit.Secret(s.keys.Until(ctx), func() { s.sayf("%s: ", screen.Visible(question)) })
	s.sayf("\n")
	switch {
	case ctx.Err() != nil || errors.Is(err, lineedit.ErrInterrupted):
		return nil, errInterrupted
	case err == nil && len(line) == 0, errors.Is(err, io.EOF):
		return nil, errors.New("nothing was typed")
	}
	return line, err
}

// prompt is the card and the spot.
func (s *shell) prompt() string {
	name, there := s.cards.name()
	style := s.err.Title
	if !there {
		style = s.err.Warn
	}
	return string(screen.Sprintf("%s %s> ", style.Render(name), s.spotNow().String()))
}

// tell prints a line above the prompt.
func (s *shell) tell(line screen.Text) {
	if s.edit != nil {
		s.edit.Say(s.prompt(), string(line)+"\n")
	}
}

// historyFile is where lines are kept.
func historyFile() string { return stateFile("history") }

// stateFile is a file in the user's folder of states; empty if there is none.
func stateFile(name string) string {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
		if runtime.GOOS == "windows" {
			if dir, err = os.UserConfigDir(); err != nil {
				return ""
			}
		}
	}
	return filepath.Join(dir, "desfire", name)
}

func (s *shell) openHistory() {
	var err error
	if s.past, err = history.Open(historyFile()); err != nil {
		s.unkept(err)
	}
}

// remember keeps a line without the keys in it.
func (s *shell) remember(line string) {
	kept := s.withoutKeys(line)
	if kept == "" {
		return
	}
	if err := s.past.Add(kept); err != nil {
		s.unkept(err)
	}
}

func (s *shell) unkept(err error) {
	if !s.unread {
		s.unread = true
		s.log.Warn(fmt.Sprintf("what is typed is not kept: %s", oneLine(err)))
	}
}
