package desfire

import (
	"context"
	"errors"

	"github.com/go-desfire/desfire/wire"
)

// Files lists the files of the selected application, in a slice of the caller's.
func (c *Card) Files(ctx context.Context) ([]FileNo, error) {
	m, err := Do(ctx, c, &wire.GetFileIDs{})
	return m.Files, err
}

// FileSettings are the settings of a file, the caller's own. They are
// remembered for as long as the Card lives: told in a session with MACs, they
// tell later commands how data travel; told in clear they may be forged, and
// are only a hint.
func (c *Card) FileSettings(ctx context.Context, file FileNo) (*wire.FileSettings, error) {
	return Do(ctx, c, &wire.GetFileSettings{File: file})
}

// ChangeFileSettings changes the communication mode and the rights of a file,
// and its secure dynamic messaging. It needs the key that the file's Change
// right names; where that is free, a D40 or EV1 session must know it (see
// FileSettings). What the command leaves out the card drops: further sets of
// rights, SDM.
func (c *Card) ChangeFileSettings(ctx context.Context, change *wire.ChangeFileSettings) error {
	_, err := Do(ctx, c, change)
	return err
}

// CreateFile creates a file of any type: cmd is one of the Create commands of
// package wire.
func (c *Card) CreateFile(ctx context.Context, cmd wire.FileCreation) error {
	_, err := Do(ctx, c, cmd)
	return err
}

// DeleteFile deletes a file. Its memory comes back with FormatPICC only.
func (c *Card) DeleteFile(ctx context.Context, file FileNo) error {
	_, err := Do(ctx, c, &wire.DeleteFile{File: file})
	return err
}

// ReadData reads length bytes of a standard, backup or transaction MAC file
// from offset on. Length 0 means up to the end. Beyond the end the card
// answers wire.StatusBoundaryError. It takes the path with the fewest
// exchanges; see Path. The data are the caller's own.
func (c *Card) ReadData(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	return c.byPath("ReadData", func() ([]byte, error) { return c.readData(ctx, file, offset, length) })
}

func (c *Card) readData(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	iso := &wire.ReadDataISO{ReadData: wire.ReadData{File: file, Offset: offset, Length: length}}
	t, err := c.plan(ctx, iso, 0)
	if err != nil {
		return nil, err
	}
	if length == 0 && t.known != nil && offset < t.known.Size {
		iso.Length = t.known.Size - offset
	}
	rsp := new(wire.Data)
	switch n := int(iso.Length); {
	case !c.iso(t, n, false):
		err := c.run(ctx, request{cmd: &iso.ReadData, rsp: rsp})
		return rsp.Data, err
	case n == 0:
		err := c.runLong(ctx, iso, rsp, false)
		return rsp.Data, err
	default:
		return c.readAll(t, n, func(off, n int, long bool) ([]byte, error) {
			iso.Offset, iso.Length = offset+uint32(off), uint32(n)
			err := c.runLong(ctx, iso, rsp, long)
			return rsp.Data, err
		})
	}
}

// WriteData writes into a standard file at once, into a backup file pending
// until CommitTransaction. A write of several frames to a standard file that
// breaks off may be done in part; see PartialWriteError. It takes the path
// with the fewest exchanges, and several commands only where the settings of
// the file are known and the data fits it.
func (c *Card) WriteData(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	_, err := c.byPath("WriteData", func() ([]byte, error) { return nil, c.writeData(ctx, file, offset, data) })
	return err
}

func (c *Card) writeData(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	iso := &wire.WriteDataISO{WriteData: wire.WriteData{File: file, Offset: offset, Data: data}}
	t, err := c.plan(ctx, iso, dataHeader)
	if err != nil {
		return err
	}
	inside := t.known != nil && uint64(offset)+uint64(len(data)) <= uint64(t.known.Size)
	if !c.iso(t, len(data), !inside) {
		return c.run(ctx, request{cmd: &iso.WriteData, rsp: new(wire.Empty)})
	}
	for done := 0; ; done += t.per {
		iso.Offset, iso.Data = offset+uint32(done), data[done:min(done+t.per, len(data))]
		if err := c.runLong(ctx, iso, new(wire.Empty), false); err != nil {
			var unknown *OutcomeUnknownError
			switch {
			case done > 0:
				return &PartialWriteError{file, done, err}
			case len(data) > t.per && errors.As(err, &unknown):
				unknown.Partial = true
			}
			return err
		}
		if done+t.per >= len(data) {
			return nil
		}
	}
}

// dataHeader is the length of FileNo, Offset and Length.
const dataHeader = 7
