package dump

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// The format is told by docs/credential-schema-v6.md of dfc-core. Applications
// and files are counted from 00, and have their numbers beside. An AID has its
// most significant byte first: dfc-core compares it turned around with what
// SelectApplication brings. So have rights and ISO identifiers. Keys are not read.

func readDFC(l *lines) (*Dump, error) {
	d := &Dump{Format: FormatDFC, Card: &inspect.Card{}}
	v, err := l.need("Version")
	if err != nil {
		return nil, err
	}
	n, err := l.number(v, 1, 1<<31)
	switch {
	case err != nil:
		return nil, err
	case n > 6:
		return nil, v.fault(FormatDFC, "it is %d, this program knows 4 to 6: update the program", n)
	case n < 4:
		return nil, v.fault(FormatDFC, "it is %d, this program knows 4 to 6", n)
	}
	d.Version = int(n)
	if err := l.dfcCard(d); err != nil {
		return nil, err
	}
	if err := l.dfcPICC(d); err != nil {
		return nil, err
	}
	if err := l.dfcApplications(d); err != nil {
		return nil, err
	}
	l.dfcKeysSeen()
	l.left(d, "PICC ATS", "PICC SAK", "PICC ATQA", "PICC Authentication", "PICC Preferred", "PICC File Count")
	return d, nil
}

// count is a number that must be there.
func (l *lines) count(name string, most int64) (int, error) {
	e, err := l.need(name)
	if err != nil {
		return 0, err
	}
	n, err := l.number(e, 0, most)
	return int(n), err
}

func (l *lines) dfcCard(d *Dump) error {
	c := d.Card
	e, err := l.need("Card Generation")
	if err != nil {
		return err
	}
	if c.Generation, err = wire.ParseGeneration(e.value); err != nil || c.Generation.FixedName() != nil || c.Generation == wire.D40 {
		return e.fault(l.format, "want EV1, EV2 or EV3")
	}
	c.Product = fmt.Sprintf("MIFARE DESFire %v", c.Generation)
	if e, ok := l.get("Card Storage"); ok {
		n, err := l.number(e, 0, 1<<24)
		if err != nil {
			return err
		}
		c.Storage, c.StorageExact = int(n), true
	}
	e, err = l.need("UID")
	if err != nil {
		return err
	}
	uid, err := l.bytes(e, 0)
	if err != nil {
		return err
	}
	if e, ok := l.get("UID Provenance"); ok && e.value == "Random" {
		uid, c.RandomID = nil, true
	}
	if e, ok := l.get("PICC Random ID"); ok && e.value == "1" {
		c.RandomID = true
	}
	d.setUID(uid)
	if e, ok := l.get("Card Static Signature"); ok {
		if c.Signature, err = l.bytes(e, signatureSize); err != nil {
			return err
		}
	}
	for _, x := range [...]struct {
		name string
		to   **inspect.Chip
	}{{"Card Hardware Version", &c.Hardware}, {"Card Software Version", &c.Software}} {
		e, ok := l.get("%s", x.name)
		if !ok {
			continue
		}
		b, err := l.bytes(e, 7)
		if err != nil {
			return err
		}
		*x.to = &inspect.Chip{Vendor: b[0], Type: b[1], SubType: b[2], Version: fmt.Sprintf("%X.%X", b[3], b[4]), Storage: b[5], Protocol: b[6]}
	}
	return nil
}

// dfcApplications reads the applications that are in the file: one that was cut
// off has fewer than it says.
func (l *lines) dfcApplications(d *Dump) error {
	c := d.Card
	count, err := l.count("Application Count", 0xFF)
	if errors.Is(err, errNoLine) && !l.has("Application ") {
		d.note("the file ends before its applications")
		c.Missing = append(c.Missing, absent(inspect.PartApplications))
		return nil
	}
	if err != nil {
		return err
	}
	c.Applications = []inspect.Application{}
	for i := range count {
		of := fmt.Sprintf("Application %02X", i)
		if !l.has(of + " ") {
			d.note("the file says that there are %d applications; number %d is not in it", count, i+1)
			if c.MissingPart(inspect.PartApplications) == nil {
				c.Missing = append(c.Missing, inspect.Missing{What: inspect.PartApplications, Reason: "not all of them are in the file"})
			}
			continue
		}
		if err := l.dfcApplication(d, of); err != nil {
			return err
		}
	}
	return nil
}

