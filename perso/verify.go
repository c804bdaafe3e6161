package perso

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// Difference is something in which a card is not what a layout says.
type Difference struct {
	Where
	What string `json:"what"`
	Is   string `json:"is,omitempty"`
	Want string `json:"want,omitempty"`
	// Unproven says why it could not be compared; it is not known then whether
	// there is a difference.
	Unproven string `json:"unproven,omitempty"`
}

func (d Difference) String() string {
	if d.Unproven != "" {
		return fmt.Sprintf("%v: %s is not proved: %s", d.Where, d.What, d.Unproven)
	}
	return fmt.Sprintf("%v: %s is %s instead of %s", d.Where, d.What, d.Is, d.Want)
}

// Differs reports whether any of the differences is one, and not only unproven.
func Differs(list []Difference) bool {
	return find(list, func(d *Difference) bool { return d.Unproven == "" }) != nil
}

// Parted parts what differs from what could not be compared; neither is nil.
func Parted(list []Difference) (differences, unproven []Difference) {
	differences, unproven = []Difference{}, []Difference{}
	for _, d := range list {
		if d.Unproven != "" {
			unproven = append(unproven, d)
		} else {
			differences = append(differences, d)
		}
	}
	return differences, unproven
}

// Verify reads a card and compares it with a layout: structure, settings, rights,
// contents, and with Config.Values values and records. The keys of Config.Want are
// proved by an authentication with each, one attempt a key. What could not be read
// or proved is in the list as Unproven. What is on the card and not in the layout
// is a difference with Config.Prune only.
func Verify(ctx context.Context, card *desfire.Card, layout *Layout, conf *Config) ([]Difference, error) {
	if err := layout.Check(); err != nil {
		return nil, err
	}
	v := verifier{runner: newRunner(card, layout, conf)}
	v.conf.Budget = 1
	if err := v.identify(ctx); err != nil {
		return nil, err
	}
	v.prove = true
	err := v.all(ctx)
	return v.list, err
}

// all compares everything.
func (v *verifier) all(ctx context.Context) (err error) {
	if v.is, err = v.structure(ctx); err != nil {
		return err
	}
	if err := v.expect(ctx); err != nil {
		return err
	}
	layout := v.layout
	if !layout.Fits(v.is.Generation) {
		v.differ(at(wire.Place{}), "generation", v.is.Generation, layout.Generations)
		return nil
	}
	if v.conf.Rotate {
		return v.onlyKeys(ctx)
	}
	// Keys first: what is proved of them opens the files.
	if err := v.level(ctx); err != nil {
		return err
	}
	for i := range layout.Applications {
		if err := v.application(ctx, &layout.Applications[i]); err != nil {
			return err
		}
	}
	if v.conf.Prune {
		v.extra("deleted")
	}
	if v.before {
		return nil
	}
	return v.options(ctx)
}

// level compares keys and settings of the card itself.
func (v *verifier) level(ctx context.Context) error {
	l := v.layout.Card
	if l == nil || v.is.Generation.FixedName() != nil {
		return nil
	}
	if err := v.keys(ctx, wire.Place{}, l.Keys, 1); err != nil {
		return err
	}
	if err := v.specialKeys(ctx, wire.Place{}, l.Keys); err != nil {
		return err
	}
	v.keySettings(at(wire.Place{}), l.KeySettings, v.is.KeySettings, v.is.Missing)
	return nil
}

// expect finds the places whose settings a card should tell with a MAC.
func (v *verifier) expect(ctx context.Context) (err error) {
	v.expects = map[wire.Place]bool{}
	places := []wire.Place{{}}
	for i := range v.layout.Applications {
		places = append(places, v.layout.Applications[i].Place)
	}
	for _, p := range places {
		if v.expects[p], err = v.mayProve(ctx, v.is, p); err != nil {
			return err
		}
	}
	return nil
}

// What differs, where that is asked for.
const (
	whatKeySettings = "key settings"
	whatRights      = "rights"
)

// extra lists what the layout does not have, and what it should be instead of there.
// All cards of DESFire Light and NTAG 424 DNA have the same files.
func (v *verifier) extra(want string) {
	p := &planner{runner: v.runner, is: v.is, plan: &Plan{}}
	p.extra()
	for _, n := range p.plan.Extra {
		if n.File == nil {
			v.differ(n.Where, "application", "there", want)
		} else if v.is.Generation.FixedName() == nil {
			v.differ(n.Where, "file", "there", want)
		}
	}
}

type verifier struct {
	*runner
	is   *inspect.Card
	list []Difference

	before  bool                // what can never be undone is still to be done
	expects map[wire.Place]bool // places of which all is told in sessions
}

