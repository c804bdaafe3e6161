package centre

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// maxFile bounds the files of this package: a registry of 10,000 members is 3 MB.
const maxFile = 16 << 20

// readSecret reads a JSON file that only its owner may read, into v. What is wrong with
// it is said by line and member, never with a text of it.
func readSecret(path, what string, v any) error {
	text, info, err := keytext.ReadFile(noContext, path, maxFile)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer clear(text)
	if err := private(path, what, info); err != nil {
		return err
	}
	if err := strictjson.Check(text, v); err != nil {
		return fmt.Errorf("%s %s: %w", what, keytext.Harmless(path), err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s %s: it does not hold what it should", what, keytext.Harmless(path))
	}
	return nil
}

// private is an error if others than its owner can get at a file.
func private(path, what string, info fs.FileInfo) error {
	a, known := keytext.AccessOf(info)
	switch {
	case !known:
		return nil
	case a.Read || a.Write:
		return fmt.Errorf("%s %s: others than its owner can get at it: chmod 600 takes that from them", what, keytext.Harmless(path))
	case !a.Own:
		return fmt.Errorf("%s %s: it belongs to another user", what, keytext.Harmless(path))
	}
	return nil
}

// writeSecret makes v, as JSON, what a file holds that only its owner may read.
func writeSecret(path, what string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer clear(text)
	err = wholefile.Write(path, ".new-", func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return fmt.Errorf("%s %s: %w", what, keytext.Harmless(path), err)
	}
	return nil
}

// noContext is for files that are regular ones: reading them does not wait.
var noContext = context.Background()
