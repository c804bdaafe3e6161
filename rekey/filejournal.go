package rekey

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// FileJournal is a journal in a file: a line of JSON for each entry, appended
// and synced, readable by its owner only. A line that was cut off does no harm
// to the others.
//
// It belongs to one FileJournal at a time. The lock is the operating system's,
// on a file .NAME.lock beside it, and ends with its process. It is there on Unix
// and Windows; elsewhere nothing is locked.
type FileJournal struct {
	path string
	f    *os.File
	lock *filelock.Lock // nil for what is no file, as /dev/full
}

// HeldError says that another has the journal open.
type HeldError struct {
	Journal string
	Program string // that has it; empty if unknown
	PID     int    // of its process; 0 if unknown
}

func (e *HeldError) Error() string {
	held := filelock.HeldError{Program: e.Program, PID: e.PID}
	return fmt.Sprintf("%s is in use%s: one program at a time changes keys with a journal", e.Journal, held.Holder())
}

// OpenJournal opens a journal for writing and makes it if need be, in a folder
// that is there. It fails with a *HeldError while another has it.
func OpenJournal(path string) (*FileJournal, error) {
	_, missing := os.Stat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if errors.Is(missing, fs.ErrNotExist) {
		wholefile.SyncFolder(filepath.Dir(path))
	}
	j := &FileJournal{path: path, f: f}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return j, nil
	}
	var held *filelock.HeldError
	j.lock, err = filelock.Take(filelock.Name(path), filepath.Base(os.Args[0]))
	switch {
	case errors.As(err, &held):
		err = &HeldError{path, held.Program, held.PID}
		fallthrough
	case err != nil:
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// Close ends the work with the journal.
func (j *FileJournal) Close() error {
	err := j.f.Close()
	if j.lock != nil {
		err = errors.Join(err, j.lock.Release())
		j.lock = nil
	}
	return err
}

// Record implements Journal.
func (j *FileJournal) Record(_ context.Context, e Entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if j.cutOff() {
		line = append([]byte{'\n'}, line...)
	}
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.f.Sync()
}

// Entries implements History; the list is the caller's. Lines that are no entries are left out.
func (j *FileJournal) Entries(context.Context) ([]Entry, error) {
	entries, _, err := ReadJournal(j.path)
	return entries, err
}

// cutOff reports whether the last line has no end: a program died writing it.
func (j *FileJournal) cutOff() bool {
	info, err := j.f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = j.f.ReadAt(last[:], info.Size()-1)
	return err == nil && last[0] != '\n'
}

// maxJournalLine is more than any entry has.
const maxJournalLine = 64 * 1024

// ReadJournal reads the journal in a file; one that is not there is empty. Lines
// that are no entries are left out and described. A file in which no line is an
// entry is an error.
func ReadJournal(path string) (entries []Entry, damaged []string, err error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxJournalLine)
	n := 0
	for in.Scan() {
		n++
		if len(in.Bytes()) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(in.Bytes(), &e); err != nil || !e.State.Known() {
			damaged = append(damaged, fmt.Sprintf("line %d is no entry", n))
			continue
		}
		entries = append(entries, e)
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, nil, fmt.Errorf("%s is no journal: line %d is longer than any entry", path, n+1)
	case err != nil:
		return nil, nil, err
	case len(entries) == 0 && len(damaged) > 0:
		return nil, nil, fmt.Errorf("%s is no journal: no line of it is an entry", path)
	}
	return entries, damaged, nil
}
