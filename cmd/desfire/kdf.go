package main

import (
	"crypto/aes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/an10922"
	"github.com/go-desfire/desfire/cmd/desfire/internal/screen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) kdfCommand() *cobra.Command {
	var k kdf
	cmd := &cobra.Command{
		Use:   "kdf --key KEY --uid HEX",
		Short: "Derive a card's key from a master key (AN10922)",
		Long: `Derive a card's key from a master key, as NXP's AN10922 says. The input is --uid,
--aid and --system-id one after the other, the AID with its most significant byte
first, or --data. It is 1 to 31 bytes for AES, 1 to 15 for 2K3DES and 3K3DES.

It prints type, version and check value of the key, and the key itself only with
--reveal. --out writes it into a new file, readable by its owner only, that @FILE
reads. No card is needed.

Cards tell the versions of their keys, so give each key of a place its own:
without --version it is that of the master key, which is 00 unless /VV says
otherwise.

` + helpKeySpec + `
With --type aes192, which only SAMs use, the master key is aes192:HEX,
aes192:@FILE or aes192:env:NAME.`,
		Args: wants(),
		Example: `  desfire kdf --key @master.key --uid 04782E21801D80 --aid 3042F5 \
    --system-id "NXP Abu"
  desfire kdf --key env:MASTER --data 04782E21801D803042F5 --version 01 \
    --out card.key`,
		RunE: func(cmd *cobra.Command, _ []string) error { return k.run(a, cmd) },
	}
	f := cmd.Flags()
	// Its own --key: AES-192 keys are no card keys.
	f.StringVar(&k.master.spec, "key", "", "the master `KEY`, as @FILE or env:NAME")
	f.StringVar(&k.uid, "uid", "", "the card's UID in `HEX`, 4, 7 or 10 bytes")
	f.StringVar(&k.aid, "aid", "", "the application, six `HEX` digits")
	f.StringVar(&k.system, "system-id", "", "identifier of the system: `TEXT`, or bytes if it is hexadecimal; text: or hex: before it decides")
	f.StringVar(&k.data, "data", "", "the whole input in `HEX`, instead")
	f.StringVar(&k.typ, "type", "", "check that the master key is of this `TYPE`: "+strings.Join(kdfTypes, ", "))
	f.StringVar(&k.version, "version", "", "version of the derived key, one byte in `HEX`")
	f.BoolVar(&k.reveal, "reveal", false, "print the key itself")
	f.StringVar(&k.out, "out", "", "write the key into a new `FILE`")
	_ = cmd.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(kdfTypes, cobra.ShellCompDirectiveNoFileComp))
	return careful(cmd)
}

const aes192 = "aes192"

var kdfTypes = []string{"aes128", aes192, "2k3des", "3k3des"}

// kdf is one derivation.
type kdf struct {
	master                           keySpec
	uid, aid, system, data, typ, out string
	version                          string
	reveal                           bool
}

// kdfResult is what kdf prints with --json.
type kdfResult struct {
	Type    string   `json:"type"`
	Version *byte    `json:"version"` // null for AES-192
	Check   string   `json:"check"`
	Input   hexBytes `json:"input"`
	File    string   `json:"file,omitempty"`
	Key     string   `json:"key,omitempty"` // with --reveal, as --key takes it
}

func (k *kdf) run(a *app, cmd *cobra.Command) error {
	usage := func(err error) error { return &usageError{cmd, errors.New(keystore.Hide(err.Error()))} }
	input, err := k.input(cmd)
	if err != nil {
		return usage(err)
	}
	if k.typ != "" && !slices.Contains(kdfTypes, strings.ToLower(k.typ)) {
		return usage(fmt.Errorf("--type %q: want %s", keystore.Hide(k.typ), strings.Join(kdfTypes, ", ")))
	}
	k.master.flag = "key"
	derive := k.derive
	if strings.EqualFold(k.typ, aes192) {
		derive = k.derive192
	}
	r, spec, err := derive(a, cmd, input)
	if err != nil {
		return err
	}
	if k.out != "" {
		if err := writeNewFile(k.out, []byte(spec+"\n")); err != nil {
			return err
		}
		r.File = k.out
	}
	if k.reveal {
		a.log.Warn("this is a secret key: whoever sees the screen or the output has it")
		r.Key = spec
	}
	if a.json {
		return a.emit(r)
	}
	k.print(a, r)
	return nil
}

