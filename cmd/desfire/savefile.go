package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// mayWrite refuses to write into a file that is there already, unless --force:
// before the card has done anything for it.
func (a *app) mayWrite(path string) error {
	if path == "" || a.force {
		return nil
	}
	switch _, err := os.Lstat(path); {
	case err == nil:
		return advise(withCode(exitInput, fmt.Errorf("%s exists already", path)), "--force overwrites it.")
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// saveFile writes a file that its owner only can read. It appears when it is
// complete, or not at all.
func (a *app) saveFile(path string, data []byte) (err error) {
	if err := a.mayWrite(path); err != nil { // it may have come in the meantime
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".desfire-*") // 0600
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s does not exist: %w", filepath.Dir(path), err)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// wantsFiles checks arguments that are names of files, and completes them.
func wantsFiles(cmd *cobra.Command, names ...string) *cobra.Command {
	cmd.Args = wants(names...)
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) < len(names) {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
