package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
	"github.com/spf13/cobra"
)

// place is where cards are presented, as --reader says.
type place struct {
	desfire.Source
	// ready tells why there cannot be a card, where that is known at once.
	ready func(ctx context.Context) error
	// dial, if there is one, connects without waiting for a card.
	dial func(ctx context.Context) (desfire.Transport, error)
	// list, if there is one, names the readers at once.
	list func(ctx context.Context) ([]pcsc.ReaderInfo, error)
	// fixed: no other card will ever be presented.
	fixed bool
	name  string
}

// place opens what --reader names.
func (a *app) place(cmd *cobra.Command) (*place, error) {
	kind, rest, colon := strings.Cut(a.reader, ":")
	switch {
	case kind == "pcsc":
		return a.pcscPlace(rest)
	case kind == "tcp":
		host, port, err := net.SplitHostPort(rest)
		if err != nil || port == "" {
			return nil, &usageError{cmd, fmt.Errorf("--reader %s: want tcp:HOST:PORT", a.reader)}
		}
		if host == "" {
			rest = net.JoinHostPort("localhost", port)
		}
		return tcpPlace(rest), nil
	case kind == "sim" && colon:
		card, err := a.loadCard(cmd, rest, &sim.Config{})
		if err != nil {
			return nil, err
		}
		return &place{Source: simreader.New(a.reader, card), fixed: true, name: a.reader}, nil
	}
	return nil, &usageError{cmd, fmt.Errorf("--reader %s: want pcsc, pcsc:PART-OF-A-NAME, tcp:HOST:PORT, sim: or sim:FILE", a.reader)}
}

func tcpPlace(addr string) *place {
	return &place{
		Source: tcp.NewSource(addr, nil),
		name:   "tcp:" + addr,
		ready: func(ctx context.Context) error {
			var d net.Dialer
			c, err := d.DialContext(ctx, "tcp", addr)
			if err != nil {
				return fmt.Errorf("tcp:%s: %w: is a card served there? desfire sim serve --listen %s", addr, err, addr)
			}
			return c.Close()
		},
		fixed: true,
		dial: func(ctx context.Context) (desfire.Transport, error) {
			t, err := tcp.Dial(ctx, addr, nil)
			if err != nil {
				return nil, fmt.Errorf("%w: is a card served there? desfire sim serve --listen %s", err, addr)
			}
			return t, nil
		},
	}
}

// completeImage completes the name of an image after prefix.
func completeImage(prefix, typed string) []string {
	found, _ := filepath.Glob(typed + "*")
	var out []string
	for _, f := range found {
		switch info, err := os.Stat(f); {
		case err != nil:
		case info.IsDir():
			out = append(out, prefix+f+string(filepath.Separator))
		case strings.HasSuffix(f, ".json"):
			out = append(out, prefix+f)
		}
	}
	return out
}
