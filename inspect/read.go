package inspect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/wire"
)

// Ask says what Read asks a card.
type Ask uint16

// What can be asked, each for the exchanges that it costs.
const (
	AskVersion      Ask = 1 << iota // free where Connect has asked
	AskFreeMemory                   // one exchange
	AskCardSettings                 // one exchange
	AskApplications                 // one exchange; on cards with one application none
	AskNames                        // one exchange: ISO identifiers and DF names
	AskKeySettings                  // one exchange an application
	AskFiles                        // one exchange an application, and one a file
	AskKeyVersions                  // one exchange a key, of the card and of applications

	// AskContent reads what may be read. Reading a file with secure dynamic
	// messaging without a session moves its counter.
	AskContent

	AskUID         // one exchange, of cards with a random identifier in a session; of others none
	AskOriginality // one exchange, of EV2 and later: the signature, unchecked
	AskKeySets     // one exchange an application that has key sets; with AskKeySettings
	AskISOFiles    // one exchange an application with files that can have an ISO identifier, EV1 and later; with AskFiles
	AskCounters    // one exchange a file with secure dynamic messaging, where the key of the session may ask
)

// Depths that callers often want. None finds delegated applications by their
// slots, which only their issuer knows, nor what SetConfiguration has set: cards
// do not tell it.
const (
	// Summary is what the card itself is.
	Summary = AskVersion | AskFreeMemory | AskCardSettings | AskApplications
	// Tree is applications, and files with their settings.
	Tree = AskFreeMemory | AskApplications | AskKeySettings | AskFiles
	// Everything is all of it.
	Everything = Tree | AskVersion | AskCardSettings | AskNames | AskKeyVersions | AskContent |
		AskUID | AskOriginality | AskKeySets | AskISOFiles | AskCounters
)

// Config says what to read. Nil is the Tree of the whole card, as anybody may
// see it.
type Config struct {
	Ask Ask // 0 is Tree

	// Places, if there are any, are the applications to read; the card is not
	// asked for its list then, and one that it does not have is an error. What
	// is asked of the card itself is asked only if it is one of them.
	Places []wire.Place

	// Enter selects a place, and authenticates where the caller has a key for
	// it. Nil is Card.Select. It is called again for a place when a refusal has
	// ended a session there.
	Enter func(ctx context.Context, card *desfire.Card, p wire.Place) error

	// EnterFile enters a place with a key that may do something with a file there,
	// where the session of Enter may not. false says that the caller has none: the
	// file stays unread, for the reason given or, if that is empty, for want of a
	// key. Nil is that. It is called when all else of the place was read.
	EnterFile func(ctx context.Context, card *desfire.Card, p wire.Place, no wire.FileNo, act Act) (ok bool, reason string, err error)

	// Leave says of a file that may be read why its content is left all the same;
	// empty: it is read. session is whether it would be read in one: reading a file
	// with secure dynamic messaging without moves its counter. Nil leaves none.
	Leave func(p wire.Place, f *File, session bool) (reason string)
}

// Read asks a card; the result is the caller's. What the card refuses is in the result as Missing, and the
// reading goes on. An error is that of a place that could not be entered or of a
// card that does not answer any more; the result then holds what was read until
// then.
func Read(ctx context.Context, card *desfire.Card, conf *Config) (*Card, error) {
	r := reader{card: card}
	if conf != nil {
		r.conf = *conf
	}
	if r.conf.Ask == 0 {
		r.conf.Ask = Tree
	}
	if len(r.conf.Places) > 0 {
		r.conf.Ask &^= AskApplications
	}
	if r.conf.Enter == nil {
		r.conf.Enter = func(ctx context.Context, card *desfire.Card, p wire.Place) error { return card.Select(ctx, p) }
	}
	r.out = &Card{
		Name: card.String(), Generation: card.Generation(), UID: append(Hex{}, card.UID()...),
		Reader: card.Reader(), ATR: append(Hex(nil), card.ATR()...), Framing: fmt.Sprint(card.Framing()),
	}
	err := r.read(ctx)
	if err == nil && r.asks(AskUID) && r.out.RandomID && len(r.out.UID) == 0 && r.out.MissingPart(PartUID) == nil {
		r.out.Missing = append(r.out.Missing, Missing{What: PartUID, Reason: "the card shows a random one, and tells its own in a session only", Needs: "any key"})
	}
	return r.out, err
}

