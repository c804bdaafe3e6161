package keyring

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/internal/yamlnode"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/transit"
)

// maxWorkFactor bounds what a passphrase may cost: 1 GiB of memory. age itself
// writes 18.
const maxWorkFactor = 20

// errAsks is what is given up with where nobody may be asked.
var errAsks = errors.New("somebody would have to be asked")

// ages deciphers what age has made.
type ages struct {
	file   string // of the identities; may be empty
	unwrap func(ctx context.Context, text []byte) ([]byte, error)
	prompt keystore.Prompt
	warn   func(string)

	turn       chan struct{} // held by who deciphers, who may be asking somebody
	loaded     bool
	identities []age.Identity
	passphrase []byte // the last that was right
}

// dearmor takes the armor off a block. The bytes are not secret.
func dearmor(text []byte) ([]byte, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte(armor.Header)) {
		return text, nil
	}
	b, err := io.ReadAll(armor.NewReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errors.New("its armor does not decode")
	}
	return b, nil
}

// open deciphers a file or block of age; what names it, in errors and questions.
// Without may, nobody is asked: errAsks.
func (a *ages) open(ctx context.Context, what string, text []byte, may bool, limit int) ([]byte, error) {
	sealed, err := dearmor(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if err := a.enter(ctx, may); err != nil {
		return nil, err
	}
	defer a.leave()
	forPassphrase, err := isForPassphrase(sealed)
	if err != nil {
		return nil, fmt.Errorf("%s: it is damaged: age does not read its head", what)
	}
	if forPassphrase {
		return a.byPassphrase(ctx, what, sealed, may, limit)
	}
	if err := a.load(ctx, may); err != nil {
		return nil, err
	}
	if len(a.identities) == 0 {
		return nil, fmt.Errorf("%s is encrypted to an age identity: say which file has it", what)
	}
	b, err := decrypt(sealed, limit, a.identities...)
	if errors.As(err, new(*age.NoIdentityMatchError)) {
		err = fmt.Errorf("none of the identities in %s opens it", keytext.Harmless(a.file))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return b, nil
}

// enter waits for the turn, if may, until ctx ends.
func (a *ages) enter(ctx context.Context, may bool) error {
	select {
	case a.turn <- struct{}{}:
		return nil
	default:
	}
	if !may { // somebody is being asked
		return errAsks
	}
	select {
	case a.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *ages) leave() { <-a.turn }

func (a *ages) byPassphrase(ctx context.Context, what string, sealed []byte, may bool, limit int) ([]byte, error) {
	switch {
	case !may:
		return nil, errAsks
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	if len(a.passphrase) > 0 {
		if b, err := decryptBy(a.passphrase, sealed, limit); err == nil {
			return b, nil
		}
	}
	if a.prompt == nil {
		return nil, fmt.Errorf("%s is encrypted by a passphrase: %w", what, keystore.ErrLocked)
	}
	phrase, err := a.prompt(ctx, "passphrase of "+what)
	if err != nil {
		return nil, fmt.Errorf("passphrase of %s: %w", what, err)
	}
	b, err := decryptBy(phrase, sealed, limit)
	if err != nil {
		clear(phrase)
		if errors.As(err, new(*age.NoIdentityMatchError)) {
			err = errors.New("this passphrase does not open it")
		}
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	clear(a.passphrase)
	a.passphrase = phrase
	return b, nil
}

// load reads the identities, once.
func (a *ages) load(ctx context.Context, may bool) error {
	if a.loaded || a.file == "" {
		return nil
	}
	what := "identity file " + keytext.Harmless(a.file)
	if info, err := os.Stat(a.file); err == nil && !info.Mode().IsRegular() && !may {
		return errAsks // a terminal or a pipe
	}
	text, info, err := keytext.ReadFile(ctx, a.file, yamlnode.MaxFile)
	if err != nil {
		return fmt.Errorf("identity: %w", err)
	}
	defer func() { clear(text) }()
	if access, ok := keytext.AccessOf(info); ok && (access.Read || access.Write) {
		a.warn(fmt.Sprintf("the %s can be read or changed by others than its owner: chmod 600 takes that from them", what))
	}
	if keystore.Encrypted(text) {
		sealed, err := dearmor(text)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		clear(text)
		if text, err = a.byPassphrase(ctx, what, sealed, may, yamlnode.MaxFile); err != nil {
			return err
		}
	}
	if transit.IsEnvelope(text) {
		sealed := text
		switch {
		case !may:
			return errAsks // another computer would be asked
		case a.unwrap == nil:
			return fmt.Errorf("%s is an envelope of Vault or OpenBao, which this program does not ask", what)
		}
		if text, err = a.unwrap(ctx, sealed); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		// its errors may show a line
		return fmt.Errorf("%s: want lines AGE-SECRET-KEY-..., as age-keygen writes them, and comments", what)
	}
	a.identities, a.loaded = ids, true
	return nil
}

func (a *ages) close() {
	a.turn <- struct{}{}
	defer a.leave()
	clear(a.passphrase)
	a.passphrase, a.identities, a.loaded = nil, nil, false
}

// look is an identity that only sees for whom a file is.
type look struct{ types []string }

func (l *look) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, s := range stanzas {
		l.types = append(l.types, s.Type)
	}
	return nil, age.ErrIncorrectIdentity
}

func isForPassphrase(sealed []byte) (bool, error) {
	l := new(look)
	_, err := age.Decrypt(bytes.NewReader(sealed), l)
	if len(l.types) == 0 {
		return false, err
	}
	return slices.Contains(l.types, "scrypt"), nil
}

func decryptBy(phrase, sealed []byte, limit int) ([]byte, error) {
	id, err := age.NewScryptIdentity(string(phrase))
	if err != nil {
		return nil, errors.New("a passphrase cannot be empty")
	}
	id.SetMaxWorkFactor(maxWorkFactor)
	return decrypt(sealed, limit, id)
}

func decrypt(sealed []byte, limit int, ids ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	if err != nil {
		if errors.As(err, new(*age.NoIdentityMatchError)) {
			return nil, err
		}
		if strings.Contains(err.Error(), "work factor") {
			return nil, errors.New("to try a passphrase on it would cost more than a gigabyte of memory")
		}
		return nil, errors.New("age cannot open it")
	}
	b, err := keytext.ReadAll(r, limit)
	switch {
	case errors.Is(err, keytext.ErrLong):
		return nil, errors.New("what is in it is too large")
	case err != nil:
		return nil, errors.New("it was changed or cut since it was encrypted")
	}
	return b, nil
}
