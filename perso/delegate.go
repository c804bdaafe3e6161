package perso

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/blocks"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// delegate plans an application in memory that the issuer of the card has given away.
func (p *planner) delegate(ctx context.Context, a *Application) (ok bool, err error) {
	w, d := at(a.Place), a.Delegated
	no := func(format string, args ...any) (bool, error) {
		p.impossible(w, format, args...)
		return false, nil
	}
	if p.is.Applications == nil {
		return no("whether it is there is not known%s", because(p.is.MissingPart(inspect.PartApplications)))
	}
	info, err := p.slotInfo(ctx, d.Slot)
	switch {
	case err != nil:
		return false, err
	case info != nil && info.AID != wire.PICC && !p.deleted(at(wire.Place{AID: info.AID})):
		return no("slot %d is in use by application %v", d.Slot, info.AID)
	case info != nil && info.Quota != d.Quota:
		return no("slot %d was given away with %d blocks, and should have %d: only formatting the card would help", d.Slot, info.Quota, d.Quota)
	case info == nil && !p.allocate(w, int(d.Quota)*blocks.Size):
		return false, nil
	}
	auth := slot{wire.Place{}, wire.KeyDAMAuth}
	list, err := p.explicit(ctx, auth)
	switch {
	case err != nil:
		return false, err
	case len(list) == 0:
		return no("it is made with %v, which is not at hand", auth.where())
	case d.Signed == nil:
		for _, role := range []keystore.Role{keystore.RoleDAMMAC, keystore.RoleDAMEnc} {
			if _, ok, err := p.roleKey(ctx, role); err != nil || !ok {
				p.impossible(w, "it is signed with %s of the card, which is not at hand", role.ID().Words())
				return false, err
			}
		}
		if _, err := p.firstKey(ctx, a); err != nil {
			return no("%v", err)
		}
	}
	bytes := int(d.Quota) * blocks.Size
	if info != nil {
		bytes = 0 // the slot has it
	}
	p.quota[a.Place] = int(d.Quota)*blocks.Size - a.cost()
	if p.quota[a.Place] < 0 {
		return no("its quota of %s is too small: it takes about %d without its files", plural(int(d.Quota)*blocks.Size, "byte"), a.cost())
	}
	p.fresh[a.Place] = true
	p.step(Step{
		Where: w, Kind: CreateApplication, Words: fmt.Sprintf("create %v with %s, by delegation in slot %d, with %s", w, plural(a.KeyCount, a.KeyType.String()+" key"), d.Slot, plural(int(d.Quota)*blocks.Size, "byte")),
		Exchanges: 5, Bytes: bytes,
		do: func(ctx context.Context, r *runner) error { return r.createDelegated(ctx, a) },
	}, who{free: true})
	p.at = wire.Place{Name: "nowhere"} // it selects and authenticates by itself
	return true, nil
}

// slotInfo asks what a slot holds; nil if it was not given away.
func (r *runner) slotInfo(ctx context.Context, no uint16) (*wire.DelegatedInfo, error) {
	if err := r.as(ctx, wire.Place{}, who{free: true}, true); err != nil {
		return nil, err
	}
	info, err := r.card.DelegatedInfo(ctx, no)
	if inspect.Refused(err) {
		r.forget()
		return nil, nil
	}
	return info, err
}

// roleKey is a key of the card by its role: the wanted one, which is there once the
// card's keys are set, else the present one.
func (r *ring) roleKey(ctx context.Context, role keystore.Role) (held, bool, error) {
	_, no, _ := role.ID().Number()
	list, err := r.explicit(ctx, slot{wire.Place{}, no})
	if err != nil || len(list) == 0 {
		return held{}, false, err
	}
	return list[0], true, nil
}

