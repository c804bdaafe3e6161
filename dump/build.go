package dump

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// Limits that no card goes beyond, so that a file cannot make Read allocate
// without end.
const (
	maxApplications = 1024 // EV2 and later have no limit but their memory of 32 KiB
	maxFiles        = 32   // of an application
	maxKeys         = 64   // of the card, with those for special purposes
	maxNotes        = 20
)

// note adds something for the user.
func (d *Dump) note(format string, args ...any) {
	switch n := len(d.Notes); {
	case n < maxNotes:
		d.Notes = append(d.Notes, visible.Text(fmt.Sprintf(format, args...)))
	case n == maxNotes:
		d.Notes = append(d.Notes, "there is more of the kind, which is not listed")
	}
}

// absent is what a file of others does not hold.
func absent(part inspect.Part) inspect.Missing {
	return inspect.Missing{What: part, Reason: "it is not in the file"}
}

// setVersion takes the three frames of GetVersion.
func (d *Dump) setVersion(raw []byte) error {
	v := new(wire.Version)
	if err := new(wire.Coder).Decode(raw, nil, v); err != nil {
		return err
	}
	if !v.IsDESFire() {
		return fmt.Errorf("GetVersion is that of %s, which is no DESFire card", v.Product())
	}
	g, known := v.Generation()
	if !known {
		d.note("the card's generation is not known, and taken for %v", g)
	}
	d.Card.Generation = g
	d.Card.SetVersion(v)
	return nil
}

// setUID compares the identifier that anticollision showed with GetVersion's.
// That of a card with a random one is not its own.
func (d *Dump) setUID(uid []byte) {
	c := d.Card
	switch {
	case len(c.Version) == 0 && len(uid) == len(wire.UID{}):
		c.UID = uid
	case c.RandomID || len(uid) == 0:
	case !bytes.Equal(uid, c.UID):
		d.note("the UID is %X in the file's head and %X in its GetVersion, which is taken", uid, []byte(c.UID))
	}
	if c.UID == nil {
		c.UID = inspect.Hex{}
	}
	c.SetName()
}

// keySettings are the two bytes of GetKeySettings.
func keySettings(ks1, ks2 byte, ofCard bool) *inspect.KeySettings {
	return inspect.NewKeySettings(&wire.KeySettings{KS1: wire.KeySett1(ks1), KS2: wire.KeySett2(ks2)}, ofCard)
}

// newApplication adds an application, of which nothing is known yet.
func (d *Dump) newApplication(p wire.Place) (*inspect.Application, error) {
	c := d.Card
	switch {
	case p.IsCard():
		return nil, errors.New("application 000000 is the card itself")
	case len(c.Applications) == maxApplications:
		return nil, fmt.Errorf("more than %d applications", maxApplications)
	case slices.ContainsFunc(c.Applications, func(a inspect.Application) bool { return a.Place == p }):
		return nil, fmt.Errorf("application %v is there twice", p)
	}
	c.Applications = append(c.Applications, inspect.NewApplication(p))
	return &c.Applications[len(c.Applications)-1], nil
}

// newFile adds a file; fs is nil where its settings are not known.
func (d *Dump) newFile(a *inspect.Application, no int, fs *wire.FileSettings) (*inspect.File, error) {
	switch {
	case no < 0 || no >= maxFiles:
		return nil, fmt.Errorf("file %d: want 0 to %d", no, maxFiles-1)
	case slices.ContainsFunc(a.Files, func(f inspect.File) bool { return int(f.No) == no }):
		return nil, fmt.Errorf("file %d is there twice", no)
	}
	f := inspect.File{No: wire.FileNo(no)}
	if fs != nil {
		var err error
		if f, err = settled(f.No, fs); err != nil {
			return nil, fmt.Errorf("file %d: %w", no, err)
		}
	}
	a.Files = append(a.Files, f)
	return &a.Files[len(a.Files)-1], nil
}

// settled are settings as a card would answer them.
func settled(no wire.FileNo, fs *wire.FileSettings) (inspect.File, error) {
	var c wire.Coder
	e, err := c.Encode(nil, fs)
	told := new(wire.FileSettings)
	if err == nil {
		err = c.Decode(e.Bytes, nil, told)
	}
	if err != nil {
		return inspect.File{}, err
	}
	return inspect.NewFile(no, told), nil
}

// noContent says that a file's content is not there.
func noContent(f *inspect.File, reason string) {
	m := inspect.Missing{What: inspect.PartContent, Reason: reason}
	act := inspect.ActRead
	if f.Type == wire.FileValue.String() {
		act = inspect.ActGetValue
	}
	if g, ok := f.Rights.Of(act); ok && !g.Free {
		m.Needs = g.Who()
	}
	f.Missing = append(f.Missing, m)
}

// setData gives a file its content as a card answers it.
func setData(f *inspect.File, data []byte) error {
	fs := f.Settings
	if fs == nil {
		return errors.New("there is content of a file whose settings are not there")
	}
	switch fs.Type {
	case wire.FileValue:
		if len(data) != 4 {
			return fmt.Errorf("the value has %d bytes, want 4", len(data))
		}
		v := int32(uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24)
		f.Value = &v
		return nil
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return setRecords(f, inspect.Records(fs, data), len(data))
	case wire.FileTransactionMAC:
		if len(data) != tmacSize {
			return fmt.Errorf("a transaction MAC file has %d bytes of content, want %d", len(data), tmacSize)
		}
		f.Data = data
		return nil
	}
	size := int(fs.Size)
	switch {
	case len(data) > size:
		return fmt.Errorf("there are %d bytes of content, but the file has %d", len(data), size)
	case len(data) == 0:
		noContent(f, "it is not in the file")
		return nil
	case len(data) < size:
		noContent(f, fmt.Sprintf("only the first %d of %d bytes are in the file", len(data), size))
	}
	f.Data = data
	return nil
}

const tmacSize = 4 + 8 // counter and value

// setRecords gives a file its records, the oldest first, of n bytes in all.
func setRecords(f *inspect.File, list []inspect.Hex, n int) error {
	fs := f.Settings
	size, count := int(fs.RecordSize), int(fs.Records)
	sum := 0
	for _, r := range list {
		if len(r) != size {
			return fmt.Errorf("a record has %d bytes, want %d", len(r), size)
		}
		sum += len(r)
	}
	switch {
	case sum != n:
		return fmt.Errorf("%d bytes are no whole records of %d", n, size)
	case len(list) > count:
		return fmt.Errorf("there are %d records, but the file has %d", len(list), count)
	case len(list) == 0 && count > 0:
		noContent(f, "it is not in the file")
	case len(list) < count:
		noContent(f, fmt.Sprintf("only the first %d of %d records are in the file", len(list), count))
	}
	if len(list) > 0 {
		f.Content = list
	}
	return nil
}

// aidOf is an AID of its bytes as they are sent.
func aidOf(b []byte) wire.AID {
	return wire.AID(b[0]) | wire.AID(b[1])<<8 | wire.AID(b[2])<<16
}
