package phone

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/wholefile"
)

// bookVersion is the first member of the file.
const bookVersion = "phones/v1"

// Bounds of a book.
const (
	maxBook   = 1 << 20
	maxPhones = 256
	maxName   = 32 // characters
)

// Phone is a phone that is paired with this computer.
type Phone struct {
	Name   string      `json:"name"`
	Key    Fingerprint `json:"key"` // of its public key
	Paired time.Time   `json:"paired"`
}

// Book is what a computer knows of its phones: a file with the computer's own private
// key and the phones that are paired, which only its owner may read. Several programs may
// have it open; each sees what another changes.
type Book struct {
	path string
	self *identity

	mu   sync.Mutex
	info fs.FileInfo // of the file that was read
	bad  error       // why it cannot be read any more
	data bookData
}

// bookData is the file.
type bookData struct {
	Version string      `json:"desfire"`
	Name    string      `json:"name"`
	Listen  string      `json:"listen"`
	Key     []byte      `json:"key"` // PKCS #8
	Phones  []Phone     `json:"phones"`
	Failed  []time.Time `json:"failed,omitempty"` // pairings, of late
}

// OpenBook opens the book in a file, and makes one with a new key where there is none. The
// folder is made as well.
func OpenBook(path string) (*Book, error) {
	b := &Book{path: path}
	err := b.read()
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = b.change(func(*bookData) error { return nil })
		}
	}
	if err != nil {
		return nil, err
	}
	if b.self, err = parseIdentity(b.data.Key); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// Path is where the file is.
func (b *Book) Path() string { return b.path }

// Key is the fingerprint of the computer's own key, which its phones remember.
func (b *Book) Key() Fingerprint { return b.self.id }

// Name is what the computer calls itself towards phones.
func (b *Book) Name() string { b.mu.Lock(); defer b.mu.Unlock(); return b.data.Name }

// Listen is the address at which the computer waits for its phones.
func (b *Book) Listen() string { b.mu.Lock(); defer b.mu.Unlock(); return b.data.Listen }

// SetListen changes that address, HOST:PORT or :PORT for every address of the computer.
func (b *Book) SetListen(address string) error {
	return b.change(func(d *bookData) error { d.Listen = address; return nil })
}

// Phones are the phones that are paired now, in the order of their names.
func (b *Book) Phones() ([]Phone, error) {
	if err := b.refresh(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.data.Phones), nil
}

// Phone is the one of that name, in whatever case.
func (b *Book) Phone(name string) (Phone, bool, error) {
	all, err := b.Phones()
	i := slices.IndexFunc(all, func(p Phone) bool { return strings.EqualFold(p.Name, name) })
	if err != nil || i < 0 {
		return Phone{}, false, err
	}
	return all[i], true, nil
}

// byKey is the phone with a key.
func (b *Book) byKey(key Fingerprint) (Phone, bool, error) {
	all, err := b.Phones()
	i := slices.IndexFunc(all, func(p Phone) bool { return p.Key == key })
	if err != nil || i < 0 {
		return Phone{}, false, err
	}
	return all[i], true, nil
}

// ErrUnknownPhone is the error of Revoke for a name that no phone has.
var ErrUnknownPhone = errors.New("no phone of that name is paired")

// Revoke takes a phone out of the book. Every program that listens with this book ends
// its connection: at the next exchange, or within 200 ms.
func (b *Book) Revoke(name string) (Phone, error) {
	var gone Phone
	err := b.change(func(d *bookData) error {
		i := slices.IndexFunc(d.Phones, func(p Phone) bool { return strings.EqualFold(p.Name, name) })
		if i < 0 {
			return ErrUnknownPhone
		}
		gone = d.Phones[i]
		d.Phones = slices.Delete(d.Phones, i, i+1)
		return nil
	})
	return gone, err
}