// firstKey is the key that all keys of a delegated application are at first: the
// default key of the stores, else zeros.
func (r *ring) firstKey(ctx context.Context, a *Application) (key.Exporter, error) {
	for _, store := range []keystore.Store{r.conf.Want, r.conf.Have} {
		k, _, ok, err := take(ctx, store, r.defaultRef())
		switch {
		case err != nil:
			return nil, err
		case !ok || k.Type().Wire() != a.KeyType:
			continue
		}
		if e, ok := k.(key.Exporter); ok {
			return e, nil
		}
		return nil, fmt.Errorf("the delegation has the bytes of the first key in it, and %v does not give them away", r.defaultRef())
	}
	return key.Zero(key.FromWire(a.KeyType)), nil
}

// createDelegated makes the application with the delegation keys of the card.
func (r *runner) createDelegated(ctx context.Context, a *Application) error {
	auth := slot{wire.Place{}, wire.KeyDAMAuth}
	if err := r.enter(ctx, auth.place, auth.no); err != nil {
		return err
	}
	m := a.Delegated.Signed
	if m == nil {
		var err error
		if m, err = r.sign(ctx, a); err != nil {
			return err
		}
	}
	err := r.card.CreateDelegatedApplication(ctx, r.proved[auth].key, m)
	r.forget()
	return err
}

// sign completes the command that makes an application.
func (r *runner) sign(ctx context.Context, a *Application) (*wire.CreateDelegatedApplication, error) {
	mac, ok, err := r.roleKey(ctx, keystore.RoleDAMMAC)
	if err != nil || !ok {
		return nil, fmt.Errorf("perso: %v: it cannot be signed: no MAC key: %w", at(a.Place), errOr(err))
	}
	enc, ok, err := r.roleKey(ctx, keystore.RoleDAMEnc)
	if err != nil || !ok {
		return nil, fmt.Errorf("perso: %v: it cannot be signed: no encryption key: %w", at(a.Place), errOr(err))
	}
	first, err := r.firstKey(ctx, a)
	if err != nil {
		return nil, err
	}
	made, d := a.creation(), a.Delegated
	m := &wire.CreateDelegatedApplication{
		AID: made.AID, Slot: d.Slot, SlotVersion: d.Version, Quota: d.Quota, KS1: made.KS1, KS2: made.KS2, KS3: made.KS3,
		KeySetConfig: made.KeySetConfig, FID: made.FID, DFName: made.DFName,
	}
	return m, (&dam.Signer{MAC: mac.key, Enc: enc.key}).Sign(ctx, m, first)
}

func errOr(err error) error {
	if err == nil {
		return keystore.ErrNotFound
	}
	return err
}

// delegated compares the slot of an application that is there.
func (p *planner) delegated(ctx context.Context, a *Application) error {
	d := a.Delegated
	if d == nil {
		return nil
	}
	info, err := p.slotInfo(ctx, d.Slot)
	if err != nil {
		return err
	}
	if info != nil {
		p.quota[a.Place] = int(info.Free) * blocks.Size
	}
	if list := d.differs(a.Place, info); len(list) > 0 {
		p.impossible(at(a.Place), "%s: only deleting it would help", changeWords(list))
	}
	return nil
}

// differs lists in what a slot is not as it should be.
func (d *Delegation) differs(place wire.Place, info *wire.DelegatedInfo) (list []change) {
	what := fmt.Sprintf("the application of slot %d", d.Slot)
	switch {
	case info == nil:
		return []change{{what, "none", place.AID.String()}}
	case info.AID != place.AID:
		return []change{{what, info.AID.String(), place.AID.String()}}
	}
	if info.SlotVersion != d.Version {
		list = append(list, change{"the version of its slot", fmt.Sprint(info.SlotVersion), fmt.Sprint(d.Version)})
	}
	if info.Quota != d.Quota {
		list = append(list, change{"the quota of its slot", fmt.Sprint(info.Quota), fmt.Sprint(d.Quota)})
	}
	return list
}

// delegated compares the slot of an application.
func (v *verifier) delegated(ctx context.Context, a *Application) error {
	if a.Delegated == nil {
		return nil
	}
	info, err := v.slotInfo(ctx, a.Delegated.Slot)
	if err != nil {
		return err
	}
	for _, c := range a.Delegated.differs(a.Place, info) {
		v.differ(at(a.Place), c.what, c.is, c.want)
	}
	return nil
}
