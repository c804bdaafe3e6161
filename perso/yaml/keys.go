package yaml

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// Keys are the keys of a layout, out of the key store of whoever applies it. Its
// stores may be used from several goroutines, if that may.
type Keys struct {
	doc  *Document
	from keystore.Masters
	at   keystore.Store
}

// Keys gives the keys of the layout: those with from of the master keys, the others
// as the store has them at their places. Both may be nil; what they would have is
// missing then.
func (d *Document) Keys(from keystore.Masters, at keystore.Store) *Keys {
	return &Keys{d, from, at}
}

// MasterError means that a master key of a layout is missing.
type MasterError struct {
	File   string // the layout
	Line   int
	Key    string // of the layout
	Master string
}

func (e *MasterError) Error() string {
	return fmt.Sprintf("%s:%d: the key %s is made of the master key %s, which the key store does not have", e.File, e.Line, e.Key, e.Master)
}

// Unwrap returns keystore.ErrNotFound.
func (e *MasterError) Unwrap() error { return keystore.ErrNotFound }

// Missing are the master keys of the newest keys that are missing. One that only
// older keys are made of is missed by cards that still hold these.
func (k *Keys) Missing(ctx context.Context) (list []*MasterError) {
	seen := map[string]bool{}
	for _, name := range k.doc.names {
		def := k.doc.keys[name]
		v := def.newest()
		if v.recipe == nil || seen[v.recipe.Master] {
			continue
		}
		seen[v.recipe.Master] = true
		if _, err := k.master(ctx, def, v); err != nil {
			list = append(list, err)
		}
	}
	return list
}

func (k *Keys) master(ctx context.Context, def *keyDef, v *keyVersion) (keystore.Facts, *MasterError) {
	if k.from != nil {
		if f, ok := k.from.MasterFacts(ctx, v.recipe.Master); ok {
			return f, nil
		}
	}
	return keystore.Facts{}, &MasterError{k.doc.name, v.at.Line, def.name, v.recipe.Master}
}

// Want has the keys that cards shall hold: the newest of each name. It has none
// where the layout names none, and where the key store has none for a name that is
// not made of a master key: such keys stay as they are. A master key that is missing
// is a *MasterError.
func (k *Keys) Want() keystore.Store {
	return &want{k, func(def *keyDef) *keyVersion { return def.newest() }}
}

// At is Want with the keys of one version, of the names that have it: what cards
// held before, or shall hold next.
func (k *Keys) At(version byte) keystore.Store {
	return &want{k, func(def *keyDef) *keyVersion {
		for i := range def.versions {
			if v := &def.versions[i]; v.versioned && v.version == version {
				return v
			}
		}
		return def.newest()
	}}
}

// Have has the keys that cards may hold now: all versions of each name, and what the
// key store has at the same place. Older versions whose master key is gone are left
// out.
func (k *Keys) Have() keystore.Rotating { return &have{k} }

// find is the key of a place, by its name.
func (k *Keys) find(r keystore.Ref) *keyDef {
	r = r.Everywhere()
	if name, ok := k.doc.refs[r]; ok {
		return k.doc.keys[name]
	}
	// The one application of a card may be asked for by its name.
	for _, g := range k.doc.layout.Generations {
		if name := g.FixedName(); name != nil && r.Place == (wire.Place{Name: string(name)}) {
			r.Place = wire.Place{Fixed: true}
			return k.doc.keys[k.doc.refs[r]]
		}
	}
	return nil
}

// slots are the keys of one version: none where the key store has none.
func (k *Keys) slots(ctx context.Context, def *keyDef, v *keyVersion, r keystore.Ref) ([]keystore.Slot, error) {
	source := fmt.Sprintf("%s:%d %s", k.doc.name, v.at.Line, def.name)
	if v.zero {
		zero := key.Zero(v.typ)
		return []keystore.Slot{{Facts: keystore.FactsOf(zero, source), Key: func(context.Context) (key.Key, error) { return zero, nil }}}, nil
	}
	if v.recipe == nil {
		return k.stored(ctx, def, v, r)
	}
	f, err := k.master(ctx, def, v)
	if err != nil {
		return nil, err
	}
	if v.recipe.NeedsUID() && r.UID == "" {
		return nil, nil // there is none for every card
	}
	if f.Type != "" && !keystore.OneType(f.Type, v.typ.String()) {
		return nil, fmt.Errorf("%s: it is of type %v, and the master key %s of type %s", source, v.typ, v.recipe.Master, f.Type)
	}
	facts := v.recipe.Facts(f)
	facts.Source = fmt.Sprintf("%s, of %s", def.name, v.recipe.Master)
	return []keystore.Slot{{Facts: facts, Key: func(ctx context.Context) (key.Key, error) { return k.made(ctx, def, v, f, r) }}}, nil
}

// made makes a key of a master key.
func (k *Keys) made(ctx context.Context, def *keyDef, v *keyVersion, f keystore.Facts, r keystore.Ref) (key.Key, error) {
	fail := func(err error) (key.Key, error) {
		return nil, fmt.Errorf("%s:%d: key %s: %w", k.doc.name, v.at.Line, def.name, err)
	}
	master, err := k.from.Master(ctx, v.recipe.Master)
	if err != nil {
		return fail(err)
	}
	made, _, err := v.recipe.Make(ctx, r, master, f)
	if err != nil {
		return fail(err)
	}
	return made, nil
}

