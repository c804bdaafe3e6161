package keyservice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/remote"
)

// request is one request of an agent, and what becomes of it.
type request struct {
	service *Service
	name    string // of the agent
	what    string
	agent   *agent
	now     time.Time
	id      string // of its line in the audit

	remote.KeyRequest
	ref    keystore.Ref
	method key.Method
	slot   *keystore.Facts // of the key that it is about, if that is known

	out remote.KeyAnswer
}

// Bounds of texts in requests.
const (
	mostRef     = 128
	mostPurpose = 200

	mostHandshake = 64
)

// read takes the texts of a request apart.
func (r *request) read() (err error) {
	r.Trace = remote.CleanTrace(r.Trace)
	r.Purpose = visible.Text(strings.ToValidUTF8(r.Purpose[:min(len(r.Purpose), mostPurpose)], ""))
	if r.Ref != "" || r.wantsRef() {
		if len(r.Ref) > mostRef {
			return fmt.Errorf("a key reference of %d bytes", len(r.Ref))
		}
		if r.ref, err = keystore.ParseRef(r.Ref); err != nil {
			return err
		}
	}
	if r.Slot != nil && (r.Slot.Index < 0 || r.Slot.Index > 255) {
		return fmt.Errorf("slot %d: want 0 to 255", r.Slot.Index)
	}
	if r.what != remote.KeysFinish && r.what != remote.KeysDrop || len(r.Handshake) > mostHandshake {
		r.Handshake = ""
	}
	if r.what == remote.KeysHandshake {
		if r.method, err = parseMethod(r.Method); err != nil {
			return err
		}
	}
	return nil
}

func (r *request) wantsRef() bool {
	return r.what == remote.KeysSlots || r.what == remote.KeysGet || r.what == remote.KeysHandshake
}

// parseMethod reads what key.Method writes.
func parseMethod(name string) (key.Method, error) {
	for m := range key.MethodISO7816 + 1 {
		if m.String() == name {
			return m, nil
		}
	}
	return 0, fmt.Errorf("method %.20q: want one as EV2 or LRPNonFirst", name)
}

// answer does what the request asks for. What comes back is the payload, or why not; a
// use is taken down by then.
func (r *request) answer(ctx context.Context, payload []byte) ([]byte, *remote.KeyError) {
	switch r.what {
	case remote.KeysSlots:
		return nil, r.slots(ctx)
	case remote.KeysGet:
		return nil, r.get(ctx)
	case remote.KeysHandshake:
		return r.handshake(ctx, payload)
	case remote.KeysFinish:
		return r.finish(ctx, payload)
	case remote.KeysDrop:
		if p := r.service.shelf.take(r.Handshake, r.name, r.now); p != nil {
			p.Wipe()
		}
		return nil, nil
	case remote.KeysWrap:
		return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyNever, Rule: "the service", Text: "no key change is wrapped for an agent, whatever the policy says: the centre changes keys itself, while the agent carries frames"})
	}
	return nil, r.refuse(ctx, &remote.KeyError{Code: remote.KeyBad, Text: fmt.Sprintf("the key service knows no request %.20q", r.what)})
}

// use is the line of the audit.
func (r *request) use(what string) *Use {
	u := &Use{
		Versioned: remote.Versioned{V: remote.Version}, ID: r.id, Handshake: r.Handshake, Purpose: r.Purpose,
		KeyUse: fleet.KeyUse{At: r.now.UTC(), Agent: r.name, What: what, Trace: r.Trace},
	}
	if r.Ref != "" && r.ref != (keystore.Ref{}) || r.wantsRef() || r.what == remote.KeysFinish {
		u.Application, u.Key = r.ref.Place.String(), r.ref.Key.String()
		if r.ref.UID != "" {
			u.UID = r.ref.UID.String()
		}
	}
	if r.what == remote.KeysHandshake || r.what == remote.KeysFinish {
		u.Method = r.method.String()
	}
	if r.slot != nil {
		u.Type = r.slot.Type
		if !r.slot.NoVersion {
			u.Version = &r.slot.Version
		}
	}
	return u
}

// lines are what requests are called in the audit.
var lines = map[string]string{
	remote.KeysSlots: "key", remote.KeysGet: "key", remote.KeysHandshake: "handshake", remote.KeysFinish: "session", remote.KeysWrap: "wrap",
}

// allow takes down that the request is granted; an error means that it is not.
func (r *request) allow(ctx context.Context) *remote.KeyError {
	u := r.use(lines[r.what])
	u.Allowed = true
	if err := r.service.conf.Audit(ctx, u); err != nil {
		return r.unaudited(err)
	}
	return nil
}

// refuse takes down that it is not, and gives what the agent is told.
func (r *request) refuse(ctx context.Context, e *remote.KeyError) *remote.KeyError {
	s := r.service
	what, known := lines[r.what]
	if !known {
		what = "request"
	}
	s.conf.Logger.Warn("key service: refused", "agent", r.name, "what", what, "key", r.Ref, "code", e.Code, "rule", e.Rule, "why", e.Text, "trace", r.Trace)
	more, ok := r.agent.mayTell(r.now)
	if !ok {
		return e
	}
	u := r.use(what)
	u.Code, u.Why, u.More = string(e.Code), visible.Text(e.Text), more
	if e.Rule != "" {
		u.Why = e.Rule + ": " + u.Why
	}
	if err := s.conf.Audit(ctx, u); err != nil {
		r.agent.notTold(more)
		return r.unaudited(err)
	}
	return e
}

func (r *request) unaudited(err error) *remote.KeyError {
	r.service.conf.Logger.Error("key service: the audit did not take a use, so it is refused", "agent", r.name, "what", r.what, "trace", r.Trace, "error", err)
	return &remote.KeyError{Code: remote.KeyAudit, Text: "the use of a key could not be taken down, so it was not done", After: 1}
}

// failed is what an agent is told of an error. What a store says may be about this
// computer, and stays here.
func (r *request) failed(err error) *remote.KeyError {
	var rule *RuleError
	switch {
	case errors.As(err, &rule) && rule.Never:
		return &remote.KeyError{Code: remote.KeyNever, Rule: rule.Rule, Text: rule.Text}
	case errors.As(err, &rule):
		return &remote.KeyError{Code: remote.KeyPolicy, Rule: rule.Rule, Text: rule.Text}
	case errors.Is(err, errChanged):
		return &remote.KeyError{Code: remote.KeyChanged, Text: errChanged.Error()}
	case errors.Is(err, keystore.ErrNoUID):
		return &remote.KeyError{Code: remote.KeyNoUID, Text: keystore.ErrNoUID.Error()}
	case errors.Is(err, keystore.ErrNotFound):
		return &remote.KeyError{Code: remote.KeyNotFound, Text: "the centre has no key for " + r.ref.Words()}
	case errors.Is(err, keystore.ErrLocked):
		return &remote.KeyError{Code: remote.KeyLocked, Text: "the key store of the centre is locked: somebody has to unlock it there"}
	case errors.Is(err, key.ErrProof):
		return &remote.KeyError{Code: remote.KeyProof, Text: key.ErrProof.Error()}
	}
	r.service.conf.Logger.Error("key service: the store failed", "agent", r.name, "what", r.what, "key", r.Ref, "trace", r.Trace, "error", err)
	return &remote.KeyError{Code: remote.KeyFailed, Text: "the key store of the centre failed; its log says more", After: 1}
}

var errChanged = errors.New("the keys of the centre are others now: ask again which there are")
