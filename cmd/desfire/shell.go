package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/history"
	"github.com/go-desfire/desfire/cmd/desfire/internal/lineedit"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// shellFlags are those of shell.
type shellFlags struct {
	file      string
	keepGoing bool
}

func (a *app) shellCommand() *cobra.Command {
	var flags shellFlags
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Run verbs one after the other, at a prompt or from a file",
		Long: `Run the verbs of this program without its name, at a prompt or from a file. Flags
of the shell are those of every verb, which may have its own: --key, --keys,
--json. Between two verbs other programs can use the card.

The prompt shows the card and where you are: "cd F48121" goes into an
application, "cd F48121/1" to a file, "cd .." and "cd -" back. Other verbs of the
shell are pwd, use (another reader or card), trace on, trace off and exit. Tab
completes, Ctrl-R searches what was typed before, Ctrl-C ends the verb, Ctrl-D
the shell. A card that leaves is told and waited for; with another one you are
at / again.

` + helpRelative + `

A file, or what comes through a pipe, has one verb a line; # begins a comment.
It ends at the first verb that fails, with its exit code; one behind "- " may
fail. What is typed is kept without keys in ~/.local/state/desfire/history.`,
		Args: wants(),
		Example: `  desfire shell --keys keys.yaml
  desfire shell -f issue.desfire`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runShell(cmd, flags) },
	}
	f := cmd.Flags()
	f.StringVarP(&flags.file, "file", "f", "", "run the verbs in `FILE`, - for standard input")
	f.BoolVarP(&flags.keepGoing, "keep-going", "k", false, "run the other lines, too, after one has failed")
	return cmd
}

// shell runs verbs, one after the other. Each is a run of the tool within this
// one.
type shell struct {
	*app
	cmd   *cobra.Command
	flags *pflag.FlagSet // what every verb inherits

	here, before spot
	fresh        *place.Place // of a card that is only in memory
	announced    string       // the card that was told last

	edit     *lineedit.Editor // nil in a script
	keys     *lineedit.Keyboard
	past     *history.History
	cards    presence
	left     bool       // by exit
	moved    bool       // by use
	takeKeys []string   // flags
	turn     chan token // has one while neither a verb nor the watch uses the card
	unread   bool       // the history cannot be kept, which was told
}

type token struct{}

// runShell runs a script, or what is typed.
func (a *app) runShell(cmd *cobra.Command, flags shellFlags) error {
	s := &shell{app: a, cmd: cmd, flags: cmd.Root().PersistentFlags(), turn: make(chan token, 1)}
	s.turn <- token{}
	switch {
	case flags.file == "" && screen.Terminal(a.stdin) && screen.Terminal(a.stderr) && !a.noInput:
		if flags.keepGoing {
			return &usageError{cmd, errors.New("--keep-going is for a file: at a prompt the shell goes on anyhow")}
		}
		return s.interact(cmd.Context())
	case flags.file == "" || flags.file == "-":
		if screen.Terminal(a.stdin) && flags.file == "" {
			return &usageError{cmd, errors.New("nobody can be asked for verbs: want --file, or a pipe on standard input")}
		}
		return s.script(cmd.Context(), "standard input", a.stdin, flags.keepGoing)
	}
	f, err := untilEnd(cmd.Context(), func() (*os.File, error) { return os.Open(flags.file) })
	if err != nil {
		return err
	}
	defer f.Close()
	return s.script(cmd.Context(), flags.file, f, flags.keepGoing)
}

// place is where cards are presented to verbs of the shell: a card that is only
// in memory is the same for all of them.
func (s *shell) place(verb *app, cmd *cobra.Command) (*place.Place, error) {
	if verb.reader != "sim:" {
		return verb.parseReader(cmd)
	}
	if s.fresh == nil {
		p, err := s.parseFresh()
		if err != nil {
			return nil, err
		}
		s.fresh = p
	}
	return s.fresh, nil
}

