package main

import (
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  wants(),
		Example: `  desfire version
  desfire version --json`,
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if a.json {
				return a.emit(v)
			}
			a.printf("desfire %s, %s, %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
			if v.Revision != "" {
				a.printf("%s\n", v.Revision)
			}
			return nil
		},
	}
}

// toolVersion is what --version prints.
func toolVersion() string { return buildVersion().Version }

// versionResult is what version prints with --json.
type versionResult struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`

	time time.Time // of the revision
}

func buildVersion() versionResult {
	v := versionResult{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.time, _ = time.Parse(time.RFC3339, s.Value)
		}
	}
	return v
}
