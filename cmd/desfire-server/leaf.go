package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/cmd/desfire-server/node"
	"github.com/go-desfire/desfire/internal/filelock"
	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/remote/centre"
)

type leafFlags struct {
	join, listen string
	check        bool
}

func (a *app) leafCommand() *cobra.Command {
	var f leafFlags
	cmd := &cobra.Command{
		Use:   "leaf",
		Short: "Run the server of a site, to which agents there connect",
		Long: `Run the NATS server of a site, until SIGTERM: agents there connect to it, and it
to the centre. While the centre is away they go on with each other and are let
in as before; whoever was revoked in the meantime is out when the leaf hears of
it.

The first time --join makes this machine a leaf, with the line that
"desfire-server invite NAME --role leaf" prints. The centre must run with
--leafs.`,
		Args: cobra.NoArgs,
		Example: `  desfire-server leaf --dir site --join LINE
  desfire-server leaf --dir site --listen :4222`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.leaf(cmd.Context(), &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.join, "join", "", "`LINE` of the centre, or @FILE where it is")
	flags.StringVar(&f.listen, "listen", "127.0.0.1:4222", "`HOST:PORT` of NATS, where agents of the site connect")
	flags.BoolVar(&f.check, "check", false, "only check flags and files")
	return cmd
}

func (a *app) leaf(ctx context.Context, f *leafFlags) (err error) {
	if err := operations.CheckAddress(f.listen); err != nil {
		return wrong("--listen %w", err)
	}
	host, port, _ := net.SplitHostPort(f.listen)
	n, _ := strconv.ParseUint(port, 10, 16)
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return fmt.Errorf("--dir: %w", err)
	}
	path := filepath.Join(a.dir, "leaf.json")
	lock, err := filelock.Take(filelock.Name(path), "desfire-server")
	if err != nil {
		return fmt.Errorf("folder of the leaf: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	file, err := a.leafFile(ctx, path, f.join)
	if err != nil {
		return err
	}
	if f.check {
		a.printf("All is well: leaf %s can start.\n", file.Name)
		return nil
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if n == 0 {
		n = ^uint64(0) // any: -1 for NATS
	}
	l, err := node.StartLeaf(file, node.LeafConfig{Host: host, Port: int(int64(n)), Dir: a.dir, Logger: a.log}) //nolint:gosec // 16 bits, or -1
	if err != nil {
		return &codeError{exitInUse, err, ""}
	}
	a.printf("Leaf %s of fleet %s: agents connect at %s.\n", file.Name, file.Fleet, l.At())
	return l.Run(ctx)
}

// leafFile is the fleet file of the leaf, which joins first if it has to.
func (a *app) leafFile(ctx context.Context, path, line string) (*centre.File, error) {
	_, err := os.Lstat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		if line != "" {
			a.log.Info("this machine has joined already: --join is not used", "file", path)
		}
		f, err := centre.LoadFile(path)
		return f, bad(err, "")
	}
	if line == "" {
		return nil, bad(fmt.Errorf("this machine is no leaf yet: there is no %s", path),
			"The centre prints the line to join with: desfire-server invite NAME --role leaf. Then: desfire-server leaf --join LINE.")
	}
	if name, ok := strings.CutPrefix(line, "@"); ok {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, bad(fmt.Errorf("--join: %w", err), "")
		}
		line = string(text)
	}
	if words := strings.Fields(line); len(words) > 0 {
		line = words[len(words)-1] // with the command before it, perhaps
	}
	f, err := centre.JoinTo(ctx, line, path)
	if err != nil {
		return nil, bad(err, "")
	}
	if f.Role != centre.Leaf {
		_ = os.Remove(path) // it is of no use here
		return nil, bad(fmt.Errorf("%s joined as %s, and is no leaf", f.Name, f.Role), "Revoke it, and make a token of role leaf.")
	}
	return f, nil
}
