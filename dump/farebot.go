package dump

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// The format is told by what FareBot (2011 to 2016) and Metrodroid read and write.
// The number of an application is its three bytes as they are sent, the first one
// most significant. Rights are bytes as the card sent them, contents are base64,
// all else is decimal; bytes may be signed. Key settings are not in it.

// farebotDESFire is the type of DESFire cards.
const farebotDESFire = "2"

func readFarebot(data []byte) (*Dump, error) {
	root, cut, err := parseMarkup(data)
	if err != nil {
		return nil, err
	}
	d := &Dump{Format: FormatFarebot, Card: &inspect.Card{UID: inspect.Hex{}}}
	if cut > 0 {
		d.note("the file ends in line %d, before its end: what would follow is not known", cut)
	}
	card := root
	if root.name == "cards" {
		list := root.all("card")
		i := slices.IndexFunc(list, func(n *node) bool { return n.attrs["type"] == farebotDESFire })
		if i < 0 {
			return nil, root.fault("there is no DESFire card in it")
		}
		card = list[i]
		if n := len(list); n > 1 {
			d.note("there are %d cards in the file: this is number %d, the first DESFire card", n, i+1)
		}
	}
	if typ := card.attrs["type"]; typ != farebotDESFire {
		return nil, card.fault("the card is of type %.20q, want %q, which is DESFire", typ, farebotDESFire)
	}
	if ms, err := strconv.ParseInt(card.attrs["scanned_at"], 10, 64); err == nil && ms > 0 && ms < 1<<47 {
		d.Written = time.UnixMilli(ms).UTC()
	}
	id, err := hex.DecodeString(card.attrs["id"])
	if err != nil || len(id) > 10 {
		return nil, card.fault("id %.40q is no identifier in hexadecimal", card.attrs["id"])
	}
	if err := farebotVersion(d, card, id); err != nil {
		return nil, err
	}
	c := d.Card
	c.Missing = append(c.Missing, absent(inspect.PartKeySettings))
	apps := card.child("applications")
	if apps == nil {
		c.Missing = append(c.Missing, absent(inspect.PartApplications))
		return d, nil
	}
	c.Applications = []inspect.Application{}
	for _, n := range apps.all("application") {
		if err := farebotApplication(d, n); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// farebotVersion puts together what GetVersion answered.
func farebotVersion(d *Dump, card *node, id []byte) error {
	n := card.child("manufacturing-data")
	var raw []byte
	if n != nil {
		if r := n.child("raw"); r != nil {
			var err error
			if raw, err = r.base64(); err != nil {
				return err
			}
		} else {
			raw = farebotBytes(d, n, id)
		}
	}
	if raw == nil {
		d.note("the file does not say what card it is of: its version is not there")
		d.setUID(id)
		return nil
	}
	if err := d.setVersion(raw); err != nil {
		return n.fault("%v", err)
	}
	if len(id) == len(wire.UID{}) {
		d.setUID(id)
	}
	return nil
}

// farebotBytes makes the bytes of the answer of their numbers, nil if one is not
// there. Old files have but the lower four bytes of the batch.
func farebotBytes(d *Dump, n *node, id []byte) (raw []byte) {
	for _, part := range []string{"hw", "sw"} {
		for _, name := range []string{"vendor-id", "type", "sub-type", "major-version", "minor-version", "storage-size", "protocol"} {
			v, err := n.number(part+"-"+name, -128, 255)
			if err != nil {
				return nil
			}
			raw = append(raw, byte(v))
		}
	}
	if len(id) != len(wire.UID{}) { // a random one, or none
		id = make([]byte, len(wire.UID{}))
		if v, err := n.number("uid", 0, 1<<56-1); err == nil {
			copy(id, binary.BigEndian.AppendUint64(nil, uint64(v))[1:])
		}
	}
	raw = append(raw, id...)
	batch, err := n.number("batch-no", 0, 1<<40-1)
	if err != nil {
		d.note("the batch in the file is not whole")
		batch = 0
	}
	raw = append(raw, binary.BigEndian.AppendUint64(nil, uint64(batch))[3:]...)
	for _, name := range []string{"week-prod", "year-prod"} {
		v, err := n.number(name, -128, 255)
		if err != nil {
			v = 0
		}
		raw = append(raw, byte(v))
	}
	return raw
}

func farebotApplication(d *Dump, n *node) error {
	id, err := strconv.ParseUint(n.attrs["id"], 10, 24)
	if err != nil {
		return n.fault("application id %.20q: want a number up to %d", n.attrs["id"], 1<<24-1)
	}
	a, err := d.newApplication(wire.Place{AID: aidOf([]byte{byte(id >> 16), byte(id >> 8), byte(id)})})
	if err != nil {
		return n.fault("%v", err)
	}
	a.Missing = append(a.Missing, absent(inspect.PartKeySettings))
	files := n.child("files")
	if files == nil {
		a.Missing = append(a.Missing, absent(inspect.PartFiles))
		return nil
	}
	a.Files = []inspect.File{}
	for _, f := range files.all("file") {
		if err := farebotFile(d, a, f); err != nil {
			return err
		}
	}
	return nil
}

func farebotFile(d *Dump, a *inspect.Application, n *node) error {
	no, err := strconv.Atoi(n.attrs["id"])
	if err != nil {
		return n.fault("file id %.20q: want a number", n.attrs["id"])
	}
	var fs *wire.FileSettings
	reason := "it is not in the file"
	if e := n.child("error"); e != nil {
		if said := strings.TrimSpace(e.text); said != "" {
			reason = visible.Text(fmt.Sprintf("the program that read the card said: %.120s", said))
		}
	}
	if s := n.child("settings"); s != nil {
		if fs, err = s.farebotSettings(d); err != nil {
			if !n.unended {
				return err
			}
			fs = nil // the file ends within them
		}
	}
	f, err := d.newFile(a, no, fs)
	if err != nil {
		return n.fault("%v", err)
	}
	if fs == nil {
		f.Missing = append(f.Missing, inspect.Missing{What: inspect.PartSettings, Reason: reason})
		return nil
	}
	var data []byte
	if e := n.child("data"); e != nil && !e.unended {
		if data, err = e.base64(); err != nil {
			return err
		}
	}
	switch {
	case len(data) == 0 && f.RecordCount != nil && *f.RecordCount == 0:
	case len(data) == 0:
		noContent(f, reason)
	default:
		if err := setData(f, data); err != nil {
			d.note("line %d: file %d of application %v: %v: its content is not read", n.line, no, a.Place, err)
			noContent(f, "what the file has does not fit it")
		}
	}
	return nil
}

func (n *node) farebotSettings(d *Dump) (*wire.FileSettings, error) {
	t, err := n.number("filetype", 0, 4)
	if err != nil {
		return nil, err
	}
	comm := "commsettings"
	if n.child(comm) == nil {
		comm = "commsetting" // before 2014
	}
	option, err := n.number(comm, -128, 255)
	if err != nil {
		return nil, err
	}
	if option != int64(wire.CommPlain) && option != int64(wire.CommMAC) && option != int64(wire.CommFull) {
		d.note("line %d: <%s> is %d, which no card has: taken for plain", n.line, comm, option)
		option = 0
	}
	rights, err := n.bytes("accessrights", 2)
	if err != nil {
		return nil, err
	}
	fs := &wire.FileSettings{Type: wire.FileType(t), Option: wire.FileOption(option), Access: wire.AccessRightsFromUint16(binary.LittleEndian.Uint16(rights))}
	number := func(name string, least, most int64) (v int64) {
		if err == nil {
			v, err = n.number(name, least, most)
		}
		return v
	}
	switch fs.Type {
	case wire.FileStandard, wire.FileBackup:
		fs.Size = uint32(number("filesize", 0, maxU24))
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		fs.RecordSize, fs.MaxRecords, fs.Records = uint32(number("recordsize", 0, maxU24)), uint32(number("maxrecords", 0, maxU24)), uint32(number("currecords", 0, maxU24))
	default:
		fs.Lower, fs.Upper = int32(number("min", -1<<31, 1<<31-1)), int32(number("max", -1<<31, 1<<31-1))
		fs.LimitedCredit = int32(number("limitcredit", -1<<31, 1<<31-1))
		if e := n.child("limitcreditenabled"); e != nil && strings.TrimSpace(e.text) == "true" {
			fs.Flags = wire.ValueLimitedCredit
		}
	}
	return fs, err
}

// base64 are the bytes of an element.
func (n *node) base64() ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.text), ""))
	if err != nil {
		return nil, n.fault("<%s> is no base64", n.name)
	}
	return b, nil
}
