// Command getaxe fetches axe-core, which finds what people cannot use on a page. It
// is checked and not part of this module.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

const (
	address  = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
	checksum = "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745"
	member   = "package/axe.min.js"
	target   = "e2e/browser/testdata/cache/axe-4.14.1.min.js"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "getaxe:", err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := os.Stat("go.mod"); err != nil {
		return errors.New("run it in the folder of go.mod")
	}
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	client := http.Client{Timeout: time.Minute}
	resp, err := client.Get(address)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", address, resp.Status)
	}
	packed, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != checksum {
		return fmt.Errorf("%s: the checksum is %x, want %s", address, sum, checksum)
	}
	zipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return err
	}
	for files := tar.NewReader(zipped); ; {
		h, err := files.Next()
		if err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
		if h.Name == member {
			return write(files)
		}
	}
}

func write(r io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), "axe-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone when it was renamed
	if _, err := io.Copy(f, r); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), target)
}
