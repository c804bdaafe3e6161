package selftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// permit makes sure that the card is the one that may be wiped, and that it can
// be left as it is now. It changes nothing.
func (s *suite) permit(ctx context.Context, card *desfire.Card) error {
	told := !s.version.UID.IsZero()
	if told && !bytes.Equal(s.version.UID[:], s.conf.WipeCard) {
		return &WrongCardError{s.conf.WipeCard, s.version.UID[:]}
	}
	if s.fixed() {
		if err := s.enterFixed(ctx, card); err != nil {
			return &NotDeliveredError{fmt.Sprintf("its application cannot be selected: %v", err)}
		}
	} else {
		ks, err := card.KeySettings(ctx)
		switch {
		case errors.Is(err, wire.StatusAuthenticationError):
			return &NotDeliveredError{"its settings keep the lists from whoever lacks the master key"}
		case err != nil:
			return err
		case ks.KS1&wire.SettDefault != wire.SettDefault:
			return &NotDeliveredError{fmt.Sprintf("its settings are %02X (%v), not 0F", uint8(ks.KS1), ks.KS1)}
		}
	}
	if err := s.findMaster(ctx, card); err != nil {
		return err
	}
	if !told {
		uid, err := card.CardUID(ctx)
		if err != nil {
			return err
		}
		if !bytes.Equal(uid, s.conf.WipeCard) {
			return &WrongCardError{s.conf.WipeCard, uid}
		}
	}
	if s.fixed() {
		return s.save(ctx, card)
	}
	return nil
}

// findMaster authenticates with a master key of zeros.
func (s *suite) findMaster(ctx context.Context, card *desfire.Card) error {
	types := []key.Type{key.TypeDES}
	switch {
	case s.fixed():
		types = []key.Type{key.TypeAES}
	case s.gen.Has(wire.FeatureEV1Auth):
		types = append(types, key.TypeAES)
	}
	var last error
	for _, typ := range types {
		s.master = key.Zero(typ)
		last = card.Authenticate(ctx, 0, s.master)
		if last == nil {
			break
		}
		if _, refused := statusOf(last); !refused && !errors.As(last, new(*desfire.ArgumentError)) {
			return last
		}
	}
	if last != nil {
		return &NotDeliveredError{fmt.Sprintf("its master key is not of zeros: %v", last)}
	}
	session, _ := card.Session()
	s.method = session.Method
	if session.Scheme == wire.SchemeLRP {
		s.lrp, s.method = true, key.MethodLRPFirst
	}
	return nil
}

// clear formats the card, or selects the application of one that cannot be
// formatted. card is at its level afterwards, without a session.
func (s *suite) clear(ctx context.Context, card *desfire.Card) error {
	if s.fixed() {
		if s.suspect {
			if err := s.putBack(ctx, card); err != nil {
				return err
			}
			s.suspect = false
		}
		s.report.Clean, s.report.Left = false, "in the middle of a step"
		return s.enterFixed(ctx, card)
	}
	if s.suspect { // the step before may have left keys and settings of its own
		s.suspect = false
		if err := s.restore(ctx, card); err != nil {
			s.suspect = true
			return err
		}
	}
	if err := card.AuthenticateWith(ctx, s.method, 0, s.master); err != nil {
		return err
	}
	s.report.Clean, s.report.Left = false, "in the middle of a step"
	if err := card.Format(ctx); err != nil {
		return err
	}
	return card.SelectApplication(ctx, wire.PICC)
}

