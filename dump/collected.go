package dump

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/strictjson"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// Contents of cards as testdata/dumps/README.md tells: AIDs, rights and contents
// are bytes as the card sent them.

type collectedFile struct {
	ID      string `json:"id"`
	Source  string `json:"source"`
	Version struct {
		Hardware   inspect.Hex `json:"hw"`
		Software   inspect.Hex `json:"sw"`
		Production inspect.Hex `json:"prod"`
	} `json:"version"`
	UID        inspect.Hex    `json:"uid"`
	FreeMemory *int           `json:"free_memory"`
	PICC       *collectedKeys `json:"picc"`
	Apps       []collectedApp `json:"apps"`
}

type collectedKeys struct {
	KeySettings inspect.Hex            `json:"key_settings"`
	MaxKeys     inspect.Hex            `json:"max_keys"`
	Flags       *inspect.Hex           `json:"flags"` // nil where the file had none
	KeyVersions map[string]inspect.Hex `json:"key_versions"`
}

type collectedApp struct {
	AID inspect.Hex `json:"aid"`
	collectedKeys
	Files []collectedFileInfo `json:"files"`
}

type collectedFileInfo struct {
	No         int          `json:"no"`
	Type       uint8        `json:"type"`
	Comm       uint8        `json:"comm"`
	Access     inspect.Hex  `json:"access"`
	Size       uint32       `json:"size"`
	RecordSize uint32       `json:"record_size"`
	MaxRecords uint32       `json:"max_records"`
	Records    uint32       `json:"cur_records"`
	Data       *inspect.Hex `json:"data"` // nil: not readable without a key
	Error      *string      `json:"error"`
}

func readCollected(data []byte) (*Dump, error) {
	unknown, err := strictjson.CheckKnown(data, collectedFile{})
	if err != nil {
		return nil, located(FormatCollected, err)
	}
	var f collectedFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, &FormatError{FormatCollected, 0, err.Error(), err}
	}
	d := &Dump{Format: FormatCollected, Card: &inspect.Card{}}
	for _, name := range unknown {
		if !slices.Contains([]string{"notes", "atqa", "sak", "ats", "settings", "aid_number_decimal"}, name) {
			d.note("the member %.60q is not read", name)
		}
	}
	if err := f.into(d); err != nil {
		return nil, &FormatError{FormatCollected, 0, err.Error(), err}
	}
	return d, nil
}

func (x *collectedFile) into(d *Dump) error {
	if err := d.setVersion(slices.Concat(x.Version.Hardware, x.Version.Software, x.Version.Production)); err != nil {
		return fmt.Errorf("version: %w", err)
	}
	d.setUID(x.UID)
	c := d.Card
	c.FreeMemory = x.FreeMemory
	if x.PICC != nil {
		var err error
		if c.KeySettings, c.KeyVersions, err = x.PICC.settings(true); err != nil {
			return fmt.Errorf("picc: %w", err)
		}
	}
	if c.KeySettings == nil {
		c.Missing = append(c.Missing, absent(inspect.PartKeySettings))
	}
	c.Applications = []inspect.Application{}
	for n, x := range x.Apps {
		if err := x.into(d); err != nil {
			return fmt.Errorf("apps[%d]: %w", n, err)
		}
	}
	return nil
}

// settings are nil if they are not there.
func (x *collectedKeys) settings(ofCard bool) (*inspect.KeySettings, []inspect.KeyVersion, error) {
	if len(x.KeySettings) == 0 {
		return nil, nil, nil
	}
	if len(x.KeySettings) != 1 || len(x.MaxKeys) != 1 {
		return nil, nil, fmt.Errorf("key_settings have %d bytes and max_keys %d, want 1 each", len(x.KeySettings), len(x.MaxKeys))
	}
	ks2 := x.MaxKeys[0]
	if f := x.Flags; f != nil {
		if len(*f) != 1 || (*f)[0] > 0xF || ks2 > 0xF {
			return nil, nil, errors.New("flags and max_keys do not fit one byte")
		}
		ks2 |= (*f)[0] << 4
	}
	var versions []inspect.KeyVersion
	for name, v := range x.KeyVersions {
		no, err := strconv.Atoi(name)
		if err != nil || no < 0 || no > 0x3F || len(v) != 1 {
			return nil, nil, fmt.Errorf("key_versions.%.20q: want the number of a key and one byte", name)
		}
		versions = append(versions, inspect.KeyVersion{Key: no, Version: v[0]})
	}
	slices.SortFunc(versions, func(a, b inspect.KeyVersion) int { return a.Key - b.Key })
	return keySettings(x.KeySettings[0], ks2, ofCard), versions, nil
}

func (x *collectedApp) into(d *Dump) error {
	if len(x.AID) != 3 {
		return fmt.Errorf("aid has %d bytes, want 3", len(x.AID))
	}
	a, err := d.newApplication(wire.Place{AID: aidOf(x.AID)})
	if err != nil {
		return err
	}
	if a.KeySettings, a.KeyVersions, err = x.settings(false); err != nil {
		return err
	}
	if a.KeySettings == nil {
		a.Missing = append(a.Missing, absent(inspect.PartKeySettings))
	}
	a.Files = []inspect.File{}
	for n, x := range x.Files {
		if err := x.into(d, a); err != nil {
			return fmt.Errorf("files[%d]: %w", n, err)
		}
	}
	return nil
}

func (x *collectedFileInfo) into(d *Dump, a *inspect.Application) error {
	if len(x.Access) != 2 {
		return fmt.Errorf("access has %d bytes, want 2", len(x.Access))
	}
	f, err := d.newFile(a, x.No, &wire.FileSettings{
		Type: wire.FileType(x.Type), Option: wire.FileOption(x.Comm), Access: wire.AccessRightsFromUint16(uint16(x.Access[0]) | uint16(x.Access[1])<<8),
		Size: x.Size, RecordSize: x.RecordSize, MaxRecords: x.MaxRecords, Records: x.Records,
	})
	switch {
	case err != nil:
		return err
	case x.Error != nil && *x.Error != "":
		noContent(f, visible.Text(fmt.Sprintf("%.100s", *x.Error)))
		return nil
	case x.Data == nil:
		noContent(f, "it is not in the file")
		return nil
	}
	return setData(f, *x.Data)
}
