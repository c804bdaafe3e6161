package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-desfire/desfire/internal/wholefile"
)

// credentialVersion is the first member of its text.
const credentialVersion = "phone-credential/v1"

// Credential is what a phone keeps of a computer that it is paired with: where it is, the
// hash of its key, and the phone's own private key, which no other computer gets to see.
// Whoever has it is this phone, until it is revoked at the computer. Printed, it shows no
// key. A Credential is not changed once it is there.
type Credential struct {
	computer  string
	name      string
	peer      Fingerprint
	addresses []string
	self      *identity
}

type credentialText struct {
	Version   string      `json:"desfire"`
	Computer  string      `json:"computer"`
	Name      string      `json:"name"`
	Peer      Fingerprint `json:"computer_key"`
	Addresses []string    `json:"addresses"`
	Key       []byte      `json:"key"` // PKCS #8
}

// Computer is what the computer calls itself.
func (c *Credential) Computer() string { return c.computer }

// Name is what the computer calls this phone.
func (c *Credential) Name() string { return c.name }

// ComputerKey is the fingerprint of the computer's key.
func (c *Credential) ComputerKey() Fingerprint { return c.peer }

// Key is the fingerprint of the phone's own key.
func (c *Credential) Key() Fingerprint { return c.self.id }

// Addresses are where the computer was, HOST:PORT, the most likely one first.
func (c *Credential) Addresses() []string { return slices.Clone(c.addresses) }

func (c *Credential) String() string {
	return fmt.Sprintf("credential of %q for the computer %q", c.name, c.computer)
}

// GoString is String: the key is in no output.
func (c *Credential) GoString() string { return c.String() }

// LogValue is String.
func (c *Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Encode is the credential as text to keep, with the private key in it: where others
// cannot read it.
func (c *Credential) Encode() ([]byte, error) {
	key, err := c.self.encode()
	if err != nil {
		return nil, err
	}
	return json.Marshal(credentialText{credentialVersion, c.computer, c.name, c.peer, c.addresses, key})
}

// ParseCredential reads what Encode wrote.
func ParseCredential(text []byte) (*Credential, error) {
	var t credentialText
	if err := json.Unmarshal(text, &t); err != nil { // which may quote what is in it
		return nil, errors.New("this is no credential: no JSON of one")
	}
	if t.Version != credentialVersion {
		return nil, fmt.Errorf("this is no credential: want %q as \"desfire\"", credentialVersion)
	}
	self, err := parseIdentity(t.Key)
	if err != nil {
		return nil, fmt.Errorf("the credential: %w", err)
	}
	c := &Credential{CleanName(t.Computer), CleanName(t.Name), t.Peer, cleanAddresses(t.Addresses), self}
	if len(c.addresses) == 0 {
		return nil, errors.New("the credential names no address of the computer")
	}
	return c, nil
}

// ReadCredential reads a credential from a file, which only its owner may read.
func ReadCredential(path string) (*Credential, error) {
	text, _, err := readPrivate(path, maxBook)
	if err != nil {
		return nil, err
	}
	c, err := ParseCredential(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Write writes the credential into a file that only its owner may read, whole or not at
// all, and makes its folder.
func (c *Credential) Write(path string) error {
	text, err := c.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return wholefile.Write(path, ".credential-", func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err })
}

// at is the credential with what the computer says of its addresses; the one that has
// just led there is first.
func (c *Credential) at(address string, more []string) *Credential {
	all := cleanAddresses(append([]string{address}, more...))
	if slices.Equal(all, c.addresses) {
		return c
	}
	changed := *c
	changed.addresses = all
	return &changed
}

// Equal reports whether two credentials say the same.
func (c *Credential) Equal(o *Credential) bool {
	a, err := c.Encode()
	b, err2 := o.Encode()
	return err == nil && err2 == nil && bytes.Equal(a, b)
}

// cleanAddresses are those of them that are HOST:PORT, each once.
func cleanAddresses(all []string) []string {
	var out []string
	for _, a := range all {
		host, port, err := net.SplitHostPort(a)
		if err != nil || host == "" || port == "" || len(a) > maxHostPort || slices.Contains(out, a) || len(out) == maxAddress {
			continue
		}
		out = append(out, a)
	}
	return out
}

// Address is HOST:PORT of what a person typed, HOST or HOST:PORT.
func Address(typed string) (string, error) {
	if host, port, err := net.SplitHostPort(typed); err == nil && host != "" && port != "" {
		return typed, nil
	}
	host := typed
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	address := net.JoinHostPort(host, DefaultPort)
	if host == "" || len(cleanAddresses([]string{address})) == 0 || (net.ParseIP(host) == nil && bytes.ContainsAny([]byte(host), ":/ ")) {
		return "", fmt.Errorf("address %q: want HOST or HOST:PORT, as the computer shows it", typed)
	}
	return address, nil
}