// add takes a phone in. One with the same key, as of a phone that pairs again, is
// replaced; a name that another has gets a number.
func (b *Book) add(p Phone) (Phone, error) {
	p.Name = CleanName(p.Name)
	err := b.change(func(d *bookData) error {
		d.Phones = slices.DeleteFunc(d.Phones, func(o Phone) bool { return o.Key == p.Key })
		if len(d.Phones) >= maxPhones {
			return fmt.Errorf("%d phones are paired already: revoke some", len(d.Phones))
		}
		p.Name = freeName(p.Name, d.Phones)
		d.Phones = append(d.Phones, p)
		slices.SortFunc(d.Phones, func(a, b Phone) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
		return nil
	})
	return p, err
}

// remove takes out the phone with a key.
func (b *Book) remove(key Fingerprint) error {
	return b.change(func(d *bookData) error {
		d.Phones = slices.DeleteFunc(d.Phones, func(o Phone) bool { return o.Key == key })
		return nil
	})
}

func freeName(name string, taken []Phone) string {
	for n, try := 2, name; ; n++ {
		if !slices.ContainsFunc(taken, func(p Phone) bool { return strings.EqualFold(p.Name, try) }) {
			return try
		}
		number := fmt.Sprintf(" %d", n)
		runes := []rune(name)
		try = string(runes[:min(len(runes), maxName-len(number))]) + number
	}
}

// CleanName is a name as books have it: letters, digits, blanks and -_.() of what a phone
// calls itself, at most 32 of them; "phone" if nothing is left.
func CleanName(name string) string {
	var out []rune
	for _, r := range strings.TrimSpace(name) {
		switch {
		case r == utf8.RuneError, r == ' ' && (len(out) == 0 || out[len(out)-1] == ' '):
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_.()", r):
			out = append(out, r)
		}
		if len(out) == maxName {
			break
		}
	}
	if s := strings.TrimSpace(string(out)); s != "" {
		return s
	}
	return "phone"
}

// refresh reads the file anew if it is another one than before.
func (b *Book) refresh() error {
	info, err := os.Stat(b.path)
	b.mu.Lock()
	same := err == nil && b.bad == nil && b.info != nil && os.SameFile(info, b.info) && info.ModTime().Equal(b.info.ModTime()) && info.Size() == b.info.Size()
	b.mu.Unlock()
	if same {
		return nil
	}
	return b.read()
}

// read reads the file.
func (b *Book) read() error {
	d, info, err := readBook(b.path)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil && b.self != nil && !bytes.Equal(d.Key, b.data.Key) {
		err = fmt.Errorf("%s is another computer's by now", b.path)
	}
	b.bad = err
	if err != nil {
		b.info = nil
		return err
	}
	b.data, b.info = *d, info
	return nil
}

func readBook(path string) (*bookData, fs.FileInfo, error) {
	text, info, err := readPrivate(path, maxBook)
	if err != nil {
		return nil, nil, err
	}
	d := new(bookData)
	switch err := json.Unmarshal(text, d); {
	case err != nil: // which may quote what is in it
		return nil, nil, fmt.Errorf("%s is damaged: it is no JSON of a list of phones; move it away and pair the phones anew", path)
	case d.Version != bookVersion:
		return nil, nil, fmt.Errorf("%s: want %q as \"desfire\", which says what the file is", path, bookVersion)
	}
	return d, info, nil
}

// change changes the file, while no other program does.
func (b *Book) change(how func(*bookData) error) error {
	lock, err := takeLock(filelock.Name(b.path))
	if err != nil {
		return fmt.Errorf("%s: %w", b.path, err)
	}
	defer func() { _ = lock.Release() }()
	d, _, err := readBook(b.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && b.self == nil:
		if d, err = newBook(); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if err := how(d); err != nil {
		return err
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := wholefile.Write(b.path, ".phones-", func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err }); err != nil {
		return err
	}
	return b.read()
}

func newBook() (*bookData, error) {
	self, err := newIdentity()
	if err != nil {
		return nil, err
	}
	key, err := self.encode()
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "computer"
	}
	return &bookData{Version: bookVersion, Name: CleanName(host), Listen: ":" + DefaultPort, Key: key, Phones: []Phone{}}, nil
}

// takeLock waits a little for a lock that others hold for moments only.
func takeLock(name string) (*filelock.Lock, error) {
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		lock, err := filelock.Take(name, "desfire")
		if err == nil || !errors.As(err, new(*filelock.HeldError)) || time.Now().After(end) {
			return lock, err
		}
	}
}
