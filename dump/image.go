package dump

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/wire"
)

const imageVersion = 1

func readImage(data []byte) (*Dump, error) {
	fault := func(err error) error { return &FormatError{FormatImage, 0, err.Error(), err} }
	var head struct {
		Version json.Number `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err == nil {
		if n, err := head.Version.Int64(); err == nil && n > imageVersion {
			return nil, fault(fmt.Errorf("it has version %d, this program knows up to %d: update the program", n, imageVersion))
		}
	}
	if err := strictjson.Check(data, imageFile{}); err != nil {
		return nil, located(FormatImage, err)
	}
	var x imageFile
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, fault(err)
	}
	d := &Dump{Format: FormatImage, Version: x.Version, Card: &inspect.Card{}}
	if err := x.into(d); err != nil {
		return nil, fault(err)
	}
	return d, nil
}

func (x *imageFile) into(d *Dump) error {
	c := d.Card
	if len(x.UID) != len(wire.UID{}) {
		return fmt.Errorf("uid has %d bytes, want %d", len(x.UID), len(wire.UID{}))
	}
	shown := slices.Clone(x.UID)
	if len(x.Config.Flags) == 1 && wire.PICCFlags(x.Config.Flags[0])&wire.PICCRandomID != 0 {
		clear(shown) // what GetVersion of such a card tells
	}
	if len(x.GetVersion.Production) != 7 {
		return fmt.Errorf("getVersion.production has %d bytes, want 7", len(x.GetVersion.Production))
	}
	if err := d.setVersion(slices.Concat(x.GetVersion.Hardware, x.GetVersion.Software, shown, x.GetVersion.Production)); err != nil {
		return fmt.Errorf("getVersion: %w", err)
	}
	if c.Generation != x.Generation {
		return fmt.Errorf("generation is %v, but getVersion says %v", x.Generation, c.Generation)
	}
	c.UID = x.UID
	c.SetName()
	if n := len(x.Signature); n != 0 && n != signatureSize {
		return fmt.Errorf("signature has %d bytes, want %d", n, signatureSize)
	}
	if len(x.Signature) > 0 && c.Generation.Has(wire.FeatureSignature) {
		c.Signature = x.Signature
	}
	fixed := c.Generation.FixedName() != nil
	if fixed && len(x.Applications) != 1 {
		return fmt.Errorf("there are %d applications, a %v card has 1", len(x.Applications), c.Generation)
	}
	if !fixed {
		if len(x.KeySettings) != 1 {
			return fmt.Errorf("keySettings have %d bytes, want 1", len(x.KeySettings))
		}
		c.KeyVersions = x.versions(wire.PICC, 1)
		t := wire.KeyDES
		for _, k := range x.Keys {
			if k.Application == wire.PICC && k.Set == 0 && k.No == 0 {
				var err error
				if t, err = imageKeyType(k.Type); err != nil {
					return err
				}
			}
		}
		c.KeySettings = keySettings(x.KeySettings[0], byte(wire.NewKeySett2(t, 1)), true)
	}
	c.Applications = []inspect.Application{}
	room := maxImageData
	for _, a := range x.Applications {
		if err := x.application(d, &a, fixed, &room); err != nil {
			return fmt.Errorf("application %v: %w", a.AID, err)
		}
	}
	return nil
}

// maxImageData is what all files of a card have together at most.
const maxImageData = 1 << 16

// versions are those of the first n keys.
func (x *imageFile) versions(aid wire.AID, n int) (list []inspect.KeyVersion) {
	for _, k := range x.Keys {
		if k.Application == aid && k.Set == 0 && !k.TMAC && k.No >= 0 && k.No < n {
			list = append(list, inspect.KeyVersion{Key: k.No, Version: k.Version})
		}
	}
	slices.SortFunc(list, func(a, b inspect.KeyVersion) int { return a.Key - b.Key })
	return list
}

var imageKeyTypes = []string{wire.KeyDES: "des", wire.Key3K3DES: "3k3des", wire.KeyAES: "aes"}

func imageKeyType(name string) (wire.KeyType, error) {
	t := slices.Index(imageKeyTypes, name)
	if t < 0 {
		return 0, fmt.Errorf("key type %.20q: want des, 3k3des or aes", name)
	}
	return wire.KeyType(t), nil
}

func (x *imageFile) application(d *Dump, from *imageApp, fixed bool, room *int) error {
	a, err := d.newApplication(wire.Place{AID: from.AID})
	if err != nil {
		return err
	}
	t, err := imageKeyType(from.KeyType)
	switch {
	case err != nil:
		return err
	case from.KeyCount < 0 || from.KeyCount > wire.MaxKeys:
		return fmt.Errorf("keyCount is %d, want 0 to %d", from.KeyCount, wire.MaxKeys)
	case len(from.KeySettings) < 1 || len(from.KeySettings) > 2:
		return fmt.Errorf("keySettings have %d bytes, want 1 or 2", len(from.KeySettings))
	}
	if fixed {
		*a = inspect.NewApplication(wire.Place{Fixed: true}) // it is not told its AID
	} else {
		s := &wire.KeySettings{KS1: wire.KeySett1(from.KeySettings[0]), KS2: wire.NewKeySett2(t, from.KeyCount)}
		if from.ISOFileIDs {
			s.KS2 |= wire.SettISOFiles
		}
		if k := from.KeySets; k != nil {
			if len(k.Others) > 15 {
				return fmt.Errorf("keySets has %d others, want up to 15", len(k.Others))
			}
			s.HasKeySets = true
			s.KeySetConfig = wire.KeySetConfig{
				AKSVersion: wire.KeyVersion(k.ActiveVersion), NoKeySets: uint8(1 + len(k.Others)), MaxKeySize: k.MaxKeySize, AppKeySetSett: k.RollKey,
			}
			a.KeySets = append(a.KeySets, inspect.KeySet{Set: 0, Version: k.ActiveVersion})
			for n, o := range k.Others {
				set := inspect.KeySet{Set: n + 1}
				if o.Finalized {
					set.Version = o.Version
				}
				a.KeySets = append(a.KeySets, set)
			}
		}
		a.KeySettings = inspect.NewKeySettings(s, false)
	}
	a.KeyVersions = x.versions(from.AID, from.KeyCount)
	if fixed {
		from.ISOID = nil
	}
	if err := names(a, from.ISOID, from.DFName); err != nil {
		return err
	}
	a.Files = []inspect.File{}
	for _, f := range from.Files {
		*room -= int(min(f.Size, maxImageData+1))
		if *room < 0 {
			return fmt.Errorf("file %d: the files have more than %d bytes", f.No, maxImageData)
		}
		if err := x.file(d, a, &f, from.AID); err != nil {
			return fmt.Errorf("file %d: %w", f.No, err)
		}
	}
	return nil
}

func (x *imageFile) file(d *Dump, a *inspect.Application, from *imageFileOf, aid wire.AID) error {
	fs, err := x.settings(from, aid)
	if err != nil {
		return err
	}
	f, err := d.newFile(a, from.No, fs)
	if err != nil {
		return err
	}
	if n := len(from.ISOID); n != 0 && n != 2 {
		return fmt.Errorf("isoID has %d bytes, want 2", n)
	}
	if len(from.ISOID) == 2 && from.ISOID[0]|from.ISOID[1] != 0 {
		f.ISOID = from.ISOID
	}
	switch f.Settings.Type {
	case wire.FileValue:
		f.Value = &from.Value.Value
	case wire.FileTransactionMAC:
		n := from.TMAC.Counter
		return setData(f, slices.Concat([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}, from.TMAC.Value))
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		var list []inspect.Hex
		n := 0
		for _, r := range from.Records {
			list, n = append(list, inspect.Hex(r)), n+len(r)
		}
		return setRecords(f, list, n)
	default:
		if len(from.Data) > int(from.Size) {
			return fmt.Errorf("there are %d bytes of data, but the file has %d", len(from.Data), from.Size)
		}
		data := make([]byte, from.Size) // an image leaves out the zeros at its end
		copy(data, from.Data)
		if f.SDM != nil {
			f.ReadCounter = &from.SDM.ReadCtr
		}
		return setData(f, data)
	}
	return nil
}

// settings are those that the card would answer.
func (x *imageFile) settings(from *imageFileOf, aid wire.AID) (*wire.FileSettings, error) {
	t := slices.Index([]string{"standard", "backup", "value", "linear", "cyclic", "tmac"}, from.Type)
	comm := slices.Index([]string{"plain", "mac", "", "full"}, from.Comm)
	switch {
	case t < 0:
		return nil, fmt.Errorf("type %.20q: want standard, backup, value, linear, cyclic or tmac", from.Type)
	case comm < 0 || from.Comm == "":
		return nil, fmt.Errorf("comm %.20q: want plain, mac or full", from.Comm)
	}
	fs := &wire.FileSettings{
		Type: wire.FileType(t), Option: wire.FileOption(comm), Size: from.Size,
		RecordSize: from.RecordSize, MaxRecords: from.MaxRecords, Records: uint32(len(from.Records)),
	}
	var err error
	if fs.Access, err = rightsOf(from.Rights); err != nil {
		return nil, fmt.Errorf("rights: %w", err)
	}
	for _, h := range from.More {
		r, err := rightsOf(h)
		if err != nil {
			return nil, fmt.Errorf("additionalRights: %w", err)
		}
		fs.Option |= wire.OptionAdditionalAR
		fs.Additional = append(fs.Additional, r)
	}
	switch fs.Type {
	case wire.FileStandard:
		err = x.mirrors(from, fs)
	case wire.FileValue:
		v := from.Value
		if v == nil {
			return nil, fmt.Errorf("value is missing")
		}
		fs.Lower, fs.Upper, fs.LimitedCredit = v.Lower, v.Upper, v.Credit
		if v.Limited {
			fs.Flags |= wire.ValueLimitedCredit
		}
		if v.FreeGet {
			fs.Flags |= wire.ValueFreeGet
		}
	case wire.FileTransactionMAC:
		m := from.TMAC
		if m == nil {
			return nil, fmt.Errorf("tmac is missing")
		}
		fs.TMKeyOption = wire.TMKeyAES
		for _, k := range x.Keys {
			if k.TMAC && k.Application == aid && k.No == from.No {
				fs.TMKeyVersion = wire.KeyVersion(k.Version)
			}
		}
		if m.Exclude {
			fs.Option |= wire.OptionTMIExclude
		}
		if m.Limit != nil {
			fs.Option |= wire.OptionTMCLimit
			fs.Limit = wire.TMCLimit{Limit: *m.Limit, Short: x.Config.lrp()}
		}
	}
	return fs, err
}

// mirrors is secure dynamic messaging.
func (x *imageFile) mirrors(from *imageFileOf, fs *wire.FileSettings) error {
	if from.SDM == nil {
		return nil
	}
	fs.Option |= wire.OptionSDM
	if len(from.SDM.Settings) == 0 {
		return nil
	}
	fs.SDM = new(wire.SDM)
	if err := new(wire.Coder).Decode(from.SDM.Settings, nil, fs.SDM); err != nil {
		return fmt.Errorf("sdm: %w", err)
	}
	return nil
}
