package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxScriptLine is how long a line of a script may be.
const maxScriptLine = 1 << 20

// script runs the lines of a file until one fails. What stands on standard
// input, each verb reads anew, unless the lines themselves come from there.
func (s *shell) script(ctx context.Context, name string, in io.Reader, keepGoing bool) error {
	stdin := &tape{in: s.stdin}
	if in == s.stdin {
		stdin.in = strings.NewReader("")
	}
	failed, run, code := 0, 0, exitDone
	var where string
	lines := bufio.NewScanner(interruptible{ctx, in})
	lines.Buffer(nil, maxScriptLine)
	no := 0
	for ; !s.left && lines.Scan(); no++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if no == 0 {
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		words, err := shellWords(uncommented(line))
		if err != nil {
			return &usageError{nil, fmt.Errorf("%s:%d: %w", name, no+1, err)}
		}
		ignored := len(words) > 0 && words[0] == "-"
		if ignored {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		run++
		c := s.verb(ctx, stdin.reader(), words)
		if c == exitDone || ignored && ctx.Err() == nil {
			continue
		}
		if failed++; failed == 1 {
			code, where = c, fmt.Sprintf("%s:%d", name, no+1)
		}
		if !keepGoing || ctx.Err() != nil || s.unwritten() != nil {
			return withCode(c, fmt.Errorf("%s:%d: %s failed (%d)", name, no+1, s.verbName(words), c))
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return withCode(exitInput, fmt.Errorf("%s:%d: a line of more than %d KiB", name, no+1, maxScriptLine>>10))
	case err != nil:
		return withCode(exitInput, fmt.Errorf("%s: %w", name, err))
	case failed > 0:
		return withCode(code, fmt.Errorf("%d of %s failed, the first in %s (%d)", failed, count(run, "verb"), where, code))
	}
	return nil
}

// verbName is the verb of a line without its arguments, which may be keys.
func (s *shell) verbName(words []string) string {
	root := s.verbApp(strings.NewReader("")).rootCommand()
	s.own(root, s.app)
	if words[0] == root.Name() {
		words = words[1:]
	}
	if cmd, _, err := root.Find(words); err == nil && cmd != root {
		return verbOf(cmd)
	}
	return "the verb"
}
