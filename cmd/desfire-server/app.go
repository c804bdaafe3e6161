package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/remote"
)

// app is one run of the program.
type app struct {
	stdout, stderr io.Writer
	log            *slog.Logger
	level          slog.LevelVar

	disk    func(dir string) (free, size uint64, err error)
	running *running // for tests

	dir, fleet string
	logFormat  string
	verbose    bool
}

const longHelp = `Run the centre of a fleet: NATS with JetStream, who may take part, keys, the
ledger, and a page that shows it all. Without flags it is for this machine
alone, and keeps everything in one folder. The address of the page that it
prints works once, and for a minute; desfire-server page prints another.

To let agents of other machines in, --host says by which name they reach this
one. Then TLS is used, with a certificate of its own that the join line names,
or with --tls-cert and --tls-key.

SIGTERM drains it: it is not ready any more, ends what it does, and tells those
that are connected to come back later. They do.`

func (a *app) rootCommand() *cobra.Command {
	var f runFlags
	root := &cobra.Command{
		Use: "desfire-server", Short: "Run the centre of a fleet of readers", Long: longHelp, Version: version(),
		SilenceUsage: true, SilenceErrors: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return wrong("%q is no verb", args[0])
			}
			return nil
		},
		Example: `  desfire-server
  desfire-server --keys keys.yaml --policy policy.yaml
  desfire-server --host centre.example.org --listen :4222 --join :7343`,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.prepare() },
		RunE:              func(cmd *cobra.Command, _ []string) error { return a.run(cmd.Context(), &f) },
	}
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return wrong("%w", err) })
	root.CompletionOptions.HiddenDefaultCmd = true
	all := root.PersistentFlags()
	all.StringVar(&a.dir, "dir", "", "`FOLDER` of its state (default "+defaultDirWords+")")
	all.StringVar(&a.fleet, "fleet", "main", "`NAME` of the fleet")
	all.StringVar(&a.logFormat, "log", "text", "what lines of the log are: `text` or json")
	all.BoolVarP(&a.verbose, "verbose", "v", false, "log more")
	f.add(root.Flags())
	root.AddCommand(a.tokenCommand(), a.inviteCommand(), a.leafCommand(), a.pageCommand(), a.backupCommand(), a.restoreCommand(), a.versionCommand(), a.manualCommand())
	root.SetUsageTemplate(usageTemplate)
	for _, cmd := range append(root.Commands(), root) {
		cmd.Flags().SortFlags = false
	}
	return root
}

const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} VERB ...

Verbs:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

Flags of all verbs:
{{.InheritedFlags.FlagUsagesWrapped 80 | trimTrailingWhitespaces}}{{end}}
`

// prepare is what every verb does first.
func (a *app) prepare() (err error) {
	if a.verbose {
		a.level.Set(slog.LevelDebug)
	}
	if a.log, err = operations.NewLog(a.stderr, a.logFormat, &a.level); err != nil {
		return wrong("--%w", err)
	}
	if err := remote.CheckName(a.fleet); err != nil {
		return wrong("--fleet: %w", err)
	}
	if a.dir == "" {
		if a.dir, err = defaultDir(a.fleet); err != nil {
			return wrong("--dir missing: %w", err)
		}
	}
	a.dir, err = absolute(a.dir)
	return err
}

const defaultDirWords = "that of systemd, or in your home"

// defaultDir is where the state of a fleet is.
func defaultDir(fleet string) (string, error) {
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "desfire-server", fleet), nil
}

// adminFile is the fleet file of whoever runs the centre.
func (a *app) adminFile() string { return filepath.Join(a.dir, "admin.json") }

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// runFlags are the flags of running.
type runFlags struct {
	listen, join, page, metrics string
	leafs, cluster              string
	hosts                       []string
	cert, certKey, ca           string
	passwordFile                string
	keys, identity, policy      string
	proved                      []string
	reserve                     size
	check                       bool
}

func (f *runFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.listen, "listen", "127.0.0.1:4222", "`HOST:PORT` of NATS, where agents connect")
	flags.StringVar(&f.cluster, "nats", "", "`FILE` that says how to use a NATS cluster of yours (default one inside; docs/operations.md)")
	flags.StringVar(&f.leafs, "leafs", "", "`HOST:PORT` of NATS where servers of sites connect (default none)")
	flags.StringVar(&f.join, "join", "127.0.0.1:7343", "`HOST:PORT` where agents join; /healthz and /readyz are there, and /metrics for this machine")
	flags.StringVar(&f.page, "page", "127.0.0.1:7342", "`HOST:PORT` of the page; off for none")
	flags.StringVar(&f.metrics, "metrics", "", "`HOST:PORT` where others may read /metrics, without TLS")
	flags.StringArrayVar(&f.hosts, "host", nil, "`NAME` or address by which other machines reach this one")
	flags.StringVar(&f.cert, "tls-cert", "", "`FILE` of a certificate for those names (default one of its own)")
	flags.StringVar(&f.certKey, "tls-key", "", "`FILE` of its key")
	flags.StringVar(&f.ca, "tls-ca", "", "`FILE` of the authorities that vouch for it (default those of the system)")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the password of the page, if others reach it")
	flags.StringVar(&f.keys, "keys", "", "`FILE` of the keyring whose keys agents may use")
	flags.StringVar(&f.identity, "identity", "", "`FILE` of age identities that open it")
	flags.StringVar(&f.policy, "policy", "", "`FILE` that says which agent may use which keys; SIGHUP has it read again")
	flags.StringSliceVar(&f.proved, "proved", nil, "`APP,...` whose changes count only where the transaction MAC proves them, by a key of --keys")
	f.reserve = 128 << 20
	flags.Var(&f.reserve, "reserve", "`SIZE` that stays free on the disk: with less, nothing is taken down")
	flags.BoolVar(&f.check, "check", false, "only check flags and files")
}
