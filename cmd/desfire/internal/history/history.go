// Package history keeps the lines that somebody typed in a file of theirs, which
// several programs may add to at once. It keeps what it is given: that there are
// no secrets in it is the business of its users.
package history

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// Bounds of the file and of what is read of it.
const (
	maxLines = 1000
	maxBytes = 256 << 10
	maxLine  = 2048
)

// History is lines that were typed. It is not safe for concurrent use.
type History struct {
	path  string // empty: in memory only
	lines []string
}

// Open reads the history in a file, which need not be there. An empty path keeps
// it in memory. What is no line that somebody could have typed is left out, so
// that a damaged file does no harm.
//
// With an error there is a History, too: the file is not touched then.
func Open(path string) (*History, error) {
	h := &History{}
	if path == "" {
		return h, nil
	}
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return h, err
		}
	case err != nil:
		return h, err
	case !info.Mode().IsRegular():
		return h, &os.PathError{Op: "history", Path: path, Err: errors.New("it is not a file")}
	default:
		if err := os.Chmod(path, 0o600); err != nil {
			return h, err
		}
		if err := h.load(path, info.Size()); err != nil {
			return h, err
		}
	}
	h.path = path
	return h, nil
}

// load reads the end of a file.
func (h *History) load(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	from := max(size-maxBytes, 0)
	b, err := io.ReadAll(io.NewSectionReader(f, from, maxBytes))
	if err != nil {
		return err
	}
	if from > 0 { // in the middle of a line
		_, b, _ = bytes.Cut(b, []byte{'\n'})
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		h.keep(line)
	}
	return nil
}

// typed reports whether somebody can have typed a line.
func typed(line string) bool {
	return line != "" && len(line) <= maxLine && utf8.ValidString(line) &&
		strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// keep adds a line unless it is the last one already.
func (h *History) keep(line string) bool {
	if !typed(line) || len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return false
	}
	h.lines = append(h.lines, line)
	if over := len(h.lines) - maxLines; over > 0 {
		h.lines = append(h.lines[:0], h.lines[over:]...)
	}
	return true
}

// Len is how many lines there are.
func (h *History) Len() int { return len(h.lines) }

// At is a line; 0 is the newest.
func (h *History) At(i int) string { return h.lines[len(h.lines)-1-i] }

// Add adds a line, here and in the file. A line in which something cannot be
// printed is left out.
func (h *History) Add(line string) error {
	if !h.keep(line) || h.path == "" {
		return nil
	}
	lock, err := h.lock()
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	f, err := os.OpenFile(h.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	size, err := appendLine(f, line)
	if err = errors.Join(err, f.Close()); err != nil || size <= 2*maxBytes {
		return err
	}
	return h.shorten()
}

// appendLine adds a line to a file, and returns how large that is then.
func appendLine(f *os.File, line string) (int64, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	var last [1]byte
	if size > 0 {
		if _, err := f.ReadAt(last[:], size-1); err != nil {
			return 0, err
		}
		if last[0] != '\n' { // of a line that broke off
			line = "\n" + line
		}
	}
	n, err := f.WriteString(line + "\n")
	return size + int64(n), err
}

// patience is how long another program may add a line.
const patience = time.Second

// lock keeps other programs from the file.
func (h *History) lock() (lock *filelock.Lock, err error) {
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		lock, err = filelock.Take(filelock.Name(h.path), "desfire shell")
		if !errors.As(err, new(*filelock.HeldError)) || time.Now().After(end) {
			return lock, err
		}
	}
}

// shorten leaves in the file what would be read of it.
func (h *History) shorten() error {
	info, err := os.Stat(h.path)
	if err != nil {
		return err
	}
	now := &History{}
	if err := now.load(h.path, info.Size()); err != nil {
		return err
	}
	return wholefile.Write(h.path, "history", func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Join(now.lines, "\n")+"\n")
		return err
	})
}
