package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// appFlags is what an application is to be like, as flags say it.
type appFlags struct {
	keyType, isoID, dfName                   string
	keyCount, keySets, keySetSize, rollKey   int
	list, create, changeSettings, changeKeys string
	frozen, isoFiles, ownDelete              bool
}

const helpAppFlags = `Settings say who may do what later: --list, --create and --change-settings are
of the master key (key 0) or of everybody; --change-keys says with which key the
others are changed: master, same (each with itself), never, or a key number.
--change-settings never and --master-frozen can never be undone.`

func (s *appFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.keyType, "key-type", "aes", "`TYPE` of all its keys: des, 3k3des or aes")
	f.IntVar(&s.keyCount, "key-count", 1, "`NUMBER` of keys, 1 to 14; key 0 is the master key")
	f.StringVar(&s.isoID, "iso-id", "", "ISO 7816 file identifier, two bytes in `HEX`")
	f.StringVar(&s.dfName, "df-name", "", "DF `NAME` to select it by, up to 16 bytes: hexadecimal, or text; text: or hex: before it decides")
	f.StringVar(&s.list, "list", "free", "`WHO` lists files and settings: free or master")
	f.StringVar(&s.create, "create", "master", "`WHO` makes and deletes files: free or master")
	f.StringVar(&s.changeSettings, "change-settings", "master", "`WHO` changes these settings: master or never")
	f.StringVar(&s.changeKeys, "change-keys", "master", "`KEY` that changes the other keys: master, same, never or a number")
	f.BoolVar(&s.frozen, "master-frozen", false, "the master key can never be changed")
	f.BoolVar(&s.isoFiles, "iso-files", false, "its files have ISO identifiers")
	f.IntVar(&s.keySets, "key-sets", 0, "`NUMBER` of key sets, 2 to 16 (EV2, EV3)")
	f.IntVar(&s.keySetSize, "key-set-size", 0, "`BYTES` of the longest key of any set, 16 or 24")
	f.IntVar(&s.rollKey, "roll-key", 0, "`NUMBER` of the key that rolls key sets")
	f.BoolVar(&s.ownDelete, "own-delete", false, "its master key may delete it, whatever the card says (EV3)")
	for flag, values := range map[string][]string{
		"key-type": {"aes", "des", "3k3des"}, "list": inspect.SettingValues(inspect.SettingList, false), "create": inspect.SettingValues(inspect.SettingCreate, false),
		"change-settings": inspect.SettingValues(inspect.SettingChangeSettings, false), "change-keys": {"master", "same", "never"}, "key-set-size": {"16", "24"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// command is the command that makes it.
func (s *appFlags) command(cmd *cobra.Command, aid wire.AID) (*wire.CreateApplication, error) {
	usage := func(format string, args ...any) error { return &usageError{cmd, fmt.Errorf(format, args...)} }
	c := &wire.CreateApplication{AID: aid}
	typ, err := wire.ParseKeyType(s.keyType)
	if err != nil {
		return nil, usage("--key-type %q: want des, 3k3des or aes", s.keyType)
	}
	if s.keyCount < 0 || s.keyCount > wire.MaxKeys {
		return nil, usage("--key-count %d: want 1 to %d, or 0 for an application that everybody may use", s.keyCount, wire.MaxKeys)
	}
	c.KS2 = wire.NewKeySett2(typ, s.keyCount)
	for name, value := range map[inspect.Setting]string{
		inspect.SettingList: s.list, inspect.SettingCreate: s.create, inspect.SettingChangeSettings: s.changeSettings, inspect.SettingChangeKeys: s.changeKeys,
	} {
		if err := inspect.Set(&c.KS1, name, value, false); err != nil {
			return nil, usage("--%w", err)
		}
	}
	if !s.frozen {
		c.KS1 |= wire.SettMasterChangeable
	}
	if k := c.KS1.ChangeKey(); k != wire.Free && k != wire.Never && int(k) >= max(s.keyCount, 1) {
		return nil, usage("--change-keys %d: the application has no such key, it has %d", k, s.keyCount)
	}
	if c.FID, c.DFName, err = s.names(); err != nil {
		return nil, &usageError{cmd, err}
	}
	if s.isoFiles {
		c.KS2 |= wire.SettISOFiles
	}
	if s.ownDelete {
		c.KS3 |= wire.SettMasterDelete
	}
	if s.keySets == 0 {
		if cmd.Flags().Changed("key-set-size") || cmd.Flags().Changed("roll-key") {
			return nil, usage("--key-set-size and --roll-key go with --key-sets")
		}
		return c, nil
	}
	c.KS3 |= wire.SettKeySets
	size := s.keySetSize
	if size == 0 {
		size = 16
		if typ == wire.Key3K3DES {
			size = 24
		}
	}
	switch {
	case s.keySets < 2 || s.keySets > 16:
		return nil, usage("--key-sets %d: want 2 to 16, with the one that is in use", s.keySets)
	case size != 16 && size != 24:
		return nil, usage("--key-set-size %d: want 16 or 24", size)
	case size == 16 && typ == wire.Key3K3DES:
		return nil, usage("--key-set-size 16: a 3K3DES key has 24 bytes")
	case s.rollKey < 0 || s.rollKey > 7 || s.rollKey >= s.keyCount:
		return nil, usage("--roll-key %d: want one of the keys, and 7 at most", s.rollKey)
	}
	c.KeySetConfig = wire.KeySetConfig{NoKeySets: uint8(s.keySets), MaxKeySize: uint8(size), AppKeySetSett: uint8(s.rollKey)}
	return c, nil
}

// names reads --iso-id and --df-name.
func (s *appFlags) names() (fid wire.ISOFID, name []byte, err error) {
	if fid, err = parseISOID(s.isoID); err != nil {
		return 0, nil, err
	}
	switch {
	case s.dfName == "":
		return fid, nil, nil
	case fid == 0:
		return 0, nil, errors.New("--df-name goes with --iso-id: cards take both or the identifier alone")
	}
	if text, ok := strings.CutPrefix(s.dfName, "text:"); ok {
		name = []byte(text)
	} else {
		digits, isHex := strings.CutPrefix(s.dfName, "hex:")
		name, err = hex.DecodeString(digits)
		switch {
		case err != nil && isHex:
			return 0, nil, fmt.Errorf("--df-name %q: not hexadecimal", s.dfName)
		case err != nil:
			name = []byte(s.dfName)
		}
	}
	if len(name) == 0 || len(name) > wire.MaxDFName {
		return 0, nil, fmt.Errorf("--df-name %q has %d bytes: want 1 to %d", s.dfName, len(name), wire.MaxDFName)
	}
	return fid, name, nil
}

// parseISOID reads --iso-id, 0 for none.
func parseISOID(s string) (wire.ISOFID, error) {
	if s == "" {
		return 0, nil
	}
	b, err := parseHex(s)
	if err != nil || len(b) != 2 {
		return 0, fmt.Errorf("--iso-id %q: want two bytes in hexadecimal, such as DF01", s)
	}
	id := wire.ISOFID(b[0])<<8 | wire.ISOFID(b[1])
	if id == 0 || id == 0x3F00 || id == 0x3FFF || id == 0xFFFF { // command reference 7.2
		return 0, fmt.Errorf("--iso-id %v is reserved: want another", id)
	}
	return id, nil
}

// possible tells whether a card of this generation can have such an application.
func possible(card *desfire.Card, ks2 wire.KeySett2, ks3 wire.KeySett3, fid wire.ISOFID) error {
	g := card.Generation()
	switch {
	case ks2.KeyType() != wire.KeyDES && !g.Has(wire.FeatureEV1Auth):
		return advise(lacks(card, ks2.KeyType().String()+" keys"), "Say --key-type des.")
	case (fid != 0 || ks2.Has(wire.SettISOFiles)) && !g.Has(wire.FeatureISOFiles):
		return lacks(card, "ISO identifiers")
	case ks3.Has(wire.SettKeySets) && !g.Has(wire.FeatureKeySets):
		return lacks(card, "key sets: they came with EV2")
	case ks3.Has(wire.SettMasterDelete) && g != wire.EV3 && g != wire.UnknownGeneration:
		return lacks(card, "such setting: --own-delete came with EV3")
	}
	return nil
}

// described is the application that will be, as inspect would find it.
func described(c *wire.CreateApplication) inspect.Application {
	app := inspect.NewApplication(wire.Place{AID: c.AID})
	app.KeySettings = inspect.NewKeySettings(&wire.KeySettings{KS1: c.KS1, KS2: c.KS2, KeySetConfig: c.KeySetConfig, HasKeySets: c.KS3.Has(wire.SettKeySets)}, false)
	app.KeySettings.Raw = nil
	if c.FID != 0 {
		app.ISOID = inspect.Hex{byte(c.FID >> 8), byte(c.FID)}
	}
	app.DFName = c.DFName
	return app
}
