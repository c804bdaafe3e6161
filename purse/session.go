package purse

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// session is the application of the purse, selected and authenticated, and what
// the card said of it since. What is nil is not known.
type session struct {
	card  *desfire.Card
	sent  uint64 // commands of the card, after ours
	uid   []byte
	proof UIDProof
	facts keystore.Facts // of the key that moves the values
	keys  map[wire.KeyNo]key.Key
	info  desfire.Session
	keyed bool

	input tmac.Input // of the transaction MAC

	receipt *tmac.Receipt
	slot    Hex
	marker  Hex  // the newest record
	records *int // how many there are
	values  []ValueBefore
}

// cardApp names the application of the purse on a card.
func (c *Config) cardApp(uid []byte) CardApp {
	return CardApp{hexUID(uid), c.Place.String()}
}

func (s *session) value(no wire.FileNo) (ValueBefore, bool) {
	for _, v := range s.values {
		if v.File == no {
			return v, true
		}
	}
	return ValueBefore{}, false
}

// lrp reports whether transaction MACs count as under LRP.
func (s *session) lrp() bool { return s.info.Scheme == wire.SchemeLRP }

// enter gives the session that goes on, or opens one with a key. Where commands go
// out together, what the moves need to know is read at once.
func (p *Purse) enter(ctx context.Context, card *desfire.Card, first wire.KeyNo, moves []Move) (*session, error) {
	if s := p.live; s != nil && s.card == card && s.keyed && s.sent == card.Sent() {
		if _, ok := card.Session(); ok {
			return s, nil
		}
	}
	p.live = nil
	s := &session{card: card, keys: map[wire.KeyNo]key.Key{}}
	s.input.RecordSizes = map[wire.FileNo]int{}
	if r := p.conf.Record; r != nil {
		s.input.RecordSizes[r.No] = int(r.Settings.RecordSize)
	}
	if t := p.conf.TMAC; t != nil {
		s.input.Exclude = []wire.FileNo{t.No}
	}
	if err := p.login(ctx, s, first, moves); err != nil {
		return nil, err
	}
	s.sent = card.Sent()
	p.live = s
	return s, nil
}

// first is the key that opens the session of a change: the one that names the
// reader, since the name comes first.
func (c *Config) first() wire.KeyNo {
	if no := c.reader(); no != nil {
		return *no
	}
	return c.KeyNo
}

// as goes on from the session with another key of the purse. What pends stays, and
// TI and command counter go on: the next answer with a MAC says that nothing came in
// between.
func (p *Purse) as(ctx context.Context, s *session, no wire.KeyNo) error {
	if !s.keyed || s.info.KeyNo == no {
		return nil
	}
	err := s.card.AuthenticateWith(ctx, s.info.NonFirst(), no, s.keys[no])
	s.sent = s.card.Sent()
	if err != nil {
		return err
	}
	s.info, _ = s.card.Session()
	return nil
}

// login selects and authenticates, and finds out which card it is.
func (p *Purse) login(ctx context.Context, s *session, first wire.KeyNo, moves []Move) error {
	c := &p.conf
	if err := c.rightCard(s.card); err != nil {
		return err
	}
	if err := c.state(s.card); err != nil {
		return err
	}
	together := !c.NoKey && s.card.Scripts() // the selection goes out with the authentication
	if !together {
		if err := s.card.Select(ctx, c.Place); err != nil {
			return err
		}
	}
	s.uid, s.proof = s.card.UID(), UIDClear
	if c.NoKey {
		if s.uid == nil {
			return &ConfigError{"NoKey", "the card shows a random identifier and its own only in a session: a purse without a key cannot tell which card it is"}
		}
		return nil
	}
	if c.Diversified && s.uid == nil {
		return &ConfigError{"Diversified", "the card shows a random identifier, so that its keys cannot be derived"}
	}
	for i, no := range c.numbers() {
		k, facts, err := c.held(ctx, s.card, c.ref(s.uid, no), !together)
		if err != nil {
			return err
		}
		if err := c.sharedKey(ctx, s.uid, facts); err != nil {
			return err
		}
		if s.keys[no] = k; i == 0 {
			s.facts = facts
		}
	}
	k := s.keys[first]
	open := s.card.AuthenticateWith
	if together {
		open = func(ctx context.Context, m key.Method, no wire.KeyNo, k key.Key) error {
			return s.card.EnterWith(ctx, c.Place, m, no, k)
		}
	}
	if err := open(ctx, c.method(s.card, k), first, k); err != nil {
		return err
	}
	s.info, _ = s.card.Session()
	s.keyed = true
	if err := c.strong(s.info.Scheme, k.Type()); err != nil {
		return err
	}
	return p.whose(ctx, s, moves)
}

