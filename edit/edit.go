// Package edit changes what files hold as people do it, by hand: it sees before that
// the content fits, what of the old one stays behind it, and whether the card would show
// something else in its place.
//
//	w, err := edit.New(no, settings, 0, content, nil)
//	left, err := w.LeftBehind(ctx, card)
//	committed, err := w.Do(ctx, card, nil)
//
// The session is the caller's, and so are the settings, as the card told them in it.
// Values are the business of package purse.
package edit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/sdm"
	"github.com/go-desfire/desfire/wire"
)

// Write is content for a file, and where it goes.
type Write struct {
	File     wire.FileNo
	Settings *wire.FileSettings
	Offset   uint32  // of the first byte, in the file or the record
	Data     []byte  // with what fills the rest
	Record   *uint32 // the record to change, 0 is the newest; nil: a data file, or a new record
}

// RoomError means that content does not fit.
type RoomError struct {
	Bytes  int
	Offset uint32
	Room   uint32 // bytes of the file, or of a record
	Record bool
}

func (e *RoomError) Error() string {
	what, from := "file", ""
	if e.Record {
		what = "record"
	}
	if e.Offset > 0 {
		from = fmt.Sprintf(" from %d on", e.Offset)
	}
	return fmt.Sprintf("%s%s do not fit: the %s has %d bytes", count(e.Bytes, "byte"), from, what, e.Room)
}

// TypeError means that files of a type are not written so.
type TypeError struct {
	File wire.FileNo
	Type wire.FileType
}

func (e *TypeError) Error() string {
	if e.Type == wire.FileTransactionMAC {
		return fmt.Sprintf("file %d is a transaction MAC file, which the card itself writes", e.File)
	}
	return fmt.Sprintf("file %d is a %v file, which is not written like this", e.File, e.Type)
}

// NoRecordError means that a file does not have a record.
type NoRecordError struct {
	File    wire.FileNo
	Record  uint32
	Records uint32 // how many there are
}

