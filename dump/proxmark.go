package dump

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/wire"
)

// The format is told by Proxmark3's doc/mfdes_dump_format.md. An AID is the
// number that its commands take, and rights are one number as well: the most
// significant digits first. The PICC level is application 000000. Keys stand in
// it, and are not read.

type pm3File struct {
	FileType     string            `json:"FileType"`
	Version      int               `json:"Version"`
	Created      string            `json:"Created"`
	Card         pm3Card           `json:"Card"`
	Applications map[string]pm3App `json:"Applications"`
}

type pm3Card struct {
	UID         inspect.Hex `json:"UID"`
	ATQA        inspect.Hex `json:"ATQA"`
	SAK         inspect.Hex `json:"SAK"`
	ATS         inspect.Hex `json:"ATS"`
	VersionHW   inspect.Hex `json:"VersionHW"`
	VersionSW   inspect.Hex `json:"VersionSW"`
	VersionProd inspect.Hex `json:"VersionProd"`
	Signature   inspect.Hex `json:"Signature"`
	FreeMem     *int        `json:"FreeMem"`
}

type pm3App struct {
	ISOFileID     inspect.Hex            `json:"ISOFileID"`
	DFName        inspect.Hex            `json:"DFName"`
	KeySettings   inspect.Hex            `json:"KeySettings"`
	NumKeysRaw    inspect.Hex            `json:"NumKeysRaw"`
	NumKeys       int                    `json:"NumKeys"`
	KeyType       string                 `json:"KeyType"`
	Authenticated bool                   `json:"Authenticated"`
	Keys          map[string]pm3Key      `json:"Keys"`
	Files         map[string]pm3FileInfo `json:"Files"`
}

type pm3Key struct {
	Version inspect.Hex `json:"Version"`
	Key     withheld    `json:"Key"`
}

// withheld is a key, of which nothing is kept.
type withheld struct{}

// UnmarshalText takes it.
func (*withheld) UnmarshalText([]byte) error { return nil }

type pm3FileInfo struct {
	Type         string                 `json:"Type"`
	TypeRaw      inspect.Hex            `json:"TypeRaw"`
	CommMode     string                 `json:"CommMode"`
	AccessRights inspect.Hex            `json:"AccessRights"`
	Additional   map[string]inspect.Hex `json:"AdditionalAccessRights"`
	ISOFileID    inspect.Hex            `json:"ISOFileID"`
	Read         bool                   `json:"Read"`
	Data         inspect.Hex            `json:"Data"`
	Records      map[string]inspect.Hex `json:"Records"`
	FileSize     uint32                 `json:"FileSize"`
	Lower        int32                  `json:"LowerLimit"`
	Upper        int32                  `json:"UpperLimit"`
	Limited      inspect.Hex            `json:"LimitedCredit"`
	Value        *int32                 `json:"Value"`
	RecordSize   uint32                 `json:"RecordSize"`
	MaxRecords   uint32                 `json:"MaxRecords"`
	CurRecords   uint32                 `json:"CurRecords"`
}

func readProxmark(data []byte, typ string) (*Dump, error) {
	switch typ {
	case "mfdes v1":
	case "mfdes v2":
		return nil, &FormatError{FormatProxmark, 0, "this is a file of keys, as hf mfdes chk writes it: want that of hf mfdes dump", nil}
	default:
		return nil, &FormatError{FormatProxmark, 0, fmt.Sprintf(`"FileType" is %.40q, this program knows "mfdes v1"`, typ), nil}
	}
	unknown, err := strictjson.CheckKnown(data, pm3File{})
	if err != nil {
		return nil, located(FormatProxmark, err)
	}
	var f pm3File
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, &FormatError{FormatProxmark, 0, err.Error(), err}
	}
	d := &Dump{Format: FormatProxmark, Version: 1, By: f.Created, Card: &inspect.Card{}}
	for _, name := range unknown {
		d.note("the member %.60q is not read", name)
	}
	fault := func(err error) error { return &FormatError{FormatProxmark, 0, err.Error(), err} }
	if err := f.Card.into(d); err != nil {
		return nil, fault(fmt.Errorf("%s: %w", "Card", err))
	}
	c := d.Card
	c.Applications = []inspect.Application{}
	// JSON keeps no order: that of the numbers is as good as any.
	for _, name := range slices.Sorted(maps.Keys(f.Applications)) {
		x := f.Applications[name]
		aid, err := wire.ParseAID(name)
		if err == nil && aid == wire.PICC {
			err = x.ofCard(c)
		} else if err == nil {
			err = x.into(d, aid)
		}
		if err != nil {
			return nil, fault(fmt.Errorf("Applications.%.20q: %w", name, err))
		}
	}
	if c.KeySettings == nil {
		c.Missing = append(c.Missing, absent(inspect.PartKeySettings))
	}
	return d, nil
}