// reader is one run of Read.
type reader struct {
	conf  Config
	card  *desfire.Card
	out   *Card
	place wire.Place // entered last
	names *Missing   // what the card said to GetDFNames, if that was a refusal

	unsigned bool // the signature was refused without a session
}

func (r *reader) asks(what Ask) bool { return r.conf.Ask&what != 0 }

func (r *reader) read(ctx context.Context) error {
	if err := r.version(ctx); err != nil {
		return err
	}
	if err := r.signature(ctx); err != nil {
		return err
	}
	places, ofCard := r.conf.Places, len(r.conf.Places) == 0
	for _, p := range places {
		ofCard = ofCard || p.IsCard()
	}
	names := map[wire.AID]wire.DFName{}
	if ofCard {
		listed, err := r.level(ctx, names)
		if err != nil {
			return err
		}
		if len(places) == 0 {
			places = listed
		}
	}
	for i, p := range places {
		if p.IsCard() || slices.Contains(places[:i], p) { // a list may be forged
			continue
		}
		app := NewApplication(p)
		if n, ok := names[p.AID]; ok {
			app.ISOID, app.DFName = newISOID(n.FID), append(Hex(nil), n.Name...)
		}
		err := r.blame(r.application(ctx, &app))
		r.out.Applications = append(r.out.Applications, app)
		if err != nil {
			return err
		}
	}
	return nil
}

// version asks what the card is, unless it was asked already.
func (r *reader) version(ctx context.Context) error {
	v := r.card.KnownVersion()
	if v == nil && r.asks(AskVersion) {
		ok, err := r.ask(ctx, &r.out.Missing, PartVersion, "", func() (err error) {
			v, err = r.card.Version(ctx)
			return err
		})
		if !ok || err != nil {
			return err
		}
		r.out.Name, r.out.UID = r.card.String(), append(Hex{}, r.card.UID()...)
	}
	switch {
	case v != nil && r.asks(AskVersion):
		r.out.SetVersion(v)
	case v != nil:
		r.out.Product, r.out.RandomID = v.Product(), v.UID.IsZero()
	}
	return nil
}

// signature asks for the originality signature.
func (r *reader) signature(ctx context.Context) error {
	if !r.asks(AskOriginality) || !r.card.Generation().Has(wire.FeatureSignature) {
		return nil
	}
	ok, err := r.ask(ctx, &r.out.Missing, PartSignature, "any key", func() error {
		s, err := desfire.Do(ctx, r.card, &wire.ReadSignature{})
		if err == nil {
			r.out.Signature = append(Hex(nil), s.Signature[:]...)
		}
		return err
	})
	r.unsigned = !ok && err == nil
	return err
}

// signatureInSession asks once more: a card with a random identifier has told it
// to nobody before.
func (r *reader) signatureInSession(ctx context.Context) error {
	if _, session := r.card.Session(); !session || !r.unsigned || !r.out.RandomID {
		return nil
	}
	r.out.Missing = slices.DeleteFunc(r.out.Missing, func(m Missing) bool { return m.What == PartSignature })
	r.unsigned = false // a refusal enters the place again
	err := r.signature(ctx)
	r.unsigned = false
	return err
}

