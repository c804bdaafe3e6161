package centre

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/remote"
)

// renewal is what a member gets when it asks for its permissions anew.
type renewal struct {
	remote.Versioned
	JWT   string `json:"jwt,omitempty"`
	Error string `json:"error,omitempty"`
} // the payload is the trust of a leaf, as JSON

type renewRequest struct {
	remote.Versioned
	Trust bool `json:"trust,omitempty"` // that alone
}

// renewTime bounds one try to renew.
const renewTime = 20 * time.Second

// Renew gets permissions anew, over the connection or, where that is none, from the
// address of joining, and keeps them in the file. Dial does it in time by itself.
func (f *File) Renew(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	var err error
	if nc != nil && nc.IsConnected() {
		if err = f.renewBy(ctx, nc); err == nil {
			return nil
		}
	}
	if f.Join == "" {
		return errors.Join(err, errors.New("the file names no address where permissions are renewed"))
	}
	if over := f.renewAt(ctx); over != nil {
		return errors.Join(err, over)
	}
	return nil
}

func (f *File) renewBy(ctx context.Context, nc *nats.Conn) error {
	signed, trust, err := f.ask(ctx, nc, renewRequest{})
	if err != nil {
		return err
	}
	return f.renewed(signed, trust)
}

// AskTrust asks the centre whom the server of a site may let in.
func (f *File) AskTrust(ctx context.Context, nc *nats.Conn) (Trust, error) {
	ctx, cancel := context.WithTimeout(ctx, renewTime)
	defer cancel()
	_, trust, err := f.ask(ctx, nc, renewRequest{Trust: true})
	if err == nil && trust == nil {
		err = errors.New("renewing permissions: an answer that is none")
	}
	if err != nil {
		return Trust{}, err
	}
	return *trust, nil
}

func (f *File) ask(ctx context.Context, nc *nats.Conn, q renewRequest) (signed string, trust *Trust, err error) {
	q.V = remote.Version
	text, err := remote.Encode(q, nil)
	if err != nil {
		return "", nil, err
	}
	m, err := nc.RequestWithContext(ctx, f.Subjects().Renew(f.Name), text)
	if err != nil {
		return "", nil, fmt.Errorf("renewing permissions: %w", err)
	}
	var r renewal
	payload, err := remote.Decode(m.Data, &r)
	if err != nil {
		return "", nil, fmt.Errorf("renewing permissions: %w", err)
	}
	if r.Error != "" {
		return "", nil, fmt.Errorf("renewing permissions: %s", visible.Text(r.Error))
	}
	if len(payload) > 0 {
		trust = new(Trust)
		if json.Unmarshal(payload, trust) != nil {
			return "", nil, errors.New("renewing permissions: an answer that is none")
		}
	}
	return r.JWT, trust, nil
}

// renewAt renews where others join: after permissions ran out there is no connection.
func (f *File) renewAt(ctx context.Context) error {
	if err := checkJoinURL(f.Join); err != nil {
		return err
	}
	pair, err := fromSeed(f.Seed, nkeys.PrefixByteUser)
	if err != nil {
		return err
	}
	q, err := newRequest(f.Name, "", pair, "")
	if err != nil {
		return err
	}
	t, err := f.tls()
	if err != nil {
		return err
	}
	client := plainClient(&http.Transport{TLSClientConfig: t, TLSHandshakeTimeout: renewTime})
	defer client.CloseIdleConnections()
	a, err := post(ctx, client, f.Join, q)
	if err != nil {
		return fmt.Errorf("renewing permissions at %s: %w", f.Join, err)
	}
	return f.renewed(a.JWT, a.Trust)
}

// due is when permissions are to be renewed: in the middle of their time, spread.
func (f *File) due() time.Time {
	c, err := jwt.DecodeUserClaims(f.current())
	if err != nil || c.Expires == 0 {
		return time.Time{}
	}
	from, to := time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	half := to.Sub(from) / 2
	if half <= 0 {
		return from
	}
	return from.Add(half + rand.N(half/4+1)) //nolint:gosec // spreads load, no secret
}

// keepRenewed renews permissions until the connection is closed.
func (f *File) keepRenewed(nc *nats.Conn, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	status := nc.StatusChanged(nats.CLOSED)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for range status {
			cancel()
		}
	}()
	defer func() {
		nc.RemoveStatusListener(status) // closes it
		<-watched
	}()
	for failed := 0; !nc.IsClosed(); {
		due := f.due()
		if due.IsZero() {
			<-ctx.Done()
			return
		}
		wait := time.Until(due)
		if failed > 0 {
			wait = max(wait, backoff(failed+6, 5*time.Minute))
		}
		timer := time.NewTimer(max(wait, 0))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if err := f.Renew(ctx, nc); err != nil {
			failed++
			if ctx.Err() == nil {
				log.Warn("permissions are not renewed yet", "run out", f.Expires().UTC(), "error", err)
			}
			continue
		}
		failed = 0
	}
}
