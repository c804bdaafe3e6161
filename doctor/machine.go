package doctor

import (
	"context"
	"io/fs"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
)

// Machine is what is examined: This, or one that a test describes.
//
// Its methods only look. Those with a context may still take longer; nobody waits
// for them then.
type Machine interface {
	// System is the operating system, by its name in runtime.GOOS.
	System() string
	// Files are its files from the root, named as in "etc/os-release".
	Files() fs.FS
	// Folder is the folder in which this program works, from the root; empty if it has none.
	Folder() string
	// Getenv is a variable of this program's environment.
	Getenv(name string) string
	// User is who this program runs as.
	User() User
	// Group names the group of a file.
	Group(name string) (string, error)
	// May is nil if this program may read and write a file.
	May(name string) error
	// Dial connects to an address as net.Dialer does, and lets go of it.
	Dial(ctx context.Context, network, address string) error
	// Run runs a program that does nothing but tell, and returns what it prints.
	Run(ctx context.Context, name string, args ...string) (string, error)
	// Candidates are the addresses of ports where a PN532 may be, none of them opened.
	Candidates() ([]string, error)
	// Probe asks for a PN532 at an address, and says what it is. Errors are those of
	// pn532.Probe.
	Probe(ctx context.Context, address string) (string, error)
	// PCSC loads the PC/SC library.
	PCSC() (Readers, error)
}

// User is who a program runs as.
type User struct {
	Name   string
	Root   bool
	Groups []string // that this process has
}

// Readers are those of PC/SC.
type Readers interface {
	// List is pcsc.Readers.List.
	List(ctx context.Context) ([]pcsc.ReaderInfo, error)
	// Open connects to the card on a reader, but not if another program uses it.
	Open(ctx context.Context, reader string) (desfire.Transport, error)
}
