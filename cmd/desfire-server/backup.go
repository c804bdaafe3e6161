package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/remote/ledger"
)

// askBackup is the question for a backup. It is none of those that viewers may ask.
const askBackup = "backup"

// backupAnswer is where the centre put one.
type backupAnswer struct {
	File string             `json:"file"` // in its folder
	Info *ledger.BackupInfo `json:"info"`
}

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the ledger of the centre that is running into a file",
		Long: `Copy the ledger into a file, while the centre goes on: everything up to a moment
while it is being written. It has no keys; those of the fleet are in the folder
centre of --dir, and belong into a backup of their own.

The centre must be running on this machine, and the file must not be there yet.`,
		Args:    one("FILE"),
		Example: "  desfire-server backup ledger-2026-11-27.backup",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.backup(cmd.Context(), args[0]) },
	}
}

func (a *app) backup(ctx context.Context, name string) (err error) {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return bad(err, "It is a new file each time.")
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			_ = os.Remove(name)
		}
	}()
	client, done, err := a.client(ctx)
	if err != nil {
		return err
	}
	defer done()
	var answer backupAnswer
	if err := client.Ask(ctx, askBackup, struct{}{}, &answer); err != nil {
		return fmt.Errorf("no backup: %w", err)
	}
	made := filepath.Join(a.dir, "backup", filepath.Base(answer.File))
	in, err := os.Open(made)
	if err != nil {
		return bad(err, "The centre that answered works in another folder; --dir says which is meant.")
	}
	defer os.Remove(made) //nolint:errcheck // it is a copy
	defer in.Close()      //nolint:errcheck // it was only read
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	if err := out.Sync(); err != nil {
		return err
	}
	a.printf("%s: %s\n", name, backupWords(answer.Info))
	return nil
}

func backupWords(i *ledger.BackupInfo) string {
	n := 0
	for _, m := range i.Messages {
		n += m
	}
	return fmt.Sprintf("the ledger of fleet %s as of %s, %d messages", i.Fleet, i.Time.Format("2006-01-02 15:04:05Z"), n)
}

// answerBackup makes a backup in the folder of the centre.
func (c *running) answerBackup(ctx context.Context, _ []byte) (any, error) {
	if err := c.space.err(); err != nil {
		return nil, err
	}
	dir := filepath.Join(c.dir, "backup")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "ledger-*")
	if err != nil {
		return nil, err
	}
	info, err := ledger.Backup(ctx, c.conn, c.fleet, f)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return nil, err
	}
	return backupAnswer{filepath.Base(f.Name()), info}, nil
}

func (a *app) restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a copy of the ledger into a centre that has none",
		Long: `Put a copy that backup has made into a folder without a ledger, while no centre
runs there. The ledger has a new epoch then: agents tell again what the copy
does not have, for as long as their journals keep it.`,
		Args:    one("FILE"),
		Example: "  desfire-server restore ledger-2026-11-27.backup",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.restore(cmd.Context(), args[0]) },
	}
}

func (a *app) restore(ctx context.Context, name string) error {
	in, err := os.Open(name)
	if err != nil {
		return bad(err, "")
	}
	defer in.Close() //nolint:errcheck // it was only read
	var begin bytes.Buffer
	if err := ledger.CheckBackup(io.TeeReader(in, &begin), a.fleet); err != nil {
		return bad(fmt.Errorf("%s: %w", name, err), "Want a file that desfire-server backup has made. Nothing was changed.")
	}
	c := a.newRunning(&runFlags{listen: "127.0.0.1:0", join: "127.0.0.1:0", page: "off", reserve: 0})
	defer c.close()
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.start(ctx); err != nil {
		return err
	}
	info, err := ledger.Restore(ctx, c.conn, c.fleet, 1, io.MultiReader(&begin, in))
	if err != nil {
		return bad(fmt.Errorf("%s: %w", name, err), "Nothing was changed.")
	}
	a.printf("Restored: %s\n", backupWords(info))
	return nil
}