func (x *pm3Card) into(d *Dump) error {
	if err := d.setVersion(slices.Concat(x.VersionHW, x.VersionSW, x.VersionProd)); err != nil {
		return fmt.Errorf("VersionHW, VersionSW, VersionProd: %w", err)
	}
	d.setUID(x.UID)
	if n := len(x.Signature); n != 0 && n != signatureSize {
		return fmt.Errorf("the signature has %d bytes, want %d", n, signatureSize)
	}
	if len(x.Signature) > 0 {
		d.Card.Signature = x.Signature
	}
	d.Card.FreeMemory = x.FreeMem
	return nil
}

const signatureSize = 56

// settings are nil if they are not there.
func (x *pm3App) settings(ofCard bool) (*inspect.KeySettings, []inspect.KeyVersion, error) {
	if len(x.KeySettings) == 0 && len(x.NumKeysRaw) == 0 {
		return nil, nil, nil
	}
	if len(x.KeySettings) != 1 || len(x.NumKeysRaw) != 1 {
		return nil, nil, fmt.Errorf("KeySettings have %d bytes and NumKeysRaw %d, want 1 each", len(x.KeySettings), len(x.NumKeysRaw))
	}
	k := keySettings(x.KeySettings[0], x.NumKeysRaw[0], ofCard)
	var versions []inspect.KeyVersion
	for name, v := range x.Keys {
		no, err := strconv.Atoi(name)
		switch {
		case err != nil || no < 0 || no > 0x3F:
			return nil, nil, fmt.Errorf("Keys.%.20q: want the number of a key", name)
		case len(v.Version) > 1:
			return nil, nil, fmt.Errorf("the version of key %d has %d bytes, want 1", no, len(v.Version))
		case len(v.Version) == 1:
			versions = append(versions, inspect.KeyVersion{Key: no, Version: v.Version[0]})
		}
	}
	slices.SortFunc(versions, func(a, b inspect.KeyVersion) int { return a.Key - b.Key })
	return k, versions, nil
}

func (x *pm3App) ofCard(c *inspect.Card) (err error) {
	c.KeySettings, c.KeyVersions, err = x.settings(true)
	return err
}

func (x *pm3App) into(d *Dump, aid wire.AID) error {
	a, err := d.newApplication(wire.Place{AID: aid})
	if err != nil {
		return err
	}
	if a.KeySettings, a.KeyVersions, err = x.settings(false); err != nil {
		return err
	}
	if a.KeySettings == nil {
		a.Missing = append(a.Missing, absent(inspect.PartKeySettings))
	}
	if err := names(a, x.ISOFileID, x.DFName); err != nil {
		return err
	}
	if x.Files == nil {
		a.Missing = append(a.Missing, absent(inspect.PartFiles))
		return nil
	}
	a.Files = []inspect.File{}
	for _, name := range slices.Sorted(maps.Keys(x.Files)) {
		file := x.Files[name]
		no, err := strconv.ParseUint(name, 16, 8)
		if err != nil {
			return fmt.Errorf("Files.%.20q: want two hexadecimal digits", name)
		}
		if err := file.into(d, a, int(no)); err != nil {
			return fmt.Errorf("Files.%.20q: %w", name, err)
		}
	}
	return nil
}

// names are the ISO identifier and the DF name of an application.
func names(a *inspect.Application, id, name inspect.Hex) error {
	switch {
	case len(id) != 0 && len(id) != 2:
		return fmt.Errorf("the ISO identifier has %d bytes, want 2", len(id))
	case len(name) > wire.MaxDFName:
		return fmt.Errorf("the DF name has %d bytes, want up to %d", len(name), wire.MaxDFName)
	}
	if len(id) == 2 && id[0]|id[1] != 0 {
		a.ISOID = id
	}
	if len(name) > 0 {
		a.DFName = name
	}
	return nil
}

