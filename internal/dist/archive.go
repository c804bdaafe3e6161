package dist

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"io/fs"
	"strings"
	"time"
)

// archiveName is that of an archive without what tells its form, and of the folder in it.
func (r *release) archiveName(s System) string {
	arch := s.Arch
	if arch == "arm" {
		arch = "armv6"
	}
	return "desfire_" + r.version + "_" + s.OS + "_" + arch
}

// archive is what an archive for a system has.
func (r *release) archive(s System) []file {
	files := []file{
		{name: "LICENSE", data: r.source["LICENSE"]},
		{name: "README.md", data: r.source["README.md"]},
		{name: "CHANGELOG.md", data: r.source["CHANGELOG.md"]},
		{name: "THIRD-PARTY-NOTICES.txt", data: r.built[s].notices},
	}
	for _, p := range programs {
		files = append(files,
			file{name: p + suffix(s), mode: 0o755, data: r.built[s].programs[p]},
			file{name: "completions/" + p + ".ps1", data: r.complete[p+" powershell"]})
		if s.OS != "windows" {
			files = append(files,
				file{name: "completions/" + p + ".bash", data: r.complete[p+" bash"]},
				file{name: "completions/_" + p, data: r.complete[p+" zsh"]},
				file{name: "completions/" + p + ".fish", data: r.complete[p+" fish"]})
		}
	}
	if s.OS != "windows" {
		for _, f := range r.manual {
			files = append(files, file{name: "man/" + f.name, data: f.data})
		}
	}
	if s.OS == "linux" {
		for name, data := range r.source {
			if strings.HasPrefix(name, "deploy/") {
				files = append(files, file{name: name, data: data})
			}
		}
	}
	top := r.archiveName(s) + "/"
	for i := range files {
		files[i].name = top + files[i].name
		if files[i].mode == 0 {
			files[i].mode = 0o644
		}
	}
	return sorted(files)
}

// tarred is files as a compressed tar.
func tarred(files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data)), ModTime: at, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
		if f.folder() {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// zipped is files as a zip.
func zipped(files []file, at time.Time) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: at}
		h.SetMode(fs.FileMode(f.mode))
		w, err := z.CreateHeader(h)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// gzipped is one file, compressed as well as can be.
func gzipped(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}
