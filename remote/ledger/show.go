package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/remote"
)

// Line is a message of LEDGER: what a transaction was, and what became of it. Its payload is JSON of the
// entry, as it was then.
type Line struct {
	remote.Versioned
	ID       purse.ID       `json:"id"`
	Agent    string         `json:"agent"`
	Decision purse.Decision `json:"decision"`
	Rule     purse.Rule     `json:"rule"`
	By       string         `json:"by,omitempty"` // the agent whose settlement it stands on, where that is another one
	Sum      string         `json:"sum"`          // of what was to happen, so that two lines can be told apart
}

// Correction is a message of CORRECTIONS: what is known now is another thing than what stands in the
// ledger. Its payload is JSON of the purse.Outcome.
type Correction struct {
	remote.Versioned
	ID   purse.ID  `json:"id"`
	Was  Line      `json:"was"`
	Is   Line      `json:"is"`
	Time time.Time `json:"time"` // the centre's
}

// intent is a checksum over what was to happen.
func intent(e *purse.Entry) (string, error) {
	x := *e
	x.Progress, x.Outcomes = purse.Progress{}, nil
	b, err := json.Marshal(&x)
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12]), err
}

// show writes what is known of a transaction where others see it.
func (c *Centre) show(ctx context.Context, r *Record) error {
	if err := c.showOpen(ctx, r); err != nil {
		return err
	}
	if r.Telling && !r.Entry.IsOpen() { // its agent knows by now
		if err := remove(ctx, c.st.settled, r.Agent+"."+r.Entry.ID.String()); err != nil {
			return err
		}
		if _, _, err := c.st.update(ctx, c.st.subject(r.Agent, &r.Entry), func(r *Record) (*Record, bool) {
			if r == nil || !r.Telling {
				return r, false
			}
			r.Telling = false
			return r, true
		}); err != nil {
			return err
		}
	}
	return c.writeLine(ctx, r)
}

// writeLine puts what was decided into LEDGER, or says that something else stands there.
func (c *Centre) writeLine(ctx context.Context, r *Record) error {
	sum, err := intent(&r.Entry)
	if err != nil {
		return err
	}
	line := Line{Versioned: version, ID: r.Entry.ID, Agent: r.Agent, Decision: purse.InDoubt, By: r.By(), Sum: sum}
	o := r.Outcome()
	if o != nil {
		line.Decision, line.Rule = o.Decision, o.Rule
	}
	subject := c.at.Ledger(r.Entry.ID.String())
	if line.Decision != purse.InDoubt {
		payload, err := json.Marshal(&r.Entry)
		if err != nil {
			return err
		}
		m, err := remote.Encode(line, payload)
		if err != nil {
			return err
		}
		if taken, err := c.st.once(ctx, subject, m); err != nil || taken {
			return err
		}
	} else if r.Judged == nil && len(r.Others) == 0 {
		return nil // open, and nothing stands there
	}
	m, err := c.st.ledger.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil // in doubt, and never anything else
	}
	if err != nil {
		return err
	}
	var was Line
	if _, err := remote.Decode(m.Data, &was); err != nil {
		return fmt.Errorf("message %d of LEDGER: %w", m.Sequence, err)
	}
	if was.Decision == line.Decision && was.Sum == line.Sum && was.Agent == line.Agent {
		return nil
	}
	return c.correct(ctx, was, line, o)
}

// correct writes a correction, and an alarm.
func (c *Centre) correct(ctx context.Context, was, is Line, o *purse.Outcome) error {
	if o == nil {
		o = &purse.Outcome{Decision: purse.InDoubt, Rule: purse.RuleNone}
	}
	payload, err := json.Marshal(o)
	if err != nil {
		return err
	}
	which := digest(fmt.Sprint(is.Decision, is.Rule, is.Agent, is.Sum))
	m, err := remote.Encode(Correction{Versioned: version, ID: is.ID, Was: was, Is: is, Time: c.conf.Now().UTC()}, payload)
	if err != nil {
		return err
	}
	if taken, err := c.st.once(ctx, c.at.Correction(is.ID.String(), which), m); err != nil || !taken {
		return err
	}
	what := fmt.Sprintf("the ledger says that it %v by rule %s, and what is known now is: %v by rule %s: %s", was.Decision, was.Rule, is.Decision, is.Rule, o.Why)
	if was.Sum != is.Sum || was.Agent != is.Agent {
		what = fmt.Sprintf("the ledger has another content for it, from agent %s: an id was used twice", was.Agent)
	}
	return c.alarm(ctx, is.Agent, "another decision", what, is.ID)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
