package keyservice

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/fleet"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/remote"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
)

// AskChange is what operators ask for a key change with, the last part of
// Subjects.Admin.
const AskChange = "keys.change"

// awaitCard is how long a change waits for a card on the reader, if Wait says nothing.
const awaitCard = 10 * time.Second

// Changes are what keys are changed with from the centre.
type Changes struct {
	// Source is the reader of an agent.
	Source func(agent, reader string) desfire.Source
	// Journal remembers changes that have begun; required.
	Journal rekey.Journal
	// Card is how cards are connected to; nil is the zero Config.
	Card *desfire.Config
	// Wait is how long a change waits for a card; 0 is 10 s.
	Wait time.Duration
}

// ErrNoChanges says that this service changes no keys.
var ErrNoChanges = errors.New("this centre changes no keys: it has no journal for that")

// AdminChange answers AskChange: in is a fleet.KeyChange as JSON, and what comes back a
// *fleet.KeyChanged.
func (s *Service) AdminChange(ctx context.Context, in []byte) (any, error) {
	q := new(fleet.KeyChange)
	if err := json.Unmarshal(in, q); err != nil {
		return nil, fmt.Errorf("key change: %w", err)
	}
	return s.Change(ctx, q)
}

// change is a change that was asked for.
type change struct {
	*fleet.KeyChange
	service *Service
	place   wire.Place
	no      wire.KeyNo
	uid     keystore.UID // of the card, once it is known
	result  *fleet.KeyChanged
	id      string
}

