package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/go-desfire/desfire/internal/wholefile"
	"github.com/spf13/cobra"
)

// saveFile is writeOut for what only its owner may read, and of which half would
// be worse than nothing: the file appears when it is complete.
func (a *app) saveFile(path string, data []byte) error {
	if err := a.mayWrite(path); err != nil { // it may have come in the meantime
		return err
	}
	err := wholefile.Write(path, ".desfire-", func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("folder %s does not exist: %w", filepath.Dir(wholefile.Name(path)), err)
	}
	return err
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