func (l *lines) dfcPICC(d *Dump) (err error) {
	c := d.Card
	if c.KeySettings, err = l.dfcSettings("PICC", true); err != nil {
		if !l.cut(err, "PICC") {
			return err
		}
		d.note("the file ends within the settings of the card")
	}
	if c.KeySettings == nil {
		c.Missing = append(c.Missing, absent(inspect.PartKeySettings))
	}
	c.KeyVersions, err = l.dfcVersions("PICC")
	return err
}

// dfcSettings are nil if they are not there.
func (l *lines) dfcSettings(of string, ofCard bool) (*inspect.KeySettings, error) {
	one, ok := l.get("%s Key Settings 1", of)
	if !ok {
		return nil, nil
	}
	ks1, err := l.oneByte(one)
	if err != nil {
		return nil, err
	}
	two, err := l.need(of + " Key Settings 2")
	if err != nil {
		return nil, err
	}
	ks2, err := l.oneByte(two)
	if err != nil {
		return nil, err
	}
	s := &wire.KeySettings{KS1: wire.KeySett1(ks1), KS2: wire.KeySett2(ks2)}
	if l.has(of + " Key Set ") {
		s.HasKeySets = true
		if s.KeySetConfig, err = l.dfcSetConfig(of); err != nil {
			return nil, err
		}
	}
	return inspect.NewKeySettings(s, ofCard), nil
}

func (l *lines) dfcSetConfig(of string) (k wire.KeySetConfig, err error) {
	n, err := l.count(of+" Key Set Count", 16)
	if err != nil {
		return k, err
	}
	size, err := l.count(of+" Key Set Maximum Key Size", 24)
	if err != nil {
		return k, err
	}
	e, err := l.need(of + " Key Set Settings")
	if err != nil {
		return k, err
	}
	roll, err := l.oneByte(e)
	if err != nil {
		return k, err
	}
	e, err = l.need(of + " Key Set 00 Version")
	if err != nil {
		return k, err
	}
	active, err := l.oneByte(e)
	return wire.KeySetConfig{AKSVersion: wire.KeyVersion(active), NoKeySets: uint8(n), MaxKeySize: uint8(size), AppKeySetSett: roll}, err
}

// dfcVersions are those of the keys of the card, an application or a key set.
func (l *lines) dfcVersions(of string) (list []inspect.KeyVersion, err error) {
	for no := range wire.MaxKeys {
		e, ok := l.get("%s Key %02X Version", of, no)
		if !ok {
			continue
		}
		v, err := l.oneByte(e)
		if err != nil {
			return nil, err
		}
		list = append(list, inspect.KeyVersion{Key: no, Version: v})
	}
	return list, nil
}

// dfcKeysSeen leaves keys, and what counts them, out of what is noted.
func (l *lines) dfcKeysSeen() {
	for _, e := range l.order {
		last := e.name[strings.LastIndexByte(e.name, ' ')+1:]
		if strings.HasSuffix(e.name, " Key Count") || strings.Contains(e.name, " Key ") && len(last) == 2 || strings.HasSuffix(e.name, " Transaction Key") ||
			strings.Contains(e.name, " Authentication Mode") || strings.Contains(e.name, " Authentication Command") {
			e.used = true
		}
	}
}

