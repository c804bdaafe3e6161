package pkcs11

import (
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
)

// Conditions of this package, for errors.Is.
var (
	// ErrNoToken says that the token of a key is not there: it was removed, or its
	// module does not see it. It is looked for again with the next call.
	ErrNoToken = errors.New("the token is not there")

	// ErrSessions says that the token gives no session, since others have them
	// all, and that this program has none itself that would become free.
	ErrSessions = errors.New("the token has no session left")

	// ErrModule says that a module answered what PKCS#11 does not allow.
	ErrModule = errors.New("the module breaks the rules of PKCS#11")

	// ErrClosed says that the Module was closed.
	ErrClosed = errors.New("the PKCS#11 module was closed")
)

// callError names the function that failed.
type callError struct {
	function string
	code     Error
}

func (e *callError) Error() string { return e.function + ": " + e.code.Error() }
func (e *callError) Unwrap() error { return e.code }

// codeOf is the return value in an error, codeOK where there is none.
func codeOf(err error) Error {
	var e Error
	errors.As(err, &e)
	return e
}

func broken(function, format string, args ...any) error {
	return fmt.Errorf("%w: %s %s", ErrModule, function, fmt.Sprintf(format, args...))
}

// NotFoundError says that a token has no such key, or more than one. The first
// unwraps to keystore.ErrNotFound.
type NotFoundError struct {
	URI   string
	Token string
	Many  int // how many there are; 0: none
}

func (e *NotFoundError) Error() string {
	if e.Many > 0 {
		return fmt.Sprintf("pkcs11: %s has %d secret keys that %s may be: name one of them by id= or object=", e.Token, e.Many, e.URI)
	}
	return fmt.Sprintf("pkcs11: %s has no secret key %s that this user may see", e.Token, e.URI)
}

// Unwrap returns keystore.ErrNotFound where there is none.
func (e *NotFoundError) Unwrap() error {
	if e.Many > 0 {
		return nil
	}
	return keystore.ErrNotFound
}

// PINError says that a token did not take a PIN, or was not asked to. Each answer
// is tried once at most; a token counts wrong ones and locks itself.
type PINError struct {
	Token Token
	// Err is the module's Error. It is nil where the token was not asked, because
	// its PIN is locked, or because it has refused the same answer before.
	Err error
	// Tried is whether the token was asked, and counts.
	Tried bool
}

func (e *PINError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "pkcs11: log in to %v: ", e.Token)
	switch {
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	case e.Token.Locked:
		b.WriteString("the PIN is locked; the token's security officer can set a new one")
	default:
		b.WriteString("the token has refused this PIN before, it is not tried again")
	}
	if s := e.Token.count(); s != "" && (e.Err == nil || codeOf(e.Err) != codePINLocked) {
		b.WriteString("; " + s)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *PINError) Unwrap() error { return e.Err }

// shown is text of a token or module in a message.
func shown(s string) string { return `"` + visible.Text(s) + `"` }

// of says in an error which token or module it is about.
func of(what string, err error) error {
	if err == nil {
		return nil
	}
	var pe *PINError
	var nf *NotFoundError
	if errors.As(err, &pe) || errors.As(err, &nf) {
		return err
	}
	return fmt.Errorf("pkcs11: %s: %w", what, err)
}
