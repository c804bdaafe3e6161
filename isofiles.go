package desfire

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// ISO 7816-4 access to files, for cards and programs that know files by ISO
// name. Files are named by their number, which serves as short identifier.
// The commands travel in plain and need a free right; only a session of EV1
// lets a key grant it. A session of EV2 or LRP refuses them. See ReadData and
// its like for everything else.

// SelectByName selects an application, or the card with wire.PICCName, by its
// ISO name of 1 to 16 bytes. It ends the session and drops whatever is pending.
// fci is the content of the application's file 1F, where there is one.
// A transaction MAC counter at its limit is no error here: the data commands
// will be refused.
func (c *Card) SelectByName(ctx context.Context, name []byte) (fci []byte, err error) {
	rsp := new(wire.Data)
	cmd := &wire.ISOSelect{By: wire.SelectByName, Name: name, P2: wire.SelectFCI, Length: 256}
	if c.gen == wire.NTAG424 || string(name) == string(wire.PICCName[:]) {
		cmd.P2, cmd.Length = wire.SelectNoData, 0 // neither has such a file
	}
	err = c.selectISO(ctx, cmd, rsp)
	return rsp.Data, err
}

// SelectByFID selects by ISO identifier: the card (wire.PICCFID), an
// application, or a file of the selected application. Selecting a file keeps
// the session and what is pending; whether it is one the card decides, so
// within a session SelectFile is the better choice.
func (c *Card) SelectByFID(ctx context.Context, id wire.ISOFID) error {
	return c.selectISO(ctx, &wire.ISOSelect{By: wire.SelectByID, FID: id, WithFID: true, P2: wire.SelectNoData}, new(wire.Data))
}

// SelectFile selects a file of the selected application by its ISO identifier.
func (c *Card) SelectFile(ctx context.Context, id wire.ISOFID) error {
	return c.selectISO(ctx, &wire.ISOSelect{By: wire.SelectEF, FID: id, WithFID: true, P2: wire.SelectNoData}, new(wire.Data))
}

func (c *Card) selectISO(ctx context.Context, cmd *wire.ISOSelect, rsp *wire.Data) error {
	err := c.Run(ctx, cmd, rsp)
	if errors.Is(err, wire.StatusISOLimitReached) {
		return nil
	}
	return err
}

// SelectedFile in place of a file number means the file that SelectFile has
// selected.
const SelectedFile FileNo = 0

// ReadBinary reads length bytes of a standard or backup file from offset on;
// length 0 means up to the end. The end of the file ends the reading without an
// error. In an EV1 session the answers of a file in MAC mode carry a MAC, which
// is checked; for that the file's settings must be known (FileSettings), and
// file must not be SelectedFile.
func (c *Card) ReadBinary(ctx context.Context, file FileNo, offset, length int) ([]byte, error) {
	if !c.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	defer c.busy.Store(false)
	maced, err := c.isoMACed(file, (*wire.ReadData)(nil).Spec())
	if err != nil {
		return nil, err
	}
	fs := c.state.files[file]
	switch {
	case length < 0:
		return nil, &ArgumentError{"ISOReadBinary", fmt.Errorf("length %d: want 0 or more", length)}
	case length == 0 && fs != nil && file != SelectedFile && int(fs.Size) > offset:
		length = int(fs.Size) - offset
	case length == 0 && (c.state.channel != nil || c.state.pending && c.gen.Has(wire.FeatureTransactions)):
		// Reading until the card refuses would cost that.
		return nil, &ArgumentError{"ISOReadBinary", errors.New("in a session, or with changes that may be pending, state the length")}
	}
	per := 256
	if maced {
		per -= isoMAC
	}
	var data []byte
	for ef := file; ; ef = SelectedFile { // the first command selects it
		at, err := shortEF("ISOReadBinary", ef, offset+len(data))
		if err != nil {
			return nil, err
		}
		want := per
		if length > 0 {
			want = min(per, length-len(data))
		}
		part, err := c.readBinary(ctx, &wire.ISOReadBinary{EF: at, Offset: uint16(offset + len(data)), Length: want}, maced)
		switch {
		case err != nil && length == 0 && len(data) > 0 && beyondEnd(err):
			return data, nil
		case err != nil:
			return nil, err
		}
		data = append(data, part...)
		if len(part) < want || len(data) == length {
			return data, nil
		}
	}
}

// isoMAC is the length of the MAC in an EV1 session. It counts in Le.
const isoMAC = 8

