package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/unlock"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) fileCreateCommand() *cobra.Command {
	n := &newFile{tmac: keySpec{flag: "tmac-key"}}
	cmd := &cobra.Command{
		Use:   "create APP FILE TYPE",
		Short: "Make a file",
		Long: `Make a file of a TYPE:

  standard         --size bytes; writing is done at once
  backup           --size bytes; writing is done with a commit, takes twice the
                   memory
  value            --lower to --upper; --value is what it holds at first
  linear           --records of --record-size bytes, until it is full
  cyclic           the same, the oldest gives way; it holds one less than
                   --records, since one is the working copy
  transaction-mac  --tmac-key, an AES key of its own; EV2 and later, one an
                   application

It needs the master key of the application (--key), unless the application lets
everybody make files.

` + helpRights + `

What is not given is never, but --change is 0, the master key. A mode does not
protect what is free: that goes in plain outside a session.

` + helpFile,
		Args: wantsFile("TYPE"),
		Example: `  desfire file create F48121/1 standard --size 32 --read 1 --write 2 \
    --key @app.key
  desfire file create F48121/2 value --upper 1000 --debit 1 --credit 2 \
    --key @app.key
  desfire file create F48121/3 cyclic --record-size 16 --records 6 \
    --read free --write 1 --key @app.key
  desfire file create F48121/4 transaction-mac --tmac-key @tmac.key \
    --read free --key @app.key`,
		RunE: func(cmd *cobra.Command, args []string) error {
			t, rest, err := parseTarget(cmd, args)
			if err != nil {
				return err
			}
			if err := n.read(a, cmd, t, rest[0]); err != nil {
				return err
			}
			return a.withCardToChange(cmd, func(ctx context.Context, card *desfire.Card) error {
				return a.createFile(ctx, card, t, n)
			})
		},
	}
	n.register(cmd)
	return careful(cmd)
}

var fileTypes = []string{"standard", "backup", "value", "linear", "cyclic", "transaction-mac"}

// newFile is a file that is to be made, as flags say it.
type newFile struct {
	mode, isoID         string
	size                uint32
	lower, upper, value int32
	limited, freeGet    bool
	authenticated       bool
	recordSize, records uint32
	tmac                keySpec
	tmacKey             key.Exporter // tmac, once it was read
	rights              rightFlags

	settings wire.FileSettings // what all that makes
	fid      wire.ISOFID
}

func (n *newFile) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.mode, "mode", "full", "`HOW` data travel for who has a key: plain, mac or full")
	f.StringVar(&n.isoID, "iso-id", "", "ISO 7816 file identifier, two bytes in `HEX`")
	f.Uint32Var(&n.size, "size", 0, "`BYTES` of a standard or backup file")
	f.Int32Var(&n.lower, "lower", 0, "lowest value, a whole `NUMBER`")
	f.Int32Var(&n.upper, "upper", 0, "highest value, a whole `NUMBER`")
	f.Int32Var(&n.value, "value", 0, "`NUMBER` that it holds at first (default 0, or the nearest)")
	f.BoolVar(&n.limited, "limited-credit", false, "limited credit is possible")
	f.BoolVar(&n.freeGet, "free-get", false, "everybody may get the value (EV1 and later)")
	f.Uint32Var(&n.recordSize, "record-size", 0, "`BYTES` of a record")
	f.Uint32Var(&n.records, "records", 0, "`NUMBER` of records the file takes")
	f.StringVar(&n.tmac.spec, "tmac-key", "", "the transaction MAC `KEY`, as @FILE or env:NAME")
	f.BoolVar(&n.authenticated, "only-authenticated", false, "transaction MACs leave out what is done without a session")
	n.rights.register(cmd)
	_ = cmd.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]string{"plain", "mac", "full"}, cobra.ShellCompDirectiveNoFileComp))
}

