package centre

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire/internal/keytext"
)

// Member is somebody who joined the fleet.
type Member struct {
	Name    string     `json:"name"`
	Role    Role       `json:"role"`
	Key     string     `json:"key"` // the public half
	Made    time.Time  `json:"made"`
	Expires time.Time  `json:"expires"`           // of the last permissions that were signed
	Seen    *time.Time `json:"seen,omitempty"`    // it said hello, or renewed
	Revoked *time.Time `json:"revoked,omitempty"` // for ever
	Agents  []string   `json:"agents,omitempty"`  // that a leaf carries; none: all
	Hosts   []string   `json:"hosts,omitempty"`   // names of a leaf in its certificate
	URLs    []string   `json:"urls,omitempty"`    // where it connects, if not where all do
}

// token is what somebody joins with. The token itself is not kept.
type token struct {
	Hash    string    `json:"hash"` // SHA-256, in hexadecimal digits
	Name    string    `json:"name"`
	Role    Role      `json:"role"`
	Made    time.Time `json:"made"`
	Replace bool      `json:"replace,omitempty"`
	Used    string    `json:"used,omitempty"` // by which key
	Agents  []string  `json:"agents,omitempty"`
	Hosts   []string  `json:"hosts,omitempty"`
	URLs    []string  `json:"urls,omitempty"`
}

// registry is who may take part, and who could join. The file is the truth; what is
// here has been written.
type registry struct {
	path string
	now  registryFile
}

type registryFile struct {
	V       int      `json:"v"`
	Members []Member `json:"members"`
	Tokens  []token  `json:"tokens"`
}

// Bounds of a registry.
const (
	maxMembers = 20000
	maxTokens  = 1000
)

const registryName = "members.json"

func openRegistry(dir string) (*registry, error) {
	r := &registry{path: filepath.Join(dir, registryName), now: registryFile{V: 1}}
	if _, err := os.Lstat(r.path); errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err := readSecret(r.path, "members of the fleet", &r.now); err != nil {
		return nil, err
	}
	if r.now.V != 1 {
		return nil, fmt.Errorf("members of the fleet %s: version %d, and this program knows 1: update it", keytext.Harmless(r.path), r.now.V)
	}
	return r, nil
}

// change writes what f made of a copy, and keeps it if that worked.
func (r *registry) change(f func(*registryFile) error) error {
	next := registryFile{1, slices.Clone(r.now.Members), slices.Clone(r.now.Tokens)}
	if err := f(&next); err != nil {
		return err
	}
	if len(next.Members) > maxMembers || len(next.Tokens) > maxTokens {
		return fmt.Errorf("members of the fleet: more than %d, or more than %d open tokens", maxMembers, maxTokens)
	}
	slices.SortStableFunc(next.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	if err := writeSecret(r.path, "members of the fleet", &next); err != nil {
		return err
	}
	r.now = next
	return nil
}

// active is the member of a name that is not revoked; nil if there is none.
func (f *registryFile) active(name string) *Member {
	for i := range f.Members {
		if m := &f.Members[i]; m.Name == name && m.Revoked == nil {
			return m
		}
	}
	return nil
}

// byKey is the member with a key, revoked or not.
func (f *registryFile) byKey(key string) *Member {
	for i := range f.Members {
		if m := &f.Members[i]; m.Key == key {
			return m
		}
	}
	return nil
}

// forget drops tokens that are over.
func (f *registryFile) forget(now time.Time) {
	f.Tokens = slices.DeleteFunc(f.Tokens, func(t token) bool { return now.Sub(t.Made) > tokenLasts || t.Made.After(now.Add(time.Minute)) })
}
