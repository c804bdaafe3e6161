package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// ISO 7816-4 access to files, for cards and programs that know files by ISO
// name. Files are named by their number, which serves as short identifier.
// The commands travel in plain and need a free right; only a session of EV1
// lets a key grant it. A session of EV2 or LRP refuses them. See ReadData and
// its like for everything else.

// ISOSelectName selects an application, or the card with wire.PICCName, by its
// ISO name of 1 to 16 bytes. It ends the session and drops whatever is pending,
// with what SelectApplication says of relays. fci is the content of the
// application's file 1F, where there is one, the caller's own.
// A transaction MAC counter at its limit is no error here: the data commands
// will be refused.
func (c *Card) ISOSelectName(ctx context.Context, name []byte) (fci []byte, err error) {
	rsp := new(wire.Data)
	cmd := &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectFCI, Length: 256}
	if c.gen == wire.NTAG424 || string(name) == string(wire.PICCName[:]) {
		cmd.P2, cmd.Length = wire.SelectNoData, 0 // neither has such a file
	}
	err = c.selectISO(ctx, cmd, rsp)
	return rsp.Data, err
}

// ISOSelectFID selects by ISO identifier: the card (wire.PICCFID), an
// application, or a file of the selected application. Selecting a file keeps
// the session and what is pending; whether it is one the card decides, so
// within a session ISOSelectFile is the better choice, and only the card is a
// way on after a *BrokenError.
func (c *Card) ISOSelectFID(ctx context.Context, id wire.ISOFID) error {
	return c.selectISO(ctx, &wire.ISOSelect{By: wire.SelectByID, FID: id, WithFID: true, P2: wire.SelectNoData}, new(wire.Data))
}

// ISOSelectFile selects a file of the selected application by its ISO identifier.
// The session and what is pending stay.
func (c *Card) ISOSelectFile(ctx context.Context, id wire.ISOFID) error {
	return c.selectISO(ctx, &wire.ISOSelect{By: wire.SelectEF, FID: id, WithFID: true, P2: wire.SelectNoData}, new(wire.Data))
}

func (c *Card) selectISO(ctx context.Context, cmd *wire.ISOSelect, rsp *wire.Data) error {
	err := c.Run(ctx, cmd, rsp)
	if errors.Is(err, wire.StatusISOLimitReached) {
		return nil
	}
	return err
}

// SelectedFile in place of a file number means the file that ISOSelectFile has
// selected.
const SelectedFile FileNo = 0xFF

// ISOReadBinary reads length bytes of a standard or backup file from offset on;
// length 0 means up to the end. The end of the file ends the reading without an
// error. In an EV1 session the answers of a file in MAC mode carry a MAC, which
// is checked; file must then not be SelectedFile.
func (c *Card) ISOReadBinary(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	defer c.release()
	const name = "ISOReadBinary"
	cmd := new(wire.ISOReadBinary)
	if err := c.mayGo(cmd, cmd.Spec()); err != nil {
		return nil, err
	}
	if err := c.isoReadable(ctx, cmd, named(file)); err != nil {
		return nil, err
	}
	fs := c.settingsOf(file)
	switch {
	case length == 0 && fs != nil && fs.Size > offset:
		length = fs.Size - offset
	case length == 0 && (c.state.channel != nil || c.state.pending && c.gen.Has(wire.FeatureTransactions)):
		// Reading until the card refuses would cost that.
		return nil, &ArgumentError{name, errors.New("in a session, or with changes that may be pending, state the length")}
	}
	per := 256
	if c.isoMACed(isoReads(cmd), file) {
		per -= isoMAC
	}
	var data []byte
	for ef := file; ; ef = SelectedFile { // the first command selects it
		done := uint32(len(data))
		at, err := shortEF(name, ef, offset+done)
		if err != nil {
			return nil, err
		}
		want := per
		if length > 0 {
			want = min(per, int(length-done))
		}
		cmd.EF, cmd.Offset, cmd.Length = at, uint16(offset+done), want
		part, err := c.isoRead(ctx, cmd, file, want)
		switch {
		case err != nil && length == 0 && len(data) > 0 && beyondEnd(err):
			return data, nil
		case err != nil:
			return nil, err
		}
		data = append(data, part...)
		if len(part) < want || uint32(len(data)) == length {
			return data, nil
		}
	}
}

