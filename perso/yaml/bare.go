package yaml

import (
	"errors"
	"io/fs"
	"strings"
)

// bare is an error of package perso without the package's name.
func bare(err error) error {
	text := err.Error()
	for _, prefix := range []string{"perso: ", "layout: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return errors.New(text)
}

// pathless is an error without the path in it, which the message names already.
func pathless(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
