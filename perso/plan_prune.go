package perso

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// prune plans that what is on the card and not in the layout is deleted, as far as
// Config.Prune says so. What is in the way of something that has to be made goes
// first, the rest when all is made: inTheWay says which of them is planned.

// extraApplications are those that the layout does not know.
func (p *planner) extraApplications() (list []*inspect.Application) {
	for i := range p.is.Applications {
		a := &p.is.Applications[i]
		if find(p.layout.Applications, func(x *Application) bool { return x.Place == a.Place }) == nil {
			list = append(list, a)
		}
	}
	return list
}

// extraFiles are those of an application that the layout does not know.
func extraFiles(want *Application, is *inspect.Application) (list []*inspect.File) {
	for i := range is.Files {
		f := &is.Files[i]
		if find(want.Files, func(x *File) bool { return x.No == f.No }) == nil {
			list = append(list, f)
		}
	}
	return list
}

// inTheWay reports whether an application that is not in the layout has the name or
// the slot of one that has to be made, or takes its place among those that a card can
// have.
func (p *planner) inTheWay(ctx context.Context, a *inspect.Application) (bool, error) {
	g, missing := p.is.Generation, 0
	for i := range p.layout.Applications {
		x := &p.layout.Applications[i]
		if applicationAt(p.is, x.Place) != nil {
			continue
		}
		missing++
		if x.ISOID != 0 && x.ISOID == isoID(a.ISOID) || len(x.DFName) > 0 && bytes.Equal(x.DFName, a.DFName) {
			return true, nil
		}
		if x.Delegated == nil || !g.Has(wire.FeatureDelegated) {
			continue
		}
		if info, err := p.slotInfo(ctx, x.Delegated.Slot); err != nil || info != nil && info.AID == a.Place.AID {
			return true, err
		}
	}
	return (g == wire.D40 || g == wire.EV1) && missing > 0 && p.apps+missing > maxApplications, nil
}

