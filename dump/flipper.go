package dump

import (
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// The format is told by Flipper Zero's documentation of NFC files and the names
// in its firmware. AIDs, rights and contents are bytes as the card sent them;
// numbers of files and keys are decimal, counts of keys hexadecimal. The name of
// an application is its three bytes in lower case.

func readFlipper(l *lines) (*Dump, error) {
	d := &Dump{Format: FormatFlipper, Card: &inspect.Card{}}
	v, err := l.need("Version")
	if err != nil {
		return nil, err
	}
	n, err := l.number(v, 1, 1<<31)
	switch {
	case err != nil:
		return nil, err
	case n < 2 || n > 4:
		return nil, v.fault(FormatFlipper, "it is %d, this program knows 2 to 4", n)
	}
	d.Version = int(n)
	kind, err := l.need("Device type")
	switch {
	case err != nil:
		return nil, err
	case !strings.EqualFold(kind.value, "Mifare DESFire"):
		return nil, kind.fault(FormatFlipper, "it is %.40q, no Mifare DESFire", kind.value)
	}
	raw, err := l.need("PICC Version")
	if err != nil {
		return nil, err
	}
	b, err := l.bytes(raw, 0)
	if err != nil {
		return nil, err
	}
	if err := d.setVersion(b); err != nil {
		return nil, raw.fault(FormatFlipper, "%v", err)
	}
	var uid []byte
	if e, ok := l.get("UID"); ok {
		if uid, err = l.bytes(e, 0); err != nil {
			return nil, err
		}
	}
	d.setUID(uid)
	if e, ok := l.get("PICC Free Memory"); ok {
		n, err := l.number(e, 0, 0xFFFFFF)
		if err != nil {
			return nil, err
		}
		free := int(n)
		d.Card.FreeMemory = &free
	}
	c := d.Card
	if c.KeySettings, c.KeyVersions, err = l.flipperKeys("PICC", true); err != nil {
		if !l.cut(err, "PICC") {
			return nil, err
		}
		d.note("the file ends within the settings of the card")
	}
	if c.KeySettings == nil {
		c.Missing = append(c.Missing, absent(inspect.PartKeySettings))
	}
	if err := l.flipperApplications(d); err != nil {
		return nil, err
	}
	l.left(d, "ATQA", "SAK", "ATS", "T0", "T1", "TA(1)", "TB(1)", "TC(1)")
	return d, nil
}

// flipperKeys reads key settings and versions; the settings are nil if they are
// not there.
func (l *lines) flipperKeys(of string, ofCard bool) (*inspect.KeySettings, []inspect.KeyVersion, error) {
	change, ok := l.get("%s Change Key ID", of)
	if !ok {
		return nil, nil, nil
	}
	right, err := l.oneByte(change)
	if err != nil {
		return nil, nil, err
	}
	if right > 0xF {
		return nil, nil, change.fault(l.format, "want 00 to 0F")
	}
	ks1 := wire.SettChangeKey(wire.Access(right))
	for _, x := range [...]struct {
		name string
		bit  wire.KeySett1
	}{
		{"Config Changeable", wire.SettChangeable}, {"Free Create Delete", wire.SettFreeCreate},
		{"Free Directory List", wire.SettFreeDirectory}, {"Key Changeable", wire.SettMasterChangeable},
	} {
		e, err := l.need(of + " " + x.name)
		if err != nil {
			return nil, nil, err
		}
		set, err := l.boolean(e)
		if err != nil {
			return nil, nil, err
		}
		if set {
			ks1 |= x.bit
		}
	}
	most, err := l.need(of + " Max Keys")
	if err != nil {
		return nil, nil, err
	}
	ks2, err := l.oneByte(most) // files without flags have the whole byte here
	if err != nil {
		return nil, nil, err
	}
	if e, ok := l.get("%s Flags", of); ok {
		flags, err := l.oneByte(e)
		if err != nil {
			return nil, nil, err
		}
		if flags > 0xF || ks2 > 0xF {
			return nil, nil, e.fault(l.format, "flags and number of keys do not fit one byte")
		}
		ks2 |= flags << 4
	}
	if n := wire.KeySett2(ks2).Keys(); n > wire.MaxKeys {
		return nil, nil, most.fault(l.format, "%d keys, an application has up to %d", n, wire.MaxKeys)
	}
	var versions []inspect.KeyVersion
	for no := range wire.KeySett2(ks2).Keys() {
		e, ok := l.get("%s Key %d Version", of, no)
		if !ok {
			continue
		}
		v, err := l.oneByte(e)
		if err != nil {
			return nil, nil, err
		}
		versions = append(versions, inspect.KeyVersion{Key: no, Version: v})
	}
	return keySettings(byte(ks1), ks2, ofCard), versions, nil
}

func (l *lines) flipperApplications(d *Dump) error {
	c := d.Card
	count, ok := l.get("Application Count")
	if !ok {
		c.Missing = append(c.Missing, absent(inspect.PartApplications))
		return nil
	}
	n, err := l.number(count, 0, maxApplications)
	if err != nil {
		return err
	}
	c.Applications = []inspect.Application{}
	if n == 0 {
		l.get("Application IDs")
		return nil
	}
	e, err := l.need("Application IDs")
	if err != nil && l.cut(err, "Application") {
		d.note("the file ends before the list of its %d applications", n)
		c.Applications = nil
		c.Missing = append(c.Missing, absent(inspect.PartApplications))
		return nil
	}
	if err != nil {
		return err
	}
	ids, err := l.bytes(e, 3*int(n))
	if err != nil {
		return err
	}
	for ; len(ids) > 0; ids = ids[3:] {
		a, err := d.newApplication(wire.Place{AID: aidOf(ids)})
		if err != nil {
			return e.fault(l.format, "%v", err)
		}
		if err := l.flipperApplication(d, a, fmt.Sprintf("Application %x", ids[:3])); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) flipperApplication(d *Dump, a *inspect.Application, of string) (err error) {
	if a.KeySettings, a.KeyVersions, err = l.flipperKeys(of, false); err != nil {
		if !l.cut(err, of) {
			return err
		}
		d.note("the file ends within the settings of application %v", a.Place)
	}
	if a.KeySettings == nil {
		a.Missing = append(a.Missing, absent(inspect.PartKeySettings))
	}
	e, ok := l.get("%s File IDs", of)
	if !ok {
		a.Missing = append(a.Missing, absent(inspect.PartFiles))
		return nil
	}
	numbers, err := l.bytes(e, 0)
	if err != nil {
		return err
	}
	a.Files = []inspect.File{}
	for _, no := range numbers {
		if err := l.flipperFile(d, a, int(no), fmt.Sprintf("%s File %d", of, no), e); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) flipperFile(d *Dump, a *inspect.Application, no int, of string, list *entry) error {
	fs, err := l.flipperSettings(of)
	if err != nil {
		if !l.cut(err, of) {
			return err
		}
		d.note("the file ends within the settings of file %d of application %v", no, a.Place)
		fs = nil
	}
	// Firmware that does not understand an answer writes an empty standard file,
	// which no card has.
	unread := fs != nil && fs.Type <= wire.FileBackup && fs.Size == 0
	if unread {
		fs = nil
	}
	f, err := d.newFile(a, no, fs)
	if err != nil {
		return list.fault(l.format, "%v", err)
	}
	e, ok := l.get("%s", of)
	switch {
	case f.Settings == nil:
		m := absent(inspect.PartSettings)
		if unread {
			m.Reason = "the program that wrote the file did not understand them"
		}
		f.Missing = append(f.Missing, m)
		if ok {
			d.note("line %d, %.60q, is not read: the settings of the file are not there", e.line, e.name)
		}
		return nil
	case !ok && f.RecordCount != nil && *f.RecordCount == 0:
		return nil
	case !ok:
		noContent(f, "it is not in the file")
		return nil
	}
	b, err := l.bytes(e, 0)
	if err != nil {
		return err
	}
	if err := setData(f, b); err != nil {
		return e.fault(l.format, "%v", err)
	}
	return nil
}

// flipperSettings are nil if they are not there.
func (l *lines) flipperSettings(of string) (*wire.FileSettings, error) {
	kind, ok := l.get("%s Type", of)
	if !ok {
		return nil, nil
	}
	fs := new(wire.FileSettings)
	t, err := l.oneByte(kind)
	if err != nil {
		return nil, err
	}
	comm, err := l.need(of + " Communication Settings")
	if err != nil {
		return nil, err
	}
	option, err := l.oneByte(comm)
	if err != nil {
		return nil, err
	}
	access, err := l.need(of + " Access Rights")
	if err != nil {
		return nil, err
	}
	rights, err := l.bytes(access, 2)
	if err != nil {
		return nil, err
	}
	fs.Type, fs.Option = wire.FileType(t), wire.FileOption(option)
	fs.Access = wire.AccessRightsFromUint16(uint16(rights[0]) | uint16(rights[1])<<8)
	type field struct {
		name string
		to   *uint32
	}
	fields := map[wire.FileType][]field{
		wire.FileStandard:     {{"Size", &fs.Size}},
		wire.FileBackup:       {{"Size", &fs.Size}},
		wire.FileLinearRecord: {{"Size", &fs.RecordSize}, {"Max", &fs.MaxRecords}, {"Cur", &fs.Records}},
	}
	fields[wire.FileCyclicRecord] = fields[wire.FileLinearRecord]
	for _, x := range fields[fs.Type] {
		e, err := l.need(of + " " + x.name)
		if err != nil {
			return nil, err
		}
		n, err := l.number(e, 0, 0xFFFFFF)
		if err != nil {
			return nil, err
		}
		*x.to = uint32(n)
	}
	switch fs.Type {
	case wire.FileValue:
		err = l.flipperValue(of, fs)
	case wire.FileStandard, wire.FileBackup, wire.FileLinearRecord, wire.FileCyclicRecord:
	default:
		err = kind.fault(l.format, "%02X is no type of file in this format", t)
	}
	return fs, err
}

// flipperValue are the limits, which are written without their sign.
func (l *lines) flipperValue(of string, fs *wire.FileSettings) error {
	for _, x := range [...]struct {
		name string
		to   *int32
	}{{"Lo Limit", &fs.Lower}, {"Hi Limit", &fs.Upper}, {"Limited Credit Value", &fs.LimitedCredit}} {
		e, err := l.need(of + " " + x.name)
		if err != nil {
			return err
		}
		n, err := l.number(e, -1<<31, 1<<32-1)
		if err != nil {
			return err
		}
		*x.to = int32(uint32(n))
	}
	e, err := l.need(of + " Limited Credit Enabled")
	if err != nil {
		return err
	}
	on, err := l.boolean(e)
	if on {
		fs.Flags = wire.ValueLimitedCredit
	}
	return err
}