func (v *verifier) differ(w Where, what string, is, want any) {
	v.list = append(v.list, Difference{Where: w, What: what, Is: fmt.Sprint(is), Want: fmt.Sprint(want)})
}

func (v *verifier) compare(w Where, what string, is, want any) {
	if i, x := fmt.Sprint(is), fmt.Sprint(want); i != x {
		v.differ(w, what, i, x)
	}
}

func (v *verifier) unproven(w Where, what, why string) {
	v.list = append(v.list, Difference{Where: w, What: what, Unproven: why})
}

// inClear is why what a place told is not proved: nothing protected it, though its master
// key is at hand.
const inClear = "they were told in clear only: the card let nobody in with its master key at first, or somebody in its name"

func (v *verifier) keySettings(w Where, want *wire.KeySett1, is *inspect.KeySettings, missing []inspect.Missing) {
	ks1 := keySett1(is)
	switch {
	case want == nil:
	case is != nil && !is.Proven && v.expects[w.Place]:
		v.unproven(w, whatKeySettings, inClear)
	case ks1 == nil:
		v.unproven(w, whatKeySettings, "they are not known"+because(find(missing, func(m *inspect.Missing) bool { return m.What == inspect.PartKeySettings })))
	default:
		told := *ks1
		if w.Place.IsCard() {
			told &= 0x0F
		}
		v.compare(w, whatKeySettings, told, *want)
	}
}

func (v *verifier) application(ctx context.Context, a *Application) error {
	w := at(a.Place)
	is := applicationAt(v.is, a.Place)
	switch {
	case is == nil && v.is.Applications == nil:
		v.unproven(w, "application", "applications are not known"+because(v.is.MissingPart(inspect.PartApplications)))
		return nil
	case is == nil:
		v.differ(w, "application", "missing", "there")
		return nil
	}
	if v.is.Generation.FixedName() == nil {
		v.settings(w, a, is)
	}
	if err := v.keys(ctx, a.Place, a.Keys, a.KeyCount); err != nil {
		return err
	}
	if err := v.specialKeys(ctx, a.Place, a.VCKeys); err != nil {
		return err
	}
	if err := v.keySets(ctx, a); err != nil {
		return err
	}
	if err := v.delegated(ctx, a); err != nil {
		return err
	}
	if is.Files == nil {
		v.unproven(w, "files", "they are not known"+because(is.MissingPart(inspect.PartFiles)))
		return nil
	}
	for i := range a.Files {
		if err := v.file(ctx, a, is, &a.Files[i]); err != nil {
			return err
		}
	}
	return nil
}

// settings compares names, and settings, type and number of keys.
func (v *verifier) settings(w Where, a *Application, is *inspect.Application) {
	v.keySettings(w, a.KeySettings, is.KeySettings, is.Missing)
	if s := is.KeySettings; s != nil {
		v.compare(w, "type of keys", s.KeyType, a.KeyType)
		v.compare(w, "number of keys", s.Keys, a.KeyCount)
		if k := a.KeySets; k != nil && s.Sets != nil {
			v.compare(w, "key sets", *s.Sets, inspect.KeySets{Sets: int(k.NoKeySets), ActiveVersion: byte(k.AKSVersion), MaxKeySize: int(k.MaxKeySize), RollKey: int(k.AppKeySetSett)})
		}
	}
	if v.is.Generation.Has(wire.FeatureEV1Commands) {
		if m := v.is.MissingPart(inspect.PartNames); m != nil {
			if a.ISOID != 0 {
				v.unproven(w, "names", m.Words())
			}
			return
		}
		v.compare(w, "ISO identifier", isoID(is.ISOID), a.ISOID)
		v.compare(w, "DF name", fmt.Sprintf("%X", []byte(is.DFName)), fmt.Sprintf("%X", a.DFName))
	}
}

// keys proves keys of the store of wanted keys, and compares versions of others
// with the layout.
func (v *verifier) keys(ctx context.Context, p wire.Place, wants []KeyWant, n int) error {
	for no := range n {
		s := slot{p, wire.KeyNo(no)}
		w := s.where()
		want, ok, err := v.want(ctx, s)
		if err != nil {
			return err
		}
		version, known := v.version[s]
		if !ok {
			if k := wantOf(wants, s.no); k.Version != nil {
				v.unproven(w, "key", fmt.Sprintf("the key store does not have it; its version is %s, the layout says %02X", versionText(version, known), *k.Version))
			}
			continue
		}
		if known && version != want.key.Version() {
			v.differ(w, "key version", fmt.Sprintf("%02X", version), fmt.Sprintf("%02X", want.key.Version()))
			continue
		}
		if err := v.proveKey(ctx, s, want); err != nil {
			return err
		}
	}
	return nil
}