// sizes are the flags that say how large a file of a type is, those in front that
// must be there.
var sizes = map[wire.FileType]struct{ must, may []string }{
	wire.FileStandard:       {[]string{"size"}, []string{"iso-id"}},
	wire.FileBackup:         {[]string{"size"}, []string{"iso-id"}},
	wire.FileValue:          {[]string{"upper"}, []string{"lower", "value", "limited-credit", "free-get"}},
	wire.FileLinearRecord:   {[]string{"record-size", "records"}, []string{"iso-id"}},
	wire.FileCyclicRecord:   {[]string{"record-size", "records"}, []string{"iso-id"}},
	wire.FileTransactionMAC: {[]string{"tmac-key"}, []string{"only-authenticated"}},
}

// read reads the flags of a file of a type.
func (n *newFile) read(a *app, cmd *cobra.Command, t target, typ string) error {
	usage := func(format string, args ...any) error { return &usageError{cmd, fmt.Errorf(format, args...)} }
	ft, err := wire.ParseFileType(typ)
	if err != nil {
		return &usageError{cmd, err}
	}
	if err := n.fits(cmd, ft); err != nil {
		return err
	}
	mode, err := wire.ParseCommMode(n.mode)
	if err != nil {
		return usage("--mode %q: want plain, mac or full", n.mode)
	}
	s := &n.settings
	*s = wire.FileSettings{
		Type: ft, Option: wire.FileOption(mode), Access: wire.AccessRights{Read: wire.Never, Write: wire.Never, ReadWrite: wire.Never},
		Size: n.size, RecordSize: n.recordSize, MaxRecords: n.records, Lower: n.lower, Upper: n.upper,
	}
	if n.fid, err = parseISOID(n.isoID); err != nil {
		return &usageError{cmd, err}
	}
	const max24 = 1<<24 - 1
	switch ft {
	case wire.FileStandard, wire.FileBackup:
		if n.size == 0 || n.size > max24 {
			return usage("--size %d: want 1 to %d bytes", n.size, max24)
		}
	case wire.FileLinearRecord, wire.FileCyclicRecord:
		least := uint32(1)
		if ft == wire.FileCyclicRecord {
			least = 2
		}
		switch {
		case n.recordSize == 0 || n.recordSize > max24:
			return usage("--record-size %d: want 1 to %d bytes", n.recordSize, max24)
		case n.records < least || n.records > max24:
			return usage("--records %d: want %d or more in a %v file", n.records, least, ft)
		}
	case wire.FileValue:
		if !cmd.Flags().Changed("value") {
			n.value = min(max(0, n.lower), n.upper)
		}
		if n.lower > n.value || n.value > n.upper {
			return usage("--lower %d, --value %d, --upper %d: want them in this order", n.lower, n.value, n.upper)
		}
		if n.limited {
			s.Flags |= wire.ValueLimitedCredit
		}
		if n.freeGet {
			s.Flags |= wire.ValueFreeGet
		}
	case wire.FileTransactionMAC:
		if err := a.readKeys(cmd, &n.tmac); err != nil {
			return err
		}
		var err error
		if n.tmacKey, err = n.tmac.bytes(); err != nil {
			return err
		}
		if n.tmac.key.Type() != key.TypeAES {
			return usage("--tmac-key is a %v key: want an AES key", n.tmac.key.Type())
		}
		s.TMKeyOption, s.TMKeyVersion = wire.TMKeyAES, wire.KeyVersion(n.tmac.key.Version())
	}
	said, further, err := n.rights.set(cmd)
	if err != nil {
		return err
	}
	if err := applyRights(cmd, s, said, further); err != nil {
		return err
	}
	if n.authenticated {
		s.Option |= wire.OptionTMIExclude
		if s.Access.ReadWrite == wire.Free {
			return usage("--only-authenticated does not go with --name-reader free")
		}
	}
	if !speaksOfUse(said, further) {
		words := make([]string, 0, 3)
		for _, r := range inspect.WrittenRights(ft) {
			if r != inspect.RightChange {
				words = append(words, "--"+string(r))
			}
		}
		return usage("who may use it? want %s: a key number, free or never", strings.Join(words, ", "))
	}
	if g, _ := inspect.RightsOf(s).Of(inspect.ActLimitedCredit); n.limited && !g.Possible() {
		return usage("--limited-credit without --refund or --credit: nobody could do it")
	}
	return nil
}

