package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/internal/keyopen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/pkcs11"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/pn532"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// app is one run of the tool: where it reads and writes, and what the global
// flags say.
type app struct {
	stdin          io.Reader
	stdout, stderr *screen.Stream
	console        *screen.Console // both
	out, err       screen.Palette  // what stdout and stderr can show
	log            *slog.Logger
	level          slog.LevelVar
	tracer         *tracer         // nil without --trace
	recorder       *trace.Recorder // nil without --trace=FILE
	held           []*sim.Card     // simulated cards of images, until the end

	parent  *app         // each, for a verb that it runs
	present *present     // the card that each runs it for
	given   *place.Place // instead of what --reader names, in tests
	ports   func() ([]pn532.Candidate, error)
	shell   *shell          // in which this is a verb
	ask     keystore.Prompt // asks on a terminal that a shell has; nil outside of one

	told   string          // the key that was said to be used last
	chosen unlock.Choice   // that key
	warned map[string]bool // what was warned of
	card   cardOf          // the card of the verb, once it is known
	at     string          // the reader where it lies

	fleetPath string     // the fleet file
	link      *fleetLink // to that fleet

	reader   string
	readers  []string // each --reader that was given
	uid      string   // prefix of the UID that is wanted, hexadecimal
	wait     time.Duration
	timeout  time.Duration
	keySpec  string
	keyNo    uint8
	key      key.Key        // nil without --key
	keyFacts keystore.Facts // of key
	modules  *pkcs11.Modules
	keysFile string
	identity string // file of age identities that open it
	ring     *ring  // nil without a keyring
	sessions onCard // of the keyring
	plain    bool
	// layoutKeys are the keys of a layout, out of the keyring; nil: those of the keyring
	// itself.
	layoutKeys keystore.Store
	force      bool

	traceTo   string
	traceKeys bool // keep what carries keys
	json      bool
	verbose   bool
	yes       bool
	noInput   bool
	dryRun    bool

	weakestName  string
	weakest      key.Method
	unprotected  *atomic.Bool // something went less protected than the session could
	readerIDText string
	readerID     *wire.CommitReaderID // nil without --reader-id
}

func newApp(stdin io.Reader, stdout, stderr io.Writer) *app {
	console := screen.NewConsole(stdout, stderr)
	a := &app{
		warned: map[string]bool{}, link: new(fleetLink), ports: pn532.Candidates,
		stdin: stdin, stdout: console.Out, stderr: console.Err, console: console, unprotected: new(atomic.Bool),
		out: screen.NewPalette(screen.TakesColor(stdout)), err: screen.NewPalette(screen.TakesColor(stderr)),
	}
	a.log = screen.NewNotes(a.stderr, &a.level)
	a.modules = keyopen.Modules(a.warn)
	return a
}

// prepare is what every verb does first.
func (a *app) prepare(cmd *cobra.Command) error {
	for _, check := range []func(*cobra.Command) error{misplaced, emptied} {
		if err := check(cmd); err != nil {
			return err
		}
	}
	if a.parent != nil {
		return a.inherit(cmd)
	}
	if slices.Contains(lasting, verbOf(cmd)) {
		a.log = screen.NewLog(a.stderr, &a.level)
	}
	if a.shell != nil {
		a.fromShell(cmd)
	}
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
	for _, read := range []func(*cobra.Command) error{a.readUID, a.readKey, a.readRing, a.readWeakest, a.readReaderID} {
		if err := read(cmd); err != nil {
			return err
		}
	}
	switch {
	case a.wait < 0:
		return &usageError{cmd, fmt.Errorf("--wait %v: want 0 or more", a.wait)}
	case a.timeout < 0:
		return &usageError{cmd, fmt.Errorf("--timeout %v: want 0 or more", a.timeout)}
	}
	return nil
}

// putAway gives the images of simulated cards free, and ends the keyring.
func (a *app) putAway() {
	a.putAwayCards()
	if a.shell == nil || a.ring != a.shell.ring {
		a.ring.close() // that of the shell lasts
	}
	if a.shell == nil {
		a.link.close()
		if err := a.modules.Close(); err != nil {
			a.log.Warn(err.Error())
		}
	}
}

// putAwayCards gives the images of simulated cards free.
func (a *app) putAwayCards() {
	for _, c := range a.held {
		if err := c.Close(); err != nil {
			a.log.Warn("a card image stays locked until this program ends", "err", err)
		}
	}
	a.held = nil
}

// cardOf is the card in what a verb prints with --json.
type cardOf struct {
	UID     hexBytes `json:"uid"` // empty if it is random
	Product string   `json:"product"`
	Reader  string   `json:"reader"`
}

// saw notes which card the verb works on.
func (a *app) saw(card *desfire.Card) cardOf {
	c := cardOfCard(card)
	if c.Reader != "" {
		a.at = c.Reader
	}
	c.Reader = a.at
	a.card = c
	return c
}

// cardOfCard is what a card calls itself.
func cardOfCard(card *desfire.Card) cardOf {
	c := cardOf{UID: card.UID(), Product: card.Generation().String(), Reader: card.Reader()}
	if v := card.KnownVersion(); v != nil {
		c.Product = v.Product()
	}
	return c
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// cardName is the card in words.
func (a *app) cardName() string {
	if len(a.card.UID) == 0 {
		return a.card.Product
	}
	return fmt.Sprintf("%s %X", a.card.Product, []byte(a.card.UID))
}
