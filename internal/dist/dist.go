// Package dist makes what people install: for each system an archive, for Linux also
// packages of Debian and of RPM, what is in them as an SBOM, and the checksums of all.
//
// It builds the commit that is checked out, in a folder of its own. The same commit and
// the same Go give the same bits, wherever and whenever: times are those of the commit.
package dist

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// System is what a program is built for, as the go command names it.
type System struct{ OS, Arch string }

func (s System) String() string { return s.OS + "/" + s.Arch }

// Systems are those that a release is for.
var Systems = []System{{"linux", "amd64"}, {"linux", "arm64"}, {"linux", "arm"}, {"windows", "amd64"}, {"darwin", "arm64"}}

// Config says what to make.
type Config struct {
	Repository string    // a folder with a git repository, all of whose changes are committed
	Out        string    // the folder to write to: empty, or not there yet
	Systems    []System  // nil: all
	Log        io.Writer // what is being done, a line each; nil for nowhere
}

// Make builds a release and returns the names of the files in Config.Out.
func Make(ctx context.Context, conf Config) ([]string, error) {
	if conf.Systems == nil {
		conf.Systems = Systems
	}
	if conf.Log == nil {
		conf.Log = io.Discard
	}
	if there, err := os.ReadDir(conf.Out); err == nil && len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty", conf.Out)
	}
	release, err := build(ctx, conf)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(conf.Out, 0o777); err != nil {
		return nil, err
	}
	fmt.Fprintln(conf.Log, "packing", release.version)
	return release.write(conf.Out, release.artifacts(conf.Systems))
}

// build builds the programs of a commit, in a folder that is gone afterwards.
func build(ctx context.Context, conf Config) (*release, error) {
	temp, err := os.MkdirTemp("", "desfire-dist")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	b := &builder{dir: filepath.Join(temp, "source"), bin: filepath.Join(temp, "bin"), log: conf.Log}
	if err := b.checkOut(ctx, conf.Repository); err != nil {
		return nil, err
	}
	return b.release(ctx, conf.Systems)
}

// artifact is a file of a release, made when it is needed.
type artifact struct {
	name string
	make func() ([]byte, error)
}

// artifacts are the files of a release but for their sums.
func (r *release) artifacts(systems []System) (all []artifact) {
	for _, s := range systems {
		name := r.archiveName(s)
		if s.OS == "windows" {
			all = append(all, artifact{name + ".zip", func() ([]byte, error) { return zipped(r.archive(s), r.time) }})
		} else {
			all = append(all, artifact{name + ".tar.gz", func() ([]byte, error) { return tarred(r.archive(s), r.time) }})
		}
		all = append(all, artifact{name + ".cdx.json", func() ([]byte, error) { return r.sbom(s) }})
		if s.OS != "linux" {
			continue
		}
		for _, p := range packages {
			all = append(all,
				artifact{fmt.Sprintf("%s_%s_%s.deb", p.name, r.version, debArch[s.Arch]), func() ([]byte, error) { return r.deb(p, s) }},
				artifact{fmt.Sprintf("%s-%s.%s.rpm", p.name, r.version, rpmArch[s.Arch]), func() ([]byte, error) { return r.rpm(p, s) }})
		}
	}
	return all
}

// write writes artifacts and their sums into a folder.
func (r *release) write(dir string, all []artifact) (names []string, err error) {
	sums, errs := make([]string, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	places := make(chan struct{}, runtime.NumCPU())
	for i, a := range all {
		wg.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			data, err := a.make()
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, a.name), data, 0o666)
			}
			if err != nil {
				errs[i] = fmt.Errorf("%s: %w", a.name, err)
			}
			sums[i] = fmt.Sprintf("%x  %s\n", sha256.Sum256(data), a.name)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for _, a := range all {
		names = append(names, a.name)
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	names = append(names, "SHA256SUMS")
	slices.Sort(names)
	return names, os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(strings.Join(sums, "")), 0o666)
}

// file is a file, or a folder, as it is packed.
type file struct {
	name string // with slashes, below the root; a folder ends in one
	mode int64  // permissions
	data []byte
	kind kind
}

// kind is what a file is for, where a package tells.
type kind int

const (
	ordinary kind = iota
	document
	licence
)

func (f file) folder() bool { return strings.HasSuffix(f.name, "/") }

// sorted is files in the order of their names.
func sorted(files []file) []file {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files
}

// plain is text as it is packed, whatever it was written on.
func plain(text []byte) []byte { return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) }
