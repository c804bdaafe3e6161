package desfire

import (
	"context"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// follows is the file whose mode a command follows, if it follows one.
func follows(cmd wire.Command) (no FileNo, ok bool) {
	if rule := cmd.Spec().Rule; rule != wire.RuleRead && rule != wire.RuleWrite {
		return 0, false
	}
	return wire.FileOf(cmd)
}

// protection is how the data side of a command travels.
type protection struct {
	mode        wire.CommMode // of the file, as far as the command follows one
	ftype       wire.FileType
	unprotected bool // the mode is not full, and nothing protected the settings that say so
}

// protect decides how a command travels. It may ask the card for the settings
// of a file.
func (c *Card) protect(ctx context.Context, r *request) (protection, error) {
	spec := r.cmd.Spec()
	if m, ok := r.cmd.(*wire.ChangeFileSettings); ok {
		return protection{mode: c.changeMode(m.File), ftype: wire.FileUnknown}, nil
	}
	if spec.Class == wire.ClassISO {
		return protection{ftype: wire.FileUnknown}, c.protectISO(ctx, r)
	}
	no, ok := follows(r.cmd)
	if !ok {
		return protection{ftype: wire.FileUnknown}, nil
	}
	if c.state.channel == nil {
		fs, err := c.inClear(ctx, r.cmd, spec, no)
		if err != nil || fs == nil {
			return protection{ftype: wire.FileUnknown}, err
		}
		return protection{ftype: fs.Type}, nil
	}
	f, err := c.settled(ctx, r.cmd, no)
	if err != nil {
		return protection{}, err
	}
	if c.state.channel == nil {
		return protection{}, &SessionLostError{spec.Name, c.state.gone}
	}
	opened := c.state.channel.Info().KeyNo
	mode := effective(spec, &f.FileSettings, opened)
	p := protection{mode, f.Type, f.origin == fromClear && mode != wire.CommFull}
	switch {
	case !c.conf.Unguarded && !no.Secondary() && !grants(spec, &f.FileSettings, wire.Access(opened)) && !grants(spec, &f.FileSettings, wire.Free):
		return p, &NoRightError{spec.Name, no, opened, f.Access}
	case p.unprotected && c.conf.RequireProtected:
		return p, &ProtectionError{spec.Name, ClearSettings, fmt.Sprintf("the settings of file %d, which say that it is not enciphered, came in clear, and nothing protects them in a %v session: state them with AssumeFileSettings", no, c.state.scheme())}
	case spec.Rule == wire.RuleWrite && mode != wire.CommFull:
		return p, c.keepSecret(spec, no, &f.FileSettings)
	}
	return p, nil
}

// inClear finds the settings of a file that a command is to reach without a
// session; nil if they are not known. Before data go out they are asked for,
// once: an enciphered file that wants a key must not get them in clear.
func (c *Card) inClear(ctx context.Context, cmd wire.Command, spec *wire.Spec, no FileNo) (*wire.FileSettings, error) {
	fs := c.settingsOf(no)
	if spec.Rule != wire.RuleWrite {
		return fs, nil
	}
	if fs == nil && carriesData(cmd) && !c.mayTell() {
		if _, err := c.settled(ctx, cmd, no); err != nil && Refusal(err) == nil {
			return nil, err
		}
		fs = c.settingsOf(no)
	}
	if fs == nil {
		return nil, nil
	}
	return fs, c.keepSecret(spec, no, fs)
}

// carriesData reports whether a command writes bytes of the caller's.
func carriesData(cmd wire.Command) bool {
	switch cmd.(type) {
	case *wire.WriteData, *wire.WriteDataISO, *wire.WriteRecord, *wire.WriteRecordISO, *wire.UpdateRecord, *wire.UpdateRecordISO:
		return true
	}
	return isoWrites(cmd) != nil
}

// mayTell reports whether the caller allows secrets in clear.
func (c *Card) mayTell() bool { return c.state.clearSecrets || c.conf.Unguarded }

// keepSecret refuses to write into an enciphered file in clear, unless the
// right is free.
func (c *Card) keepSecret(spec *wire.Spec, no FileNo, fs *wire.FileSettings) error {
	if c.mayTell() || fs.Comm() != wire.CommFull || grants(spec, fs, wire.Free) {
		return nil
	}
	return &ProtectionError{spec.Name, ClearData, fmt.Sprintf("file %d is enciphered and its data would go out in clear: authenticate with a key that may write it (%v), or say AllowSecretsInClear", no, fs.Access)}
}

// effective is the reader's judgement: the file's mode counts only where the
// key of the session grants the access; what is merely free is plain, even in a
// session.
func effective(spec *wire.Spec, fs *wire.FileSettings, key KeyNo) wire.CommMode {
	if grants(spec, fs, wire.Access(key)) {
		return fs.Comm()
	}
	return wire.CommPlain
}

// grants reports whether a key, or everybody if it is Free, has the right that
// a command needs.
func grants(spec *wire.Spec, fs *wire.FileSettings, key wire.Access) bool {
	if spec.INS == wire.InsGetValue && key == wire.Free && fs.Flags.Has(wire.ValueFreeGet) {
		return true // if any right is possible at all, which the card judges
	}
	in := func(r wire.AccessRights) bool {
		switch spec.INS {
		case wire.InsReadData, wire.InsReadDataISO, wire.InsReadRecords, wire.InsReadRecordsISO:
			return r.Read == key || r.ReadWrite == key
		case wire.InsWriteData, wire.InsWriteDataISO, wire.InsWriteRecord, wire.InsWriteRecordISO, wire.InsLimitedCredit:
			return r.Write == key || r.ReadWrite == key
		case wire.InsGetValue, wire.InsDebit:
			return r.Read == key || r.Write == key || r.ReadWrite == key
		}
		return r.ReadWrite == key // Credit, UpdateRecord, RestoreTransfer
	}
	if in(fs.Access) {
		return true
	}
	for _, r := range fs.Additional {
		if in(r) {
			return true
		}
	}
	return false
}

// changeMode is the mode of ChangeFileSettings: plain in D40 and EV1 sessions
// where the Change right is free and known to be (command reference 5.2;
// libfreefare, nfcjlib, DESFireAES and liblogicalaccess agree). For EV2 sessions
// the sources differ, and it is enciphered.
func (c *Card) changeMode(no FileNo) wire.CommMode {
	scheme := c.state.scheme()
	f := c.facts(no)
	known := f != nil && (f.origin > fromClear || f.origin == fromClear && scheme == wire.SchemeD40)
	if known && f.Access.Change == wire.Free && (scheme == wire.SchemeD40 || scheme == wire.SchemeEV1) {
		return wire.CommPlain
	}
	return wire.CommFull
}

// carriesKey reports whether a command carries key bytes that only a session
// enciphers.
func carriesKey(cmd wire.Command) bool {
	var m wire.Message = cmd
	if set, ok := cmd.(*wire.SetConfiguration); ok {
		m = set.Setting
	}
	return wire.Redacted(m) != m
}