// level asks the card itself, and returns the places of its applications.
func (r *reader) level(ctx context.Context, names map[wire.AID]wire.DFName) (places []wire.Place, err error) {
	g := r.card.Generation()
	fixed := g.FixedName() != nil
	if fixed && r.asks(AskApplications) {
		places, r.out.Applications = []wire.Place{{Fixed: true}}, []Application{}
	}
	memory := r.asks(AskFreeMemory) && g.Has(wire.FeatureEV1Commands)
	if fixed || !memory && !r.asks(AskCardSettings|AskApplications|AskNames|AskKeyVersions) {
		return places, nil // nothing that its card level could tell
	}
	const master = "the PICC master key"
	if err := r.enter(ctx, wire.Place{}); err != nil {
		return nil, err
	}
	ask := func(part Part, f func() error) (bool, error) { return r.ask(ctx, &r.out.Missing, part, master, f) }
	if memory {
		_, err := ask(PartFreeMemory, func() error {
			n, err := r.card.FreeMemory(ctx)
			if free := int(n); err == nil {
				r.out.FreeMemory = &free
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if r.asks(AskCardSettings) {
		_, err := ask(PartKeySettings, func() error {
			s, err := r.card.KeySettings(ctx)
			if err == nil {
				r.out.KeySettings = NewKeySettings(s, true)
				r.out.KeySettings.Proven = r.proven()
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if r.asks(AskKeyVersions) {
		if err := r.keyVersions(ctx, 1, &r.out.KeyVersions, &r.out.Missing); err != nil {
			return nil, err
		}
	}
	if r.asks(AskApplications) {
		ok, err := ask(PartApplications, func() error {
			aids, err := r.card.Applications(ctx)
			for _, aid := range aids {
				places = append(places, wire.Place{AID: aid})
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if ok {
			r.out.Applications = []Application{}
		}
	}
	if r.asks(AskNames) && g.Has(wire.FeatureEV1Commands) && (len(places) > 0 || !r.asks(AskApplications)) {
		var ok bool
		ok, err = ask(PartNames, func() error {
			m, err := desfire.Do(ctx, r.card, &wire.GetDFNames{})
			if err == nil {
				for _, n := range m.Applications {
					names[n.AID] = n
				}
			}
			return err
		})
		if !ok && err == nil {
			err = r.revive(ctx)
		}
	}
	return places, err
}

// revive activates a card anew that refused GetDFNames as if it were damaged: some
// say nothing else from then on, though only the names are.
func (r *reader) revive(ctx context.Context) error {
	r.names = r.out.MissingPart(PartNames)
	refused := desfire.Refusal(r.names.Err)
	if refused == nil {
		return nil
	}
	switch refused.Status {
	case wire.StatusPICCIntegrityError, wire.StatusPICCDisabled, wire.StatusApplIntegrityError, wire.StatusEEPROMError:
	default:
		return nil
	}
	if err := r.card.Reconnect(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return r.blame(err)
	}
	return nil
}

// blame says what came before an error that it may be the cause of.
func (r *reader) blame(err error) error {
	if err == nil || r.names == nil {
		return err
	}
	return fmt.Errorf("%w; before that, %s", err, r.names.Reason)
}

// proven reports whether answers carry a MAC: those of D40 sessions do not, but
// for data.
func (r *reader) proven() bool {
	s, ok := r.card.Session()
	return ok && s.Scheme != wire.SchemeD40
}

// enter selects a place as the caller wants it.
func (r *reader) enter(ctx context.Context, p wire.Place) error {
	r.place = p
	if err := r.conf.Enter(ctx, r.card, p); err != nil {
		return err
	}
	if err := r.signatureInSession(ctx); err != nil {
		return err
	}
	if _, session := r.card.Session(); !session || !r.asks(AskUID) || !r.out.RandomID || len(r.out.UID) > 0 || r.out.MissingPart(PartUID) != nil {
		return nil
	}
	_, err := r.ask(ctx, &r.out.Missing, PartUID, "", func() error {
		uid, err := r.card.CardUID(ctx)
		if err == nil {
			r.out.UID = append(Hex{}, uid...)
			r.out.SetName()
		}
		return err
	})
	return err
}

// ask runs f. A refusal becomes a Missing; if it has ended the session, the
// place is entered again, so that the next command is not refused for it.
func (r *reader) ask(ctx context.Context, missing *[]Missing, part Part, needs string, f func() error) (ok bool, err error) {
	_, before := r.card.Session()
	err = f()
	if err == nil {
		return true, nil
	}
	m, refused := refusal(part, err, needs)
	if !refused {
		return false, err
	}
	*missing = append(*missing, m)
	if _, after := r.card.Session(); before && !after {
		if err := r.enter(ctx, r.place); err != nil {
			return false, fmt.Errorf("%s, which ended the session, and the next one failed: %w", m.Reason, err)
		}
	}
	return false, nil
}
