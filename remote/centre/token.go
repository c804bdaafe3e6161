package centre

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-desfire/desfire/remote"
)

// tokenLasts is for how long somebody can join with a token.
const tokenLasts = 15 * time.Minute

var tokenText = base32.StdEncoding.WithPadding(base32.NoPadding)

// newToken is 160 random bits, as text.
func newToken() string {
	var b [20]byte
	_, _ = rand.Read(b[:]) // never fails
	return strings.ToLower(tokenText.EncodeToString(b[:]))
}

func hashToken(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// is compares in a time that does not depend on where texts differ.
func (t *token) is(text string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hashToken(text))) == 1
}

// Line is what somebody pastes to join: who, with which token, where, and which
// certificate the centre there shows.
type Line struct {
	Name  string
	Token string
	URL   string // https://host:port, or http:// with a loopback address
	Pin   string // SHA-256 of the certificate; empty with http
}

// plain stands in place of the pin where there is no certificate.
const plain = "loopback"

// String is the line as it is pasted. It has no character that means something to a
// shell, unless the address is one of IPv6.
func (l Line) String() string {
	pin := l.Pin
	if pin == "" {
		pin = plain
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		return ""
	}
	return strings.Join([]string{"desfire-join-1", l.Name, l.Token, u.Host, pin}, "/")
}

// ParseLine reads a line as somebody pasted it. Errors do not hold the token.
func ParseLine(text string) (Line, error) {
	fail := func(what string) (Line, error) {
		return Line{}, fmt.Errorf("join line: %s: want the whole line that the centre printed, desfire-join-1/NAME/TOKEN/HOST:PORT/FINGERPRINT", what)
	}
	part := strings.Split(strings.TrimSpace(text), "/")
	switch {
	case len(part) > 0 && strings.HasPrefix(part[0], "desfire-join-") && part[0] != "desfire-join-1":
		return Line{}, errors.New("join line: of a later version: update this program")
	case part[0] != "desfire-join-1":
		return fail("it begins with something else")
	case len(part) != 5:
		return fail(fmt.Sprintf("%d parts", len(part)))
	}
	l := Line{Name: part[1], Token: part[2], Pin: part[4]}
	if remote.CheckName(l.Name) != nil {
		return fail("its second part is no name")
	}
	if b, err := tokenText.DecodeString(strings.ToUpper(l.Token)); err != nil || len(b) != 20 {
		return fail("the token is cut or changed")
	}
	host, port, err := net.SplitHostPort(part[3])
	if err != nil || host == "" || port == "" {
		return fail("no address and port")
	}
	l.URL = "https://" + part[3]
	if l.Pin == plain {
		l.Pin, l.URL = "", "http://"+part[3]
		if !loopback(host) {
			return fail("no fingerprint, which only an address of this machine can do without")
		}
		return l, nil
	}
	if b, err := hex.DecodeString(l.Pin); err != nil || len(b) != sha256.Size {
		return fail("the fingerprint is cut or changed")
	}
	return l, nil
}

// loopback reports whether a host is this machine, by what it is called.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
