package centre

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// DialConfig says how to connect. Its zero value, and nil, connect or fail.
type DialConfig struct {
	// Offline returns a connection that need not be one yet: it connects when it can.
	Offline bool
	// Client is the name of the program, for those who look at the server.
	Client string
	// MaxWait bounds the wait between tries to connect again; 0 means 15 s.
	MaxWait time.Duration
	Logger  *slog.Logger // nil: nothing is logged
	// Inside, if not nil, is a server in this process: it is connected to, and not the
	// addresses of the file.
	Inside nats.InProcessConnProvider
	// Options are more of them, after those of Dial.
	Options []nats.Option
}

// Dial connects to the fleet as the member of the file. The connection connects again
// for ever, with a wait that grows up to MaxWait and is spread; what is published while
// there is none fails at once, so nothing is sent later that somebody gave up.
// Permissions are renewed, and written to the file, until the connection is closed;
// when those of before run out it is made anew.
//
// Answers come to addresses that only this member may listen to. TLS is used unless all
// addresses are of this machine; an address elsewhere without TLS is an error.
func (f *File) Dial(ctx context.Context, conf *DialConfig) (*nats.Conn, error) {
	if conf == nil {
		conf = new(DialConfig)
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("fleet file: %w", err)
	}
	opts, err := f.options(ctx, conf)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	urls := strings.Join(f.URLs, ",")
	if conf.Inside != nil {
		urls = ""
	}
	nc, err := nats.Connect(urls, opts...)
	if err != nil {
		return nil, fmt.Errorf("fleet %s at %s: %w", f.Fleet, strings.Join(f.URLs, ", "), explain(err))
	}
	go f.keepRenewed(nc, conf.logger())
	return nc, nil
}

func (c *DialConfig) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

func (f *File) options(ctx context.Context, conf *DialConfig) ([]nats.Option, error) {
	secure, err := checkURLs(f.URLs)
	if err != nil {
		return nil, err
	}
	pair, err := fromSeed(f.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return nil, fmt.Errorf("fleet file: seed: %w", err)
	}
	log := conf.logger()
	timeout := 10 * time.Second
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, max(time.Until(end), time.Millisecond))
	}
	client := conf.Client
	if client == "" {
		client = "desfire"
	}
	said := &reasons{log: log}
	opts := []nats.Option{
		nats.Name(client + " " + f.Name),
		nats.UserJWT(func() (string, error) { return f.current(), nil }, pair.Sign),
		nats.CustomInboxPrefix(inbox(f.Role, f.Name)),
		nats.MaxReconnects(-1),
		nats.CustomReconnectDelay(func(n int) time.Duration { return backoff(n, conf.MaxWait) }),
		nats.IgnoreAuthErrorAbort(), // permissions may be renewed, a leaf may yet hear of us
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(conf.Offline),
		nats.Timeout(timeout),
		nats.PingInterval(20 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				said.say(err)
			}
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { said.say(err) }),
		nats.ConnectHandler(func(nc *nats.Conn) {
			said.forget()
			log.Info("connected to the fleet", "at", conf.at(nc))
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			said.forget()
			log.Info("connected to the fleet again", "at", conf.at(nc))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, s *nats.Subscription, err error) {
			subject := ""
			if s != nil {
				subject = s.Subject
			}
			log.Warn("error of the fleet's connection", "error", explain(err), "subject", subject)
		}),
	}
	switch {
	case conf.Inside != nil:
		opts = append(opts, nats.InProcessServer(conf.Inside), nats.IgnoreDiscoveredServers())
	case secure:
		t, err := f.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.Secure(t))
	default:
		// Others that a server names would be reached without TLS.
		opts = append(opts, nats.IgnoreDiscoveredServers())
	}
	return append(opts, conf.Options...), nil
}

// tls trusts the authority of the file, or those of the system.
func (f *File) tls() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CA != "" {
		t.RootCAs = x509.NewCertPool()
		if f.SystemCA {
			var err error
			if t.RootCAs, err = x509.SystemCertPool(); err != nil {
				return nil, fmt.Errorf("authorities of the system: %w", err)
			}
		}
		if !t.RootCAs.AppendCertsFromPEM([]byte(f.CA)) {
			return nil, errors.New("fleet file: ca: no certificate in it")
		}
		t.MinVersion = tls.VersionTLS13 // our own servers
	}
	return t, nil
}

// backoff is how long to wait before the next round of tries: between a half and the
// whole of something that doubles.
func backoff(n int, most time.Duration) time.Duration {
	if most <= 0 {
		most = 15 * time.Second
	}
	d := most
	if n < 20 {
		d = min(most, 100*time.Millisecond<<max(n-1, 0))
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads load, no secret
}

// explain puts in words what NATS says shortly.
func explain(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthRevoked):
		return fmt.Errorf("%w: this member was revoked, is of another fleet, or its permissions ran out: join anew with a new token", err)
	case errors.Is(err, nats.ErrAuthExpired):
		return fmt.Errorf("%w: the permissions ran out, and are renewed", err)
	case errors.Is(err, nats.ErrSecureConnWanted):
		return fmt.Errorf("%w: the server offers no TLS, and without it nothing is sent", err)
	}
	return err
}

// at is where a connection leads, for people.
func (c *DialConfig) at(nc *nats.Conn) string {
	if c.Inside != nil {
		return "inside this program"
	}
	return nc.ConnectedUrlRedacted()
}
