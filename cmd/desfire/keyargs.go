package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-desfire/desfire/internal/keyopen"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/keystore/execkey"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// What the verbs about keys read from the command line. None of it is ever
// shown back if it could be a key.

const helpKeySpec = `A key is best given as @FILE or env:NAME: others can see the command line. What
the file or variable holds is des:HEX, 2k3des:HEX, 3k3des:HEX or aes:HEX, and /VV
after the digits for a version, as in aes:00112233445566778899AABBCCDDEEFF/01.`

// maxSpecialKey is the largest number of a key with a special purpose.
const maxSpecialKey = 0x3F

// keyKillsClassic: authenticating with it ends MIFARE Classic access for ever
// (command reference 3.9).
const keyKillsClassic = 0x31

// parseKeyNo reads KEYNO, decimal or with 0x.
func parseKeyNo(cmd *cobra.Command, s string) (wire.KeyNo, error) {
	n, err := parseUint(s, 8)
	if err != nil || n > maxSpecialKey {
		return 0, &usageError{cmd, fmt.Errorf("key number %s: want 0 to %d, or 0x10 and more for keys with special purposes%s", strconv.Quote(keystore.Hide(s)), maxKey, zeroed(err))}
	}
	return wire.KeyNo(n), nil
}

// parseAuthKeyNo is parseKeyNo for a key that is to authenticate.
func parseAuthKeyNo(cmd *cobra.Command, s string) (wire.KeyNo, error) {
	no, err := parseKeyNo(cmd, s)
	if err == nil && no == keyKillsClassic {
		err = &usageError{cmd, errors.New("key number 0x31: authenticating with this key ends MIFARE Classic access for ever, so this tool does not")}
	}
	return no, err
}

// keyPlace reads APP KEYNO of a key that is to authenticate.
func keyPlace(cmd *cobra.Command, args []string) (wire.Place, wire.KeyNo, error) {
	l, err := parsePlace(cmd, args[0])
	if err != nil {
		return l, 0, err
	}
	no, err := parseAuthKeyNo(cmd, args[1])
	return l, no, err
}

// keySpec is a key that a flag names.
type keySpec struct {
	flag, spec string
	key        key.Key
	known      keystore.Facts // of key
	source     string         // of a key from the keyring
}

// ref is how the user named the key, never the digits; empty if he gave them.
func (k *keySpec) ref() string {
	if k.source != "" {
		return k.source
	}
	return keystore.SourceOf(k.spec)
}

// bytes is the key where its bytes are needed: a card is given them, or they are
// printed.
func (k *keySpec) bytes() (key.Exporter, error) {
	e, ok := k.key.(key.Exporter)
	if !ok {
		return nil, withCode(exitImpossible, fmt.Errorf("--%s: the bytes of the key are needed here, and %s does not give them away", k.flag, k.facts()))
	}
	return e, nil
}

// arg is the key as a command line that is shown may have it.
func (k *keySpec) arg() string {
	ref := keystore.SourceOf(k.spec)
	switch {
	case ref == "":
		return "SPEC"
	case strings.ContainsAny(ref, " '\"$&;()<>|*?\\"):
		return "'" + strings.ReplaceAll(ref, "'", `'\''`) + "'"
	}
	return ref
}

// facts of the key, for people and the journal.
func (k *keySpec) facts() keystore.Facts {
	f := keystore.FactsOf(k.key, k.ref())
	f.NoVersion = k.known.NoVersion
	return f
}

// readKeys reads the keys of flags that must be there, and warns if one of them
// is visible.
func (a *app) readKeys(cmd *cobra.Command, keys ...*keySpec) error {
	var missing []string
	for _, k := range keys {
		if k.spec == "" {
			missing = append(missing, "--"+k.flag)
		}
	}
	if len(missing) > 0 {
		return &usageError{cmd, fmt.Errorf("%s missing: a key as @FILE or env:NAME", strings.Join(missing, " and "))}
	}
	open := false
	for _, k := range keys {
		if err := a.getKey(cmd, k); err != nil {
			return err
		}
		open = open || keystore.InTheOpen(k.spec) && k.key.CheckValue() != key.Zero(k.key.Type()).CheckValue()
	}
	if open {
		a.warnVisible()
	}
	return nil
}

// getKey gets the key that a flag names: reads the file or variable, runs the
// program, asks on the terminal.
func (a *app) getKey(cmd *cobra.Command, k *keySpec) error {
	spec, err := keyopen.Providers(a.modules).Parse(k.spec)
	if err != nil {
		return &usageError{cmd, fmt.Errorf("--%s: %w", k.flag, err)}
	}
	ctx := cmd.Context()
	k.key, k.known, err = spec.Get(ctx, &keystore.Config{Exec: execkey.Run, Code: loadAny, Prompt: a.prompter(ctx), Question: "--" + k.flag, Warn: a.warn})
	switch {
	case errors.Is(err, keystore.ErrLocked):
		return fmt.Errorf("--%s: %w", k.flag, err)
	case err != nil && (ctx.Err() != nil || errors.Is(err, errInterrupted)):
		return errInterrupted
	case err != nil:
		return adviseModule(withCode(exitInput, fmt.Errorf("--%s: %w", k.flag, err)))
	}
	return nil
}

// warnVisible warns of a key on the command line.
func (a *app) warnVisible() {
	a.log.Warn("a key on the command line can be seen by other users of this computer, and the shell remembers it: better @FILE or env:NAME")
}

// wantAES is the error of keys that should be AES keys.
func wantAES(keys ...*keySpec) error {
	for _, k := range keys {
		if k.key.Type() != key.TypeAES {
			return withCode(exitInput, fmt.Errorf("--%s is a %v key, and must be an AES key", k.flag, k.key.Type()))
		}
	}
	return nil
}

// careful makes the errors about a command line safe: whatever stands where a
// key should not is not repeated if it looks like one.
func careful(cmd *cobra.Command) *cobra.Command {
	hide := func(cmd *cobra.Command, err error) error {
		if err == nil {
			return nil
		}
		return &usageError{cmd, errors.New(keystore.Hide(err.Error()))}
	}
	args := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error { return hide(cmd, args(cmd, given)) }
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return hide(cmd, flagError(cmd, err)) })
	return cmd
}

// noGlobalKey refuses --key and --auth in a verb that has flags of its own.
func (a *app) noGlobalKey(cmd *cobra.Command, want string) error {
	if a.key != nil {
		return &usageError{cmd, fmt.Errorf("--key does not go with %s: want %s", cmd.CommandPath(), want)}
	}
	return nil
}