func (x *pm3FileInfo) into(d *Dump, a *inspect.Application, no int) error {
	var fs *wire.FileSettings
	if len(x.TypeRaw) > 0 {
		var err error
		if fs, err = x.settings(); err != nil {
			return err
		}
	}
	f, err := d.newFile(a, no, fs)
	if err != nil {
		return err
	}
	if fs == nil {
		f.Missing = append(f.Missing, absent(inspect.PartSettings))
		return nil
	}
	if n := len(x.ISOFileID); n != 0 && n != 2 {
		return fmt.Errorf("ISOFileID has %d bytes, want 2", n)
	}
	if len(x.ISOFileID) == 2 && x.ISOFileID[0]|x.ISOFileID[1] != 0 {
		f.ISOID = x.ISOFileID
	}
	return x.content(f)
}

var pm3Comm = []string{"plain", "mac", "plain_rfu", "encrypt"}

func (x *pm3FileInfo) settings() (*wire.FileSettings, error) {
	comm := slices.Index(pm3Comm, x.CommMode)
	switch {
	case len(x.TypeRaw) != 1:
		return nil, fmt.Errorf("TypeRaw has %d bytes, want 1", len(x.TypeRaw))
	case comm < 0:
		return nil, fmt.Errorf("CommMode is %.20q: want plain, mac, plain_rfu or encrypt", x.CommMode)
	case len(x.Limited) > 1:
		return nil, fmt.Errorf("LimitedCredit has %d bytes, want 1", len(x.Limited))
	}
	fs := &wire.FileSettings{
		Type: wire.FileType(x.TypeRaw[0]), Option: wire.FileOption(comm), Size: x.FileSize, Lower: x.Lower, Upper: x.Upper,
		RecordSize: x.RecordSize, MaxRecords: x.MaxRecords, Records: x.CurRecords,
	}
	var err error
	if fs.Access, err = rightsOf(x.AccessRights); err != nil {
		return nil, fmt.Errorf("AccessRights: %w", err)
	}
	for n := range len(x.Additional) {
		r, err := rightsOf(x.Additional[strconv.Itoa(n)])
		if err != nil {
			return nil, fmt.Errorf("AdditionalAccessRights %d: %w", n, err)
		}
		fs.Option |= wire.OptionAdditionalAR
		fs.Additional = append(fs.Additional, r)
	}
	if len(x.Limited) == 1 {
		fs.Flags = wire.ValueFlags(x.Limited[0])
	}
	if fs.Type == wire.FileTransactionMAC {
		fs.TMKeyOption = wire.TMKeyAES // the format does not say, and there is no other
	}
	return fs, nil
}

// rightsOf are rights as a number, the most significant byte first.
func rightsOf(h inspect.Hex) (wire.AccessRights, error) {
	if len(h) != 2 {
		return wire.AccessRights{}, fmt.Errorf("%d bytes, want 2", len(h))
	}
	return wire.AccessRightsFromUint16(uint16(h[0])<<8 | uint16(h[1])), nil
}

func (x *pm3FileInfo) content(f *inspect.File) error {
	fs := f.Settings
	switch {
	case !x.Read:
		noContent(f, "the program that wrote the file could not read it")
		return nil
	case fs.Type == wire.FileValue && x.Value != nil:
		f.Value = x.Value
		return nil
	case fs.Type == wire.FileValue, fs.Type == wire.FileTransactionMAC && len(x.Data) == 0:
		noContent(f, "it is not in the file")
		return nil
	case len(x.Records) > 0:
		var list []inspect.Hex
		n := 0
		for i := range len(x.Records) {
			r, ok := x.Records[strconv.Itoa(i)]
			if !ok {
				return fmt.Errorf("record %d of %d is missing", i, len(x.Records))
			}
			list, n = append(list, r), n+len(r)
		}
		if fs.Type != wire.FileLinearRecord && fs.Type != wire.FileCyclicRecord {
			return fmt.Errorf("records of a %v file", fs.Type)
		}
		return setRecords(f, list, n)
	}
	return setData(f, x.Data)
}
