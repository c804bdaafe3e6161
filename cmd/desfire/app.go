package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is one run of the tool: where it reads and writes, and what the global
// flags say.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	out, err       palette // what stdout and stderr can show
	log            *slog.Logger
	level          slog.LevelVar
	tracer         *tracer         // nil without --trace
	recorder       *trace.Recorder // nil without --trace=FILE
	at             string          // the reader where the card of the verb lies
	held           []*sim.Card     // simulated cards of images, until the end
	unwritten      error           // a result that could not be printed

	reader    string
	keySpec   string
	keyNo     uint8
	key       *key.Secret // nil without --key
	traceTo   string
	traceKeys bool // keep what carries keys
	json      bool
	verbose   bool

	weakestName  string
	weakest      key.Method
	unprotected  atomic.Bool // something went less protected than the session could
	readerIDText string
	readerID     *wire.CommitReaderID // nil without --reader-id

	wait time.Duration
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	a := &app{
		stdin: stdin, stdout: stdout, stderr: stderr,
		out: newPalette(takesColor(stdout)), err: newPalette(takesColor(stderr)),
	}
	for _, w := range [...]io.Writer{stdout, stderr} {
		if f, ok := w.(*os.File); ok && takesColor(w) {
			lipgloss.EnableLegacyWindowsANSI(f)
		}
	}
	a.log = slog.New(tint.NewTextHandler(stderr, &tint.Options{
		Level: &a.level, TimeFormat: "15:04:05.000", NoColor: !takesColor(stderr),
	}))
	return a
}

const longHelp = `Work with MIFARE DESFire cards: on a PC/SC reader, behind a socket, or simulated.

Readers (--reader, or DESFIRE_READER in the environment):
  pcsc            every PC/SC reader, now and later (the default)
  pcsc:PART       those with PART in their name
  tcp:HOST:PORT   a card served on a socket, for example by "desfire sim serve"
  sim:            a fresh simulated card in memory
  sim:FILE        the simulated card in FILE

AIDs are six hexadecimal digits, most significant first: application 121314 is
sent as 14 13 12. File numbers are 0 to 31.

A card says itself how old it is. --weakest ev2 refuses what only an old card would
need: a card that poses as one then gets nothing that was made with the key.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 7 it may have been done,
or in part: look at the card before you repeat it; 130 interrupted.`

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "desfire",
		Short:         "Work with MIFARE DESFire cards",
		Long:          longHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          subcommand,

		SuggestionsMinimumDistance: 2,

		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Example: `  desfire demo                              see it work, no reader needed
  desfire watch                             list the applications of each card
  desfire ls                                applications, files and rights
  desfire drain 121314 1 --every 1s         debit 1 a second until nothing is left
  desfire info --reader tcp:localhost:9000 --trace`,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd, err}
	})
	f := root.PersistentFlags()
	f.StringVarP(&a.reader, "reader", "r", envOr("DESFIRE_READER", "pcsc"), "where cards are presented: pcsc[:PART], tcp:HOST:PORT, sim: or sim:FILE")
	f.StringVar(&a.keySpec, "key", "", "authenticate with `SPEC`: des:HEX, 2k3des:HEX, 3k3des:HEX, aes:HEX, or safer @FILE or env:NAME")
	f.Uint8Var(&a.keyNo, "auth", 0, "number of that key on the card")
	f.BoolVar(&a.json, "json", false, "print JSON on stdout, one object a line")
	f.StringVar(&a.traceTo, "trace", "", "show the traffic with the card on stderr, or record it into `FILE`.json")
	f.Lookup("trace").NoOptDefVal = "-"
	f.BoolVar(&a.traceKeys, "trace-keys", false, "keep what carries keys in a trace: with the key before, it tells the new one")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say more on stderr")
	f.DurationVar(&a.wait, "wait", 10*time.Second, "how long to wait for a card; 0 waits for ever")
	f.StringVar(&a.weakestName, "weakest", "d40", "weakest `METHOD` of authentication to accept: "+strings.Join(weakestNames(), ", "))
	_ = root.RegisterFlagCompletionFunc("weakest", cobra.FixedCompletions(weakestNames(), cobra.ShellCompDirectiveNoFileComp))
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	_ = root.RegisterFlagCompletionFunc("reader", a.completeReader)

	root.AddGroup(&cobra.Group{ID: "card", Title: "Cards:"}, &cobra.Group{ID: "data", Title: "Values and data:"}, &cobra.Group{ID: "keys", Title: "Keys:"}, &cobra.Group{ID: "sim", Title: "Without a card:"})
	for _, group := range []struct {
		id   string
		cmds []*cobra.Command
	}{
		{"card", []*cobra.Command{a.readersCommand(), a.watchCommand(), a.infoCommand(), a.lsCommand(), a.apduCommand(), a.formatCommand(), a.originalityCommand(), a.selftestCommand()}},
		{"data", []*cobra.Command{a.valueCommand(), a.drainCommand(), a.readCommand(), a.writeCommand(), a.ndefCommand()}},
		{"keys", []*cobra.Command{a.keyCommand(), a.authCommand(), a.kdfCommand()}},
		{"sim", []*cobra.Command{a.demoCommand(), a.simCommand()}},
		{"", []*cobra.Command{a.traceCommand(), a.sdmCommand(), a.tmacCommand(), a.versionCommand()}},
	} {
		for _, cmd := range group.cmds {
			cmd.GroupID = group.id
			root.AddCommand(cmd)
		}
	}
	return root
}

// prepare is what every verb does first.
func (a *app) prepare(cmd *cobra.Command) error {
	if a.verbose {
		a.level.Set(slog.LevelDebug)
	}
	switch a.traceTo {
	case "":
	case "-":
		a.tracer = newTracer(a.stderr, a.err)
		a.tracer.keep = a.traceKeys
	default:
		a.recorder = trace.NewRecorder(&trace.RecorderConfig{KeepKeys: a.traceKeys})
	}
	for _, read := range []func(*cobra.Command) error{a.readKey, a.readWeakest, a.readReaderID} {
		if err := read(cmd); err != nil {
			return err
		}
	}
	if a.wait < 0 {
		return &usageError{cmd, fmt.Errorf("--wait %v: want 0 or more", a.wait)}
	}
	return nil
}

// emit prints one JSON object on a line of its own.
func (a *app) emit(v any) error {
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printf prints a result. That it could not is the error of the whole run.
func (a *app) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil && a.unwritten == nil {
		a.unwritten = fmt.Errorf("the result could not be printed: %w", err)
	}
}

// putAway gives the images of simulated cards free.
func (a *app) putAway() {
	for _, c := range a.held {
		if err := c.Close(); err != nil {
			a.log.Warn("a card image stays locked until this program ends", "err", err)
		}
	}
	a.held = nil
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// terminal reports whether w is one.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// takesColor reports whether w takes colors (see no-color.org).
func takesColor(w any) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is how many columns w has, 0 if it is no terminal.
func width(w any) int {
	if !terminal(w) {
		return 0
	}
	n, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil {
		return 0
	}
	return n
}
