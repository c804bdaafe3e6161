package pkcs11

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/keystore"
)

// URI names a key in a token, by the attributes of RFC 7512. What is empty may be
// anything. It holds no PIN.
type URI struct {
	// The token: its label, serial number, manufacturer and model.
	Token, Serial, Manufacturer, Model string

	// The key: CKA_LABEL and CKA_ID. One of them at least is not empty.
	Object string
	ID     []byte

	// Version is the version that cards tell of the key, where Versioned. No token
	// knows it.
	Version   byte
	Versioned bool

	// Module is the file of the module (module-path), and PIN where the PIN comes
	// from (pin-source): prompt, env:NAME, or exec:PROGRAM ARG. Both say what is
	// run, so only ParseTrusted takes them from a text.
	Module, PIN string
}

// ErrTrust says that a URI names a module or the source of a PIN, which only text
// of the user's own may: a module is a program.
var ErrTrust = errors.New("a module and the source of a PIN stand on the command line, in the environment, or in a keyring that nobody else can write, and not elsewhere")

// maxURI bounds the text of a URI.
const maxURI = 4096

// ParseURI reads a key's URI, from whatever source:
//
//	pkcs11:token=door;object=master
//	pkcs11:serial=6cedf9456c7b44e7;id=%01%02/2A      version 2A
//
// token, serial, manufacturer, model, object, id and type=secret-key are known.
// Others are errors, and so are pin-value, for a PIN is no part of a name, and
// module-path and pin-source, which are ErrTrust. The version of the key, which RFC
// 7512 does not have, stands behind a slash, two hexadecimal digits.
func ParseURI(text string) (*URI, error) { return parse(text, false) }

// ParseTrusted is ParseURI for text that only the user can have written. It takes
// module-path and pin-source as well:
//
//	pkcs11:token=door;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=env:DOOR_PIN
func ParseTrusted(text string) (*URI, error) { return parse(text, true) }

func parse(text string, trusted bool) (*URI, error) {
	u, err := parseURI(text, trusted)
	if err != nil {
		return nil, fmt.Errorf("pkcs11: key URI: %w", err)
	}
	return u, nil
}

func parseURI(text string, trusted bool) (*URI, error) {
	if len(text) > maxURI {
		return nil, fmt.Errorf("it has more than %d bytes", maxURI)
	}
	rest, ok := cutScheme(text)
	if !ok {
		return nil, errors.New("want pkcs11: at its beginning")
	}
	u := new(URI)
	path, query, _ := strings.Cut(rest, "?")
	path, version, versioned := strings.Cut(path, "/")
	if versioned {
		v, err := strconv.ParseUint(version, 16, 8)
		if err != nil || len(version) != 2 {
			return nil, errors.New("after a slash want the version of the key, two hexadecimal digits; a slash in a name is %2F")
		}
		u.Version, u.Versioned = byte(v), true
	}
	seen := map[string]bool{}
	for part := range strings.SplitSeq(path, ";") {
		if err := u.attribute(part, seen); err != nil {
			return nil, err
		}
	}
	if query != "" {
		for part := range strings.SplitSeq(query, "&") {
			if err := u.query(part, seen, trusted); err != nil {
				return nil, err
			}
		}
	}
	if u.Object == "" && len(u.ID) == 0 {
		return nil, errors.New("it names no key: want object=LABEL or id=%01, for example pkcs11:token=door;object=master")
	}
	return u, nil
}

func cutScheme(text string) (rest string, ok bool) {
	const scheme = "pkcs11:"
	if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return "", false
	}
	return text[len(scheme):], true
}

// pair takes name=value apart and sees to it that no name comes twice. Values are
// never shown: somebody may have written a PIN there.
func pair(part string, seen map[string]bool) (name, value string, err error) {
	name, value, ok := strings.Cut(part, "=")
	if !ok {
		return "", "", errors.New("an attribute has no =: want NAME=VALUE;NAME=VALUE")
	}
	if seen[name] {
		return "", "", fmt.Errorf("%s stands there twice", shown(name))
	}
	seen[name] = true
	if value, err = unescape(value); err != nil {
		return "", "", fmt.Errorf("%s: %w", shown(name), err)
	}
	return name, value, nil
}