// derive makes the key of a card.
func (k *kdf) derive(a *app, cmd *cobra.Command, input []byte) (*kdfResult, string, error) {
	if err := a.readKeys(cmd, &k.master); err != nil {
		return nil, "", err
	}
	master := k.master.key
	have := map[key.Type]string{key.TypeAES: "aes128", key.Type3K3DES: "3k3des"}[master.Type()]
	if have == "" {
		have = "2k3des"
	}
	if k.typ != "" && !strings.EqualFold(k.typ, have) {
		return nil, "", &usageError{cmd, fmt.Errorf("--type %s: the master key is of type %v, which gives %s", k.typ, master.Type(), have)}
	}
	derived, err := an10922.Key(cmd.Context(), master, input)
	if err != nil {
		return nil, "", &usageError{cmd, fmt.Errorf("%w for a %v key", err, master.Type())}
	}
	if k.version != "" {
		v, err := parseVersion(k.version)
		if err != nil {
			return nil, "", &usageError{cmd, err}
		}
		derived = derived.WithVersion(v)
	}
	version := derived.Version()
	spec := fmt.Sprintf("%s:%X/%02X", strings.ToLower(derived.Type().String()), derived.Export(), version)
	return &kdfResult{Type: derived.Type().String(), Version: &version, Check: derived.CheckValue().String(), Input: input}, spec, nil
}

// derive192 makes an AES-192 key, which no card has and package key does not
// know: a master key of its length is read as 3K3DES.
func (k *kdf) derive192(a *app, cmd *cobra.Command, input []byte) (*kdfResult, string, error) {
	if k.version != "" {
		return nil, "", &usageError{cmd, errors.New("--version does not go with --type aes192: no card has such keys")}
	}
	rest, ok := cutPrefixFold(strings.TrimSpace(k.master.spec), aes192+":")
	if !ok {
		return nil, "", &usageError{cmd, errors.New("--key: want aes192:HEX, aes192:@FILE or aes192:env:NAME with --type aes192")}
	}
	master, err := untilEnd(cmd.Context(), func() (*key.Secret, error) { return key.Parse("3k3des:" + rest) })
	if errors.Is(err, errInterrupted) {
		return nil, "", err
	}
	if err != nil {
		return nil, "", &usageError{cmd, fmt.Errorf("--key: %s", strings.ReplaceAll(err.Error(), "3K3DES", "AES-192"))}
	}
	if keystore.InTheOpen("aes:" + rest) {
		a.warnVisible()
	}
	derived, err := an10922.AES192(master.Export(), input)
	if err != nil {
		return nil, "", &usageError{cmd, err}
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, "", err
	}
	var check [aes.BlockSize]byte
	block.Encrypt(check[:], check[:])
	return &kdfResult{Type: "AES-192", Check: fmt.Sprintf("%X", check[:3]), Input: input}, fmt.Sprintf("%s:%X", aes192, derived), nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// input is what the key is derived from.
func (k *kdf) input(cmd *cobra.Command) ([]byte, error) {
	f := cmd.Flags()
	parts := f.Changed("uid") || f.Changed("aid") || f.Changed("system-id")
	switch {
	case f.Changed("data") && parts:
		return nil, errors.New("--data is the whole input: it does not go with --uid, --aid and --system-id")
	case f.Changed("data"):
		b, err := parseHex(k.data)
		if err != nil {
			return nil, fmt.Errorf("--data: %w", err)
		}
		return b, nil
	case !f.Changed("uid"):
		return nil, errors.New("--uid missing: want --uid, and --aid and --system-id as your system has them, or --data")
	}
	input, err := parseHex(k.uid)
	if n := len(input); err != nil || n != 4 && n != 7 && n != 10 {
		return nil, fmt.Errorf("--uid %q: want 4, 7 or 10 bytes in hexadecimal, for example 04112233445566", keystore.Hide(k.uid))
	}
	if f.Changed("aid") {
		aid, err := wire.ParseAID(k.aid)
		if err != nil {
			return nil, fmt.Errorf("--aid: %w", err)
		}
		input = an10922.Input(input, aid, "")
	}
	return append(input, an10922.System(k.system)...), nil
}

func (k *kdf) print(a *app, r *kdfResult) {
	p := a.out
	row := func(name string, text any) { a.printf("%s%s%s\n", p.Dim.Render(name), screen.Pad(name, 9), text) }
	row("type", r.Type)
	if r.Version != nil {
		row("version", p.Number.Render(fmt.Sprintf("%02X", *r.Version)))
	}
	row("check", p.Number.Render(r.Check))
	row("input", fmt.Sprintf("%X", []byte(r.Input)))
	if r.File != "" {
		row("file", p.Name.Render(r.File))
	}
	if r.Key != "" {
		row("key", p.Warn.Render(r.Key))
	}
}