// fits checks that the flags are those of a type.
func (n *newFile) fits(cmd *cobra.Command, ft wire.FileType) error {
	allowed := slices.Concat(sizes[ft].must, sizes[ft].may)
	for _, list := range sizes {
		for _, flag := range slices.Concat(list.must, list.may) {
			if cmd.Flags().Changed(flag) && !slices.Contains(allowed, flag) {
				return &usageError{cmd, fmt.Errorf("--%s does not go with a %v file: it has %s", flag, ft, "--"+strings.Join(allowed, ", --"))}
			}
		}
	}
	for _, flag := range sizes[ft].must {
		if !cmd.Flags().Changed(flag) {
			return &usageError{cmd, fmt.Errorf("--%s missing for a %v file", flag, ft)}
		}
	}
	return nil
}

// command makes the file.
func (n *newFile) command(no wire.FileNo) wire.FileCreation {
	s := &n.settings
	switch s.Type {
	case wire.FileStandard:
		return &wire.CreateStdDataFile{File: no, FID: n.fid, Option: s.Option, Access: s.Access, Size: s.Size}
	case wire.FileBackup:
		return &wire.CreateBackupDataFile{File: no, FID: n.fid, Option: s.Option, Access: s.Access, Size: s.Size}
	case wire.FileValue:
		return &wire.CreateValueFile{File: no, Option: s.Option, Access: s.Access, Lower: s.Lower, Upper: s.Upper, Value: n.value, Flags: s.Flags}
	case wire.FileLinearRecord:
		return &wire.CreateLinearRecordFile{File: no, FID: n.fid, Option: s.Option, Access: s.Access, RecordSize: s.RecordSize, MaxRecords: s.MaxRecords}
	case wire.FileCyclicRecord:
		return &wire.CreateCyclicRecordFile{File: no, FID: n.fid, Option: s.Option, Access: s.Access, RecordSize: s.RecordSize, MaxRecords: s.MaxRecords}
	}
	return &wire.CreateTransactionMACFile{File: no, Option: s.Option, Access: s.Access, KeyOption: s.TMKeyOption, Key: wire.NewSecret(n.tmacKey.Export()), KeyVersion: s.TMKeyVersion}
}

// possible tells whether a card of this generation can have such a file.
func (n *newFile) possible(card *desfire.Card, no wire.FileNo) error {
	g := card.Generation()
	switch tmac := n.settings.Type == wire.FileTransactionMAC; {
	case !g.Has(wire.FeatureApplications) && !(tmac && g.Has(wire.FeatureTMAC)):
		return errFixed(card)
	case tmac && !g.Has(wire.FeatureTMAC):
		return lacks(card, "transaction MAC: it came with EV2")
	case n.fid != 0 && !g.Has(wire.FeatureISOFiles):
		return lacks(card, "ISO identifiers")
	case n.freeGet && !g.Has(wire.FeatureEV1Commands):
		return lacks(card, "free reading of values: --free-get came with EV1")
	case len(n.settings.Additional) > 0 && !g.Has(wire.FeatureAdditionalAR):
		return lacks(card, "further sets of rights: they came with EV2")
	case g == wire.D40 && no > 15: // command reference 3.11
		return lacks(card, fmt.Sprintf("file %v: it has 0 to 15", no))
	}
	return nil
}