// Change changes a key of the card that lies on a reader of an agent, so that at every
// moment it can be found out which one the card holds; see package rekey. Old and new key
// are those of the store: the new one is the newest, or has the version asked for,
// the old one that whose version the card tells. The keys and the session stay here.
//
// Where the card is lost in the middle, ask again when it is back: what it holds is found
// out first, and the journal settled. That it is begun and what became of it is taken
// down.
func (s *Service) Change(ctx context.Context, q *fleet.KeyChange) (*fleet.KeyChanged, error) {
	c, err := s.asked(q)
	if err != nil {
		return nil, err
	}
	if err := s.mayChange(q.Agent); err != nil {
		return nil, c.tell(ctx, err)
	}
	if s.conf.Changes == nil {
		return nil, ErrNoChanges
	}
	select { // one journal, one change
	case s.changing <- struct{}{}:
		defer func() { <-s.changing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := c.tell(ctx, nil); err != nil {
		return nil, err
	}
	err = c.onCard(ctx)
	if c.result.Outcome != "" {
		if err != nil {
			c.result.Why = visible.Text(err.Error())
		}
		return c.result, c.ended(ctx)
	}
	return nil, errors.Join(err, c.endedWith(ctx, err))
}

// asked takes the texts of a change apart.
func (s *Service) asked(q *fleet.KeyChange) (*change, error) {
	c := &change{KeyChange: q, service: s, result: &fleet.KeyChanged{Application: q.Application, Key: q.Key, Steps: []string{}}, id: newID()}
	q.Trace = remote.CleanTrace(q.Trace)
	for what, name := range map[string]string{"agent": q.Agent, "reader": q.Reader} {
		if err := remote.CheckName(name); err != nil {
			return nil, fmt.Errorf("key change: %s: %w", what, err)
		}
	}
	var err error
	if c.place, err = wire.ParsePlace(q.Application); err != nil {
		return nil, fmt.Errorf("key change: %w", err)
	}
	id, err := keystore.ParseID(q.Key)
	if err != nil {
		return nil, fmt.Errorf("key change: %w", err)
	}
	set, no, ok := id.Number()
	if !ok || set != 0 {
		return nil, fmt.Errorf("key change: %s: want the number of a key in the active set", id.Words())
	}
	c.no = no
	if q.UID != "" {
		b, err := hex.DecodeString(q.UID)
		if err != nil {
			return nil, fmt.Errorf("key change: UID %.40q: want hexadecimal digits", q.UID)
		}
		q.UID = keystore.UID(b).String()
	}
	return c, nil
}

// mayChange is a *RuleError if the centre may not change keys on an agent's readers.
func (s *Service) mayChange(agent string) error {
	r, name := s.policy.Load().rules(agent)
	switch {
	case r == nil:
		return &RuleError{Rule: "agents", Text: agent + " is not named there, so no key is changed on its readers"}
	case !r.Change:
		return &RuleError{Rule: "agents." + name + ".change", Text: "no key is changed on its readers"}
	}
	return nil
}

// onCard waits for the card, and changes its key.
func (c *change) onCard(ctx context.Context) error {
	conf := c.service.conf.Changes
	wait, stop := context.WithCancel(ctx)
	defer stop()
	patience := time.AfterFunc(cmp.Or(conf.Wait, awaitCard), stop)
	defer patience.Stop()
	for card, err := range desfire.Cards(wait, conf.Source(c.Agent, c.Reader), conf.Card) {
		if err != nil {
			return fmt.Errorf("reader %s of %s: %w", c.Reader, c.Agent, err)
		}
		if patience.Stop() {
			return c.run(ctx, card)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return fmt.Errorf("no card lies on reader %s of %s", c.Reader, c.Agent)
}

func (c *change) run(ctx context.Context, card *desfire.Card) error {
	store := c.service.conf.Store
	if err := c.identify(ctx, card); err != nil {
		return err
	}
	c.result.UID = c.uid.String()
	if c.UID != "" && c.UID != c.result.UID {
		return fmt.Errorf("card %s lies on reader %s of %s, not %s: nothing was done", c.result.UID, c.Reader, c.Agent, c.UID)
	}
	ch := &rekey.Change{Place: c.place, No: c.no, Journal: c.service.conf.Changes.Journal, DryRun: c.DryRun, Force: c.Force}
	ch.OnStep = func(s rekey.Step) { c.result.Steps = append(c.result.Steps, s.String()) }
	if err := c.keys(ctx, card, store, ch); err != nil {
		return err
	}
	c.result.Old, c.result.New = facts(ch.Old), facts(ch.New)
	outcome, err := rekey.Run(ctx, card, ch)
	c.result.Outcome = string(outcome)
	return err
}

func facts(k key.Key) fleet.KeyFacts {
	return fleet.KeyFacts{Type: k.Type().String(), Version: k.Version()}
}

// identify finds the identifier of the card, by a key that is the same on every card
// where it shows a random one.
func (c *change) identify(ctx context.Context, card *desfire.Card) error {
	if _, err := card.Version(ctx); err != nil && desfire.Refusal(err) == nil {
		return err
	}
	if c.uid = keystore.UID(card.UID()); c.uid != "" {
		return nil
	}
	var refs []keystore.Ref
	if r, ok := c.service.conf.Store.(interface{ Refs() []keystore.Ref }); ok {
		refs = r.Refs()
	}
	uid, err := (&unlock.Opener{Store: c.service.conf.Store}).CardUID(ctx, card, refs)
	c.uid = uid
	return err
}

// keys finds the keys of the change.
func (c *change) keys(ctx context.Context, card *desfire.Card, store keystore.Store, ch *rekey.Change) error {
	slots, err := keystore.Slots(ctx, store, c.ref(c.no))
	if err != nil {
		return err
	}
	next := 0
	for c.To != nil && next < len(slots) && (slots[next].Facts.NoVersion || slots[next].Facts.Version != *c.To) {
		next++
	}
	if next >= len(slots) {
		if c.To != nil {
			return fmt.Errorf("the centre has no key %v of %s with version %02X", c.no, placeWords(c.place), *c.To)
		}
		return &keystore.NotFoundError{Ref: c.ref(c.no)}
	}
	if ch.New, err = slots[next].Key(ctx); err != nil {
		return err
	}
	ch.NewSource = slots[next].Facts.Source
	if err := card.Select(ctx, c.place); err != nil {
		return err
	}
	version, err := card.KeyVersion(ctx, c.no)
	told := err == nil
	if err != nil && desfire.Refusal(err) == nil {
		return err
	}
	old, err := c.oldOf(append(slots[:next:next], slots[next+1:]...), version, told, ch.New)
	if err != nil {
		return err
	}
	if ch.Old, err = old.Key(ctx); err != nil {
		return err
	}
	ch.OldSource = old.Facts.Source
	return c.changer(ctx, card, store, ch)
}

func (c *change) ref(no wire.KeyNo) keystore.Ref {
	return keystore.Ref{UID: c.uid, Place: c.place, Key: keystore.Number(no)}
}

// oldOf is the key that the card has, by the version that it tells; where that is the
// new one's already, the newest of the others.
func (c *change) oldOf(slots []keystore.Slot, version byte, told bool, next key.Key) (*keystore.Slot, error) {
	var have []string
	for i, s := range slots {
		if !told || s.Facts.NoVersion || s.Facts.Version == version || version == next.Version() {
			return &slots[i], nil
		}
		have = append(have, fmt.Sprintf("%02X", s.Facts.Version))
	}
	if len(have) == 0 {
		return nil, fmt.Errorf("the centre has one key %v of %s: the one that the card has now is wanted too", c.no, placeWords(c.place))
	}
	return nil, fmt.Errorf("key %v of %s has version %02X on the card, and the centre has %s: not tried, so that no failed attempt is counted", c.no, placeWords(c.place), version, strings.Join(have, ", "))
}

// changer finds the key that authenticates the change, where it is another one.
func (c *change) changer(ctx context.Context, card *desfire.Card, store keystore.Store, ch *rekey.Change) error {
	no := wire.KeyNo(0)
	if card.Generation().FixedName() == nil {
		ks, err := card.KeySettings(ctx)
		switch {
		case err == nil:
			no, _ = rekey.Changer(ks.KS1, c.no) // that it is frozen Run says
		case desfire.Refusal(err) == nil:
			return err
		}
	}
	if no == c.no {
		return nil
	}
	version, err := card.KeyVersion(ctx, no)
	if err != nil && desfire.Refusal(err) == nil {
		return err
	}
	told := err == nil
	slots, err := keystore.Slots(ctx, store, c.ref(no))
	if err != nil {
		return err
	}
	for _, s := range slots {
		if told && !s.Facts.NoVersion && s.Facts.Version != version {
			continue
		}
		ch.WithNo = no
		ch.With, err = s.Key(ctx)
		return err
	}
	return fmt.Errorf("key %v of %s changes this key, and the centre has none whose version the card tells", no, placeWords(c.place))
}

// use is a line of the audit about it.
func (c *change) use() *Use {
	u := &Use{
		Versioned: remote.Versioned{V: remote.Version}, ID: newID(), Handshake: c.id,
		KeyUse: fleet.KeyUse{At: c.service.conf.Now().UTC(), Agent: c.Agent, What: "change", Application: c.place.String(), Key: keystore.Number(c.no).String(), Trace: c.Trace, Allowed: true},
	}
	u.UID = c.UID
	if c.uid != "" {
		u.UID = c.uid.String()
	}
	return u
}

// tell takes down that it begins, or that it is refused.
func (c *change) tell(ctx context.Context, refused error) error {
	u := c.use()
	u.Purpose = "begun"
	if refused != nil {
		u.Purpose, u.Allowed, u.Code, u.Why = "", false, string(remote.KeyPolicy), refused.Error()
	}
	if err := c.service.conf.Audit(ctx, u); err != nil {
		return errors.Join(fmt.Errorf("nothing was changed: the audit does not take it down: %w", err), refused)
	}
	return refused
}

// ended takes down what became of it.
func (c *change) ended(ctx context.Context) error {
	u := c.use()
	u.Purpose, u.Why = c.result.Outcome, c.result.Why
	return c.down(ctx, u)
}

// endedWith takes down why nothing was done.
func (c *change) endedWith(ctx context.Context, err error) error {
	u := c.use()
	u.Purpose, u.Code, u.Why = "nothing was done", string(remote.KeyFailed), visible.Text(err.Error())
	return c.down(ctx, u)
}

// down takes a line down after the fact, whether or not anybody still waits.
func (c *change) down(ctx context.Context, u *Use) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.service.conf.Timeout)
	defer cancel()
	if err := c.service.conf.Audit(ctx, u); err != nil {
		c.service.conf.Logger.Error("key service: the audit did not take down what became of a key change", "agent", c.Agent, "uid", u.UID, "outcome", u.Purpose, "trace", c.Trace, "error", err)
		return fmt.Errorf("the audit does not say what became of the key change: %w", err)
	}
	return nil
}
