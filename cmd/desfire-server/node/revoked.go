package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// revokedFile is whom a leaf heard to be revoked: public keys, and until when what was
// signed for them does not count.
type revokedFile struct {
	V       int              `json:"v"`
	Revoked map[string]int64 `json:"revoked"`
}

// readRevoked reads it. A file that cannot be read is an error: a server that starts
// without it would let in whom it must not.
func readRevoked(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]int64{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("who is revoked: %w", err)
	}
	f := revokedFile{}
	if err := strictjson.Check(text, &f); err != nil {
		return nil, fmt.Errorf("who is revoked: file %s: %w", keytext.Harmless(path), err)
	}
	if err := json.Unmarshal(text, &f); err != nil || f.V != 1 {
		return nil, fmt.Errorf("who is revoked: file %s: not of version 1", keytext.Harmless(path))
	}
	return f.Revoked, nil
}

func writeRevoked(path string, revoked map[string]int64) error {
	text, err := json.MarshalIndent(revokedFile{1, revoked}, "", "  ")
	if err != nil {
		return err
	}
	return wholefile.Write(path, ".new-", func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
}
