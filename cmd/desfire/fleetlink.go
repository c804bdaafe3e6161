package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/go-desfire/desfire/remote/centre"
)

// fleetLink is the connection to the fleet, made when a verb first needs it. Verbs of a
// shell and of each share it.
type fleetLink struct {
	mu   sync.Mutex
	path string
	file *centre.File
	conn *nats.Conn
}

// fleetPatience is how long the connection may take to be made.
const fleetPatience = 10 * time.Second

// operators are those who may do with a fleet what verbs do.
var operators = []centre.Role{centre.Admin, centre.Service}

// watchers may look, too.
var watchers = append(slices.Clone(operators), centre.Viewer)

// fleetFile reads the fleet file that --fleet names.
func (a *app) fleetFile() (*centre.File, error) {
	if a.fleetPath == "" {
		return nil, advise(withCode(exitInput, errors.New("which fleet is not said: want a fleet file")),
			"Add: --fleet FILE, or set DESFIRE_FLEET. desfire-server writes one for operators and says where; desfire agent --join makes one for an agent.")
	}
	return readFleetFile(a.fleetPath)
}

func readFleetFile(path string) (*centre.File, error) {
	f, err := centre.LoadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, advise(withCode(exitInput, fmt.Errorf("there is no fleet file %s", path)),
			"desfire-server writes one for operators and says where; desfire agent --join makes one for an agent.")
	case err != nil:
		return nil, withCode(exitInput, err)
	}
	return f, nil
}

// joinFleet connects to the fleet as somebody of one of roles.
func (a *app) joinFleet(ctx context.Context, roles []centre.Role) (*nats.Conn, *centre.File, error) {
	l := a.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && l.path == a.fleetPath {
		return l.conn, l.file, l.allows(roles)
	}
	f, err := a.fleetFile()
	if err != nil {
		return nil, nil, err
	}
	next := fleetLink{path: a.fleetPath, file: f}
	if err := next.allows(roles); err != nil {
		return nil, nil, err
	}
	within, cancel := context.WithTimeout(ctx, fleetPatience)
	defer cancel()
	if next.conn, err = f.Dial(within, &centre.DialConfig{Logger: nil}); err != nil {
		return nil, nil, noCentre(f, err)
	}
	l.close()
	l.path, l.file, l.conn = next.path, next.file, next.conn
	return l.conn, l.file, nil
}

// allows is an error if the file is of somebody who may not do what a verb does.
func (l *fleetLink) allows(roles []centre.Role) error {
	if slices.Contains(roles, l.file.Role) {
		return nil
	}
	what := "this is for operators"
	if slices.Contains(roles, centre.Viewer) {
		what = "this is for operators and viewers"
	}
	return advise(withCode(exitRight, fmt.Errorf("%s, and %s is the fleet file of %s, whose role is %s", what, l.path, l.file.Name, l.file.Role)),
		"Give another one: --fleet FILE, or DESFIRE_FLEET. desfire-server writes that of an operator and says where.")
}

// noCentre explains why there is no connection.
func noCentre(f *centre.File, err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthRevoked), errors.Is(err, nats.ErrAuthExpired):
		return advise(withCode(exitAuth, err), "An operator can let it in again: desfire fleet agents token %s. Then move the fleet file away, and: desfire agent --join LINE.", f.Name)
	case errors.Is(err, context.Canceled):
		return err
	}
	return advise(withCode(exitNoCard, err), "Does desfire-server run there, and can this computer reach it? The addresses stand in the fleet file.")
}

// close ends the connection.
func (l *fleetLink) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// dialFleet is for places of the fleet.
func (a *app) dialFleet(ctx context.Context) (*nats.Conn, string, error) {
	conn, f, err := a.joinFleet(ctx, operators)
	if err != nil {
		return nil, "", err
	}
	return conn, f.Fleet, nil
}

// secretArg is what a flag takes whose text others should not see among the programs
// that run: itself, @FILE or env:NAME.
func secretArg(flag, text string) (string, error) {
	from := ""
	switch {
	case strings.HasPrefix(text, "@"):
		from = text[1:]
		b, err := os.ReadFile(from)
		if err != nil {
			return "", withCode(exitInput, fmt.Errorf("--%s: %w", flag, err))
		}
		text = string(b)
	case strings.HasPrefix(text, "env:"):
		from = text
		text = os.Getenv(strings.TrimPrefix(text, "env:"))
	}
	if text = strings.TrimSpace(text); text == "" {
		return "", withCode(exitInput, fmt.Errorf("--%s: there is nothing in %s", flag, from))
	}
	return text, nil
}
