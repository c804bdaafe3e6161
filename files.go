package desfire

import (
	"context"

	"github.com/go-desfire/desfire/wire"
)

// Files lists the files of the selected application.
func (c *Card) Files(ctx context.Context) ([]FileNo, error) {
	m, err := Do(ctx, c, &wire.GetFileIDs{})
	return m.Files, err
}

// FileSettings are the settings of a file. They are remembered until another
// application is selected, and tell later commands the communication mode.
func (c *Card) FileSettings(ctx context.Context, file FileNo) (*wire.FileSettings, error) {
	fs, err := Do(ctx, c, &wire.GetFileSettings{File: file})
	if err != nil {
		return nil, err
	}
	c.keep(file, fs)
	return fs, nil
}

// CreateFile creates a file of any type: cmd is one of the Create commands of
// package wire.
func (c *Card) CreateFile(ctx context.Context, cmd wire.Request[*wire.Empty]) error {
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
// exchanges; see Path.
func (c *Card) ReadData(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	return c.byPath(func() ([]byte, error) { return c.readData(ctx, file, offset, length) })
}

func (c *Card) readData(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	iso := new(wire.ReadDataISO)
	t, err := c.plan(ctx, iso.Spec(), file, 0)
	if err != nil {
		return nil, err
	}
	if length == 0 && t.known != nil && offset < t.known.Size {
		length = t.known.Size - offset
	}
	rsp := new(wire.Data)
	if t.path == PathChained || c.gen.Has(wire.FeatureClassic) && length <= small {
		err := c.run(ctx, &wire.ReadData{File: file, Offset: offset, Length: length}, rsp)
		return rsp.Data, err
	}
	iso.File = file
	if length == 0 {
		iso.Offset = offset
		err := c.runLong(ctx, iso, rsp, false)
		return rsp.Data, err
	}
	return c.readAll(t, int(length), func(off, n int, long bool) ([]byte, error) {
		iso.Offset, iso.Length = offset+uint32(off), uint32(n)
		err := c.runLong(ctx, iso, rsp, long)
		return rsp.Data, err
	})
}

// WriteData writes into a standard file at once, into a backup file pending
// until CommitTransaction. A write of several frames to a standard file that
// breaks off may be done in part; see PartialWriteError. It takes the path
// with the fewest exchanges, and several commands only where the settings of
// the file are known and the data fits it.
func (c *Card) WriteData(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	_, err := c.byPath(func() ([]byte, error) { return nil, c.writeData(ctx, file, offset, data) })
	return err
}

func (c *Card) writeData(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	iso := new(wire.WriteDataISO)
	t, err := c.plan(ctx, iso.Spec(), file, dataHeader)
	if err != nil {
		return err
	}
	classic := c.gen.Has(wire.FeatureClassic)
	whole := len(data) <= t.per
	inside := t.known != nil && uint64(offset)+uint64(len(data)) <= uint64(t.known.Size)
	if t.path == PathChained || classic && (len(data) <= small || !whole && !inside) {
		return c.run(ctx, &wire.WriteData{File: file, Offset: offset, Data: data}, new(wire.Empty))
	}
	iso.File = file
	for done := 0; ; done += t.per {
		iso.Offset, iso.Data = offset+uint32(done), data[done:min(done+t.per, len(data))]
		if err := c.runLong(ctx, iso, new(wire.Empty), false); err != nil {
			if done > 0 {
				err = &PartialWriteError{file, done, err}
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
