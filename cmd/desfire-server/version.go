package main

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/go-desfire/desfire/internal/manpage"
	"github.com/spf13/cobra"
)

// version is that of the program.
func version() string {
	v, _, _ := built()
	return v
}

// built is what the program was built of: its version, and the commit and its time
// where they are known.
func built() (version, revision string, at time.Time) {
	version = "(devel)"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, "", at
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.time":
			at, _ = time.Parse(time.RFC3339, s.Value)
		}
	}
	return version, revision, at
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs, Example: "  desfire-server version",
		RunE: func(*cobra.Command, []string) error {
			v, revision, _ := built()
			a.printf("desfire-server %s, %s, %s/%s\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if revision != "" {
				a.printf("%s\n", revision)
			}
			return nil
		},
	}
}

// manualCommand is not for people: packages have what it writes.
func (a *app) manualCommand() *cobra.Command {
	return &cobra.Command{
		Use: "manual FOLDER", Short: "Write the manual page of this program into a folder", Hidden: true, Args: cobra.ExactArgs(1), Example: "  desfire-server manual man",
		RunE: func(cmd *cobra.Command, args []string) error {
			v, _, at := built()
			for _, p := range (manpage.Config{Section: 8, Version: v, Date: at, Whole: true}).Pages(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], p.Name), p.Text, 0o666); err != nil {
					return bad(err, "")
				}
			}
			return nil
		},
	}
}