// stored are the keys of the key store at a place that a version may be.
func (k *Keys) stored(ctx context.Context, def *keyDef, v *keyVersion, r keystore.Ref) (list []keystore.Slot, err error) {
	if k.at == nil {
		return nil, nil
	}
	all, err := keystore.Slots(ctx, k.at, r)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		f := s.Facts
		if f.Type != "" && !keystore.OneType(f.Type, v.typ.String()) {
			return nil, fmt.Errorf("%s:%d: the key %s is of type %v, and %s of the key store of type %s", k.doc.name, v.at.Line, def.name, v.typ, r.Words(), f.Type)
		}
		switch {
		case !v.versioned || !f.NoVersion && f.Version == v.version:
			list = append(list, s)
		case f.NoVersion:
			f.Version, f.NoVersion = v.version, false
			list = append(list, keystore.Slot{Facts: f, Key: func(ctx context.Context) (key.Key, error) { return k.versioned(ctx, def, v, r, s) }})
		}
	}
	if list == nil && all != nil {
		return nil, fmt.Errorf("%s:%d: the key %s has version %d, and the key store has none of that version for %s", k.doc.name, v.at.Line, def.name, v.version, r.Words())
	}
	return list, nil
}

// versioned gives a key of the key store the version that the layout says.
func (k *Keys) versioned(ctx context.Context, def *keyDef, v *keyVersion, r keystore.Ref, s keystore.Slot) (key.Key, error) {
	got, err := s.Key(ctx)
	if err != nil {
		return nil, err
	}
	rc := keystore.Recipe{Master: def.name, Version: v.version, Versioned: true}
	made, _, err := rc.Make(ctx, r, got, s.Facts)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", k.doc.name, v.at.Line, err)
	}
	return made, nil
}

// want is the store of one version of each name.
type want struct {
	*Keys
	pick func(*keyDef) *keyVersion
}

func (w *want) slot(ctx context.Context, r keystore.Ref) (*keystore.Slot, error) {
	def := w.find(r)
	if def == nil {
		// Who signs a delegated application has keys of the card that the layout need
		// not set.
		if role, ok := r.Key.Role(); !ok || !r.Place.IsCard() || !w.doc.delegates() || w.at == nil ||
			role != keystore.RoleDAMAuth && role != keystore.RoleDAMMAC && role != keystore.RoleDAMEnc {
			return nil, nil
		}
		slots, err := keystore.Slots(ctx, w.at, r)
		if err != nil || len(slots) == 0 {
			return nil, err
		}
		return &slots[0], nil
	}
	slots, err := w.slots(ctx, def, w.pick(def), r)
	if err != nil || len(slots) == 0 {
		return nil, err
	}
	return &slots[0], nil
}

// Has implements keystore.Store.
func (w *want) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	s, err := w.slot(ctx, r)
	if err != nil || s == nil {
		return keystore.Facts{}, false, err
	}
	return s.Facts, true, nil
}

// Key implements keystore.Store.
func (w *want) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	s, err := w.slot(ctx, r)
	if err != nil {
		return nil, err
	}
	if s == nil {
		if def := w.find(r); def != nil && r.UID == "" && w.pick(def).recipe != nil {
			return nil, fmt.Errorf("%s: key %s: %w", w.doc.name, def.name, keystore.ErrNoUID)
		}
		return nil, &keystore.NotFoundError{Ref: r, Store: w.doc.name}
	}
	return s.Key(ctx)
}

// have is the store of all versions.
type have struct{ *Keys }

// Slots implements keystore.Rotating.
func (h *have) Slots(ctx context.Context, r keystore.Ref) ([]keystore.Slot, error) {
	var list []keystore.Slot
	def := h.find(r)
	if def != nil {
		for i := range def.versions {
			v := &def.versions[i]
			if v.recipe == nil && !v.zero {
				continue // below
			}
			slots, err := h.slots(ctx, def, v, r)
			if i > 0 && errors.As(err, new(*MasterError)) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, slots...)
		}
	}
	if h.at == nil {
		return list, nil
	}
	more, err := keystore.Slots(ctx, h.at, r)
	return append(list, more...), err
}

// Has implements keystore.Store.
func (h *have) Has(ctx context.Context, r keystore.Ref) (keystore.Facts, bool, error) {
	slots, err := h.Slots(ctx, r)
	if err != nil || len(slots) == 0 {
		return keystore.Facts{}, false, err
	}
	return slots[0].Facts, true, nil
}

// Key implements keystore.Store.
func (h *have) Key(ctx context.Context, r keystore.Ref) (key.Key, error) {
	slots, err := h.Slots(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(slots) == 0 {
		return nil, &keystore.NotFoundError{Ref: r, Store: h.doc.name}
	}
	return slots[0].Key(ctx)
}

// delegates reports whether the layout has a delegated application.
func (d *Document) delegates() bool {
	for i := range d.layout.Applications {
		if d.layout.Applications[i].Delegated != nil {
			return true
		}
	}
	return false
}