func (u *URI) attribute(part string, seen map[string]bool) error {
	name, value, err := pair(part, seen)
	if err != nil {
		return err
	}
	if value == "" {
		return fmt.Errorf("%s is empty", shown(name))
	}
	if name != "id" && !utf8.ValidString(value) {
		return fmt.Errorf("%s is no UTF-8", shown(name))
	}
	switch name {
	case "token":
		u.Token = value
	case "serial":
		u.Serial = value
	case "manufacturer":
		u.Manufacturer = value
	case "model":
		u.Model = value
	case "object":
		u.Object = value
	case "id":
		u.ID = []byte(value)
	case "type":
		if value != "secret-key" {
			return fmt.Errorf("type %s: keys of cards are type=secret-key", shown(value))
		}
	case "pin-value":
		return errPINValue
	case "pin-source", "module-path":
		return fmt.Errorf("%s stands behind a question mark", name)
	default:
		return fmt.Errorf("it has %s, which is not known here: token, serial, manufacturer, model, object, id and type are", shown(name))
	}
	return nil
}

var errPINValue = errors.New("it has pin-value: a PIN is never part of a name, which ends up in lists and logs; it is typed, or comes from pin-source=env:NAME or pin-source=exec:PROGRAM")

func (u *URI) query(part string, seen map[string]bool, trusted bool) error {
	name, value, err := pair(part, seen)
	if err != nil {
		return err
	}
	switch name {
	case "pin-value":
		return errPINValue
	case "module-path", "pin-source":
		if !trusted {
			return fmt.Errorf("%s: %w", name, ErrTrust)
		}
		if name == "module-path" {
			u.Module = value
			return checkPath(value)
		}
		u.PIN = value
		_, err := parseSource(value)
		return err
	case "module-name":
		return errors.New("it has module-name: name the file instead, by module-path=")
	}
	return fmt.Errorf("it has %s behind the question mark, where only module-path and pin-source are known", shown(name))
}

// unescape reads %41 as A. Of what stands plainly, control characters are errors.
func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%':
			if i+3 > len(s) {
				return "", errors.New("after % want two hexadecimal digits")
			}
			d, err := hex.DecodeString(s[i+1 : i+3])
			if err != nil {
				return "", errors.New("after % want two hexadecimal digits")
			}
			b.WriteByte(d[0])
			i += 2
		case c < ' ' || c == 0x7F:
			return "", errors.New("a control character stands in it")
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), nil
}

// escape writes what unescape reads.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~:[]@!$'()*+,", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// String is the name as ParseURI reads it, without module and source of the PIN.
func (u *URI) String() string {
	parts := u.token()
	if u.Object != "" {
		parts = append(parts, "object="+escape(u.Object))
	}
	if len(u.ID) > 0 {
		var b strings.Builder
		for _, c := range u.ID {
			fmt.Fprintf(&b, "%%%02X", c)
		}
		parts = append(parts, "id="+b.String())
	}
	s := "pkcs11:" + strings.Join(parts, ";")
	if u.Versioned {
		s += fmt.Sprintf("/%02X", u.Version)
	}
	return s
}

func (u *URI) token() (parts []string) {
	for _, a := range []struct{ name, value string }{{"token", u.Token}, {"serial", u.Serial}, {"manufacturer", u.Manufacturer}, {"model", u.Model}} {
		if a.value != "" {
			parts = append(parts, a.name+"="+escape(a.value))
		}
	}
	return parts
}

// tokenWords names the token in a sentence.
func (u *URI) tokenWords() string {
	if parts := u.token(); len(parts) > 0 {
		return visible.Text(strings.Join(parts, ";"))
	}
	return "any"
}

func (u *URI) fits(t tokenInfo) bool {
	for _, a := range [][2]string{{u.Token, t.label}, {u.Serial, t.serial}, {u.Manufacturer, t.manufacturer}, {u.Model, t.model}} {
		if a[0] != "" && a[0] != a[1] {
			return false
		}
	}
	return true
}

// Facts are what is known of the key without asking anybody: where it is, and its
// version where the URI has it.
func (u *URI) Facts() keystore.Facts {
	return keystore.Facts{Version: u.Version, NoVersion: !u.Versioned, Source: u.String()}
}