// isoMAC is the length of the MAC in an EV1 session. It counts in Le.
const isoMAC = 8

// isoRead runs a reading ISO command on a file that wants at most n plain bytes.
func (c *Card) isoRead(ctx context.Context, cmd wire.Command, file FileNo, n int) ([]byte, error) {
	if m, ok := cmd.(*wire.ISOReadBinary); ok && c.isoMACed(isoReads(cmd), file) {
		m.Length += isoMAC
	}
	rsp := new(wire.Data)
	if err := c.run(ctx, request{cmd: cmd, rsp: rsp, file: named(file)}); err != nil {
		return nil, err
	}
	if len(rsp.Data) > n {
		name := cmd.Spec().Name
		c.state.distrust("the answer to " + name + " did not fit")
		return nil, &IntegrityError{name, fmt.Errorf("%d bytes instead of %d", len(rsp.Data), n), c.state.changed}
	}
	return rsp.Data, nil
}

// isoReads is the native command with the right that a reading ISO command
// needs; nil for other commands.
func isoReads(cmd wire.Command) *wire.Spec { return nativeOf(cmd, wire.RuleRead) }

// isoWrites is the same for ISO commands that write.
func isoWrites(cmd wire.Command) *wire.Spec { return nativeOf(cmd, wire.RuleWrite) }

func nativeOf(cmd wire.Command, rule wire.Rule) *wire.Spec {
	if native := cmd.Spec().Native; native != nil && native.Rule == rule {
		return native
	}
	return nil
}

// named is a file's number, 0 where the selected one is meant.
func named(file FileNo) FileNo {
	if file == SelectedFile {
		return 0
	}
	return file
}

// protectISO finds out whether the answer of a reading ISO command carries a MAC,
// and refuses to write what would have to be enciphered.
func (c *Card) protectISO(ctx context.Context, r *request) error {
	if r.file == 0 {
		r.file, _ = wire.FileOf(r.cmd)
	}
	if native := isoReads(r.cmd); native != nil {
		if err := c.isoReadable(ctx, r.cmd, r.file); err != nil {
			return err
		}
		r.isoMAC = c.isoMACed(native, r.file)
		return nil
	}
	native := isoWrites(r.cmd)
	switch {
	case native == nil || r.file == 0 || c.mayTell():
		return nil
	case c.state.channel == nil:
		_, err := c.inClear(ctx, r.cmd, native, r.file)
		return err
	}
	f, err := c.settled(ctx, r.cmd, r.file)
	if err != nil {
		return err
	}
	return c.keepSecret(native, r.file, &f.FileSettings)
}

// isoReadable makes sure that an EV1 session knows whether the answers of a
// reading ISO command carry a MAC. file is 0 if it is not known.
func (c *Card) isoReadable(ctx context.Context, cmd wire.Command, file FileNo) error {
	switch {
	case c.state.scheme() != wire.SchemeEV1:
		return nil
	case file == 0 && c.conf.Unguarded:
		return nil
	case file == 0:
		return &ArgumentError{cmd.Spec().Name, errors.New("in a session name the file by its number: whether the answer carries a MAC depends on it")}
	}
	f, err := c.settled(ctx, cmd, file)
	switch {
	case err != nil:
		return err
	case effective((*wire.ReadData)(nil).Spec(), &f.FileSettings, c.state.channel.Info().KeyNo) == wire.CommFull:
		return &ArgumentError{cmd.Spec().Name, fmt.Errorf("file %d is enciphered, which ISO commands cannot read: use ReadData or ReadRecords", file)}
	}
	return nil
}