func (e *NoRecordError) Error() string {
	return fmt.Sprintf("file %d has %s: there is no record %d", e.File, count(int(e.Records), "record"), e.Record)
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// New fits content into a data file, or into a new record. fill, if not nil, is what
// stands behind it, up to the end.
func New(no wire.FileNo, fs *wire.FileSettings, offset uint32, data []byte, fill *byte) (*Write, error) {
	w := &Write{File: no, Settings: fs, Offset: offset}
	switch fs.Type {
	case wire.FileStandard, wire.FileBackup:
		return w, w.fit(data, fs.Size, fill)
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		return w, w.fit(data, fs.RecordSize, fill)
	}
	return nil, &TypeError{no, fs.Type}
}

// Update fits content into a record that is there.
func Update(no wire.FileNo, fs *wire.FileSettings, record, offset uint32, data []byte, fill *byte) (*Write, error) {
	switch {
	case !HasRecords(fs):
		return nil, &TypeError{no, fs.Type}
	case record >= fs.Records:
		return nil, &NoRecordError{no, record, fs.Records}
	}
	w := &Write{File: no, Settings: fs, Offset: offset, Record: &record}
	return w, w.fit(data, fs.RecordSize, fill)
}

func (w *Write) fit(data []byte, room uint32, fill *byte) error {
	end := int64(w.Offset) + int64(len(data))
	if end > int64(room) {
		return &RoomError{len(data), w.Offset, room, HasRecords(w.Settings)}
	}
	if w.Data = data; fill != nil {
		w.Data = append(bytes.Clone(data), bytes.Repeat([]byte{*fill}, int(int64(room)-end))...)
	}
	return nil
}

// HasRecords reports whether a file is one of records.
func HasRecords(fs *wire.FileSettings) bool {
	return fs.Type == wire.FileLinearRecord || fs.Type == wire.FileCyclicRecord
}

// Within reports whether a data file has so many bytes, or a record file so many
// records, from offset on; a length of 0 is all that follow.
func Within(fs *wire.FileSettings, offset, length uint32) bool {
	size := uint64(fs.Size)
	if HasRecords(fs) {
		size = uint64(fs.Records)
	}
	return uint64(offset) < size && uint64(offset)+uint64(length) <= size || size == 0 && offset == 0 && length == 0
}

// Commits reports whether it is pending until the transaction is committed.
func (w *Write) Commits() bool { return HasRecords(w.Settings) || w.Settings.Type == wire.FileBackup }

// Hidden is what the card would show in place of some of it, nil if nothing; lrp as of
// the session.
func (w *Write) Hidden(lrp bool) *sdm.Mirror {
	if w.Settings.SDM == nil || HasRecords(w.Settings) {
		return nil
	}
	return sdm.Touched(w.Settings.SDM, lrp, w.Offset, uint32(len(w.Data)))
}

// mayLook reports whether the file may be read now, in a way that counts nothing.
func (w *Write) mayLook(card *desfire.Card) bool {
	g, _ := inspect.RightsOf(w.Settings).Of(inspect.ActRead)
	if s, session := card.Session(); session {
		return g.Allows(s.KeyNo)
	}
	return g.Free && w.Settings.SDM == nil
}

// Old is what stands where a data file is written to. known is false where the session
// may not read it, or reading would count.
func (w *Write) Old(ctx context.Context, card *desfire.Card) (old []byte, known bool, err error) {
	if HasRecords(w.Settings) || len(w.Data) == 0 || !w.mayLook(card) {
		return nil, false, nil
	}
	old, err = card.ReadData(ctx, w.File, w.Offset, uint32(len(w.Data)))
	return old, err == nil, err
}

// Left is what stays in a data file behind what is written.
type Left struct {
	From  int  `json:"from"`  // byte
	Bytes int  `json:"bytes"` // up to the end of the file
	Known bool `json:"known"` // it was read, and is not all zeros
}

// lookStep is how many bytes are read at a time.
const lookStep = 1024

// LeftBehind looks at what stays behind: nil if nothing or zeros only, which need no
// words.
func (w *Write) LeftBehind(ctx context.Context, card *desfire.Card) (*Left, error) {
	if HasRecords(w.Settings) {
		return nil, nil
	}
	end, size := int(w.Offset)+len(w.Data), int(w.Settings.Size)
	l := &Left{From: end, Bytes: size - end}
	switch {
	case l.Bytes <= 0:
		return nil, nil
	case !w.mayLook(card):
		return l, nil
	}
	for at := end; at < size; at += lookStep {
		old, err := card.ReadData(ctx, w.File, uint32(at), uint32(min(lookStep, size-at)))
		if err != nil {
			return nil, err
		}
		if len(bytes.Trim(old, "\x00")) > 0 {
			l.Known = true
			return l, nil
		}
	}
	return nil, nil
}

// Do writes, and commits what is pending until then. before, if not nil, runs before
// the commit. committed is false of what takes effect at once.
func (w *Write) Do(ctx context.Context, card *desfire.Card, before func() error) (committed bool, err error) {
	if !w.Commits() {
		return false, card.WriteData(ctx, w.File, w.Offset, w.Data)
	}
	_, err = card.Transact(ctx, func() error {
		if err := w.pend(ctx, card); err != nil || before == nil {
			return err
		}
		return before()
	})
	return err == nil, err
}

// pend writes what waits for a commit.
func (w *Write) pend(ctx context.Context, card *desfire.Card) error {
	switch {
	case !HasRecords(w.Settings):
		return card.WriteData(ctx, w.File, w.Offset, w.Data)
	case w.Record == nil:
		return card.WriteRecord(ctx, w.File, w.Offset, w.Data)
	}
	update := wire.UpdateRecord{File: w.File, Record: *w.Record, Offset: w.Offset, Data: w.Data}
	var cmd wire.Request[*wire.Empty] = &update
	if !card.Generation().Has(wire.FeatureUpdateRecord) {
		cmd = &wire.UpdateRecordISO{UpdateRecord: update}
	}
	_, err := desfire.Do(ctx, card, cmd)
	return err
}

// Clear removes all records of a file, and commits. before is as in Do; refused is the
// error of the removal itself, which is in err as well.
func Clear(ctx context.Context, card *desfire.Card, no wire.FileNo, before func() error) (refused, err error) {
	_, err = card.Transact(ctx, func() error {
		if refused = card.ClearRecordFile(ctx, no); refused != nil || before == nil {
			return refused
		}
		return before()
	})
	return refused, err
}
