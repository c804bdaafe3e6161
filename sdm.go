package desfire

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// SDMFile is a standard file that shall show secure dynamic messages (EV3, NTAG
// 424 DNA): to whoever reads it without authentication, its content with UID,
// counter and MAC of the card mirrored into it.
type SDMFile struct {
	File FileNo
	// Content is written to the start of the file, and SDM says where in it the
	// card mirrors: sdm.Template makes both.
	Content []byte
	SDM     wire.SDM
	// Access are the rights that the file shall have; nil keeps what it has.
	// Phones read where Read is Free.
	Access *wire.AccessRights
}

// ProvisionSDM writes the content of a file and switches secure dynamic
// messaging on. It needs a session that may write the file and change its
// settings, as they were before, and knows these from FileSettings. The card
// counts from 0 again.
//
// Sources say that on EV3 the file must have been created with wire.OptionSDM.
// If it breaks off, repeat it.
func (c *Card) ProvisionSDM(ctx context.Context, f *SDMFile) error {
	const name = "ProvisionSDM"
	if !c.gen.Has(wire.FeatureFileCounters) {
		return &UnsupportedError{name, c.gen, "it lacks " + wire.FeatureFileCounters.String()}
	}
	if err := c.acquire(); err != nil {
		return err
	}
	fs := c.knownSettings(f.File)
	c.release()
	switch {
	case fs == nil:
		return &ArgumentError{name, fmt.Errorf("the settings of file %d are not known: call FileSettings first", f.File)}
	case fs.Type != wire.FileStandard:
		return &ArgumentError{name, fmt.Errorf("file %d is not a standard file", f.File)}
	case len(f.Content) > int(fs.Size):
		return &ArgumentError{name, fmt.Errorf("%d bytes do not fit file %d, which has %d", len(f.Content), f.File, fs.Size)}
	}
	mirrors := f.SDM
	cmd := &wire.ChangeFileSettings{
		File: f.File, Option: fs.Option | wire.OptionSDM, Access: fs.Access, Additional: fs.Additional, SDM: &mirrors,
	}
	if f.Access != nil {
		cmd.Access = *f.Access
	}
	if len(f.Content) > 0 {
		if err := c.WriteData(ctx, f.File, 0, f.Content); err != nil {
			return err
		}
	}
	return c.ChangeFileSettings(ctx, cmd)
}

// SDMReadCounter is how often a file with secure dynamic messaging was read. Who
// may ask stands in the file's settings.
func (c *Card) SDMReadCounter(ctx context.Context, file FileNo) (uint32, error) {
	rsp, err := Do(ctx, c, &wire.GetFileCounters{File: file})
	if err != nil {
		return 0, err
	}
	return rsp.SDMReadCtr, nil
}