// whose finds out whose session it is.
func (p *Purse) whose(ctx context.Context, s *session, moves []Move) error {
	c := &p.conf
	switch {
	case c.Diversified:
		s.proof = UIDByKey
	case s.together() && s.card.Generation().Has(wire.FeatureCardUID) && c.reader() == nil && len(moves) > 0:
		x := new(script)
		add(x, s, &wire.GetCardUID{}, func(u *wire.CardUID) error {
			s.uid, s.proof = slices.Clone(u.UID), UIDBySession
			return nil
		})
		return p.lookTogether(ctx, s, moves, x, nil)
	case s.info.Scheme != wire.SchemeD40 && s.card.Generation().Has(wire.FeatureCardUID):
		uid, err := s.card.CardUID(ctx)
		if err != nil {
			return err
		}
		s.uid, s.proof = uid, UIDBySession
	case s.uid == nil:
		return &ConfigError{"Diversified", "the card shows a random identifier, and this session cannot ask for the real one"}
	}
	return nil
}

// rightCard refuses a card that says it is older than the cards of the purse.
func (c *Config) rightCard(card *desfire.Card) error {
	if c.Policy != Hostile {
		return nil
	}
	for _, f := range []wire.Feature{wire.FeatureTMAC, wire.FeatureEV2Auth, wire.FeatureCardUID} {
		if c.Generation.Has(f) && !card.Generation().Has(f) {
			return &ConfigError{"Generation", fmt.Sprintf("the card says that it is a %v, and those of the purse are %v or newer: a relay can claim that", card.Generation(), c.Generation)}
		}
	}
	return c.elsewhere(card.Generation())
}

// strong refuses a session that is weaker than the cards of the purse allow, unless it was asked for by name,
// and one that no other key can go on from where another has to.
func (c *Config) strong(s wire.Scheme, t key.Type) error {
	if no := c.reader(); no != nil && s != wire.SchemeEV2 && s != wire.SchemeLRP {
		return &ConfigError{"TMAC", fmt.Sprintf("key %d names the reader, and key %d cannot go on from a %v session (the key is %v)", *no, c.KeyNo, s, t)}
	}
	if c.Policy == Accidents || c.Method != nil {
		return nil
	}
	if c.Generation.Has(wire.FeatureEV2Auth) && s != wire.SchemeEV2 && s != wire.SchemeLRP {
		return &ConfigError{"Method", fmt.Sprintf("a %v session (the key is %v) proves less than an EV2 session, which %v cards have: say Method to have it all the same", s, t, c.Generation)}
	}
	if s == wire.SchemeD40 {
		return &ConfigError{"Method", "a D40 session proves nothing against a relay"}
	}
	return nil
}

// state tells the card the settings of the files.
func (c *Config) state(card *desfire.Card) error {
	files := slices.Clone(c.Values)
	if c.TMAC != nil {
		files = append(files, c.TMAC.File)
	}
	if c.Slot != nil {
		files = append(files, c.Slot.File)
	}
	if c.Record != nil {
		files = append(files, c.Record.File)
	}
	for i := range files {
		if err := card.AssumeSettingsOf(c.Place, files[i].No, files[i].Settings); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) method(card *desfire.Card, k key.Key) key.Method {
	if c.Method != nil {
		return *c.Method
	}
	return card.Strongest(k.Type())
}

func hexUID(uid []byte) string { return strings.ToUpper(hex.EncodeToString(uid)) }

// uid is the card's identifier, its bytes.
func (e *Entry) uid() []byte {
	b, err := hex.DecodeString(e.UID)
	if err != nil {
		return nil
	}
	return b
}