func versionText(v byte, known bool) string {
	if !known {
		return "not known"
	}
	return fmt.Sprintf("%02X", v)
}

// proveKey authenticates once, unless reading the structure has done it.
func (v *verifier) proveKey(ctx context.Context, s slot, want held) error {
	if h, ok := v.proved[s]; ok {
		if !h.same(want) {
			v.differ(s.where(), "key", "another one", "that of the key store")
		}
		return nil
	}
	if v.failed[s] > 0 { // the wanted key is what is tried first
		v.differ(s.where(), "key", "another one", "that of the key store")
		return nil
	}
	if err := v.plain(ctx, s.place); err != nil {
		return err
	}
	err := v.card.Authenticate(ctx, s.no, want.key)
	switch {
	case err == nil:
		v.proved[s] = want
		return v.sameCard(ctx)
	case isOtherKey(err):
		v.forget()
		v.failed[s]++
		v.differ(s.where(), "key", "another one", "that of the key store")
	case inspect.Refused(err):
		v.forget()
		v.unproven(s.where(), "key", err.Error())
	default:
		return err
	}
	return nil
}

func (v *verifier) file(ctx context.Context, a *Application, is *inspect.Application, f *File) error {
	w := at(a.Place).file(f.No)
	x := find(is.Files, func(x *inspect.File) bool { return x.No == f.No })
	switch {
	case x == nil:
		v.differ(w, "file", "missing", "there")
		return nil
	case x.Settings == nil:
		v.unproven(w, "settings", "they are not known"+because(x.MissingPart(inspect.PartSettings)))
		return nil
	}
	if !x.Proven && v.expects[a.Place] {
		v.unproven(w, "settings", inClear)
	}
	same := v.fileSettings(w, is, x, f)
	if f.Settings.Type == wire.FileTransactionMAC {
		version, err := v.tmacVersion(ctx, a.Place, f)
		if err != nil {
			return err
		}
		v.compare(w, "key version", x.Settings.TMKeyVersion, version)
		if err := v.proveTMAC(ctx, a, f, x.Settings, w); err != nil {
			return err
		}
	}
	if !same {
		return nil
	}
	return v.content(ctx, a, x, f, w)
}

// fileSettings compares the settings of a file; false if its content cannot be
// compared.
func (v *verifier) fileSettings(w Where, is *inspect.Application, x *inspect.File, f *File) bool {
	list := differs(x.Settings, &f.Settings)
	for _, c := range append(list, changes(x.Settings, &f.Settings)...) {
		v.differ(w, c.what, c.is, c.want)
	}
	if m := is.MissingPart(inspect.PartISOFiles); f.ISOID != 0 && m != nil {
		v.unproven(w, "ISO identifier", m.Words())
	} else if f.ISOID != 0 {
		v.compare(w, "ISO identifier", isoID(x.ISOID), f.ISOID)
	}
	return len(list) == 0
}

func (v *verifier) content(ctx context.Context, a *Application, x *inspect.File, f *File, w Where) error {
	if len(f.Data) == 0 && !(v.conf.Values && (f.Records != nil || f.Value != nil)) {
		return nil
	}
	c, err := v.read(ctx, a.Place, f, x.Settings)
	if err != nil {
		var k *KeyError
		if !errors.As(err, &k) {
			return err
		}
		c.reason = k.Error()
	}
	v.contents(w, x, f, c)
	return nil
}

// contents compares what a file holds.
func (v *verifier) contents(w Where, x *inspect.File, f *File, c content) {
	switch {
	case !c.known && f.Records != nil && int(x.Settings.Records) != len(f.Records):
		v.differ(w, "number of records", x.Settings.Records, len(f.Records))
	case !c.known:
		v.unproven(w, "content", c.reason)
	case f.Value != nil:
		v.compare(w, "value", c.value, *f.Value)
	case f.Records != nil:
		v.records(w, c.records, f.Records)
	case len(c.data) < len(f.Data):
		v.differ(w, "content", plural(len(c.data), "byte"), plural(len(f.Data), "byte"))
	default:
		if from, n := span(c.data, f.Data); n > 0 {
			v.differ(w, fmt.Sprintf("content from byte %d on", from), fmt.Sprintf("%X", c.data[from:from+n]), fmt.Sprintf("%X", f.Data[from:from+n]))
		}
	}
}

func (v *verifier) records(w Where, is, want [][]byte) {
	if len(is) != len(want) {
		v.differ(w, "number of records", len(is), len(want))
		return
	}
	for i := range want {
		if !bytes.Equal(is[i], want[i]) {
			v.differ(w, fmt.Sprintf("record %d of %d, the oldest first", i+1, len(want)), fmt.Sprintf("%X", is[i]), fmt.Sprintf("%X", want[i]))
		}
	}
}
