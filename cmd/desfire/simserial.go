package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/pn532/chip"
)

// serial puts the card into the field of a PN532 on a serial line, a pseudo-terminal. link is another name
// for the line, or empty.
func (s *server) serial(ctx context.Context, link string) error {
	far, line, err := openLine()
	if err != nil {
		return fmt.Errorf("no serial line for the PN532: %w", err)
	}
	defer far.Close()
	defer line.Close() // open all the time, so that programs may come and go
	at := line.Name()
	if link != "" {
		if at, err = filepath.Abs(link); err != nil {
			return err
		}
		if err := makeLink(line.Name(), at); err != nil {
			return err
		}
		defer removeLink(line.Name(), at)
	}
	c := chip.New(chip.Simulated(s.field, nil), &chip.Config{Observe: func(command, answer []byte) {
		if len(command) > 0 {
			s.log.Debug("PN532 "+chip.Name(command[0]), "bytes", len(command), "answer", len(answer))
		}
	}})
	s.lift, s.back, s.address = func() {}, func() {}, at
	s.control(ctx, at, "listening", fmt.Sprintf("%v on a PN532 at %s: use it with --reader pn532:%s", s.field.Card, at, at))
	if err := c.ServeHSU(ctx, far); ctx.Err() == nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return nil
}

// makeLink makes path lead to a line. A link to a line that is gone is replaced.
func makeLink(line, path string) error {
	switch old, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case old.Mode()&fs.ModeSymlink == 0:
		return withCode(exitInput, fmt.Errorf("%s is there already, and is no link: choose another name", path))
	default:
		if to, err := os.Readlink(path); err == nil && to == line {
			return nil // of a program that was killed, and whose line this one has got
		}
		if to, err := os.Stat(path); err == nil {
			if to.Mode()&fs.ModeCharDevice == 0 {
				return withCode(exitInput, fmt.Errorf("%s is there already, and leads to something that is no line: choose another name", path))
			}
			return withCode(exitInput, fmt.Errorf("%s leads to a line that is there: another program may present a card on it; if not, remove it", path))
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return os.Symlink(line, path)
}

// removeLink removes path if it still leads to a line.
func removeLink(line, path string) {
	if to, err := os.Readlink(path); err == nil && to == line {
		_ = os.Remove(path)
	}
}
