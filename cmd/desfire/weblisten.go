package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/go-desfire/desfire/tcp"
	"github.com/spf13/cobra"
)

// open listens where the flags say, for others too if they may come. A port that is taken is an error if it was asked
// for, and else another one is taken.
func (f *webFlags) open(cmd *cobra.Command, remote bool) (net.Listener, error) {
	if f.listen == "" {
		l, err := tcp.Listen(cmd.Context(), webAddress)
		if err != nil {
			l, err = tcp.Listen(cmd.Context(), "127.0.0.1:0")
		}
		return l, badListen(err)
	}
	host, port, err := net.SplitHostPort(f.listen)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 && port != "0" {
		return nil, &usageError{cmd, fmt.Errorf("--listen %q: want HOST:PORT or :PORT, as 127.0.0.1:8000", f.listen)}
	}
	if remote {
		l, err := new(net.ListenConfig).Listen(cmd.Context(), "tcp", f.listen)
		return l, badListen(err)
	}
	if own, err := loopback(cmd.Context(), host); err != nil {
		return nil, badListen(err)
	} else if !own {
		return nil, &usageError{cmd, fmt.Errorf("--listen %s lets other computers in: that needs --tls-cert, --tls-key and --password-file", f.listen)}
	}
	l, err := tcp.Listen(cmd.Context(), f.listen)
	return l, badListen(err)
}

// badListen is why nothing can listen there.
func badListen(err error) error {
	var dns *net.DNSError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dns):
		return advise(withCode(exitInput, fmt.Errorf("there is no host %s", dns.Name)), "--listen 127.0.0.1:PORT listens on this computer.")
	case inUse(err):
		return advise(withCode(exitNoCard, fmt.Errorf("another program listens there already: %w", err)), "Another port, or none: then a free one is taken.")
	}
	return advise(withCode(exitInput, err), "--listen 127.0.0.1:PORT listens on this computer; without it a free port is taken.")
}
