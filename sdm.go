package desfire

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/sdm"
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
	// Reopen opens the session again, from the selection on, as it was when
	// ProvisionSDM was called. It is called to undo what was done when a step failed:
	// the error has ended the session. nil undoes nothing.
	Reopen func(ctx context.Context, card *Card) error
}

// ProvisionSDM writes the content of a file and switches secure dynamic
// messaging on. It needs a session that may write the file and change its
// settings, as they were before, and knows these from FileSettings. The card
// counts from 0 again.
//
// Whatever the card would refuse is an error before anything is written; see
// CheckSDM. At the end the settings are read again and compared. What fails once
// something may have been written is a *ProvisionError, which says what the file
// holds; with Reopen the old content and the old settings are put back. If the
// card was lost, present it again and repeat it: it takes up whatever was done.
//
// Sources say that on EV3 the file must have been created with wire.OptionSDM.
func (c *Card) ProvisionSDM(ctx context.Context, f *SDMFile) error {
	old, err := c.checkSDM(ctx, f)
	if err != nil {
		return err
	}
	p := &provisioning{card: c, f: f, old: old, change: settingsChange(f, old)}
	return p.run(ctx)
}

// CheckSDM reports what ProvisionSDM would refuse, without writing anything: no
// standard file, or one that is too small, keys that are not there, places that
// overlap or do not fit the file, rights that the session lacks, mirrors that do not
// go together.
func (c *Card) CheckSDM(ctx context.Context, f *SDMFile) error {
	_, err := c.checkSDM(ctx, f)
	return err
}

// CanShowSDM reports whether the card can show messages in a file of this number
// at all: nil, an *UnsupportedError or an *ArgumentError. Nothing is sent.
func (c *Card) CanShowSDM(file FileNo) error {
	switch {
	case !c.gen.Has(wire.FeatureFileCounters):
		return &UnsupportedError{"secure dynamic messaging", c.gen, "it lacks " + wire.FeatureFileCounters.String()}
	case c.gen == wire.NTAG424 && file != ntag424SDM:
		return &ArgumentError{provisionSDM, fmt.Errorf("file %d of an %v card shows no messages: only file %d does", file, c.gen, ntag424SDM)}
	}
	return nil
}

const provisionSDM = "ProvisionSDM"

// Facts of NTAG 424 DNA.
const (
	ntag424Keys        = 5
	ntag424SDM  FileNo = 2 // its only file that mirrors
)

// checkSDM is CheckSDM; it returns the settings that the file has.
func (c *Card) checkSDM(ctx context.Context, f *SDMFile) (*wire.FileSettings, error) {
	if err := c.CanShowSDM(f.File); err != nil {
		return nil, err
	}
	if err := c.acquire(); err != nil {
		return nil, err
	}
	fs := c.knownSettings(f.File)
	c.release()
	wrong := func(format string, args ...any) (*wire.FileSettings, error) {
		return nil, &ArgumentError{provisionSDM, fmt.Errorf(format, args...)}
	}
	switch {
	case fs == nil:
		return wrong("the settings of file %d are not known: call FileSettings first", f.File)
	case fs.Type != wire.FileStandard:
		return wrong("file %d is not a standard file: no other shows messages", f.File)
	case len(f.Content) > int(fs.Size):
		return wrong("%d bytes do not fit file %d, which has %d", len(f.Content), f.File, fs.Size)
	}
	keys := c.countKeys(ctx)
	if err := sdm.Check(&f.SDM, sdm.Site{Size: fs.Size, Keys: keys, LRP: c.usesLRP()}); err != nil {
		return wrong("%w", err)
	}
	if err := c.mayProvision(f, fs, keys); err != nil {
		return nil, err
	}
	own := *fs
	return &own, nil
}

// countKeys is how many keys the application has; 0 if asking might end the
// session, or did not help.
func (c *Card) countKeys(ctx context.Context) int {
	if c.gen == wire.NTAG424 {
		return ntag424Keys
	}
	if s, ok := c.Session(); !ok || s.KeyNo != 0 {
		return 0
	}
	ks, err := c.KeySettings(ctx)
	if err != nil {
		return 0
	}
	return ks.KS2.Keys()
}

func (c *Card) usesLRP() bool {
	s, ok := c.Session()
	return ok && s.Scheme == wire.SchemeLRP
}

// mayProvision judges rights: those that the session has, and those that the file
// shall have.
func (c *Card) mayProvision(f *SDMFile, fs *wire.FileSettings, keys int) error {
	if f.Access != nil && keys > 0 {
		for _, who := range []wire.Access{f.Access.Read, f.Access.Write, f.Access.ReadWrite, f.Access.Change} {
			if who < wire.Free && int(who) >= keys {
				return &ArgumentError{provisionSDM, fmt.Errorf("the rights name key %d, and the application has %d: 0 to %d", who, keys, keys-1)}
			}
		}
	}
	if fs.Access.Change == wire.Never {
		return &ArgumentError{provisionSDM, fmt.Errorf("the settings of file %d can never be changed again", f.File)}
	}
	s, ok := c.Session()
	if c.conf.Unguarded || fs.Access.Change == wire.Free {
		return nil
	}
	if !ok || wire.Access(s.KeyNo) != fs.Access.Change {
		return &ArgumentError{provisionSDM, fmt.Errorf("the settings of file %d are changed with key %d: it needs a session with that", f.File, fs.Access.Change)}
	}
	return nil
}

// settingsChange is the command that switches the messages on.
func settingsChange(f *SDMFile, old *wire.FileSettings) *wire.ChangeFileSettings {
	mirrors := f.SDM
	cmd := &wire.ChangeFileSettings{
		File: f.File, Option: old.Option | wire.OptionSDM, Access: old.Access, Additional: old.Additional, SDM: &mirrors,
	}
	if f.Access != nil {
		cmd.Access = *f.Access
	}
	return cmd
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
