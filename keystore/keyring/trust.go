package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/keystore/execkey"
)

// trust says whether what a keyring names is run: its programs and the code of its
// providers.
type trust struct {
	dir   string
	known bool  // the system says who can write files
	why   error // nothing is run, for this reason
	run   func(ctx context.Context, argv []string) ([]byte, error)
}

func newTrust(dir string, conf *Config, a keytext.Access, known bool) trust {
	t := trust{dir: dir, known: known, run: conf.Exec}
	if t.run == nil {
		t.run = execkey.Run
	}
	switch {
	case known && a.Write:
		t.why = fmt.Errorf("%w: others than its owner can write it; chmod go-w takes that from them", ErrNotTrusted)
	case known && !a.Own:
		t.why = fmt.Errorf("%w: it belongs to another user", ErrNotTrusted)
	case !known && !conf.TrustExec:
		t.why = fmt.Errorf("%w: the system does not say who can write it", ErrNotTrusted)
	}
	return t
}

// exec runs a program, or says why it is not run.
func (t *trust) exec(ctx context.Context, argv []string) ([]byte, error) {
	if t.why != nil {
		return nil, t.why
	}
	if err := t.beside("program", argv[0]); err != nil {
		return nil, err
	}
	return t.run(ctx, argv)
}

// code says whether a file of code may be loaded.
func (t *trust) code(file string) error {
	if t.why != nil {
		return t.why
	}
	return t.beside("module", file)
}

// beside looks at what lies in the folder of the keyring: it is as much a part of
// it.
func (t *trust) beside(what, file string) error {
	rel, err := filepath.Rel(t.dir, file)
	if err != nil || !filepath.IsAbs(file) || !filepath.IsLocal(rel) || !t.known {
		return nil
	}
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("%s %s: %w", what, keytext.Harmless(rel), errors.Unwrap(err))
	}
	if a, ok := keytext.AccessOf(info); !ok || a.Write || !a.Own {
		return fmt.Errorf("%w: others can write the %s %s, or own it", ErrNotTrusted, what, keytext.Harmless(rel))
	}
	return nil
}
