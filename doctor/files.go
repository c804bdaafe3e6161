package doctor

import (
	"context"
	"io"
	"io/fs"
	"strings"
)

// timely are files that nobody reads any more once ctx has ended, so that what is
// left of an examination comes to its end.
type timely struct {
	ctx context.Context
	fs  fs.FS
}

func (f timely) Open(name string) (fs.File, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	return f.fs.Open(name)
}

func (f timely) Stat(name string) (fs.FileInfo, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	return fs.Stat(f.fs, name)
}

func (f timely) Lstat(name string) (fs.FileInfo, error) {
	if err := f.ctx.Err(); err != nil {
		return nil, err
	}
	return fs.Lstat(f.fs, name)
}

func (f timely) ReadLink(name string) (string, error) {
	if err := f.ctx.Err(); err != nil {
		return "", err
	}
	return fs.ReadLink(f.fs, name)
}

// longest is the longest file that is read: those of the system are shorter.
const longest = 1 << 20

// read is a file as text, without space around it; empty if it cannot be read.
func (x *exam) read(name string) string {
	f, err := x.files.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func (x *exam) exists(name string) bool {
	_, err := fs.Stat(x.files, name)
	return err == nil
}

// first is the first of the files that is there.
func (x *exam) first(names ...string) string {
	for _, n := range names {
		if x.exists(n) {
			return n
		}
	}
	return ""
}

// inRoot is a path as the files are named.
func inRoot(path string) string { return strings.TrimPrefix(path, "/") }
