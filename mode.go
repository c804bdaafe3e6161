package desfire

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// followed is the file whose mode a command follows, if it follows one.
func followed(spec *wire.Spec, body []byte) (no FileNo, ok bool) {
	if spec.Rule != wire.RuleRead && spec.Rule != wire.RuleWrite || len(body) == 0 {
		return 0, false
	}
	return FileNo(body[0]), true
}

// learn makes sure that a session knows the settings of the file that a command
// follows: from the cache of the selected application (SetFileSettings,
// FileSettings), else from one GetFileSettings where Config allows that, and
// never while something is pending. It tells whether it asked the card, which
// uses the buffers of the command.
func (c *Card) learn(ctx context.Context, spec *wire.Spec, no FileNo) (asked bool, err error) {
	if c.state.channel == nil || c.state.files[no] != nil {
		return false, nil
	}
	if !c.conf.LookUpSettings || c.state.pending {
		return false, &ArgumentError{spec.Name, fmt.Errorf("the settings of file %d are not known, and asking the card now could cost the session: call FileSettings before Authenticate, or SetFileSettings", no)}
	}
	fs := new(wire.FileSettings)
	if err := c.run(ctx, &wire.GetFileSettings{File: no}, fs); err != nil {
		return true, err
	}
	c.keep(no, fs)
	return true, nil
}

// modeOf is the effective communication mode of a command on a file, and the
// file's type. Outside a session everything is plain.
func (c *Card) modeOf(spec *wire.Spec, no FileNo) (wire.CommMode, wire.FileType) {
	fs := c.state.files[no]
	if fs == nil {
		return wire.CommPlain, wire.FileUnknown
	}
	return c.effective(spec, fs), fs.Type
}

// effective is the reader's judgement: the file's mode counts only where a key
// grants the access; what is merely free is plain, even in a session.
func (c *Card) effective(spec *wire.Spec, fs *wire.FileSettings) wire.CommMode {
	if c.state.channel == nil {
		return wire.CommPlain
	}
	key := wire.Access(c.state.channel.Info().KeyNo)
	grants := func(r wire.AccessRights) bool {
		switch spec.INS {
		case 0xBD, 0xAD, 0xBB, 0xAB: // reads: R or RW
			return r.Read == key || r.ReadWrite == key
		case 0x3D, 0x8D, 0x3B, 0x8B, 0x1C: // writes, LimitedCredit: W or RW
			return r.Write == key || r.ReadWrite == key
		case 0x6C, 0xDC: // GetValue, Debit: any of the three
			return r.Read == key || r.Write == key || r.ReadWrite == key
		}
		return r.ReadWrite == key // Credit, UpdateRecord
	}
	if grants(fs.Access) {
		return fs.Comm()
	}
	for _, r := range fs.Additional {
		if grants(r) {
			return fs.Comm()
		}
	}
	return wire.CommPlain
}

// changesFreely reports whether ChangeFileSettings goes in plain in a session:
// in D40 and EV1 sessions where the Change right is free and known to be
// (command reference 5.2; libfreefare, nfcjlib, DESFireAES and liblogicalaccess
// agree). For EV2 sessions the sources differ, and it is enciphered.
func (c *Card) changesFreely(scheme wire.Scheme, no FileNo) bool {
	fs := c.state.files[no]
	return fs != nil && fs.Access.Change == wire.Free && (scheme == wire.SchemeD40 || scheme == wire.SchemeEV1)
}

// SetFileSettings tells the card's settings of a file, so that they need not
// be asked for. They hold until another application is selected.
func (c *Card) SetFileSettings(no FileNo, fs wire.FileSettings) { c.keep(no, &fs) }

func (c *Card) keep(no FileNo, fs *wire.FileSettings) {
	if c.state.files == nil {
		c.state.files = make(map[FileNo]*wire.FileSettings)
	}
	c.state.files[no] = fs
}
