package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// saveFile is writeOut for what only its owner may read, and of which half would
// be worse than nothing: the file appears when it is complete.
func (a *app) saveFile(path string, data []byte) (err error) {
	if err := a.mayWrite(path); err != nil { // it may have come in the meantime
		return err
	}
	if at, err := filepath.EvalSymlinks(path); err == nil {
		path = at // a link stays one
	}
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return a.writeOut(path, data, 0o600)
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