func (a *app) createFile(ctx context.Context, card *desfire.Card, t target, n *newFile) error {
	if err := n.possible(card, t.file); err != nil {
		return err
	}
	need := unlock.Create
	if n.settings.Type == wire.FileTransactionMAC {
		need = unlock.Master
	}
	if err := a.enter(ctx, card, t.app, need); err != nil {
		return err
	}
	keys, isoFiles, known, err := keysOf(ctx, card)
	if err != nil {
		return err
	}
	risks := inspect.LockOuts(nil, &n.settings)
	if known {
		risks = append(risks, absentKeys(&n.settings, t.app, keys)...)
	}
	if err := a.risky(risks); err != nil {
		return err
	}
	if isoFiles && n.fid == 0 && n.settings.Type != wire.FileValue && n.settings.Type != wire.FileTransactionMAC {
		return advise(withCode(exitRefused, fmt.Errorf("files of %s must have an ISO identifier", t.app.Words())), "Add --iso-id, two bytes in hexadecimal.")
	}
	if err := n.later(card); err != nil {
		return err
	}
	r := a.newFileResult(t, &n.settings)
	if n.fid != 0 {
		r.ISOID = inspect.Hex{byte(n.fid >> 8), byte(n.fid)}
	}
	if n.settings.Type == wire.FileValue {
		r.Value = &n.value
	}
	if a.dryRun {
		if err := a.fileIsNew(ctx, card, t); err != nil {
			return err
		}
	} else {
		if err := a.makeFile(ctx, card, t, n); err != nil {
			return err
		}
		r.Created = true
	}
	if a.json {
		return a.emit(r)
	}
	a.printf("%s file %v of %s\n", a.did("Created", "create"), t.file, a.out.Name.Render(t.app.Words()))
	a.printFile(&r.File)
	return nil
}

// later checks that further sets, which are given to a file when it is there, can
// be given in this session.
func (n *newFile) later(card *desfire.Card) error {
	change := n.settings.Access.Change
	if len(n.settings.Additional) == 0 || change == wire.Free {
		return nil
	}
	if s, ok := card.Session(); ok && wire.Access(s.KeyNo) == change {
		return nil
	}
	return advise(withCode(exitRight, fmt.Errorf("further sets are given after the file was made, which with --change %s this session may not do", inspect.AccessWord(change))),
		"Make it without --also, and give them with desfire file settings, or make it with that key.")
}

func (a *app) makeFile(ctx context.Context, card *desfire.Card, t target, n *newFile) error {
	m := manage(card, masterOf(t.app), "create file %v in %s", t.file, t.app.Words())
	err := card.CreateFile(ctx, n.command(t.file))
	switch {
	case errors.Is(err, wire.StatusDuplicateError):
		return n.duplicate(t, err)
	case errors.Is(err, wire.StatusPermissionDenied) && n.settings.Type == wire.FileTransactionMAC:
		return advise(say(exitRight, err, "cannot %s: has the application a transaction MAC file already? It can have one", m.doing), "desfire app info %v shows it.", t.app)
	case errors.Is(err, wire.StatusLengthError):
		return advise(say(exitRefused, err, "cannot %s: whether files have ISO identifiers was decided when the application was made", m.doing), "Add --iso-id, or leave it out.")
	case err != nil:
		return m.refused(err)
	}
	if len(n.settings.Additional) == 0 {
		return nil
	}
	err = card.ChangeFileSettings(ctx, &wire.ChangeFileSettings{File: t.file, Option: n.settings.Option, Access: n.settings.Access, Additional: n.settings.Additional})
	if err != nil {
		return fmt.Errorf("file %v was made, but it did not get its further sets of rights: %w", t.file, err)
	}
	return nil
}

// duplicate is the error of a file that is there already.
func (n *newFile) duplicate(t target, err error) error {
	text := fmt.Sprintf("%s has a file %v already", t.app.Words(), t.file)
	if n.fid != 0 {
		text += ", or another one with this ISO identifier"
	}
	if err == nil {
		err = errors.New("duplicate")
	}
	return advise(say(exitRefused, err, "%s", text), "desfire file info %v shows it, desfire file delete %v deletes it.", t, t)
}

// fileIsNew checks for --dry-run that a file is not there, where that is told.
func (a *app) fileIsNew(ctx context.Context, card *desfire.Card, t target) error {
	if !card.Generation().Has(wire.FeatureFiles) {
		return nil
	}
	files, err := card.Files(ctx)
	if inspect.Refused(err) {
		return nil
	}
	for _, no := range files {
		if no == t.file {
			return (&newFile{}).duplicate(t, nil)
		}
	}
	return err
}