func (l *lines) dfcApplication(d *Dump, of string) error {
	e, err := l.need(of + " AID")
	if err != nil {
		return err
	}
	b, err := l.bytes(e, 3)
	if err != nil {
		return err
	}
	slices.Reverse(b)
	a, err := d.newApplication(wire.Place{AID: aidOf(b)})
	if err != nil {
		return e.fault(l.format, "%v", err)
	}
	if a.KeySettings, err = l.dfcSettings(of, false); err != nil {
		if !l.cut(err, of) {
			return err
		}
		d.note("the file ends within the settings of application %v", a.Place)
	}
	if a.KeySettings == nil {
		a.Missing = append(a.Missing, absent(inspect.PartKeySettings))
	}
	if err := l.dfcNames(a, of); err != nil {
		return err
	}
	if k := a.KeySettings; k != nil && k.Sets != nil {
		if a.KeyVersions, err = l.dfcSets(a, of); l.cut(err, of) {
			d.note("the file ends within the key sets of application %v", a.Place)
			err = nil
		}
	} else {
		a.KeyVersions, err = l.dfcVersions(of)
	}
	if err != nil {
		return err
	}
	count, ok := l.get("%s File Count", of)
	if !ok {
		a.Missing = append(a.Missing, absent(inspect.PartFiles))
		return nil
	}
	n, err := l.number(count, 0, maxFiles)
	if err != nil {
		return err
	}
	a.Files = []inspect.File{}
	for i := range n {
		file := fmt.Sprintf("%s File %02X", of, i)
		if !l.has(file + " ") {
			d.note("the file says that application %v has %d files; number %d is not in it", a.Place, n, i+1)
			if a.MissingPart(inspect.PartFiles) == nil {
				a.Missing = append(a.Missing, inspect.Missing{What: inspect.PartFiles, Reason: "not all of them are in the file"})
			}
			continue
		}
		if err := l.dfcFile(d, a, file); err != nil {
			if !l.cut(err, file) {
				return err
			}
			d.note("the file ends within file number %d of application %v", i+1, a.Place)
		}
	}
	return nil
}

// dfcSets reads the versions of key sets, and returns those of the active set's
// keys.
func (l *lines) dfcSets(a *inspect.Application, of string) ([]inspect.KeyVersion, error) {
	for n := range a.KeySettings.Sets.Sets {
		name := fmt.Sprintf("%s Key Set %02X", of, n)
		e, err := l.need(name + " Version")
		if err != nil {
			return nil, err
		}
		v, err := l.oneByte(e)
		if err != nil {
			return nil, err
		}
		a.KeySets = append(a.KeySets, inspect.KeySet{Set: n, Version: v})
	}
	return l.dfcVersions(of + " Key Set 00")
}

func (l *lines) dfcNames(a *inspect.Application, of string) error {
	id, err := l.optional(of+" ISO File ID", 2)
	if err != nil {
		return err
	}
	name, err := l.optional(of+" DF Name", 0)
	if err != nil {
		return err
	}
	if err := names(a, id, name); err != nil {
		return l.byName[of+" DF Name"].fault(l.format, "%v", err)
	}
	return nil
}

// optional are bytes that may not be there.
func (l *lines) optional(name string, n int) ([]byte, error) {
	e, ok := l.get("%s", name)
	if !ok {
		return nil, nil
	}
	return l.bytes(e, n)
}

var dfcTypes = []string{"Standard Data", "Backup Data", "Value", "Linear Record", "Cyclic Record", "Transaction MAC"}

func (l *lines) dfcFile(d *Dump, a *inspect.Application, of string) error {
	e, err := l.need(of + " Number")
	if err != nil {
		return err
	}
	no, err := l.oneByte(e)
	if err != nil {
		return err
	}
	x := dfcFile{lines: l, of: of}
	fs := x.settings()
	unended := l.cut(x.err, of)
	if x.err != nil && !unended {
		return x.err
	}
	if unended {
		d.note("the file ends within the settings of file %d of application %v", no, a.Place)
		x.err, fs = nil, nil
	}
	f, err := d.newFile(a, int(no), fs)
	if err != nil {
		return e.fault(l.format, "%v", err)
	}
	if unended {
		f.Missing = append(f.Missing, absent(inspect.PartSettings))
		return nil
	}
	if id := x.optional("ISO File ID", 2); len(id) == 2 && id[0]|id[1] != 0 {
		f.ISOID = id
	}
	switch err := x.content(f); {
	case l.cut(x.err, of):
		d.note("the file ends within file %d of application %v", no, a.Place)
		f.Value, f.Data, f.Content, f.ReadCounter, f.Missing = nil, nil, nil, nil, nil
		noContent(f, "it is not in the file")
		return nil
	case err != nil && x.err == nil:
		return e.fault(l.format, "%v", err)
	}
	return x.err
}