// end brings the card back into the state it was found in, applications apart.
func (s *suite) end(ctx context.Context) {
	if s.report.Clean {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	s.tap.left, s.tap.listen, s.tap.forge = maxExchanges, false, nil
	card, err := s.activate(ctx)
	if err == nil {
		if s.fixed() {
			err = s.putBack(ctx, card)
		} else {
			err = s.restore(ctx, card)
		}
	}
	if err != nil {
		s.report.Left = "not as it was found: " + err.Error()
		return
	}
	s.report.Clean, s.report.Left = true, "formatted, with its settings and master key as they were"
	if s.conf.Lasting {
		s.report.Left += "; keys 10 to 12, 20 and 21 may be set, to zeros"
	}
	if s.fixed() {
		s.report.Left = "with its keys, settings and file contents as they were"
	}
}

// restore gives the card level its key and settings back and formats it.
func (s *suite) restore(ctx context.Context, card *desfire.Card) error {
	if err := s.restoreMaster(ctx, card); err != nil {
		return err
	}
	ks, err := card.KeySettings(ctx)
	if err != nil {
		return err
	}
	if ks.KS1&wire.SettDefault != wire.SettDefault {
		if err := card.ChangeKeySettings(ctx, wire.SettDefault); err != nil {
			return fmt.Errorf("its settings stay at %02X: %w", uint8(ks.KS1), err)
		}
	}
	if s.gen.Has(wire.FeatureCardUID) {
		if err := card.SetConfiguration(ctx, &wire.DefaultKey{Key: wire.NewSecret(make([]byte, 24))}); err != nil {
			return fmt.Errorf("the default key of applications: %w", err)
		}
	}
	if err := card.Format(ctx); err != nil {
		return err
	}
	if err := card.SelectApplication(ctx, wire.PICC); err != nil {
		return err
	}
	aids, err := card.Applications(ctx)
	if err == nil && len(aids) > 0 {
		err = fmt.Errorf("it says it was formatted, and has applications: %v", aids)
	}
	return err
}

// restoreMaster opens a session with the master key as it was found, which it
// puts back if a step has left one of its own.
func (s *suite) restoreMaster(ctx context.Context, card *desfire.Card) error {
	version, err := card.KeyVersion(ctx, 0)
	if err != nil {
		return err
	}
	try := []*key.Secret{s.master}
	for _, typ := range keyTypes(s.gen) {
		k := testKey(typ, 0)
		if k.Version() == version { // the likeliest first: wrong ones may be counted
			try = append([]*key.Secret{k}, try...)
		} else {
			try = append(try, k)
		}
	}
	for _, k := range try {
		method := s.method
		if k != s.master {
			method = methodOf(s.gen, k.Type())
		}
		err := card.AuthenticateWith(ctx, method, 0, k)
		if err == nil && k == s.master {
			return nil
		}
		if err == nil {
			if err := card.ChangeKey(ctx, 0, s.master, nil); err != nil {
				return fmt.Errorf("its master key is the test key (%v): %w", k, err)
			}
			return card.AuthenticateWith(ctx, s.method, 0, s.master)
		}
		if _, refused := statusOf(err); !refused && !errors.As(err, new(*desfire.ArgumentError)) {
			return err
		}
	}
	return errors.New("its master key is neither the one found nor one of the test keys")
}

// methodOf is the method for keys of a type that any session can follow: those
// of EV1, on D40 its own.
func methodOf(g wire.Generation, t key.Type) key.Method {
	switch {
	case t == key.TypeAES && g.Has(wire.FeatureEV1Auth):
		return key.MethodAES
	case t == key.TypeAES:
		return key.MethodEV2First
	case g.Has(wire.FeatureEV1Auth):
		return key.MethodISO
	}
	return key.MethodD40
}

// keyTypes are the types of keys that cards of a generation know.
func keyTypes(g wire.Generation) []key.Type {
	switch {
	case !g.Has(wire.FeatureApplications):
		return []key.Type{key.TypeAES}
	case !g.Has(wire.FeatureEV1Auth):
		return []key.Type{key.TypeDES, key.Type2K3DES}
	}
	return []key.Type{key.TypeDES, key.Type2K3DES, key.Type3K3DES, key.TypeAES}
}

// testKey is a key that the steps put on the card for a while: no secret.
func testKey(t key.Type, n int) *key.Secret {
	b := make([]byte, t.Size())
	for i := range b {
		b[i] = byte(0x10*(n+1)+7*i) | 0x01
		if t == key.TypeDES {
			b[i] = b[i%8]
		}
	}
	k, err := key.New(t, b, byte(0x20+n))
	if err != nil {
		panic(err) // sizes are right
	}
	if t != key.TypeAES {
		k = k.WithVersion(byte(0x20 + n + 0x10*int(t)))
	}
	return k
}

// redact takes the UID out of everything that is said, if wanted.
func (s *suite) redact() {
	if !s.conf.MaskUID || s.version.UID.IsZero() && s.conf.WipeCard == nil {
		return
	}
	s.report.mask(s.version.UID[:], s.conf.WipeCard)
	if s.report.Card.UID != "random" {
		s.report.Card.UID = "masked"
	}
}
