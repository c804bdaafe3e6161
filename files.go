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
// answers wire.StatusBoundaryError.
func (c *Card) ReadData(ctx context.Context, file FileNo, offset, length uint32) ([]byte, error) {
	m, err := Do(ctx, c, &wire.ReadData{File: file, Offset: offset, Length: length})
	return m.Data, err
}

// WriteData writes into a standard file at once, into a backup file pending
// until CommitTransaction. A write of several frames to a standard file that
// breaks off may be done in part.
func (c *Card) WriteData(ctx context.Context, file FileNo, offset uint32, data []byte) error {
	_, err := Do(ctx, c, &wire.WriteData{File: file, Offset: offset, Data: data})
	return err
}