// isoMACed reports whether the answers of a reading ISO command carry a MAC.
// native is a command with the same right.
func (c *Card) isoMACed(native *wire.Spec, file FileNo) bool {
	f := c.facts(file)
	return c.state.scheme() == wire.SchemeEV1 && file != 0 && f != nil && effective(native, &f.FileSettings, c.state.channel.Info().KeyNo) == wire.CommMAC
}

// beyondEnd reports whether a refusal says that an offset is the end of the file
// or beyond. Which status does has several answers.
func beyondEnd(err error) bool {
	return errors.Is(err, wire.StatusISOWrongP1P2) || errors.Is(err, wire.StatusISOWrongLength)
}

const (
	maxShortEF     = 0x1E
	maxISOOffset   = 0x7FFF
	maxShortOffset = 0xFF
)

// shortEF addresses a file: by short identifier only offsets of one byte can be
// had, a larger one wants the file to be selected.
func shortEF(command string, file FileNo, offset uint32) (wire.ShortEF, error) {
	switch {
	case offset > maxISOOffset:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("offset %d: want 0 to %d", offset, maxISOOffset)}
	case file == SelectedFile:
		return wire.ShortEF{}, nil
	case file == 0 || file > maxShortEF:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("file %d: ISO commands take 1 to %d, or the file that ISOSelectFile has selected (SelectedFile)", file, maxShortEF)}
	case offset > maxShortOffset:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("offset %d: with a file number want 0 to %d; for more select the file (ISOSelectFile)", offset, maxShortOffset)}
	}
	return wire.ShortEF{ID: uint8(file), InP1: true}, nil
}

// ISOUpdateBinary writes into a standard file at once, into a backup file
// pending until CommitTransaction. Data of an enciphered file do not go in
// clear; see ProtectionError.
func (c *Card) ISOUpdateBinary(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	const per = 255
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	var unknown *OutcomeUnknownError
	no := file
	for done := 0; ; done += per {
		at := offset + uint32(done)
		ef, err := shortEF("ISOUpdateBinary", file, at)
		if err == nil {
			cmd := &wire.ISOUpdateBinary{EF: ef, Offset: uint16(at), Data: data[done:min(done+per, len(data))]}
			err = c.run(ctx, request{cmd: cmd, rsp: new(wire.Empty), file: named(no)})
		}
		switch {
		case err != nil && done > 0:
			return &PartialWriteError{no, done, err}
		case len(data) > per && errors.As(err, &unknown):
			unknown.Partial = true
			return err
		case err != nil:
			return err
		case done+per >= len(data):
			return nil
		}
		file = SelectedFile // the first command has selected it
	}
}

// ISOReadRecords reads a record of a record file, or with wire.RecordFrom the
// record and all after it, up to 256 bytes. 0 is the newest; whether 1 is the
// newest as well, as ISO 7816-4 counts, no recording shows.
func (c *Card) ISOReadRecords(ctx context.Context, file FileNo, first uint8, mode wire.RecordsMode) ([]byte, error) {
	if err := c.acquire(); err != nil {
		return nil, err
	}
	defer c.release()
	cmd := &wire.ISOReadRecord{Record: first, Mode: mode, Length: 256}
	ef, err := shortEF(cmd.Spec().Name, file, 0)
	if err != nil {
		return nil, err
	}
	cmd.EF = ef.ID
	return c.isoRead(ctx, cmd, file, 256)
}

// ISOAppendRecord adds a record of at most the record size to a record file. It
// is pending until CommitTransaction.
func (c *Card) ISOAppendRecord(ctx context.Context, file FileNo, data []byte) error {
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.release()
	ef, err := shortEF("ISOAppendRecord", file, 0)
	if err != nil {
		return err
	}
	return c.run(ctx, request{cmd: &wire.ISOAppendRecord{EF: ef.ID, Data: data}, rsp: new(wire.Empty)})
}
