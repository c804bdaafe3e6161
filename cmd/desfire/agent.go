package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/operations"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/remote/agent"
	"github.com/go-desfire/desfire/remote/centre"
)

// agentFlags are the flags of agent.
type agentFlags struct {
	join, name, log, metrics string
	journal, debit           string
	again                    time.Duration
}

func (a *app) agentCommand() *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Serve the readers of this computer to a fleet",
		Long: `Serve the readers of this computer to a fleet, until Ctrl-C: others of the fleet
see what lies on them and work with a card as if it lay at theirs, one at a time.
What is lost on the way is connected again, for ever.

The first time --join makes this computer an agent, with the line that "desfire
fleet agents token NAME" prints; it works once, for 15 minutes. The key of the
agent is made here and stays in the fleet file. Afterwards that file is enough.

With --purse the readers are gates as well: each card that is presented pays --debit,
or what "desfire fleet order" asks for, by the journal of desfire purse. That goes
on while the network is away, if the keys are here.

Ctrl-C and SIGTERM end what is under way, reset the cards and say goodbye; a
second one ends at once.`,
		Args: wants(),
		Example: `  desfire agent --join @join.txt --fleet gate7.json
  desfire agent --fleet gate7.json --reader pcsc:ACR122 --metrics 127.0.0.1:9107
  desfire agent --fleet gate7.json --purse gate.db --debit 5 --keys keys.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.agent(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.join, "join", "", "join the fleet first, with this `LINE` of its centre, or @FILE or env:NAME where it is")
	flags.StringVar(&f.name, "name", "", "`NAME` that the agent has to have; the join line says it")
	flags.StringVar(&f.journal, "purse", "", "make the readers gates, with the purse whose journal is `FILE`")
	flags.StringVar(&f.debit, "debit", "", "what each card pays that is presented (default only orders)")
	flags.DurationVar(&f.again, "again", 2*time.Second, "how long after it paid a card that comes back does not pay again")
	flags.StringVar(&f.metrics, "metrics", "", "serve metrics, /healthz and /readyz at `HOST:PORT`")
	flags.StringVar(&f.log, "log", "text", "write the log as text or json")
	_ = cmd.MarkFlagFilename("purse")
	_ = cmd.RegisterFlagCompletionFunc("log", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// agentLogger is the log of an agent, which is on stderr.
func (a *app) agentLogger(cmd *cobra.Command, how string) (*slog.Logger, error) {
	switch how {
	case "text":
		return a.log, nil
	case "json":
		return operations.NewLog(a.stderr, how, &a.level)
	}
	return nil, &usageError{cmd, fmt.Errorf("--log %q: want text or json", how)}
}

// agentFile is the fleet file of the agent, which joins first if it has to.
func (a *app) agentFile(cmd *cobra.Command, f *agentFlags, log *slog.Logger) (*centre.File, error) {
	path := a.fleetPath
	if path == "" {
		path = stateFile("agent.json")
	}
	if path == "" {
		return nil, &usageError{cmd, errors.New("no place for the fleet file: name one with --fleet FILE")}
	}
	_, err := os.Lstat(path)
	there := !errors.Is(err, fs.ErrNotExist)
	var file *centre.File
	switch {
	case there:
		if f.join != "" {
			log.Info("this computer has joined already: --join is not used; to join anew, move the fleet file away first", "file", path)
		}
		file, err = readFleetFile(path)
	case f.join == "":
		return nil, advise(withCode(exitInput, fmt.Errorf("this computer is no agent yet: there is no fleet file %s", path)),
			"An operator prints the line to join with: desfire fleet agents token NAME. Then: desfire agent --join LINE.")
	default:
		file, err = a.joinAsAgent(cmd.Context(), f, path)
	}
	switch {
	case err != nil:
		return nil, err
	case file.Role != centre.Agent:
		return nil, advise(withCode(exitRight, fmt.Errorf("%s is the fleet file of %s, whose role is %s", path, file.Name, file.Role)), "An agent has one of its own: desfire agent --join LINE --fleet FILE.")
	case f.name != "" && f.name != file.Name:
		return nil, withCode(exitInput, fmt.Errorf("%s is the fleet file of %s, and --name wants %s", path, file.Name, f.name))
	case !there:
		log.Info("joined the fleet", "fleet", file.Fleet, "agent", file.Name, "file", path)
	}
	return file, nil
}

func (a *app) joinAsAgent(ctx context.Context, f *agentFlags, path string) (*centre.File, error) {
	line, err := secretArg("join", f.join)
	if err != nil {
		return nil, err
	}
	line = joinLine(line)
	l, err := centre.ParseLine(line)
	switch {
	case err != nil:
		return nil, withCode(exitInput, err)
	case f.name != "" && f.name != l.Name:
		return nil, withCode(exitInput, fmt.Errorf("the join line is for %s, and --name wants %s", l.Name, f.name))
	}
	if err := makeFolder(path); err != nil {
		return nil, err
	}
	file, err := centre.JoinTo(ctx, line, path)
	if err != nil {
		return nil, noJoin(l, err)
	}
	return file, nil
}

// joinLine is the line in what somebody copied, the command around it perhaps.
func joinLine(text string) string {
	for _, word := range strings.Fields(text) {
		if strings.HasPrefix(word, "desfire-join-") {
			return word
		}
	}
	return text
}

// agent serves the readers until Ctrl-C.
func (a *app) agent(cmd *cobra.Command, f *agentFlags) error {
	log, err := a.agentLogger(cmd, f.log)
	if err != nil {
		return err
	}
	amount, err := f.amount(cmd)
	if err != nil {
		return err
	}
	pl, err := a.places(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	file, err := a.agentFile(cmd, f, log)
	if err != nil {
		return err
	}
	lean()
	conn, err := file.Dial(ctx, &centre.DialConfig{Offline: true, Logger: log, Client: "desfire agent"})
	if err != nil {
		return noCentre(file, err)
	}
	defer conn.Close()
	if isFar(a.keysFile) && a.key == nil {
		far, err := a.centreKeys(conn, file)
		if err != nil {
			return err
		}
		a.ring = &ring{far, keystore.NewCache(far, nil)}
	}
	ag, err := agent.New(agent.Config{Conn: conn, Fleet: file.Fleet, Name: file.Name, Source: a.agentSource(pl), Build: toolVersion(), Logger: log})
	if err != nil {
		return err
	}
	w := &agentWork{app: a, log: log, conn: conn, file: file, agent: ag}
	if f.journal != "" {
		if err := w.openGate(cmd, f.journal, amount, f.again); err != nil {
			return err
		}
		defer w.closeGate()
	}
	if f.metrics != "" {
		if err := w.listen(ctx, cmd, f.metrics); err != nil {
			return err
		}
	}
	log.Info("serving readers to the fleet; Ctrl-C ends", "fleet", file.Fleet, "agent", file.Name, "readers", pl.Name)
	return w.run(ctx)
}

// agentSource is the readers that are served, with what is said shown where --trace says
// so.
func (a *app) agentSource(pl *place.Place) desfire.Source {
	if a.tracer == nil && a.recorder == nil {
		return pl // whose transports carry scripts at once
	}
	return tappedSource{pl, a}
}

// agentWork is an agent that runs.
type agentWork struct {
	*app
	log   *slog.Logger
	conn  *nats.Conn
	file  *centre.File
	agent *agent.Agent
	gate  *agentGate    // nil without a purse
	page  *agentMetrics // nil without --metrics
}

// ending is how long those who have cards are waited for at the end.
const ending = 10 * time.Second

// run serves until ctx ends, the agent is told to by the fleet, or something fails.
func (w *agentWork) run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if w.page != nil {
		running.Go(func() { w.page.serve(ctx) })
	}
	gated := make(chan struct{})
	running.Go(func() {
		defer close(gated)
		if err := w.runGate(ctx); err != nil {
			cancel(err)
		}
	})
	served := make(chan error, 1)
	go func() { served <- w.agent.Run(context.WithoutCancel(ctx)) }()
	select {
	case err := <-served: // told to by the fleet, or it failed
		cancel(err)
		return nameTaken(w.file, err)
	case <-ctx.Done():
	}
	w.log.Info("ending: waiting for those who have cards", "at_most", ending)
	<-gated // a debit under way keeps its card
	within, stop := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer stop()
	w.agent.Drain(within)
	err := <-served
	w.log.Info("ended")
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = errors.Join(err, cause)
	}
	return nameTaken(w.file, err)
}