// pruneApplications plans to delete those that are in the way, or the others.
func (p *planner) pruneApplications(ctx context.Context, inTheWay bool) error {
	if !p.conf.Prune || p.is.Generation.FixedName() != nil {
		return nil
	}
	for _, a := range p.extraApplications() {
		if p.gone[at(a.Place).String()] {
			continue
		}
		if inTheWay {
			if is, err := p.inTheWay(ctx, a); err != nil {
				return err
			} else if !is {
				continue
			}
		}
		if err := p.deleteApplication(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (p *planner) deleteApplication(ctx context.Context, a *inspect.Application) error {
	w := at(a.Place)
	p.gone[w.String()] = true // or is not to be had
	as, ok, err := p.deleter(ctx, a.Place)
	switch {
	case err != nil:
		return err
	case !ok:
		p.impossible(w, "it is deleted with the PICC master key, or its own where the card lets it, and none is at hand")
		return nil
	}
	values, ok, err := p.values(ctx, a)
	if err != nil || !ok {
		return err
	}
	s := Step{
		Where: w, Kind: DeleteApplication, Words: fmt.Sprintf("delete %v", w), Exchanges: 1 + len(values)*p.lookExchanges(), Replaces: true,
		do: func(ctx context.Context, r *runner) error { return r.deleteApplication(ctx, a.Place, as, values) },
	}
	if len(a.Files) > 0 {
		s.Words += " with its " + plural(len(a.Files), "file")
	}
	p.stepIn(as.place, s, who{no: 0})
	p.apps--
	return nil
}

// lookExchanges is what it takes to look at a value again.
func (p *planner) lookExchanges() int { return 2 + p.login() }

// deleter is the master key that may delete an application: the card's, or its own.
func (p *planner) deleter(ctx context.Context, place wire.Place) (as slot, ok bool, err error) {
	if hand, err := p.atHand(ctx, slot{}); err != nil || hand {
		return slot{}, hand, err
	}
	if !freeCreate(p.is.KeySettings) {
		return slot{}, false, nil
	}
	as = slot{place: place}
	ok, err = p.atHand(ctx, as)
	return as, ok, err
}

// values are the value files of an application that were seen to hold nothing, which
// is looked at again before they are deleted; ok is false if one holds something, or
// does not tell, and was not named.
func (p *planner) values(ctx context.Context, a *inspect.Application) (empty []*inspect.File, ok bool, err error) {
	w := at(a.Place)
	if p.mayLose(w) {
		return nil, true, nil
	}
	if a.Files == nil {
		p.holdLoss(w, "its files are not known%s: some may hold a value, which would be lost", because(a.MissingPart(inspect.PartFiles)))
		return nil, false, nil
	}
	ok, err = p.sameFiles(ctx, a)
	if err != nil || !ok {
		return nil, false, err
	}
	for i := range a.Files {
		f := &a.Files[i]
		nothing, err := p.nothing(ctx, a.Place, f)
		if err != nil {
			return nil, false, err
		}
		if !nothing {
			ok = false
		} else if f.Settings != nil && f.Settings.Type == wire.FileValue && !p.mayLose(w.file(f.No)) {
			empty = append(empty, f)
		}
	}
	return empty, ok, nil
}

// sameFiles asks in a session whether an application has the files that were seen, and
// what they are, since in clear anybody may leave one out, or say that it is another.
func (p *planner) sameFiles(ctx context.Context, a *inspect.Application) (bool, error) {
	w := at(a.Place)
	err := error(&KeyError{Where: w.key(0), Reason: "it is not at hand"})
	hand, e := p.atHand(ctx, slot{a.Place, 0})
	if e != nil {
		return false, e
	}
	if hand {
		err = p.enter(ctx, a.Place, 0)
	}
	var files []wire.FileNo
	if err == nil {
		files, err = p.card.Files(ctx)
	}
	for i := 0; err == nil && i < len(a.Files); i++ {
		err = p.ask(ctx, &a.Files[i])
	}
	switch {
	case err != nil && !inspect.Refused(err) && !isKeyError(err):
		return false, err
	case err != nil:
		p.forget()
		p.holdLoss(w, "its files are told in clear only, so some may hold a value, which would be lost (%v)", err)
		return false, nil
	case len(files) != len(a.Files) || slices.ContainsFunc(files, func(no wire.FileNo) bool {
		return find(a.Files, func(f *inspect.File) bool { return f.No == no }) == nil
	}):
		p.holdLoss(w, "it has other files in a session with its master key than in clear: somebody lies")
		return false, nil
	}
	return true, nil
}

// ask asks for the settings of a file that were told in clear.
func (p *planner) ask(ctx context.Context, f *inspect.File) error {
	s, ok := p.card.Session()
	if f.Proven || !ok || s.Scheme == wire.SchemeD40 {
		return nil
	}
	told, err := p.card.FileSettings(ctx, f.No)
	if err == nil {
		f.Settings, f.Proven = told, true
	}
	return err
}

// nothing reports whether a file holds no value that would be lost, or may lose it.
func (p *planner) nothing(ctx context.Context, place wire.Place, f *inspect.File) (bool, error) {
	w := at(place).file(f.No)
	switch {
	case p.mayLose(w):
		return true, nil
	case f.Settings == nil:
		p.holdLoss(w, "its settings are not known%s: it may hold a value, which would be lost", because(f.MissingPart(inspect.PartSettings)))
		return false, nil
	case !f.Proven && p.is.Generation.Has(wire.FeatureEV1Auth):
		p.holdLoss(w, "its settings were told in clear only: it may hold a value, which would be lost")
		return false, nil
	case f.Settings.Type != wire.FileValue:
		return true, nil
	}
	value, reason, err := p.valueOf(ctx, place, f)
	switch {
	case err != nil:
		return false, err
	case reason != "":
		p.holdLoss(w, "the value that it holds would be lost, and is not known: %s", reason)
	case value != 0:
		p.holdLoss(w, "the value %d that it holds would be lost", value)
	}
	return reason == "" && value == 0, nil
}

// valueOf reads a value in a session; in clear anybody may say it.
func (r *runner) valueOf(ctx context.Context, place wire.Place, f *inspect.File) (value int32, reason string, err error) {
	fs := f.Settings.Clone()
	fs.Flags &^= wire.ValueFreeGet // with a key it may be protected
	if g, _ := inspect.RightsOf(&fs).Of(inspect.ActGetValue); !g.Possible() {
		fs.Flags = f.Settings.Flags
	}
	c, err := r.read(ctx, place, &File{No: f.No, Settings: fs}, &fs)
	switch _, session := r.card.Session(); {
	case err != nil:
		return 0, "", err
	case !c.known:
		return 0, c.reason, nil
	case !session || !r.protects(&fs):
		return 0, "it is told in clear only", nil
	}
	return c.value, "", nil
}

// protects reports whether the session protects what a value file tells: in D40 and EV2
// sessions nothing does where its mode is plain, or where everybody may ask.
func (r *runner) protects(fs *wire.FileSettings) bool {
	s, ok := r.card.Session()
	if !ok {
		return false
	}
	g, _ := inspect.RightsOf(fs).Of(inspect.ActGetValue)
	return s.Scheme == wire.SchemeEV1 || fs.Comm() != wire.CommPlain && slices.Contains(g.Keys, s.KeyNo)
}

// pruneFiles plans to delete files of an application: those that are in the way of
// one that has to be made, or the others.
func (p *planner) pruneFiles(ctx context.Context, a *Application, is *inspect.Application, inTheWay bool) error {
	if !p.conf.Prune || is == nil {
		return nil
	}
	for _, f := range extraFiles(a, is) {
		w := at(a.Place).file(f.No)
		if p.gone[w.String()] || inTheWay && !fileInTheWay(a, is, f) {
			continue
		}
		if err := p.deleteFile(ctx, a, is, f); err != nil {
			return err
		}
	}
	return nil
}

// fileInTheWay reports whether a file has the ISO identifier of one that has to be
// made, or is the one transaction MAC file that an application has: that goes first,
// so that what is written names no reader.
func fileInTheWay(a *Application, is *inspect.Application, f *inspect.File) bool {
	if f.Settings != nil && f.Settings.Type == wire.FileTransactionMAC {
		return true
	}
	id := isoID(f.ISOID)
	return id != 0 && find(a.Files, func(x *File) bool {
		return x.ISOID == id && find(is.Files, func(y *inspect.File) bool { return y.No == x.No }) == nil
	}) != nil
}

func (p *planner) deleteFile(ctx context.Context, a *Application, is *inspect.Application, f *inspect.File) error {
	w := at(a.Place).file(f.No)
	p.gone[w.String()] = true
	if p.is.Generation.FixedName() != nil && (f.Settings == nil || f.Settings.Type != wire.FileTransactionMAC) {
		return nil // it can only stay
	}
	as := who{no: 0}
	hand, err := p.atHand(ctx, slot{a.Place, 0})
	if err != nil {
		return err
	}
	if !hand {
		if as = (who{free: true}); !freeCreate(is.KeySettings) {
			p.impossible(w, "it is deleted with the master key only, which is not at hand")
			return nil
		}
	}
	if ok, err := p.nothing(ctx, a.Place, f); err != nil || !ok {
		return err
	}
	named := p.mayLose(w)
	s := Step{
		Where: w, Kind: DeleteFile, Words: fmt.Sprintf("delete %v", w), Exchanges: 2, Replaces: true,
		do: func(ctx context.Context, r *runner) error { return r.deleteFile(ctx, a.Place, f, as, named) },
	}
	if f.Settings != nil && f.Settings.Type == wire.FileValue && !named {
		s.Exchanges += p.lookExchanges()
	}
	p.step(s, as)
	return nil
}

// deleted reports whether an application or file is gone when the steps up to here are
// done.
func (p *planner) deleted(w Where) bool {
	return find(p.plan.Steps, func(s *Step) bool {
		return (s.Kind == DeleteApplication || s.Kind == DeleteFile) && s.Where.String() == w.String()
	}) != nil
}