func (s *shell) parseFresh() (*place.Place, error) {
	return place.Parse("sim:", s.schemes(s.cmd))
}

// inherited are the flags that a verb takes from the shell as text. The others
// it takes as they were read: keys, and where frames go.
func inherited(name string) bool {
	switch name {
	case "key", "auth", "keys", "help", "version":
		return false
	}
	return true
}

// fromShell gives a verb the flags of its shell that do not stand with it.
func (a *app) fromShell(cmd *cobra.Command) {
	s, f := a.shell, cmd.Root().PersistentFlags()
	s.flags.VisitAll(func(flag *pflag.Flag) {
		if own := f.Lookup(flag.Name); own != nil && !own.Changed && inherited(flag.Name) {
			_ = own.Value.Set(flag.Value.String())
		}
	})
	if !f.Changed("trace") && a.traceTo != "-" {
		a.traceTo, a.recorder = "", s.recorder
	}
	if !f.Changed("keys") && acts(cmd, "keys") {
		a.ring, a.keysFile = s.ring, s.keysFile
	}
	switch {
	case f.Changed("key") || !acts(cmd, "key"):
	case f.Changed("auth"):
		a.keySpec = s.keySpec
	case !f.Changed("keys"):
		a.key, a.keyFacts, a.keySpec, a.keyNo = s.key, s.keyFacts, s.keySpec, s.keyNo
	}
}

// fromShellToComplete is fromShell for what only completes.
func (a *app) fromShellToComplete(root *cobra.Command) {
	f := root.PersistentFlags()
	for _, name := range []string{"reader", "uid", "identity", "keys"} {
		_ = f.Set(name, a.shell.flags.Lookup(name).Value.String())
		f.Lookup(name).Changed = false
	}
}

// verbApp is the tool for one verb.
func (s *shell) verbApp(stdin io.Reader) *app {
	c := s.child(nil, stdin)
	c.parent, c.shell, c.tracer, c.recorder = nil, s, nil, nil
	c.log = screen.NewNotes(c.stderr, &c.level)
	return c
}

// verb runs the verb of a line, and gives its exit code.
func (s *shell) verb(ctx context.Context, stdin io.Reader, words []string) int {
	a := s.verbApp(stdin)
	root := a.rootCommand()
	s.own(root, a)
	if words[0] == root.Name() {
		words = words[1:]
	}
	root.SetArgs(joinTraceFile(words))
	cmd, _, err := root.Find(words)
	if err == nil {
		err = s.suits(cmd)
	}
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	a.putAway()
	if a.reader == s.reader {
		s.cards.worked(s, a.card)
	}
	if err == nil && slices.Contains(unmaking, verbOf(cmd)) || errors.As(err, new(*noApplicationError)) {
		s.recheck(ctx)
	}
	if errors.As(err, new(*usageError)) {
		a.json = a.json || s.json
	}
	return a.report(ctx, err)
}

// unmaking are the verbs after which the spot may not be there any more.
var unmaking = []string{"app delete", "delegated delete", "file delete", "format", "layout apply", "restore", "wipe"}

// recheck leaves a spot that the card does not have any more.
func (s *shell) recheck(ctx context.Context) {
	at := s.spotNow()
	if at.app.IsCard() {
		return
	}
	err := s.glanceAt(ctx, func(ctx context.Context, card *desfire.Card) error { return exists(ctx, card, at) })
	if isMissing(err) {
		s.moveTo(spot{})
		s.sayf("%s is not there any more; you are at /\n", at)
	}
}

// suits is the error of a verb that makes no sense in a shell.
func (s *shell) suits(cmd *cobra.Command) error {
	switch verb := verbOf(cmd); {
	case verb == "shell":
		return &usageError{cmd, errors.New("this is a shell already: exit leaves it")}
	case verb == "completion" || cmd.HasParent() && verbOf(cmd.Parent()) == "completion":
		return &usageError{cmd, fmt.Errorf("%s is for the shell of the system: here Tab completes", verb)}
	}
	return nil
}
