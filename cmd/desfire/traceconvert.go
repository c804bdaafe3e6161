package main

import (
	"fmt"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/trace"
	"github.com/spf13/cobra"
)

func (a *app) traceConvertCommand() *cobra.Command {
	var out, to string
	formats := map[string]trace.Format{"json": trace.FormatJSON, "lines": trace.FormatLines}
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Convert a recorded session or a log to another format",
		Long: `Convert a recorded session, or the log of another program, to the JSON that
--trace FILE writes, or to lines of hexadecimal digits. Keys, session keys and
random numbers that stand in the recording are left out, and what carries keys
is cut: it would tell the new key of a key change to whoever has the old one.
--trace-keys keeps that. Lines of a log that are not taken are named on standard
error.`,
		Example: `  desfire trace convert proxmark.log -o session.json
  desfire trace convert --to lines session.json`,
		Args: wants("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, ok := formats[to]; !ok {
				return &usageError{cmd, fmt.Errorf("--to %s: want json or lines", to)}
			}
			if err := a.mayWrite(out); err != nil {
				return err
			}
			rec, err := readRecording(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			for _, l := range skippedText(rec) {
				a.sayf("%s\n", screen.Visible(l))
			}
			if !a.traceKeys {
				rec = rec.Cut()
			}
			if out != "" {
				return rec.WriteFile(out, formats[to])
			}
			return rec.Write(a.stdout, formats[to])
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "write into `FILE`, not to standard output")
	cmd.Flags().StringVar(&to, "to", "json", "format: json or lines")
	return cmd
}
