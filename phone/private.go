package phone

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/internal/keytext"
)

// readPrivate reads a file with a private key in it, which nobody but its owner may read.
func readPrivate(path string, most int64) ([]byte, fs.FileInfo, error) {
	if info, err := os.Stat(path); err != nil {
		return nil, nil, err
	} else if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if a, ok := keytext.AccessOf(info); ok && (a.Read || a.Write || !a.Own) {
		return nil, nil, fmt.Errorf("others can read or change %s, which holds a private key: chmod 600 %s, and pair anew if somebody did", path, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	switch {
	case err != nil:
		return nil, nil, err
	case int64(len(text)) > most:
		return nil, nil, fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return text, info, nil
}