// readBinary is one READ BINARY.
func (c *Card) readBinary(ctx context.Context, cmd *wire.ISOReadBinary, maced bool) ([]byte, error) {
	if maced {
		cmd.Length += isoMAC
	}
	rsp := new(wire.Data)
	if err := c.run(ctx, cmd, rsp); err != nil {
		return nil, err
	}
	return c.openISO(cmd, rsp.Data, maced)
}

// openISO checks the MAC of an answer in an EV1 session. It covers data and 00,
// with the session's running value, which the command has not moved (command
// reference 15).
func (c *Card) openISO(cmd wire.Command, data []byte, maced bool) ([]byte, error) {
	if !maced {
		return data, nil
	}
	plain, err := c.state.channel.Open(nil, securemsg.Message{Data: data, Mode: wire.CommMAC})
	if err != nil {
		name := cmd.Spec().Name
		c.state.lose("the answer to " + name + " was not authentic")
		return nil, &IntegrityError{name, err}
	}
	return plain, nil
}

// isoMACed reports whether the answers of a reading ISO command carry a MAC.
// native is the command with the same right.
func (c *Card) isoMACed(file FileNo, native *wire.Spec) (bool, error) {
	if c.state.scheme() != wire.SchemeEV1 || file == SelectedFile {
		return false, nil
	}
	fs := c.state.files[file]
	if fs == nil {
		return false, &ArgumentError{"ISO read", fmt.Errorf("the settings of file %d are not known, and they say whether answers carry a MAC: call FileSettings before Authenticate, or SetFileSettings", file)}
	}
	switch c.effective(native, fs) {
	case wire.CommMAC:
		return true, nil
	case wire.CommFull:
		return false, &ArgumentError{"ISO read", fmt.Errorf("file %d is enciphered, which ISO commands cannot read: use %s", file, native.Name)}
	}
	return false, nil
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
func shortEF(command string, file FileNo, offset int) (wire.ShortEF, error) {
	switch {
	case offset < 0 || offset > maxISOOffset:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("offset %d: want 0 to %d", offset, maxISOOffset)}
	case file == SelectedFile:
		return wire.ShortEF{}, nil
	case file > maxShortEF:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("file %d: ISO commands take 1 to %d, or the file that SelectFile has selected", file, maxShortEF)}
	case offset > maxShortOffset:
		return wire.ShortEF{}, &ArgumentError{command, fmt.Errorf("offset %d: with a file number want 0 to %d; for more select the file (SelectFile)", offset, maxShortOffset)}
	}
	return wire.ShortEF{ID: uint8(file), InP1: true}, nil
}

// UpdateBinary writes into a standard file at once, into a backup file pending
// until CommitTransaction.
func (c *Card) UpdateBinary(ctx context.Context, file FileNo, offset int, data []byte) error {
	const per = 255
	if !c.busy.CompareAndSwap(false, true) {
		return ErrBusy
	}
	defer c.busy.Store(false)
	for done := 0; ; done += per {
		ef, err := shortEF("ISOUpdateBinary", file, offset+done)
		if err == nil {
			err = c.run(ctx, &wire.ISOUpdateBinary{EF: ef, Offset: uint16(offset + done), Data: data[done:min(done+per, len(data))]}, new(wire.Empty))
		}
		switch {
		case err != nil && done > 0:
			return &PartialWriteError{file, done, err}
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
	if !c.busy.CompareAndSwap(false, true) {
		return nil, ErrBusy
	}
	defer c.busy.Store(false)
	maced, err := c.isoMACed(file, (*wire.ReadRecords)(nil).Spec())
	if err != nil {
		return nil, err
	}
	ef, err := shortEF("ISOReadRecord", file, 0)
	if err != nil {
		return nil, err
	}
	cmd, rsp := &wire.ISOReadRecord{Record: first, EF: ef.ID, Mode: mode, Length: 256}, new(wire.Data)
	if err := c.run(ctx, cmd, rsp); err != nil {
		return nil, err
	}
	return c.openISO(cmd, rsp.Data, maced)
}

// ISOAppendRecord adds a record of at most the record size to a record file. It
// is pending until CommitTransaction.
func (c *Card) ISOAppendRecord(ctx context.Context, file FileNo, data []byte) error {
	ef, err := shortEF("ISOAppendRecord", file, 0)
	if err != nil {
		return err
	}
	_, err = Do(ctx, c, &wire.ISOAppendRecord{EF: ef.ID, Data: data})
	return err
}
