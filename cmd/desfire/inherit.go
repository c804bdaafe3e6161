package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// child is a run of the tool within this one, for a card that is present: it
// shares streams, log and flags.
func (a *app) child(p *present, stdin io.Reader) *app {
	return &app{
		stdin: stdin, stdout: a.stdout, stderr: a.stderr, console: a.console, out: a.out, err: a.err, log: a.log,
		warned: a.warned, tracer: a.tracer, recorder: a.recorder, unprotected: a.unprotected, parent: a, present: p, ask: a.ask, modules: a.modules, link: a.link, ports: a.ports,
	}
}

// ofVerb are the global flags that may stand with a verb of each. The others
// are those of each itself.
var ofVerb = []string{"auth", "dry-run", "force", "identity", "key", "keys", "plain", "yes"}

// inherit is prepare for a child: a flag that does not stand with the verb is
// that of the parent. A child of a child is the same verb for another card.
func (a *app) inherit(cmd *cobra.Command) error {
	p, f := a.parent, cmd.Root().PersistentFlags()
	var misplaced error
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Changed && !slices.Contains(ofVerb, flag.Name) && misplaced == nil {
			misplaced = &usageError{nil, fmt.Errorf("--%s is said to each, and not to a verb of it", flag.Name)}
		}
	})
	if misplaced != nil {
		return misplaced
	}
	again := p.parent != nil
	a.fleetPath = p.fleetPath
	a.reader, a.uid, a.wait, a.timeout, a.traceTo, a.traceKeys = p.reader, p.uid, p.wait, p.timeout, p.traceTo, p.traceKeys
	if !f.Changed("identity") {
		a.identity = p.identity
	}
	a.json, a.verbose, a.noInput, a.weakestName, a.weakest = p.json, p.verbose, p.noInput, p.weakestName, p.weakest
	for name, value := range map[string][2]*bool{
		"plain": {&a.plain, &p.plain}, "force": {&a.force, &p.force}, "yes": {&a.yes, &p.yes}, "dry-run": {&a.dryRun, &p.dryRun},
	} {
		if !f.Changed(name) {
			*value[0] = *value[1]
		}
	}
	if again || !f.Changed("key") && !f.Changed("auth") {
		a.key, a.keyFacts, a.keySpec, a.keyNo = p.key, p.keyFacts, p.keySpec, p.keyNo
	} else if err := a.readKey(cmd); err != nil {
		return err
	}
	if again || !f.Changed("keys") {
		a.ring, a.keysFile = p.ring, p.keysFile
	} else if err := a.readRing(cmd); err != nil {
		return err
	}
	return a.readReaderID(cmd)
}

// tape is standard input that several verbs read, each from the beginning. An
// answer that somebody types is for one question only.
type tape struct {
	in   io.Reader
	read []byte
}

// reader begins anew.
func (t *tape) reader() io.Reader {
	if screen.Terminal(t.in) {
		return t.in
	}
	return &playing{t, 0}
}

type playing struct {
	tape *tape
	at   int
}

// Read reads what was read before, and then more.
func (r *playing) Read(p []byte) (int, error) {
	t := r.tape
	if r.at == len(t.read) {
		b := make([]byte, max(len(p), 1))
		n, err := t.in.Read(b)
		t.read = append(t.read, b[:n]...)
		if n == 0 {
			return 0, err
		}
	}
	n := copy(p, t.read[r.at:])
	r.at += n
	return n, nil
}
