// Package node is the NATS servers of a fleet, inside of the program: the one of the
// centre and those of sites.
package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/remote/centre"
)

// controlLine bounds what somebody sends to be let in: the permissions of a leaf name each
// agent that it carries.
const controlLine = 16 << 10

// readyTime bounds the start of a server. JetStream reads its streams then.
const readyTime = 5 * time.Minute

// Server is a NATS server that runs.
type Server struct {
	*server.Server
	account  string
	resolver *server.MemAccResolver
}

// options are what all servers of a fleet have in common: they trust the operator and
// nobody else.
func options(trust centre.Trust, name string) (*server.Options, *server.MemAccResolver, error) {
	operator, err := jwt.DecodeOperatorClaims(trust.Operator)
	if err != nil {
		return nil, nil, fmt.Errorf("operator of the fleet: %w", err)
	}
	if !nkeys.IsValidPublicOperatorKey(operator.Issuer) || operator.Subject != operator.Issuer {
		return nil, nil, errors.New("operator of the fleet: not signed by itself")
	}
	resolver := new(server.MemAccResolver)
	for key, text := range map[string]string{trust.SystemAccount: trust.System, trust.AccountKey: trust.Account} {
		if _, err := account(trust, key, text); err != nil {
			return nil, nil, err
		}
		if err := resolver.Store(key, text); err != nil {
			return nil, nil, err
		}
	}
	return &server.Options{
		ServerName: name, NoSigs: true, NoLog: true,
		TrustedOperators: []*jwt.OperatorClaims{operator},
		SystemAccount:    trust.SystemAccount,
		AccountResolver:  resolver,
		AuthTimeout:      30,
		TLSTimeout:       30,
		MaxPingsOut:      2,
		MaxControlLine:   controlLine, // of members; of leaves 16 times that
		PingInterval:     20 * time.Second,
	}, resolver, nil
}

// account reads an account that the operator must have signed.
func account(trust centre.Trust, key, text string) (*jwt.AccountClaims, error) {
	operator, err := jwt.DecodeOperatorClaims(trust.Operator)
	if err != nil {
		return nil, fmt.Errorf("operator of the fleet: %w", err)
	}
	claims, err := jwt.DecodeAccountClaims(text) // checks the signature by its issuer
	if err != nil {
		return nil, fmt.Errorf("account of the fleet: %w", err)
	}
	if claims.Subject != key || !operator.DidSign(claims) {
		return nil, errors.New("account of the fleet: it is another, or the operator did not sign it")
	}
	return claims, nil
}

// start starts a server. before is called when accounts can be changed and nobody is
// let in yet.
func start(o *server.Options, resolver *server.MemAccResolver, key string, log *slog.Logger, before func(*Server) error) (*Server, error) {
	srv, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("NATS server: %w", err)
	}
	if log != nil {
		srv.SetLoggerV2(&logger{log: log, now: time.Now}, false, false, false)
	}
	s := &Server{srv, key, resolver}
	if before != nil {
		if err := before(s); err != nil {
			srv.Shutdown()
			return nil, err
		}
	}
	srv.Start()
	if !srv.ReadyForConnections(readyTime) {
		s.Stop()
		return nil, fmt.Errorf("NATS server: it does not start at %s: the port may be taken", net.JoinHostPort(o.Host, fmt.Sprint(o.Port)))
	}
	return s, nil
}

// take puts the claims of the fleet's account in force: connections of whom they revoke
// are closed when it returns.
func (s *Server) take(claims *jwt.AccountClaims, text string) error {
	acc, err := s.LookupAccount(s.account)
	if err != nil {
		return fmt.Errorf("account of the fleet: %w", err)
	}
	if text != "" {
		if err := s.resolver.Store(s.account, text); err != nil {
			return err
		}
	}
	s.UpdateAccountClaims(acc, claims)
	return nil
}

// Stop ends the server and waits for it.
func (s *Server) Stop() {
	s.Shutdown()
	s.WaitForShutdown()
}
