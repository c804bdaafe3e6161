package perso

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// structure reads what the card is, without contents.
func (r *runner) structure(ctx context.Context) (*inspect.Card, error) {
	if err := r.comeNear(ctx); err != nil {
		return nil, err
	}
	ask := inspect.Tree | inspect.AskVersion | inspect.AskCardSettings | inspect.AskNames | inspect.AskKeyVersions
	if find(r.layout.Applications, func(a *Application) bool { return a.ISOFiles }) != nil {
		ask |= inspect.AskISOFiles
	}
	is, err := inspect.Read(ctx, r.card, &inspect.Config{
		Ask:   ask,
		Enter: func(ctx context.Context, _ *desfire.Card, p wire.Place) error { return r.look(ctx, p) },
	})
	r.forget()
	if err != nil {
		return nil, err
	}
	if err := r.proveLevel(ctx, is); err != nil {
		return nil, err
	}
	for _, v := range is.KeyVersions {
		r.version[slot{wire.Place{}, wire.KeyNo(v.Key)}] = v.Version
	}
	for i := range is.Applications {
		a := &is.Applications[i]
		if t, ok := keyType(a.KeySettings); ok {
			r.types[a.Place] = t
		}
		for _, v := range a.KeyVersions {
			r.version[slot{a.Place, wire.KeyNo(v.Key)}] = v.Version
		}
	}
	return is, nil
}

// keySett1 is key setting 1 as a place tells it; nil if that is not known.
func keySett1(s *inspect.KeySettings) *wire.KeySett1 {
	if s == nil || len(s.Settings) != 1 {
		return nil
	}
	told := wire.KeySett1(s.Settings[0])
	return &told
}

// freeCreate reports whether a place tells that anybody may create and delete in it.
func freeCreate(s *inspect.KeySettings) bool {
	told := keySett1(s)
	return told != nil && told.Has(wire.SettFreeCreate)
}

func keyType(s *inspect.KeySettings) (wire.KeyType, bool) {
	if s == nil {
		return 0, false
	}
	for t := wire.KeyDES; t <= wire.KeyAES; t++ {
		if t.String() == s.KeyType {
			return t, true
		}
	}
	return 0, false
}

// proveLevel asks the card itself once more for what it has told in clear, settings and
// applications, where its master key is in a store. Names stay what they are: not every
// card tells them in a session.
func (r *runner) proveLevel(ctx context.Context, is *inspect.Card) error {
	if may, err := r.mayProve(ctx, is, wire.Place{}); err != nil || !may || is.KeySettings == nil || is.KeySettings.Proven || is.Applications == nil {
		return err
	}
	err := r.enter(ctx, wire.Place{}, 0)
	if isKeyError(err) {
		r.forget()
		return nil
	}
	if s, ok := r.card.Session(); err != nil || !ok || s.Scheme == wire.SchemeD40 {
		return err
	}
	told, err := r.card.KeySettings(ctx)
	if err != nil {
		return fmt.Errorf("perso: the card tells its settings in clear, and not in a session with its master key: %w", err)
	}
	list, err := r.card.Applications(ctx)
	if err != nil {
		return fmt.Errorf("perso: the card tells its applications in clear, and not in a session with its master key: %w", err)
	}
	same := len(list) == len(is.Applications)
	for _, aid := range list {
		same = same && find(is.Applications, func(a *inspect.Application) bool { return a.Place.AID == aid }) != nil
	}
	if !same {
		return errors.New("perso: the card has other applications in a session with its master key than in clear: somebody lies")
	}
	is.KeySettings = inspect.NewKeySettings(told, true)
	is.KeySettings.Proven = true
	return nil
}

// mayProve reports whether what a place tells could be had with a MAC: its master key is in
// a store, and sessions of the card have one for it.
func (r *ring) mayProve(ctx context.Context, is *inspect.Card, p wire.Place) (bool, error) {
	if !is.Generation.Has(wire.FeatureEV1Auth) {
		return false, nil
	}
	list, err := r.explicit(ctx, slot{p, 0})
	return len(list) > 0, err
}

// look enters a place to see what is there: an application of the layout with
// its master key where that is at hand, since what is said in clear may be
// forged; the card only where it tells nothing without.
func (r *runner) look(ctx context.Context, p wire.Place) error {
	if !p.IsCard() && !r.conf.Prune && !slices.ContainsFunc(r.layout.Applications, func(a Application) bool { return a.Place == p }) {
		return r.plain(ctx, p)
	}
	if p.IsCard() {
		if err := r.plain(ctx, p); err != nil {
			return err
		}
		_, err := r.card.KeySettings(ctx)
		if !errors.Is(err, wire.StatusAuthenticationError) {
			if err != nil && !inspect.Refused(err) {
				return err
			}
			return nil
		}
	}
	if hand, err := r.atHand(ctx, slot{p, 0}); err != nil {
		return err
	} else if !hand {
		return r.plain(ctx, p)
	}
	err := r.enter(ctx, p, 0)
	if isKeyError(err) {
		return r.plain(ctx, p)
	}
	return err
}

// content is what a file holds.
type content struct {
	known   bool
	reason  string // why not
	data    []byte
	records [][]byte
	value   int32
}

// read reads what a file holds, with a key that may be at hand.
func (r *runner) read(ctx context.Context, p wire.Place, f *File, fs *wire.FileSettings) (c content, err error) {
	act := inspect.ActRead
	if fs.Type == wire.FileValue {
		act = inspect.ActGetValue
	}
	g, _ := inspect.RightsOf(fs).Of(act)
	w, ok, err := r.by(ctx, p, g)
	switch {
	case err != nil:
		return c, err
	case !g.Possible():
		c.reason = "nobody may read it"
		return c, nil
	case !ok:
		c.reason = "no key that may read it is at hand: " + g.Who()
		return c, nil
	}
	if err := r.as(ctx, p, w, true); err != nil {
		if isKeyError(err) {
			c.reason = err.Error()
			return c, nil
		}
		return c, err
	}
	if _, session := r.card.Session(); !session && fs.SDM != nil && fs.SDM.Access.FileRead() != wire.Never {
		c.reason = "without a session it shows what it mirrors, and counts"
		return c, nil
	}
	switch fs.Type {
	case wire.FileValue:
		c.value, err = r.card.Value(ctx, f.No)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		c.records, err = r.records(ctx, f.No, fs)
	default:
		c.data, err = r.card.ReadData(ctx, f.No, 0, 0)
	}
	if err == nil {
		c.known = true
		return c, nil
	}
	if !inspect.Refused(err) {
		return c, err
	}
	c.reason = err.Error()
	r.forget()
	return c, nil
}

// records reads all records. How many there are is asked in the session, since
// an empty file refuses to be read.
func (r *runner) records(ctx context.Context, no wire.FileNo, fs *wire.FileSettings) ([][]byte, error) {
	session, authenticated := r.card.Session()
	now, err := r.card.FileSettings(ctx, no)
	switch {
	case err == nil:
		fs = now
	case !inspect.Refused(err):
		return nil, err
	case authenticated: // they are for the master key only, and the session is gone
		r.forget()
		if err := r.enter(ctx, r.place, session.KeyNo); err != nil {
			return nil, err
		}
	}
	if fs.Records == 0 {
		return nil, nil
	}
	data, err := r.card.ReadRecords(ctx, no, 0, 0)
	if err != nil {
		return nil, err
	}
	var list [][]byte
	for _, x := range inspect.Records(fs, data) {
		list = append(list, bytes.Clone(x))
	}
	return list, nil
}
