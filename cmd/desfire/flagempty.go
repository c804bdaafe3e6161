package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mayBeEmpty are the flags for which nothing is something: a MAC may cover no
// text.
var mayBeEmpty = []string{"input"}

// emptied is the error of a flag with nothing for its value, as a variable that is
// not set gives it. As if it were not there, a verb would go on without the file,
// the key or the check that was asked for.
func emptied(cmd *cobra.Command) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if err != nil || !f.Changed || slices.Contains(mayBeEmpty, f.Name) {
			return
		}
		var values []string
		switch v := f.Value.(type) {
		case pflag.SliceValue:
			values = v.GetSlice()
		default:
			values = []string{v.String()}
		}
		if slices.Contains(values, "") && f.NoOptDefVal != "true" {
			err = &usageError{cmd, fmt.Errorf("--%s is empty: want what it takes, or no --%[1]s; a variable that is not set, perhaps", f.Name)}
		}
	})
	return err
}
