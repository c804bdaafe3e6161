package doctor

import (
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"runtime"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/pn532"
)

// This is the machine on which the program runs.
func This() Machine { return this{} }

type this struct{}

func (this) System() string            { return runtime.GOOS }
func (this) Files() fs.FS              { return os.DirFS("/") }
func (this) Folder() string            { f, _ := os.Getwd(); return f }
func (this) Getenv(name string) string { return os.Getenv(name) }

func (this) User() User {
	u := User{Name: os.Getenv("USER"), Root: os.Geteuid() == 0}
	if me, err := user.Current(); err == nil {
		u.Name = me.Username
	}
	ids, _ := os.Getgroups()
	for _, id := range append(ids, os.Getegid()) {
		u.Groups = append(u.Groups, groupName(id))
	}
	return u
}

func (this) Group(name string) (string, error) { return groupOf(name) }
func (this) May(name string) error             { return may(name) }

func (this) Dial(ctx context.Context, network, address string) error {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	return c.Close()
}

func (this) Run(ctx context.Context, name string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	c.WaitDelay = 100 * time.Millisecond
	out, err := c.CombinedOutput()
	return string(out), err
}

func (this) Candidates() (addresses []string, err error) {
	list, err := pn532.Candidates()
	for _, c := range list {
		addresses = append(addresses, c.Address)
	}
	return addresses, err
}

func (this) Probe(ctx context.Context, address string) (string, error) {
	chip, err := pn532.Probe(ctx, address)
	if err != nil {
		return "", err
	}
	return chip.String(), nil
}

func (this) PCSC() (Readers, error) {
	r, err := pcsc.Open(&pcsc.Config{Share: pcsc.ShareExclusive, NoEscapes: true})
	if err != nil {
		return nil, err
	}
	return readers{r}, nil
}

// readers are those of this machine.
type readers struct{ *pcsc.Readers }

func (r readers) Open(ctx context.Context, reader string) (desfire.Transport, error) {
	c, err := r.Connect(ctx, reader)
	if err != nil {
		return nil, err
	}
	return c, nil
}
